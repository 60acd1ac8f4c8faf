"""Bank accounts and cards with their ledger accounts, and the deposits of receipts."""

from collections.abc import Callable

from msgspec.structs import replace

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.posting import Posting, balance_entities
from intacct_emulator.records.references import Reference, find_reference
from intacct_emulator.settings.cells import Row

BANKS = Reference(("CHECKINGACCOUNT", "SAVINGSACCOUNT"), "Bank Account")
_ANY_BANK = Reference(("CHECKINGACCOUNT", "SAVINGSACCOUNT", "CREDITCARD"), "Bank Account")


def bank_account(call: FunctionCall, name: str) -> tuple[str, str]:
    """The ledger account of a bank or a card, and its location."""
    bank = find_reference(call.company, _ANY_BANK, name, field="FINANCIALENTITY")
    return bank.get("GLACCOUNTNO") or bank.get("LIABACCTKEY", ""), bank.get("LOCATIONID", bank.get("LOCATION", ""))


def deposit_of(call: FunctionCall, receipt: Row) -> Row:
    """The deposit of a receipt; empty for a receipt in undeposited funds."""
    deposits = call.company.facts.deposits
    number = receipt["RECORDNO"]
    key = deposits.get(number) if deposits.was_set(number) else _find_deposit(call, receipt)
    return (call.company.table("DEPOSIT").get(int(key)) or {}) if key else {}


def set_deposit(call: FunctionCall, receipt: Row, key: str) -> None:
    """Keep the deposit of a receipt; an empty key puts the receipt back into undeposited funds."""
    call.company.facts.deposits.put(receipt["RECORDNO"], value=key)


def reversal_through_bank(call: FunctionCall, receipt: Row) -> Callable[[Posting], Posting]:
    """The change to the reversal of a receipt: money that was deposited leaves the bank, not undeposited funds."""
    deposit = deposit_of(call, receipt)
    waiting = receipt.get("UNDEPOSITEDACCOUNTNO", "")
    if not deposit or not waiting:
        return lambda posting: posting
    account, place = bank_account(call, deposit.get("FINANCIALENTITY", ""))
    chart = posting_rules(call.company)

    def change(posting: Posting) -> Posting:
        lines = [
            replace(line, account=account, location=place) if line.account == waiting else line
            for line in posting.lines
        ]
        return replace(posting, lines=balance_entities(lines, chart.entity_of[place], chart))

    return change


def _find_deposit(call: FunctionCall, receipt: Row) -> str:
    """The deposit that came with the demo company."""
    if not receipt.get("UNDEPOSITEDACCOUNTNO") or receipt.get("CLEARED") != "T":
        return ""
    description = f"Receipt {receipt.get('RECORDID', '')}"
    entries = (row for _, row in call.company.table("DEPOSITENTRY").rows() if row.get("DESCRIPTION") == description)
    return next((row.get("RECORDKEY", "") for row in entries), "")
