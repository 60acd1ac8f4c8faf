"""The company's catalogue, read when it is first needed: objects, fields, relations, formatting, financial setup.

`lookup` gives the definitions, `inspect` the names; neither checks a right, so neither proves that anything may be
read. Definitions are looked up one by one as queries need them, or many in one request. Some fields that `lookup` lists
cannot be queried; the gateway names them when a query selects them, and they are remembered beside the definition.
Fields whose names (`DEPT#`) cannot be an element's name are never requested: no answer could hold them.
"""

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from intacct_bridge.client.gateway.calls import Calls, refusal, successful
from intacct_bridge.client.reading.catalog_cache import CatalogCache
from intacct_protocol.errors import (
    IntacctError,
    InvalidRequestError,
    NotPermittedError,
    RefusedError,
    RemoteProtocolError,
)
from intacct_protocol.model.batched import batched
from intacct_protocol.model.catalog import (
    Catalog,
    ObjectDef,
    object_from_inspect,
    object_from_lookup,
    objects_from_inspect,
    unknown_object,
)
from intacct_protocol.model.keys import keys_of
from intacct_protocol.model.query.query import Order
from intacct_protocol.xml.envelope import SUCCESS, Function, Result
from intacct_protocol.xml.values import DEFAULT, Formatting, Kind
from intacct_protocol.xml.xml import Element, element, names_an_element

_LOOKUPS_AT_LEAST, _LOOKUPS_AT_MOST = 20, 50
"""Lookups in one request. If requests run side by side, a request has at least as many as are worth a round trip."""


FINANCIAL_SETUP = "getFinancialSetup"


@dataclass(frozen=True, slots=True)
class FinancialSetup:
    """What `getFinancialSetup` says of a company, by its own names; empty if nothing is known of it."""

    parts: Mapping[str, str] = field(default_factory=dict)

    @property
    def base_currency(self) -> str:
        """The base currency of all entities; empty if they have several, or if it is not known."""
        return "" if self.parts.get("multiBaseCurrency") == "true" else self.parts.get("baseCurrency", "").upper()

    @property
    def is_multi_currency(self) -> bool | None:
        """Whether transactions may be in other currencies than the base currency; None if that is not known."""
        texts = {self.parts.get(name, "") for name in ("multiCurrency", "multiBaseCurrency")} - {""}
        return "true" in texts if texts else None


def ask_financial_setup() -> Element:
    """The function that reads the setup."""
    return Element(FINANCIAL_SETUP)


def financial_setup_of(result: Result) -> FinancialSetup:
    """The setup in a successful result."""
    data = result.data
    places = (data, *data.children) if data is not None else ()
    texts = {child.tag: child.text.strip() for place in places for child in place if not child.children}
    return FinancialSetup({tag: text for tag, text in texts.items() if text})


class CatalogReader:
    """Definitions by name, and the user's formatting, each read when it is first needed."""

    def __init__(self, calls: Calls, cache: CatalogCache) -> None:
        self._calls = calls
        self._cache = cache
        self._formatting_refused = False
        self._formatting_lock = threading.Lock()
        self._setup_refused = False
        self._setup_lock = threading.Lock()
        self._inspected: dict[str, ObjectDef | IntacctError] = {}
        self._text_fields: dict[str, set[str]] = {}
        self._texts: dict[str, ObjectDef] = {}
        """The definitions with fields that are read as text."""

    def describe(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """The definition; the name's case does not matter. InvalidRequestError with similar names if there is none.

        `doc_par_id` names a transaction definition, for its custom fields.
        """
        described = self._cache.definition(name, doc_par_id)
        if described is None:
            (result,) = self._calls.send(self._calls.functions(_lookup(name, doc_par_id)), read=True)
            described = self._learn(result, name, doc_par_id)
        return self._texts.get(described.name, described) if doc_par_id is None else self._as_text(described)

    def read_as_text(self, name: str, fields: Iterable[str]) -> None:
        """Describe these fields of an object as text from now on, regardless of the gateway's description.

        InvalidRequestError for a field that the object does not have, and for one by which its rows are walked.
        """
        described = self.describe(name)
        keys = keys_of(described)
        for name_of_field in fields:
            described_name = described.find(name_of_field).name
            if described_name in (keys.record, keys.modified):
                raise InvalidRequestError(
                    f"{described.name}.{described_name} cannot be read as text: rows are found by it",
                    fix="leave it out of `as_text`",
                    setting="as_text",
                )
            self._text_fields.setdefault(described.name, set()).add(described_name)
        self._texts[described.name] = self._as_text(described)

    def _as_text(self, described: ObjectDef) -> ObjectDef:
        """The definition with the fields that are to be read as text."""
        texts = self._text_fields.get(described.name, ())
        fields = {
            name: replace(one, kind=Kind.TEXT) if name in texts else one for name, one in described.fields.items()
        }
        return replace(described, fields=fields) if texts else described

    def describe_many(self, names: Iterable[str], refused: dict[str, RefusedError] | None = None) -> Catalog:
        """Many definitions in few requests. A refused name raises once the others are known, or is put into `refused`.

        A caller that describes many objects is about to read them, so the first request asks for the formatting too.
        """
        distinct = list(dict.fromkeys(names))
        errors: dict[str, RefusedError] = {} if refused is None else refused
        for _ in self.start_describing([[name] for name in distinct], errors):
            pass
        if errors and refused is None:
            raise next(iter(errors.values()))
        return Catalog(self.describe(name) for name in distinct if name not in errors)

    def start_describing(
        self, families: Sequence[Sequence[str]], refused: dict[str, RefusedError]
    ) -> Iterator[Sequence[Sequence[str]]]:
        """Send the requests of `describe_many`, and give families of objects as all their definitions are known.

        A family that needs no request comes with the first answer, which brings the formatting. Read the iterator to
        its end before the client is closed: the requests are under way.
        """
        width = max(1, self._calls.connection.concurrency)
        missing = [[name for name in one if self._cache.definition(name, None) is None] for one in families]
        size = max(_LOOKUPS_AT_LEAST, min(_LOOKUPS_AT_MOST, -(-sum(map(len, missing)) // width)))
        parts = _parts(families, missing, size)
        requests = [self._calls.functions(*(_lookup(name, None) for name in part.missing)) for part in parts]
        formatting = bool(parts[0].missing) and self._needs_formatting() if parts else False
        if formatting:
            requests[0] = (*requests[0], *self._calls.functions(self._formatting_body()))
        pool = ThreadPoolExecutor(width, "lookup")
        answers, previous = [], threading.Event()
        previous.set()
        for functions in requests:
            left = threading.Event()
            answers.append(pool.submit(self._answer, functions, previous, left))
            previous = left
        pool.shutdown(wait=False)
        return self._described_families(parts, answers, refused, formatting=formatting)

    def _answer(
        self, functions: Sequence[Function], previous: threading.Event, left: threading.Event
    ) -> tuple[Result, ...]:
        """One request, sent after the previous one, whose answer is needed first."""
        try:
            previous.wait()
            return self._calls.send(functions, read=True, before_send=left.set) if functions else ()
        finally:
            left.set()

    def _described_families(
        self,
        parts: Sequence["_Part"],
        answers: Sequence[Future[tuple[Result, ...]]],
        refused: dict[str, RefusedError],
        *,
        formatting: bool,
    ) -> Iterator[Sequence[Sequence[str]]]:
        """A failed request raises when all have been answered: it costs nothing that another request brings."""
        failure: IntacctError | None = None
        for part, answer in zip(parts, answers, strict=True):
            try:
                self._learn_part(part, answer.result(), refused, formatting=formatting and part is parts[0])
            except IntacctError as error:
                failure = failure or error
            else:
                yield part.families
        self._cache.save()  # not in a `finally`: the garbage collector may run that in any thread, at any line
        if failure is not None:
            raise failure

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
        return Catalog(self._cache.definitions())

    def forget_stored(self, name: str, doc_par_id: str | None = None) -> bool:
        """Forget a definition that came from disk, so that it is looked up again; False if this run looked it up."""
        return self._cache.forget(name, doc_par_id, if_from_disk=True)

    def lookup(self, name: str, doc_par_id: str | None = None) -> ObjectDef:
        """The definition as the gateway gives it now, even if it is known already."""
        self._cache.forget(name, doc_par_id, if_from_disk=False)
        return self.describe(name, doc_par_id)

    def objects(self) -> dict[str, str]:
        """Every object's name with its label, whether or not the user may read it."""
        labels: dict[str, str] | None = self._cache.get("objects")
        if labels is None:
            labels = objects_from_inspect(self._calls.data(element("inspect", element("object", "*"))))
            self._cache.keep("objects", labels)
        return dict(labels)

    def inspect(self, name: str) -> ObjectDef:
        """An object's definition by `inspect`, which has the lengths of text."""
        if name not in self._inspected:
            self.inspect_many([name])
        inspected = self._inspected[name]
        if isinstance(inspected, IntacctError):
            raise inspected
        return inspected

    def inspect_many(self, names: Iterable[str]) -> None:
        """Read the definitions by `inspect` that this client has not read yet, in few requests."""
        new = [name for name in dict.fromkeys(names) if name not in self._inspected]
        for chunk in batched(new, _LOOKUPS_AT_MOST):
            results = self._calls.send(self._calls.functions(*map(_inspect, chunk)), read=True)
            self._inspected |= {name: _inspected(name, one) for name, one in zip(chunk, results, strict=True)}

    def queryable(self, described: ObjectDef) -> tuple[str, ...]:
        """The fields of an object without those that no answer can hold and those known to be unqueryable."""
        refused = self._cache.get(f"unqueryable {described.name}") or ()
        return tuple(name for name in described.fields if name not in refused and names_an_element(name))

    def remember_unqueryable(self, described: ObjectDef, fields: Collection[str]) -> None:
        """Remember fields that the gateway has refused to query."""
        unqueryable = self._cache.get(f"unqueryable {described.name}") or ()
        if set(fields) <= set(unqueryable):
            return
        self._cache.keep(f"unqueryable {described.name}", sorted({*unqueryable, *fields}))

    def formatting(self) -> Formatting:
        """The API user's formatting, read once; the default if the user may not read it or the connection does not."""
        with self._formatting_lock:  # threads that start together read it once
            if self._needs_formatting():
                functions = self._calls.functions(self._formatting_body())
                self._learn_formatting(self._calls.send(functions, read=True)[0])
        texts: list[str] | None = self._cache.get("formatting")
        is_readable = self._calls.connection.read_formatting and texts is not None
        return Formatting.of(*texts) if is_readable and texts is not None else DEFAULT

    def formatting_age(self) -> float:
        """Seconds since the formatting was read; 0 if the connection does not read it."""
        return self._cache.age("formatting") if self._calls.connection.read_formatting else 0.0

    def forget_stored_formatting(self) -> bool:
        """Forget the formatting if an earlier run read it, so that it is read again. True if an earlier run read it."""
        with self._formatting_lock:
            return self._cache.forget_stored("formatting")

    def financial_setup(self) -> FinancialSetup:
        """The company's financial setup, read once and kept with the definitions; empty if the user may not read it."""
        with self._setup_lock:
            parts: dict[str, str] | None = self._cache.get(FINANCIAL_SETUP)
            if parts is None and not self._setup_refused and not self._calls.connection.is_legacy:
                try:
                    parts = dict(financial_setup_of(successful(self._calls.ask(ask_financial_setup()))).parts)
                    self._cache.keep(FINANCIAL_SETUP, parts)
                except (InvalidRequestError, NotPermittedError, RefusedError):  # for this run only
                    self._setup_refused = True
        return FinancialSetup(parts or {})

    def _needs_formatting(self) -> bool:
        """Whether it is wanted, not known yet and not refused; document type 2.1 has no function that reads it."""
        connection = self._calls.connection
        is_readable = connection.read_formatting and not connection.is_legacy and not self._formatting_refused
        return is_readable and self._cache.get("formatting") is None

    def _formatting_body(self) -> Element:
        return element("readUserFormatting", element("userId", self._calls.connection.user_id))

    def _learn_formatting(self, result: Result) -> None:
        """Keep the three strings. A refusal is remembered for this run only."""
        try:
            data = successful(result).data
        except (InvalidRequestError, NotPermittedError, RemoteProtocolError):
            data = None
        if data is None:
            self._formatting_refused = True
            return
        holder = data.find("userformatting") or data
        self._cache.keep("formatting", [holder.findtext(name) for name in ("dateformat", "clock", "gmtoffset")])

    def _learn(self, result: Result, name: str, doc_par_id: str | None) -> ObjectDef:
        if result.status != SUCCESS:
            error = refusal(result)
            if isinstance(error, InvalidRequestError):
                raise self._unknown(error, name) from None
            raise error
        types = () if result.data is None else result.data.findall("Type")
        if not types:
            raise RemoteProtocolError(f"the answer to lookup has no definition of {name}", function="lookup")
        described = object_from_lookup(types[0])
        self._cache.keep_definition(described, name, doc_par_id)
        return described

    def _unknown(self, error: InvalidRequestError, name: str) -> InvalidRequestError:
        """The error with similar names added, if the names can be read."""
        try:
            names = self.objects()
        except (InvalidRequestError, NotPermittedError):
            return error
        if name.upper() in (known.upper() for known in names):
            return error
        near = unknown_object(name, names)  # the object itself was not queried, so this is not a refusal by the gateway
        near.faults, near.diagnosis = error.faults, error.diagnosis
        return near


@dataclass(slots=True)
class _Part:
    """The lookups of one request."""

    families: list[Sequence[str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def _parts(families: Sequence[Sequence[str]], missing: Sequence[Sequence[str]], size: int) -> list[_Part]:
    """Families put together until a request has its share. Families stay together; each object is looked up once."""
    parts, included = [_Part()], set[str]()
    for family, names in zip(families, missing, strict=True):
        new = [name for name in dict.fromkeys(names) if name not in included]
        if new and len(parts[-1].missing) >= size:
            parts.append(_Part())
        parts[-1].families.append(family)
        parts[-1].missing.extend(new)
        included.update(new)
    return parts if families else []


def walked_key(described: ObjectDef) -> tuple[str, bool]:
    """The key to read an object by, and whether it is opaque; empty if pages can go by offset only."""
    if described.name in _KEY_REPEATS:
        return "", False
    keys = keys_of(described)
    return keys.record, keys.opaque


def key_order(described: ObjectDef) -> tuple[Order, ...]:
    """An order in which paging by offset meets every row once while nothing changes; empty if none is known."""
    keys = (keys_of(described).record, *(("BOOKID",) if described.name in _KEY_REPEATS else ()))
    return tuple(Order(name) for name in keys if name in described.fields)


_KEY_REPEATS = frozenset({"GLDETAIL"})
"""A view over several books, in which a RECORDNO may occur more than once (not confirmed)."""


def _inspect(name: str) -> Element:
    return Element("inspect", children=(element("object", name),), attributes={"detail": "1"})


def _inspected(name: str, result: Result) -> ObjectDef | IntacctError:
    """The definition in the answer to `inspect` with detail, or the error that it means."""
    try:
        types = () if (data := successful(result).data) is None else data.findall("Type")
    except IntacctError as error:
        return error
    if not types:
        return RemoteProtocolError(f"the answer to inspect has no definition of {name}", function="inspect")
    return object_from_inspect(types[0])


def _lookup(name: str, doc_par_id: str | None) -> Element:
    more = () if doc_par_id is None else (element("docparid", doc_par_id),)
    return Element("lookup", children=(element("object", name), *more))
