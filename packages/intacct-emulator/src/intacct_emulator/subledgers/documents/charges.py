"""The lines of a document: their required fields, the cells filled from them, and the charge that each posts.

An account may be named by its label. A line without a vendor or customer of its own has the header's. In a company of
several entities every line needs a location, unless the session is in an entity.
"""

from collections.abc import Iterable
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.ledger.amounts import Rounding
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.dimensions import check_required, dimensions_of
from intacct_emulator.ledger.journals.allocations import FIELD, allocated_shares
from intacct_emulator.ledger.journals.taxes import GROSS, TAX_ENTRIES, set_net_amount, with_tax_rows
from intacct_emulator.ledger.posting import Charge
from intacct_emulator.records.references import REFERENCES, Reference, apply_references, find_reference
from intacct_emulator.settings.cells import Row, decimal_text
from intacct_emulator.settings.refusals import refused
from intacct_emulator.subledgers.document_types import DocumentType

_LABELS = {"VENDOR": "APACCOUNTLABEL", "CUSTOMER": "ARACCOUNTLABEL", "EMPLOYEE": "EEACCOUNTLABEL"}


def complete_lines(
    call: FunctionCall, document_type: DocumentType, header: Row, values: Row, *, party: Row
) -> list[Row]:
    """The rows to keep for a line: one, or one for each entry of the allocation it names, and rows for its taxes."""
    line = {name: text for name, text in values.items() if text}
    line["CURRENCY"] = _currency(call, header, line, party)
    if line.get(TAX_ENTRIES) and "DETAILKEY" not in call.company.find(document_type.line).fields:
        raise refused(
            f"Lines of {document_type.object} take no taxes.", correction="Leave TAXENTRIES out.", field=TAX_ENTRIES
        )
    if line.get(FIELD):
        return [
            complete_line(call, document_type, header, part, party=party)
            for part in _allocated(call, document_type, line)
        ]
    set_net_amount(call, line)
    return with_tax_rows(call, complete_line(call, document_type, header, line, party=party))


def _currency(call: FunctionCall, header: Row, line: Row, party: Row) -> str:
    """The currency of a line: the document's, else the party's, else the base currency of the line's entity."""
    location = line.get("LOCATIONID") or call.session.entity
    return header.get("CURRENCY") or party.get("CURRENCY") or posting_rules(call.company).base_of(location)


def _allocated(call: FunctionCall, document_type: DocumentType, line: Row) -> list[Row]:
    if line.get(TAX_ENTRIES) or line.get(GROSS):
        raise refused(
            "A line with taxes cannot be allocated.", correction="Leave out the taxes or the allocation.", field=FIELD
        )
    left = {name: text for name, text in line.items() if name not in (FIELD, "AMOUNT", "RECORDNO")}
    rounding, currency = posting_rules(call.company).rounding, line.get("CURRENCY", "")
    shares = allocated_shares(call, line[FIELD], _amount(rounding, document_type, line), currency)
    return [left | cells | {"TRX_AMOUNT": decimal_text(amount)} for cells, amount in shares]


def complete_line(call: FunctionCall, document_type: DocumentType, header: Row, values: Row, *, party: Row) -> Row:
    """The row to keep for a line, without its keys and audit fields. A line that cannot be posted is refused."""
    company = call.company
    described = company.find(document_type.line)
    row = {name: text for name, text in values.items() if text}
    if row.get("ACCOUNTLABEL") and not row.get("ACCOUNTNO"):
        _by_label(call, document_type, row)
    row.setdefault("ACCOUNTNO", party.get("APACCOUNT" if document_type.payable else "ARACCOUNT", ""))
    if not row["ACCOUNTNO"]:
        raise refused(
            f"Required field ACCOUNTNO is missing for {document_type.line}.", correction="Provide an account."
        )
    row["TRX_AMOUNT"] = decimal_text(_amount(posting_rules(company).rounding, document_type, row))
    if document_type.party and document_type.party_id in described.fields:
        row.setdefault(document_type.party_id, header.get(document_type.party_id, ""))
    row.setdefault("LOCATIONID", call.session.entity)
    chart = posting_rules(company)
    if not row["LOCATIONID"] and chart.several_entities:
        raise refused("Location is required in a company of several entities.", correction="Provide LOCATIONID.")
    apply_references(company, described, {name: text for name, text in row.items() if text}, row)
    account = find_reference(company, REFERENCES["ACCOUNTNO"], row["ACCOUNTNO"])
    row |= {"ACCOUNTTITLE": account.get("TITLE", ""), "ACCOUNTKEY": account.get("RECORDNO", "")}
    check_required(account, row | {"LOCATION": row["LOCATIONID"], "DEPARTMENT": row.get("DEPARTMENTID", "")})
    return {name: text for name, text in row.items() if text}


def _by_label(call: FunctionCall, document_type: DocumentType, row: Row) -> None:
    name = _LABELS.get(document_type.party, "APACCOUNTLABEL" if document_type.payable else "ARACCOUNTLABEL")
    label = find_reference(call.company, Reference((name,), "Account Label"), row["ACCOUNTLABEL"])
    row["ACCOUNTNO"] = label.get("GLACCOUNTNO", "")
    row["ACCOUNTLABELKEY"] = label.get("RECORDNO", "")


def _amount(rounding: Rounding, document_type: DocumentType, row: Row) -> Decimal:
    text = row.get("TRX_AMOUNT") or row.get("AMOUNT") or ""
    if not text:
        raise refused(
            f"Required field TRX_AMOUNT is missing for {document_type.line}.", correction="Provide an amount."
        )
    return rounding.sent("amount", text, row.get("CURRENCY", ""))


def with_base_amounts(row: Row, header: Row, rate: Decimal, rounding: Rounding) -> Row:
    """The line with its amounts in base currency and the cells that it repeats of its header."""
    trx_amount = Decimal(row["TRX_AMOUNT"])
    return row | {
        "AMOUNT": decimal_text(rounding.to_base(trx_amount, rate, header["BASECURR"])),
        "CURRENCY": header["CURRENCY"],
        "BASECURR": header["BASECURR"],
        "EXCHANGE_RATE": decimal_text(rate),
        "ENTRY_DATE": row.get("ENTRY_DATE") or header["WHENCREATED"],
        "RECORDTYPE": header["RECORDTYPE"],
        "STATE": header["STATE"],
        "LINEITEM": row.get("LINEITEM") or "T",
        "TOTALPAID": "0",
        "TRX_TOTALPAID": "0",
        "TOTALSELECTED": "0",
        "TRX_TOTALSELECTED": "0",
    }


def charge_of(document_type: DocumentType, row: Row, *, user_fields: Iterable[str]) -> Charge:
    """The charge that a stored line posts; `own` are the company's user-defined dimensions."""
    return Charge(
        row["ACCOUNTNO"],
        row.get("LOCATIONID", ""),
        Decimal(row["TRX_AMOUNT"]),
        row.get("DEPARTMENTID") or None,
        row.get(document_type.memo) or None,
        dimensions_of(row, user_fields),
    )
