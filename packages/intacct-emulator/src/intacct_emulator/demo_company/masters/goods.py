"""Goods and their transactions: units, items, warehouses and transaction definitions."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from intacct_emulator.demo_company.generator.record_stamps import RecordStamps
from intacct_emulator.demo_company.generator.world import Item, World
from intacct_emulator.ledger.posting_rows import TypedRow

Rows = Iterator[tuple[str, TypedRow]]


def goods_rows(world: World, stamps: RecordStamps) -> Rows:
    """Units, product lines, ledger groups, items, warehouses, and the definitions of their transactions."""
    audit = _plain(stamps.imported())
    yield from _groups(world, audit, stamps)
    for item in world.items:
        yield "ITEM", _item(item, world, stamps)
    for key, (id_, name, location) in enumerate(world.data["warehouses"], 1):
        warehouse: TypedRow = {
            "RECORDNO": key,
            "WAREHOUSEID": id_,
            "NAME": name,
            "LOCATIONID": location,
            "LOC.LOCATIONID": location,
            "USEDINGL": False,
            "STATUS": "active",
            **audit,
        }
        yield "WAREHOUSE", warehouse
    yield from _definitions(world, audit)


def _item(item: Item, world: World, stamps: RecordStamps) -> TypedRow:
    stocked = item.type == "Inventory"
    audit = stamps.imported(world.calendar.start + timedelta(days=200) if item.key % 3 == 0 else None)
    return {
        "RECORDNO": item.key,
        "ITEMID": item.id,
        "NAME": item.name,
        "STATUS": item.status,
        "ITEMTYPE": item.type,
        "PRODUCTLINEID": item.line,
        "PRODUCTTYPE": "Service" if item.line in ("SERV", "SUBS") else "Item for Resale",
        "COST_METHOD": "Average",
        "DEFAULT_CONVERSIONTYPE": "Quantity",
        "BASEPRICE": Decimal(item.price),
        "STANDARD_COST": Decimal(item.cost),
        "UOMGRP": item.unit,
        "BASEUOM": item.unit,
        "GLGROUP": {"INSTR": "Instruments", "PARTS": "Parts"}.get(item.line, "Services"),
        "TAXABLE": "true" if stocked else "false",
        "ALLOW_BACKORDER": "true" if stocked else "false",
        "DEFAULT_WAREHOUSE": "WH-CMH" if stocked else None,
        "EXTENDED_DESCRIPTION": None,
        "HASSTARTENDDATES": item.line == "SUBS",
        **_plain(audit),
    }


def _plain(audit: TypedRow) -> TypedRow:
    """Audit cells without the login ids, which these objects do not have."""
    return {cell: audit[cell] for cell in ("WHENCREATED", "WHENMODIFIED", "CREATEDBY", "MODIFIEDBY")}


def _groups(world: World, audit: TypedRow, stamps: RecordStamps) -> Rows:
    for key, name in enumerate(world.data["units"], 1):
        yield "UOM", {"RECORDNO": key, "NAME": name, "ISSYSTEM": key == 1, "INVUOM": name, "POUOM": name, **audit}
        unit: TypedRow = {"RECORDNO": key, "UNIT": name, "ABBREVIATION": name[:2], "GRPKEY": key, "NUMDECIMALS": 0}
        yield "UOMDETAIL", {**unit, "ISBASE": True, **audit}
    for key, (id_, description) in enumerate(world.data["product_lines"], 1):
        line: TypedRow = {"RECORDNO": key, "PRODUCTLINEID": id_, "DESCRIPTION": description, "STATUS": "active"}
        yield "PRODUCTLINE", {**line, **audit}
    accounts = world.directory.accounts
    for key, name in enumerate(world.data["item_gl_groups"], 1):
        group: TypedRow = {"RECORDNO": key, "NAME": name, "ISSYSTEM": "false", **audit}
        if name != "Services":
            stock, cost, income = ("12000", "50000", "40000") if name == "Instruments" else ("12100", "50100", "40100")
            group |= {"INVACCTKEY": accounts[stock][0], "COGSACCTKEY": accounts[cost][0]}
            group["INCOMEACCTKEY"] = accounts[income][0]
        yield "ITEMGLGROUP", group
    for key, (id_, kind, value, account, country) in enumerate(world.data["tax_details"], 1):
        tax: TypedRow = {
            "RECORDNO": key,
            "DETAILID": id_,
            "DESCRIPTION": id_,
            "TAXTYPE": kind,
            "VALUE": Decimal(value),
            "GLACCOUNT": account,
            "TAXAUTHORITY": "Canada" if country == "CA" else "State",
            "INCLUDE": "Full Amount",
            "STATUS": "active",
            "SYSGENERATED": False,
            "TAXRATE": "Standard" if country == "CA" else None,
            "WHENCREATED": audit["WHENCREATED"],
            "WHENMODIFIED": audit["WHENMODIFIED"],
            **stamps.owner("300" if country == "CA" else None),
        }
        yield "TAXDETAIL", tax


def _effects(object_: str, class_: str, category: str) -> TypedRow:
    """The cells that say what a transaction does to the stock and to the ledger."""
    inventory = object_ == "INVDOCUMENTPARAMS"
    if class_ != "Invoice" and not (inventory and class_ == "Adjustment"):
        return {"UPDATES_INV": "No", "UPDATES_GL": "N"}
    out = category == "Shipping" or object_ == "SODOCUMENTPARAMS"
    direction = "Decrease" if out else "Increase"
    return {"UPDATES_INV": "Quantity and Value", "IN_OUT": direction, "UPDATES_GL": "G" if inventory else "A"}


def _definitions(world: World, audit: TypedRow) -> Rows:
    shared: TypedRow = {"USERPERM": False, "ENABLE_SEQNUM": True, "STATUS": "active", **audit}
    for key, (object_, id_, class_, category) in enumerate(world.data["definitions"], 1):
        sale = object_ == "SODOCUMENTPARAMS"
        row: TypedRow = {
            "RECORDNO": str(key),
            "DOCID": id_,
            "DESCRIPTION": id_,
            "DOCCLASS": class_,
            "CATEGORY": category,
            "SEQUENCE": id_,
            **_effects(object_, class_, category),
            "EDITTYPE": "All",
            "DELTYPE": "All",
            "CREATETYPE": "New document or Convert",
            "CUST_VEND": "Customer" if sale else ("Vendor" if object_ == "PODOCUMENTPARAMS" else "Warehouse"),
            "SALE_PUR_TRANS": "Sale" if sale else ("Purchase" if object_ == "PODOCUMENTPARAMS" else "Internal"),
            **shared,
        }
        yield object_, row
