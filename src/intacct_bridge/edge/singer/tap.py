"""`tap-intacct`: Intacct as a Singer tap. Discovery, and a sync into standard output by the extraction everyone shares.

Standard output carries messages and nothing else; what people read goes to standard error. State follows every safe
point, so whatever ends a run, the next goes on from the last STATE that was kept.
"""

import json
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import click

from intacct_bridge.edge.singer.messages import Decimals, Selected, read_catalog
from intacct_bridge.edge.singer.sink import SingerSink, SingerState
from intacct_bridge.edge.terminal.console import Console
from intacct_bridge.edge.terminal.process import about_options, json_object, run, singer_command, stoppable
from intacct_bridge.errors import InvalidRequestError, NotPermittedError, SettingsError

if TYPE_CHECKING:
    from intacct_bridge.client.client import Client
    from intacct_bridge.edge.singer.tap_config import TapConfig
    from intacct_bridge.flow.streams.stream import Stream, StreamOutcome

NOT_FOLLOWED = (
    "deletes: not told, since the user may not read the audit history (`intacct doctor` says who can permit it);"
    " until then only whole reads tell them (whole_every)"
)


@singer_command
@click.option("--discover", is_flag=True, help="Print the catalogue of everything the company has.")
@click.option("--catalog", "catalog_file", metavar="FILE", help="Which streams and fields to sync.")
@click.option("--properties", "-p", "properties_file", metavar="FILE", hidden=True)
@click.option("--state", "state_file", metavar="FILE", help="Where the last sync ended.")
@click.option(
    "--test",
    "try_out",
    is_flag=False,
    flag_value="all",
    type=click.Choice(["all", "records", "schema", "connection"], case_sensitive=False),
    metavar="[=schema|connection]",
    help="Sign in and read one record of each selected stream; or only describe them; or only sign in.",
)
@click.option("--full", is_flag=True, help="Read everything again, whatever the state says.")
@about_options("tap-intacct")
def tap(  # noqa: PLR0917  # one parameter an option, as click hands them over
    console: Console,
    configs: tuple[str, ...],
    discover: bool,  # noqa: FBT001
    catalog_file: str | None,
    properties_file: str | None,
    state_file: str | None,
    about: bool,  # noqa: FBT001
    shape: str,
    try_out: str | None,
    full: bool,  # noqa: FBT001
) -> int:
    """Read Sage Intacct as a Singer tap."""
    if about:
        from intacct_bridge.edge.singer.about import describe_tap

        console.result(describe_tap(shape))
        return 0
    if not configs:
        raise click.UsageError("give the settings with --config FILE, or --config ENV")
    from intacct_bridge.client.client import Client
    from intacct_bridge.edge.singer.tap_config import read_config

    config = read_config(configs)
    console.hide(config.connection.secrets)
    with stoppable(console), Client(config.connection, max_transactions=config.max_transactions) as client:
        with client.signing_in():
            from intacct_bridge.edge.terminal.memory import limit_malloc_arenas
            from intacct_bridge.flow.destinations.open import getting_ready

            limit_malloc_arenas()
            with getting_ready("-"):
                import intacct_bridge.edge.singer.discovery
                import intacct_bridge.flow.extract.unified  # noqa: F401
        if discover:
            from intacct_bridge.edge.singer.discovery import discovered

            document = discovered(client, config, console)
            console.result(json.dumps(document, indent=1))  # escaped: the output may have any encoding
            return 0
        if try_out == "connection":
            console.say(f"signed in to {client.sign_in().company_id}")
            return 0
        chosen = _chosen(catalog_file or properties_file, client, config, console)
        if try_out:
            return _try_out(client, chosen, config, console, read=try_out != "schema")
        state = _state(state_file, config)
        return sync(client, config, chosen, state, out=sys.stdout.buffer, console=console, full=full)


def main() -> int:
    """The console script."""
    console = Console()
    return run(tap, "tap-intacct", None, obj=console, console=console)


# --- sync


def _chosen(path: str | None, client: "Client", config: "TapConfig", console: Console) -> list[Selected]:
    """The selected streams, by objects' names: of the catalogue, else of the config, else everything."""
    if path:
        chosen = read_catalog(json_object(Path(path), "catalogue"))
        if not chosen:
            raise SettingsError(
                f"the catalogue {path} selects no stream", fix="set selected: true in a stream's metadata"
            )
    elif config.streams:
        chosen = _named(client, config, console)
    else:
        raise SettingsError("nothing is selected", fix="give a catalogue with --catalog, or `streams` in the config")
    return [Selected(config.object_name(one.stream), _asked(one.fields, config), one.full_table) for one in chosen]


def _named(client: "Client", config: "TapConfig", console: Console) -> list[Selected]:
    """The streams that the config names; what the company has not is among them, and fails like others do."""
    from intacct_bridge.edge.singer.discovery import discovered

    chosen = read_catalog(discovered(client, config, console))
    found = {config.object_name(one.stream).upper() for one in chosen}
    named = {config.object_name(name).upper(): name for name in config.streams if "*" not in name}
    return chosen + [Selected(name, None) for known, name in named.items() if known not in found]


def _asked(fields: tuple[str, ...] | None, config: "TapConfig") -> tuple[str, ...] | None:
    """The fields that the company is asked for: all but the column that we add."""
    return None if fields is None else tuple(name for name in fields if name != config.entity_column)


def _state(path: str | None, config: "TapConfig") -> SingerState:
    if not path:
        return SingerState()
    return SingerState.from_document(json_object(Path(path), "state"), config.object_name)


def sync(
    client: "Client",
    config: "TapConfig",
    chosen: Sequence[Selected],
    state: SingerState,
    *,
    out: IO[bytes],
    console: Console,
    full: bool = False,
) -> int:
    """Send the selected streams; 1 when one of them failed, which costs no other anything."""
    from dataclasses import replace

    from intacct_bridge.edge.singer.discovery import described
    from intacct_bridge.flow.destinations.open import getting_ready
    from intacct_bridge.flow.extract.attachments import objects_of
    from intacct_bridge.flow.extract.source import choose
    from intacct_bridge.flow.extract.transform import objects_extraction
    from intacct_bridge.flow.extract.unified import choose_unified, unified_extraction

    names = [one.stream for one in chosen]
    select = {one.stream: one.fields for one in chosen if one.fields is not None}
    with getting_ready("-"):
        refused: list[StreamOutcome] = []
        unified = choose_unified(client, config.unified, names, select, refused=refused) if config.unified else []
        picked = choose(
            client, () if unified else names, None if unified else select, without_refused=True, without_missing=True
        )
    by_name = {one.stream: one for one in chosen}
    left_out = {one.stream for one in refused}
    read = [name for name in names if name not in left_out] if config.unified else picked.names
    chosen = [by_name[name] for name in read]
    for name, fields in picked.missing.items():
        console.say(f"{config.stream_name(name)}: {', '.join(fields)}: left out: the company has no such field")
    streams = [one.shown for one in unified] or picked.streams
    own = (config.entity_column,) if config.entity_column else ()
    named = {
        stream.name: None if one.fields is None else (*one.fields, *own)
        for stream, one in zip(streams, chosen, strict=True)
    }
    options = replace(config.options, full=full, whole_every=_whole_every(config, streams, chosen))
    sink = SingerSink(
        out,
        state,
        decimals=cast("Decimals", config.decimals),
        names=config.stream_name,
        descriptions=described(client, picked.streams),
        selected=named,
        options=options,
    )
    if config.unified:
        extraction = unified_extraction(client, unified, sink, options, refused=refused)
    else:
        extraction = objects_extraction(client, picked, sink, options, entity_column=config.entity_column)
    with stoppable(console, sink.seal), closing(sink):
        for _ in extraction:
            pass
    objects = objects_of(part.read for one in unified for part in (one, *one.parts)) or objects_of(picked.streams)
    sound = _tell(extraction.outcomes, config, console)  # first: saving files may end in an error of its own
    fetched = not config.attachments or _fetch(client, objects, Path(config.attachments), console)
    console.say(f"API transactions: {client.meter.transactions}")
    return 0 if sound and fetched else 1


def _whole_every(config: "TapConfig", streams: "Sequence[Stream]", chosen: Sequence[Selected]) -> dict[str, int]:
    """How often streams that tell their changes are read whole: every time where the catalogue says FULL_TABLE."""
    whole = {stream.name: 0 for stream, one in zip(streams, chosen, strict=True) if one.full_table}
    return {**config.options.whole_every, **whole}


def _fetch(client: "Client", objects: Sequence[str], to: Path, console: Console) -> bool:
    """Save attached files; False where some could not be fetched."""
    from intacct_bridge.flow.extract.attachments import fetch_attachments

    files, failed = 0, 0
    for supdoc, count, problem in fetch_attachments(client, objects, to):
        files += count
        if problem:
            failed += 1
            console.complain(f"attachment {supdoc}: failed: {problem}")
    console.say(f"{files:,} attached files saved in {to}")
    return not failed


def _tell(outcomes: "Sequence[StreamOutcome]", config: "TapConfig", console: Console) -> bool:
    """Say what became of each stream; False where one failed."""
    from intacct_bridge.flow.extract.run import DELETES

    failed = 0
    for one in outcomes:
        name, how = config.stream_name(one.stream), "everything" if one.full else "changes"
        if one.stream == DELETES and not one.complete and not one.error:
            console.say(NOT_FOLLOWED)
            continue
        console.say(f"{name}: {one.rows:,} rows ({how}), {one.deleted:,} gone, {one.pages} pages")
        for field_name in one.dropped:
            console.say(f"{name}: {field_name} is left out: the gateway does not let it be queried")
        if one.error:
            failed += 1
            console.complain(f"{name}: failed: {one.error}" + (f" ({one.fix})" if one.fix else ""))
    return not failed


def _try_out(client: "Client", chosen: Sequence[Selected], config: "TapConfig", console: Console, *, read: bool) -> int:
    """One record of each stream, thrown away; without `read` only what it is."""
    from intacct_bridge.flow.extract.page_reader import PageReader
    from intacct_bridge.flow.extract.source import ClientSource, choose
    from intacct_bridge.flow.extract.unified import UnifiedSource, choose_unified
    from intacct_bridge.flow.streams.bookmark import KeySpan
    from intacct_bridge.flow.streams.partition import Partition

    failed = 0
    for one in chosen:
        name = config.stream_name(one.stream)
        try:
            source: ClientSource = ClientSource(client)
            if config.unified:
                unified = choose_unified(client, config.unified, [one.stream])
                source, stream = UnifiedSource(client, unified), unified[0].read
            else:
                (stream,) = choose(client, [one.stream], {one.stream: one.fields} if one.fields else None).streams
            if not read:
                console.say(f"{name}: {len(stream.fields)} fields")
                continue
            if stream.feed is None:
                PageReader(source, stream).read(Partition(stream, stream.walked, page_size=1).query(KeySpan()))
            else:
                next(iter(source.virtual_pages(stream)), None)
            console.say(f"{name}: can be read")
        except (NotPermittedError, InvalidRequestError) as error:
            failed += 1
            console.complain(f"{name}: {error.message}" + (f" ({error.fix})" if error.fix else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
