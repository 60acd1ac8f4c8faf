"""Whether the sub-ledgers of a copy tie to its ledger: open items by posting date, against the control accounts.

The items are those of the views `ap_open_items` and `ar_open_items`, at the end of a day. A control account is one that
the lines of documents name (OFFSETGLACCOUNTNO), or vendors, customers or account labels. Balances are compared by
entity and account. If a document has lines of several control accounts, its entity's accounts are taken together.

A difference is explained by the lines of the ledger that belong to no open item: direct journal entries,
revaluations (which change the base currency's amount only), documents of other kinds such as advances and expense
reports, and retainage. What is left is unexplained; the documents that the ledger shows with another amount are named.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from intacct_bridge.copies.copy import OpenCopy
from intacct_bridge.copies.views.open_views import make_open_views
from intacct_protocol.model.sql_text import literal, quoted
from intacct_protocol.model.wording import money

ZERO = Decimal(0)
MOST_LINES = 100
"""Lines of the ledger, or documents, that are named for one cause."""
JOURNAL, REVALUATION, ADVANCE, OTHER, RETAINAGE = (
    "direct journal entries",
    "revaluation",
    "advances",
    "other documents",
    "retainage",
)
_FIELD = "OFFSETGLACCOUNTNO"


@dataclass(frozen=True, slots=True)
class _Side:
    name: str
    sign: int
    """Of the ledger's balance, so that what is owed is positive."""
    documents: tuple[str, ...]
    """The kinds of documents that have open items."""
    payments: tuple[str, ...]
    headers: tuple[str, ...]
    """The objects of the documents."""
    masters: tuple[str, ...]
    """The objects that name control accounts."""


_SIDES = (
    _Side(
        "payables",
        -1,
        ("bill", "payables adjustment"),
        ("payment",),
        ("APBILL", "APADJUSTMENT"),
        ("VENDOR", "APACCOUNTLABEL"),
    ),
    _Side(
        "receivables",
        1,
        ("invoice", "receivables adjustment"),
        ("receipt",),
        ("ARINVOICE", "ARADJUSTMENT"),
        ("CUSTOMER", "ARACCOUNTLABEL"),
    ),
)
_PREFIX = {"payables": "ap", "receivables": "ar"}


@dataclass(frozen=True, slots=True)
class TieOutLine:
    """A line of the ledger, or a document, that explains a part of a difference."""

    day: date | None
    name: str
    amount: Decimal

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"date": self.day, "name": self.name, "amount": money(self.amount)}


@dataclass(frozen=True, slots=True)
class TieOutCause:
    """One cause of a difference."""

    cause: str
    amount: Decimal
    count: int
    lines: tuple[TieOutLine, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        lines = [line.to_dict() for line in self.lines]
        return {"cause": self.cause, "amount": money(self.amount), "count": self.count, "lines": lines}


@dataclass(frozen=True, slots=True)
class ControlAccount:
    """The control accounts of one entity, against its open items; what is owed is positive."""

    side: str
    entity: str
    accounts: tuple[str, ...]
    currency: str
    open_items: Decimal
    ledger: Decimal
    causes: tuple[TieOutCause, ...] = ()
    suspects: tuple[TieOutLine, ...] = ()
    """Documents that the ledger shows with another amount, or not at all: the ledger's amount less the document's."""

    @property
    def difference(self) -> Decimal:
        """How much more the ledger shows."""
        return self.ledger - self.open_items

    @property
    def unexplained(self) -> Decimal:
        """The part of the difference without a cause."""
        return self.difference - sum((one.amount for one in self.causes), ZERO)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "sub_ledger": self.side,
            "entity": self.entity,
            "accounts": list(self.accounts),
            "currency": self.currency,
            "open_items": money(self.open_items),
            "ledger": money(self.ledger),
            "difference": money(self.difference),
            "unexplained": money(self.unexplained),
            "causes": [cause.to_dict() for cause in self.causes],
            "documents_that_differ": [line.to_dict() for line in self.suspects],
        }


@dataclass(frozen=True, slots=True)
class TieOut:
    """The control accounts at the end of a day."""

    day: date
    controls: tuple[ControlAccount, ...]
    not_compared: tuple[str, ...] = ()
    """Why sub-ledgers were not compared."""

    @property
    def ties(self) -> bool:
        """Whether nothing is unexplained."""
        return all(not one.unexplained for one in self.controls)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "day": self.day,
            "ties": self.ties,
            "not_compared": list(self.not_compared),
            "control_accounts": [account.to_dict() for account in self.controls],
        }


def tie_out(copy: OpenCopy, day: date) -> TieOut:
    """Compare the sub-ledgers of a copy with its ledger at the end of a day."""
    import duckdb

    views = [f"{one}_{what}" for one in _PREFIX.values() for what in ("open_items", "documents")]
    controls: list[ControlAccount] = []
    left = []
    try:
        lacking = make_open_views(copy, ["general_ledger", *views])
        for side in _SIDES:
            reason = lacking.get("general_ledger") or lacking.get(f"{_PREFIX[side.name]}_open_items")
            if reason:
                left.append(f"{side.name}: {reason}")
            else:
                controls += _SubLedger(copy, side, day).controls()
    except duckdb.Error as error:  # a column that was changed by hand
        return TieOut(day, (), (f"the copy's tables cannot be read as documents: {str(error).splitlines()[0]}",))
    return TieOut(day, tuple(controls), tuple(left))


Place = tuple[str, str]
"""An entity and its base currency."""


class _SubLedger:
    """One sub-ledger at the end of a day."""

    def __init__(self, copy: OpenCopy, side: _Side, day: date) -> None:
        self._copy = copy
        self._side = side
        self._day = f"DATE '{day}'"
        prefix = _PREFIX[side.name]
        self._documents = f"memory.reporting.{prefix}_documents"
        self._items = f"memory.reporting.{prefix}_open_items({self._day})"
        self._make_lines()

    def _make_lines(self) -> None:
        """The lines on control accounts in the main book up to the day, with the sign of what is owed."""
        accounts = self._control_accounts()
        listed = ", ".join(map(literal, accounts)) or "''"
        books = [book for (book,) in self._copy.rows("SELECT DISTINCT book FROM memory.reporting.general_ledger")]
        main = "ACCRUAL" if "ACCRUAL" in books or not books else min(books)
        self._copy.execute(
            "CREATE OR REPLACE TEMP TABLE tied_lines AS SELECT entity_id, base_currency, account_no, posting_date, "
            f"journal, entry_no, memo, document_type, document_no, party_id, amount * {self._side.sign} AS amount, "
            "coalesce(transaction_amount, 0) AS transaction_amount FROM memory.reporting.general_ledger "
            f"WHERE account_no IN ({listed}) AND book = {literal(main)} AND posting_date <= {self._day}"
        )

    def _control_accounts(self) -> list[str]:
        queries = [f"SELECT control_account FROM {self._documents}"]
        for name in self._side.masters:
            table = next((one for one in self._copy.tables.values() if one.name.upper() == name), None)
            column = next((one for one in table.column_names if one.upper() == _FIELD), "") if table else ""
            if table and column:
                queries.append(f"SELECT {quoted(column)} FROM {self._copy.relation(table.name)}")
        accounts = self._copy.rows(f"SELECT DISTINCT * FROM ({' UNION ALL '.join(queries)}) ORDER BY 1")
        return [account for (account,) in accounts if account]

    def controls(self) -> Iterator[ControlAccount]:
        """The control accounts, by entity."""
        items = self._sums(f"SELECT entity_id, base_currency, control_account, sum(open_base) FROM {self._items}")
        ledger = self._sums("SELECT entity_id, base_currency, account_no, sum(amount) FROM tied_lines")
        joined = {key[:2] for key in items if not key[2]}  # an item of several accounts
        keys = {(*key[:2], "" if key[:2] in joined else key[2]) for key in {*items, *ledger}}
        for entity, currency, account in sorted(keys):
            place = (entity, currency)
            accounts = (
                {key[2] for key in {*items, *ledger} if key[:2] == place and key[2]} if not account else {account}
            )
            owed = sum((items.get((*place, one), ZERO) for one in {*accounts, account}), ZERO)
            posted = sum((ledger.get((*place, one), ZERO) for one in accounts), ZERO)
            causes = tuple(self._causes(place, accounts)) if owed != posted else ()
            control = ControlAccount(self._side.name, entity, tuple(sorted(accounts)), currency, owed, posted, causes)
            if control.unexplained:
                suspects = tuple(self._suspects(place, accounts))
                control = ControlAccount(
                    self._side.name, entity, tuple(sorted(accounts)), currency, owed, posted, causes, suspects
                )
            if owed or posted:
                yield control

    def _sums(self, sql: str) -> dict[tuple[str, str, str], Decimal]:
        return {(row[0], row[1], row[2]): row[3] for row in self._copy.rows(f"{sql} GROUP BY 1, 2, 3")}

    # --- causes

    def _causes(self, place: Place, accounts: Collection[str]) -> Iterator[TieOutCause]:
        document_types = ", ".join(map(literal, (*self._side.documents, *self._side.payments)))
        expected = f"SELECT DISTINCT document_type FROM {self._documents}"
        cause = (
            "CASE WHEN document_type <> '' AND (document_type IN ("
            + document_types
            + f") OR document_type IN ({expected})) "
            f"THEN '' WHEN document_type LIKE '%advance%' THEN {literal(ADVANCE)} "
            f"WHEN document_type <> '' THEN {literal(OTHER)} "
            f"WHEN transaction_amount = 0 AND amount <> 0 THEN {literal(REVALUATION)} ELSE {literal(JOURNAL)} END"
        )
        sql = (
            f"SELECT {cause} AS cause, posting_date, concat_ws(' ', journal, entry_no, nullif(document_type, ''), "
            f"nullif(document_no, ''), memo) AS name, amount FROM tied_lines WHERE {_at(place, accounts)}"
        )
        yield from self._grouped(f"SELECT * FROM ({sql}) WHERE cause <> ''")
        yield from self._retainage(place, accounts)

    def _grouped(self, sql: str) -> Iterator[TieOutCause]:
        """Causes of rows with a cause, a day, a name and an amount; those that add up to nothing explain nothing."""
        grouped = f"SELECT cause, sum(amount), count(*) FROM ({sql}) GROUP BY 1 HAVING sum(amount) <> 0 ORDER BY 1"
        totals = self._copy.rows(grouped)
        for cause, amount, count in totals:
            rows = self._copy.rows(
                f"SELECT posting_date, name, amount FROM ({sql}) WHERE cause = ? ORDER BY 1, 2, 3 LIMIT {MOST_LINES}",
                cause,
            )
            yield TieOutCause(cause, amount, count, tuple(TieOutLine(*row) for row in rows))

    def _retainage(self, place: Place, accounts: Collection[str]) -> Iterator[TieOutCause]:
        """Documents that the ledger shows without exactly what they retain, which is on another account."""
        for name in self._side.headers:
            table = next((one for one in self._copy.tables.values() if one.name.upper() == name), None)
            columns = {one.upper(): quoted(one) for one in table.column_names} if table else {}
            if table is None or not {"TOTALRETAINED", "RECORDNO"} <= set(columns):
                continue
            key, total = columns["RECORDNO"], columns["TOTALRETAINED"]
            retained = (
                f"SELECT CAST({key} AS VARCHAR) AS document_key, {total} AS retained "
                f"FROM {self._copy.relation(table.name)} WHERE {total} <> 0"
            )
            sql = (
                f"SELECT {literal(RETAINAGE)} AS cause, x.posting_date, x.name, x.difference AS amount "
                f"FROM ({self._documents_against_ledger(place, accounts)}) AS x JOIN ({retained}) AS r "
                "ON r.document_key = x.document_key WHERE x.difference = -r.retained"
            )
            yield from self._grouped(sql)

    # --- what is unexplained

    def _suspects(self, place: Place, accounts: Collection[str]) -> Iterator[TieOutLine]:
        """The documents that the ledger shows with another amount, and those that only one side has."""
        sql = self._documents_against_ledger(place, accounts)
        rows: Sequence[tuple[Any, ...]] = self._copy.rows(
            f"SELECT posting_date, name, difference FROM ({sql}) ORDER BY abs(difference) DESC, 2 LIMIT {MOST_LINES}"
        )
        for row in rows:
            yield TieOutLine(*row)

    def _documents_against_ledger(self, place: Place, accounts: Collection[str]) -> str:
        """The documents whose postings differ from their amounts, by kind, number and party."""
        kinds = ", ".join(map(literal, self._side.documents))
        entity, currency = map(literal, place)
        day = self._day
        held = (
            "SELECT document_type, document_no, party_id, min(posting_date) AS posting_date, "
            "min(document_key) AS document_key, sum(entered_base * (CASE WHEN posting_date <= "
            f"{day} THEN 1 ELSE 0 END - CASE WHEN reversed_on <= {day} THEN 1 ELSE 0 END)) AS amount "
            f"FROM {self._documents} WHERE entity_id = {entity} AND base_currency = {currency} "
            f"AND document_type IN ({kinds}) GROUP BY 1, 2, 3"
        )
        posted = (
            "SELECT document_type, document_no, party_id, min(posting_date) AS posting_date, sum(amount) AS amount "
            f"FROM tied_lines WHERE {_at(place, accounts)} AND document_type IN ({kinds}) GROUP BY 1, 2, 3"
        )
        return (
            "SELECT coalesce(h.posting_date, p.posting_date) AS posting_date, h.document_key, "
            "concat_ws(' ', coalesce(h.document_type, p.document_type), coalesce(h.document_no, p.document_no), "
            "'of', coalesce(h.party_id, p.party_id)) AS name, "
            "coalesce(p.amount, 0) - coalesce(h.amount, 0) AS difference "
            f"FROM ({held}) AS h FULL JOIN ({posted}) AS p USING (document_type, document_no, party_id) "
            "WHERE coalesce(p.amount, 0) <> coalesce(h.amount, 0)"
        )


def _at(place: Place, accounts: Collection[str]) -> str:
    entity, currency = map(literal, place)
    listed = ", ".join(map(literal, sorted(accounts))) or "''"
    return f"entity_id = {entity} AND base_currency = {currency} AND account_no IN ({listed})"
