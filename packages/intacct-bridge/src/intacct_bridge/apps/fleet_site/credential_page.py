"""The credential page: a tenant's administrator enters the Web Services user, and sees what is missing in Intacct."""

from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import msgspec

from intacct_bridge.apps.console.jobs import BackgroundJob
from intacct_bridge.apps.console.visit import Answer, ConsolePage, NotFoundError, PageView, Redirect, Visit
from intacct_bridge.apps.fleet_site.credential_check import (
    CHECKS,
    REFUSED_SIGN_INS,
    Entered,
    KeptSetUp,
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
from intacct_bridge.apps.fleet_site.site import FleetSite, LinkVisitor
from intacct_bridge.apps.terminal.failures import described
from intacct_bridge.connections.connection import Connection
from intacct_bridge.fleet.page_state import TooManyAttemptsError
from intacct_bridge.fleet.registry import CompanyTakenError
from intacct_bridge.fleet.tenant import Tenant
from intacct_bridge.setup.assistant.checklist import SetUpStep
from intacct_bridge.setup.assistant.form_pictures import picture
from intacct_bridge.setup.assistant.progress import SetUpAnswers
from intacct_protocol.errors import IntacctError, SettingsError

HOME = "/connect"
_LONGEST = 200
_WAIT_SECONDS = 5.0
"""How long a form waits for a check before the page shows its progress."""
_ENDED_EARLY = {"error": "The last check ended early.", "fix": "Check again."}
_FIELDS = {"company_id": "Company ID", "user_id": "User ID", "user_password": "Password"}


def show(visit: Visit) -> PageView:
    """The form, the last check's findings, and the steps."""
    return _page(visit)


def save(visit: Visit) -> Answer:
    """Check what was typed, and keep it once Intacct accepts it."""
    site, tenant = _site(visit), _tenant(visit)
    kept = TenantSetUpStore(site.pages, tenant).kept()
    company = _fixed_company(site, tenant, kept) or visit.field("company_id")
    entered = Entered(company, visit.field("user_id"), visit.secret("user_password"))
    try:
        _check_entered(entered)
        connection = _connection(site, tenant, entered)
        return _start(visit, tenant, connection, entered)
    except TooManyAttemptsError as error:
        return _page(visit, entered, error, status=429)
    except SettingsError as error:
        return _page(visit, entered, error, status=422)


def check(visit: Visit) -> Answer:
    """Check again: what is kept, or as far as a check without a user can see."""
    site, tenant = _site(visit), _tenant(visit)
    try:
        if _has_password(site, tenant):
            return _start(visit, tenant, _connection(site, tenant), None)
        company = _company(site, tenant, TenantSetUpStore(site.pages, tenant).kept())
        if not company:
            raise SettingsError("The company ID is not known yet.", fix="Enter it, with the user and the password.")
        user = made_up_user()
        entered = Entered(company, user["user_id"], user["user_password"])
        return _start(visit, tenant, _connection(site, tenant, entered), None, only_sender=True)
    except TooManyAttemptsError as error:
        return _page(visit, None, error, status=429)
    except SettingsError as error:
        return _page(visit, None, error, status=422)


def leave(visit: Visit) -> Redirect:
    """End the session."""
    _site(visit).pages.end(visit.session.key)
    return visit.redirect(f"{HOME}/unusable?why=left")


# --- checks


def _check_entered(entered: Entered) -> None:
    for name, label in _FIELDS.items():
        text = getattr(entered, name)
        if not text:
            raise SettingsError(f"{label} is empty.", fix="Enter it.", setting=name)
        if len(text) > _LONGEST or not text.isprintable():
            fix = f"Enter at most {_LONGEST} characters of text."
            raise SettingsError(f"{label} has characters or a length that Intacct does not accept.", fix=fix)


def _connection(site: FleetSite, tenant: Tenant, entered: Entered | None = None) -> Connection:
    """The tenant's connection as the vendor set it, with what was typed, if anything was.

    As long as the company is not confirmed, the check opens no outbox and writes no archive. Later it takes its turn
    with the tenant's runs, which the outbox's database counts.
    """
    try:
        if entered is None:
            return site.fleet.connection(tenant.name)
        settings = {"company_id": entered.company_id, "user_id": entered.user_id}
        made = site.fleet.connection(tenant.name, settings=settings, secrets={"user_password": entered.user_password})
    except SettingsError as error:  # its words are for the vendor
        site.report(error)
        raise SettingsError(
            f"The settings of {site.vendor} for this connection are not complete.", fix=f"Ask {site.vendor}."
        ) from None
    if tenant.settings.get("company_id") == entered.company_id and _has_password(site, tenant):
        return made
    return replace(made, outbox="", monthly_limit=None, archive="")


def _start(
    visit: Visit, tenant: Tenant, connection: Connection, entered: Entered | None, *, only_sender: bool = False
) -> Redirect:
    """Begin a check, unless one runs."""
    site = _site(visit)
    if _running(visit) is not None:
        return visit.redirect(HOME)
    store = TenantSetUpStore(site.pages, tenant)
    site.pages.take(tenant.name, CHECKS)
    sign_in = None if only_sender else site.pages.take(tenant.name, REFUSED_SIGN_INS)
    reads, writes = planned_use(tenant)
    store.change(tenant.name, reads=reads, writes=writes)
    if entered is not None and not _has_password(site, tenant):
        answers = SetUpAnswers(company_id=entered.company_id, user_id=entered.user_id)
        store.change(tenant.name, answers=answers)

    def work(job: BackgroundJob) -> None:
        store.keep(problem=_ENDED_EARLY)
        found = check_tenant(job, connection, store, only_sender=only_sender)
        if sign_in is not None and found.is_harmless:
            site.pages.give_back(sign_in)
        problem: dict[str, str] = {}
        if found.accepted and entered is not None:
            problem = _keep(site, tenant, entered)
        if found.accepted and not problem:
            store.keep(company=connection.company_id)
        not_kept = entered is not None and (not found.accepted or bool(problem))
        store.keep(not_kept=not_kept, vendor=found.stopped_by_vendor, problem=problem)

    return visit.start(f"Check of {tenant.name}", work, page=HOME, wait=_WAIT_SECONDS)


def _keep(site: FleetSite, tenant: Tenant, entered: Entered) -> dict[str, str]:
    """Keep what Intacct has accepted, and nothing else of the tenant; the problem if that is not possible."""
    try:
        site.fleet.set_credentials(
            tenant.name,
            company_id=entered.company_id,
            user_id=entered.user_id,
            user_password=entered.user_password,
        )
    except CompanyTakenError:  # its fix names the other tenant
        return {"error": f"The company {entered.company_id} is connected already.", "fix": f"Ask {site.vendor}."}
    except SettingsError as error:  # its words are for the vendor
        site.report(error)
        return {"error": "What was entered could not be kept.", "fix": f"Ask {site.vendor}."}
    return {}


# --- the page


def _page(
    visit: Visit, entered: Entered | None = None, error: IntacctError | None = None, status: int = 200
) -> PageView:
    site, tenant = _site(visit), _tenant(visit)
    job = _running(visit)
    renewal = job.renewal(HOME) if job is not None else {}
    kept = TenantSetUpStore(site.pages, tenant).kept()
    has_password = _has_password(site, tenant)
    company, user = _company(site, tenant, kept), _user(site, tenant, kept)
    connection = _shown_connection(site, tenant, company, user)
    reads, writes = planned_use(tenant)
    progress = msgspec.structs.replace(kept.progress, reads=reads, writes=writes)
    values = {
        "name": tenant.name,
        "company_id": company,
        "sender_id": connection.sender_id if connection is not None else "",
        "user_id": user,
        "environment": str(tenant.settings.get("environment", "production")),
    }
    found = steps_of(progress, connection, values, only_sender=not user)
    steps = shown_steps(found)
    data = {
        "vendor": site.vendor,
        "tenant": tenant.name,
        "use": found.values.purpose or "reads",
        "company_id": entered.company_id if entered is not None else company,
        "company_fixed": bool(_fixed_company(site, tenant, kept)),
        "user_id": entered.user_id if entered is not None else user,
        "has_password": has_password,
        "not_kept": kept.not_kept,
        "can_check": job is None and (has_password or bool(company)),
        "problem": described(error) if error is not None else {} if job is not None else kept.problem,
        "findings": list(kept.findings),
        "vendor_problem": kept.vendor,
        "works": has_password and not kept.not_kept and is_working(steps),
        "summary": summary(steps),
        "steps": [_step(one) for one in steps],
        "checked": datetime.fromisoformat(found.checked) if found.checked else None,
        "job": job.data() if job is not None else None,
        "ends": cast(LinkVisitor, visit.session).ends,
    }
    return PageView("credentials.html", data, status=status, title=f"Connect Sage Intacct to {site.vendor}", **renewal)


def _step(step: SetUpStep) -> dict[str, Any]:
    word, badge, look = look_of(step.state)
    shown = {name: getattr(step, name) for name in ("id", "title", "why", "state", "seen", "inferred", "notes")}
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


def _site(visit: Visit) -> FleetSite:
    return cast(FleetSite, visit.site)


def _tenant(visit: Visit) -> Tenant:
    """The tenant of the session: no part of an address or of a form names one."""
    try:
        return _site(visit).fleet.tenant(visit.session.person)
    except SettingsError:  # its fix names other tenants
        raise NotFoundError("This connection was removed.", fix=f"Ask {_site(visit).vendor}.") from None


def _running(visit: Visit) -> BackgroundJob | None:
    return next((one for one in visit.site.jobs.of(visit.person) if one.is_running), None)


def _has_password(site: FleetSite, tenant: Tenant) -> bool:
    return "user_password" in site.fleet.secret_names(tenant.name)


def _fixed_company(site: FleetSite, tenant: Tenant, kept: KeptSetUp) -> str:
    """The company that the page may no longer change, since a sign-in has worked or a flow may have run; else empty."""
    company = str(tenant.settings.get("company_id", ""))
    is_used = kept.company == company or _has_password(site, tenant)
    return company if company and (is_used or site.fleet.registry.runs(tenant=tenant.name, limit=1)) else ""


def _company(site: FleetSite, tenant: Tenant, kept: KeptSetUp) -> str:
    typed = kept.progress.answers.company_id
    return _fixed_company(site, tenant, kept) or typed or str(tenant.settings.get("company_id", ""))


def _user(site: FleetSite, tenant: Tenant, kept: KeptSetUp) -> str:
    typed = "" if _has_password(site, tenant) else kept.progress.answers.user_id
    return typed or str(tenant.settings.get("user_id", ""))


def _shown_connection(site: FleetSite, tenant: Tenant, company: str, user: str) -> Connection | None:
    """The connection that the steps are about; None if the vendor's settings do not make one."""
    try:
        return _connection(site, tenant, Entered(company or "-", user or "-", "-"))
    except SettingsError:
        return None


PAGES = (
    ConsolePage(
        HOME, "Connect", show, actions={"save": save, "check": check, "leave": leave}, largest_body=LARGEST_FORM
    ),
)
