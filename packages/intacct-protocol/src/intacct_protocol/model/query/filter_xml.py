"""Filter nodes and queries ⇄ the gateway's `<filter>` and `<query>`, each pair side by side.

Shape: *Query function*, Sage's reference, and the request schema for 3.0. `<filter>` holds exactly one operator, `and`
or `or`; `and` and `or` hold two or more; the children of `<query>` come in any order, those of `<options>` in one only.
Every value in a query is text, so reading gives text; callers type it by the field's kind. Requests have one date
format, regardless of the user's, so only the offset of a `Formatting` matters here: a time is written as the user's
wall clock shows it. Text is written unchanged.
"""

from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal

from intacct_protocol.errors import InvalidRequestError, LocalProtocolError
from intacct_protocol.model.query.query import (
    AGGREGATES,
    MAX_IN,
    Aggregate,
    And,
    Compare,
    Filter,
    KindOf,
    Op,
    Or,
    Order,
    Query,
    Selected,
)
from intacct_protocol.xml.values import DEFAULT, Formatting, Kind, Value, render_value
from intacct_protocol.xml.xml import Element, element

GATEWAY_PAGE = 100
"""The page size if a query does not name one."""


def filter_element(node: Filter, formatting: Formatting = DEFAULT, kinds: KindOf | None = None) -> Element:
    """The operator element inside `<filter>`. With `kinds`, a date on a TIMESTAMP is written as its midnight."""
    if isinstance(node, And | Or):
        if len(node.parts) == 1:
            return filter_element(node.parts[0], formatting, kinds)
        tag = "and" if isinstance(node, And) else "or"
        return Element(tag, "", tuple(filter_element(part, formatting, kinds) for part in node.parts))
    assert isinstance(node, Compare)
    if len(node.values) > MAX_IN:
        raise LocalProtocolError(
            f"{len(node.values):,} values for {node.field} in one list; the gateway takes {MAX_IN:,}",
            fix="bind the query first",
        )
    kind = kinds(node.field) if kinds else None
    values = (element("value", _literal_text(value, kind, formatting)) for value in node.values)
    return element(str(node.op), element("field", node.field), *values)


def filter_from(operator: Element) -> Filter:
    """Read one operator element, its values as text. InvalidRequestError if the gateway's schema refuses it."""
    if operator.tag in ("and", "or"):
        if len(operator.children) < 2:
            raise InvalidRequestError(f"<{operator.tag}> needs two or more conditions, not {len(operator.children)}")
        parts = tuple(filter_from(child) for child in operator.children)
        return And(parts) if operator.tag == "and" else Or(parts)
    if operator.tag not in _OPS:
        raise InvalidRequestError(f"<{operator.tag}> is not an operator of filters; there are {', '.join(_OPS)}")
    name = operator.find("field")
    if name is None or not name.text:
        raise InvalidRequestError(f"<{operator.tag}> does not name its field")
    values = tuple(child.text for child in operator.children if child.tag == "value")
    if len(values) + 1 != len(operator.children):
        raise InvalidRequestError(f"<{operator.tag}> on {name.text} has more than <field> and <value>")
    if len(values) > MAX_IN:
        raise InvalidRequestError(
            f"<{operator.tag}> on {name.text} has {len(values):,} values; the limit is {MAX_IN:,}"
        )
    return Compare(name.text, _OPS[operator.tag], values)


_OPS = {str(op): op for op in Op}


def query_element(query: Query, formatting: Formatting = DEFAULT, kinds: KindOf | None = None) -> Element:
    """The `<query>` function."""
    return Element("query", "", tuple(_query_parts(query, formatting, kinds)))


def _query_parts(query: Query, formatting: Formatting, kinds: KindOf | None) -> Iterator[Element]:
    yield element("object", query.object)
    yield Element("select", "", tuple(_select_element(one) for one in query.select))
    if query.where is not None:
        yield element("filter", filter_element(query.where, formatting, kinds))
    if query.order:
        yield Element("orderby", "", tuple(_order_element(one) for one in query.order))
    options = tuple(_option_elements(query))
    if options:
        yield Element("options", "", options)
    yield element("pagesize", str(query.page_size))
    if query.offset:
        yield element("offset", str(query.offset))
    if query.doc_par_id is not None:
        yield element("docparid", query.doc_par_id)


def _select_element(selected: Selected) -> Element:
    return element("field", selected) if isinstance(selected, str) else element(selected.function, selected.field)


def _order_element(order: Order) -> Element:
    return element("order", element("field", order.field), element("descending" if order.descending else "ascending"))


def _option_elements(query: Query) -> Iterator[Element]:
    if query.case_insensitive:
        yield element("caseinsensitive", "true")
    if query.show_private:
        yield element("showprivate", "true")
    if query.return_format is not None:
        yield element("returnformat", query.return_format)


def query_from(function: Element) -> Query:
    """Read a `<query>` function, its filter values as text. InvalidRequestError if the schema refuses it."""
    parts: dict[str, Element] = {}
    for child in function.children:
        if child.tag in parts or child.tag not in _QUERY_PARTS:
            raise InvalidRequestError(f"<query> has {'a second' if child.tag in parts else 'an unknown'} <{child.tag}>")
        parts[child.tag] = child
    for needed in ("object", "select"):
        if needed not in parts:
            raise InvalidRequestError(f"<query> lacks <{needed}>")
    options = parts.get("options", Element("options"))
    return Query(
        object=parts["object"].text.strip(),
        select=tuple(_selected_from(child) for child in parts["select"].children),
        where=_only_filter(parts["filter"]) if "filter" in parts else None,
        order=tuple(_order_from(child) for child in parts["orderby"].children) if "orderby" in parts else (),
        page_size=_number_of(parts.get("pagesize"), GATEWAY_PAGE),
        offset=_number_of(parts.get("offset"), 0),
        case_insensitive=_is_true(options.find("caseinsensitive")),
        show_private=_is_true(options.find("showprivate")),
        doc_par_id=parts["docparid"].text if "docparid" in parts else None,
        return_format=_format(options),
    )


_QUERY_PARTS = ("object", "select", "filter", "orderby", "options", "pagesize", "offset", "docparid")
_OPTIONS = ("caseinsensitive", "showprivate", "returnformat")


def _selected_from(child: Element) -> Selected:
    if child.tag not in ("field", *AGGREGATES):
        raise InvalidRequestError(f"<select> has <{child.tag}>; it takes field, {', '.join(AGGREGATES)}")
    return child.text if child.tag == "field" else Aggregate(child.tag, child.text)


def _only_filter(holder: Element) -> Filter:
    if len(holder.children) != 1:
        raise InvalidRequestError(f"<filter> takes exactly one operator, not {len(holder.children)}")
    return filter_from(holder.children[0])


def _order_from(child: Element) -> Order:
    directions = [one.tag for one in child.children if one.tag != "field"]
    if child.tag != "order" or not child.findtext("field") or len(directions) > 1:
        raise InvalidRequestError("<orderby> takes <order> elements, each with a <field> and at most one direction")
    if directions and directions[0] not in ("ascending", "descending"):
        raise InvalidRequestError(f"<order> takes ascending or descending, not <{directions[0]}>")
    return Order(child.findtext("field"), directions == ["descending"])


def _format(options: Element) -> str | None:
    tags = [child.tag for child in options.children]
    if tags != [tag for tag in _OPTIONS if tag in tags]:
        raise InvalidRequestError(f"<options> takes {', '.join(_OPTIONS)}, in this order, not {', '.join(tags)}")
    chosen = options.find("returnformat")
    return None if chosen is None else chosen.text


def _number_of(node: Element | None, default: int) -> int:
    if node is None:
        return default
    try:
        return int(node.text)
    except ValueError:
        raise InvalidRequestError(f"<{node.tag}> takes a whole number, not {node.text!r}") from None


def _is_true(node: Element | None) -> bool:
    return node is not None and node.text.strip() in ("true", "1")


def _literal_text(value: Value, kind: Kind | None, formatting: Formatting) -> str:
    if isinstance(value, str):
        return value
    if kind is Kind.TIMESTAMP and isinstance(value, date) and not isinstance(value, datetime):
        # A day in the user's own calendar, to which no offset applies.
        return f"{render_value(Kind.DATE, value)} {time.min:%H:%M:%S}"
    return render_value(kind_of_value(value), value, Formatting(offset_minutes=formatting.offset_minutes))


def kind_of_value(value: Value) -> Kind:
    """The kind by which a literal is written: that of its Python type."""
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, datetime):
        return Kind.TIMESTAMP
    if isinstance(value, date):
        return Kind.DATE
    if isinstance(value, Decimal):
        return Kind.DECIMAL
    return Kind.INTEGER if isinstance(value, int) else Kind.TEXT
