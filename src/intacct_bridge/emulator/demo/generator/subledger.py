"""The cells that bills and invoices, their lines, credits, payments and ledger rows have in common."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Generic

from intacct_bridge.emulator.accounting.amounts import ZERO, to_base
from intacct_bridge.emulator.accounting.dimensions import dimension_cells
from intacct_bridge.emulator.accounting.posting import Charge, Document, Posting, SettledDocument
from intacct_bridge.emulator.accounting.posting_rows import Row
from intacct_bridge.emulator.demo.generator.sales_cycle import Course, Deal, Party, PlannedPayment, Step
from intacct_bridge.emulator.demo.generator.transaction_generator import Clerk
from intacct_bridge.emulator.demo.generator.world import Customer, Vendor, World


@dataclass(slots=True)
class Opened(Generic[Party]):
    """A document that was written and is on its way to be settled."""

    key: int
    deal: Deal[Party]
    course: Course
    line_keys: tuple[int, ...]
    posting: Posting
    credit_key: int | None = None
    credit_line: int | None = None

    def credit_note(self, account: str = "") -> Deal[Party]:
        """The credit as a document of its own: one negative charge, on the first charge's account unless told."""
        step = self.deal.credit
        assert step is not None
        first = self.deal.charges[0]
        amount = Decimal(-step.cents).scaleb(-2)
        charge = replace(
            first, account=account or first.account, trx_amount=amount, memo=f"Credit on {self.deal.number}"
        )
        return replace(
            self.deal,
            day=step.day,
            number=f"{self.deal.number}-CR",
            memo=f"Credit on {self.deal.number}",
            charges=(charge,),
            cents=-step.cents,
            payments=(Step(self.course.parts[0].day, -step.cents),) if self.course.applied else (),
            credit=None,
            quantities=(),
        )

    def credit_course(self) -> Course:
        """What becomes of the credit: all of it is applied with the first payment, or nothing yet."""
        course = self.course
        applied = course.applied
        day = course.parts[0].day if applied else None
        parts = (PlannedPayment(day, -course.trx_credit, -course.credit, (-course.trx_credit,)),) if day else ()
        return Course(
            rate=course.rate,
            trx_total=-course.trx_credit,
            total=-course.credit,
            trx_due=ZERO if applied else -course.trx_credit,
            due=ZERO if applied else -course.credit,
            parts=parts,
            trx_credit=ZERO,
            credit=ZERO,
            applied=False,
        )


def contact_cells(party: Vendor | Customer, clerk: Clerk) -> Row:
    """Where the document is paid or billed to."""
    name = f"{party.name}({party.id})"
    return {"BILLTOPAYTOCONTACTNAME": name, "BILLTOPAYTOKEY": clerk.contact(name)}


def document_of(deal: Deal[Party], rate: Decimal, dimension: str) -> Document:
    """The deal as the posting rules take it."""
    party = deal.party
    return Document(party.entity, party.currency, deal.charges, rate, {dimension: party.id}, deal.memo)


def settled_of(group: Iterable[tuple[Opened[Party], PlannedPayment]]) -> list[SettledDocument]:
    """What the cash book needs of the documents that a payment settles."""
    return [SettledDocument(opened.posting, part.trx_amount / opened.course.trx_total) for opened, part in group]


def header_cells(deal: Deal[Party], course: Course, world: World, *, prefix: str) -> Row:
    """The header's numbers, dates, terms and totals; `prefix` is VENDOR or CUSTOMER."""
    party = deal.party
    base = world.base(party.entity)
    paid_on = course.parts[-1].day if course.parts and not course.trx_due else None
    row: Row = {
        "RECORDID": deal.number,
        f"{prefix}ID": party.id,
        f"{prefix}NAME": party.name,
        "DOCNUMBER": None,
        "DESCRIPTION": deal.memo,
        "TERMNAME": party.term,
        "TERMKEY": world.term_keys[party.term],
        "WHENCREATED": deal.day,
        "WHENPOSTED": deal.day,
        "WHENDUE": deal.due,
        "WHENPAID": paid_on,
        "BASECURR": base,
        "CURRENCY": party.currency,
        "EXCHANGE_RATE": course.rate,
        "TOTALENTERED": course.total,
        "TOTALSELECTED": ZERO,
        "TOTALPAID": course.total - course.due,
        "TOTALDUE": course.due,
        "TRX_TOTALENTERED": course.trx_total,
        "TRX_TOTALSELECTED": ZERO,
        "TRX_TOTALPAID": course.trx_total - course.trx_due,
        "TRX_TOTALDUE": course.trx_due,
        "SYSTEMGENERATED": "F",
    }
    if course.rate != 1:
        row["EXCH_RATE_DATE"] = deal.day
    return row


def charge_cells(charge: Charge, position: int, deal: Deal[Party], *, world: World, course: Course) -> Row:
    """A line's account, amounts, dimensions and what is paid of it."""
    directory = world.directory
    account_key, account_title = directory.accounts[charge.account]
    paid = sum((part.spread[position] for part in course.parts), ZERO)
    row: Row = {
        "LINE_NO": str(position + 1),
        "LINEITEM": "T",
        "ENTRY_DATE": deal.day,
        "ACCOUNTKEY": account_key,
        "ACCOUNTNO": charge.account,
        "ACCOUNTTITLE": account_title,
        "AMOUNT": to_base(charge.trx_amount, course.rate),
        "TRX_AMOUNT": charge.trx_amount,
        "LOCATIONID": charge.location,
        "LOCATIONNAME": directory.locations[charge.location][1],
        "ENTRYDESCRIPTION": charge.memo,
        "EXCHANGE_RATE": course.rate,
        "CURRENCY": deal.party.currency,
        "BASECURR": world.base(deal.party.entity),
        "BASELOCATION": directory.locations[deal.party.entity][0],
        "TOTALPAID": to_base(paid, course.rate),
        "TRX_TOTALPAID": paid,
        "TOTALSELECTED": ZERO,
        "TRX_TOTALSELECTED": ZERO,
    }
    if charge.department:
        row["DEPARTMENTID"] = charge.department
        row["DEPARTMENTNAME"] = directory.departments[charge.department][1]
    row.update(dimension_cells(charge.dimensions.items(), directory.dimensions))
    return row


_SEEN_IN_LEDGER = ("RECORDTYPE", "RECORDID", "DOCNUMBER", "STATE", "WHENCREATED", "WHENDUE", "WHENPAID")
_SUMS = ("TOTALENTERED", "TOTALPAID", "TOTALDUE")


def ledger_cells(header: Row) -> Row:
    """What GLDETAIL repeats of the document behind it."""
    row = {cell: header[cell] for cell in (*_SEEN_IN_LEDGER, *_SUMS) if cell in header}
    row["PRDESCRIPTION"] = header.get("DESCRIPTION")
    return row


def detail_cells(opened: Opened[Party], part: PlannedPayment) -> Iterator[Row]:
    """A payment's share of each line, a credit applied beside the money where there is one."""
    course = opened.course
    trx_credit = course.trx_credit if part is course.parts[0] and opened.credit_key else ZERO
    left, left_credit = part.amount, course.credit
    touched = [position for position, amount in enumerate(part.spread) if amount]
    for position in touched:
        trx_adjusted = min(trx_credit, max(part.spread[position], ZERO))
        trx_credit -= trx_adjusted
        adjusted = to_base(trx_adjusted, course.rate) if trx_credit else left_credit
        left_credit -= adjusted
        trx_amount = part.spread[position] - trx_adjusted
        amount = left if position == touched[-1] else to_base(trx_amount, course.rate)
        left -= amount
        row: Row = {
            "RECORDKEY": opened.key,
            "ENTRYKEY": opened.line_keys[position],
            "PAYMENTDATE": part.day,
            "PAYMENTAMOUNT": amount,
            "TRX_PAYMENTAMOUNT": trx_amount,
            "CURRENCY": opened.deal.party.currency,
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
