"""What a payment is made of: the documents it settles, the credits applied with it, and how both are kept.

In the rows a detail stands for one line of one document, with the credit that went to it beside the money. What was
taken off each document to the cent is remembered apart, so that undoing a payment gives back what it took.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from intacct_bridge.emulator.books import Call
from intacct_bridge.emulator.cells import Row
from intacct_bridge.emulator.families import FAMILIES, Family, amount, cents, next_number
from intacct_bridge.emulator.openitems import Part, open_document, planned
from intacct_bridge.emulator.posting import CENT, ZERO
from intacct_bridge.emulator.posting_rows import PAYABLES, RECEIVABLES
from intacct_bridge.emulator.refusals import refused
from intacct_bridge.emulator.stamps import stamp


@dataclass(frozen=True, slots=True)
class Side:
    """Payments to vendors, or receipts from customers."""

    object: str
    line: str
    party: str
    families: tuple[Family, ...]
    credits: Family
    journal: str
    module: str
    type: str
    done: str
    """The state of what is posted."""
    word: str
    day: str
    """The field of the payment's day."""

    @property
    def party_id(self) -> str:
        """The field that names the party."""
        return f"{self.party}ID"


PAID = Side(
    object="APPYMT",
    line="APPYMTDETAIL",
    party="VENDOR",
    families=(FAMILIES["APBILL"], FAMILIES["APADJUSTMENT"]),
    credits=FAMILIES["APADJUSTMENT"],
    journal="CDJ",
    module=PAYABLES,
    type="pp",
    done="Confirmed",
    word="Payment",
    day="WHENCREATED",
)
RECEIVED = Side(
    object="ARPYMT",
    line="ARPYMTDETAIL",
    party="CUSTOMER",
    families=(FAMILIES["ARINVOICE"], FAMILIES["ARADJUSTMENT"]),
    credits=FAMILIES["ARADJUSTMENT"],
    journal="CRJ",
    module=RECEIVABLES,
    type="rp",
    done="Complete",
    word="Receipt",
    day="RECEIPTDATE",
)
SIDES = {PAID.object: PAID, RECEIVED.object: RECEIVED}


@dataclass(frozen=True, slots=True)
class Settles:
    """One detail: a document's part, and a credit's that is applied to it."""

    family: Family
    part: Part
    credit: Part | None = None


def parts_of(call: Call, side: Side, row: Row, details: Sequence[Row]) -> list[Settles]:
    """What the details settle; refused is what is another party's, in another currency, or not open."""
    found = []
    for detail in details:
        key = detail.get("RECORDKEY") or detail.get("POSADJKEY", "")
        family, document = open_document(call, side.families, key)
        _check_party(side, row, document)
        money = amount(detail, "TRX_PAYMENTAMOUNT") or amount(detail, "PAYMENTAMOUNT")
        credit = amount(detail, "TRX_ADJUSTMENTAMOUNT")
        if not money and not credit:
            money = amount(document, "TRX_TOTALDUE")
        entry = detail.get("ENTRYKEY") or detail.get("POSADJENTRYKEY", "")
        part = planned(call, family, document, money + credit, entry=entry)
        found.append(Settles(family, part, _credit(call, side, row, detail, credit)))
    return found


def _credit(call: Call, side: Side, row: Row, detail: Row, credit: Decimal) -> Part | None:
    if not credit:
        return None
    _, other = open_document(call, (side.credits,), detail.get("ADJUSTMENTKEY", ""))
    _check_party(side, row, other)
    return planned(call, side.credits, other, -credit, entry=detail.get("ADJUSTMENTENTRYKEY", ""))


def taken(side: Side, settled: Sequence[Settles]) -> list[tuple[Family, Part]]:
    """Every part with its family, credits among them."""
    found = [(one.family, one.part) for one in settled]
    return found + [(side.credits, one.credit) for one in settled if one.credit]


def _check_party(side: Side, row: Row, document: Row) -> None:
    if document.get(side.party_id) != row[side.party_id]:
        raise refused(
            f"{document.get('RECORDID') or document['RECORDNO']} belongs to {document.get(side.party_id)}, "
            f"not to {row[side.party_id]}.",
            correction="Pay each party's documents by themselves.",
        )
    currency = row.setdefault("CURRENCY", document.get("CURRENCY", ""))
    if document.get("CURRENCY") != currency:
        raise refused(
            f"{document.get('RECORDID') or document['RECORDNO']} is in {document.get('CURRENCY')}, "
            f"the payment in {currency}.",
            correction="Pay in the currency of the document.",
        )


# --- how they are kept


def stored_details(call: Call, side: Side, row: Row) -> list[Row]:
    """The details of a payment, as they would be sent again."""
    table = call.books.table(side.line)
    return [table.get(number) or {} for number in table.find("PAYMENTKEY", row["RECORDNO"])]


def clear_details(call: Call, side: Side, row: Row) -> None:
    """Drop a payment's details."""
    table = call.books.table(side.line)
    for number in table.find("PAYMENTKEY", row["RECORDNO"]):
        table.delete(number)
    call.books.store.keep_fact(_fact(side, row), "[]")


def keep_details(call: Call, side: Side, row: Row, settled: Sequence[Settles]) -> None:
    """Add details to a payment, and remember what they take."""
    table, described = call.books.table(side.line), call.books.find(side.line)
    for one in settled:
        for cells in _cells(side, row, one):
            stamp(call, described, cells, new=True)
            table.insert(cells, next_number(call.books, "PYMTDETAIL"))
    store = call.books.store
    known = json.loads(store.fact(_fact(side, row)) or "[]")
    known += [_packed(family, part) for family, part in taken(side, settled)]
    store.keep_fact(_fact(side, row), json.dumps(known))


def _fact(side: Side, row: Row) -> str:
    return f"settles:{side.object}:{row['RECORDNO']}"


def _packed(family: Family, part: Part) -> list[object]:
    lines = [[line, str(money)] for line, money in part.lines]
    return [family.object, part.key, str(part.trx_amount), str(part.amount), lines]


def _cells(side: Side, row: Row, one: Settles) -> list[Row]:
    part, credit = one.part, -one.credit.trx_amount if one.credit else ZERO
    found, left = [], part.amount
    for place, (line, trx_amount) in enumerate(part.lines, 1):
        whole = left if place == len(part.lines) else (part.amount * trx_amount / part.trx_amount).quantize(CENT)
        left -= whole
        adjusted = min(credit, max(trx_amount, ZERO))
        credit -= adjusted
        base = (whole * adjusted / trx_amount).quantize(CENT) if trx_amount else ZERO
        document, entry = (
            ("RECORDKEY", "ENTRYKEY") if one.family is side.families[0] else ("POSADJKEY", "POSADJENTRYKEY")
        )
        cells = {document: part.key, entry: line, "PAYMENTKEY": row["RECORDNO"], "PAYMENTDATE": row[side.day]}
        cells |= {"CURRENCY": row["CURRENCY"], "MODULEKEY": side.module, "STATE": "C"}
        cells |= {"PAYMENTAMOUNT": cents(whole - base), "TRX_PAYMENTAMOUNT": cents(trx_amount - adjusted)}
        if one.credit and adjusted:
            cells |= {"ADJUSTMENTKEY": one.credit.key, "ADJUSTMENTENTRYKEY": one.credit.lines[0][0]}
            cells |= {"ADJUSTMENTAMOUNT": cents(base), "TRX_ADJUSTMENTAMOUNT": cents(adjusted)}
        found.append(cells)
    return found


def stored_parts(call: Call, side: Side, row: Row) -> list[tuple[Family, Part]]:
    """What a payment took off its documents."""
    known = call.books.store.fact(_fact(side, row))
    if known is not None:
        return [_unpacked(one) for one in json.loads(known)]
    found = []
    for detail in stored_details(call, side, row):
        key = detail.get("RECORDKEY") or detail.get("POSADJKEY", "")
        family, _ = open_document(call, side.families, key)
        entry = detail.get("ENTRYKEY") or detail.get("POSADJENTRYKEY", "")
        credit, base = amount(detail, "TRX_ADJUSTMENTAMOUNT"), amount(detail, "ADJUSTMENTAMOUNT")
        trx_amount = amount(detail, "TRX_PAYMENTAMOUNT") + credit
        whole = amount(detail, "PAYMENTAMOUNT") + base
        found.append((family, Part(key, trx_amount, whole, "", ((entry, trx_amount),), "")))
        if credit:
            line = detail.get("ADJUSTMENTENTRYKEY", "")
            found.append((side.credits, Part(detail["ADJUSTMENTKEY"], -credit, -base, "", ((line, -credit),), "")))
    return found


def _unpacked(kept: list[object]) -> tuple[Family, Part]:
    name, key, trx_amount, whole, lines = kept
    assert isinstance(lines, list)
    spread = tuple((line, Decimal(money)) for line, money in lines)
    return FAMILIES[str(name)], Part(str(key), Decimal(str(trx_amount)), Decimal(str(whole)), "", spread, "")
