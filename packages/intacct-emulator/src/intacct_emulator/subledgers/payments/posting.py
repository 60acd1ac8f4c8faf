"""The postings of a payment: in accrual against the control accounts, in the cash book on the documents' lines."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.company.company_facts import Overpayment
from intacct_emulator.ledger.amounts import ZERO, amount
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.ledger import books_kept
from intacct_emulator.ledger.posting import (
    CASH,
    Application,
    Posting,
    PostingLine,
    SettledDocument,
    Settlement,
    cash_basis,
    payment,
    receipt,
)
from intacct_emulator.settings.cells import Row
from intacct_emulator.subledgers.document_types import ADVANCES, OVERPAYMENTS, DocumentType
from intacct_emulator.subledgers.documents.posting import stored_posting
from intacct_emulator.subledgers.payments.advance_lines import advance_lines
from intacct_emulator.subledgers.payments.discounts import discount_account
from intacct_emulator.subledgers.payments.open_items import PaymentPart
from intacct_emulator.subledgers.payments.parts import VENDOR_PAYMENTS, PaymentType, SettledDetail, every_part


@dataclass(frozen=True, slots=True)
class PaymentAccount:
    """The account of a payment's money, and its overpayment."""

    number: str
    """The ledger account of the bank or of undeposited funds; empty if no money moves."""
    entity: str
    overpayment: Overpayment = field(default_factory=Overpayment)
    """Without a location it belongs to `entity`."""


def postings(
    call: FunctionCall, payment_type: PaymentType, row: Row, settled: Sequence[SettledDetail], account: PaymentAccount
) -> list[Posting]:
    """The postings of a payment, one for each book that the company keeps."""
    chart = posting_rules(call.company)
    applied = _applied(call, payment_type, row, settled, account)
    discount = sum((one.discount for one in settled), ZERO)
    settlement = Settlement(
        account.entity,
        account.number,
        row["CURRENCY"],
        tuple(application for application, _ in applied),
        Decimal(row["EXCHANGE_RATE"]),
        discount=discount,
        discount_account=discount_account(call, payment_type.document_types[0]) if discount else "",
    )
    accrual = payment(settlement, chart) if payment_type is VENDOR_PAYMENTS else receipt(settlement, chart)
    posting_list = [accrual]
    if CASH in books_kept(call.company.facts):
        documents = [each or _without_document(application, payment_type, row) for application, each in applied]
        posting_list.append(cash_basis(documents, accrual, chart, owner=account.entity))
    return posting_list


Applied = list[tuple[Application, SettledDocument | None]]


def _applied(
    call: FunctionCall, payment_type: PaymentType, row: Row, settled: Sequence[SettledDetail], account: PaymentAccount
) -> Applied:
    """The amounts that leave the control accounts, each with the document that the cash book shows for it."""
    chart = posting_rules(call.company)
    party = {payment_type.party: row[payment_type.party_id]}
    control = chart.payables if payment_type is VENDOR_PAYMENTS else chart.receivables
    applications: Applied = []
    for document_type, part in every_part(settled):
        if document_type is ADVANCES:
            applications += _from_advance(call, part, party, base=row["BASECURR"])
        elif document_type is OVERPAYMENTS:
            location = _overpayment_entity(call, part.key) or account.entity
            applications.append((Application(location, -part.trx_amount, -part.amount, party, control), None))
        else:
            application = Application(part.entity, part.trx_amount, part.amount, party, part.control or control)
            applications.append((application, _settled_document(call, document_type, part)))
    over = account.overpayment
    if over.amount:
        base = chart.rounding.to_base(over.amount, Decimal(row["EXCHANGE_RATE"]), row["BASECURR"])
        location = chart.entity_of.get(over.location, "") if over.location else account.entity
        applications.append((Application(location, over.amount, base, party, control), None))
    return applications


def _overpayment_entity(call: FunctionCall, key: str) -> str:
    over = call.company.facts.overpayments.get(key) or Overpayment()
    return posting_rules(call.company).entity_of.get(over.location, "") if over.location else ""


def _from_advance(call: FunctionCall, part: PaymentPart, party: Row, *, base: str) -> Applied:
    """An advance leaves the accounts of its lines."""
    lines = {line["RECORDNO"]: line for line in advance_lines(call, {"RECORDNO": part.key})}
    applications: Applied = []
    left, rounded = part.amount, posting_rules(call.company).rounding.round
    for location, (key, trx_amount) in enumerate(part.lines, 1):
        share = rounded(part.amount * trx_amount / part.trx_amount, base)
        share = left if location == len(part.lines) else share
        left -= share
        line = lines[key]
        application = Application(line.get("LOCATIONID", ""), -trx_amount, -share, party, line["ACCOUNTNO"])
        applications.append((application, None))
    return applications


def _settled_document(call: FunctionCall, document_type: DocumentType, part: PaymentPart) -> SettledDocument:
    row = call.company.table(document_type.object).get(int(part.key)) or {}
    whole = amount(row, "TRX_TOTALENTERED")
    return SettledDocument(stored_posting(call, document_type, row), part.trx_amount / whole if whole else ZERO)


def _without_document(application: Application, payment_type: PaymentType, row: Row) -> SettledDocument:
    """Customer money on account, which has no document, shows in the cash book as in accrual."""
    sign = 1 if payment_type is VENDOR_PAYMENTS else -1
    line = PostingLine(
        application.control,
        application.entity,
        application.amount * sign,
        application.trx_amount * sign,
        row["CURRENCY"],
        dimensions=application.dimensions,
    )
    return SettledDocument(Posting((line,)), Decimal(1))
