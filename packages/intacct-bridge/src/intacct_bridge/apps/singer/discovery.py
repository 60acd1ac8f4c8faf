"""Discovery: the catalogue of all streams that the company has, made at run time."""

from typing import TYPE_CHECKING, Any, cast

from intacct_bridge.apps.singer.protocol.messages import OPEN_ENDED, Decimals, catalog_entry
from intacct_bridge.apps.singer.tap_config import hotglue_audits, hotglue_names
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.operations.discovery import DiscoveredStream, DiscoveryRequest, discover

READABLE = "intacct.readable"
"""Metadata: false if the user's permissions do not seem to cover the object; absent if they do."""

if TYPE_CHECKING:
    from intacct_bridge.apps.singer.tap_config import TapConfig
    from intacct_bridge.operations.recorded_run import RecordedRun


def discovered(run: "RecordedRun", config: "TapConfig", output: Output) -> dict[str, Any]:
    """The discovery document: every object that has a key, standard, custom and user-defined, as it is today."""
    request = DiscoveryRequest(
        streams=[config.object_name(name) for name in config.streams],
        unified=config.unified,
        further=hotglue_audits() if config.hotglue_names else (),
        other_name=config.stream_name,
        known_objects=hotglue_names().values(),
        as_text=config.as_text,
    )
    discovery = discover(run.client, request)
    for pattern in discovery.unmatched:
        output.say(f"{pattern}: no object of the company matches")
    for name, reason in discovery.left_out.items():
        output.say(f"{name}: left out: {reason}")
    for stream in discovery.streams:
        if stream.closed_by:
            output.say(f"{stream.name}: the user's permissions do not cover {stream.closed_by}")
    return {"streams": [_entry(stream, config) for stream in discovery.streams]}


def _entry(stream: DiscoveredStream, config: "TapConfig") -> dict[str, Any]:
    """The catalogue entry of a stream. Its id is the full name; its name fits a table."""
    entry = catalog_entry(
        stream.described,
        stream=config.stream_name(stream.described.name),
        keys=stream.keys,
        replication_key=stream.continued_by or None,
        selected=bool(config.streams),
        decimals=cast("Decimals", config.decimals),
    )
    entry["tap_stream_id"] = config.stream_name(stream.name)
    properties, metadata = entry["schema"]["properties"], entry["metadata"]
    properties |= stream.nested
    if stream.closed_by:
        metadata[0]["metadata"][READABLE] = False
    if stream.open_ended:
        entry["schema"]["additionalProperties"] = True
        metadata[0]["metadata"][OPEN_ENDED] = True
    if stream.has_entity and config.entity_column:
        properties[config.entity_column] = {"type": ["null", "string"]}
        breadcrumb = ["properties", config.entity_column]
        metadata.append({"breadcrumb": breadcrumb, "metadata": {"inclusion": "automatic"}})
    return entry
