"""`create_`, `update_` and `delete_` of sotransaction, potransaction and ictransaction.

An update names lines by `line_num`, counted from 1. A line that it names without an item is removed: this is not
documented, but loaders in the field send it. Lines that it does not name stay.
"""

from collections.abc import Callable
from dataclasses import dataclass

from intacct_emulator.access.rights import check_right
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.orders import orders, subtotals
from intacct_emulator.orders.lines import stored_lines
from intacct_emulator.orders.orders import KITS, ORDER_MODULES, OrderInput, OrderModule
from intacct_emulator.records.effect_check import with_effect_check
from intacct_emulator.records.legacy_body import external_id, find_number, key_answer, row_of_body
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.refusals import refused
from intacct_protocol.xml.xml import Element

_HEAD = (
    "transactiontype:DOCPARID datecreated:WHENCREATED dateposted:WHENPOSTED createdfrom customerid:CUSTVENDID "
    "vendorid:CUSTVENDID documentno:DOCNO origdocdate referenceno:PONUMBER vendordocno termname:TERM.NAME "
    "shippingmethod:SHIPVIA "
    "datedue:WHENDUE message shipto/contactname:SHIPTO.CONTACTNAME billto/contactname:BILLTO.CONTACTNAME "
    "payto/contactname:BILLTO.CONTACTNAME returnto/contactname:SHIPTO.CONTACTNAME basecurr currency exchratedate "
    "exchratetype:EXCH_RATE_TYPE_ID exchrate state "
    "projectid:PROJECT needbydate shipbydate customerponumber performancebondamount paymentbondamount"
)
_EFFECTIVE = "exchrate price cost discountpercent total absval percentval performancebondamount paymentbondamount"
_LINE = (
    "itemid itemdesc warehouseid:WAREHOUSE.LOCATION_NO quantity unit discountpercent price:TRX_PRICE cost:COST "
    "sourcelinekey:SOURCE_DOCLINEKEY locationid departmentid memo projectid taskid costtypeid customerid "
    "vendorid employeeid classid contractid billable"
)


@dataclass(frozen=True, slots=True)
class OrderFunctions:
    """The functions of one kind of order."""

    name: str
    order_module: OrderModule

    def created(self, call: FunctionCall) -> FunctionAnswer:
        """`create_`."""
        check_right(call, "CREATE", self.order_module.object)
        extra_cells = external_id(call, self.order_module.object, call.body)
        wrapper = call.body.find(f"{self.name}transitems")
        lines = [self._line(call, one) for one in wrapper.children] if wrapper is not None else []
        row = orders.enter(
            call,
            self.order_module,
            OrderInput(self._values(call), lines, subtotals.subtotals_sent(call.body, "subtotals") or [], extra_cells),
        )
        return key_answer(row["DOCID"])

    def updated(self, call: FunctionCall) -> FunctionAnswer:
        """`update_`."""
        check_right(call, "UPDATE", self.order_module.object)
        number = self._number(call)
        old = call.company.table(self.order_module.object).get(number) or {}
        lines = self._changed(call, old)
        values = self._values(call)
        if call.body.get("set_nulls") != "true":
            values = {name: text for name, text in values.items() if text}
        orders.change(
            call,
            self.order_module,
            number,
            OrderInput(values, lines, subtotals.subtotals_sent(call.body, "updatesubtotals")),
        )
        return key_answer(old["DOCID"])

    def deleted(self, call: FunctionCall) -> FunctionAnswer:
        """`delete_`."""
        check_right(call, "DELETE", self.order_module.object)
        orders.delete(call, self.order_module, self._number(call))
        return key_answer(call.body.get("key") or "")

    def _number(self, call: FunctionCall) -> int:
        return find_number(call, self.order_module.object, (call.body.get("key") or "").strip(), natural="DOCID")

    def _values(self, call: FunctionCall) -> Row:
        return row_of_body(call, call.company.find(self.order_module.object), call.body, _HEAD, same_names=True)

    def _line(self, call: FunctionCall, node: Element) -> Row:
        return row_of_body(call, call.company.find(self.order_module.line), node, _LINE, same_names=True)

    def _changed(self, call: FunctionCall, old: Row) -> list[Row]:
        lines: list[Row | None] = list(stored_lines(call, self.order_module.line, old))
        wrapper = call.body.find(f"update{self.name}transitems")
        for node in wrapper.children if wrapper is not None else ():
            if not node.tag.startswith("update"):
                lines.append(self._line(call, node))
                continue
            place = (node.get("line_num") or "").strip()
            index = int(place) - 1 if place.isdecimal() else -1
            if not 0 <= index < len(lines):
                raise refused(f"There is no line {place} in {old['DOCID']}.", correction="Count line_num from 1.")
            item = node.find("itemid")
            removed = item is not None and not item.text.strip()
            before = lines[index] or {}
            lines[index] = None if removed else before | {k: v for k, v in self._line(call, node).items() if v}
        return [one for one in lines if one is not None]


def create_stkittransaction(call: FunctionCall) -> FunctionAnswer:
    """Build kits, or disassemble them with the lines of the transaction that built them."""
    functions = OrderFunctions("stkit", ORDER_MODULES["ic"])
    source = call.body.findtext("createdfrom").strip()
    if call.body.findtext("transactiontype").strip() not in KITS:
        raise refused("Invalid Transaction Definition specified.", correction=f"Name one of {', '.join(KITS)}.")
    if call.body.find("stkittransitems") is not None or not source:
        return functions.created(call)
    check_right(call, "CREATE", functions.order_module.object)
    table = call.company.table(functions.order_module.object)
    built = [table.get(number) or {} for number in table.find("DOCID", source)]
    lines = [one for row in built for one in stored_lines(call, functions.order_module.line, row)]
    values = row_of_body(call, call.company.find(functions.order_module.object), call.body, _HEAD)
    return key_answer(orders.enter(call, functions.order_module, OrderInput(values, lines))["DOCID"])


def _order_functions() -> dict[str, Callable[[FunctionCall], FunctionAnswer]]:
    handlers: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {}
    for name, order_module in ORDER_MODULES.items():
        functions = OrderFunctions(name, order_module)
        handlers[f"create_{name}transaction"] = with_effect_check(functions.created, _EFFECTIVE)
        handlers[f"update_{name}transaction"] = with_effect_check(functions.updated, _EFFECTIVE)
        handlers[f"delete_{name}transaction"] = functions.deleted
    handlers["create_stkittransaction"] = create_stkittransaction
    return handlers


FUNCTIONS = _order_functions()
