"""Journal entries: GLBATCH with its lines, from what was sent to what stands in the ledger.

An entry that posts must balance, name accounts, locations and departments that are there and active, have what its
accounts require, and fall into an open period. Lines in another entity than the entry's own bring lines due to and
due from it along. What is written: the header, its GLENTRY lines, GLDETAIL, and the ledger's own postings.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from intacct_bridge.emulator.accounting.chart import check_open, directory, rate, rules
from intacct_bridge.emulator.accounting.journal_lines import meant
from intacct_bridge.emulator.accounting.ledger import POSTED, Ledger, books_of, posting_of, shown_key
from intacct_bridge.emulator.accounting.posting import CENT, ZERO, Posting, PostingLine, balance_entities, to_base
from intacct_bridge.emulator.accounting.posting_rows import LEDGER, Batch, batch_rows
from intacct_bridge.emulator.company.company_data import FunctionCall
from intacct_bridge.emulator.records.audit_fields import CREATED, DELETED, MODIFIED, note, stamp
from intacct_bridge.emulator.records.checks import complete
from intacct_bridge.emulator.records.drafts import Draft, stored_text
from intacct_bridge.emulator.records.references import REFERENCES, find, settle
from intacct_bridge.emulator.settings.cells import Row, iso_date, text_of
from intacct_bridge.emulator.settings.refusals import refused
from intacct_bridge.model.catalog import ObjectDef

_DIMENSIONS = ("CUSTOMER", "VENDOR", "EMPLOYEE", "ITEM", "PROJECT", "CLASS")
_REQUIRED = {"REQUIREDEPT": "DEPARTMENT", "REQUIRELOC": "LOCATION"} | {
    f"REQUIRE{name}": f"{name}ID" for name in _DIMENSIONS
}
_OF_THE_POSTING = ("BATCH_DATE", "STATE", "JOURNAL")


@dataclass(slots=True)
class _Numbers:
    """Record numbers for the rows of one entry: those it had first, then new ones."""

    call: FunctionCall
    had: dict[str, deque[int]] = field(default_factory=dict)

    def __call__(self, series: str) -> int:
        kept = self.had.get(series)
        return kept.popleft() if kept else next_in(self.call, series)


def next_in(call: FunctionCall, series: str) -> int:
    """The next number of a series: a table's record numbers, or a journal's own count."""
    books = call.books
    if series in ("GLBATCH", "GLENTRY"):
        return books.table(series).next_number()
    last = books.side_tables.number_series.get(series)
    number = last + 1 if last is not None else _first(call, series)
    books.side_tables.number_series.put(series, value=number)
    return number


def _first(call: FunctionCall, series: str) -> int:
    if series == "GLDETAIL":
        keys = (row.get("RECORDNO", "") for _, row in call.books.table(series).rows())
        return 1 + max((int(key) for key in keys if key.isdecimal()), default=0)
    journal = series.removeprefix("BATCHNO ")
    rows = (row for _, row in call.books.table("GLBATCH").rows() if row.get("JOURNAL") == journal)
    return 1 + max((int(row.get("BATCHNO") or 0) for row in rows), default=0)


# --- the three verbs


def create(call: FunctionCall, draft: Draft) -> Row:
    """Enter a journal entry."""
    row = {name: text for name, text in draft.values.items() if text and name != "RECORDNO"}
    complete(draft, row)
    settle(call.books, draft.described, draft.values, row)
    row.setdefault("STATE", "Posted")
    stamp(call, draft.described, row, new=True)
    lines = meant(call, draft.lines["GLENTRY"])
    made = _written(call, draft.described, row, lines, numbers=_Numbers(call), mode=CREATED)
    if draft.extra.get("REVERSEDATE") and row["STATE"] in POSTED:
        _reversed(call, draft, lines, made)
    return made


def _reversed(call: FunctionCall, draft: Draft, lines: list[Draft], made: Row) -> None:
    """The entry that turns this one round on the day it names."""
    day = stored_text(call, draft.described.fields["BATCH_DATE"], draft.extra["REVERSEDATE"])
    title = f"Reversed: {made.get('BATCH_TITLE', '')}"
    row = {name: text for name, text in made.items() if name not in ("RECORDNO", "BATCHNO")}
    row |= {"BATCH_DATE": day, "BATCH_TITLE": title, "REVERSEDFROM": made["BATCH_DATE"]}
    turned = {"1": "-1", "-1": "1"}
    mirrored = [replace(one, values=one.values | {"TR_TYPE": turned[one.get("TR_TYPE")]}) for one in lines]
    _written(call, draft.described, row, mirrored, numbers=_Numbers(call), mode=CREATED)


def update(call: FunctionCall, draft: Draft, number: int) -> Row:
    """Change an entry; lines that are sent are the whole new set, and what moves the posting writes it anew."""
    books, described = call.books, draft.described
    old = books.table("GLBATCH").get(number) or {}
    _check_own(old)
    check_open(books, _day(old), _entities(call, number))
    row = old | {name: text for name, text in draft.values.items() if name != "RECORDNO"}
    settle(books, described, draft.values, row)
    stamp(call, described, row, new=False)
    moved = any(name in draft.values for name in _OF_THE_POSTING)
    if "GLENTRY" not in draft.lines and not moved:
        return _retitled(call, described, row, number)
    lines = meant(call, draft.lines["GLENTRY"]) if draft.lines.get("GLENTRY") else _stored_lines(call, number)
    numbers = _Numbers(call, _cleared(call, number))
    return _written(call, described, row, lines, numbers=numbers, mode=MODIFIED)


def delete(call: FunctionCall, described: ObjectDef, number: int) -> None:
    """Take an entry out again, with all it wrote."""
    table = call.books.table("GLBATCH")
    row = table.get(number) or {}
    _check_own(row)
    check_open(call.books, _day(row), _entities(call, number))
    _cleared(call, number)
    table.delete(number)
    note(call, described, row, DELETED)


def _check_own(row: Row) -> None:
    """An entry that a document wrote changes with the document only."""
    if row.get("MODULE", LEDGER) != LEDGER:
        raise refused(
            f"Entry {row.get('RECORDNO', '')} was made by a sub-ledger and cannot be changed here.",
            correction="Change the document behind it.",
        )


# --- writing


def _written(
    call: FunctionCall, described: ObjectDef, row: Row, drafts: list[Draft], *, numbers: Callable[[str], int], mode: str
) -> Row:
    books = call.books
    journal, statistical = _journal(call, row.get("JOURNAL", ""))
    day = _day(row)
    lines = [_line(call, draft, day) for draft in drafts]
    posts = row["STATE"] in POSTED
    owner = _owner(call, row, lines)
    if posts:
        entities = {rules(books).entity_of.get(line.location, "") for line in lines} | {owner}
        check_open(books, day, entities)
        if not statistical:
            lines = list(balance_entities(_balanced(lines), owner, rules(books)))
    batch = Batch(
        row["JOURNAL"],
        day,
        row.get("BATCH_TITLE", ""),
        state="Posted" if posts else "Draft",
        reference=row.get("REFERENCENO"),
        statistical=statistical,
        adjusting=journal.get("ADJ") == "true",
        audit=_audit(row),
        books=books_of(call.books.side_tables),
    )
    stored = batch_rows(Posting(tuple(lines)), batch, directory(books), numbers)
    return _kept(call, described, row, drafts, stored=stored, mode=mode)


def _kept(
    call: FunctionCall,
    described: ObjectDef,
    row: Row,
    drafts: list[Draft],
    *,
    stored: Iterable[tuple[str, object]],
    mode: str,
) -> Row:
    """Store the rows; what was sent beside what the posting knows goes onto its line."""
    books, ledger = call.books, Ledger(call.books.store)
    header: Row = {}
    sent: Row = {}
    place = 0
    for name, cells in stored:
        made: Row = {key: text for key, value in cells.items() if (text := text_of(value))}  # type: ignore[attr-defined]
        if name == "GLBATCH":
            header = made | {key: text for key, text in row.items() if key not in ("BATCHNO", "RECORDNO", "BALANCE")}
            number = int(made["RECORDNO"])
            header["RECORDNO"] = made["RECORDNO"]
            _put(call, "GLBATCH", number, header)
            continue
        if name == "GLENTRY":
            sent = drafts[place].values if place < len(drafts) else {}
            place += 1
            made |= {key: text for key, text in sent.items() if text and key not in made}
            made["STATE"] = row["STATE"]
            made |= {key: sent[key] for key in ("DOCUMENT", "BILLABLE") if sent.get(key)}
            _put(call, name, int(made["RECORDNO"]), made)
            if row["STATE"] in POSTED:
                ledger.post([posting_of(made, book) for book in books_of(call.books.side_tables)])
            continue
        made["RECORDNO"] = shown_key(made["RECORDNO"], made["BOOKID"], repeats=books.behaviour.gldetail_key_per_book)
        if sent.get("DOCUMENT"):
            made["DOCUMENT"] = sent["DOCUMENT"]
        books.table(name).insert(made)
    note(call, described, header, mode)
    return header


def _put(call: FunctionCall, name: str, number: int, row: Row) -> None:
    table = call.books.table(name)
    if table.get(number) is None:
        table.insert(row, number)
    else:
        table.update(number, row)


def _cleared(call: FunctionCall, number: int) -> dict[str, deque[int]]:
    """Drop all that an entry wrote but its header; tells the numbers that this frees for it."""
    books = call.books
    header = books.table("GLBATCH").get(number) or {}
    had: dict[str, deque[int]] = {"GLBATCH": deque([number])}
    had[f"BATCHNO {header.get('JOURNAL', '')}"] = deque([int(header.get("BATCHNO") or 0)])
    for name, by in (("GLENTRY", "BATCHNO"), ("GLDETAIL", "BATCHKEY")):
        table = books.table(name)
        had[name] = deque()
        for one in table.find(by, str(number)):
            key = int((table.get(one) or {}).get("RECORDNO", "0").partition("-")[0])
            if key not in had[name]:  # a line keeps its number in every book
                had[name].append(key)
            table.delete(one)
    Ledger(books.store).unpost(number)
    return had


def _retitled(call: FunctionCall, described: ObjectDef, row: Row, number: int) -> Row:
    """A change that moves no amount: the header, and what its lines repeat of it."""
    books = call.books
    books.table("GLBATCH").update(number, row)
    title, reference, now = row.get("BATCH_TITLE", ""), row.get("REFERENCENO", ""), row["WHENMODIFIED"]
    for name, by, repeats in (
        ("GLENTRY", "BATCHNO", {"BATCHTITLE": title}),
        ("GLDETAIL", "BATCHKEY", {"BATCH_TITLE": title, "REFERENCENO": reference, "MODIFIED": now}),
    ):
        table = books.table(name)
        for one in table.find(by, str(number)):
            table.update(one, (table.get(one) or {}) | repeats | {"WHENMODIFIED": now})
    note(call, described, row, MODIFIED)
    return row


# --- from what was sent to lines


def _line(call: FunctionCall, draft: Draft, day: date) -> PostingLine:
    values = draft.values
    complete(draft, values)
    settle(call.books, draft.described, values, {})
    account = find(call.books, REFERENCES["ACCOUNTNO"], values["ACCOUNTNO"], field="ACCOUNTNO")
    location = values.get("LOCATION") or call.session.entity
    check_requirements(account, values | {"LOCATION": location})
    chart = rules(call.books)
    if not location and len(chart.base_currency) > 1:
        raise refused(
            "Location is required in a company of several entities.", correction="Provide LOCATION.", field="LOCATION"
        )
    base = chart.base_currency[chart.entity_of.get(location, "")]
    currency = values.get("CURRENCY") or base
    amount = Decimal(values["TRX_AMOUNT"]).quantize(Decimal("0.01"))
    if amount < 0:
        raise refused(
            f"The amount {amount} of account {values['ACCOUNTNO']} is negative.",
            correction="Amounts are positive; TR_TYPE tells debit (1) from credit (-1).",
            field="TRX_AMOUNT",
        )
    if values["TR_TYPE"] == "-1":
        amount = -amount
    factor = rate(call.books, currency, base, day=day, given=values.get("EXCHANGE_RATE", ""))
    return PostingLine(
        values["ACCOUNTNO"],
        location,
        to_base(amount, factor),
        amount,
        currency,
        values.get("DEPARTMENT") or None,
        values.get("DESCRIPTION") or None,
        {name: values[f"{name}ID"] for name in _DIMENSIONS if values.get(f"{name}ID")},
    )


def check_requirements(account: Row, values: Row) -> None:
    """What an account demands of every line on it is there."""
    for flag, name in _REQUIRED.items():
        if account.get(flag) == "true" and not values.get(name):
            label = name.removesuffix("ID").capitalize()
            told = f"{label} is required for account {account['ACCOUNTNO']}."
            raise refused(told, correction=f"Provide {name}.", field=name)


def _balanced(lines: list[PostingLine]) -> list[PostingLine]:
    """The lines, once they balance; what converting them lost goes to the largest."""
    if len(lines) < 2:
        raise refused("A journal entry needs at least two lines.")
    currencies = {line.currency for line in lines}
    if len(currencies) == 1:
        _check_balance([line.trx_amount for line in lines], currencies.pop())
        allowed = CENT * len(lines)
    else:
        allowed = CENT * len(lines) / 2
    lost = sum((line.amount for line in lines), ZERO)
    if abs(lost) > allowed:
        _check_balance([line.amount for line in lines], "in base currency")
    if lost:
        largest = max(range(len(lines)), key=lambda place: abs(lines[place].amount))
        lines[largest] = replace(lines[largest], amount=lines[largest].amount - lost)
    return lines


def _check_balance(amounts: list[Decimal], currency: str) -> None:
    debits = sum((one for one in amounts if one > 0), ZERO)
    credits = -sum((one for one in amounts if one < 0), ZERO)
    if debits != credits:
        raise refused(
            f"Transaction does not balance: debits {debits}, credits {credits} {currency}; "
            f"out of balance by {abs(debits - credits)}.",
            correction="Correct the amounts so that debits equal credits.",
        )


def _journal(call: FunctionCall, symbol: str) -> tuple[Row, bool]:
    journal = find(call.books, REFERENCES["JOURNAL"], symbol, field="JOURNAL")
    return journal, bool(call.books.table("STATJOURNAL").find("SYMBOL", symbol))


def _owner(call: FunctionCall, row: Row, lines: list[PostingLine]) -> str:
    """The entity an entry belongs to: where it is entered, or its base location's, or its first line's."""
    chart = rules(call.books)
    place = call.session.entity or row.get("BASELOCATION_NO") or (lines[0].location if lines else "")
    return chart.entity_of.get(place, "")


def _entities(call: FunctionCall, number: int) -> set[str]:
    """The entities that an entry stands in."""
    table, chart = call.books.table("GLENTRY"), rules(call.books)
    rows = (table.get(one) or {} for one in table.find("BATCHNO", str(number)))
    return {chart.entity_of.get(row.get("LOCATION", ""), "") for row in rows}


def _stored_lines(call: FunctionCall, number: int) -> list[Draft]:
    table = call.books.table("GLENTRY")
    described = call.books.find("GLENTRY")
    return [Draft(described, table.get(one) or {}) for one in table.find("BATCHNO", str(number))]


def _day(row: Row) -> date:
    return date.fromisoformat((iso_date(row.get("BATCH_DATE", "")) or "1900-01-01")[:10])


def _audit(row: Row) -> dict[str, str]:
    names = ("WHENCREATED", "WHENMODIFIED", "CREATEDBY", "MODIFIEDBY", "CREATEDBYLOGINID", "MODIFIEDBYLOGINID")
    return {name: row[name] for name in names if row.get(name)}
