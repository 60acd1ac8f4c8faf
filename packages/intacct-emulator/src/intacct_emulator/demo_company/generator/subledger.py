"""Cells that bills and invoices share: of headers, lines, credits, payments and ledger rows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Generic

import msgspec

from intacct_emulator.demo_company.generator.record_stamps import RecordStamps
from intacct_emulator.demo_company.generator.sales_cycle import (
    DocumentOutcome,
    DueChange,
    Party,
    PlannedDocument,
    PlannedPayment,
)
from intacct_emulator.demo_company.generator.world import Customer, Vendor, World
from intacct_emulator.ledger.amounts import ZERO, to_base
from intacct_emulator.ledger.dimensions import dimension_cells
from intacct_emulator.ledger.posting import Charge, Document, Posting, SettledDocument
from intacct_emulator.ledger.posting_rows import TypedRow


@dataclass(slots=True)
class OpenDocument(Generic[Party]):
    """A written document that is not settled yet."""

    key: int
    planned: PlannedDocument[Party]
    outcome: DocumentOutcome
    line_keys: tuple[int, ...]
    posting: Posting
    credit_key: int | None = None
    credit_line: int | None = None

    def credit_note(self, account: str = "") -> PlannedDocument[Party]:
        """The credit as a document of its own: one negative charge, on the first charge's account by default."""
        step = self.planned.credit
        assert step is not None
        first = self.planned.charges[0]
        amount = Decimal(-step.cents).scaleb(-2)
        charge = msgspec.structs.replace(
            first, account=account or first.account, trx_amount=amount, memo=f"Credit on {self.planned.number}"
        )
        return replace(
            self.planned,
            day=step.day,
            number=f"{self.planned.number}-CR",
            memo=f"Credit on {self.planned.number}",
            charges=(charge,),
            cents=-step.cents,
            payments=(DueChange(self.outcome.parts[0].day, -step.cents),) if self.outcome.applied else (),
            credit=None,
            quantities=(),
        )

    def credit_outcome(self) -> DocumentOutcome:
        """The outcome of the credit, which is applied as a whole with the first payment."""
        outcome = self.outcome
        applied = outcome.applied
        day = outcome.parts[0].day if applied else None
        parts = (PlannedPayment(day, -outcome.trx_credit, -outcome.credit, (-outcome.trx_credit,)),) if day else ()
        return DocumentOutcome(
            rate=outcome.rate,
            trx_total=-outcome.trx_credit,
            total=-outcome.credit,
            trx_due=ZERO if applied else -outcome.trx_credit,
            due=ZERO if applied else -outcome.credit,
            parts=parts,
            trx_credit=ZERO,
            credit=ZERO,
            applied=False,
        )


def contact_cells(party: Vendor | Customer, stamps: RecordStamps) -> TypedRow:
    """The contact that the document is paid or billed to."""
    name = f"{party.name}({party.id})"
    return {"BILLTOPAYTOCONTACTNAME": name, "BILLTOPAYTOKEY": stamps.contact(name)}


def document_of(planned: PlannedDocument[Party], rate: Decimal, dimension: str) -> Document:
    """The document as the posting rules take it."""
    party = planned.party
    return Document(party.entity, party.currency, planned.charges, rate, {dimension: party.id}, planned.memo)


def settled_of(group: Iterable[tuple[OpenDocument[Party], PlannedPayment]]) -> list[SettledDocument]:
    """The documents that a payment settles, as the cash book needs them."""
    return [SettledDocument(opened.posting, part.trx_amount / opened.outcome.trx_total) for opened, part in group]


def header_cells(planned: PlannedDocument[Party], outcome: DocumentOutcome, world: World, *, prefix: str) -> TypedRow:
    """The header's numbers, dates, terms and totals; `prefix` is VENDOR or CUSTOMER."""
    party = planned.party
    base = world.base(party.entity)
    paid_on = outcome.parts[-1].day if outcome.parts and not outcome.trx_due else None
    row: TypedRow = {
        "RECORDID": planned.number,
        f"{prefix}ID": party.id,
        f"{prefix}NAME": party.name,
        "DOCNUMBER": None,
        "DESCRIPTION": planned.memo,
        "TERMNAME": party.term,
        "TERMKEY": world.term_keys[party.term],
        "WHENCREATED": planned.day,
        "WHENPOSTED": planned.day,
        "WHENDUE": planned.due,
        "WHENPAID": paid_on,
        "BASECURR": base,
        "CURRENCY": party.currency,
        "EXCHANGE_RATE": outcome.rate,
        "TOTALENTERED": outcome.total,
        "TOTALSELECTED": ZERO,
        "TOTALPAID": outcome.total - outcome.due,
        "TOTALDUE": outcome.due,
        "TRX_TOTALENTERED": outcome.trx_total,
        "TRX_TOTALSELECTED": ZERO,
        "TRX_TOTALPAID": outcome.trx_total - outcome.trx_due,
        "TRX_TOTALDUE": outcome.trx_due,
        "SYSTEMGENERATED": "F",
    }
    if outcome.rate != 1:
        row["EXCH_RATE_DATE"] = planned.day
    return row


def charge_cells(
    charge: Charge, position: int, planned: PlannedDocument[Party], *, world: World, outcome: DocumentOutcome
) -> TypedRow:
    """A line's account, amounts, dimensions and paid total."""
    directory = world.directory
    account_key, account_title = directory.accounts[charge.account]
    paid = sum((part.spread[position] for part in outcome.parts), ZERO)
    row: TypedRow = {
        "LINE_NO": str(position + 1),
        "LINEITEM": "T",
        "ENTRY_DATE": planned.day,
        "ACCOUNTKEY": account_key,
        "ACCOUNTNO": charge.account,
        "ACCOUNTTITLE": account_title,
        "AMOUNT": to_base(charge.trx_amount, outcome.rate),
        "TRX_AMOUNT": charge.trx_amount,
        "LOCATIONID": charge.location,
        "LOCATIONNAME": directory.locations[charge.location][1],
        "ENTRYDESCRIPTION": charge.memo,
        "EXCHANGE_RATE": outcome.rate,
        "CURRENCY": planned.party.currency,
        "BASECURR": world.base(planned.party.entity),
        "BASELOCATION": directory.locations[planned.party.entity][0],
        "TOTALPAID": to_base(paid, outcome.rate),
        "TRX_TOTALPAID": paid,
        "TOTALSELECTED": ZERO,
        "TRX_TOTALSELECTED": ZERO,
    }
    if charge.department:
        row["DEPARTMENTID"] = charge.department
        row["DEPARTMENTNAME"] = directory.departments[charge.department][1]
    row.update(dimension_cells(charge.dimensions, directory.dimensions))
    return row


_IN_LEDGER = ("RECORDTYPE", "RECORDID", "DOCNUMBER", "STATE", "WHENCREATED", "WHENDUE", "WHENPAID")
_SUMS = ("TOTALENTERED", "TOTALPAID", "TOTALDUE")


def ledger_cells(header: TypedRow) -> TypedRow:
    """The cells that GLDETAIL repeats of a document."""
    row = {cell: header[cell] for cell in (*_IN_LEDGER, *_SUMS) if cell in header}
    row["PRDESCRIPTION"] = header.get("DESCRIPTION")
    return row


def detail_cells(opened: OpenDocument[Party], part: PlannedPayment) -> Iterator[TypedRow]:
    """The rows of a payment, one for each paid line, each with the credit applied to it."""
    outcome = opened.outcome
    trx_credit = outcome.trx_credit if part is outcome.parts[0] and opened.credit_key else ZERO
    left, left_credit = part.amount, outcome.credit
    touched = [position for position, amount in enumerate(part.spread) if amount]
    for position in touched:
        trx_adjusted = min(trx_credit, max(part.spread[position], ZERO))
        trx_credit -= trx_adjusted
        adjusted = to_base(trx_adjusted, outcome.rate) if trx_credit else left_credit
        left_credit -= adjusted
        trx_amount = part.spread[position] - trx_adjusted
        amount = left if position == touched[-1] else to_base(trx_amount, outcome.rate)
        left -= amount
        row: TypedRow = {
            "RECORDKEY": opened.key,
            "ENTRYKEY": opened.line_keys[position],
            "PAYMENTDATE": part.day,
            "PAYMENTAMOUNT": amount,
            "TRX_PAYMENTAMOUNT": trx_amount,
            "CURRENCY": opened.planned.party.currency,
            "STATE": "C",
        }
        if trx_adjusted:
            row |= {
                "ADJUSTMENTKEY": opened.credit_key,
                "ADJUSTMENTENTRYKEY": opened.credit_line,
                "ADJUSTMENTAMOUNT": adjusted,
                "TRX_ADJUSTMENTAMOUNT": trx_adjusted,
            }
        yield row
