"""`intacct-emulator record` and `replay`: exchanges with a real gateway, recorded, answered from, and compared."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intacct_emulator.command.listening import LISTENING, authority_of, serve_until_stopped
from intacct_emulator.command.output import PlainOutput
from intacct_emulator.command.serving import company_emulator

if TYPE_CHECKING:
    from intacct_emulator.recordings.comparison import Difference
    from intacct_protocol.xml.reply import Transport

_FOLDER = click.Path(file_okay=False, path_type=Path)


def _listening(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a server."""
    for option in reversed(LISTENING):
        function = option(function)
    return function


@click.command("record")
@click.option("--to", "folder", metavar="DIR", type=_FOLDER, required=True, help="Write the exchanges to this folder.")
@click.option("--upstream", metavar="URL", help="Pass requests on to this gateway (default: Intacct's).")
@click.option(
    "--mask",
    "masks",
    type=click.Choice(("names", "amounts")),
    multiple=True,
    help="Mask these too. Passwords, sessions, tax ids, account numbers and attachments are always masked. Repeatable.",
)
@_listening
def record_command(*, folder: Path, upstream: str | None, masks: tuple[str, ...], **options: Any) -> int:
    """Stand between a program and the real gateway, and record each exchange without secrets.

    \b
    Examples:
      intacct-emulator record --to recording
      intacct-emulator record --to recording --mask names --mask amounts
      intacct-emulator record --to recording --proxy
    """
    from intacct_emulator.recordings.masks import Mask
    from intacct_emulator.recordings.recorder import GATEWAY, Recorder, start_recording

    output = PlainOutput()
    recording, exchange_masks = start_recording(folder, {Mask(name) for name in masks}, _keys())
    recorder = Recorder(recording, exchange_masks, upstream or GATEWAY, say=output.say)
    output.say(f"Recording to {folder}; requests go to {upstream or GATEWAY}.")
    return _serve(output, recorder, options)


@click.command("replay")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--compare", is_flag=True, help="Send the recorded requests to an emulator, and compare the answers.")
@click.option(
    "--company",
    metavar="demo|empty|FILE",
    default="empty",
    show_default=True,
    help="With --compare: the company that the emulator has.",
)
@click.option(
    "--data",
    metavar="PATH",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="With --compare: load these records first. Repeatable.",
)
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --compare: write a page in Markdown, with the share that agrees by function and each difference.",
)
@click.option("--json", "as_json", is_flag=True, help="With --compare: print JSON instead of tables.")
@_listening
def replay_command(*, folder: Path, compare: bool, as_json: bool, report: Path | None, **options: Any) -> int:
    """Answer from a recording; or compare the emulator's answers with the recorded ones.

    With --compare, DIR may also be a folder of recordings.

    Exit status with --compare: 0 everything agrees · 1 there are differences · 2 wrong usage or settings.

    \b
    Examples:
      intacct-emulator replay recording
      intacct-emulator replay recording --compare --report agreement.md
    """
    from intacct_emulator.recordings.exchanges import RecordingFolder

    output = PlainOutput(as_json=as_json)
    if compare:
        return _compare(output, folder, options, report, as_json=as_json)
    recording = RecordingFolder.open(folder)
    from intacct_emulator.recordings.recorder import masks_of
    from intacct_emulator.recordings.replayer import Replayer

    exchanges = [*recording.exchanges()]
    output.say(f"Answering from {len(exchanges):,} exchanges of {folder}.")
    return _serve(output, Replayer(exchanges, masks_of(recording, _keys()), say=output.say), options)


def _serve(output: PlainOutput, gateway: "Transport", options: dict[str, Any]) -> int:
    def announce(url: str, addresses: Mapping[str, str]) -> None:
        output.pairs({"endpoint": url, **addresses})
        output.out.flush()

    return serve_until_stopped(output, gateway, options, authority_of(options), announce)


def _compare(output: PlainOutput, folder: Path, options: dict[str, Any], report: Path | None, *, as_json: bool) -> int:
    """Compare each recording with an emulator of its own, and tell of all of them."""
    from intacct_emulator.recordings.agreement_page import agreement_page, named, summary
    from intacct_emulator.recordings.comparison import compare, together
    from intacct_emulator.recordings.exchanges import RecordingFolder

    recordings = RecordingFolder.corpus(folder)
    comparisons = {}
    for recording in recordings:
        with company_emulator(output, options["company"], options["data"]) as emulator:
            name = recording.folder.name if len(recordings) > 1 else ""
            comparisons[name] = compare(recording.exchanges(), emulator, emulator.settings.credentials())
    comparison = together(comparisons)
    if report is not None:
        report.write_text(agreement_page(comparison, folder.absolute().name), "utf-8")
    if as_json:
        print(json.dumps(asdict(comparison), indent=2, ensure_ascii=False))
    else:
        rows = [(each.function, each.calls, each.agreeing, f"{each.share:.0%}") for each in comparison.agreements]
        output.table(("function", "calls", "agree", "share"), rows)
        if comparison.differences:
            print()
            columns = ("exchange", "function", "kind", "place", "recorded", "emulator")
            output.table(columns, [(named(each), *_cells(each)) for each in comparison.differences])
    output.say(summary(comparison))
    return 1 if comparison.differences else 0


def _cells(difference: "Difference") -> tuple[str, ...]:
    return difference.function, difference.kind, difference.place, difference.recorded, difference.emulated


def _keys() -> Path:
    """The folder of the keys of recordings' masks."""
    from platformdirs import user_state_path

    return user_state_path("intacct-emulator", appauthor=False) / "recordings"
