"""What the company looks like, learned when it is first needed: objects, fields, relations, the user's formatting.

`lookup` gives the definitions, `inspect` the names; neither checks a right, so neither proves that anything may be
read. Definitions are asked for one by one as queries need them, or many to a request. Some fields that `lookup` lists
cannot be queried; the gateway names them when one tries, and they are remembered beside the definition. Those that no
answer could hold, since their names (`DEPT#`) cannot be an element's, are not asked for.
"""

import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from intacct_bridge.client.gateway.calls import Asking, refusal, successful
from intacct_bridge.client.reading.catalog_cache import Cabinet
from intacct_bridge.errors import (
    IntacctError,
    InvalidRequestError,
    NotPermittedError,
    RefusedError,
    RemoteProtocolError,
)
from intacct_bridge.model.catalog import Catalog, ObjectDef, object_from_lookup, objects_from_inspect, unknown_object
from intacct_bridge.model.keys import keys_of
from intacct_bridge.model.query.query import Order
from intacct_bridge.wire.envelope import SUCCESS, Function, Result
from intacct_bridge.wire.values import DEFAULT, Formatting
from intacct_bridge.wire.xml import Element, element, names_an_element

_LOOKUPS_AT_LEAST, _LOOKUPS_AT_MOST = 15, 50
"""How many look-ups one request carries: where requests run side by side, no fewer than are worth a round trip."""


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
        errors: dict[str, RefusedError] = {} if refused is None else refused
        for _ in self.describing([[name] for name in wanted], errors):
            pass
        if errors and refused is None:
            raise next(iter(errors.values()))
        return Catalog(self.describe(name) for name in wanted if name not in errors)

    def describing(
        self, families: Sequence[Sequence[str]], refused: dict[str, RefusedError]
    ) -> Iterator[Sequence[Sequence[str]]]:
        """The requests of `describe_many` on their way; then the families as they are known, each whole.

        What needs no request comes with the first that is answered, since the formatting does. Go on to the end before
        the client is closed: the requests are under way.
        """
        width = max(1, self._asking.connection.concurrency)
        missing = [[name for name in one if self._cabinet.definition(name, None) is None] for one in families]
        size = max(_LOOKUPS_AT_LEAST, min(_LOOKUPS_AT_MOST, -(-sum(map(len, missing)) // width)))
        parts = _parts(families, missing, size)
        asked = [self._asking.functions(*(_lookup(name, None) for name in part.missing)) for part in parts]
        formatting = bool(parts[0].missing) and self._asks_for_formatting() if parts else False
        if formatting:
            asked[0] = (*asked[0], *self._asking.functions(self._formatting_body()))
        pool = ThreadPoolExecutor(width, "look-up")
        answers, before = [], threading.Event()
        before.set()
        for functions in asked:
            left = threading.Event()
            answers.append(pool.submit(self._answered, functions, before, left))
            before = left
        pool.shutdown(wait=False)
        return self._as_they_come(parts, answers, refused, formatting=formatting)

    def _answered(
        self, functions: Sequence[Function], before: threading.Event, left: threading.Event
    ) -> tuple[Result, ...]:
        """One request, sent after the one before, since its answer is wanted after that one's."""
        try:
            before.wait()
            return self._asking.send(functions, read=True, leaving=left.set) if functions else ()
        finally:
            left.set()

    def _as_they_come(
        self,
        parts: Sequence["_Part"],
        answers: Sequence[Future[tuple[Result, ...]]],
        refused: dict[str, RefusedError],
        *,
        formatting: bool,
    ) -> Iterator[Sequence[Sequence[str]]]:
        """What one request did not bring costs nothing that another brings; it raises when all have been answered."""
        lost: IntacctError | None = None
        for part, answer in zip(parts, answers, strict=True):
            try:
                self._learn_part(part, answer.result(), refused, formatting=formatting and part is parts[0])
            except IntacctError as error:
                lost = lost or error
            else:
                yield part.families
        self._cabinet.save()  # not where this is given up: the collector may do that in any thread, at any line
        if lost is not None:
            raise lost

    def _learn_part(
        self, part: "_Part", results: Sequence[Result], refused: dict[str, RefusedError], *, formatting: bool
    ) -> None:
        if formatting:
            self._learn_formatting(results[-1])
        for name, result in zip(part.missing, results, strict=False):
            try:
                self._learn(result, name, None)
            except (InvalidRequestError, NotPermittedError) as error:
                refused[name] = error

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
        """The fields of an object without those that no answer can hold or the gateway has refused to query."""
        refused = self._cabinet.get(f"unqueryable {described.name}") or ()
        return tuple(name for name in described.fields if name not in refused and names_an_element(name))

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

    def formatting_age(self) -> float:
        """Seconds since the gateway told the formatting; nought where it need not."""
        return self._cabinet.age("formatting") if self._asking.connection.read_formatting else 0.0

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


@dataclass(slots=True)
class _Part:
    """What one request asks for."""

    families: list[Sequence[str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def _parts(families: Sequence[Sequence[str]], missing: Sequence[Sequence[str]], size: int) -> list[_Part]:
    """Families put together until a request has its share; none is taken apart, and what is missing is asked once."""
    parts, met = [_Part()], set[str]()
    for family, some in zip(families, missing, strict=True):
        news = [name for name in dict.fromkeys(some) if name not in met]
        if news and len(parts[-1].missing) >= size:
            parts.append(_Part())
        parts[-1].families.append(family)
        parts[-1].missing.extend(news)
        met.update(news)
    return parts if families else []


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
