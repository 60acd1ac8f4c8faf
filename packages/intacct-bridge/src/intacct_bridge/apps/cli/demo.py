"""`intacct demo`: the whole product on a sample company, from an empty directory to a reconciled ledger."""

from pathlib import Path

import click

from intacct_bridge.apps.cli.command import BEGIN, command
from intacct_bridge.apps.cli.context import CommandContext, shared_options


@command(
    "demo",
    section=BEGIN,
    place=1,
    short_help="Run the whole product on a sample company, without an account.",
    exits={1: "a step found failures", 4: ""},
)
@click.option(
    "--home",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep everything in this directory (default: ./demo-company).",
)
@shared_options(connected=False)
def demo_command(context: CommandContext, *, home: Path | None) -> int:
    """Run the whole product without an account, on a sample company that is emulated on this machine.

    The demo creates a company with two years of transactions, checks it with the doctor, copies it to DuckDB, posts a
    CSV file to it, and reconciles the copy. A second run uses the same company and posts nothing twice.

    \b
    Examples:
      intacct demo
      intacct demo --home ~/corvane
    """
    from intacct_bridge.apps.demo.steps import LEDGER, open_demo
    from intacct_bridge.apps.demo.view import DemoView
    from intacct_bridge.connections.demo_company import home_of_demo, opened_alone, remember_home
    from intacct_bridge.operations.plans import RecordStatus

    view = DemoView(context.output)
    home = home or home_of_demo()
    recorder = context.recorder
    with opened_alone(home), open_demo(home, context.output, recorder=recorder) as demo:
        remember_home(home)
        context.use(demo.run.connection)
        context.begin_run()
        recorder.uses(demo.run.client.meter)
        recorder.destination = demo.uri
        view.company(demo.company)
        report = demo.examine()
        view.examined(report)
        copied = demo.extract()
        view.extracted(copied)
        recorder.add_streams(copied.outcomes)
        posted = demo.post()
        new = any(one.status is not RecordStatus.UNCHANGED for one in posted.outcomes)
        followed = demo.extract(LEDGER) if new else None
        view.posted(posted, followed)
        recorder.destination = demo.uri
        view.refused(demo.plan_mistakes())
        reconciliation = demo.reconcile()
        view.reconciled(reconciliation)
        view.files(demo)
    sound = report.healthy and copied.complete and all(one.good for one in posted.outcomes) and reconciliation.equal
    return 0 if sound else 1
