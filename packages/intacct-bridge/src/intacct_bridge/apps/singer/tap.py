"""The options of `tap-intacct`, the Singer tap. Its work is in `sync`, which is imported only for a run.

Standard output has Singer messages only; text for people goes to standard error. A STATE follows every safe point. So
the next run continues from the last STATE that was kept, even if this one is killed.
"""

import click

from intacct_bridge.apps.terminal.exit_statuses import CONNECTED
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.terminal.process import about_options, end_without_collection, run, singer_command


@singer_command(CONNECTED | {1: "a stream failed"})
@click.option("--discover", "-d", is_flag=True, help="Print the catalogue of all streams that the company has.")
@click.option("--catalog", "catalog_file", metavar="FILE", help="The streams and fields to sync.")
@click.option("--properties", "-p", "properties_file", metavar="FILE", hidden=True)
@click.option("--state", "-s", "state_file", metavar="FILE", help="The state that the last sync wrote.")
@click.option(
    "--test",
    "try_out",
    is_flag=False,
    flag_value="all",
    type=click.Choice(["all", "records", "schema", "connection"], case_sensitive=False),
    metavar="[=schema|connection]",
    help="Sign in and read one record of each selected stream, or one user if none is selected (schema: only describe "
    "the streams; connection: only sign in).",
)
@click.option("--full", is_flag=True, help="Make a full refresh of every stream, regardless of the state.")
@about_options("tap-intacct")
def tap(  # noqa: PLR0917  # one parameter an option, as click hands them over
    output: Output,
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
        from intacct_bridge.apps.singer.about import describe_tap

        output.result(describe_tap(shape))
        return 0
    if not configs:
        raise click.UsageError("Missing option --config: give FILE or ENV.")
    from intacct_bridge.apps.singer.sync import TapCommand, run_tap

    command = TapCommand(discover, catalog_file or properties_file, state_file, try_out, full)
    return run_tap(output, configs, command)


def main() -> int:
    """The console script."""
    end_without_collection()
    output = Output()
    return run(tap, "tap-intacct", None, click_object=output, output=output)


if __name__ == "__main__":
    raise SystemExit(main())
