"""What the company looks like, learned when it is first needed: objects, fields, relations, the user's formatting.

`lookup` gives the definitions, `inspect` the names; neither checks a right, so neither proves that anything may be
read. Definitions are asked for one by one as queries need them, or many to a request. Some fields that `lookup` lists
cannot be queried; the gateway names them when one tries, and they are remembered beside the definition.
"""

import re
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from intacct_bridge.client.asking import Asking, batched, refusal, successful
from intacct_bridge.client.cabinet import Cabinet
from intacct_bridge.errors import Fault, InvalidRequestError, NotPermittedError, RefusedError, RemoteProtocolError
from intacct_bridge.model.catalog import Catalog, ObjectDef, object_from_lookup, objects_from_inspect, unknown_object
from intacct_bridge.model.keys import keys_of
from intacct_bridge.model.query import Order
from intacct_bridge.wire.envelope import SUCCESS, Result
from intacct_bridge.wire.values import DEFAULT, Formatting
from intacct_bridge.wire.xml import Element, element

_LOOKUPS_AT_LEAST, _LOOKUPS_AT_MOST = 10, 50
"""How many look-ups one request carries."""
_UNQUERYABLE = re.compile(r"cannot be queried.*?\[\s*\w*\s*:\s*\[(?P<fields>[^\]]*)\]", re.S)


class Descriptions:
    """Definitions by name, each looked up when it is first needed."""

    def __init__(self, asking: Asking, cabinet: Cabinet) -> None:
        self._asking = asking
        self._cabinet = cabinet
        self._may_not_ask = False
        self._formatting_lock = threading.Lock()

    def describe(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """The definition in whatever case the name is written; InvalidRequestError with near names otherwise.

        For a transaction definition's custom fields, name it in `doc_par_id`.
        """
        found = self._cabinet.definition(name, doc_par_id)
        if found is None:
            (result,) = self._asking.send(self._asking.functions(_lookup(name, doc_par_id)), read=True)
            found = self._learn(result, name, doc_par_id)
        return found

    def describe_many(self, names: Iterable[str], refused: dict[str, RefusedError] | None = None) -> Catalog:
        """Many definitions in few requests. A name that is refused raises once the others are known, or is put into
        `refused` where that is given.

        Who describes many objects is about to read them, so the first of these requests asks for the formatting too.
        """
        wanted = list(dict.fromkeys(names))
        missing = [name for name in wanted if self._cabinet.definition(name, None) is None]
        errors: dict[str, RefusedError] = {} if refused is None else refused
        for some, results in self._looked_up(missing):
            for name, result in zip(some, results, strict=False):
                try:
                    self._learn(result, name, None)
                except (InvalidRequestError, NotPermittedError) as error:
                    errors[name] = error
        if errors and refused is None:
            raise next(iter(errors.values()))
        return Catalog(self.describe(name) for name in wanted if name not in errors)

    def _looked_up(self, names: Sequence[str]) -> Iterator[tuple[Sequence[str], tuple[Result, ...]]]:
        """The answers for many names as they come, as many requests side by side as the connection allows."""
        width = max(1, self._asking.connection.concurrency)
        size = max(_LOOKUPS_AT_LEAST, min(_LOOKUPS_AT_MOST, -(-len(names) // width)))
        parts = [list(some) for some in batched(names, size)]
        beside = [self._formatting_body()] if parts and self._asks_for_formatting() else []
        asked = [self._asking.functions(*(_lookup(name, None) for name in some)) for some in parts]
        if beside:
            asked[0] = (*asked[0], *self._asking.functions(*beside))
        with ThreadPoolExecutor(min(width, max(1, len(parts)))) as pool:
            answers = pool.map(lambda functions: self._asking.send(functions, read=True), asked)
            for number, (some, results) in enumerate(zip(parts, answers, strict=True)):
                if beside and not number:
                    self._learn_formatting(results[-1])
                yield some, results

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
        with self._formatting_lock:  # threads that begin together ask once
            if self._asks_for_formatting():
                functions = self._asking.functions(self._formatting_body())
                self._learn_formatting(self._asking.send(functions, read=True)[0])
        texts: list[str] | None = self._cabinet.get("formatting")
        known = self._asking.connection.read_formatting and texts is not None
        return Formatting.of(*texts) if known and texts is not None else DEFAULT

    def doubt_formatting(self) -> bool:
        """Forget the formatting if an earlier run read it, so that it is asked for again; whether one did."""
        with self._formatting_lock:
            return self._cabinet.doubt("formatting")

    def _asks_for_formatting(self) -> bool:
        """Whether it is wanted, not known yet, and the user may ask as far as we know."""
        wanted = self._asking.connection.read_formatting and not self._may_not_ask
        return wanted and self._cabinet.get("formatting") is None

    def _formatting_body(self) -> Element:
        return element("readUserFormatting", element("userId", self._asking.connection.user_id))

    def _learn_formatting(self, result: Result) -> None:
        """The three texts, kept; nothing, and not kept beyond this run, where the user may not ask."""
        try:
            data = successful(result).data
        except (InvalidRequestError, NotPermittedError, RemoteProtocolError):
            data = None
        if data is None:
            self._may_not_ask = True
            return
        found = data.find("userformatting") or data
        self._cabinet.keep("formatting", [found.findtext(name) for name in ("dateformat", "clock", "gmtoffset")])

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
