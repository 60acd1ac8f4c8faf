"""The lines of sales, purchase and inventory transactions: their values, accounts and source orders."""

from collections.abc import Sequence
from decimal import Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.ledger.amounts import ZERO, amount, number_sent
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.records.audit_fields import MODIFIED, record_change, set_audit_fields
from intacct_emulator.records.references import Reference, apply_references, find_reference
from intacct_emulator.settings.cells import Row, decimal_text
from intacct_emulator.settings.refusals import refused

ITEM = Reference(("ITEM",), "Item")


def complete_line(
    call: FunctionCall, name: str, values: Row, *, party: Row, party_object: str, currency: str = ""
) -> Row:
    """The row to keep for a line, without its keys and audit fields."""
    row = {field: text for field, text in values.items() if text}
    if not row.get("ITEMID"):
        raise refused("Required field itemid is missing.", correction="Provide an item for every line.")
    item = find_reference(call.company, ITEM, row["ITEMID"])
    if party_object:
        row.setdefault(f"{party_object}ID", party.get(f"{party_object}ID", ""))
    apply_references(call.company, call.company.find(name), {key: text for key, text in row.items() if text}, row)
    quantity = _number(row, "QUANTITY")
    if quantity <= 0:
        raise refused(f"The quantity of item {row['ITEMID']} must be above zero.", correction="Provide a quantity.")
    if row.get("COST") and not row.get("TRX_PRICE"):
        row["TRX_PRICE"] = row["COST"]
    price = _number(row, "TRX_PRICE") if row.get("TRX_PRICE") else amount(item, _price(party_object))
    rounded = posting_rules(call.company).rounding.round
    value = rounded(quantity * price, currency)
    if row.get("DISCOUNTPERCENT"):
        value -= rounded(value * _number(row, "DISCOUNTPERCENT") / 100, currency)
    row |= {"QUANTITY": decimal_text(quantity), "UIQTY": decimal_text(quantity), "TRX_PRICE": decimal_text(price)}
    row |= {"UIPRICE": decimal_text(price), "TRX_VALUE": decimal_text(value), "UIVALUE": decimal_text(value)}
    row |= {"ITEMNAME": item.get("NAME", ""), "STATUS": "active", "STATE": "true"}
    row.setdefault("ITEMDESC", item.get("NAME", ""))
    row.setdefault("UNIT", item.get("BASEUOM") or item.get("UOMGRP", ""))
    row.setdefault("QTY_CONVERTED", "0")
    row.setdefault("LOCATIONID", call.session.entity)
    return {key: text for key, text in row.items() if text}


def _price(party_object: str) -> str:
    return "BASEPRICE" if party_object == "CUSTOMER" else "STANDARD_COST"


def _number(row: Row, name: str) -> Decimal:
    return number_sent(name, row.get(name, "")) or ZERO


def account_for(call: FunctionCall, item: Row, names: Sequence[str]) -> str:
    """The first of these accounts that the item or its GL group has; empty if neither has one."""
    groups = call.company.table("ITEMGLGROUP")
    holders = [item, *(groups.get(one) or {} for one in groups.find("NAME", item.get("GLGROUP", "")))]
    for holder in holders:
        for name in names:
            key = holder.get(name, "")
            account = call.company.table("GLACCOUNT").get(int(key)) if key.isdecimal() and len(key) < 19 else None
            if account is not None:
                return account["ACCOUNTNO"]
            if key:
                return key
    return ""


def account_by_rule(call: FunctionCall, definition: str, line: Row, item: Row) -> str:
    """The account of the definition's first posting rule that fits the line; empty if none does."""
    place = line.get("LOCATIONID") or call.session.entity
    places = ("", place, posting_rules(call.company).entity_of.get(place, ""))
    for rule in call.company.facts.definition_accounts.get(definition) or ():
        fits_item = rule.item_group in ("", item.get("GLGROUP", ""))
        if fits_item and rule.location in places and rule.department in ("", line.get("DEPARTMENTID", "")):
            return rule.account
    return ""


def account_of(call: FunctionCall, line: Row, *, definition: str, sale: bool) -> str:
    """The account of a line's sale or purchase: by a rule of its definition, the item's own, its GL group's, or that
    of an earlier document.
    """
    item_id = line["ITEMID"]
    item = find_reference(call.company, ITEM, item_id)
    ruled = account_by_rule(call, definition, line, item)
    if ruled:
        return ruled
    names = ("INCOMEACCTKEY",) if sale else ("INVACCTKEY", "EXPENSEACCTKEY")
    account = account_for(call, item, names)
    if account:
        return account
    lines = call.company.table("ARINVOICEITEM" if sale else "APBILLITEM")
    for _, row in lines.rows("instr(body, ?)", (item_id.encode(),)):
        if row.get("ITEMID") == item_id:
            return row["ACCOUNTNO"]
    raise refused(
        f"Item {item_id} has no account to post to.",
        correction="Give the item, its GL group or the transaction definition an account.",
    )


def stored_lines(call: FunctionCall, name: str, header: Row) -> list[Row]:
    """A transaction's lines, in their order."""
    table = call.company.table(name)
    lines = [table.get(number) or {} for number in table.find("DOCHDRNO", header["RECORDNO"])]
    return sorted(lines, key=lambda line: int(line.get("LINE_NO") or 0))


def mark_source(call: FunctionCall, name: str, doc_id: str, lines: list[Row], *, by_place: bool) -> None:
    """Add the converted quantities to an order, and the source order to the new lines."""
    numbers = call.company.table(name).find("DOCID", doc_id)
    if not numbers:
        raise refused(
            f"Invalid document '{doc_id}' specified in createdfrom.", correction="Provide an existing document."
        )
    source = call.company.table(name).get(numbers[0]) or {}
    ordered = stored_lines(call, f"{name}ENTRY", source)
    by_key = {one["RECORDNO"]: one for one in ordered}
    quantities: dict[str, Decimal] = {}
    for place, line in enumerate(lines):
        origin = by_key.get(line.get("SOURCE_DOCLINEKEY", ""))
        if origin is None and by_place and place < len(ordered):
            origin = ordered[place]
        if origin is None:
            continue
        line |= {"SOURCE_DOCKEY": source["RECORDNO"], "SOURCE_DOCID": doc_id}
        line["SOURCE_DOCLINEKEY"] = origin["RECORDNO"]
        quantities[origin["RECORDNO"]] = quantities.get(origin["RECORDNO"], ZERO) + amount(line, "QUANTITY")
    _convert(call, name, numbers[0], quantities)


def unmark_source(call: FunctionCall, name: str, lines: Sequence[Row]) -> None:
    """Subtract from their orders the converted quantities of lines that are deleted or written again."""
    table = call.company.table(f"{name}ENTRY")
    by_source: dict[str, dict[str, Decimal]] = {}
    for line in lines:
        key, header = line.get("SOURCE_DOCLINEKEY", ""), line.get("SOURCE_DOCID", "")
        if key and header and table.get(int(key)) is not None:
            of = by_source.setdefault(header, {})
            of[key] = of.get(key, ZERO) - amount(line, "QUANTITY")
    for doc_id, of in by_source.items():
        for number in call.company.table(name).find("DOCID", doc_id):
            _convert(call, name, number, of)


def _convert(call: FunctionCall, name: str, number: int, quantities: dict[str, Decimal]) -> None:
    company = call.company
    table, lines = company.table(name), company.table(f"{name}ENTRY")
    source = table.get(number) or {}
    for key, quantity in quantities.items():
        origin = lines.get(int(key)) or {}
        origin["QTY_CONVERTED"] = decimal_text(amount(origin, "QTY_CONVERTED") + quantity)
        set_audit_fields(call, company.find(f"{name}ENTRY"), origin, new=False)
        lines.update(int(key), origin)
    ordered = stored_lines(call, f"{name}ENTRY", source)
    left = sum((max(amount(one, "QUANTITY") - amount(one, "QTY_CONVERTED"), ZERO) for one in ordered), ZERO)
    converted = any(amount(one, "QTY_CONVERTED") for one in ordered)
    source["STATE"] = "Converted" if not left else "Partially Converted" if converted else "Pending"
    set_audit_fields(call, company.find(name), source, new=False)
    table.update(number, source)
    record_change(call, company.find(name), source, MODIFIED)
