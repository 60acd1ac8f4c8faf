"""The posting function: the only way into the ledger, for journal entries and for the documents of every sub-ledger.

`validate` holds the rules that every posting keeps, one check each. `post` validates and writes: GLBATCH, GLENTRY,
GLDETAIL and the ledger. `withdraw` removes a batch, and `relabel` changes cells that move no amount. A bulk load
(`seeding`) is the one exception: it keeps rows as they are. The demo company builds its rows with `posting_rows` and
is loaded in bulk; a test passes all its postings through `validate`.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.ledger.amounts import too_large
from intacct_emulator.ledger.chart import directory
from intacct_emulator.ledger.dimensions import DIMENSIONS, WITHIN, Named, user_defined, within_parent
from intacct_emulator.ledger.ledger import Ledger, books_known, detail_key, ledger_line
from intacct_emulator.ledger.periods import OpenPeriods, day_of, open_periods
from intacct_emulator.ledger.posting import ACCRUAL, Posting, PostingLine, Role, check_balance
from intacct_emulator.ledger.posting_rows import (
    EXPENSES,
    ORDERS,
    PAYABLES,
    PURCHASING,
    RECEIVABLES,
    Batch,
    Directory,
    batch_rows,
    line_of,
)
from intacct_emulator.records.references import REFERENCES, invalid_reference
from intacct_emulator.settings.cells import Row, is_too_large, text_of
from intacct_emulator.settings.refusals import refused

_HEADER = ("GLBATCH", "RECORDNO")
_LINES = (("GLENTRY", "BATCHNO"), ("GLDETAIL", "BATCHKEY"))
"""The rows below a batch, and the field that names the batch."""


@dataclass(frozen=True, slots=True)
class PostingPolicy:
    """The limits of a company's postings: known names, kept books, open periods and dimensions."""

    directory: Directory
    books: tuple[str, ...]
    """The books that it keeps."""
    open_periods: OpenPeriods
    dimensions: tuple[str, ...] = ()
    """Its user-defined dimensions."""


def posting_policy(company: CompanyData) -> PostingPolicy:
    """The policy of a company as it is now."""
    return PostingPolicy(directory(company), books_known(company), open_periods(company), user_defined(company.catalog))


# --- validate


def validate(posting: Posting, batch: Batch, policy: PostingPolicy) -> None:
    """Refuse a posting that breaks a rule of the ledger, with a message that says which."""
    for check in _CHECKS:
        check(posting, batch, policy)


_CONTROL = {PAYABLES: "payables", PURCHASING: "payables", RECEIVABLES: "receivables", ORDERS: "receivables"}
_CONTROL |= {EXPENSES: "employee payables"}
_ADDED = {
    Role.ROUNDING: "rounding",
    Role.EXCHANGE: "exchange gain and loss",
    Role.UNREALISED: "unrealised exchange gain and loss",
    Role.ENTITY: "amounts between entities",
}


def _accounts_set_up(posting: Posting, batch: Batch, policy: PostingPolicy) -> None:
    for line in posting.lines:
        if line.account:
            continue
        place = policy.directory.rules.entity_of.get(line.location, "")
        entity = f" in entity {place}" if line.role is Role.ENTITY and place else ""
        purpose = _CONTROL.get(batch.module, "") if line.role is Role.CONTROL else _ADDED.get(line.role, "")
        if purpose:
            raise refused(
                f"The account for {purpose}{entity} is not set up.",
                correction=f"Set up the company's account for {purpose}.",
                field="ACCOUNTNO",
            )
        raise refused(
            "The bank, card or item of this transaction has no ledger account.",
            correction="Give it an account, or name the account.",
            field="ACCOUNTNO",
        )


def _period_open(posting: Posting, batch: Batch, policy: PostingPolicy) -> None:
    entity_of = policy.directory.rules.entity_of
    entities = {entity_of.get(line.location, "") for line in posting.lines}
    entities |= {batch.entity} if batch.entity else set()
    policy.open_periods.check(batch.date, entities, batch.module)


def _books_kept(posting: Posting, batch: Batch, policy: PostingPolicy) -> None:
    for book in batch.books or (posting.book,):
        if book not in policy.books:
            raise refused(f"The company does not keep the book '{book}'.", correction="Provide one of its books.")


def _names_known(posting: Posting, _batch: Batch, policy: PostingPolicy) -> None:
    names = policy.directory
    for line in posting.lines:
        _check_known("ACCOUNTNO", line.account, names.accounts)
        _check_known("LOCATIONID", line.location, names.locations)
        if line.department:
            _check_known("DEPARTMENTID", line.department, names.departments)


def _dimensions_known(posting: Posting, _batch: Batch, policy: PostingPolicy) -> None:
    fields = {one.name: one.id_field for one in DIMENSIONS}
    for line in posting.lines:
        for name, text in line.dimensions.items():
            if name in fields:
                _check_within(name, line)
                if within_parent(name, line.dimensions) not in policy.directory.dimensions[name]:
                    raise invalid_reference(REFERENCES[fields[name]], text, "", field=fields[name])
            elif name not in policy.dimensions:
                raise refused(f"{name} is not a dimension of this company.", field=name)


def _check_within(name: str, line: PostingLine) -> None:
    """Refuse a task without its project, and a cost type without its task."""
    within = WITHIN.get(name)
    if within and not line.dimensions.get(within):
        raise refused(
            f"{name}ID {line.dimensions[name]} is given without {within}ID.",
            correction=f"Provide {within}ID.",
            field=f"{within}ID",
        )


def _check_known(field: str, text: str, directory: Named) -> None:
    if text not in directory:
        raise invalid_reference(REFERENCES[field], text, "", field=field)


def _within_limit(posting: Posting, _batch: Batch, _policy: PostingPolicy) -> None:
    """The ledger adds up whole ten-thousandths in integers of 64 bits."""
    for line in posting.lines:
        for value in (line.amount, line.trx_amount):
            if is_too_large(value):
                raise too_large(value)


def _in_cents(posting: Posting, _batch: Batch, policy: PostingPolicy) -> None:
    rules = policy.directory.rules
    for line in posting.lines:
        for value, currency in ((line.amount, rules.base_of(line.location)), (line.trx_amount, line.currency)):
            if value % rules.rounding.unit(currency):
                raise refused(f"The amount {value} of account {line.account} has more digits than its currency.")


def _balanced(posting: Posting, batch: Batch, policy: PostingPolicy) -> None:
    """Each entity balances in base currency; in accrual also in the transaction's, if there is only one."""
    if batch.statistical:
        return
    rules = policy.directory.rules
    by_entity: dict[str, list[PostingLine]] = {}
    for line in posting.lines:
        by_entity.setdefault(rules.entity_of[line.location], []).append(line)
    currencies = {line.currency for line in posting.lines}
    # The cash book shows rounded shares of a document's lines, which balance in base currency only.
    one_currency = len(currencies) == 1 and ACCRUAL in (batch.books or (posting.book,))
    for entity, lines in by_entity.items():
        check_balance([line.amount for line in lines], rules.base_currency[entity])
        if one_currency:
            check_balance([line.trx_amount for line in lines], *currencies)


_CHECKS: tuple[Callable[[Posting, Batch, PostingPolicy], None], ...] = (
    _accounts_set_up,
    _period_open,
    _books_kept,
    _names_known,
    _dimensions_known,
    _within_limit,
    _in_cents,
    _balanced,
)


# --- write


class BatchNumbers:
    """Record numbers for the rows of a batch: those that it had before, in their order, then new ones."""

    def __init__(self, company: CompanyData, freed: Mapping[str, deque[int]] | None = None) -> None:
        self._company = company
        self._freed = freed or {}

    def __call__(self, series: str) -> int:
        """The next number of a series: a table's record numbers, or `BATCHNO` and a journal."""
        numbers = self._freed.get(series)
        return numbers.popleft() if numbers else _next_number(self._company, series)


def _next_number(company: CompanyData, series: str) -> int:
    if series in ("GLBATCH", "GLENTRY"):
        return company.table(series).next_number()
    last = company.facts.number_series.get(series)
    number = last + 1 if last is not None else _first_number(company, series)
    company.facts.number_series.put(series, value=number)
    return number


def _first_number(company: CompanyData, series: str) -> int:
    if series == "GLDETAIL":
        keys = (row.get("RECORDNO", "") for _, row in company.table(series).rows())
        return 1 + max((int(key) for key in keys if key.isdecimal()), default=0)
    journal = series.removeprefix("BATCHNO ")
    rows = (row for _, row in company.table("GLBATCH").rows() if row.get("JOURNAL") == journal)
    return 1 + max((int(row.get("BATCHNO") or 0) for row in rows), default=0)


def post(company: CompanyData, posting: Posting, batch: Batch, numbers: BatchNumbers | None = None) -> Row:
    """Write a batch, validated unless it is a draft; gives its GLBATCH row.

    `numbers` are those of the batch that this one replaces (see `withdraw`).
    """
    policy = posting_policy(company)
    if batch.is_posted:
        validate(posting, batch, policy)
    user_fields = user_defined(company.catalog)
    ledger, shown = Ledger(company.store, user_fields), batch.books or (posting.book,)
    header: Row = {}
    for name, cells in batch_rows(posting, batch, policy.directory, numbers or BatchNumbers(company)):
        row: Row = {field: text for field, value in cells.items() if (text := text_of(value))}
        if name == "GLDETAIL":
            repeats = company.behaviour.gldetail_key_per_book
            row["RECORDNO"] = detail_key(row["RECORDNO"], row["BOOKID"], repeats=repeats)
        company.table(name).insert(row)
        if name == "GLBATCH":
            header = row
        elif name == "GLENTRY" and batch.is_posted:
            ledger.post([ledger_line(row, book, user_fields) for book in shown])
    return header


def check_batch_open(company: CompanyData, key: int) -> None:
    """Refuse to change a batch in a closed period of one of its entities."""
    header, entity_of = company.table("GLBATCH").get(key) or {}, directory(company).rules.entity_of
    table = company.table("GLENTRY")
    rows = (table.get(number) or {} for number in table.find("BATCHNO", str(key)))
    entities = {entity_of.get(row.get("LOCATION", ""), "") for row in rows}
    open_periods(company).check(day_of(header, "BATCH_DATE"), entities, header.get("MODULE", ""))


def withdraw(company: CompanyData, key: int) -> BatchNumbers:
    """Remove a batch from the ledger, with all its rows; gives its numbers to the batch that replaces it."""
    check_batch_open(company, key)
    header = company.table("GLBATCH").get(key) or {}
    freed: dict[str, deque[int]] = {"GLBATCH": deque([key])}
    freed[f"BATCHNO {header.get('JOURNAL', '')}"] = deque([int(header.get("BATCHNO") or 0)])
    for name, by in _LINES:
        table = company.table(name)
        freed[name] = deque()
        for number in table.find(by, str(key)):
            line_number = int((table.get(number) or {}).get("RECORDNO", "0").partition("-")[0])
            if line_number not in freed[name]:  # a line has the same number in every book
                freed[name].append(line_number)
            table.delete(number)
    company.table("GLBATCH").delete(key)
    Ledger(company.store).unpost(key)
    return BatchNumbers(company, freed)


def relabel(
    company: CompanyData, key: int, *, header: Row | None = None, entries: Row | None = None, details: Row | None = None
) -> None:
    """Change cells of a batch's rows that move no amount, such as its title or the state of its document."""
    for (name, by), cells in zip((_HEADER, *_LINES), (header, entries, details), strict=True):
        if cells:
            table = company.table(name)
            for number in table.find(by, str(key)):
                table.update(number, (table.get(number) or {}) | cells)


def posted_lines(company: CompanyData, key: int) -> tuple[PostingLine, ...]:
    """The lines of a batch, as they were posted."""
    table, user_fields = company.table("GLENTRY"), user_defined(company.catalog)
    return tuple(line_of(table.get(number) or {}, user_fields) for number in table.find("BATCHNO", str(key)))
