"""Deposits: receipts brought together from undeposited funds to a bank account, and deposits deleted."""

from collections.abc import Callable

from msgspec.structs import replace

from intacct_emulator.access.rights import check_right
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.ledger.amounts import ZERO, amount
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.periods import day_of
from intacct_emulator.ledger.posting import Posting, PostingLine, balance_entities
from intacct_emulator.ledger.posting_rows import CASH_MANAGEMENT
from intacct_emulator.records.audit_fields import CREATED, DELETED, record_change, set_audit_fields
from intacct_emulator.records.legacy_body import find_number, key_answer, row_of_body
from intacct_emulator.records.references import REFERENCES, find_reference
from intacct_emulator.settings.cells import Row, decimal_text
from intacct_emulator.settings.refusals import refused
from intacct_emulator.subledgers.cash.banking import BANKS, deposit_of, set_deposit
from intacct_emulator.subledgers.document_types import next_number
from intacct_emulator.subledgers.vouchers import (
    Voucher,
    accrual_posting,
    post,
    start_without_batches,
    withdraw_all,
)
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.xml.xml import Element

_BODY = "bankaccountid:FINANCIALENTITY depositdate:WHENCREATED depositid description supdocid"


def record_deposit(call: FunctionCall) -> FunctionAnswer:
    """Deposit receipts from undeposited funds in a bank account."""
    check_right(call, "CREATE", "DEPOSIT")
    company, body = call.company, call.body
    described = company.find("DEPOSIT")
    row = row_of_body(call, described, body, _BODY)
    bank = find_reference(company, BANKS, row["FINANCIALENTITY"], field="FINANCIALENTITY")
    receipts = _receipts(call, body.find("receiptkeys") or body.find("receipts"))
    chart = posting_rules(company)
    entity = chart.entity_of.get(bank.get("LOCATIONID", ""), "")
    total = sum((amount(one, "TOTALENTERED") for one in receipts), ZERO)
    row |= {"RECORDNO": str(next_number(company, "PRRECORD")), "RECORDTYPE": "rd", "STATE": "A", "RAWSTATE": "A"}
    row |= {"BASECURR": chart.base_currency[entity], "CURRENCY": chart.base_currency[entity], "CLEARED": "F"}
    row |= {"TOTALENTERED": decimal_text(total), "TRX_TOTALENTERED": decimal_text(total)}
    row["BATCHDATE"] = row["WHENCREATED"]
    set_audit_fields(call, described, row, new=True)
    company.table("DEPOSIT").insert(row)
    start_without_batches(call, "DEPOSIT", row)
    lines = [line for one in receipts for line in _deposited_lines(call, row, one, bank)]
    _post(call, row, lines, entity=entity)
    record_change(call, described, row, CREATED)
    return key_answer(row["RECORDNO"])


def delete(call: FunctionCall, described: ObjectDef, number: int) -> None:
    """Delete a deposit; its receipts are back in undeposited funds."""
    company = call.company
    row = company.table("DEPOSIT").get(number) or {}
    for _, receipt in company.table("ARPYMT").rows():
        if receipt.get("UNDEPOSITEDACCOUNTNO") and deposit_of(call, receipt).get("RECORDNO") == row["RECORDNO"]:
            _check_complete(receipt)
            set_deposit(call, receipt, "")
    withdraw_all(call, "DEPOSIT", row)
    for line in company.table("DEPOSITENTRY").find("RECORDKEY", row["RECORDNO"]):
        company.table("DEPOSITENTRY").delete(line)
    company.table("DEPOSIT").delete(number)
    record_change(call, described, row, DELETED)


def _check_complete(receipt: Row) -> None:
    if receipt.get("STATE") != "Complete":
        raise refused(
            f"Receipt {receipt['RECORDNO']} of the deposit is {receipt.get('STATE', '').lower()}.",
            correction="A deposit with a reversed receipt cannot be deleted.",
        )


def _receipts(call: FunctionCall, wrapper: Element | None) -> list[Row]:
    receipts: list[Row] = []
    for node in wrapper.children if wrapper is not None else ():
        number = find_number(call, "ARPYMT", node.text.strip())
        row = call.company.table("ARPYMT").get(number) or {}
        undeposited = row.get("UNDEPOSITEDACCOUNTNO") and not row.get("FINANCIALENTITY") and row not in receipts
        if not undeposited or row.get("STATE") != "Complete" or deposit_of(call, row):
            raise refused(
                f"Receipt {number} is not in undeposited funds.", correction="Provide receipts in undeposited funds."
            )
        receipts.append(row)
    if not receipts:
        raise refused("The deposit has no receipts.", correction="Provide receiptkeys.")
    return receipts


def _deposited_lines(call: FunctionCall, deposit: Row, receipt: Row, bank: Row) -> list[PostingLine]:
    """Keep a receipt's row of the deposit; gives the lines that move its amount to the bank."""
    company, described = call.company, call.company.find("DEPOSITENTRY")
    account = receipt["UNDEPOSITEDACCOUNTNO"]
    gl_account = find_reference(company, REFERENCES["ACCOUNTNO"], account)
    cells: Row = {
        "RECORDKEY": deposit["RECORDNO"],
        "RECORDTYPE": "rd",
        "ACCOUNTNO": account,
        "ACCOUNTKEY": gl_account.get("RECORDNO", ""),
        "ACCOUNTTITLE": gl_account.get("TITLE", ""),
        "AMOUNT": receipt["TOTALENTERED"],
        "TRX_AMOUNT": receipt["TRX_TOTALENTERED"],
        "LOCATIONID": bank.get("LOCATIONID", ""),
        "DESCRIPTION": f"Receipt {receipt.get('RECORDID') or receipt['RECORDNO']}",
        "LINEITEM": "T",
        "CURRENCY": deposit["CURRENCY"],
        "BASECURR": deposit["BASECURR"],
        "STATUS": "active",
    }
    set_audit_fields(call, described, cells, new=True)
    company.table("DEPOSITENTRY").insert(cells, next_number(company, "PRENTRY"))
    set_deposit(call, receipt, deposit["RECORDNO"])
    memo = deposit.get("DEPOSITID") or deposit["RECORDNO"]
    lines: list[PostingLine] = []
    for line in accrual_posting(call, "ARPYMT", receipt).lines:
        if line.account == account:
            money = replace(line, currency=deposit["CURRENCY"], trx_amount=line.amount, memo=memo, dimensions={})
            lines.append(replace(money, amount=-line.amount, trx_amount=-line.amount))
            lines.append(replace(money, account=bank.get("GLACCOUNTNO", ""), location=bank.get("LOCATIONID", "")))
    return lines


def _post(call: FunctionCall, row: Row, lines: list[PostingLine], *, entity: str) -> None:
    memo = row.get("DEPOSITID") or row["RECORDNO"]
    posting = Posting(balance_entities(lines, entity, posting_rules(call.company)))
    day = day_of(row, "WHENCREATED")
    title = f"Deposit {memo}"
    shown = row | {"RECORDID": memo}
    post(call, posting, Voucher("DEPOSIT", shown, "CRJ", CASH_MANAGEMENT, title, day, in_every_book=True))


FUNCTIONS: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {"record_deposit": record_deposit}
