"""`intacct load`: a file becomes a plan, and the same plan, applied, becomes receipts."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intacct_bridge.edge.options import Desk, stands_at_a_desk
from intacct_bridge.errors import InDoubtError, IntacctError

if TYPE_CHECKING:
    from intacct_bridge.flow.load import LoadSettings, Outcome
    from intacct_bridge.flow.outbox import Outbox
    from intacct_bridge.flow.plan import Plan
    from intacct_bridge.flow.table import Table

FAILURES, IN_DOUBT = 1, 5


@click.command("load")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--as", "as_name", metavar="OBJECT", required=True, help="What the rows are: journal-entries.")
@click.option("--plan/--apply", "only_plan", default=True, help="Show what would be done (the default), or do it.")
@click.option("--key", metavar="COLS", help="Columns that identify a record in its source, comma separated.")
@click.option(
    "--batch-size",
    metavar="N",
    type=click.IntRange(1, 100),
    default=100,
    show_default=True,
    help="Records in one request.",
)
@click.option("--atomic", is_flag=True, help="Apply each batch together or not at all.")
@click.option("--draft", is_flag=True, help="Post as drafts, which change no balance yet.")
@click.option(
    "--on-error",
    type=click.Choice(["stop", "continue"]),
    default="continue",
    show_default=True,
    help="After a record that Intacct refuses.",
)
@click.option(
    "--settle-after",
    metavar="S",
    type=click.IntRange(0),
    help="Seconds before a record that is not found counts as not applied.",
)
@click.option(
    "--allow-duplicates", is_flag=True, help="Let records pass that the company has already under the same key."
)
@click.option("--offline", is_flag=True, help="Plan without asking the company anything.")
@click.option(
    "--refused",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the refused rows here, with the reason beside each.",
)
@click.option("--date-order", type=click.Choice(["mdy", "dmy"]), help="How dates with slashes are meant.")
@click.option("--encoding", help="The text file's encoding, where it is guessed wrong.")
@click.option("--delimiter", help="The text file's delimiter, where it is guessed wrong.")
@click.option("--sheet", help="The Excel sheet; default: the first.")
@click.option("--yes", is_flag=True, help="Do not ask before writing to a production company.")
@stands_at_a_desk(prints_table=True)
def load_command(desk: Desk, *, files: tuple[Path, ...], only_plan: bool, yes: bool, **options: Any) -> int:
    """Post the records of FILE (CSV, JSON lines, Parquet, Excel): first look at the plan, then --apply it.

    Rows that were posted by an earlier run are recognised and not posted again, whatever happened in between.

    \b
    Examples:
      intacct load payroll.csv --as journal-entries
      intacct load payroll.csv --as journal-entries --apply
      intacct load payroll.xlsx --sheet June --as journal-entries --refused corrections.csv
    """
    from intacct_bridge.flow.outbox import open_outbox

    status = 0
    with open_outbox(desk.connection) as outbox:
        for file in files:
            table = _table(file, options)
            plan = _plan(desk, table, outbox, options)
            status = max(status, _one(desk, plan, outbox, options, only_plan=only_plan, yes=yes))
            _keep_refused(desk, table, plan, options["refused"])
    if only_plan and not desk.console.as_json:
        desk.console.say(
            f"Nothing was sent. To do it: intacct load {' '.join(map(str, files))} --as {options['as_name']} --apply"
        )
    return status


def _table(file: Path, options: dict[str, Any]) -> "Table":
    from intacct_bridge.flow.table_formats import open_table

    return open_table(file, encoding=options["encoding"], delimiter=options["delimiter"], sheet=options["sheet"])


def _plan(desk: Desk, table: "Table", outbox: "Outbox", options: dict[str, Any]) -> "Plan":
    from intacct_bridge.edge.layouts import layout_for
    from intacct_bridge.flow.plan import PlanSettings, make_plan

    key = tuple(name.strip() for name in (options["key"] or "").split(",") if name.strip())
    layout = layout_for(options["as_name"], draft=options["draft"], key=key, date_order=options["date_order"])
    settings = PlanSettings(offline=options["offline"], allow_duplicates=options["allow_duplicates"])
    return make_plan(table, layout, desk.client, outbox, settings)


def _keep_refused(desk: Desk, table: "Table", plan: "Plan", path: Path | None) -> None:
    """Write the refused rows where the user wants them."""
    from intacct_bridge.flow.refused import write_refused

    if path is not None and plan.refused_rows:
        count = write_refused(table, plan.refused_rows, path)
        desk.console.say(f"{count:,} refused rows are in {path}, each with its reason")


def _one(desk: Desk, plan: "Plan", outbox: "Outbox", options: dict[str, Any], *, only_plan: bool, yes: bool) -> int:
    """Show one file's plan, apply it if that is wanted, and say how it went as an exit status."""
    from intacct_bridge.edge.load_view import show_known, show_plan
    from intacct_bridge.flow.plan import Verdict

    if only_plan or not desk.console.as_json:
        show_plan(plan, desk.console, records=only_plan)
    refused = FAILURES if plan.of(Verdict.REFUSED) else 0
    if only_plan:
        return refused
    if not plan.of(Verdict.CREATE, Verdict.UPDATE, Verdict.IN_DOUBT):
        known = plan.of(Verdict.UNCHANGED)
        desk.console.say(f"{len(known):,} records were posted before; there is nothing to send")
        show_known(known, desk.console)
        return refused
    if plan.transactions:
        desk.allow_write(f"{plan.transactions:,} records of {plan.source}", yes=yes)
    return max(refused, _apply(desk, plan, outbox, _settings(options)))


def _settings(options: dict[str, Any]) -> "LoadSettings":
    from intacct_bridge.flow.load import LoadSettings
    from intacct_bridge.flow.settle import SettleSettings

    after = options["settle_after"]
    settle = SettleSettings() if after is None else SettleSettings(settle_after=timedelta(seconds=after))
    return LoadSettings(
        batch_size=options["batch_size"],
        atomic=options["atomic"],
        stop_on_error=options["on_error"] == "stop",
        settle=settle,
    )


def _apply(desk: Desk, plan: "Plan", outbox: "Outbox", settings: "LoadSettings") -> int:
    from intacct_bridge.edge.load_view import show_outcomes, tally
    from intacct_bridge.edge.progress import progress
    from intacct_bridge.flow.load import Ending, Loader

    outcomes: list[Outcome] = []
    stopped: IntacctError | None = None
    meter = desk.client.meter
    with progress(desk.console, spent=lambda: meter.transactions) as view:
        view.update(plan.source, 0, len(plan.records))
        try:
            for outcome in Loader(desk.client, outbox, settings).apply(plan):
                outcomes.append(outcome)
                view.update(plan.source, len(outcomes), len(plan.records))
        except IntacctError as error:
            stopped = error
        view.finish(plan.source, len(outcomes))
    show_outcomes(outcomes, desk.console)
    desk.console.say(f"{tally(outcomes)}; {meter.transactions:,} API transactions")
    doubtful = any(outcome.ending is Ending.IN_DOUBT for outcome in outcomes)
    if doubtful:
        desk.console.say("Some records are in doubt: run the same command again later, or see `intacct outbox list`.")
    if stopped is not None and not (doubtful and not isinstance(stopped, InDoubtError)):
        raise stopped
    if doubtful:
        return IN_DOUBT
    return 0 if all(outcome.good for outcome in outcomes) else FAILURES
