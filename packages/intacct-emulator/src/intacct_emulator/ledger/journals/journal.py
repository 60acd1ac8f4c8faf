"""Journal entries: GLBATCH with its lines, entered, changed, deleted, reversed on a day.

An entry with a day for its reversal is reversed by an entry of that day, which changes and goes with it.

An entry that posts must balance, name accounts, locations and departments that exist and are active, have the
dimensions that its accounts require, and fall into an open period. Lines in another entity than the entry's own bring
lines due to and due from it.
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.dimensions import check_required, dimensions_of, user_defined
from intacct_emulator.ledger.journals.journal_lines import expanded_lines
from intacct_emulator.ledger.journals.reversals import DONE, PENDING, forget, mark_reversed, unmark
from intacct_emulator.ledger.ledger import books_of
from intacct_emulator.ledger.periods import check_reversal_day, day_of
from intacct_emulator.ledger.posting import Posting, PostingLine, journal_entry, statistical_entry
from intacct_emulator.ledger.posting_function import (
    BatchNumbers,
    check_batch_open,
    post,
    relabel,
    withdraw,
)
from intacct_emulator.ledger.posting_rows import LEDGER, POSTED_STATES, Batch
from intacct_emulator.ledger.rates import exchange_rate
from intacct_emulator.records.audit_fields import CREATED, DELETED, MODIFIED, record_change, set_audit_fields
from intacct_emulator.records.checks import check_required_fields
from intacct_emulator.records.drafts import Draft, stored_text
from intacct_emulator.records.references import REFERENCES, apply_references, find_reference
from intacct_emulator.settings.cells import Row, date_text, decimal_text
from intacct_emulator.settings.refusals import refused
from intacct_protocol.model.catalog import ObjectDef

_MOVES_POSTING = ("BATCH_DATE", "STATE", "JOURNAL")
_OF_REVERSAL = ("REVERSED", "REVERSEDKEY", "REVERSEDFROM")
_GIVEN_BY_POSTING = ("BATCHNO", "RECORDNO", "BALANCE")
_AUDIT = ("WHENCREATED", "WHENMODIFIED", "CREATEDBY", "MODIFIEDBY", "CREATEDBYLOGINID", "MODIFIEDBYLOGINID")


# --- the three verbs


def create(call: FunctionCall, draft: Draft) -> Row:
    """Enter a journal entry, and its reversal if it names a day for one."""
    row = {name: text for name, text in draft.values.items() if text and name != "RECORDNO"}
    check_required_fields(draft, row)
    apply_references(call.company, draft.described, draft.values, row)
    row.setdefault("STATE", "Posted")
    row |= _reversal_day(call, draft)
    set_audit_fields(call, draft.described, row, new=True)
    lines = expanded_lines(call, draft.lines["GLENTRY"])
    entered = _write(call, draft.described, row, lines, mode=CREATED)
    return _with_reversal(call, draft.described, lines, entered)


def _reversal_day(call: FunctionCall, draft: Draft) -> Row:
    if not draft.extra.get("REVERSEDATE"):
        return {}
    return {"REVERSED": stored_text(call, draft.described.fields["BATCH_DATE"], draft.extra["REVERSEDATE"])}


def _with_reversal(
    call: FunctionCall,
    described: ObjectDef,
    lines: list[Draft],
    entered: Row,
    numbers: BatchNumbers | None = None,
) -> Row:
    """The entry with its reversal entered on the day that it names; a draft waits until it is posted."""
    if not entered.get("REVERSED") or entered["STATE"] not in POSTED_STATES:
        return entered
    check_reversal_day(call.company, entered, "BATCH_DATE", entered["REVERSED"])
    title = f"Reversed: {entered.get('BATCH_TITLE', '')}"
    row = {name: text for name, text in entered.items() if name not in ("RECORDNO", "BATCHNO", *_OF_REVERSAL)}
    row |= {"BATCH_DATE": entered["REVERSED"], "BATCH_TITLE": title, "REVERSEDFROM": entered["RECORDNO"]}
    other_side = {"1": "-1", "-1": "1"}
    mirrored = [replace(one, values=one.values | {"TR_TYPE": other_side[one.get("TR_TYPE")]}) for one in lines]
    reversal = _write(call, described, row, mirrored, mode=CREATED if numbers is None else MODIFIED, numbers=numbers)
    return mark_reversed(call.company, entered, reversal, now=call.now)


def update(call: FunctionCall, draft: Draft, number: int) -> Row:
    """Change an entry. Lines in the request replace all lines; a change that moves the posting posts it again.

    The reversal of the entry is entered again with it.
    """
    company, described = call.company, draft.described
    old = company.table("GLBATCH").get(number) or {}
    _check_own(old)
    check_batch_open(company, number)
    sent = {name: text for name, text in draft.values.items() if name != "RECORDNO"} | _reversal_day(call, draft)
    row = old | sent
    apply_references(company, described, draft.values, row)
    set_audit_fields(call, described, row, new=False)
    moves = any(name in sent for name in (*_MOVES_POSTING, "REVERSED"))
    if "GLENTRY" not in draft.lines and not moves:
        return _retitled(call, described, row, number)
    if old.get("STATE") in (PENDING, DONE) and row["STATE"] == old["STATE"]:
        row["STATE"] = "Posted"
    lines = expanded_lines(call, draft.lines["GLENTRY"]) if draft.lines.get("GLENTRY") else _stored_lines(call, number)
    numbers = _withdraw_reversal(call, old)
    row.pop("REVERSEDKEY", None)
    entered = _write(call, described, row, lines, numbers=withdraw(company, number), mode=MODIFIED)
    return _with_reversal(call, described, lines, entered, numbers)


def delete(call: FunctionCall, described: ObjectDef, number: int) -> None:
    """Delete an entry with all its rows, and with its reversal."""
    row = call.company.table("GLBATCH").get(number) or {}
    _check_own(row)
    if _withdraw_reversal(call, row) is not None:
        record_change(call, described, {"RECORDNO": row["REVERSEDKEY"]}, DELETED)
    withdraw(call.company, number)
    if row.get("REVERSEDFROM", "").isdecimal():
        unmark(call.company, int(row["REVERSEDFROM"]))
    record_change(call, described, row, DELETED)


def _withdraw_reversal(call: FunctionCall, row: Row) -> BatchNumbers | None:
    """Withdraw the reversal of an entry; gives its numbers."""
    forget(call.company, int(row["RECORDNO"]))
    key = row.get("REVERSEDKEY", "")
    if not key or call.company.table("GLBATCH").get(int(key)) is None:
        return None
    return withdraw(call.company, int(key))


def _check_own(row: Row) -> None:
    """An entry that a document wrote changes with the document only."""
    if row.get("MODULE", LEDGER) != LEDGER:
        raise refused(
            f"Entry {row.get('RECORDNO', '')} was made by a sub-ledger and cannot be changed here.",
            correction="Change the document behind it.",
        )


# --- writing


def _write(
    call: FunctionCall,
    described: ObjectDef,
    row: Row,
    drafts: list[Draft],
    *,
    mode: str,
    numbers: BatchNumbers | None = None,
) -> Row:
    company, chart = call.company, posting_rules(call.company)
    journal, statistical = _journal(call, row.get("JOURNAL", ""))
    day = day_of(row, "BATCH_DATE")
    lines = [_line(call, draft, day) for draft in drafts]
    owner = _owner(call, row, lines)
    batch = Batch(
        row["JOURNAL"],
        day,
        row.get("BATCH_TITLE", ""),
        state=row["STATE"],
        entity=owner,
        reference=row.get("REFERENCENO"),
        statistical=statistical,
        adjusting=journal.get("ADJ") == "true",
        header={name: text for name, text in row.items() if name not in _GIVEN_BY_POSTING},
        audit={name: row[name] for name in _AUDIT if row.get(name)},
        books=books_of(company, journal),
        entered=[draft.values for draft in drafts],
    )
    if not batch.is_posted:
        posting = Posting(tuple(lines))
    else:
        posting = statistical_entry(lines) if statistical else journal_entry(lines, owner, chart)
    header = post(company, posting, batch, numbers)
    record_change(call, described, header, mode)
    return header


def _retitled(call: FunctionCall, described: ObjectDef, row: Row, number: int) -> Row:
    """A change that moves no amount: the header, and the cells that its lines repeat of it."""
    now, reference = row["WHENMODIFIED"], row.get("REFERENCENO", "")
    title = row.get("BATCH_TITLE", "")
    relabel(
        call.company,
        number,
        header=row,
        entries={"BATCHTITLE": title, "WHENMODIFIED": now},
        details={"BATCH_TITLE": title, "REFERENCENO": reference, "MODIFIED": now, "WHENMODIFIED": now},
    )
    record_change(call, described, row, MODIFIED)
    return row


# --- from the request to lines


def _line(call: FunctionCall, draft: Draft, day: date) -> PostingLine:
    values = draft.values
    check_required_fields(draft, values)
    apply_references(call.company, draft.described, values, {})
    account = find_reference(call.company, REFERENCES["ACCOUNTNO"], values["ACCOUNTNO"], field="ACCOUNTNO")
    location = values.get("LOCATION") or call.session.entity
    check_required(account, values | {"LOCATION": location})
    chart = posting_rules(call.company)
    if not location and chart.several_entities:
        raise refused(
            "Location is required in a company of several entities.", correction="Provide LOCATION.", field="LOCATION"
        )
    base = chart.base_currency[chart.entity_of.get(location, "")]
    currency = values.get("CURRENCY") or base
    amount = chart.rounding.round(Decimal(values["TRX_AMOUNT"]), currency)
    if amount < 0:
        raise refused(
            f"The amount {amount} of account {values['ACCOUNTNO']} is negative.",
            correction="Amounts are positive; TR_TYPE tells debit (1) from credit (-1).",
            field="TRX_AMOUNT",
        )
    if values["TR_TYPE"] == "-1":
        amount = -amount
    rate = exchange_rate(call.company, values, currency, base, day=day)
    if currency != base:
        values["EXCHANGE_RATE"] = decimal_text(rate)
        values["EXCH_RATE_DATE"] = values.get("EXCH_RATE_DATE") or date_text(day)
    return PostingLine(
        values["ACCOUNTNO"],
        location,
        chart.rounding.to_base(amount, rate, base),
        amount,
        currency,
        values.get("DEPARTMENT") or None,
        values.get("DESCRIPTION") or None,
        dimensions_of(values, user_defined(call.company.catalog)),
    )


def _journal(call: FunctionCall, symbol: str) -> tuple[Row, bool]:
    """The journal, and whether it is a statistical one."""
    journal = find_reference(call.company, REFERENCES["JOURNAL"], symbol, field="JOURNAL")
    return journal, bool(call.company.table("STATJOURNAL").find("SYMBOL", symbol))


def _owner(call: FunctionCall, row: Row, lines: list[PostingLine]) -> str:
    """The entity of the entry: where it is entered, or its base location's, or its first line's."""
    place = call.session.entity or row.get("BASELOCATION_NO") or (lines[0].location if lines else "")
    return posting_rules(call.company).entity_of.get(place, "")


def _stored_lines(call: FunctionCall, number: int) -> list[Draft]:
    table, described = call.company.table("GLENTRY"), call.company.find("GLENTRY")
    return [Draft(described, table.get(one) or {}) for one in table.find("BATCHNO", str(number))]
