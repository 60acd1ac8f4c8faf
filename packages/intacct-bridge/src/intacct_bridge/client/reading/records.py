"""Records by key with their lines: `read` and `readByName`, as typed rows.

Facts: both take up to 100 keys in a call; with `*` they give owned lines, which `query` never does; a dotted field of
the catalogue (`DISPLAYCONTACT.EMAIL1`) is a nested element here; line tags are in lower case. Several elements of one
name, such as the taxes of a line, have numbers: `TAXENTRIES.taxentry[0].DETAILID`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from intacct_bridge.client.gateway.calls import Calls
from intacct_bridge.client.reading.catalog import CatalogReader
from intacct_protocol.errors import InvalidRequestError, NotPermittedError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import lines
from intacct_protocol.xml.values import DEFAULT, Formatting, Kind, Value, parse_row
from intacct_protocol.xml.xml import Element, element

KEYS_AT_A_TIME = 100

Record = dict[str, "Value | list[dict[str, Value]]"]
"""A record's fields by the catalogue's names, and its lines in lists under their wrappers' names."""


class Records:
    """Reads records through one session."""

    def __init__(self, calls: Calls, catalog: CatalogReader) -> None:
        self._calls = calls
        self._catalog = catalog

    def _elements(
        self, function: str, object_name: str, keys: Sequence[str | int], *, fields: str, doc_par_id: str | None
    ) -> Iterator[Element]:
        """The records' elements as the gateway wrote them; missing keys are skipped."""
        texts = [_key(key) for key in keys]
        for chunk in batched(texts, KEYS_AT_A_TIME):
            more = () if doc_par_id is None else (element("docparid", doc_par_id),)
            body = Element(
                function,
                children=(
                    element("object", object_name),
                    element("keys", ",".join(chunk)),
                    element("fields", fields),
                    *more,
                ),
            )
            yield from self._calls.data(body)

    def records(
        self,
        name: str,
        keys: Sequence[str | int],
        *,
        fields: str = "*",
        doc_par_id: str | None = None,
        by_name: bool = False,
    ) -> Iterator[Record]:
        """The records, typed by the catalogue; missing keys are skipped."""
        if not keys:
            return
        described = self._catalog.describe(name, doc_par_id)
        formatting, function = self._catalog.formatting(), "readByName" if by_name else "read"
        owned = {one.wrapper: one.line for one in lines(described.name) if one.wrapper}
        for record_element in self._elements(function, described.name, keys, fields=fields, doc_par_id=doc_par_id):
            yield self._record(record_element, described, owned, formatting)

    def _record(
        self, record_element: Element, described: ObjectDef, owned: Mapping[str, str], formatting: Formatting
    ) -> Record:
        cells: dict[str, str | None] = {}
        lists: dict[str, list[dict[str, Value]]] = {}
        for child in record_element:
            if child.tag in owned or _is_list(child, described):
                line = self._line_definition(owned.get(child.tag) or _line_name(child))
                lists[child.tag] = [_typed(_flat(each), line, formatting) for each in child]
            else:
                cells |= _flat(Element("", children=(child,)))
        record: Record = dict(_typed(cells, described, formatting).items())
        record.update(lists)
        return record

    def _line_definition(self, name: str) -> ObjectDef | None:
        """The definition for typing the lines; None, for text, if the company does not describe them."""
        try:
            return self._catalog.describe(name.upper()) if name else None
        except (InvalidRequestError, NotPermittedError):
            return None


def cells_of(record_element: Element) -> dict[str, str | None]:
    """A flat record's cells under the catalogue's dotted names."""
    return _flat(record_element)


def _typed(
    cells: dict[str, str | None], described: ObjectDef | None, formatting: Formatting = DEFAULT
) -> dict[str, Value]:
    kinds = {name: Kind.TEXT if described is None else described.kind_of(name) for name in cells}
    record = f"{'' if described is None else described.name} {cells.get('RECORDNO') or ''}".strip()
    return parse_row(cells, kinds, formatting=formatting, record=record)


def _flat(record_element: Element, path: str = "") -> dict[str, str | None]:
    cells: dict[str, str | None] = {}
    count, numbers = Counter(child.tag for child in record_element), Counter[str]()
    for child in record_element:
        name = f"{path}{child.tag}"
        if count[child.tag] > 1:
            name += f"[{numbers[child.tag]}]"
            numbers[child.tag] += 1
        if child.children:
            cells |= _flat(child, f"{name}.")
        else:
            cells[name] = child.text or None
    return cells


def _is_list(child: Element, described: ObjectDef) -> bool:
    """Whether an element holds lines: children of one name that have fields."""
    if not child.children or any(name.startswith(f"{child.tag}.") for name in described.fields):
        return False
    return len({each.tag for each in child}) == 1 and all(each.children for each in child)


def _line_name(child: Element) -> str:
    return child.children[0].tag if child.children else ""


def _key(key: str | int) -> str:
    text = str(key).strip()
    if not text:
        raise InvalidRequestError("a key to read is empty")
    if "," in text:
        raise InvalidRequestError(
            f"the key {text!r} holds a comma, which the gateway reads as two keys",
            fix="Read it with a query on its own field instead.",
        )
    return text
