"""What the company looks like, learned when it is first needed: objects, fields, relations, the user's formatting.

`lookup` gives the definitions, `inspect` the names; neither checks a right, so neither proves that anything may be
read. Definitions are asked for one by one as queries need them, or many to a request. Some fields that `lookup` lists
cannot be queried; the gateway names them when one tries, and they are remembered beside the definition.
"""

import re
from collections.abc import Collection, Iterable

from intacct_bridge.client.asking import Asking, batched, refusal, successful
from intacct_bridge.client.cabinet import Cabinet
from intacct_bridge.errors import Fault, InvalidRequestError, NotPermittedError, RemoteProtocolError
from intacct_bridge.model.catalog import Catalog, ObjectDef, object_from_lookup, objects_from_inspect, unknown_object
from intacct_bridge.model.keys import keys_of
from intacct_bridge.model.query import Order
from intacct_bridge.wire.envelope import SUCCESS, Result
from intacct_bridge.wire.values import DEFAULT, Formatting
from intacct_bridge.wire.xml import Element, element

_LOOKUPS_AT_A_TIME = 20
_UNQUERYABLE = re.compile(r"cannot be queried.*?\[\s*\w*\s*:\s*\[(?P<fields>[^\]]*)\]", re.S)


class Descriptions:
    """Definitions by name, each looked up when it is first needed."""

    def __init__(self, asking: Asking, cabinet: Cabinet) -> None:
        self._asking = asking
        self._cabinet = cabinet
        self._may_not_ask = False

    def describe(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """The definition in whatever case the name is written; InvalidRequestError with near names otherwise.

        For a transaction definition's custom fields, name it in `doc_par_id`.
        """
        found = self._cabinet.definition(name, doc_par_id)
        if found is None:
            (result,) = self._asking.send(self._asking.functions(_lookup(name, doc_par_id)), read=True)
            found = self._learn(result, name, doc_par_id)
        return found

    def describe_many(self, names: Iterable[str]) -> Catalog:
        """Many definitions in few requests. Names that do not exist raise, once the others are known."""
        wanted = list(dict.fromkeys(names))
        missing = [name for name in wanted if self._cabinet.definition(name, None) is None]
        errors: list[InvalidRequestError] = []
        for some in batched(missing, _LOOKUPS_AT_A_TIME):
            functions = self._asking.functions(*(_lookup(name, None) for name in some))
            for name, result in zip(some, self._asking.send(functions, read=True), strict=True):
                try:
                    self._learn(result, name, None)
                except InvalidRequestError as error:
                    errors.append(error)
        if errors:
            raise errors[0]
        return Catalog(self.describe(name) for name in wanted)

    def catalog(self) -> Catalog:
        """The definitions that have been needed so far."""
        return Catalog(self._cabinet.known())

    def outdated(self, name: str, doc_par_id: str | None = None) -> bool:
        """Drop a definition that came from disk, so that it is read again; False where it is this run's own."""
        return self._cabinet.forget(name, doc_par_id, if_from_disk=True)

    def fresh(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """The definition as the gateway gives it now, whatever is known of it."""
        self._cabinet.forget(name, doc_par_id, if_from_disk=False)
        return self.describe(name, doc_par_id)

    def objects(self) -> dict[str, str]:
        """Every object's name with its label, whether or not the user may read it."""
        found: dict[str, str] | None = self._cabinet.get("objects")
        if found is None:
            found = objects_from_inspect(self._asking.data(element("inspect", element("object", "*"))))
            self._cabinet.keep("objects", found)
        return dict(found)

    def queryable(self, described: ObjectDef) -> tuple[str, ...]:
        """The fields of an object without those that the gateway has refused to query."""
        refused = self._cabinet.get(f"unqueryable {described.name}") or ()
        return tuple(name for name in described.fields if name not in refused)

    def refuse_to_query(self, described: ObjectDef, fields: Collection[str]) -> None:
        """Remember fields that the gateway has refused to query."""
        before = self._cabinet.get(f"unqueryable {described.name}") or ()
        if set(fields) <= set(before):
            return
        self._cabinet.keep(f"unqueryable {described.name}", sorted({*before, *fields}))

    def formatting(self) -> Formatting:
        """The API user's formatting, asked for once; the default where the user may not ask, or should not."""
        if not self._asking.connection.read_formatting:
            return DEFAULT
        texts: list[str] | None = self._cabinet.get("formatting")
        if texts is None and not self._may_not_ask:
            texts = self._read_formatting()
        return DEFAULT if texts is None else Formatting.of(*texts)

    def _read_formatting(self) -> list[str] | None:
        """The three texts, kept; None, and not kept beyond this run, where the user may not ask."""
        body = element("readUserFormatting", element("userId", self._asking.connection.user_id))
        try:
            data = self._asking.data(body)
        except (InvalidRequestError, NotPermittedError, RemoteProtocolError):
            self._may_not_ask = True
            return None
        found = data.find("userformatting") or data
        texts = [found.findtext(name) for name in ("dateformat", "clock", "gmtoffset")]
        self._cabinet.keep("formatting", texts)
        return texts

    def _learn(self, result: Result, name: str, doc_par_id: str | None) -> ObjectDef:
        if result.status != SUCCESS:
            error = refusal(result)
            if isinstance(error, InvalidRequestError):
                raise self._unknown(error, name) from None
            raise error
        types = () if result.data is None else result.data.findall("Type")
        if not types:
            raise RemoteProtocolError(f"the answer to lookup describes nothing for {name}", function="lookup")
        found = object_from_lookup(types[0])
        self._cabinet.keep_definition(found, name, doc_par_id)
        return found

    def _unknown(self, error: InvalidRequestError, name: str) -> InvalidRequestError:
        """The error with near names in it, where the names are to be had."""
        try:
            names = self.objects()
        except (InvalidRequestError, NotPermittedError):
            return error
        if name.upper() in (known.upper() for known in names):
            return error
        near = unknown_object(name, names)  # nothing was asked of the object itself, so this is a refusal of ours
        near.faults, near.diagnosis = error.faults, error.diagnosis
        return near


def walked_key(described: ObjectDef) -> tuple[str, bool]:
    """The key to read an object by, and whether it is opaque; empty where pages can only go by offset."""
    if described.name in _KEY_REPEATS:
        return "", False
    keys = keys_of(described)
    return keys.record, keys.opaque


def settled_order(described: ObjectDef) -> tuple[Order, ...]:
    """An order in which offset paging meets every row once, while nothing changes; empty where none is known."""
    keys = (keys_of(described).record, *(("BOOKID",) if described.name in _KEY_REPEATS else ()))
    return tuple(Order(name) for name in keys if name in described.fields)


_KEY_REPEATS = frozenset({"GLDETAIL"})
"""A view over several books, in which one RECORDNO may stand more than once (unsettled)."""


def unqueryable(faults: Iterable[Fault]) -> tuple[str, ...]:
    """The fields that a refused query's faults name as impossible to query."""
    texts = " ".join(f"{fault.description} {fault.description2}" for fault in faults)
    found = [name.strip() for hit in _UNQUERYABLE.finditer(texts) for name in hit["fields"].split(",")]
    return tuple(dict.fromkeys(name for name in found if name))


def inspected(asking: Asking, name: str) -> Element:
    """The `<Type>` of `inspect` with detail, which knows lengths."""
    body = Element("inspect", children=(element("object", name),), attributes={"detail": "1"})
    result = successful(asking.ask(body))
    types = () if result.data is None else result.data.findall("Type")
    if not types:
        raise RemoteProtocolError(f"the answer to inspect describes nothing for {name}", function="inspect")
    return types[0]


def _lookup(name: str, doc_par_id: str | None) -> Element:
    more = () if doc_par_id is None else (element("docparid", doc_par_id),)
    return Element("lookup", children=(element("object", name), *more))
