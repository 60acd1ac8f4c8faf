"""What `tap-intacct` says there is: a catalogue of everything the company has, made at run time."""

import json
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

from intacct_bridge.edge.singer.messages import OPEN_ENDED, Decimals, catalog_entry
from intacct_bridge.edge.singer.tap_config import AUDIT_HISTORY, hotglue_audits, hotglue_names
from intacct_bridge.edge.terminal.console import Console
from intacct_bridge.errors import InvalidRequestError, NotPermittedError, RefusedError, SettingsError
from intacct_bridge.flow.streams.defaults import listed_objects
from intacct_bridge.flow.streams.names import READERS, feed_named, parsed_name
from intacct_bridge.model.catalog import unknown_object
from intacct_bridge.wire.xml import Element, element

_EVERYBODYS = ("Company", "Platform Services")
"""Applications that every company has; permissions may not name them."""
READABLE = "intacct.readable"
"""False where the user's permissions do not seem to cover the object; nothing is said where they do."""

if TYPE_CHECKING:
    from intacct_bridge.client.client import Client
    from intacct_bridge.edge.singer.tap_config import TapConfig
    from intacct_bridge.flow.streams.stream import Stream, StreamOutcome
    from intacct_bridge.model.catalog import ObjectDef


def discovered(client: "Client", config: "TapConfig", console: Console) -> dict[str, Any]:
    """The discovery document: every object that has a key, standard, custom and user-defined, as it is today."""
    from intacct_bridge.flow.extract.source import expanded
    from intacct_bridge.flow.extract.unified import choose_unified
    from intacct_bridge.model.keys import keys_of

    if config.unified:
        refused: list[StreamOutcome] = []
        chosen = choose_unified(client, config.unified, config.streams, refused=refused)
        for outcome in refused:
            console.say(f"{outcome.stream}: left out: {outcome.error}")
        return {"streams": [_entry_of(client, one.shown, config) for one in chosen]}
    streams = []
    others, objects = _wanted(client, config, console)
    closed = _closed(client, objects)
    for described in _described(client, objects, console).values():
        found = keys_of(described)
        if not found.record:
            console.say(f"{described.name}: left out, since it has no key to read it by")
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
            console.say(f"{described.name}: the user's permissions do not cover {closed[described.name]}")
        streams.append(_owned(entry, config))
    for name in others:
        try:
            _audited(client, name)
            streams += [_entry(client, one, config) for one in expanded(client, [name])]
        except (NotPermittedError, InvalidRequestError) as error:
            console.say(f"{name}: left out: {error.message}")
    return {"streams": streams}


def _closed(client: "Client", names: Sequence[str]) -> dict[str, str]:
    """Objects of applications that the user's permissions do not name; none where they may not be asked for.

    It is a hint, and no more: what a permission is called and what it covers is not documented object by object, so the
    proof is the first read.
    """
    if client.connection.is_legacy:
        return {}
    try:
        answer = client.ask(element("getUserPermissions", element("userId", client.connection.user_id))).data
    except (NotPermittedError, InvalidRequestError):
        return {}
    covered = {one.text for one in _named(answer, "applicationName")}
    table: dict[str, dict[str, str]] = json.loads(
        files("intacct_bridge.data").joinpath("permissions.json").read_text("utf-8")
    )
    of = {name: table[name]["application"] for name in names if name in table}
    known = {one["application"] for one in table.values()}
    if not covered.intersection(known):
        return {}
    return {name: application for name, application in of.items() if application not in (*covered, *_EVERYBODYS)}


def _named(root: Element | None, tag: str) -> Iterator[Element]:
    for child in root or ():
        if child.tag == tag:
            yield child
        else:
            yield from _named(child, tag)


def _audited(client: "Client", name: str) -> None:
    """Look whether there is the object whose history is asked for: it only stands in a filter, which finds nothing."""
    of = parsed_name(name).audit_of if name.startswith(AUDIT_HISTORY) else ""
    if of and of not in hotglue_names().values() and of not in {one.upper() for one in client.objects()}:
        raise unknown_object(of, client.objects())


def _entry(client: "Client", name: str, config: "TapConfig") -> dict[str, Any]:
    """A stream that is no whole object. Its id is all that was asked for; its name is what fits a table."""
    from intacct_bridge.flow.extract.source import choose

    entry = _entry_of(client, choose(client, [name]).streams[0], config)
    entry["tap_stream_id"] = config.stream_name(name)
    return entry


def _entry_of(client: "Client", stream: "Stream", config: "TapConfig") -> dict[str, Any]:
    """What the catalogue says of a stream; of an object's own stream, all that is known of the object."""
    from intacct_bridge.model.catalog import FieldDef, object_def

    if stream.object and not stream.nested and not stream.inner:
        fields = list(client.describe(stream.object, stream.doc_par_id).fields.values())
    else:
        hidden = (*stream.inner, *((stream.key,) if stream.key not in stream.keys else ()))
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
    """The entry with the column for the owning entity, where one is asked for."""
    if config.entity_column:
        entry["schema"]["properties"][config.entity_column] = {"type": ["null", "string"]}
        about = {"breadcrumb": ["properties", config.entity_column], "metadata": {"inclusion": "automatic"}}
        entry["metadata"].append(about)
    return entry


def _wanted(client: "Client", config: "TapConfig", console: Console) -> tuple[list[str], list[str]]:
    """The streams that are no whole objects, and the objects, that the config's names and patterns mean; else all."""
    if not config.streams:
        known = list(listed_objects(client))
        unnamed = [name for name, takes in READERS.items() if takes is not None]
        unnamed += hotglue_audits() if config.hotglue_names else []
        return (known, []) if client.connection.is_legacy else (unnamed, known)
    asked = dict.fromkeys(config.object_name(name) for name in config.streams)
    others = [name for name in asked if feed_named(name) or ":" in name or name.startswith(AUDIT_HISTORY)]
    named = [name for name in asked if name not in others]
    known = list(listed_objects(client)) if any("*" in name for name in named) else []
    found = [one for name in named for one in (_matching(name, known, config, console) if "*" in name else [name])]
    if named and not found:
        raise SettingsError(
            f"no object of the company matches {', '.join(named)}", fix="list them with: intacct objects"
        )
    objects = list({name.upper(): name for name in found}.values())
    return (others + objects, []) if client.connection.is_legacy else (others, objects)


def _matching(pattern: str, known: Sequence[str], config: "TapConfig", console: Console) -> list[str]:
    """The objects that a pattern means, by their own names or by those of their streams."""
    found = [
        one
        for one in known
        if any(fnmatchcase(name.upper(), pattern.upper()) for name in (one, config.stream_name(one)))
    ]
    if not found:
        console.say(f"{pattern}: no object of the company matches")
    return found


def _described(client: "Client", names: Sequence[str], console: Console) -> "dict[str, ObjectDef]":
    """Every description that can be had; an object that is refused costs only itself.

    The trail that tells of deletes is described along with them, since a sync would have to ask for it alone.
    """
    from intacct_bridge.flow.streams.stream import TRAIL

    refused: dict[str, RefusedError] = {}
    catalog = client.describe_many([*names, TRAIL.object] if names else (), refused)
    for name in filter(refused.__contains__, names):
        console.say(f"{name}: left out: {refused[name].message}")
    return {name: catalog.find(name) for name in names if name not in refused}


def described(client: "Client", streams: "Sequence[Stream]") -> dict[str, dict[str, str]]:
    """What each field is, by stream; nothing where the stream is no object."""
    return {
        one.name: {field.name: field.label for field in client.describe(one.object, one.doc_par_id).fields.values()}
        for one in streams
        if one.object
    }
