"""The doctor's checks of the user's permission to read and of the company's subscriptions.

One request reads one row of every stream. `lookup` and `inspect` prove nothing, because they answer regardless of the
user's permissions are.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from intacct_bridge.client.client import Client
from intacct_bridge.client.reading.legacy import get_list
from intacct_bridge.setup.findings import (
    DoctorFinding,
    Status,
    causes_of,
    from_error,
    gateway_text,
    known_finding,
    ok,
    skipped,
)
from intacct_bridge.setup.queries import (
    QueryAnswer,
    descendants,
    equals,
    error_of,
    query_all,
    query_body,
    submit,
)
from intacct_protocol.errors import IntacctError, InvalidRequestError, NotPermittedError, SignInError
from intacct_protocol.model import keys
from intacct_protocol.model.wording import counted, listed
from intacct_protocol.xml.xml import Element, element

STREAMS = (
    "GLACCOUNT",
    "GLBATCH",
    "GLENTRY",
    "GLDETAIL",
    "VENDOR",
    "APBILL",
    "APBILLITEM",
    "CUSTOMER",
    "ARINVOICE",
    "ARINVOICEITEM",
    "EMPLOYEE",
    "DEPARTMENT",
    "LOCATION",
    "CLASS",
    "PROJECT",
    "ITEM",
)
"""The streams to check if no job is named: those of most jobs."""
_OWNED_BY_ENTITIES = ("APBILL", "ARINVOICE", "GLBATCH", "PROJECT", "VENDOR", "CUSTOMER")
"""Objects to search for private records."""
_PRIVATE_CHECKS = 3
"""How many of them are searched, since each costs a transaction."""


class ReadRights:
    """The answers to one row of every stream, all in one request, and the findings from them."""

    def __init__(self, client: Client, streams: Sequence[str], *, named: bool, ids: Mapping[str, str]) -> None:
        self.names = tuple(dict.fromkeys(name.upper() for name in streams))
        self._client = client
        self._named = named
        self._words = ids
        self._answers: dict[str, QueryAnswer] = {}

    @property
    def answers(self) -> Mapping[str, QueryAnswer]:
        """The answer of each stream, requested on first use."""
        if not self._answers:
            bodies = [query_body(name, keys.record_key(name) or "RECORDNO") for name in self.names]
            self._answers = dict(zip(self.names, query_all(self._client, *bodies), strict=True))
        return self._answers

    @property
    def dated(self) -> tuple[str, ...]:
        """The readable streams that have rows with a modification time."""
        return tuple(
            name for name in self.readable if self.answers[name].total and keys.replication_key(name) == "WHENMODIFIED"
        )

    @property
    def readable(self) -> tuple[str, ...]:
        """The streams that can be read."""
        return tuple(name for name in self.names if self.answers[name].error is None)

    def refused(self, step: str) -> dict[str, IntacctError]:
        """The streams that are refused for the reason that a step checks."""
        errors = {name: self.answers[name].error for name in self.names}
        return {name: error for name, error in errors.items() if error is not None and _step(error) == step}

    def modules(self) -> Iterator[DoctorFinding]:
        """Subscriptions; a missing module is a finding only if a stream of it was named."""
        refused = self.refused("modules")
        if not refused:
            yield ok("modules", "the module of every stream is subscribed")
            return
        by_text: dict[str, list[str]] = defaultdict(list)
        for name, error in refused.items():
            by_text[error.faults[0].text].append(name)
        if not self._named:
            yield ok("modules", f"not subscribed, and not needed: {', '.join(refused)}")
            return
        for same in by_text.values():
            yield _named(from_error("modules", refused[same[0]], objects=tuple(same)))

    def reading(self) -> Iterator[DoctorFinding]:
        """Permissions and names."""
        unknown, closed = self.refused("objects"), self.refused("reading")
        if not unknown and not closed:
            yield ok("reading", f"{len(self.readable)} of {counted(len(self.names), 'stream')}")
        for name, error in unknown.items():
            ids = {**self._words, "objects": name}
            yield from_error("reading", error, objects=(name,), causes=causes_of("object-unknown", ids))
        if closed:
            yield self._closed(tuple(closed), next(iter(closed.values())))

    def _closed(self, objects: tuple[str, ...], error: IntacctError) -> DoctorFinding:
        if len(objects) == len(self.names) and len(objects) > 1:
            causes = causes_of("nothing-readable", self._words)
            return _named(from_error("reading", error, objects=objects, causes=causes))
        if self._named:
            return _named(from_error("reading", error, objects=objects))
        return _named(
            known_finding("reading", "some-unreadable", gateway_text(error), status=Status.WARNING, objects=objects)
        )

    def paging(self) -> Iterator[DoctorFinding] | None:
        """A finding for streams whose total exceeds the page although no rows remain; None without such streams."""
        short = [
            name
            for name, answer in self.answers.items()
            if answer.error is None and answer.total > len(answer.rows) and not answer.remaining
        ]
        if not short:
            return None
        answer = self.answers[short[0]]
        text = f"{short[0]}: {len(answer.rows)} of {counted(answer.total, 'row')} read, 0 remaining"
        return iter((known_finding("pages", "paging-short", text, objects=tuple(short)),))


def legacy_reading(client: Client, streams: Sequence[str]) -> Iterator[DoctorFinding]:
    """One record of each stream by `get_list`, in one request, and what document type 2.1 leaves unchecked."""
    legacy_names = {name: keys.legacy_name(name) for name in dict.fromkeys(stream.upper() for stream in streams)}
    listed_names = {name: legacy.name for name, legacy in legacy_names.items() if legacy is not None and legacy.listed}
    results = submit(client, [get_list(name, size=1) for name in listed_names.values()], read=True)
    errors = {name: error_of(result) for name, result in zip(listed_names, results, strict=True)}
    closed = {name: error for name, error in errors.items() if error is not None}
    if closed:
        yield _named(from_error("reading", next(iter(closed.values())), objects=tuple(closed)))
    elif listed_names:
        yield ok("reading", f"{counted(len(listed_names), 'object')} of document type 2.1")
    others = [name for name in legacy_names if name not in listed_names]
    if others:
        yield skipped("reading", f"not checked, since document type 2.1 does not list them: {listed(others)}")
    yield skipped("rest", UNCHECKED_BY_LEGACY)


UNCHECKED_BY_LEGACY = (
    "not checked, since document type 2.1 has no function for them: date format and clock, module subscriptions, "
    "private records, permission to write, audit history, dimensions, open periods, repeated control IDs, "
    "times in filters, privileges. Check them with a 3.0 connection of the same user"
)


def _step(error: IntacctError) -> str:
    entry = error.diagnosis.entry if error.diagnosis is not None else ""
    if entry == "module-not-subscribed":
        return "modules"
    return "objects" if isinstance(error, InvalidRequestError) else "reading"


def _named(finding: DoctorFinding) -> DoctorFinding:
    """The finding with all of its objects named."""
    if len(finding.objects) <= 1:
        return finding
    return replace(finding, observed=f"{finding.observed} (the same for {listed(finding.objects[1:])})")


def private(client: Client, readable: Sequence[str], ids: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """Whether the top level shows an entity's records: the rows of one stream, counted there and in the entity."""
    if client.connection.location_id:
        yield skipped("private", f"the connection works in {client.connection.location_id}")
        return
    names = [name for name in _OWNED_BY_ENTITIES if name in readable][:_PRIVATE_CHECKS]
    place = query_all(client, query_body("LOCATIONENTITY", "LOCATIONID", where=equals("STATUS", "active")))[0]
    if not names or not place.rows:
        yield ok("private", "no entities" if place.error is None and names else "no entities or streams to test with")
        return
    entity = place.rows[0].get("LOCATIONID", "")
    bodies = [
        query_body(name, keys.record_key(name), where=equals("MEGAENTITYID", entity), private=True) for name in names
    ]
    try:
        answers = query_all(client.entity(entity), *bodies)
    except SignInError as error:
        yield skipped("private", f"sign-in to entity {entity} failed: {error.message}")
        return
    chosen = next((place for place, answer in enumerate(answers) if answer.total), None)
    if chosen is None:
        yield ok("private", f"{listed(names)} have no records of entity {entity} to test with")
        return
    name, inside, above = names[chosen], answers[chosen], query_all(client, bodies[chosen])[0]
    if above.error is not None or above.total >= inside.total:
        shown = f"{name} shows {counted(above.total, 'record')} of entity {entity} at the top level, as in the entity"
        yield ok("private", shown)
        return
    text = f"{name} shows {above.total:,} of {counted(inside.total, 'record')} of entity {entity} at the top level"
    yield known_finding("private", "private-hidden", text, ids=ids, objects=(name,))


def audit(client: Client) -> Iterator[DoctorFinding]:
    """Whether deletes are visible."""
    error = query_all(client, query_body("AUDITHISTORY", "ID"))[0].error
    if error is None:
        yield ok("audit", "readable, so deletes are visible")
        return
    yield known_finding("audit", "audit-closed", gateway_text(error), status=Status.WARNING, objects=("AUDITHISTORY",))


def dimensions(client: Client, ids: Mapping[str, str], *, needed: bool = True) -> Iterator[DoctorFinding]:
    """The user-defined dimensions, and whether they can be read; a finding only if they are `needed`."""
    (result,) = submit(client, [element("getDimensions")], read=True)
    error = error_of(result)
    if error is not None:
        yield from_error("dimensions", error, status=Status.WARNING)
        return
    fields = _own_dimensions(result.data)
    if not fields:
        yield ok("dimensions", "no user-defined dimensions")
        return
    names = _objects_of(client, fields)
    answers = query_all(client, *(query_body(name, keys.record_key(name) or "id") for name in names))
    closed = {
        name: answer.error
        for name, answer in zip(names, answers, strict=True)
        if isinstance(answer.error, NotPermittedError) or _is_unknown(answer.error)
    }
    if not closed:
        yield ok("dimensions", f"user-defined and readable: {', '.join(names)}")
        return
    if not needed:
        yield ok("dimensions", f"{', '.join(names)}; not readable and not needed: {', '.join(closed)}")
        return
    values = {**ids, "objects": ", ".join(closed)}
    text = "; ".join(gateway_text(error) for error in closed.values() if error is not None)
    yield known_finding(
        "dimensions",
        "dimension-not-readable",
        text,
        status=Status.WARNING,
        ids=ids,
        objects=tuple(closed),
        causes=causes_of("dimension-not-readable", values),
    )


def _is_unknown(error: IntacctError | None) -> bool:
    return error is not None and error.diagnosis is not None and error.diagnosis.entry == "object-unknown"


def _objects_of(client: Client, fields: Sequence[str]) -> list[str]:
    """The objects with the dimensions' values: the targets of GLENTRY's relations by these fields."""
    try:
        relations = client.describe("GLENTRY").relations.values()
    except IntacctError:
        relations = {}.values()
    targets = {relation.by.upper(): relation.object for relation in relations}
    return [targets.get(field.upper(), field.upper().removeprefix("GLDIM")) for field in fields]


def _own_dimensions(data: Element | None) -> list[str]:
    """The object names of the user-defined dimensions in an answer to getDimensions."""
    return [
        row.findtext("objectName")
        for row in descendants(data, "dimension")
        if row.findtext("userDefinedDimension").strip().lower() == "true"
    ]
