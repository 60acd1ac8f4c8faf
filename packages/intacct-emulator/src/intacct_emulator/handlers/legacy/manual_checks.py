"""Manual checks: payments without a bill."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from intacct_emulator.access.rights import check_right
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.ledger.amounts import ZERO
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.dimensions import user_defined
from intacct_emulator.ledger.periods import day_of
from intacct_emulator.ledger.posting import Document, bill
from intacct_emulator.ledger.posting_rows import PAYABLES
from intacct_emulator.ledger.rates import exchange_rate
from intacct_emulator.records.audit_fields import CREATED, record_change, set_audit_fields
from intacct_emulator.records.effect_check import with_effect_check
from intacct_emulator.records.legacy_body import key_answer, row_of_body
from intacct_emulator.records.references import Reference, apply_references, find_reference
from intacct_emulator.settings.cells import Row, decimal_text
from intacct_emulator.settings.refusals import refused
from intacct_emulator.subledgers.document_types import DOCUMENT_TYPES, next_number
from intacct_emulator.subledgers.documents.charges import charge_of, complete_line
from intacct_emulator.subledgers.vouchers import Voucher, post, start_without_batches

_HEAD = (
    "bankaccountid:FINANCIALENTITY vendorid memo:DESCRIPTION paymentmethod checkdate:WHENCREATED checkno:DOCNUMBER "
    "currency exchratedate:EXCH_RATE_DATE exchratetype:EXCH_RATE_TYPE_ID exchrate:EXCHANGE_RATE"
)
_ITEM = (
    "glaccountno:ACCOUNTNO accountlabel paymentamount:TRX_AMOUNT departmentid locationid projectid taskid "
    "costtypeid customerid vendorid employeeid itemid classid"
)


def create_appayment(call: FunctionCall) -> FunctionAnswer:
    """Create a manual check: it debits the accounts that it names, without a bill."""
    check_right(call, "CREATE", "APPYMT")
    company, described = call.company, call.company.find("APPYMT")
    row = row_of_body(call, described, call.body, _HEAD)
    if not row.get("WHENCREATED"):
        raise refused("Required field checkdate is missing.", correction="Provide the day.")
    apply_references(company, described, dict(row), row)
    bank = find_reference(
        company, Reference(("CHECKINGACCOUNT", "SAVINGSACCOUNT"), "Bank Account"), row.get("FINANCIALENTITY", "")
    )
    rules = posting_rules(company)
    entity = rules.entity_of.get(bank.get("LOCATIONID", ""), "")
    base = rules.base_currency[entity]
    row["CURRENCY"], row["BASECURR"] = row.get("CURRENCY") or base, base
    factor = exchange_rate(company, row, row["CURRENCY"], base, day=day_of(row, "WHENCREATED"))
    lines = _lines(call, row)
    row |= {"RECORDNO": str(next_number(company, "PRRECORD")), "RECORDTYPE": "pp", "STATE": "Confirmed"}
    row |= {"DISPLAYSTATE": "Confirmed", "RECORDID": row.get("DOCNUMBER", ""), "WHENPAID": row["WHENCREATED"]}
    row |= {"EXCHANGE_RATE": decimal_text(factor), "PAYMENTMETHOD": row.get("PAYMENTMETHOD") or "Printed Check"}
    total = sum((Decimal(one["TRX_AMOUNT"]) for one in lines), ZERO)
    in_base = decimal_text(rules.rounding.to_base(total, factor, base))
    row |= {"TOTALENTERED": in_base, "TOTALPAID": in_base}
    row |= {"TRX_TOTALENTERED": decimal_text(total), "TRX_TOTALPAID": decimal_text(total)}
    _check_base_amount(call, in_base)
    set_audit_fields(call, described, row, new=True)
    company.table("APPYMT").insert(row)
    start_without_batches(call, "APPYMT", row)
    _post(call, row, lines, entity=entity, bank=bank, factor=factor)
    record_change(call, described, row, CREATED)
    return key_answer(row["RECORDNO"])


def _lines(call: FunctionCall, row: Row) -> list[Row]:
    """The accounts that the check debits, as the lines of a bill."""
    document_type, wrapper = DOCUMENT_TYPES["APBILL"], call.body.find("payitems")
    described = call.company.find(document_type.line)
    sent = [row_of_body(call, described, one, _ITEM) for one in (wrapper.children if wrapper is not None else ())]
    return [complete_line(call, document_type, row, one, party={}) for one in sent]


def _check_base_amount(call: FunctionCall, in_base: str) -> None:
    """Refuse a stated base amount that is not what the rate gives."""
    stated = call.body.findtext("basepaymentamount").strip()
    if stated and stated != in_base and Decimal(stated) != Decimal(in_base):
        raise refused(
            f"The basepaymentamount {stated} is not {in_base}, which the rate makes of it.",
            correction="Leave it out, or provide the exchange rate that it was made with.",
            field="basepaymentamount",
        )


def _post(call: FunctionCall, row: Row, lines: Sequence[Row], *, entity: str, bank: Row, factor: Decimal) -> None:
    user_fields = user_defined(call.company.catalog)
    charges = tuple(charge_of(DOCUMENT_TYPES["APBILL"], one, user_fields=user_fields) for one in lines)
    document = Document(entity, row["CURRENCY"], charges, factor, memo=row.get("DESCRIPTION") or None)
    posting = bill(document, posting_rules(call.company), control=bank.get("GLACCOUNTNO", ""))
    title = f"Payment {row.get('DOCNUMBER') or row['RECORDNO']}, {row.get('VENDORNAME', '')}"
    day = day_of(row, "WHENCREATED")
    post(call, posting, Voucher("APPYMT", row, "CDJ", PAYABLES, title, day, factor, in_every_book=True))


FUNCTIONS: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {
    "create_appayment": with_effect_check(create_appayment, "paymentamount basepaymentamount exchrate"),
}
