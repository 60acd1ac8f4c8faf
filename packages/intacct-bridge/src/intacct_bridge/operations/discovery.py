"""Discovery: the streams that a company has, with their fields and keys, as they are today."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from intacct_bridge.client.client import Client
from intacct_bridge.extract.selection import expanded
from intacct_bridge.operations.extract import ExtractRequest, prepare_extraction
from intacct_bridge.streams.defaults import fields_of_objects, listed_objects
from intacct_bridge.streams.names import AUDIT_PREFIX, VIRTUAL_STREAMS, parse_name, parse_virtual
from intacct_bridge.streams.stream import AUDIT_TRAIL
from intacct_protocol.errors import InvalidRequestError, NotPermittedError, RefusedError, SettingsError
from intacct_protocol.model.catalog import FieldDef, ObjectDef, object_def, unknown_object
from intacct_protocol.model.keys import keys_of
from intacct_protocol.model.permissions import permissions
from intacct_protocol.xml.xml import Element, element

if TYPE_CHECKING:
    from intacct_bridge.streams.stream import Stream

_ALWAYS_PERMITTED = ("Company", "Platform Services")
"""Applications that every company has; permissions may not name them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryRequest:
    """The streams to look for."""

    streams: Sequence[str] = ()
    """Objects, patterns such as `AP*`, parts of objects, virtual streams; with `unified`, entities of that schema.
    Without names, every object that has a key, and the virtual streams that need no name."""
    unified: str = ""
    further: Sequence[str] = ()
    """More streams if none is named."""
    other_name: Callable[[str], str] = str
    """Another name of an object, which a pattern may match."""
    known_objects: Collection[str] = ()
    """Objects that every company has, so that their audit histories need no check."""
    as_text: Sequence[str] = ()
    """Read these fields as text, as `STREAM.FIELD`."""


@dataclass(frozen=True, slots=True)
class DiscoveredStream:
    """A stream that can be read."""

    name: str
    """The name by which a request names it."""
    described: ObjectDef
    """Its own name, and its fields."""
    keys: tuple[str, ...]
    """The fields that tell its rows apart; none if no field can be trusted."""
    continued_by: str = ""
    """The time of the last change, by which a read continues; empty if it has none."""
    nested: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The JSON schemas of text fields that hold JSON."""
    open_ended: bool = False
    """Whether rows may have further columns, which only reading them shows."""
    has_entity: bool = False
    """Whether its rows are records, which an entity may own."""
    closed_by: str = ""
    """The application that the user's permissions do not seem to cover; a hint, as only a read is proof."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found."""

    streams: tuple[DiscoveredStream, ...]
    left_out: Mapping[str, str]
    """Why a stream is left out, by name."""
    unmatched: tuple[str, ...] = ()
    """Patterns that match no object."""


def discover(client: Client, request: DiscoveryRequest) -> Discovery:
    """Describe the streams. A refused one costs only itself. SettingsError if nothing matches what is named."""
    if request.as_text:
        client.read_as_text(fields_of_objects(request.as_text))
    if request.unified:
        entities = ExtractRequest(to="-", streams=request.streams, unified=request.unified)
        extraction = prepare_extraction(client, entities, only_described=True)
        left_out = {outcome.name: outcome.error for outcome in extraction.refused}
        return Discovery(tuple(_discovered(client, stream) for stream in extraction.streams), left_out)
    others, objects, unmatched = _requested(client, request)
    streams, left_out = [], {}
    closed = _closed(client, objects)
    for described in _described(client, objects, left_out).values():
        keys = keys_of(described)
        if keys.record:
            trusted = () if described.name == "GLDETAIL" else (keys.record,)
            streams.append(
                DiscoveredStream(
                    described.name,
                    described,
                    trusted,
                    keys.modified,
                    has_entity=True,
                    closed_by=closed.get(described.name, ""),
                )
            )
        else:
            left_out[described.name] = "it has no key to read it by"
    for name in others:
        try:
            _check_audited(client, name, request.known_objects)
            for full_name in expanded(client, [name]):
                part = ExtractRequest(to="-", streams=[full_name], skip_refused=False)
                (stream,) = prepare_extraction(client, part, only_described=True).streams
                streams.append(_discovered(client, stream, full_name))
        except (NotPermittedError, InvalidRequestError) as error:
            left_out[name] = error.message
    return Discovery(tuple(streams), left_out, unmatched)


def try_reading_users(client: Client) -> str:
    """Read one user. Why the API user may read none, which says nothing against the connection."""
    if not client.connection.is_legacy:
        try:
            next(client.query("USERINFO", "LOGINID", limit=1), None)
        except NotPermittedError as error:
            return error.message
    return ""


def _closed(client: Client, names: Sequence[str]) -> dict[str, str]:
    """Objects whose application the user's permissions do not name, with it; none if permissions cannot be read.

    This is only a hint, since the names and the objects of permissions are not documented. The first read is the proof.
    """
    if client.connection.is_legacy:
        return {}
    try:
        answer = client.ask(element("getUserPermissions", element("userId", client.connection.user_id))).data
    except (NotPermittedError, InvalidRequestError):
        return {}
    covered = {name.text for name in _elements(answer, "applicationName")}
    table = permissions()
    application_of = {name: table[name].application for name in names if name in table}
    if not covered.intersection(permission.application for permission in table.values()):
        return {}
    return {
        name: application
        for name, application in application_of.items()
        if application not in (*covered, *_ALWAYS_PERMITTED)
    }


def _elements(root: Element | None, tag: str) -> Iterator[Element]:
    for child in root or ():
        if child.tag == tag:
            yield child
        else:
            yield from _elements(child, tag)


def _check_audited(client: Client, name: str, known_objects: Collection[str]) -> None:
    """Raise for the audit history of an unknown object, which only stands in a filter and would find nothing."""
    of = parse_name(name).audit_of if name.startswith(AUDIT_PREFIX) else ""
    if of and of not in known_objects and of not in {listed.upper() for listed in client.objects()}:
        raise unknown_object(of, client.objects())


def _discovered(client: Client, stream: "Stream", name: str = "") -> DiscoveredStream:
    """A stream as it is read; an object's own stream has all fields of the object."""
    if stream.object and not stream.nested and not stream.internal:
        fields = list(client.describe(stream.object, stream.doc_par_id).fields.values())
    else:
        hidden = (*stream.internal, *((stream.key,) if stream.key not in stream.keys else ()))
        fields = [FieldDef(field, kind) for field, kind in stream.fields.items() if field not in hidden]
    names = {field.name for field in fields}
    return DiscoveredStream(
        name or stream.name,
        object_def(stream.name, fields),
        stream.keys,
        next((name for name in (stream.modified, "updatedAt") if name in names), ""),
        stream.nested,
        stream.open_ended,
        has_entity=bool(stream.object and not stream.nested),
    )


def _requested(client: Client, request: DiscoveryRequest) -> tuple[list[str], list[str], tuple[str, ...]]:
    """The streams that are not whole objects, the objects, and the patterns that match none."""
    is_legacy = client.connection.is_legacy
    if not request.streams:
        listed = list(listed_objects(client))
        others = [name for name, takes in VIRTUAL_STREAMS.items() if takes is not None]
        return (listed, [], ()) if is_legacy else ([*others, *request.further], listed, ())
    names = dict.fromkeys(request.streams)
    others = [name for name in names if parse_virtual(name) or ":" in name or name.startswith(AUDIT_PREFIX)]
    named = [name for name in names if name not in others]
    listed = list(listed_objects(client)) if any("*" in name for name in named) else []
    by_name = {name: _matching(name, listed, request.other_name) if "*" in name else [name] for name in named}
    objects = list({name.upper(): name for matching in by_name.values() for name in matching}.values())
    if named and not objects:
        raise SettingsError(
            f"no object of the company matches {', '.join(named)}", fix="list them with: intacct objects"
        )
    unmatched = tuple(name for name, matching in by_name.items() if not matching)
    return ([*others, *objects], [], unmatched) if is_legacy else (others, objects, unmatched)


def _matching(pattern: str, listed: Sequence[str], other_name: Callable[[str], str]) -> list[str]:
    """The objects that match a pattern, by their own names or by their other ones."""
    upper = pattern.upper()
    return [name for name in listed if any(fnmatchcase(text.upper(), upper) for text in (name, other_name(name)))]


def _described(client: Client, names: Sequence[str], left_out: dict[str, str]) -> dict[str, ObjectDef]:
    """The definitions of objects.

    The audit trail is described along with them, since a sync would need a request of its own for it.
    """
    refused: dict[str, RefusedError] = {}
    catalog = client.describe_many([*names, AUDIT_TRAIL.object] if names else (), refused)
    left_out |= {name: refused[name].message for name in names if name in refused}
    return {name: catalog.find(name) for name in names if name not in refused}
