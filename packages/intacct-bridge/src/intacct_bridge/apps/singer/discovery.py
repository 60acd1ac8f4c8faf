"""Discovery: the catalogue of all streams that the company has, made at run time."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, cast

from intacct_bridge.apps.singer.protocol.messages import OPEN_ENDED, Decimals, catalog_entry
from intacct_bridge.apps.singer.tap_config import AUDIT_HISTORY, hotglue_audits, hotglue_names
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.streams.defaults import listed_objects
from intacct_bridge.streams.names import VIRTUAL_STREAMS, parse_name, parse_virtual
from intacct_protocol.errors import InvalidRequestError, NotPermittedError, RefusedError, SettingsError
from intacct_protocol.model.catalog import unknown_object
from intacct_protocol.xml.xml import Element, element

_ALWAYS_PERMITTED = ("Company", "Platform Services")
"""Applications that every company has; permissions may not name them."""
READABLE = "intacct.readable"
"""Metadata: false if the user's permissions do not seem to cover the object; absent if they do."""

if TYPE_CHECKING:
    from intacct_bridge.apps.singer.tap_config import TapConfig
    from intacct_bridge.client.client import Client
    from intacct_bridge.streams.stream import Stream
    from intacct_protocol.model.catalog import ObjectDef


def discovered(client: "Client", config: "TapConfig", output: Output) -> dict[str, Any]:
    """The discovery document: every object that has a key, standard, custom and user-defined, as it is today."""
    from intacct_bridge.extract.selection import expanded
    from intacct_bridge.operations.extract import ExtractRequest, prepare_extraction
    from intacct_protocol.model.keys import keys_of

    if config.unified:
        request = ExtractRequest(to="-", streams=config.streams, unified=config.unified)
        extraction = prepare_extraction(client, request, only_described=True)
        for outcome in extraction.refused:
            output.say(f"{outcome.name}: left out: {outcome.error}")
        return {"streams": [_entry_of(client, one, config) for one in extraction.streams]}
    streams = []
    others, objects = _requested(client, config, output)
    closed = _closed(client, objects)
    for described in _described(client, objects, output).values():
        found = keys_of(described)
        if not found.record:
            output.say(f"{described.name}: left out: it has no key to read it by")
            continue
        entry = catalog_entry(
            described,
            stream=config.stream_name(described.name),
            keys=[] if described.name == "GLDETAIL" else [found.record],
            replication_key=found.modified or None,
            selected=bool(config.streams),
            decimals=cast("Decimals", config.decimals),
        )
        if described.name in closed:
            entry["metadata"][0]["metadata"][READABLE] = False
            output.say(f"{described.name}: the user's permissions do not cover {closed[described.name]}")
        streams.append(_owned(entry, config))
    for name in others:
        try:
            _check_audited(client, name)
            streams += [_entry(client, one, config) for one in expanded(client, [name])]
        except (NotPermittedError, InvalidRequestError) as error:
            output.say(f"{name}: left out: {error.message}")
    return {"streams": streams}


def _closed(client: "Client", names: Sequence[str]) -> dict[str, str]:
    """Objects whose application the user's permissions do not name, with it; none if permissions cannot be read.

    This is only a hint, since the names and the objects of permissions are not documented. The first read is the proof.
    """
    if client.connection.is_legacy:
        return {}
    try:
        answer = client.ask(element("getUserPermissions", element("userId", client.connection.user_id))).data
    except (NotPermittedError, InvalidRequestError):
        return {}
    covered = {one.text for one in _elements(answer, "applicationName")}
    from intacct_protocol.model.permissions import permissions

    table = permissions()
    application_of = {name: table[name].application for name in names if name in table}
    known = {one.application for one in table.values()}
    if not covered.intersection(known):
        return {}
    return {name: one for name, one in application_of.items() if one not in (*covered, *_ALWAYS_PERMITTED)}


def _elements(root: Element | None, tag: str) -> Iterator[Element]:
    for child in root or ():
        if child.tag == tag:
            yield child
        else:
            yield from _elements(child, tag)


def _check_audited(client: "Client", name: str) -> None:
    """Raise for the audit history of an unknown object, which only stands in a filter and would find nothing."""
    of = parse_name(name).audit_of if name.startswith(AUDIT_HISTORY) else ""
    if of and of not in hotglue_names().values() and of not in {one.upper() for one in client.objects()}:
        raise unknown_object(of, client.objects())


def _entry(client: "Client", name: str, config: "TapConfig") -> dict[str, Any]:
    """A virtual stream, or one of part of an object. Its id is the full name; its name fits a table."""
    from intacct_bridge.operations.extract import ExtractRequest, prepare_extraction

    request = ExtractRequest(to="-", streams=[name], skip_refused=False)
    (stream,) = prepare_extraction(client, request, only_described=True).streams
    entry = _entry_of(client, stream, config)
    entry["tap_stream_id"] = config.stream_name(name)
    return entry


def _entry_of(client: "Client", stream: "Stream", config: "TapConfig") -> dict[str, Any]:
    """The catalogue entry of a stream; an object's own stream has all fields of the object."""
    from intacct_protocol.model.catalog import FieldDef, object_def

    if stream.object and not stream.nested and not stream.internal:
        fields = list(client.describe(stream.object, stream.doc_par_id).fields.values())
    else:
        hidden = (*stream.internal, *((stream.key,) if stream.key not in stream.keys else ()))
        fields = [FieldDef(field, kind) for field, kind in stream.fields.items() if field not in hidden]
    names = {field.name for field in fields}
    entry = catalog_entry(
        object_def(stream.name, fields),
        stream=config.stream_name(stream.name),
        keys=stream.keys,
        replication_key=next((name for name in (stream.modified, "updatedAt") if name in names), None),
        selected=bool(config.streams),
        decimals=cast("Decimals", config.decimals),
    )
    entry["schema"]["properties"] |= stream.nested
    if stream.object and not stream.nested:
        _owned(entry, config)
    if stream.open_ended:
        entry["schema"]["additionalProperties"] = True
        entry["metadata"][0]["metadata"][OPEN_ENDED] = True
    return entry


def _owned(entry: dict[str, Any], config: "TapConfig") -> dict[str, Any]:
    """The entry with the column for the owning entity, if the config has one."""
    if config.entity_column:
        entry["schema"]["properties"][config.entity_column] = {"type": ["null", "string"]}
        about = {"breadcrumb": ["properties", config.entity_column], "metadata": {"inclusion": "automatic"}}
        entry["metadata"].append(about)
    return entry


def _requested(client: "Client", config: "TapConfig", output: Output) -> tuple[list[str], list[str]]:
    """The streams that are not whole objects, and the objects, that the config asks for by names and patterns."""
    if not config.streams:
        known = list(listed_objects(client))
        others = [name for name, takes in VIRTUAL_STREAMS.items() if takes is not None]
        others += hotglue_audits() if config.hotglue_names else []
        return (known, []) if client.connection.is_legacy else (others, known)
    names = dict.fromkeys(config.object_name(name) for name in config.streams)
    others = [name for name in names if parse_virtual(name) or ":" in name or name.startswith(AUDIT_HISTORY)]
    named = [name for name in names if name not in others]
    known = list(listed_objects(client)) if any("*" in name for name in named) else []
    found = [one for name in named for one in (_matching(name, known, config, output) if "*" in name else [name])]
    if named and not found:
        raise SettingsError(
            f"no object of the company matches {', '.join(named)}", fix="list them with: intacct objects"
        )
    objects = list({name.upper(): name for name in found}.values())
    return (others + objects, []) if client.connection.is_legacy else (others, objects)


def _matching(pattern: str, known: Sequence[str], config: "TapConfig", output: Output) -> list[str]:
    """The objects that match a pattern, by their own names or by those of their streams."""
    found = [
        one
        for one in known
        if any(fnmatchcase(name.upper(), pattern.upper()) for name in (one, config.stream_name(one)))
    ]
    if not found:
        output.say(f"{pattern}: no object of the company matches")
    return found


def _described(client: "Client", names: Sequence[str], output: Output) -> "dict[str, ObjectDef]":
    """The definitions of objects; a refused object costs only itself.

    The audit trail is described along with them, since a sync would need a request of its own for it.
    """
    from intacct_bridge.streams.stream import AUDIT_TRAIL

    refused: dict[str, RefusedError] = {}
    catalog = client.describe_many([*names, AUDIT_TRAIL.object] if names else (), refused)
    for name in filter(refused.__contains__, names):
        output.say(f"{name}: left out: {refused[name].message}")
    return {name: catalog.find(name) for name in names if name not in refused}


def field_labels(client: "Client", streams: "Sequence[Stream]") -> dict[str, dict[str, str]]:
    """The label of each field, by stream; virtual streams have none."""
    return {
        one.name: {field.name: field.label for field in client.describe(one.object, one.doc_par_id).fields.values()}
        for one in streams
        if one.object
    }
