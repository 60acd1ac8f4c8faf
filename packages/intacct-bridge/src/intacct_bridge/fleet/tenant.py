"""A tenant: one company of a fleet with its connection, flows, schedule and limits. It holds no secret."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from intacct_bridge.connections import sdk_profiles
from intacct_bridge.connections.connection import PUBLIC_ENDPOINT, SECRETS, SETTINGS
from intacct_bridge.connections.sources import check_settings
from intacct_bridge.fleet.schedule import Schedule
from intacct_bridge.machine.secret import Secret
from intacct_bridge.runs import UNATTENDED
from intacct_bridge.runs.definitions import Flow, flow_of
from intacct_bridge.shared_state.place import name_at
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import closest, did_you_mean, suggestion
from intacct_protocol.model.uri_text import uri_secrets
from intacct_protocol.model.wording import listed

REQUIRED = (*sdk_profiles.LOGIN, *sdk_profiles.SENDER)
"""The settings without which a tenant cannot be reached."""
NEVER = datetime.fromtimestamp(0, UTC)
"""The time at which a tenant was added that is in no database yet."""
REFERENCE = "secret"
"""The key of a reference to a sealed secret in a flow: `to = {secret = "warehouse"}`."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_NAME_FIX = "Use 1 to 63 letters without accents, digits, dots, hyphens and underscores, with a letter or digit first."
_SECRET_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_OF_THE_FLEET = {
    "outbox": "Leave it out: the fleet keeps the outbox of each tenant in its own database.",
    "concurrency": "Give it as a limit of the tenant.",
    "monthly_limit": "Give it as a limit of the tenant.",
    "name": "Leave it out: the connection has the tenant's name.",
    "sender": "Give sender_id, and the sender's password as a secret, or as one that the fleet's tenants share.",
}
"""Settings of a connection that are not a tenant's, each with the fix."""
_SECRET_SETTINGS = (*SECRETS, "sender_id", "user_id")
_PASSWORD = re.compile(r"\bpassword\s*=\s*\S", re.IGNORECASE)
_MISSPELT = 0.9
"""How alike the name of a secret of a flow and one of these may be (difflib's ratio)."""
_OWN_FLOW_KEYS = {
    "connection": "Leave it out: the flows of a tenant run on the tenant's connection.",
    "environments": "Leave them out, and add a tenant for the other company.",
}
_LIMITS = ("concurrency", "monthly_limit")


@dataclass(frozen=True, slots=True)
class TenantLimits:
    """What a company may use, counted over all workers."""

    concurrency: int = 2
    """The most requests at a time."""
    monthly_limit: int | None = None
    """The most API transactions in a month; None: no limit."""

    @classmethod
    def of(cls, limits: "Mapping[str, Any] | TenantLimits", *, where: str) -> "TenantLimits":
        """Limits from strings or numbers; SettingsError names `where`."""
        if isinstance(limits, cls):
            limits = {name: getattr(limits, name) for name in _LIMITS}
        assert isinstance(limits, Mapping)
        for name in limits:
            if name not in _LIMITS:
                raise SettingsError(
                    f"{where}: unknown limit {name!r}{did_you_mean(name, _LIMITS)}",
                    fix=f"The limits are {listed(_LIMITS)}.",
                )
        most = _number(limits.get("concurrency"), f"{where}: concurrency", least=1)
        return cls(
            2 if most is None else most, _number(limits.get("monthly_limit"), f"{where}: monthly_limit", least=0)
        )


@dataclass(frozen=True, slots=True)
class Tenant:
    """One company of a fleet, checked when it is made by `tenant_of`."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of a connection, as in intacct.toml, without secrets."""
    flows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Flows by name, as `[flows.NAME]` in intacct.toml; `{secret = "NAME"}` stands for a sealed secret."""
    schedule: Mapping[str, Schedule] = field(default_factory=dict)
    """When each flow is due; a flow without a schedule runs when it is asked for."""
    limits: TenantLimits = field(default_factory=TenantLimits)
    paused: bool = False
    """No flow of a paused tenant begins."""
    added_at: datetime = NEVER

    @property
    def company(self) -> str:
        """The company by which its outbox is known; empty as long as none is named."""
        settings = self.settings
        if not settings.get("company_id"):
            return ""
        client = f"|{settings['client_id']}" if settings.get("client_id") else ""
        return name_at(f"{settings['company_id']}{client}", str(settings.get("endpoint", PUBLIC_ENDPOINT)))

    def missing(self, secrets: Iterable[str]) -> tuple[str, ...]:
        """The required settings that neither the settings nor secrets of these names give."""
        present = {name for name, value in self.settings.items() if value} | set(secrets)
        return tuple(name for name in REQUIRED if name not in present)

    def secrets_of(self, flow: str) -> tuple[str, ...]:
        """The names of the secrets that a flow refers to."""
        return tuple(_references(list(self.flow(flow).options.values())))

    def flow(self, name: str) -> Flow:
        """A flow on the tenant's connection, with references to secrets as they stand; SettingsError if unknown."""
        if name not in self.flows:
            raise SettingsError(
                f"tenant {self.name!r} has no flow {name!r}{did_you_mean(name, self.flows)}",
                fix=f"Its flows: {listed(sorted(self.flows))}." if self.flows else "Give the tenant a flow first.",
            )
        return _flow(self.name, name, self.flows[name])

    def next_due(self, flow: str, moment: datetime) -> datetime | None:
        """The first time after a moment at which a flow is due, in UTC; None without a schedule."""
        schedule = self.schedule.get(flow)
        return None if schedule is None else schedule.next_after(moment, spread=f"{self.name}/{flow}")


def tenant_of(
    name: str,
    *,
    settings: Mapping[str, Any],
    flows: Mapping[str, Any],
    schedule: Mapping[str, Any],
    limits: Mapping[str, Any] | TenantLimits,
    paused: bool = False,
    added_at: datetime = NEVER,
) -> Tenant:
    """A tenant, checked: SettingsError names the tenant, the setting or flow, and the fix."""
    where = f"tenant {name!r}"
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"{name!r} is not a name for a tenant",
            fix=_NAME_FIX,
        )
    for key, table in flows.items():
        _flow(name, key, table)
    times = {
        flow: Schedule.of(value, where=f"{where}, schedule of {flow!r}") for flow, value in schedule.items() if value
    }
    for flow in times:
        if flow not in flows:
            raise SettingsError(
                f"{where}: the schedule names the flow {flow!r}, which the tenant does not have"
                f"{did_you_mean(flow, flows)}",
                fix="Name one of its flows, or add that flow.",
            )
    checked = _settings(name, settings)
    return Tenant(name, checked, dict(flows), times, TenantLimits.of(limits, where=where), paused, added_at)


def check_secret(owner: str, name: str, value: object) -> None:
    """SettingsError for a name or a value that no secret can have; the message never quotes the value."""
    if not _SECRET_NAME.fullmatch(name):
        raise SettingsError(
            f"{owner}: {name!r} is not a name for a secret",
            fix="Use a small letter, then small letters, digits and underscores, such as user_password.",
        )
    if name in SETTINGS and name not in _SECRET_SETTINGS:
        raise SettingsError(f"{owner}: {name} is a setting and not a secret", fix="Give it with the settings.")
    near = [] if name in _SECRET_SETTINGS else closest(name, _SECRET_SETTINGS, 1, cutoff=_MISSPELT)
    if near:
        raise SettingsError(
            f"{owner}: there is no secret {name!r}; {suggestion(near)}", fix="Correct the name, or take another one."
        )
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(f"{owner}: {name} must be a text that is not empty", fix="Give its value.")


def encoded(tenant: Tenant) -> str:
    """What the database keeps of a tenant beside its own columns."""
    limits = {name: getattr(tenant.limits, name) for name in _LIMITS}
    schedule = {flow: str(times) for flow, times in tenant.schedule.items()}
    body = {"settings": tenant.settings, "flows": tenant.flows, "schedule": schedule, "limits": limits}
    return msgspec.json.encode(body).decode()


def decoded(name: str, body: str, *, paused: bool, added_at: datetime) -> Tenant:
    """The tenant that was kept. It was checked then, so it is not checked again."""
    document = msgspec.json.decode(body)
    times = {flow: Schedule.of(text, where=flow) for flow, text in document["schedule"].items()}
    settings, flows = document["settings"], document["flows"]
    return Tenant(name, settings, flows, times, TenantLimits(**document["limits"]), paused, added_at)


def with_secrets(flow: Flow, secrets: Mapping[str, str]) -> dict[str, Any]:
    """The options of a flow with each reference replaced by the secret."""
    return {key: _filled(value, secrets) for key, value in flow.options.items()}


def _filled(value: Any, secrets: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_filled(one, secrets) for one in value]
    return Secret(secrets[value[REFERENCE]]) if isinstance(value, Mapping) else value


def _settings(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    where = f"tenant {name!r}"
    for setting, value in settings.items():
        if setting in _OF_THE_FLEET:
            raise SettingsError(f"{where}: {setting} is not a setting of a tenant", fix=_OF_THE_FLEET[setting])
        if setting in SECRETS:
            raise SettingsError(
                f"{where}: {setting} is a secret, and settings are stored as plain text",
                fix="Give it as a secret, which is sealed.",
            )
        if isinstance(value, Mapping):
            raise SettingsError(
                f"{where}: {setting} is a reference to a variable or file, which other machines may not have",
                fix="Write the value itself, or give it as a secret of that name.",
            )
        if isinstance(value, str) and uri_secrets(value):
            raise SettingsError(f"{where}: {setting} contains a password", fix="Leave the password out.")
    texts = {setting: value.strip() if isinstance(value, str) else value for setting, value in settings.items()}
    checked = check_settings(name, {setting: value for setting, value in texts.items() if value not in ("", None)})
    return {setting: list(value) if isinstance(value, tuple) else value for setting, value in checked.items()}


def _flow(tenant: str, name: str, table: object) -> Flow:
    path = Path(f"tenant {tenant}")
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"{path}: {name!r} is not a name for a flow",
            fix=_NAME_FIX,
        )
    if not isinstance(table, Mapping):
        raise SettingsError(f"{path}: flow {name!r} must be a table, not {table!r}", fix="Write it as in intacct.toml.")
    for key in table:
        if key in _OWN_FLOW_KEYS:
            raise SettingsError(
                f"{path}, flow {name}: {key} cannot be set in a flow of a tenant", fix=_OWN_FLOW_KEYS[key]
            )
    flow = flow_of(name, path, {**table, "connection": tenant})
    if flow.command not in UNATTENDED:
        raise SettingsError(
            f"{path}, flow {name}: {flow.command!r} cannot be the command of a flow"
            f"{did_you_mean(flow.command, UNATTENDED)}",
            fix=f"A flow runs {listed(UNATTENDED, 'or')}.",
        )
    for key, value in flow.options.items():
        _check_option(f"{path}, flow {name}: {key}", value)
    return flow


def _check_option(where: str, value: Any) -> None:
    if isinstance(value, list):
        for part in value:
            _check_option(where, part)
    elif isinstance(value, Mapping):
        if set(value) != {REFERENCE} or not isinstance(value[REFERENCE], str):
            raise SettingsError(
                f"{where} is a table with {listed(list(map(str, value))) if value else 'nothing'} in it",
                fix=f'Write the value itself, or {{{REFERENCE} = "NAME"}} for a secret of the tenant.',
            )
    elif isinstance(value, str) and (uri_secrets(value) or _PASSWORD.search(value)):
        raise SettingsError(
            f"{where} contains a password, which would be stored as plain text",
            fix=f'Give the whole text as a secret of the tenant, and write {{{REFERENCE} = "NAME"}} here.',
        )


def _references(value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        if set(value) == {REFERENCE}:
            yield value[REFERENCE]
            return
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _references(part)


def _number(value: Any, where: str, *, least: int) -> int | None:
    if value is None or value == "":
        return None
    try:
        if isinstance(value, bool | float):
            raise ValueError
        number = int(value)
    except (TypeError, ValueError):
        number = least - 1
    if number < least:
        raise SettingsError(f"{where} is {value!r}", fix=f"Give a whole number of {least} or more.")
    return number
