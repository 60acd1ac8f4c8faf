"""The effect of orders on stock and ledger. Bodies in the order of "Create an Inventory Transaction (Legacy)"."""

from dataclasses import replace
from decimal import Decimal

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, faults, one, query, rows
from support.emulator.ledger_checks import assert_true, balances, change
from support.emulator.legacy_documents import cells, day, key_of
from support.emulator.orders import document, item_of, line, moved, sale

STOCK, COST, ADJUSTMENTS = "12000", "50000", "53000"


def on_hand(emulator: Emulator, item: str) -> list[list[str]]:
    where = f"<equalto><field>ITEMID</field><value>{item}</value></equalto>"
    found = rows(data(emulator, query("ITEMWAREHOUSEINFO", "WAREHOUSEID WONHAND AVERAGE_COST", where)))
    return [list(row.values()) for row in found]


def test_receipts_add_stock_at_cost_and_sales_take_the_average_cost(demo: Emulator) -> None:
    item, before = item_of(demo), balances(demo.company())
    key_of(demo, moved("Inventory Receipt", "R1", (item, 10, "5")))
    key_of(demo, moved("Inventory Receipt", "R2", (item, 10, "7")))
    assert on_hand(demo, item) == [["WH-CMH", "20", "6"]]
    assert change(before, balances(demo.company())) == {STOCK: Decimal(120), ADJUSTMENTS: Decimal(-120)}
    key_of(demo, moved("Inventory Shipper", "S1", (item, 5, "")))
    assert on_hand(demo, item) == [["WH-CMH", "15", "6"]]
    assert change(before, balances(demo.company())) == {STOCK: Decimal(90), ADJUSTMENTS: Decimal(-90)}
    assert_true(demo)


def test_a_sale_posts_its_cost_and_deleting_it_restores_the_stock(demo: Emulator) -> None:
    item = item_of(demo)
    key_of(demo, moved("Inventory Receipt", "R1", (item, 3, "10.01")))
    before = balances(demo.company())
    key = key_of(demo, sale("Sales Invoice", "X1", line(item, 2, "50")))
    assert on_hand(demo, item)[0][1] == "1"
    after = change(before, balances(demo.company()))
    assert (after[STOCK], after[COST]) == (Decimal("-20.02"), Decimal("20.02"))
    where = f"<equalto><field>DOCUMENTID</field><value>{key}</value></equalto>"
    detail = rows(data(demo, query("INVENTORYTOTALDETAIL", "ITEMID QUANTITY EFFECTONINVENTORY", where)))
    assert [list(row.values()) for row in detail] == [[item, "-2", "Quantity & Value"]]
    update = (
        f'<update_sotransaction key="{key}"><updatesotransitems><updatesotransitem line_num="1">'
        f"<itemid>{item}</itemid><quantity>3</quantity></updatesotransitem></updatesotransitems></update_sotransaction>"
    )
    key_of(demo, update)
    assert on_hand(demo, item)[0][1] == "0"
    assert change(before, balances(demo.company()))[STOCK] == Decimal("-30.03")
    assert_true(demo)
    assert (
        one(
            demo,
            f"<delete><object>SODOCUMENT</object><keys>{document(demo, key, 'RECORDNO')['RECORDNO']}</keys></delete>",
        ).status
        == "success"
    )
    assert on_hand(demo, item)[0][1] == "3"
    assert balances(demo.company()) == before
    assert_true(demo)


def test_a_vendor_invoice_adds_the_stock_that_its_bill_debits(demo: Emulator) -> None:
    item, before = item_of(demo), balances(demo.company())
    lines = line(item, 4, "25").replace("sotransitem", "potransitem")
    contact = "<returnto><contactname></contactname></returnto><payto><contactname></contactname></payto>"
    body = (
        f"<transactiontype>Vendor Invoice</transactiontype>{day('datecreated')}<vendorid>V10087</vendorid>"
        f"<documentno>P1</documentno><termname>N30</termname>{contact}<potransitems>{lines}</potransitems>"
    )
    key_of(demo, f"<create_potransaction>{body}</create_potransaction>")
    assert on_hand(demo, item) == [["WH-CMH", "4", "25"]]
    assert change(before, balances(demo.company())) == {STOCK: Decimal(100), "20000": Decimal(-100)}
    assert_true(demo)


def test_negative_stock_is_refused_where_the_setting_forbids_it(demo: Emulator) -> None:
    behaviour = replace(demo.settings.behaviour, negative_inventory=False)
    emulator = demo.clone(settings=replace(demo.settings, behaviour=behaviour))
    item = item_of(emulator)
    key_of(emulator, moved("Inventory Receipt", "R1", (item, 1, "5")))
    refusal = faults(emulator, moved("Inventory Shipper", "S1", (item, 2, "")))
    assert f"There are 1 of item {item} on hand in warehouse WH-CMH" in refusal[0].description2
    assert on_hand(emulator, item) == [["WH-CMH", "1", "5"]]
    assert (
        "Invalid Warehouse" in faults(emulator, moved("Inventory Receipt", "R9", (item, 1, "5"), warehouse="X"))[0].text
    )
    assert_true(emulator)
    emulator.close()


def test_deleting_an_invoice_restores_the_quantities_of_the_order(demo: Emulator) -> None:
    item = item_of(demo)
    key_of(demo, sale("Sales Order", "X1", line(item, 3, "10")))
    from_order = "<createdfrom>Sales Order-X1</createdfrom>"
    invoice = key_of(demo, sale("Sales Invoice", "X1", line(item, 3, "10"), from_order))
    assert document(demo, "Sales Order-X1", "STATE")["STATE"] == "Converted"
    assert "is converted" in faults(demo, '<delete_sotransaction key="Sales Order-X1"/>')[0].description2
    assert one(demo, f'<delete_sotransaction key="{invoice}"/>').status == "success"
    assert document(demo, "Sales Order-X1", "STATE")["STATE"] == "Pending"
    assert one(demo, '<delete_sotransaction key="Sales Order-X1"/>').status == "success"
    assert_true(demo)


def test_subtotals_post_by_amount_or_percentage_and_a_tax_to_its_account(demo: Emulator) -> None:
    item, before = item_of(demo), balances(demo.company())
    subtotals = (
        "<subtotals><subtotal><description>Freight</description><total>12</total></subtotal>"
        "<subtotal><description>OH Sales Tax</description><total></total><percentval>5.75</percentval></subtotal>"
        "</subtotals>"
    )
    invoice = sale("Sales Invoice", "X1", line(item, 1, "100")).replace("</create_so", f"{subtotals}</create_so")
    key = key_of(demo, invoice)
    assert document(demo, key, "TRX_SUBTOTAL TRX_TOTAL TOTALDUE") == {
        "TRX_SUBTOTAL": "100",
        "TRX_TOTAL": "117.75",
        "TOTALDUE": "117.75",
    }
    assert change(before, balances(demo.company()))["20500"] == Decimal("-5.75")
    kept = rows(data(demo, query("SODOCUMENTSUBTOTALS", "DESCRIPTION TRX_TOTAL PERCENTVAL")))
    assert [list(row.values()) for row in kept] == [["Freight", "12", ""], ["OH Sales Tax", "5.75", "5.75"]]
    update = (
        f'<update_sotransaction key="{key}"><updatesotransitems><updatesotransitem line_num="1">'
        f"<itemid>{item}</itemid><quantity>2</quantity></updatesotransitem></updatesotransitems></update_sotransaction>"
    )
    key_of(demo, update)
    behind = document(demo, key, "PRRECORDKEY")["PRRECORDKEY"]
    assert cells(demo, "ARINVOICE", behind, "TOTALDUE") == ["223.5"]
    assert_true(demo)
