"""The posting of a document: its entity, currency and rate, its charges, and its totals."""

from collections.abc import Sequence
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.ledger.amounts import ZERO
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.dimensions import user_defined
from intacct_emulator.ledger.periods import day_of
from intacct_emulator.ledger.posting import Document, Posting, bill, invoice
from intacct_emulator.ledger.rates import exchange_rate, rate_type_number, unnamed_currency
from intacct_emulator.settings.cells import Row, decimal_text
from intacct_emulator.settings.refusals import refused
from intacct_emulator.subledgers.document_types import DocumentType, control_account
from intacct_emulator.subledgers.documents.charges import charge_of
from intacct_emulator.subledgers.documents.rows import every_line, party_of


def stored_posting(call: FunctionCall, document_type: DocumentType, row: Row) -> Posting:
    """The accrual posting of a stored document, made from its rows."""
    lines = every_line(call, document_type, row)
    owner = entity_of(call, row, lines, stored=True)
    control = lines[0].get("OFFSETGLACCOUNTNO", "") if lines else ""
    return posting_of(call, document_type, document_of(call, document_type, row, lines, owner), control)


def document_of(
    call: FunctionCall, document_type: DocumentType, row: Row, lines: Sequence[Row], owner: str
) -> Document:
    """The document as the posting rules take it."""
    party = (
        {document_type.party: row[document_type.party_id]}
        if document_type.party and row.get(document_type.party_id)
        else {}
    )
    user_fields = user_defined(call.company.catalog)
    charges = tuple(charge_of(document_type, one, user_fields=user_fields) for one in lines)
    rate_ = Decimal(row["EXCHANGE_RATE"])
    return Document(owner, row["CURRENCY"], charges, rate_, party, row.get("DESCRIPTION") or None)


def posting_of(call: FunctionCall, document_type: DocumentType, document: Document, control: str) -> Posting:
    """A document's lines against its control account."""
    chart = posting_rules(call.company)
    account = control_account(document_type, chart, control)
    return (
        bill(document, chart, control=account) if document_type.payable else invoice(document, chart, control=account)
    )


def control_named(
    call: FunctionCall, document_type: DocumentType, row: Row, lines: Sequence[Row], *, named: str
) -> str:
    """The control account that the document, one of its lines or the party names; empty for the company's own."""
    named = named or next((one["OFFSETGLACCOUNTNO"] for one in lines if one.get("OFFSETGLACCOUNTNO")), "")
    if named:
        return named
    if document_type.party not in ("VENDOR", "CUSTOMER"):
        return ""
    table = call.company.table(document_type.party)
    for number in table.find(document_type.party_id, row.get(document_type.party_id, "")):
        return (table.get(number) or {}).get("OFFSETGLACCOUNTNO", "")
    return ""


def entity_of(call: FunctionCall, row: Row, lines: Sequence[Row], *, stored: bool = False) -> str:
    """The entity of a document: where it was entered, else its first line's. A new one is entered in the session's."""
    here = "" if stored else call.session.entity
    place = here or row.get("MEGAENTITYID") or (lines[0].get("LOCATIONID", "") if lines else "")
    return posting_rules(call.company).entity_of.get(place, "")


def set_currency(call: FunctionCall, document_type: DocumentType, row: Row, owner: str) -> None:
    """Set the currencies and the rate; see the setting `unnamed_currency` for a document without a currency."""
    base = posting_rules(call.company).base_currency[owner]
    if row.get("BASECURR") and row["BASECURR"] != base:
        raise refused(
            f"The base currency of entity {owner or '(top level)'} is {base}, not {row['BASECURR']}.",
            correction="Name locations of an entity with that base currency, or leave BASECURR out.",
        )
    row["BASECURR"] = base
    row["CURRENCY"] = row.get("CURRENCY") or unnamed_currency(call, party_of(call, document_type, row), base)
    day = day_of(row, "WHENPOSTED" if row.get("WHENPOSTED") else "WHENCREATED")
    factor = exchange_rate(call.company, row, row["CURRENCY"], base, day=day)
    row["EXCHANGE_RATE"] = decimal_text(factor)
    if row.get("EXCH_RATE_TYPE_ID"):
        row["EXCH_RATE_TYPE_ID"] = rate_type_number(call.company, row["EXCH_RATE_TYPE_ID"])
    if factor != 1:
        row.setdefault("EXCH_RATE_DATE", row["WHENCREATED"])


def set_totals(row: Row, document: Document, posting: Posting, factor: Decimal) -> None:
    """Set the totals from the control account's lines, so that open items agree with it to the cent."""
    trx_total = sum((one.trx_amount for one in document.charges), ZERO)
    total = sum((abs(one.amount) for one in posting.lines if one.role == "control"), ZERO)
    total = total if trx_total >= 0 else -total
    for start, value in (("", total), ("TRX_", trx_total)):
        row[f"{start}TOTALENTERED"] = row[f"{start}TOTALDUE"] = decimal_text(value)
        row[f"{start}TOTALPAID"] = row[f"{start}TOTALSELECTED"] = "0"
    row["EXCHANGE_RATE"] = decimal_text(factor)
