"""Payments, receipts and advances by the generic functions, and a credit by a legacy one."""

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import element
from support.emulator.legacy_documents import day, key_of, line

DAY = "11/20/2026"
CUSTOMER = "C20130"


def paid(*details: str, **cells: str) -> str:
    head = {"FINANCIALENTITY": "CHK-INS", "PAYMENTMETHOD": "EFT", "VENDORID": "V10087", "CURRENCY": "USD"}
    return (
        f"<create>{element('APPYMT', **(head | {'PAYMENTDATE': DAY} | cells), APPYMTDETAILS=''.join(details))}</create>"
    )


def received(*details: str, **cells: str) -> str:
    head = {"FINANCIALENTITY": "CHK-INS", "PAYMENTMETHOD": "EFT", "CUSTOMERID": CUSTOMER, "RECEIPTDATE": DAY}
    head |= {"CURRENCY": "USD", **cells}
    return f"<create>{element('ARPYMT', **head, ARPYMTDETAILS=''.join(details))}</create>"


def ap(**cells: str) -> str:
    return element("APPYMTDETAIL", **cells)


def ar(**cells: str) -> str:
    return element("ARPYMTDETAIL", **cells)


def credit(emulator: Emulator, amount: str, number: str = "CR-1") -> str:
    items = f"<apadjustmentitems>{line('60500', f'-{amount}')}</apadjustmentitems>"
    head = f"<vendorid>V10087</vendorid>{day('datecreated')}<adjustmentno>{number}</adjustmentno>"
    return key_of(emulator, f"<create_apadjustment>{head}{items}</create_apadjustment>")


def advance(amount: str, *more: str, **cells: str) -> str:
    items = "".join(
        element("ARADVANCEITEM", TRX_AMOUNT=one, LOCATIONID="110", DEPARTMENTID="300") for one in (amount, *more)
    )
    head = {"CUSTOMERID": CUSTOMER, "PAYMENTMETHOD": "EFT", "PAYMENTDATE": DAY, "RECEIPTDATE": DAY}
    head |= {"FINANCIALENTITY": "CHK-INS", **cells}
    return f"<create>{element('ARADVANCE', **head, ARADVANCEITEMS=items)}</create>"
