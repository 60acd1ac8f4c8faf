"""The effect of an order transaction on the stock, and the posting of its cost.

The transaction definition decides. `UPDATES_INV` says whether quantities, values or both move. Sales go out, purchases
come in, and inventory transactions follow `IN_OUT`. If values move and `UPDATES_GL` is not N, the cost posts between
the item's inventory account and its cost of goods sold (sales) or the company's account for inventory adjustments. A
vendor invoice posts no cost: its bill debits the inventory account itself.

Cost of goods sold can close at another cost than it was posted at. It is adjusted by creating a record of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.company.company_facts import StockMovement
from intacct_emulator.ledger.amounts import amount
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.dimensions import dimensions_of, user_defined
from intacct_emulator.ledger.periods import day_of
from intacct_emulator.ledger.posting import Posting, PostingLine, balance_entities
from intacct_emulator.ledger.posting_rows import INVENTORY
from intacct_emulator.orders.lines import ITEM, account_by_rule, account_for
from intacct_emulator.orders.stock import (
    SourceDocument,
    apply_movement,
    cost_of,
    is_stocked,
    undo_movements,
    warehouse_of,
)
from intacct_emulator.records.drafts import Draft
from intacct_emulator.records.record_store import update_cells
from intacct_emulator.records.references import find_reference
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.refusals import refused
from intacct_emulator.subledgers.vouchers import Voucher, batches_of, post, withdraw_all

JOURNAL = "INVJ"
_NO = ("", "No")


@dataclass(frozen=True, slots=True)
class StockEffect:
    """The effect of a transaction definition on the stock."""

    sign: int
    quantity: bool
    value: bool
    posts: bool
    adjusts: bool
    """Whether it is an inventory transaction without a party, whose lines may give their cost."""
    offset: tuple[str, ...]
    """Fields of the item's account on the other side, the first with a value; else the company's account."""
    text: str

    @classmethod
    def of(cls, definition: Row, party: str) -> "StockEffect | None":
        """The effect of a definition; None if it does not touch the stock."""
        text = definition.get("UPDATES_INV", "No")
        if text in _NO:
            return None
        direction = definition.get("IN_OUT") or {"CUSTOMER": "Decrease", "VENDOR": "Increase"}.get(party, "")
        if not direction:
            direction = "Decrease" if definition.get("CATEGORY") in ("Shipping", "Shipper") else "Increase"
        updates = definition.get("UPDATES_GL", "N")
        posts = "Value" in text and updates != "N" and not (party == "VENDOR" and updates == "A")
        offset = ("COGSACCTKEY",) if party == "CUSTOMER" else ("OFFSETPOGLACCOUNTKEY",) if party == "VENDOR" else ()
        return cls(
            1 if direction == "Increase" else -1, "Quantity" in text, "Value" in text, posts, not party, offset, text
        )


def apply(call: FunctionCall, object_name: str, row: Row, lines: Sequence[Row], *, definition: Row, party: str) -> None:
    """Move the stock of the lines, and post its cost."""
    effect = StockEffect.of(definition, party)
    if effect is None or row.get("STATE") == "Draft":
        return
    posted: list[PostingLine] = []
    for line in lines:
        item = find_reference(call.company, ITEM, line["ITEMID"])
        if is_stocked(item):
            movement = _movement(call, effect, line, item)
            posted += (
                _lines(call, effect, line | {name: row[name] for name in ("BASECURR", "DOCPARID")}, item, movement)
                if effect.posts and movement.value
                else []
            )
            # The cost of a line counts the movements of the lines before it.
            apply_movement(call, SourceDocument(object_name, row, effect.text), movement)
    if posted:
        chart = posting_rules(call.company)
        owner = chart.entity_of[posted[0].location]
        posting = Posting(balance_entities(posted, owner, chart))
        title = f"Cost of {row['DOCID']}"
        day = day_of(row, "WHENPOSTED" if row.get("WHENPOSTED") else "WHENCREATED")
        voucher = Voucher(
            object_name, row | {"RECORDTYPE": "ic", "RECORDID": row["DOCNO"]}, JOURNAL, INVENTORY, title, day
        )
        post(call, posting, voucher)


def undo(call: FunctionCall, object_name: str, row: Row) -> None:
    """Undo the stock movements and the posting of a transaction."""
    undo_movements(call, SourceDocument(object_name, row, ""))
    if batches_of(call, object_name, row):
        withdraw_all(call, object_name, row)


def _movement(call: FunctionCall, effect: StockEffect, line: Row, item: Row) -> StockMovement:
    warehouse = warehouse_of(call, item, line.get("WAREHOUSE.LOCATION_NO", ""))
    quantity = amount(line, "QUANTITY")
    cost_is_given = effect.sign > 0 or (effect.adjusts and line.get("COST"))
    base = line.get("BASECURR", "")
    value = amount(line, "TOTAL") if cost_is_given else cost_of(call, item, warehouse, quantity, base)
    moved = quantity if effect.quantity else Decimal(0)
    worth = value * effect.sign if effect.value else Decimal(0)
    return StockMovement(item["ITEMID"], warehouse, moved * effect.sign, worth)


def _lines(call: FunctionCall, effect: StockEffect, line: Row, item: Row, movement: StockMovement) -> list[PostingLine]:
    place = line.get("LOCATIONID") or call.session.entity
    stock = account_for(call, item, ("INVACCTKEY",))
    ruled = account_by_rule(call, line["DOCPARID"], line, item) if effect.adjusts else ""
    other = ruled or (account_for(call, item, effect.offset) if effect.offset else "")
    other = other or call.company.facts.posting_accounts.get("inventory_offset") or ""
    if not stock or not other:
        raise refused(
            f"Item {item['ITEMID']} has no account for its {'stock' if not stock else 'cost'} to post to.",
            correction="Give the item, or its GL group, an inventory and a cost account.",
        )
    memo = f"{line.get('QUANTITY', '')} × {item.get('NAME', '')}"
    user_fields = user_defined(call.company.catalog)
    named = dimensions_of(line, user_fields) | {"ITEM": item["ITEMID"]}
    if movement.warehouse:
        named["WAREHOUSE"] = movement.warehouse
    base = line["BASECURR"]
    department = line.get("DEPARTMENTID") or None
    return [
        PostingLine(other, place, -movement.value, -movement.value, base, department, memo, named),
        PostingLine(stock, place, movement.value, movement.value, base, None, memo, named),
    ]


def adjust(call: FunctionCall, draft: Draft) -> Row:
    """Mark the closed cost as adjusted; the difference is not posted."""
    key = draft.get("RECORDNO")
    table = call.company.table(draft.described)
    for number in table.find(table.plan.key, key):
        return update_cells(call, draft.described, number, {"NEEDSADJUSTMENT": "false", "MANUAL_ADJUSTMENT": "true"})
    raise refused(f"There is no closed cost with RECORDNO '{key}'.", correction="Name one that needs an adjustment.")
