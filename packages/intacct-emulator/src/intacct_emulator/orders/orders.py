"""Sales, purchase and inventory transactions, and the invoices and bills that some of them make.

The definition (`DOCPARID`) decides the effect of a transaction. One that updates receivables or payables makes an
invoice or a bill. Every edit replaces that by a new one with another record number. The key of a transaction is its
DOCID: the definition and the number, joined by a hyphen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.ledger.amounts import ZERO, amount
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.dimensions import ID_FIELDS, user_defined
from intacct_emulator.ledger.periods import day_of
from intacct_emulator.ledger.posting_rows import ORDERS, PURCHASING
from intacct_emulator.ledger.rates import ORDERS as RATES
from intacct_emulator.ledger.rates import exchange_rate, unnamed_currency
from intacct_emulator.orders import costs, subtotals
from intacct_emulator.orders.lines import account_of, complete_line, mark_source, stored_lines, unmark_source
from intacct_emulator.orders.subtotals import Subtotal
from intacct_emulator.records import approval
from intacct_emulator.records.audit_fields import CREATED, DELETED, MODIFIED, record_change, set_audit_fields
from intacct_emulator.records.named_contacts import version_key
from intacct_emulator.settings.cells import Row, decimal_text
from intacct_emulator.settings.refusals import refused
from intacct_emulator.subledgers.document_types import DOCUMENT_TYPES, DocumentType, next_number
from intacct_emulator.subledgers.documents import entry
from intacct_emulator.subledgers.documents.entry import DocumentInput
from intacct_emulator.subledgers.vouchers import start_without_batches
from intacct_protocol.model.catalog import ObjectDef


@dataclass(frozen=True, slots=True)
class OrderModule:
    """Sales, purchasing, or inventory."""

    object: str
    party: str
    document_type: DocumentType | None
    module: str

    @property
    def line(self) -> str:
        """The object of the lines."""
        return f"{self.object}ENTRY"

    @property
    def definitions(self) -> str:
        """The object of the transaction definitions."""
        return f"{self.object}PARAMS"


ORDER_MODULES = {
    "so": OrderModule("SODOCUMENT", "CUSTOMER", DOCUMENT_TYPES["ARINVOICE"], ORDERS),
    "po": OrderModule("PODOCUMENT", "VENDOR", DOCUMENT_TYPES["APBILL"], PURCHASING),
    "ic": OrderModule("INVDOCUMENT", "", None, "7.INV"),
}


_RATE_CHOICE = (RATES.type, RATES.date)
KITS = ("Build Kits", "Disassemble Kits")
"""Definitions of inventory transactions that every company has."""


@dataclass(frozen=True, slots=True)
class OrderInput:
    """A transaction of a request."""

    values: Row
    lines: Sequence[Row]
    subtotals: Sequence[Subtotal] | None = None
    """None leaves the subtotals as they are."""
    extra_cells: tuple[tuple[str, str], ...] = ()
    approved: bool = False
    """Its approval is complete, so no policy holds it back."""


def enter(call: FunctionCall, order_module: OrderModule, order: OrderInput) -> Row:
    """Keep a new transaction, convert the order behind it, and make its invoice or bill."""
    definition = _definition(call, order_module, order.values.get("DOCPARID", ""))
    row = {name: text for name, text in order.values.items() if text}
    key = str(next_number(call.company, "DOCHDR"))
    row.setdefault("DOCNO", f"{definition['DOCID'][:1]}{key}")
    row |= {"RECORDNO": key, "DOCID": f"{definition['DOCID']}-{row['DOCNO']}"}
    if call.company.table(order_module.object).find("DOCID", row["DOCID"]):
        raise refused(
            f"A transaction with that number already exists: {row['DOCID']}.",
            errorno="BL03002185",
            correction="Use another document number.",
        )
    start_without_batches(call, order_module.object, row)
    return _write(call, order_module, row, order, definition=definition, number=None)


def change(call: FunctionCall, order_module: OrderModule, number: int, order: OrderInput) -> Row:
    """Change a transaction; its invoice or bill is deleted and made again."""
    old = call.company.table(order_module.object).get(number) or {}
    _check_open(old)
    definition = _definition(call, order_module, old.get("DOCPARID", ""))
    _withdraw(call, order_module, old)
    row = old | order.values
    row.pop("PRRECORDKEY", None)
    if {"CURRENCY", *_RATE_CHOICE} & order.values.keys() and "EXCHRATE" not in order.values:
        row.pop("EXCHRATE", None)
    return _write(call, order_module, row, order, definition=definition, number=number)


def approve(call: FunctionCall, order_module: OrderModule, number: int) -> Row:
    """Let a submitted transaction take effect, since its last level approved it."""
    row = call.company.table(order_module.object).get(number) or {}
    invoice = _definition(call, order_module, row.get("DOCPARID", "")).get("DOCCLASS") == "Invoice"
    state = "" if invoice else approval.APPROVED
    lines = stored_lines(call, order_module.line, row)
    return change(call, order_module, number, OrderInput({"STATE": state}, lines, approved=True))


def delete(call: FunctionCall, order_module: OrderModule, number: int) -> None:
    """Delete a transaction with its invoice or bill."""
    row = call.company.table(order_module.object).get(number) or {}
    _check_open(row)
    _withdraw(call, order_module, row)
    _clear_lines(call, order_module, row)
    subtotals.keep(call, order_module.object, row, ())
    call.company.table(order_module.object).delete(number)
    record_change(call, call.company.find(order_module.object), row, DELETED)


def delete_verb(order_module: OrderModule) -> Callable[[FunctionCall, ObjectDef, int], None]:
    """The generic `delete` of the transactions of a module."""
    return lambda call, described, number: delete(call, order_module, number)  # noqa: ARG005  # the verbs' signature


def _check_open(row: Row) -> None:
    if "Converted" in row.get("STATE", ""):
        raise refused(
            f"{row['DOCID']} is converted and cannot be changed.",
            correction="Delete the document that it was converted to first.",
        )


def _definition(call: FunctionCall, order_module: OrderModule, name: str) -> Row:
    table = call.company.table(order_module.definitions)
    for _, row in table.rows():
        if row.get("DOCID") == name and row.get("STATUS") != "inactive":
            return row
    if name and order_module.document_type is None and (name in KITS or not table.count()):
        return {"DOCID": name, "DOCCLASS": "Adjustment", "UPDATES_GL": "N"}  # a company may define none for inventory
    raise refused(
        f"Invalid Transaction Definition '{name}' specified.", correction="Name one of the company's definitions."
    )


def _write(
    call: FunctionCall, order_module: OrderModule, row: Row, order: OrderInput, *, definition: Row, number: int | None
) -> Row:
    """Write a new or changed transaction and what follows from it: its bill or invoice, costs, stock."""
    company, described = call.company, call.company.find(order_module.object)
    _check_header(row, order)
    party = _party(call, order_module, row)
    lines = [
        complete_line(
            call,
            order_module.line,
            one,
            party=party,
            party_object=order_module.party,
            currency=_currency(call, row, one, party),
        )
        for one in order.lines
    ]
    _head(call, order_module, row, party=party, definition=definition)
    extra = subtotals.stored(call, order_module.object, row) if order.subtotals is None else order.subtotals
    _total(call, row, lines, extra)
    source = row.get("CREATEDFROM", "")
    if source:
        mark_source(call, order_module.object, source, lines, by_place=number is None)
    if row["STATE"] != "Draft" and not order.approved and approval.levels_of(company, order_module.object, row):
        row["STATE"] = approval.SUBMITTED
    waits = row["STATE"] in ("Draft", *approval.WAITING)
    if definition.get("UPDATES_GL") == "A" and order_module.document_type is not None and not waits:
        _make_invoice_or_bill(call, order_module, row, lines, extra)
    set_audit_fields(call, described, row, new=number is None)
    row.update(order.extra_cells)
    table = company.table(order_module.object)
    if number is None:
        table.insert(row)
    else:
        table.update(number, row)
    _keep_lines(call, order_module, row, lines)
    subtotals.keep(call, order_module.object, row, extra)
    if not waits:
        costs.apply(call, order_module.object, row, lines, definition=definition, party=order_module.party)
    elif row["STATE"] == approval.SUBMITTED:
        approval.note_submission(call, order_module.object, row)
    record_change(call, described, row, CREATED if number is None else MODIFIED)
    return row


def _check_header(row: Row, order: OrderInput) -> None:
    if not row.get("WHENCREATED"):
        raise refused("Required field datecreated is missing.", correction="Provide the day.")
    if not order.lines:
        raise refused(f"{row['DOCID']} has no lines.", correction="Provide at least one line.")


def _currency(call: FunctionCall, row: Row, line: Row, party: Row) -> str:
    """The currency of a line: the transaction's, else that of an order which names none."""
    location = line.get("LOCATIONID") or call.session.entity
    return row.get("CURRENCY") or unnamed_currency(call, party, posting_rules(call.company).base_of(location))


def _party(call: FunctionCall, order_module: OrderModule, row: Row) -> Row:
    if not order_module.party:
        return {}
    table, key = call.company.table(order_module.party), row.get("CUSTVENDID", "")
    for number in table.find(f"{order_module.party}ID", key):
        party = table.get(number) or {}
        if party.get("STATUS") == "inactive":
            raise refused(f"{order_module.party.capitalize()} '{key}' is inactive.", correction="Choose an active one.")
        return party
    raise refused(f"Invalid {order_module.party.capitalize()} '{key}' specified.", correction="Provide a valid value.")


def _head(call: FunctionCall, order_module: OrderModule, row: Row, *, party: Row, definition: Row) -> None:
    kind = definition.get("DOCCLASS", "")
    row |= {"DOCPARID": definition["DOCID"], "DOCPARKEY": definition.get("RECORDNO", ""), "DOCPARCLASS": kind}
    row |= {"UPDATES_INV": definition.get("UPDATES_INV", "No"), "STATUS": "active", "SYSTEMGENERATED": "false"}
    row |= {"USERID": call.session.user.user_id, "PRINTED": "No", "BACKORDER": "No"}
    row["STATE"] = row.get("STATE") or ("Closed" if kind == "Invoice" else "Pending")
    row.setdefault("WHENPOSTED", row["WHENCREATED"])
    if order_module.party:
        row |= {
            "CUSTVENDNAME": party.get("NAME", ""),
            "CURRENCY": row.get("CURRENCY") or unnamed_currency(call, party, ""),
        }
        row.setdefault("TERM.NAME", party.get("TERMNAME", ""))
        contact = party.get("DISPLAYCONTACT.CONTACTNAME", "")
        for role in ("CONTACT", "SHIPTO", "BILLTO"):
            row.setdefault(f"{role}.CONTACTNAME", contact)
        for role in ("SHIPTO", "BILLTO"):
            if key := version_key(call.company, row[f"{role}.CONTACTNAME"]):
                row[f"{role}KEY"] = key


def _total(call: FunctionCall, row: Row, lines: list[Row], extra: Sequence[Subtotal]) -> None:
    chart = posting_rules(call.company)
    place = call.session.entity or lines[0].get("LOCATIONID", "")
    base = chart.base_currency[chart.entity_of.get(place, "")]
    row["BASECURR"], row["CURRENCY"] = base, row.get("CURRENCY") or base
    day = day_of(row, "WHENCREATED")
    factor = exchange_rate(call.company, row, row["CURRENCY"], base, day=day, fields=RATES)
    row["EXCHRATE"] = decimal_text(factor)
    subtotal = sum((amount(line, "TRX_VALUE") for line in lines), ZERO)
    total = subtotal + sum((each.of(subtotal, chart.rounding, row["CURRENCY"]) for each in extra), ZERO)
    row |= {"TRX_SUBTOTAL": decimal_text(subtotal), "TRX_TOTAL": decimal_text(total)}
    rounding = chart.rounding
    row |= {"SUBTOTAL": decimal_text(rounding.to_base(subtotal, factor, base))}
    row |= {"TOTAL": decimal_text(rounding.to_base(total, factor, base))}
    for line in lines:
        price = amount(line, "TRX_PRICE") * factor
        line |= {"CURRENCY": row["CURRENCY"], "BASECURR": base, "EXCHRATE": decimal_text(factor)}
        line |= {"TOTAL": decimal_text(rounding.to_base(amount(line, "TRX_VALUE"), factor, base))}
        line["PRICE"] = decimal_text(price.quantize(Decimal("0.000001"), ROUND_HALF_UP))


def _make_invoice_or_bill(
    call: FunctionCall, order_module: OrderModule, row: Row, lines: list[Row], extra: Sequence[Subtotal]
) -> None:
    """Make the invoice or bill of a transaction."""
    document_type = order_module.document_type
    assert document_type is not None
    values: Row = {
        document_type.party_id: row["CUSTVENDID"],
        "RECORDID": row["DOCNO"],
        "WHENCREATED": row["WHENCREATED"],
        "WHENPOSTED": row["WHENPOSTED"],
        "WHENDUE": row.get("WHENDUE", ""),
        "TERMNAME": row.get("TERM.NAME", ""),
        "CURRENCY": row["CURRENCY"],
        "EXCHANGE_RATE": row["EXCHRATE"],
        "DESCRIPTION": row.get("MESSAGE", ""),
        "MODULEKEY": order_module.module,
        "DOCHDRKEY": row["RECORDNO"],
        "DOCNUMBER": row.get("PONUMBER", ""),
    }
    if not values["WHENDUE"] and not values["TERMNAME"]:
        values["WHENDUE"] = row["WHENCREATED"]
    charges = [_charge(call, order_module, one, row["DOCPARID"]) for one in lines]
    charges += subtotals.charges(
        call, extra, amount(row, "TRX_SUBTOTAL"), charges[0], memo=document_type.memo, currency=row["CURRENCY"]
    )
    entered = entry.enter(call, document_type, DocumentInput(values, charges))
    row["PRRECORDKEY"] = entered["RECORDNO"]
    for name in ("TOTALENTERED", "TOTALPAID", "TOTALDUE", "TRX_TOTALENTERED", "TRX_TOTALPAID", "TRX_TOTALDUE"):
        row[name] = entered[name]
    row["PAYMENTSTATUS"] = "Open"


def _charge(call: FunctionCall, order_module: OrderModule, line: Row, definition: str) -> Row:
    carried = (*ID_FIELDS, *user_defined(call.company.catalog))
    cells = {name: line[name] for name in carried if line.get(name)}
    if line.get("WAREHOUSE.LOCATION_NO"):
        cells["WAREHOUSEID"] = line["WAREHOUSE.LOCATION_NO"]
    memo = line.get("MEMO") or line.get("ITEMDESC", "")
    account = account_of(call, line, definition=definition, sale=order_module.party == "CUSTOMER")
    return cells | {"ACCOUNTNO": account, "TRX_AMOUNT": line["TRX_VALUE"], "ENTRYDESCRIPTION": memo}


def _withdraw(call: FunctionCall, order_module: OrderModule, row: Row) -> None:
    """Undo a transaction: its invoice or bill, its stock movements and posting, its conversion of an order."""
    costs.undo(call, order_module.object, row)
    unmark_source(call, order_module.object, stored_lines(call, order_module.line, row))
    key = row.get("PRRECORDKEY", "")
    if (
        order_module.document_type is not None
        and key
        and call.company.table(order_module.document_type.object).get(int(key)) is not None
    ):
        entry.delete(call, order_module.document_type, int(key))


def _clear_lines(call: FunctionCall, order_module: OrderModule, row: Row) -> None:
    table = call.company.table(order_module.line)
    for number in table.find("DOCHDRNO", row["RECORDNO"]):
        table.delete(number)


def _keep_lines(call: FunctionCall, order_module: OrderModule, row: Row, lines: list[Row]) -> None:
    table, described = call.company.table(order_module.line), call.company.find(order_module.line)
    there = {one.get("RECORDNO", "") for one in stored_lines(call, order_module.line, row)}
    _clear_lines(call, order_module, row)
    for place, line in enumerate(lines):
        number = line.get("RECORDNO", "")
        key = number if number in there else str(next_number(call.company, "DOCENTRY"))
        cells = line | {"RECORDNO": key, "DOCHDRNO": row["RECORDNO"], "DOCHDRID": row["DOCID"]}
        # LINE_NO counts from 0, although line_num in the functions counts from 1.
        cells |= {"LINE_NO": str(place), "DOCPARID": row["DOCPARID"], "WHENCREATED": row["WHENCREATED"]}
        set_audit_fields(call, described, cells, new=True)
        table.insert(cells, int(key))
