"""Manual checks: payments without a bill."""

from collections.abc import Callable
from decimal import Decimal

from intacct_bridge.emulator.access.rights import check_right
from intacct_bridge.emulator.accounting.amounts import ZERO
from intacct_bridge.emulator.accounting.chart import posting_rules
from intacct_bridge.emulator.accounting.dimensions import user_defined
from intacct_bridge.emulator.accounting.periods import day_of
from intacct_bridge.emulator.accounting.posting import Document, bill
from intacct_bridge.emulator.accounting.posting_rows import PAYABLES
from intacct_bridge.emulator.accounting.rates import exchange_rate
from intacct_bridge.emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_bridge.emulator.records.audit_fields import CREATED, record_change, set_audit_fields
from intacct_bridge.emulator.records.effect_check import with_effect_check
from intacct_bridge.emulator.records.legacy_body import key_answer, row_of_body
from intacct_bridge.emulator.records.references import Reference, apply_references, find_reference
from intacct_bridge.emulator.settings.cells import decimal_text
from intacct_bridge.emulator.settings.refusals import refused
from intacct_bridge.emulator.subledgers.documents.charges import charge_of, complete_line
from intacct_bridge.emulator.subledgers.families import FAMILIES, next_number
from intacct_bridge.emulator.subledgers.vouchers import Voucher, post, start_without_batches

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
    entity = posting_rules(company).entity_of.get(bank.get("LOCATIONID", ""), "")
    base = posting_rules(company).base_currency[entity]
    row["CURRENCY"], row["BASECURR"] = row.get("CURRENCY") or base, base
    day = day_of(row, "WHENCREATED")
    factor = exchange_rate(company, row, row["CURRENCY"], base, day=day)
    family, wrapper = FAMILIES["APBILL"], call.body.find("payitems")
    sent = [
        row_of_body(call, company.find(family.line), one, _ITEM)
        for one in (wrapper.children if wrapper is not None else ())
    ]
    lines = [complete_line(call, family, row, one, party={}) for one in sent]
    total = sum((Decimal(one["TRX_AMOUNT"]) for one in lines), ZERO)
    row |= {"RECORDNO": str(next_number(company, "PRRECORD")), "RECORDTYPE": "pp", "STATE": "Confirmed"}
    row |= {"DISPLAYSTATE": "Confirmed", "RECORDID": row.get("DOCNUMBER", ""), "WHENPAID": row["WHENCREATED"]}
    row |= {"EXCHANGE_RATE": decimal_text(factor), "PAYMENTMETHOD": row.get("PAYMENTMETHOD") or "Printed Check"}
    for name in ("TOTALENTERED", "TOTALPAID"):
        row |= {
            name: decimal_text(posting_rules(company).rounding.to_base(total, factor, base)),
            f"TRX_{name}": decimal_text(total),
        }
    base_text = call.body.findtext("basepaymentamount").strip()
    if base_text and base_text != row["TOTALENTERED"] and Decimal(base_text) != Decimal(row["TOTALENTERED"]):
        raise refused(
            f"The basepaymentamount {base_text} is not {row['TOTALENTERED']}, which the rate makes of it.",
            correction="Leave it out, or provide the exchange rate that it was made with.",
            field="basepaymentamount",
        )
    set_audit_fields(call, described, row, new=True)
    company.table("APPYMT").insert(row)
    start_without_batches(call, "APPYMT", row)
    own = user_defined(call.company.catalog)
    charges = tuple(charge_of(family, one, own=own) for one in lines)
    document = Document(entity, row["CURRENCY"], charges, factor, memo=row.get("DESCRIPTION") or None)
    title = f"Payment {row.get('DOCNUMBER') or row['RECORDNO']}, {row.get('VENDORNAME', '')}"
    posting = bill(document, posting_rules(company), control=bank.get("GLACCOUNTNO", ""))
    post(call, posting, Voucher("APPYMT", row, "CDJ", PAYABLES, title, day, factor, in_every_book=True))
    record_change(call, described, row, CREATED)
    return key_answer(row["RECORDNO"])


FUNCTIONS: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {
    "create_appayment": with_effect_check(create_appayment, "paymentamount basepaymentamount exchrate"),
}
