"""The state of tenants: what is missing, when each flow runs next, and how its last run ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from intacct_bridge.fleet.registry import Registry
from intacct_bridge.fleet.run_queue import RunQueue, TenantRun, Unanswered
from intacct_bridge.fleet.tenant import Tenant


@dataclass(frozen=True, slots=True)
class FlowStatus:
    """The state of one flow of a tenant."""

    flow: str
    schedule: str
    next_due: datetime | None
    """None without a schedule, and while the tenant is paused."""
    last: TenantRun | None
    failures: int
    """Runs since the last one that was done."""


@dataclass(frozen=True, slots=True)
class TenantStatus:
    """The state of a tenant."""

    tenant: Tenant
    missing: tuple[str, ...]
    """Settings without which the company cannot be reached."""
    flows: tuple[FlowStatus, ...]

    @property
    def in_doubt(self) -> int:
        """Records in doubt after the last run of each flow."""
        return sum(one.last.in_doubt for one in self.flows if one.last is not None)

    @property
    def needs_attention(self) -> bool:
        """Whether a person has to do something."""
        return bool(self.missing or self.in_doubt or any(one.failures for one in self.flows))


def tenant_statuses(
    registry: Registry, queue: RunQueue, tenants: Sequence[Tenant], shared: Sequence[str], now: datetime
) -> list[TenantStatus]:
    """The status of each of these tenants; `shared` has the names of the secrets that all tenants share."""
    names = [tenant.name for tenant in tenants]
    names_by_tenant = registry.secret_names(names)
    latest, failures = queue.latest(names), queue.failures(names)
    unanswered = queue.unanswered(names)

    def flow_status(tenant: Tenant, flow: str) -> FlowStatus:
        last = latest.get((tenant.name, flow))
        due = _next_due(tenant, flow, last, unanswered.get(tenant.name), now)
        return FlowStatus(flow, str(tenant.schedule.get(flow, "")), due, last, failures.get((tenant.name, flow), 0))

    return [
        TenantStatus(
            tenant,
            tenant.missing((*shared, *names_by_tenant[tenant.name])),
            tuple(flow_status(tenant, flow) for flow in tenant.flows),
        )
        for tenant in tenants
    ]


def _next_due(
    tenant: Tenant, flow: str, last: TenantRun | None, unanswered: Unanswered | None, now: datetime
) -> datetime | None:
    """When a flow runs next: later than its schedule says, if the company does not answer."""
    if tenant.paused:
        return None
    if unanswered is None or unanswered.until <= now:
        return tenant.next_due(flow, now)
    due = tenant.next_due(flow, last.due_at if last is not None else now)
    return max(due, unanswered.until) if due is not None else None
