"""Documents of accounts payable and receivable by the legacy functions, in documented shapes."""

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, one, query, rows

YMD = "<{0}><year>2026</year><month>11</month><day>{1}</day></{0}>"


def day(tag: str, number: int = 20) -> str:
    return YMD.format(tag, number)


def line(account: str, amount: str, more: str = "") -> str:
    return (
        f"<lineitem><glaccountno>{account}</glaccountno><amount>{amount}</amount><memo>m</memo>"
        f"<locationid>110</locationid><departmentid>100</departmentid>{more}</lineitem>"
    )


def bill(number: str = "L-1", more: str = "", lines: str = "") -> str:
    return (
        f"<create_bill><vendorid>V10087</vendorid>{day('datecreated')}<termname>N30</termname>"
        f"<billno>{number}</billno><description>d</description>{more}"
        f"<billitems>{lines or line('60500', '100.00')}</billitems></create_bill>"
    )


def invoice(number: str = "I-1", amount: str = "250.00", customer: str = "C20130") -> str:
    return (
        f"<create_invoice><customerid>{customer}</customerid>{day('datecreated')}{day('datedue', 30)}"
        f"<invoiceno>{number}</invoiceno><invoiceitems>{line('41100', amount)}</invoiceitems></create_invoice>"
    )


def receipt(amount: str, *applied: tuple[str, str], more: str = "<bankaccountid>CHK-INS</bankaccountid>") -> str:
    items = "".join(
        f"<arpaymentitem><invoicekey>{key}</invoicekey><amount>{part}</amount></arpaymentitem>" for key, part in applied
    )
    return (
        f"<create_arpayment><customerid>C20130</customerid><paymentamount>{amount}</paymentamount>{more}"
        f"<refid>R</refid>{day('datereceived')}<paymentmethod>EFT</paymentmethod>{items}</create_arpayment>"
    )


def key_of(emulator: Emulator, function: str) -> str:
    result = one(emulator, function)
    assert result.status == "success", result.faults
    assert result.key
    return result.key


def cells(emulator: Emulator, name: str, key: str, fields: str) -> list[str]:
    where = f"<equalto><field>RECORDNO</field><value>{key}</value></equalto>"
    return list(rows(data(emulator, query(name, fields, where)))[0].values())
