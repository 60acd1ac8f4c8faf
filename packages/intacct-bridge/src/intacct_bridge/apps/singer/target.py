"""`target-intacct`: a Singer stream from standard input into Intacct, each record exactly once.

Standard output carries state and nothing else; messages for people go to standard error. What the options ask for is in
`target_run`, which is imported when it runs.
"""

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from intacct_bridge.apps.terminal.exit_statuses import WRITES
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.terminal.process import about_options, end_without_collection, json_object, run, singer_command
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.operations.recorded_run import RecordedRun


@singer_command(WRITES)
@click.option(
    "--state", "-s", "state_file", metavar="FILE", help="The state that the tap continues from, or hotglue's report."
)
@click.option("--input", "input_file", metavar="FILE", help="Read this instead of standard input.")
@about_options("target-intacct")
def target(  # noqa: PLR0917  # one parameter an option, as click hands them over
    output: Output,
    configs: tuple[str, ...],
    state_file: str | None,
    input_file: str | None,
    about: bool,  # noqa: FBT001
    shape: str,
) -> int:
    """Write a Singer stream to Sage Intacct, each record exactly once."""
    if about:
        from intacct_bridge.apps.singer.about import describe_target

        output.result(describe_target(shape))
        return 0
    if not configs:
        raise click.UsageError("Missing the settings: give --config FILE or --config ENV.")
    from intacct_bridge.apps.singer.config import ignored_note
    from intacct_bridge.apps.singer.recorded_program import recorded
    from intacct_bridge.apps.singer.target_config import read_config
    from intacct_bridge.apps.singer.target_run import TargetRun
    from intacct_bridge.apps.terminal.memory import relax_gc

    config = read_config(configs)
    output.hide(config.connection.secrets)
    if config.ignored:
        output.say(ignored_note(config.ignored))
    earlier = json_object(Path(state_file) if state_file else None, "state", lines=True)

    def work(run: "RecordedRun") -> int:
        relax_gc()
        run.limited_client(config.max_transactions)
        with _input(input_file) as lines:
            return TargetRun(run, config, out=sys.stdout.buffer, output=output, earlier=earlier).consume(lines)

    return recorded(output, "target-intacct", config.connection, work)


def _input(path: str | None) -> IO[bytes]:
    if path is None:
        return sys.stdin.buffer
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise SettingsError(f"cannot read the input {path}: {error.strerror}", fix="check the path") from None


def main() -> int:
    """The console script."""
    end_without_collection()
    output = Output()
    return run(target, "target-intacct", None, click_object=output, output=output)


if __name__ == "__main__":
    raise SystemExit(main())
