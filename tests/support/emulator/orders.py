"""Documents of order entry and of stock, in documented shapes."""

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, query, rows
from support.emulator.legacy_documents import day


def item_of(emulator: Emulator, kind: str = "Inventory") -> str:
    found = emulator.company().table("ITEM").rows()
    return next(row["ITEMID"] for _, row in found if row["ITEMTYPE"] == kind and row["STATUS"] == "active")


def line(item: str, quantity: int, price: str, more: str = "") -> str:
    return (
        f"<sotransitem><itemid>{item}</itemid><quantity>{quantity}</quantity><unit>Each</unit><price>{price}</price>"
        f"{more}<locationid>110</locationid><departmentid>300</departmentid></sotransitem>"
    )


def sale(kind: str, number: str, lines: str, more: str = "") -> str:
    return (
        f"<create_sotransaction><transactiontype>{kind}</transactiontype>{day('datecreated')}{more}"
        f"<customerid>C20130</customerid><documentno>{number}</documentno><termname>N30</termname>"
        f"<sotransitems>{lines}</sotransitems></create_sotransaction>"
    )


def document(emulator: Emulator, doc_id: str, fields: str) -> dict[str, str]:
    where = f"<equalto><field>DOCID</field><value>{doc_id}</value></equalto>"
    return rows(data(emulator, query("SODOCUMENT", fields, where)))[0]


def moved(kind: str, number: str, *lines: tuple[str, int, str], warehouse: str = "WH-CMH") -> str:
    items = "".join(
        f"<ictransitem><itemid>{item}</itemid><warehouseid>{warehouse}</warehouseid><quantity>{quantity}</quantity>"
        f"{f'<cost>{cost}</cost>' if cost else ''}<locationid>110</locationid></ictransitem>"
        for item, quantity, cost in lines
    )
    head = f"<transactiontype>{kind}</transactiontype>{day('datecreated')}<documentno>{number}</documentno>"
    return f"<create_ictransaction>{head}<ictransitems>{items}</ictransitems></create_ictransaction>"
