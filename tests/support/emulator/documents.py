"""Bills and payments by the generic functions, in documented shapes."""

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, element, query, rows

VENDOR = "V10087"
DAY = "11/20/2026"


def bill(*lines: str, **cells: str) -> str:
    """A bill; each line is `account amount [FIELD=text ...]`."""
    head = {"VENDORID": VENDOR, "WHENCREATED": DAY, "WHENDUE": "12/20/2026", "RECORDID": "T-1", **cells}
    return f"<create>{element('APBILL', **head, APBILLITEMS=''.join(map(item, lines or LINES)))}</create>"


def item(spelled: str) -> str:
    account, amount, *more = spelled.split()
    cells = {"LOCATIONID": "110", "DEPARTMENTID": "100", **dict(part.split("=") for part in more)}
    return element("APBILLITEM", ACCOUNTNO=account, TRX_AMOUNT=amount, **cells)


LINES = ("60500 100.00", "61200 23.45")


def payment(key: str, amount: str = "", **cells: str) -> str:
    head = {"FINANCIALENTITY": "CHK-INS", "PAYMENTMETHOD": "EFT", "VENDORID": VENDOR, "CURRENCY": "USD"}
    detail = element("APPYMTDETAIL", RECORDKEY=key, **({"TRX_PAYMENTAMOUNT": amount} if amount else {}))
    head |= {"PAYMENTDATE": DAY, **cells}
    return f"<create>{element('APPYMT', **head, APPYMTDETAILS=detail)}</create>"


def made(emulator: Emulator, function: str) -> str:
    return data(emulator, function).children[0].findtext("RECORDNO")


def state(emulator: Emulator, key: str, name: str = "APBILL") -> dict[str, str]:
    fields = "STATE TOTALENTERED TOTALPAID TOTALDUE TRX_TOTALDUE"
    where = f"<equalto><field>RECORDNO</field><value>{key}</value></equalto>"
    return rows(data(emulator, query(name, fields, where)))[0]
