"""The legacy reads `get_list` and `get`: everything in lower case, dates in three elements, lines inside.

A field has its own name in lower case, unless the legacy functions name it otherwise. The table of such names says
`name:FIELD` and covers the objects that integrations list. `key` is the natural key of a list's record and the record
number of a transaction. If `get_list` finds nothing there is no `data` at all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from intacct_emulator.access.rights import check_right
from intacct_emulator.company.company_data import CompanyData, FunctionAnswer, FunctionCall
from intacct_emulator.company.relations import Column
from intacct_emulator.company.selection import RowQuery, select
from intacct_emulator.reading import attachments
from intacct_emulator.reading.query_request import all_columns, typed, visible
from intacct_emulator.reading.read import nested
from intacct_emulator.records.legacy_body import numbers_by_external_id
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.refusals import FunctionRefusedError, bad_query, refused
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import Owner, natural_key, object_of_legacy
from intacct_protocol.model.query.query import Compare, Filter, Op, Order, all_of, any_of
from intacct_protocol.xml.values import Kind
from intacct_protocol.xml.xml import Element, element

DEFAULT_ITEMS, MOST_ITEMS = 100, 1000
_DOCUMENT = (
    "datecreated:WHENCREATED dateposted:WHENPOSTED datedue:WHENDUE datepaid:WHENPAID totalamount:TOTALENTERED "
    "externalid:EXTERNALID"
)
_ORDER = "transactiontype:DOCPARID documentno:DOCNO referenceno:PONUMBER datecreated:WHENCREATED datedue:WHENDUE"
_LINE = "line_num:LINE_NO glaccountno:ACCOUNTNO amount:AMOUNT trx_amount:TRX_AMOUNT memo:ENTRYDESCRIPTION"
_NAMES = {
    "APBILL": f"billno:RECORDID ponumber:DOCNUMBER {_DOCUMENT}",
    "ARINVOICE": f"invoiceno:RECORDID ponumber:DOCNUMBER {_DOCUMENT}",
    "APADJUSTMENT": f"adjustmentno:RECORDID billno:DOCNUMBER {_DOCUMENT}",
    "ARADJUSTMENT": f"adjustmentno:RECORDID invoiceno:DOCNUMBER {_DOCUMENT}",
    "EEXPENSES": f"expensereportno:RECORDID {_DOCUMENT}",
    "SODOCUMENT": f"customerid:CUSTVENDID {_ORDER}",
    "PODOCUMENT": f"vendorid:CUSTVENDID {_ORDER}",
    "INVDOCUMENT": _ORDER,
    "TASK": "taskname:NAME taskdescription:DESCRIPTION",
    "GLACCOUNT": "glaccountno:ACCOUNTNO",
    "STATACCOUNT": "glaccountno:ACCOUNTNO",
    "GLBATCH": "journalid:JOURNAL datecreated:BATCH_DATE description:BATCH_TITLE batchno:BATCHNO",
    "GLENTRY": "trtype:TR_TYPE glaccountno:ACCOUNTNO datecreated:ENTRY_DATE memo:DESCRIPTION",
    "APBILLITEM": _LINE,
    "ARINVOICEITEM": _LINE,
    "APADJUSTMENTITEM": _LINE,
    "ARADJUSTMENTITEM": _LINE,
    "EEXPENSESITEM": f"{_LINE} expensedate:ENTRY_DATE",
}
_WRAPPERS = {
    "APBILLITEM": ("billitems", "lineitem"),
    "ARINVOICEITEM": ("invoiceitems", "lineitem"),
    "APADJUSTMENTITEM": ("apadjustmentitems", "lineitem"),
    "ARADJUSTMENTITEM": ("aradjustmentitems", "lineitem"),
    "EEXPENSESITEM": ("expenses", "expense"),
    "GLENTRY": ("gltransactionentries", "glentry"),
    "SODOCUMENTENTRY": ("sotransitems", "sotransitem"),
    "PODOCUMENTENTRY": ("potransitems", "potransitem"),
    "TIMESHEETENTRY": ("timesheetentries", "timesheetentry"),
}
_SUMMARIES = {
    "billbatch": ("APBILLBATCH", "pi"),
    "apadjustmentbatch": ("APBILLBATCH", "pa"),
    "invoicebatch": ("ARINVOICEBATCH", "ri"),
    "aradjustmentbatch": ("ARINVOICEBATCH", "ra"),
    "arpaymentbatch": ("ARINVOICEBATCH", "rp"),
}
"""Lists that share an object, each with the object and the record type that it shows."""
_OPERATORS = {
    "=": Op.EQUALTO,
    "!=": Op.NOTEQUALTO,
    "<": Op.LESSTHAN,
    "<=": Op.LESSTHANOREQUALTO,
    ">": Op.GREATERTHAN,
    ">=": Op.GREATERTHANOREQUALTO,
    "like": Op.LIKE,
    "not like": Op.NOTLIKE,
    "is null": Op.ISNULL,
}


def get_list(call: FunctionCall) -> FunctionAnswer:
    """The records that match the filter, in the order of the request, from `start` on."""
    body, listed = call.body, call.body.get("object")
    attached = listed in attachments.DESCRIBED
    described = attachments.DESCRIBED[listed] if attached else _described(call, listed)
    names = attachments.NAMES[listed] if attached else _names(described)
    start, items = _integer(call, "start", 0), min(_integer(call, "maxitems", DEFAULT_ITEMS), MOST_ITEMS)
    parts = [_condition(names, described, one) for one in _children(body, "filter")]
    if listed in _SUMMARIES:
        parts.append(Compare("RECORDTYPE", Op.EQUALTO, (_SUMMARIES[listed][1],)))
    where = all_of(parts) if parts else None
    order = tuple(_sorted_by(names, described, one) for one in _children(body, "sorts"))
    if attached:
        attachments_found = attachments.matching(call, listed, where, order)
        shown = attachments.elements(listed, attachments_found[start : start + items], _fields(body))
        return _list(listed, start, len(attachments_found), tuple(shown))
    numbers = _matching(call, described, where, order)
    return _list(listed, start, len(numbers), tuple(_records(call, described, listed, numbers[start : start + items])))


def _matching(
    call: FunctionCall, described: ObjectDef, where: Filter | None, order: tuple[Order, ...]
) -> Sequence[int]:
    private = call.body.get("showprivate") == "true"
    try:
        where = typed(call, described, where)
        return select(
            call.company, RowQuery(described, where, order, visible=visible(call, described, show_private=private))
        )
    except FunctionRefusedError as error:
        raise bad_query(error.message) from None


def _list(listed: str, start: int, total: int, shown: tuple[Element, ...]) -> FunctionAnswer:
    """The answer with a page of a list, which has no data if nothing is on the page."""
    last = start + len(shown) - 1 if shown else start
    listtype = Element("listtype", listed, (), {"start": str(start), "end": str(last), "total": str(total)})
    return FunctionAnswer(Element("data", "", shown) if shown else None, extra=(listtype,))


def get(call: FunctionCall) -> FunctionAnswer:
    """One record by its key."""
    if call.body.get("object") in attachments.DESCRIBED:
        return attachments.get(call, _fields(call.body))
    return _get_by_key(call, call.body.get("object"))


def _get_by_key(call: FunctionCall, listed: str) -> FunctionAnswer:
    described = _described(call, listed)
    table, key = call.company.table(described), call.body.get("key").strip()
    natural = natural_key(described.name)
    if call.body.get("externalkey") == "true":
        numbers = (
            numbers_by_external_id(call, described.name, key) if call.company.behaviour.reads_by_externalkey else []
        )
    else:
        numbers = (table.find(natural, key) if natural else []) or table.find(table.plan.key, key)
    if not numbers:
        raise refused(f"Cannot find {listed} with key '{key}'.")
    return FunctionAnswer(Element("data", "", tuple(_records(call, described, listed, numbers[:1]))))


def _described(call: FunctionCall, listed: str) -> ObjectDef:
    name = _SUMMARIES[listed][0] if listed in _SUMMARIES else object_of_legacy(listed) or listed.upper()
    if name not in call.company.catalog:
        raise refused(f"The object {listed} is not emulated for {call.name}.", errorno="EMULATOR-0001")
    check_right(call, "READ", name)
    return call.company.catalog[name]


# --- the request


def _names(described: ObjectDef) -> Mapping[str, str]:
    """Names of the legacy functions, each with its field."""
    pairs = (word.partition(":") for word in _NAMES.get(described.name, "").split())
    return {**{name: field for name, _, field in pairs}, "key": natural_key(described.name) or "RECORDNO"}


def _field(names: Mapping[str, str], described: ObjectDef, name: str) -> str:
    name = name.strip().lower()
    definition = described.get(names.get(name, name.upper()))
    if definition is None:
        raise bad_query(f"The field {name} is not valid.")
    return definition.name


def _condition(names: Mapping[str, str], described: ObjectDef, node: Element) -> Filter:
    if node.tag == "logical":
        parts = [_condition(names, described, one) for one in node.children]
        return any_of(parts) if node.get("logical_operator") == "or" else all_of(parts)
    name, sign = _field(names, described, node.findtext("field")), node.findtext("operator").strip().lower()
    op = _OPERATORS.get(sign)
    if op is None:
        raise bad_query(f"The operator {sign} is not valid.")
    return Compare(name, op, () if op is Op.ISNULL else (node.findtext("value"),))


def _sorted_by(names: Mapping[str, str], described: ObjectDef, node: Element) -> Order:
    return Order(_field(names, described, node.text), node.get("order") == "desc")


def _children(body: Element, tag: str) -> tuple[Element, ...]:
    holder = body.find(tag)
    return () if holder is None else holder.children


def _fields(body: Element) -> list[str]:
    """The names of the fields that the answer has; none for all."""
    return [one.text.strip().lower() for one in _children(body, "fields")]


def _integer(call: FunctionCall, attribute: str, default: int) -> int:
    text = call.body.get(attribute).strip()
    if text and not text.isdecimal():
        raise refused(f"The attribute {attribute} is no number: '{text}'.")
    return int(text) if text else default


# --- the answer


@dataclass(frozen=True, slots=True)
class _RecordLayout:
    """How records of one object are written, worked out once for all records of an answer."""

    key: str
    fields: tuple[tuple[str, Column], ...]
    """Element name, and the column that fills it."""

    @classmethod
    def of(cls, company: CompanyData, described: ObjectDef) -> "_RecordLayout":
        names = {field: name for name, field in _names(described).items() if name != "key"}
        columns = all_columns(company, described)
        fields = ((names.get(one.field, one.tag.lower()), one) for one in columns)
        return cls(natural_key(described.name) or "RECORDNO", tuple(fields))

    def cells(self, row: Row) -> tuple[Element, ...]:
        """A row's elements, its key first and an external id last."""
        leaves = [(name, column.text(row)) for name, column in self.fields]
        days = {name: _day(name, column.text(row)) for name, column in self.fields if column.kind is Kind.DATE}
        external_id = (element("externalid", row["EXTERNALID"]),) if row.get("EXTERNALID") else ()
        return (
            element("key", row.get(self.key, "")),
            *(days.get(one.tag, one) for one in nested(leaves)),
            *external_id,
        )


def _records(call: FunctionCall, described: ObjectDef, tag: str, numbers: Sequence[int]) -> Iterator[Element]:
    fields = _fields(call.body)
    table = call.company.table(described)
    layout = _RecordLayout.of(call.company, described)
    owners = [one for one in call.company.line_sets(described.name) if one.wrapper and not fields]
    line_layouts = [_RecordLayout.of(call.company, call.company.find(one.line)) for one in owners]
    for number in numbers:
        row = table.get(number) or {}
        cells = [one for one in layout.cells(row) if not fields or one.tag in fields]
        owned = [_listed_lines(call, one, its, row) for one, its in zip(owners, line_layouts, strict=True)]
        yield Element(tag, "", (*cells, *owned))


def _day(name: str, text: str) -> Element:
    """A date as its three elements, or an empty one."""
    if not text:
        return element(name)
    month, day, year = text[:2], text[3:5], text[6:10]
    return element(name, element("year", year), element("month", month), element("day", day))


def _listed_lines(call: FunctionCall, owned: Owner, layout: _RecordLayout, header: Row) -> Element:
    table = call.company.table(call.company.find(owned.line))
    wrapper, tag = _WRAPPERS.get(owned.line, (owned.wrapper.lower(), owned.line.lower()))
    rows = (table.get(number) or {} for number in table.find(owned.by, header.get(owned.key, "")))
    return Element(wrapper, "", tuple(Element(tag, "", layout.cells(row)) for row in rows))


def _getter(listed: str) -> Callable[[FunctionCall], FunctionAnswer]:
    return lambda call: _get_by_key(call, listed)


FUNCTIONS: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {
    "get": get,
    "get_list": get_list,
    "get_apadjustment": _getter("apadjustment"),
    "get_aradjustment": _getter("aradjustment"),
    "get_bill": _getter("bill"),
    "get_expenseadjustmentreport": _getter("expenseadjustmentreport"),
    "get_expensereport": _getter("expensereport"),
    "get_invoice": _getter("invoice"),
}
