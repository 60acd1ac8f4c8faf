"""`intacct fleet status | log | usage`: what ran and what needs a person, and what each company used."""

from typing import TYPE_CHECKING

import click

from intacct_bridge.apps.cli.command import command
from intacct_bridge.apps.cli.context import CommandContext
from intacct_bridge.apps.cli.fleet.fleet_option import with_fleet
from intacct_bridge.apps.terminal.exit_statuses import FLEET_DATABASE
from intacct_bridge.apps.terminal.tables import Count
from intacct_protocol.model.wording import counted, listed

if TYPE_CHECKING:
    from datetime import datetime

    from intacct_bridge.operations.fleets import Fleet, FlowStatus, TenantStatus

_COLUMNS = ("tenant", "flow", "schedule", "last run", "end", "next run", "failures", "in doubt", "finding")


@command("status", exits=FLEET_DATABASE | {1: "a tenant needs a person (with --attention)"})
@click.option("--search", metavar="TEXT", default="", help="Show only tenants whose names contain this.")
@click.option(
    "--attention",
    is_flag=True,
    help="Show only what needs a person: failures, records in doubt, missing credentials.",
)
@with_fleet()
def status_command(context: CommandContext, fleet: "Fleet", *, search: str, attention: bool) -> int:
    """Show the last and the next run of each flow, failures since the last success, and records in doubt.

    With --attention the exit status is 1 if a tenant needs a person. Times are UTC.
    """
    shown, tenants = [], 0
    for status in fleet.status(like=search):
        tenants += 1
        if status.needs_attention or not attention:
            shown.append(status)
    rows = [row for status in shown for row in _rows(status) if not attention or row[6] or row[7] or row[8]]
    context.output.table(_COLUMNS, rows, empty="" if tenants else "The fleet has no tenants.")
    needing = sum(status.needs_attention for status in shown)
    context.output.say(f"{counted(tenants, 'tenant')}, {needing:,} of them {_verb(needing)} a person.")
    return 1 if attention and needing else 0


@command("log", exits=FLEET_DATABASE)
@click.argument("name", metavar="NAME")
@click.argument("flow", required=False)
@with_fleet()
def log_command(context: CommandContext, fleet: "Fleet", *, name: str, flow: str | None) -> None:
    """Show the log of a tenant's latest run, from any machine. Times are UTC.

    With FLOW, show that of the latest run of this flow. Logs are kept for 90 days.
    """
    from intacct_bridge.operations.fleets import latest_log

    log = latest_log(fleet, name, flow)
    rows = [(line.time, line.level, line.message) for line in log.lines]
    context.output.table(("time", "level", "message"), rows, empty="The log is empty.")
    context.output.say(f"{log.run.tenant} {log.run.flow}, due {_time(log.run.due_at)}: {log.run.outcome or 'running'}")


@command("usage", exits=FLEET_DATABASE)
@click.option(
    "--month", metavar="MONTH", default="", help="Show this month, such as 2026-11 (default: this month, in UTC)."
)
@click.option("--search", metavar="TEXT", default="", help="Show only tenants whose names contain this.")
@with_fleet()
def usage_command(context: CommandContext, fleet: "Fleet", *, month: str, search: str) -> None:
    """Show the API transactions that each company used in a month, and its limit.

    The limits are enforced by the same counts: every request of every worker, at the time it was sent.
    """
    used = fleet.usage(month, like=search)
    rows = [
        (
            tenant.name,
            tenant.settings.get("company_id", ""),
            Count(used.get(tenant.name, 0)),
            tenant.limits.monthly_limit,
        )
        for tenant in fleet.tenants(like=search)
    ]
    context.output.table(
        ("tenant", "company", "transactions", "monthly limit"), rows, empty="The fleet has no tenants."
    )
    context.output.say(f"{counted(sum(used.values()), 'API transaction')} of {counted(len(rows), 'tenant')}.")


def _rows(status: "TenantStatus") -> list[tuple[object, ...]]:
    missing = f"missing: {listed(status.missing)}" if status.missing else ""
    paused = "paused" if status.tenant.paused else ""
    if not status.flows:
        return [(status.tenant.name, "", "", None, "", None, 0, 0, missing or paused)]
    return [
        (
            status.tenant.name,
            flow.flow,
            flow.schedule,
            _time(flow.last.started_at if flow.last else None),
            (flow.last.outcome or "running") if flow.last else "",
            _time(flow.next_due),
            flow.failures,
            flow.last.in_doubt if flow.last else 0,
            missing or _detail(flow) or paused,
        )
        for flow in status.flows
    ]


def _detail(flow: "FlowStatus") -> str:
    return flow.last.detail if flow.last is not None and flow.failures else ""


def _time(moment: "datetime | None") -> str | None:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment is not None else None


def _verb(number: int) -> str:
    return "needs" if number == 1 else "need"


COMMANDS = (status_command, log_command, usage_command)
