"""Functions that write records of an own company (see `own_company`), in documented shapes."""

from decimal import Decimal

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, element, one, query, rows


def day_of(tag: str, iso: str) -> str:
    """A date of a legacy function."""
    year, month, day = iso.split("-")
    return f"<{tag}><year>{year}</year><month>{int(month)}</month><day>{int(day)}</day></{tag}>"


def american(iso: str) -> str:
    year, month, day = iso.split("-")
    return f"{month}/{day}/{year}"


def journal(*lines: str, day: str = "2026-11-10", symbol: str = "GJ", location: str = "US", **head: str) -> str:
    """A journal entry; each line is `account side amount [FIELD=text ...]`."""
    body = ""
    for spelled in lines:
        account, side, amount, *more = spelled.split()
        cells = {"LOCATION": location, **dict(part.split("=") for part in more)}
        cells = {name: text for name, text in cells.items() if text}
        body += element("GLENTRY", ACCOUNTNO=account, TR_TYPE={"D": 1, "C": -1}[side], TRX_AMOUNT=amount, **cells)
    cells = {"JOURNAL": symbol, "BATCH_DATE": american(day), "BATCH_TITLE": "Entry", **head}
    return f"<create>{element('GLBATCH', **cells, ENTRIES=body)}</create>"


def bill(amount: str, *, day: str = "2026-11-10", location: str = "US", account: str = "6000", **head: str) -> str:
    line = {"ACCOUNTNO": account, "TRX_AMOUNT": amount, **({"LOCATIONID": location} if location else {})}
    cells = {"VENDORID": "V1", "WHENCREATED": american(day), "WHENDUE": american(day), **head}
    return f"<create>{element('APBILL', **cells, APBILLITEMS=element('APBILLITEM', **line))}</create>"


def invoice(
    amount: str, *, day: str = "2026-11-10", location: str = "US", account: str = "4000", more: str = ""
) -> str:
    place = f"<locationid>{location}</locationid>" if location else ""
    line = f"<lineitem><glaccountno>{account}</glaccountno><amount>{amount}</amount>{place}</lineitem>"
    head = f"<customerid>C1</customerid>{day_of('datecreated', day)}{day_of('datedue', day)}"
    return f"<create_invoice>{head}{more}<invoiceitems>{line}</invoiceitems></create_invoice>"


def expense(amount: str, *, day: str = "2026-11-10", location: str = "US") -> str:
    spent = f"<expensedate><year>2026</year><month>{int(day[5:7])}</month><day>{int(day[8:])}</day></expensedate>"
    place = f"<locationid>{location}</locationid>" if location else ""
    line = f"<expense><glaccountno>6100</glaccountno><amount>{amount}</amount>{spent}{place}</expense>"
    head = f"<employeeid>E1</employeeid>{day_of('datecreated', day)}"
    return f"<create_expensereport>{head}<expenses>{line}</expenses></create_expensereport>"


def payment(key: str, amount: str, *, day: str = "2026-11-20", bank: str = "BANK-US", **head: str) -> str:
    detail = element("APPYMTDETAIL", RECORDKEY=key, TRX_PAYMENTAMOUNT=amount)
    cells = {"FINANCIALENTITY": bank, "VENDORID": "V1", "PAYMENTMETHOD": "EFT", "PAYMENTDATE": american(day)}
    return f"<create>{element('APPYMT', **{**cells, 'CURRENCY': 'USD', **head}, APPYMTDETAILS=detail)}</create>"


def receipt(key: str, amount: str, *, day: str = "2026-11-20", bank: str = "BANK-US", **head: str) -> str:
    detail = element("ARPYMTDETAIL", RECORDKEY=key, TRX_PAYMENTAMOUNT=amount)
    cells = {"FINANCIALENTITY": bank, "CUSTOMERID": "C1", "PAYMENTMETHOD": "EFT", "RECEIPTDATE": american(day)}
    return f"<create>{element('ARPYMT', **{**cells, 'CURRENCY': 'USD', **head}, ARPYMTDETAILS=detail)}</create>"


def key_of(emulator: Emulator, function: str) -> str:
    """The record number of a record that a function creates."""
    result = one(emulator, function)
    assert result.status == "success", result.faults
    if result.key:
        return result.key
    assert result.data is not None
    return result.data.children[0].findtext("RECORDNO")


def detail(emulator: Emulator, fields: str = "ACCOUNTNO AMOUNT", book: str = "ACCRUAL") -> list[list[str]]:
    """Cells of GLDETAIL in a book, in the order of the rows."""
    where = f"<equalto><field>BOOKID</field><value>{book}</value></equalto>"
    return [list(row.values()) for row in rows(data(emulator, query("GLDETAIL", fields, where)))]


def span(first: str, last: str) -> str:
    return day_of("startdate", first) + day_of("enddate", last)


def trial_balance(emulator: Emulator, first: str, last: str, more: str = "") -> dict[str, tuple[Decimal, ...]]:
    """Account → opening, debits, credits, end of a trial balance."""
    page = data(emulator, f"<get_trialbalance>{span(first, last)}{more}</get_trialbalance>")
    names = ("startbalance", "debits", "credits", "endbalance")
    return {row["glaccountno"]: tuple(Decimal(row[name]) for name in names) for row in rows(page)}
