"""The JSON interface of a fleet, for the vendor's own programs: what the commands do, over HTTP."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from intacct_bridge.apps.fleet_site.openapi import (
    BASE,
    ApiAnswer,
    ApiOperation,
    ApiRequest,
    QueryParameter,
    openapi,
    operation_routes,
)
from intacct_bridge.apps.fleet_site.problems import BodyError, PausedTenantError
from intacct_bridge.apps.fleet_site.schemas import (
    FlowShown,
    LimitsBody,
    LimitsShown,
    LinkBody,
    LinkMade,
    LinksEnded,
    LogLine,
    RunBody,
    RunLog,
    RunPage,
    RunQueued,
    RunShown,
    SecretsBody,
    StatusPage,
    StatusShown,
    TenantBody,
    TenantChange,
    TenantPage,
    TenantShown,
    TenantUsage,
    UsageShown,
)
from intacct_bridge.apps.fleet_site.site import FleetApp
from intacct_bridge.apps.web.pages import NotFoundError
from intacct_bridge.connections.connection import PUBLIC_ENDPOINT
from intacct_bridge.operations.fleets import (
    NewTenant,
    QueuedRun,
    RunKey,
    Tenant,
    TenantStatus,
    UnknownTenantError,
    check_tenant_flows,
    link_path,
    open_link,
)
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

_PAGE = 100
_CLOCK = timedelta(days=1)
"""How far the clock of a program that asks may be off."""
_MOST = 500
_AFTER = QueryParameter("after", "Return tenants after this name; pass `next` of the previous page.")
_LIMIT = QueryParameter("limit", f"Maximum number to return (1–{_MOST}, default {_PAGE}).", "integer")
_MONTH = QueryParameter("month", "A month such as 2026-11 (default: this month in UTC).")
_LIKE = QueryParameter("like", "Return tenants whose name contains this text.")


# --- tenants


def list_tenants(request: ApiRequest) -> ApiAnswer:
    """A page of tenants."""
    registry, limit = request.site.fleet.registry, _limit(request)
    tenants = registry.page(request.query.get("after", ""), like=request.query.get("like", ""), limit=limit + 1)
    secrets = registry.secret_names([one.name for one in tenants])
    shown = [_shown(one, secrets[one.name]) for one in tenants[:limit]]
    return ApiAnswer(TenantPage(shown, tenants[limit - 1].name if len(tenants) > limit else None))


def show_tenant(request: ApiRequest) -> ApiAnswer:
    """One tenant."""
    return ApiAnswer(_tenant(request))


def put_tenant(request: ApiRequest) -> ApiAnswer:
    """Add a tenant, or make it what the body says. Repeating it changes nothing. Its secrets and its pause stay."""
    body, fleet, name = request.read(TenantBody), request.site.fleet, request.path["name"]
    limits = _limits(body.limits)
    try:
        before = fleet.tenant(name)
    except UnknownTenantError:
        _refuse_other_endpoint({}, body.settings)
        new = NewTenant(name, body.settings, body.flows, body.schedule, limits)
        _check_flows(new.checked())
        fleet.add_all([new])
        return ApiAnswer(_tenant(request), status=201)
    allowed = {"allow_endpoint": before.settings["allow_endpoint"]} if "allow_endpoint" in before.settings else {}
    _refuse_other_endpoint(before.settings, body.settings)
    fleet.change(
        name,
        settings=_replacing(before.settings, allowed | body.settings),
        flows=_replacing(before.flows, body.flows),
        schedule=_replacing(before.schedule, body.schedule),
        limits={"concurrency": None, "monthly_limit": None, **limits},
        check=_check_flows,
    )
    return ApiAnswer(_tenant(request))


def change_tenant(request: ApiRequest) -> ApiAnswer:
    """Change parts of a tenant."""
    body, fleet = request.read(TenantChange), request.site.fleet
    _refuse_other_endpoint(fleet.tenant(request.path["name"]).settings, body.settings)
    fleet.change(
        request.path["name"],
        settings=body.settings,
        flows=body.flows,
        schedule=body.schedule,
        limits=_limits(body.limits),
        check=_check_flows,
    )
    return ApiAnswer(_tenant(request))


def _check_flows(tenant: Tenant) -> None:
    """BodyError if the options of a flow are not those of its command."""
    try:
        check_tenant_flows(tenant)
    except SettingsError as error:
        fix = error.fix or "Use the options that `intacct COMMAND --help` lists."
        raise BodyError(f"{error.message}.", fix=fix, setting="flows") from None


def _refuse_other_endpoint(before: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """SettingsError if a program would send a tenant's passwords, or those that all share, to another server."""
    command = "intacct fleet change NAME --set allow_endpoint=true --set endpoint=URL"
    if settings.get("allow_endpoint") and not before.get("allow_endpoint"):
        raise SettingsError(
            "allow_endpoint lets another server receive the passwords, so only a person at a terminal sets it.",
            fix=f"Leave it out, or run: {command}",
            setting="settings.allow_endpoint",
        )
    endpoint = settings.get("endpoint")
    if before.get("allow_endpoint") and endpoint not in (None, "", before.get("endpoint"), PUBLIC_ENDPOINT):
        raise SettingsError(
            "The endpoint of this tenant is changed by a person at a terminal, since it has allow_endpoint.",
            fix=f"Leave it out, or run: {command}",
            setting="settings.endpoint",
        )


def remove_tenant(request: ApiRequest) -> ApiAnswer:
    """Remove a tenant with its secrets and links."""
    request.site.fleet.remove(request.path["name"])
    request.site.pages.forget(request.path["name"])
    return ApiAnswer(status=204)


def pause_tenant(request: ApiRequest) -> ApiAnswer:
    """Pause a tenant: its flows no longer start."""
    request.site.fleet.pause(request.path["name"])
    return ApiAnswer(_tenant(request))


def resume_tenant(request: ApiRequest) -> ApiAnswer:
    """Resume a tenant: its flows start again."""
    request.site.fleet.resume(request.path["name"])
    return ApiAnswer(_tenant(request))


def put_secrets(request: ApiRequest) -> ApiAnswer:
    """Seal secrets of a tenant."""
    request.site.fleet.set_secrets(request.path["name"], request.read(SecretsBody).secrets)
    return ApiAnswer(status=204)


def _tenant(request: ApiRequest) -> TenantShown:
    tenant = request.site.fleet.tenant(request.path["name"])
    return _shown(tenant, request.site.fleet.registry.secret_names([tenant.name])[tenant.name])


def _shown(tenant: Tenant, secrets: list[str]) -> TenantShown:
    return TenantShown(
        tenant.name,
        dict(tenant.settings),
        {name: dict(flow) for name, flow in tenant.flows.items()},
        {name: str(schedule) for name, schedule in tenant.schedule.items()},
        LimitsShown(tenant.limits.concurrency, tenant.limits.monthly_limit),
        tenant.paused,
        tenant.added_at,
        secrets,
    )


def _limits(body: LimitsBody) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(body).items() if value is not msgspec.UNSET}


def _replacing(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """A change that leaves nothing but `after`."""
    return {**dict.fromkeys(before), **after}


# --- links


def make_link(request: ApiRequest) -> ApiAnswer:
    """A link for the tenant's administrator."""
    hours, fleet = request.read(LinkBody).hours, request.site.fleet
    token = fleet.link(request.path["name"], hours=hours)
    link = LinkMade(f"{request.site.address}{link_path(token)}", open_link(fleet, token).expires_at)
    return ApiAnswer(link, status=201)


def end_links(request: ApiRequest) -> ApiAnswer:
    """End the links of a tenant, used or not, with the sessions that began with one."""
    return ApiAnswer(LinksEnded(request.site.fleet.end_links(request.path["name"])))


# --- runs, status, usage


def start_run(request: ApiRequest) -> ApiAnswer:
    """Queue a run, which a worker carries out."""
    site, body = request.site, request.read(RunBody)
    tenant, now = site.fleet.tenant(request.path["name"]), site.fleet.registry.now()
    if tenant.paused:
        raise PausedTenantError(f"Tenant {tenant.name!r} is paused.", fix="Resume it first.")
    tenant.flow(body.flow)
    due_at = (body.at or now).astimezone(UTC)
    if body.at is not None and (body.at.tzinfo is None or abs(due_at - now) > _CLOCK):
        fix = f"Give the time of the question in UTC, such as {now:%Y-%m-%dT%H:%M:%SZ}."
        raise SettingsError(
            f"at is {body.at.isoformat()!r}, more than a day from now or without a zone.", fix=fix, setting="at"
        )
    site.fleet.queue.submit([RunKey(tenant.name, body.flow, due_at)])
    return ApiAnswer(RunQueued(_run_id(body.flow, due_at), tenant.name, body.flow, due_at), status=202)


def _run_id(flow: str, due_at: datetime) -> str:
    return f"{flow}@{due_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def list_runs(request: ApiRequest) -> ApiAnswer:
    """The latest runs of a tenant."""
    tenant = request.site.fleet.tenant(request.path["name"])
    runs = request.site.fleet.queue.runs(tenant=tenant.name, flow=request.query.get("flow", ""), limit=_limit(request))
    return ApiAnswer(RunPage([_run(one) for one in runs]))


def show_run_log(request: ApiRequest) -> ApiAnswer:
    """The log of a run, of all workers that carried it out."""
    tenant, run_id = request.site.fleet.tenant(request.path["name"]), request.path["run"]
    flow, _, due = run_id.rpartition("@")
    unknown = NotFoundError(f"There is no run {run_id!r}.", fix="List the runs of the tenant.")
    try:
        key = RunKey(tenant.name, flow, datetime.fromisoformat(due))
    except ValueError:
        raise unknown from None
    if not request.site.fleet.queue.find([key]):
        raise unknown
    lines = [msgspec.json.decode(line) for line in request.site.fleet.queue.log(key)]
    return ApiAnswer(RunLog([msgspec.convert(line, LogLine) for line in lines]))


def show_status(request: ApiRequest) -> ApiAnswer:
    """The state of a page of tenants."""
    limit, like = _limit(request), request.query.get("like", "")
    statuses = request.site.fleet.status_page(request.query.get("after", ""), like=like, limit=limit + 1)
    following = statuses[limit - 1].tenant.name if len(statuses) > limit else None
    return ApiAnswer(StatusPage([_status(one) for one in statuses[:limit]], following))


def show_tenant_status(request: ApiRequest) -> ApiAnswer:
    """The state of one tenant."""
    return ApiAnswer(_status(request.site.fleet.status_of(request.path["name"])))


def show_usage(request: ApiRequest) -> ApiAnswer:
    """The API transactions of a month."""
    fleet, month = request.site.fleet, request.query.get("month", "")
    transactions_by_tenant = fleet.usage(month, like=request.query.get("like", ""))
    shown = [TenantUsage(name, transactions) for name, transactions in sorted(transactions_by_tenant.items())]
    return ApiAnswer(UsageShown(month or f"{fleet.registry.now():%Y-%m}", shown))


def _run(run: QueuedRun) -> RunShown:
    shown = {name: getattr(run, name) for name in RunShown.__struct_fields__ if name != "id"}
    return RunShown(id=_run_id(run.flow, run.due_at), **shown)


def _status(status: TenantStatus) -> StatusShown:
    flows = [
        FlowShown(flow.flow, flow.schedule, flow.next_due, _run(flow.last) if flow.last else None, flow.failures)
        for flow in status.flows
    ]
    return StatusShown(
        status.tenant.name, status.tenant.paused, list(status.missing), status.in_doubt, status.needs_attention, flows
    )


def _limit(request: ApiRequest) -> int:
    return request.number("limit", _PAGE, least=1, most=_MOST)


def show_document(_request: ApiRequest) -> ApiAnswer:
    """The OpenAPI document."""
    return ApiAnswer(document())


_ONE = "/tenants/{name}"
OPERATIONS = (
    ApiOperation("GET", "/tenants", "listTenants", "List tenants, in pages.", list_tenants, {200: TenantPage},
              query=(_AFTER, _LIMIT, _LIKE)),
    ApiOperation("GET", _ONE, "showTenant", "Show a tenant.", show_tenant, {200: TenantShown}),
    ApiOperation("PUT", _ONE, "putTenant", "Add a tenant (201), or replace all but its secrets and its pause (200).",
              put_tenant, {200: TenantShown, 201: TenantShown}, TenantBody),
    ApiOperation("PATCH", _ONE, "changeTenant", "Change parts of a tenant.", change_tenant, {200: TenantShown},
              TenantChange),
    ApiOperation("DELETE", _ONE, "removeTenant", "Remove a tenant with its secrets and links. Its outbox stays.",
              remove_tenant, {204: None}),
    ApiOperation("POST", f"{_ONE}/pause", "pauseTenant", "Pause a tenant: its flows no longer start.", pause_tenant,
              {200: TenantShown}),
    ApiOperation("POST", f"{_ONE}/resume", "resumeTenant", "Resume a tenant: its flows start again.", resume_tenant,
              {200: TenantShown}),
    ApiOperation("PUT", f"{_ONE}/secrets", "putSecrets", "Seal secrets of a tenant; null removes one.", put_secrets,
              {204: None}, SecretsBody),
    ApiOperation("POST", f"{_ONE}/links", "makeLink", "Make a link for the tenant's administrator.", make_link,
              {201: LinkMade}, LinkBody),
    ApiOperation("DELETE", f"{_ONE}/links", "endLinks", "End the links of a tenant, and the sessions that they began.",
              end_links, {200: LinksEnded}),
    ApiOperation("POST", f"{_ONE}/runs", "startRun", "Queue a run of a flow; a worker carries it out.", start_run,
              {202: RunQueued}, RunBody),
    ApiOperation("GET", f"{_ONE}/runs", "listRuns", "List the latest runs of a tenant.", list_runs, {200: RunPage},
              query=(QueryParameter("flow", "Only runs of this flow."), _LIMIT)),
    ApiOperation("GET", f"{_ONE}/runs/{{run}}/log", "showRunLog", "Show the log of a run, by its `id`.", show_run_log,
              {200: RunLog}),
    ApiOperation("GET", f"{_ONE}/status", "showTenantStatus", "Show the state of a tenant.", show_tenant_status,
              {200: StatusShown}),
    ApiOperation("GET", "/status", "showStatus", "Show the state of tenants, in pages.", show_status, {200: StatusPage},
              query=(_AFTER, _LIMIT, _LIKE)),
    ApiOperation("GET", "/usage", "showUsage", "Show the API transactions of a month by tenant.", show_usage,
              {200: UsageShown}, query=(_MONTH, _LIKE)),
    ApiOperation("GET", "/openapi.json", "showDocument", "Show this document.", show_document, {200: dict[str, Any]}),
)  # fmt: skip
"""Every operation."""


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document of the interface."""
    return openapi(OPERATIONS)


def interface_routes(app: FleetApp) -> "list[BaseRoute]":
    """The routes of the interface, behind the check; an address that has none is answered as JSON too."""
    return operation_routes(app, OPERATIONS)


__all__ = ["BASE", "OPERATIONS", "document", "interface_routes"]
