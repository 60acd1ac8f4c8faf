"""The stock of each warehouse: quantities, values and movements.

An item in a warehouse has a quantity and a value in the base currency of the warehouse's entity. Incoming goods add
their cost. Outgoing goods take the average cost of the stock, or the item's standard cost if the item has that cost
method or the stock is empty. A document's movements are kept to the cent, so that undoing them restores quantity and
value.
"""

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.company.company_facts import StockMovement
from intacct_emulator.ledger.amounts import amount
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.records.audit_fields import set_audit_fields
from intacct_emulator.records.references import Reference, find_reference
from intacct_emulator.settings.cells import Row, decimal_text
from intacct_emulator.settings.refusals import refused

STOCKED = ("Inventory", "Stockable Kit")
"""The types of items that are kept in stock."""
_WAREHOUSE = Reference(("WAREHOUSE",), "Warehouse")
_INFO, _TOTALS = "ITEMWAREHOUSEINFO", "INVENTORYTOTALDETAIL"
_MICRO = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """The document that moves stock."""

    object: str
    row: Row
    effect: str
    """`Quantity`, `Value`, or both, as the definition says."""


def is_stocked(item: Row) -> bool:
    """Whether the item is kept in stock."""
    return item.get("ITEMTYPE") in STOCKED


def warehouse_of(call: FunctionCall, item: Row, name: str) -> str:
    """The warehouse that a line names, or the item's own; required in a company that has warehouses."""
    name = name or item.get("DEFAULT_WAREHOUSE", "")
    if name:
        warehouse = find_reference(call.company, _WAREHOUSE, name, field="WAREHOUSEID")
        if warehouse.get("STATUS") == "inactive":
            raise refused(f"Warehouse '{name}' is inactive.", correction="Choose an active one.", field="WAREHOUSEID")
    elif call.company.table("WAREHOUSE").count():
        text = f"Required field warehouseid is missing for item {item['ITEMID']}."
        raise refused(text, correction="Name a warehouse, or give the item a default one.", field="WAREHOUSEID")
    return name


def cost_of(call: FunctionCall, item: Row, warehouse: str, quantity: Decimal, currency: str) -> Decimal:
    """The cost of an outgoing quantity, in a base currency."""
    rounded = posting_rules(call.company).rounding.round
    row = _info(call, item["ITEMID"], warehouse)
    on_hand, value = amount(row, "WONHAND"), _value(call, row)
    if item.get("COST_METHOD") == "Standard" or on_hand <= 0:
        return rounded(quantity * amount(item, "STANDARD_COST"), currency)
    if quantity >= on_hand:
        over = (quantity - on_hand) * amount(item, "STANDARD_COST")
        return value + rounded(over, currency)
    return rounded(value * quantity / on_hand, currency)


def apply_movement(call: FunctionCall, paper: SourceDocument, movement: StockMovement) -> None:
    """Apply one movement of a document, and keep it for `undo_movements`."""
    _check_enough(call, movement)
    _change(call, movement)
    _add_detail(call, paper, movement)
    movements, key = call.company.facts.stock_movements, (paper.object, paper.row["RECORDNO"])
    movements.put(*key, value=(*(movements.get(*key) or ()), movement))


def undo_movements(call: FunctionCall, paper: SourceDocument) -> None:
    """Undo the movements of a document."""
    movements, key = call.company.facts.stock_movements, (paper.object, paper.row["RECORDNO"])
    for movement in movements.get(*key) or ():
        _change(call, replace(movement, quantity=-movement.quantity, value=-movement.value))
    table = call.company.table(_TOTALS)
    for number, row in list(table.rows()):
        if row.get("DOCUMENTID") == paper.row["DOCID"]:
            table.delete(number)
    movements.put(*key, value=())


def _check_enough(call: FunctionCall, movement: StockMovement) -> None:
    if movement.quantity >= 0 or call.company.behaviour.negative_inventory:
        return
    on_hand = amount(_info(call, movement.item, movement.warehouse), "WONHAND")
    if on_hand + movement.quantity < 0:
        raise refused(
            f"There are {on_hand} of item {movement.item} on hand in warehouse {movement.warehouse or '(none)'}, and "
            f"{-movement.quantity} are to go out.",
            correction="Receive the item first, or send fewer.",
            field="QUANTITY",
        )


def _info(call: FunctionCall, item: str, warehouse: str) -> Row:
    for _, row in call.company.table(_INFO).rows():
        if row.get("ITEMID") == item and row.get("WAREHOUSEID", "") == warehouse:
            return row
    return {"ITEMID": item, "WAREHOUSEID": warehouse}


def _value(call: FunctionCall, row: Row) -> Decimal:
    return call.company.facts.stock_values.get(row["ITEMID"], row.get("WAREHOUSEID", "")) or Decimal(0)


def _change(call: FunctionCall, movement: StockMovement) -> None:
    company = call.company
    described, table = company.find(_INFO), company.table(_INFO)
    row = _info(call, movement.item, movement.warehouse)
    on_hand, value = amount(row, "WONHAND") + movement.quantity, _value(call, row) + movement.value
    company.facts.stock_values.put(row["ITEMID"], row.get("WAREHOUSEID", ""), value=value)
    row["WONHAND"] = decimal_text(on_hand)
    row["AVERAGE_COST"] = decimal_text((value / on_hand).quantize(_MICRO, ROUND_HALF_UP)) if on_hand else ""
    if movement.quantity > 0:
        row["LAST_COST"] = decimal_text((movement.value / movement.quantity).quantize(_MICRO, ROUND_HALF_UP))
    new = "RECORDNO" not in row
    set_audit_fields(call, described, row, new=new)
    row = {name: text for name, text in row.items() if text}
    if not new:
        table.update(int(row["RECORDNO"]), row)
        return
    if not table.plan.key_is_integer:
        row[table.plan.key] = str(table.next_number())
    table.insert(row)


def _add_detail(call: FunctionCall, paper: SourceDocument, movement: StockMovement) -> None:
    """Add a movement to the details of the quantities."""
    described, table = call.company.find(_TOTALS), call.company.table(_TOTALS)
    number = table.next_number()
    warehouses = call.company.table("WAREHOUSE").find("WAREHOUSEID", movement.warehouse) if movement.warehouse else []
    row: Row = {
        "ID": str(number),
        "ITEMID": movement.item,
        "WAREHOUSEKEY": str(warehouses[0]) if warehouses else "",
        "DOCUMENTID": paper.row["DOCID"],
        "TOTALNAME": "ONHAND",
        "QUANTITY": decimal_text(movement.quantity),
        "WHENCREATED": paper.row.get("WHENCREATED", ""),
        "EFFECTONINVENTORY": paper.effect.replace(" and ", " & "),
    }
    table.insert({name: text for name, text in row.items() if text and name in described.fields}, number)


def on_hand(call: FunctionCall) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    """Item and warehouse to the quantity on hand and what it is worth."""
    rows = (row for _, row in call.company.table(_INFO).rows())
    return {(row["ITEMID"], row.get("WAREHOUSEID", "")): (amount(row, "WONHAND"), _value(call, row)) for row in rows}
