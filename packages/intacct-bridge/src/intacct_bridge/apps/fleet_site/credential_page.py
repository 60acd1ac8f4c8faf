"""The credential page: a tenant's administrator enters the Web Services user, and sees what is missing in Intacct."""

from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import msgspec

from intacct_bridge.apps.fleet_site.credential_check import (
    CHECKS,
    REFUSED_SIGN_INS,
    Entered,
    StoredSetUp,
    TenantSetUpStore,
    check_tenant,
    is_working,
    look_of,
    made_up_user,
    planned_use,
    shown_steps,
    steps_of,
    summary,
)
from intacct_bridge.apps.fleet_site.link_pages import LARGEST_FORM
from intacct_bridge.apps.fleet_site.site import FleetApp, LinkVisitor
from intacct_bridge.apps.terminal.failures import described
from intacct_bridge.apps.views.setup_page import picture
from intacct_bridge.apps.web.jobs import BackgroundJob
from intacct_bridge.apps.web.pages import Answer, NotFoundError, Page, PageRequest, PageView, Redirect
from intacct_bridge.connections.connection import Connection
from intacct_bridge.operations.fleets import CompanyTakenError, Tenant, TooManyAttemptsError
from intacct_bridge.operations.setup import SetUpAnswers, SetUpStep
from intacct_protocol.errors import IntacctError, SettingsError

HOME = "/connect"
_LONGEST = 200
_WAIT_SECONDS = 5.0
"""How long a form waits for a check before the page shows its progress."""
_ENDED_EARLY = {"error": "The last check ended early.", "fix": "Check again."}
_FIELDS = {"company_id": "Company ID", "user_id": "User ID", "user_password": "Password"}


def show(request: PageRequest) -> PageView:
    """The form, the last check's findings, and the steps."""
    return _page(request)


def save(request: PageRequest) -> Answer:
    """Check what was typed, and keep it once Intacct accepts it."""
    app, tenant = _app(request), _tenant(request)
    stored = TenantSetUpStore(app.pages, tenant).stored()
    company = _fixed_company(app, tenant, stored) or request.field("company_id")
    entered = Entered(company, request.field("user_id"), request.secret("user_password"))
    try:
        _check_entered(entered)
        connection = _tenant_connection(app, tenant, entered)
        return _start_check(request, tenant, connection, entered)
    except TooManyAttemptsError as error:
        return _page(request, entered, error, status=429)
    except SettingsError as error:
        return _page(request, entered, error, status=422)


def check(request: PageRequest) -> Answer:
    """Check again: what is kept, or as far as a check without a user can see."""
    app, tenant = _app(request), _tenant(request)
    try:
        if _has_password(app, tenant):
            return _start_check(request, tenant, _tenant_connection(app, tenant), None)
        company = _company(app, tenant, TenantSetUpStore(app.pages, tenant).stored())
        if not company:
            raise SettingsError("The company ID is not known yet.", fix="Enter it, with the user and the password.")
        user = made_up_user()
        entered = Entered(company, user["user_id"], user["user_password"])
        return _start_check(request, tenant, _tenant_connection(app, tenant, entered), None, only_sender=True)
    except TooManyAttemptsError as error:
        return _page(request, None, error, status=429)
    except SettingsError as error:
        return _page(request, None, error, status=422)


def leave(request: PageRequest) -> Redirect:
    """End the session."""
    _app(request).pages.end(request.session.key)
    return request.redirect(f"{HOME}/unusable?why=left")


# --- checks


def _check_entered(entered: Entered) -> None:
    for name, label in _FIELDS.items():
        text = getattr(entered, name)
        if not text:
            raise SettingsError(f"{label} is empty.", fix="Enter it.", setting=name)
        if len(text) > _LONGEST or not text.isprintable():
            fix = f"Enter at most {_LONGEST} characters of text."
            raise SettingsError(f"{label} has characters or a length that Intacct does not accept.", fix=fix)


def _tenant_connection(app: FleetApp, tenant: Tenant, entered: Entered | None = None) -> Connection:
    """The tenant's connection as the vendor set it, with what was typed, if anything was.

    As long as the company is not confirmed, the check opens no outbox and writes no archive. Later it takes its turn
    with the tenant's runs, which the outbox's database counts.
    """
    try:
        if entered is None:
            return app.fleet.connection(tenant.name)
        settings = {"company_id": entered.company_id, "user_id": entered.user_id}
        connection = app.fleet.connection(
            tenant.name, settings=settings, secrets={"user_password": entered.user_password}
        )
    except SettingsError as error:  # its words are for the vendor
        app.report(error)
        raise SettingsError(
            f"The settings of {app.vendor} for this connection are not complete.", fix=f"Ask {app.vendor}."
        ) from None
    if tenant.settings.get("company_id") == entered.company_id and _has_password(app, tenant):
        return connection
    return replace(connection, outbox="", monthly_limit=None, archive="")


def _start_check(
    request: PageRequest, tenant: Tenant, connection: Connection, entered: Entered | None, *, only_sender: bool = False
) -> Redirect:
    """Begin a check, unless one runs."""
    app = _app(request)
    if _running(request) is not None:
        return request.redirect(HOME)
    store = TenantSetUpStore(app.pages, tenant)
    app.pages.take(tenant.name, CHECKS)
    sign_in = None if only_sender else app.pages.take(tenant.name, REFUSED_SIGN_INS)
    reads, writes = planned_use(tenant)
    store.change(tenant.name, reads=reads, writes=writes)
    if entered is not None and not _has_password(app, tenant):
        answers = SetUpAnswers(company_id=entered.company_id, user_id=entered.user_id)
        store.change(tenant.name, answers=answers)

    def work(job: BackgroundJob) -> None:
        store.keep(problem=_ENDED_EARLY)
        checked = check_tenant(job, connection, store, only_sender=only_sender)
        if sign_in is not None and checked.is_harmless:
            app.pages.give_back(sign_in)
        problem: dict[str, str] = {}
        if checked.accepted and entered is not None:
            problem = _keep(app, tenant, entered)
        if checked.accepted and not problem:
            store.keep(company=connection.company_id)
        not_kept = entered is not None and (not checked.accepted or bool(problem))
        store.keep(not_kept=not_kept, vendor=checked.stopped_by_vendor, problem=problem)

    return request.start(f"Check of {tenant.name}", work, page=HOME, wait=_WAIT_SECONDS)


def _keep(app: FleetApp, tenant: Tenant, entered: Entered) -> dict[str, str]:
    """Keep what Intacct has accepted, and nothing else of the tenant; the problem if that is not possible."""
    try:
        app.fleet.set_credentials(
            tenant.name,
            company_id=entered.company_id,
            user_id=entered.user_id,
            user_password=entered.user_password,
        )
    except CompanyTakenError:  # its fix names the other tenant
        return {"error": f"The company {entered.company_id} is connected already.", "fix": f"Ask {app.vendor}."}
    except SettingsError as error:  # its words are for the vendor
        app.report(error)
        return {"error": "What was entered could not be kept.", "fix": f"Ask {app.vendor}."}
    return {}


# --- the page


def _page(
    request: PageRequest, entered: Entered | None = None, error: IntacctError | None = None, status: int = 200
) -> PageView:
    app, tenant = _app(request), _tenant(request)
    job = _running(request)
    renewal = job.renewal(HOME) if job is not None else {}
    stored = TenantSetUpStore(app.pages, tenant).stored()
    has_password = _has_password(app, tenant)
    company, user = _company(app, tenant, stored), _user(app, tenant, stored)
    connection = _shown_connection(app, tenant, company, user)
    reads, writes = planned_use(tenant)
    progress = msgspec.structs.replace(stored.progress, reads=reads, writes=writes)
    values = {
        "name": tenant.name,
        "company_id": company,
        "sender_id": connection.sender_id if connection is not None else "",
        "user_id": user,
        "environment": str(tenant.settings.get("environment", "production")),
    }
    checklist = steps_of(progress, connection, values, only_sender=not user)
    steps = shown_steps(checklist)
    data = {
        "vendor": app.vendor,
        "tenant": tenant.name,
        "use": checklist.values.purpose or "reads",
        "company_id": entered.company_id if entered is not None else company,
        "company_fixed": bool(_fixed_company(app, tenant, stored)),
        "user_id": entered.user_id if entered is not None else user,
        "has_password": has_password,
        "not_kept": stored.not_kept,
        "can_check": job is None and (has_password or bool(company)),
        "problem": described(error) if error is not None else {} if job is not None else stored.problem,
        "findings": list(stored.findings),
        "vendor_problem": stored.vendor,
        "works": has_password and not stored.not_kept and is_working(steps),
        "summary": summary(steps),
        "steps": [_step(one) for one in steps],
        "checked": datetime.fromisoformat(checklist.checked) if checklist.checked else None,
        "job": job.data() if job is not None else None,
        "ends": cast(LinkVisitor, request.session).ends,
    }
    return PageView("credentials.html", data, status=status, title=f"Connect Sage Intacct to {app.vendor}", **renewal)


def _step(step: SetUpStep) -> dict[str, Any]:
    word, badge, look = look_of(step.state)
    shown = {name: getattr(step, name) for name in ("id", "title", "why", "state", "observed", "inferred", "notes")}
    mine = step.for_administrator
    return shown | {
        "word": word,
        "badge": badge,
        "look": look,
        "title": step.title if mine else "Read a record with this user",
        "menu": step.menu if mine else "",
        "why": step.why if mine else "This check ends with the user's sign-in and the reading of a record.",
        "notes": list(step.notes) if mine and step.id != "company" else [],  # that one asks to send the ID
        "fields": [{"label": one.label, "value": one.value} for one in step.fields] if mine else [],
        "grants": [one.as_texts() for one in step.grants],
        "picture": picture(step) if mine else "",
    }


# --- what a page knows


def _app(request: PageRequest) -> FleetApp:
    return cast(FleetApp, request.app)


def _tenant(request: PageRequest) -> Tenant:
    """The tenant of the session: no part of an address or of a form names one."""
    try:
        return _app(request).fleet.tenant(request.session.person)
    except SettingsError:  # its fix names other tenants
        raise NotFoundError("This connection was removed.", fix=f"Ask {_app(request).vendor}.") from None


def _running(request: PageRequest) -> BackgroundJob | None:
    return next((one for one in request.app.jobs.of(request.person) if one.is_running), None)


def _has_password(app: FleetApp, tenant: Tenant) -> bool:
    return "user_password" in app.fleet.secret_names(tenant.name)


def _fixed_company(app: FleetApp, tenant: Tenant, stored: StoredSetUp) -> str:
    """The company that the page may no longer change, since a sign-in has worked or a flow may have run; else empty."""
    company = str(tenant.settings.get("company_id", ""))
    is_used = stored.company == company or _has_password(app, tenant)
    return company if company and (is_used or app.fleet.queue.latest([tenant.name])) else ""


def _company(app: FleetApp, tenant: Tenant, stored: StoredSetUp) -> str:
    typed = stored.progress.answers.company_id
    return _fixed_company(app, tenant, stored) or typed or str(tenant.settings.get("company_id", ""))


def _user(app: FleetApp, tenant: Tenant, stored: StoredSetUp) -> str:
    typed = "" if _has_password(app, tenant) else stored.progress.answers.user_id
    return typed or str(tenant.settings.get("user_id", ""))


def _shown_connection(app: FleetApp, tenant: Tenant, company: str, user: str) -> Connection | None:
    """The connection that the steps are about; None if the vendor's settings do not make one."""
    try:
        return _tenant_connection(app, tenant, Entered(company or "-", user or "-", "-"))
    except SettingsError:
        return None


PAGES = (
    Page(HOME, "Connect", show, actions={"save": save, "check": check, "leave": leave}, largest_body=LARGEST_FORM),
)
