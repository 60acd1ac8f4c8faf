"""Fleets: many companies, each a tenant with a connection, flows, a schedule and limits.

Tenants are checked as a whole before one is added. Their flows run as those of intacct.toml do (`operations.flows`), in
the workers of the fleet. A program gets a `Fleet` here, with what its methods take and return.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta

from intacct_bridge.fleet.fleet import Fleet, NewTenant, link_path
from intacct_bridge.fleet.links import LinkError, is_in_force, open_link, use_link
from intacct_bridge.fleet.page_state import AttemptLimit, PageSession, PageState, TooManyAttemptsError
from intacct_bridge.fleet.registry import CompanyTakenError, UnknownTenantError
from intacct_bridge.fleet.run_queue import RunKey
from intacct_bridge.fleet.run_queue import TenantRun as QueuedRun
from intacct_bridge.fleet.sealing import FleetKey
from intacct_bridge.fleet.status import FlowStatus, TenantStatus
from intacct_bridge.fleet.tenant import Tenant, with_secrets
from intacct_bridge.fleet.tenant_files import TenantParts, read_flows, read_secrets, read_tenants
from intacct_bridge.fleet.tenant_work import FlowEnd, FlowToRun, detail_of
from intacct_bridge.fleet.work_state import Worker, WorkState
from intacct_bridge.fleet.worker import BEAT, FleetWorker, worker_metrics
from intacct_bridge.operations.flows import FlowProgram, flow_job, prepare_flow, run_flow
from intacct_bridge.operations.messages import Messages
from intacct_bridge.operations.recorded_run import TenantRun
from intacct_bridge.operations.runs import LogLine, log_lines
from intacct_bridge.runs.run import WORST_FIRST, RunEnd, RunError, end_of, worst
from intacct_protocol.errors import IntacctError, SettingsError
from intacct_protocol.model.wording import counted

__all__ = [
    "BEAT",
    "AttemptLimit",
    "CompanyTakenError",
    "Fleet",
    "FleetKey",
    "FleetResult",
    "FleetWorker",
    "FlowEnd",
    "FlowStatus",
    "LinkError",
    "NewTenant",
    "PageSession",
    "PageState",
    "QueuedRun",
    "RunKey",
    "Tenant",
    "TenantLog",
    "TenantParts",
    "TenantResult",
    "TenantStatus",
    "TooManyAttemptsError",
    "UnknownTenantError",
    "Worker",
    "add_tenants",
    "check_tenant_flows",
    "detail_of",
    "fleet_results",
    "fleet_worker",
    "fleet_workers",
    "is_in_force",
    "latest_log",
    "link_path",
    "open_link",
    "read_flows",
    "read_secrets",
    "read_tenants",
    "requested_runs",
    "use_link",
    "worker_metrics",
]

_SHOWN_MISTAKES = 20


# --- tenants


def add_tenants(fleet: Fleet, tenants: Sequence[NewTenant], *, skip_existing: bool = False) -> int:
    """Add tenants, and return how many were added. Nothing is added until all of them are right.

    SettingsError lists those that have mistakes.
    """
    mistakes, names = [], set[str]()
    for tenant in tenants:
        try:
            check_tenant_flows(tenant.checked())
            if tenant.name in names:
                raise SettingsError(f"tenant {tenant.name!r} is given twice", fix="Leave one of them.")
            names.add(tenant.name)
        except IntacctError as error:
            mistakes.append(f"{error.message}. {error.fix}".rstrip())
    if len(mistakes) == 1 and len(tenants) == 1:
        raise SettingsError(mistakes[0])
    if mistakes:
        more = f"\n  and {len(mistakes) - _SHOWN_MISTAKES:,} more" if len(mistakes) > _SHOWN_MISTAKES else ""
        has = "has" if len(mistakes) == 1 else "have"
        told = "".join(f"\n  {mistake}" for mistake in mistakes[:_SHOWN_MISTAKES])
        raise SettingsError(
            f"{counted(len(mistakes), 'tenant')} of {len(tenants):,} {has} mistakes; nothing was added:{told}{more}",
            fix="Correct them, and run it again.",
        )
    existing = {tenant.name for tenant in fleet.tenants()} if skip_existing else set()
    return fleet.add_all(tenant for tenant in tenants if tenant.name not in existing)


def check_tenant_flows(tenant: Tenant) -> None:
    """SettingsError if the options of a flow are not those of its command."""
    for name in tenant.flows:
        flow = tenant.flow(name)
        flow_job(replace(flow, options=with_secrets(flow, defaultdict(lambda: "a-secret"))))


# --- runs


def fleet_worker(
    fleet: Fleet,
    program: FlowProgram,
    messages: Messages,
    *,
    person: str,
    threads: int,
    longest_run: timedelta,
    ended: Callable[[QueuedRun, FlowEnd], None],
) -> FleetWorker:
    """A worker that carries out the runs of a fleet; `ended` is told of each end.

    The messages of a run go to its log, since no person watches; `messages` get what receivers of notifications refuse.
    """
    _ = fleet.keys  # raises if the key is missing, before a run begins

    def run_tenants_flow(work: FlowToRun) -> FlowEnd:
        of_tenant = Messages()
        of_tenant.quiet = True
        of_tenant.log_facts = {"tenant": work.connection.name}
        for hiding in (of_tenant, messages):
            hiding.hide((*work.connection.secrets, *work.secrets))
        tenant = TenantRun(work.connection, work.record, work.stop_if_asked)
        try:
            prepared = prepare_flow(work.flow)
        except IntacctError as error:
            return FlowEnd(error.exit_status, None, RunError.of(error))
        result = run_flow(prepared, program, of_tenant, person=person, warnings=messages, tenant=tenant)
        return FlowEnd(result.status, result.run, result.error)

    return FleetWorker(fleet, run_tenants_flow, threads=threads, longest_run=longest_run, ended=ended)


def fleet_workers(fleet: Fleet) -> list[Worker]:
    """The workers of a fleet; those that died are among them until another has taken over their runs."""
    with closing(WorkState(fleet.registry.place)) as state:
        return state.workers()


def requested_runs(fleet: Fleet, tenant: str | None, flow: str | None) -> list[RunKey]:
    """The runs to queue now: of one tenant or of all that are not paused, of one flow or of all.

    SettingsError if there is none.
    """
    if tenant is None:
        chosen = [one for one in fleet.tenants() if not one.paused]
    else:
        chosen = [fleet.tenant(tenant)]
        if chosen[0].paused:
            raise SettingsError(f"tenant {tenant!r} is paused", fix=f"Resume it first: intacct fleet resume {tenant}")
        if flow is not None:
            chosen[0].flow(flow)
    now = fleet.registry.now()
    keys = [RunKey(one.name, name, now) for one in chosen for name in one.flows if flow in (None, name)]
    if not keys:
        raise SettingsError(
            f"no tenant has a flow {flow!r}" if flow else "no tenant has a flow", fix="See: intacct fleet list"
        )
    return keys


@dataclass(frozen=True, slots=True)
class TenantLog:
    """A run of a tenant with its log."""

    run: QueuedRun
    lines: list[LogLine]


def latest_log(fleet: Fleet, tenant: str, flow: str | None = None) -> TenantLog:
    """The latest run of a tenant, or of one of its flows, with its log. SettingsError if none has begun."""
    if flow is not None:
        fleet.tenant(tenant).flow(flow)
    runs = [run for run in fleet.queue.latest([fleet.tenant(tenant).name]).values() if flow in (None, run.flow)]
    if not runs:
        raise SettingsError(f"no run of tenant {tenant!r} has begun", fix=f"Run: intacct fleet run {tenant}")
    run = max(runs, key=lambda run: run.due_at)
    return TenantLog(run, log_lines(fleet.queue.log(run.key)))


@dataclass(frozen=True, slots=True)
class TenantResult:
    """How a requested run ended."""

    tenant: str
    flow: str
    outcome: str
    rows: int
    transactions: int
    detail: str


@dataclass(frozen=True, slots=True)
class FleetResult:
    """How requested runs ended."""

    results: tuple[TenantResult, ...]
    status: int
    """The exit status of the worst one."""


def fleet_results(fleet: Fleet, keys: Sequence[RunKey]) -> FleetResult:
    """The results of requested runs as far as they have ended."""
    statuses = {end_of(status).value: status for status in reversed(WORST_FIRST)} | {RunEnd.KILLED.value: 70}
    ended = [run for run in fleet.queue.find(keys).values() if run.outcome]
    results = tuple(
        TenantResult(run.tenant, run.flow, run.outcome, run.rows, run.transactions, run.detail)
        for run in sorted(ended, key=lambda run: (run.tenant, run.flow))
    )
    return FleetResult(results, worst([statuses[run.outcome] for run in results]))
