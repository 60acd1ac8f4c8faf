"""`intacct demo`: the main job on a made-up company, from an empty directory to a ledger that ties."""

from pathlib import Path

import click

from intacct_bridge.edge.cli.context import CommandContext, shared_options


@click.command("demo")
@click.option(
    "--home",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where everything is kept. Default: ./demo-company.",
)
@shared_options(connected=False)
def demo_command(context: CommandContext, *, home: Path | None) -> int:
    """See everything work without an account: a company with two years of books, emulated on this machine.

    It is examined, copied to DuckDB, posted to from a CSV file, and reconciled. A second run meets the same company and
    posts nothing twice.

    \b
    Examples:
      intacct demo
      intacct demo --home ~/corvane
    """
    from intacct_bridge.edge.demo.company import demo_home
    from intacct_bridge.edge.demo.steps import LEDGER, open_demo
    from intacct_bridge.edge.demo.view import DemoView
    from intacct_bridge.flow.post.loader import Ending

    view = DemoView(context.console)
    with open_demo(home or demo_home(), context.console) as demo:
        view.company(demo.met)
        report = demo.examine()
        view.health(report)
        copied = demo.extract()
        view.arrived(copied)
        posted = demo.post()
        new = any(one.ending is not Ending.UNCHANGED for one in posted.outcomes)
        followed = demo.extract(LEDGER) if new else None
        view.posted(posted, followed)
        view.refused(demo.refuse())
        tied = demo.reconcile()
        view.reconciled(tied)
        view.files(demo)
    sound = report.healthy and copied.sound and all(one.good for one in posted.outcomes) and tied.ties
    return 0 if sound else 1
