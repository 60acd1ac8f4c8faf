"""The work of `tap-intacct`: discovery, a test of the selected streams, or a sync to standard output.

Most modules are imported while the gateway answers the sign-in.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from intacct_bridge.apps.singer.config import ignored_note
from intacct_bridge.apps.singer.protocol.messages import Selected, read_catalog
from intacct_bridge.apps.singer.recorded_program import recorded
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.terminal.process import json_object, stoppable
from intacct_protocol.errors import InvalidRequestError, NotPermittedError, SettingsError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.apps.singer.protocol.destination import SingerDestination
    from intacct_bridge.apps.singer.protocol.messages import Decimals
    from intacct_bridge.apps.singer.tap_config import TapConfig
    from intacct_bridge.operations.extract import StreamOutcome
    from intacct_bridge.operations.extract_request import ExtractOptions
    from intacct_bridge.operations.feeds import FeedState
    from intacct_bridge.operations.recorded_run import RecordedRun

_DISCOVERY_HOURS = 0.25
"""Discovery shows the company as it is now: it reads definitions again that are older than a quarter of an hour."""
NOT_FOLLOWED = (
    "deletes: not sent, since the user may not read the audit history (`intacct doctor` says who can permit it);"
    " until then only full refreshes send them (full_every_by_stream)"
)
KEYS_UNKNOWN = (
    "entries that disappeared without an entry in the audit history, such as those of deleted bills, are not sent,"
    " since the state lacks the keys of this stream; a full refresh (--full, full_every_by_stream) sends them and keeps"
    " the keys as far as state_keys_kb allows"
)


@dataclass(frozen=True, slots=True)
class TapCommand:
    """The command line of the tap, without its configs."""

    discover: bool = False
    catalog_file: str | None = None
    state_file: str | None = None
    try_out: str | None = None
    """The value of --test: `all`, `records`, `schema` or `connection`."""
    full: bool = False


def run_tap(output: Output, configs: Sequence[str], command: TapCommand) -> int:
    """Discover, test or sync; the exit status."""
    from intacct_bridge.apps.singer.tap_config import read_config

    config = read_config(configs)
    output.hide(config.connection.secrets)
    if config.ignored:
        output.say(ignored_note(config.ignored))
    return recorded(output, "tap-intacct", config.connection, lambda run: _run_tap(run, output, config, command))


def _run_tap(run: "RecordedRun", output: Output, config: "TapConfig", command: TapCommand) -> int:
    if command.discover:
        hours = min(run.connection.catalog_hours, _DISCOVERY_HOURS)
        run.use(replace(run.connection, catalog_hours=hours))
    with stoppable(output, record=run.recorder.finish), closing(run):
        run.limited_client(config.max_transactions)
        _sign_in_early(run, without_arrow=config.without_arrow)
        if command.discover:
            return _discover(run, config, output)
        state = _state(None if command.try_out else command.state_file, config)
        catalog = _catalog(command.catalog_file)
        config = _named(config, catalog, state, output)
        unselected = catalog is None and not config.streams
        if command.try_out == "connection" or (command.try_out and unselected):
            return _try_connection(run, output, read=command.try_out in ("all", "records"))
        selected = _selected_streams(catalog, run, config, output)
        if command.try_out:
            return _try_out(run, selected, config, output, read=command.try_out != "schema")
        out = sys.stdout.buffer
        return sync(run, config, selected, state, out=out, output=output, full=command.full)


def _sign_in_early(run: "RecordedRun", *, without_arrow: bool) -> None:
    """Sign in; the modules that a run needs are imported meanwhile."""
    with run.client.signing_in():
        from intacct_bridge.apps.terminal.memory import limit_memory
        from intacct_bridge.operations.extract import importing

        limit_memory()
        with nullcontext() if without_arrow else importing("-"):
            import intacct_bridge.apps.singer.discovery
            import intacct_bridge.apps.singer.protocol.destination  # noqa: F401


def _discover(run: "RecordedRun", config: "TapConfig", output: Output) -> int:
    from intacct_bridge.apps.singer.discovery import discovered

    document = discovered(run, _named(config, None, _state(None, config), output), output)
    output.result(json.dumps(document, indent=1))  # escaped: the output may have any encoding
    return 0


# --- the selection


def _named(config: "TapConfig", catalog: list[Selected] | None, state: "FeedState", output: Output) -> "TapConfig":
    """The config with the names of streams: the configured ones, those of the state's first run, or the selection's."""
    configured = config.named_as(config.streams if catalog is None else [one.stream for one in catalog])
    named = configured if not state.names else config.named_as((), state.names)
    if configured.hotglue_names and not named.hotglue_names:
        output.say(
            "streams keep Intacct's names, with which the state began; for the catalogue's names, "
            'set "stream_names": "hotglue" and start without --state'
        )
    return named


def _catalog(path: str | None) -> list[Selected] | None:
    """The selected streams of the catalogue; None without one."""
    if not path:
        return None
    selected = read_catalog(json_object(Path(path), "catalogue"))
    if not selected:
        raise SettingsError(f"the catalogue {path} selects no stream", fix="set selected: true in a stream's metadata")
    return selected


def _selected_streams(
    catalog: list[Selected] | None, run: "RecordedRun", config: "TapConfig", output: Output
) -> list[Selected]:
    """The selected streams, by objects' names: those of the catalogue, else those of the config."""
    if catalog is None and not config.streams:
        raise SettingsError("no stream is selected", fix="give a catalogue with --catalog, or `streams` in the config")
    selected = _configured(run, config, output) if catalog is None else catalog
    return [Selected(config.object_name(one.stream), _fields(one.fields, config), one.full_table) for one in selected]


def _configured(run: "RecordedRun", config: "TapConfig", output: Output) -> list[Selected]:
    """The streams that the config names; those that the company does not have are included, and fail alone."""
    from intacct_bridge.apps.singer.discovery import discovered

    selected = read_catalog(discovered(run, config, output))
    listed = {config.object_name(one.stream).upper() for one in selected}
    named = {config.object_name(name).upper(): name for name in config.streams if "*" not in name}
    return selected + [Selected(name, None) for known, name in named.items() if known not in listed]


def _fields(fields: tuple[str, ...] | None, config: "TapConfig") -> tuple[str, ...] | None:
    """The fields to read: all but the column that the tap adds."""
    return None if fields is None else tuple(name for name in fields if name != config.entity_column)


def _state(path: str | None, config: "TapConfig") -> "FeedState":
    from intacct_bridge.apps.singer.protocol.state import read_state

    return read_state(json_object(Path(path), "state", lines=True) if path else {}, config.object_name)


# --- sync


def sync(
    run: "RecordedRun",
    config: "TapConfig",
    selected: Sequence[Selected],
    state: "FeedState",
    *,
    out: IO[bytes],
    output: Output,
    full: bool = False,
) -> int:
    """Send the selected streams. The exit status is 1 if one of them failed; the others are sent in full."""
    from intacct_bridge.operations.extract import ExtractRequest, prepare_extraction

    request = ExtractRequest(
        to="-",
        streams=tuple(one.stream for one in selected),
        select={one.stream: one.fields for one in selected if one.fields is not None},
        unified=config.unified,
        entity_column=config.entity_column,
        skip_missing=True,
        without_arrow=config.without_arrow,
        as_text=config.as_text,
        options=replace(config.options, full=full),
    )
    extraction = prepare_extraction(run.client, request)
    for name, fields in extraction.missing.items():
        output.say(f"{config.stream_name(name)}: {', '.join(fields)}: left out: the company has no such field")
    by_name = {one.stream: one for one in selected}
    sent = {stream.name: by_name[name] for name, stream in zip(extraction.names, extraction.read, strict=True)}
    extraction = extraction.refreshing(name for name, one in sent.items() if one.full_table)
    descriptions = {} if config.unified else extraction.field_labels()
    destination = _destination(config, sent, state, out=out, descriptions=descriptions, options=extraction.options)
    with stoppable(output, destination.seal, run.recorder.finish):
        result = extraction.run(run=run.recorder, output=destination)
    for name in destination.unknown_keys:
        output.say(f"{config.stream_name(name)}: {KEYS_UNKNOWN}")
    sound = _report_streams(result.outcomes, config, output)  # first: saving files may end in an error of its own
    to = config.attachments
    saved = not to or _save_files_of(run, result.objects, Path(to), output)
    output.say(f"API transactions: {run.client.meter.transactions}")
    return 0 if sound and saved else 1


def _destination(
    config: "TapConfig",
    sent: Mapping[str, Selected],
    state: "FeedState",
    *,
    out: IO[bytes],
    descriptions: Mapping[str, Mapping[str, str]],
    options: "ExtractOptions",
) -> "SingerDestination":
    """The destination of a sync: `sent` has the selection of each stream."""
    from intacct_bridge.apps.singer.protocol.destination import SingerDestination

    state.names = config.names
    added = (config.entity_column,) if config.entity_column else ()
    return SingerDestination(
        out,
        state,
        decimals=cast("Decimals", config.decimals),
        names=config.stream_name,
        descriptions=descriptions,
        selected={name: None if one.fields is None else (*one.fields, *added) for name, one in sent.items()},
        options=options,
        most_keys=config.state_keys_kb * 1024,
    )


def _save_files_of(run: "RecordedRun", objects: Sequence[str], to: Path, output: Output) -> bool:
    """Save attached files; False if some could not be saved."""
    from intacct_bridge.operations.extract import save_attachments

    saved = save_attachments(
        run.client, objects, to, failed=lambda name, reason: output.complain(f"attachment {name}: failed: {reason}")
    )
    output.say(f"{counted(saved.files, 'attached file')} saved in {to}")
    return not saved.failures


def _report_streams(outcomes: "Sequence[StreamOutcome]", config: "TapConfig", output: Output) -> bool:
    """Print the outcome of each stream; False if one failed."""
    from intacct_bridge.operations.extract import DELETES

    failed = 0
    for outcome in outcomes:
        name, how = config.stream_name(outcome.name), "full refresh" if outcome.full else "incremental"
        if outcome.name == DELETES and not outcome.complete and not outcome.error:
            output.say(NOT_FOLLOWED)
            continue
        pages = counted(outcome.pages, "page")
        output.say(f"{name}: {counted(outcome.rows, 'row')} ({how}), {outcome.deleted:,} deleted, {pages}")
        for field_name in outcome.unqueryable:
            output.say(f"{name}: {field_name} is left out: the gateway does not let it be queried")
        if outcome.error:
            failed += 1
            output.complain(f"{name}: failed: {outcome.error}" + (f" ({outcome.fix})" if outcome.fix else ""))
    return not failed


def _try_connection(run: "RecordedRun", output: Output, *, read: bool) -> int:
    """Sign in, and read one user if wanted. A user who may read no users has a sound connection, too."""
    from intacct_bridge.operations.discovery import try_reading_users

    signed = run.client.sign_in().company_id
    if read and (refusal := try_reading_users(run.client)):
        output.say(f"USERINFO: {refusal}")
    output.say(f"signed in to {signed}")
    return 0


def _try_out(
    run: "RecordedRun", selected: Sequence[Selected], config: "TapConfig", output: Output, *, read: bool
) -> int:
    """Read one record of each stream and discard it; without `read`, only describe the streams."""
    from intacct_bridge.operations.extract import ExtractRequest, prepare_extraction

    failed = 0
    for selection in selected:
        name = config.stream_name(selection.stream)
        fields = {selection.stream: selection.fields} if selection.fields and not config.unified else {}
        try:
            request = ExtractRequest(
                to="-",
                streams=(selection.stream,),
                select=fields,
                unified=config.unified,
                skip_refused=False,
                without_arrow=config.without_arrow,
                as_text=config.as_text,
            )
            extraction = prepare_extraction(run.client, request)
            (stream,) = extraction.read
            if read:
                extraction.try_out()
            output.say(f"{name}: can be read" if read else f"{name}: {counted(len(stream.fields), 'field')}")
        except (NotPermittedError, InvalidRequestError) as error:
            failed += 1
            output.complain(f"{name}: {error.message}" + (f" ({error.fix})" if error.fix else ""))
    return 1 if failed else 0
