"""A fleet of companies, as a program uses it.

    fleet = Fleet.open("postgresql://fleet@db/fleet", keys=os.environ["INTACCT_FLEET_KEY"])
    fleet.add("acme", settings={"company_id": "acme", "user_id": "bridge"}, secrets={"user_password": ...})
    with fleet.client("acme") as client:
        ...

Each tenant's outbox, run history and event log are in schemas of its own in the same database.
"""

import os
import secrets as random_tokens
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

from intacct_bridge.connections.connection import SETTINGS, Connection
from intacct_bridge.fleet.registry import SHARED, Registry, SealedSecrets, SecretsChange
from intacct_bridge.fleet.run_queue import RunEnding, RunQueue, TenantRun
from intacct_bridge.fleet.sealing import FleetKeys, SealedKey, owner_name, seal, unseal
from intacct_bridge.fleet.status import TenantStatus, tenant_statuses
from intacct_bridge.fleet.tenant import Tenant, TenantLimits, check_secret, tenant_of, with_secrets
from intacct_bridge.runs.definitions import Flow
from intacct_bridge.shared_state.place import PostgresPlace, in_schema, is_postgres, postgres_place, schema_name
from intacct_protocol.errors import RefusedError, SettingsError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.masking import without_secrets
from intacct_protocol.model.uri_text import uri_secrets
from intacct_protocol.model.wording import listed

if TYPE_CHECKING:
    from intacct_bridge.library import BridgeClient

VARIABLE = "INTACCT_FLEET"
SCHEMA = "intacct_fleet"
LINK_HOURS = 72.0
_AT_ONCE = 200
"""Tenants that are added, or data keys that are sealed again, in one transaction."""
_LONGEST_DETAIL = 2_000


@dataclass(frozen=True, slots=True)
class NewTenant:
    """A tenant to add. Its secrets show in no repr."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    flows: Mapping[str, Any] = field(default_factory=dict)
    schedule: Mapping[str, Any] = field(default_factory=dict)
    limits: "Mapping[str, Any] | TenantLimits" = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    paused: bool = False

    def checked(self) -> Tenant:
        """The tenant that it becomes; SettingsError names what is wrong with it or with its secrets."""
        tenant = tenant_of(
            self.name,
            settings=self.settings,
            flows=self.flows,
            schedule=self.schedule,
            limits=self.limits,
            paused=self.paused,
        )
        for name, value in self.secrets.items():
            check_secret(owner_name(self.name), name, value)
        return tenant


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did."""

    key_id: str
    """The key that now seals everything."""
    resealed: int
    given_up: tuple[str, ...] = ()
    """The owners whose secrets were removed, since their key is lost."""


class Fleet:
    """An open fleet, for several threads. Its keys are needed only to seal and to open secrets."""

    def __init__(self, registry: Registry, keys: FleetKeys | None = None) -> None:
        self.registry = registry
        self.queue = RunQueue(registry.place)
        self._keys = keys

    @classmethod
    def open(cls, uri: str | None = None, keys: "FleetKeys | str | Iterable[str] | None" = None) -> Self:
        """Open the fleet in a database, or make it there.

        Without a URI, INTACCT_FLEET names the database. Without keys, they come from INTACCT_FLEET_KEY or from the
        command in INTACCT_FLEET_KEY_COMMAND, when the first secret is sealed or opened. The first key seals, and all
        of them open.
        """
        named = uri or os.environ.get(VARIABLE, "")
        if not is_postgres(named):
            problem = "the fleet's database is not given" if not named else "the fleet's database must be PostgreSQL"
            raise SettingsError(
                problem,
                fix=f"Set {VARIABLE} to postgresql://USER:PASSWORD@HOST/DATABASE, or use `fleet`.",
                setting="fleet",
            )
        fleet_keys = keys if keys is None or isinstance(keys, FleetKeys) else FleetKeys.of(keys)
        return cls(Registry(postgres_place(named, SCHEMA)), fleet_keys)

    def __repr__(self) -> str:
        return f"Fleet({self.registry.place.name!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the database."""
        self.queue.close()
        self.registry.close()

    def answer_within(self, seconds: float) -> None:
        """From now on let a call fail about twice these seconds after its begin if the database is away."""
        self.registry.answer_within(seconds)
        self.queue.answer_within(seconds)

    @property
    def keys(self) -> FleetKeys:
        """The keys; SettingsError if none is given."""
        if self._keys is None:
            self._keys = FleetKeys.from_environment()
        return self._keys

    # --- tenants

    def add(
        self,
        name: str,
        *,
        settings: Mapping[str, Any] | None = None,
        flows: Mapping[str, Any] | None = None,
        schedule: Mapping[str, Any] | None = None,
        limits: Mapping[str, Any] | TenantLimits | None = None,
        secrets: Mapping[str, str] | None = None,
        paused: bool = False,
    ) -> Tenant:
        """Add a tenant. SettingsError names what is wrong, and nothing is added then.

        A secret whose name is that of a setting, such as `user_password`, gives that setting. What is missing can
        follow, from `change` and `set_secrets` or by a link.
        """
        new = NewTenant(name, settings or {}, flows or {}, schedule or {}, limits or {}, secrets or {}, paused)
        self.add_all([new])
        return self.tenant(name)

    def add_all(self, new: Iterable[NewTenant]) -> int:
        """Add many tenants, 200 in a transaction, and return their number. An error leaves whole batches only."""
        added = 0
        for chunk in batched(new, _AT_ONCE):
            checked = [(one.checked(), one.secrets) for one in chunk]
            key_id = self.keys.first.id if any(secrets for _, secrets in checked) else ""
            sealed = [self._sealed(tenant.name, secrets) if secrets else None for tenant, secrets in checked]
            self.registry.add([(tenant, one) for (tenant, _), one in zip(checked, sealed, strict=True)], key_id)
            added += len(checked)
        return added

    def tenant(self, name: str) -> Tenant:
        """A tenant; SettingsError suggests the nearest names for an unknown one."""
        return self.registry.find(name)

    def tenants(self, *, like: str = "") -> Iterator[Tenant]:
        """All tenants by name, read in pages; `like` is a part of the name."""
        return self.registry.tenants(like=like)

    def change(
        self,
        name: str,
        *,
        settings: Mapping[str, Any] | None = None,
        flows: Mapping[str, Any] | None = None,
        schedule: Mapping[str, Any] | None = None,
        limits: Mapping[str, Any] | TenantLimits | None = None,
        secrets: Mapping[str, str | None] | None = None,
        check: Callable[[Tenant], None] = lambda _: None,
    ) -> Tenant:
        """Change some settings, flows, times, limits or secrets of a tenant; None as a value removes one.

        All of it changes in one transaction: no worker sees the password of one user with the name of another. The
        current run is not affected; the next one has the new values. `check` raises an error if the changed tenant must
        not be stored.
        """

        def changed(before: Tenant) -> Tenant:
            kept_flows = _merged(before.flows, flows)
            times = {flow: one for flow, one in before.schedule.items() if flow in kept_flows}
            limits_before = {"concurrency": before.limits.concurrency, "monthly_limit": before.limits.monthly_limit}
            new_limits = limits if limits is not None else {}
            after = tenant_of(
                name,
                settings=_merged(before.settings, settings),
                flows=kept_flows,
                schedule=_merged(times, schedule),
                limits=new_limits if isinstance(new_limits, TenantLimits) else {**limits_before, **new_limits},
                paused=before.paused,
                added_at=before.added_at,
            )
            check(after)
            return after

        return self.registry.change(name, changed, self._secrets_change(name, secrets) if secrets else None)

    def pause(self, name: str) -> Tenant:
        """Start no further flow of a tenant; a running one continues to its end."""
        return self.registry.change(name, lambda tenant: replace(tenant, paused=True))

    def resume(self, name: str) -> Tenant:
        """Start the flows of a tenant again, at their next times."""
        return self.registry.change(name, lambda tenant: replace(tenant, paused=False))

    def remove(self, name: str) -> Tenant:
        """Remove a tenant with its secrets and links, and return it.

        Its runs stay, and so does the state of its company: the outbox proves what was posted.
        """
        tenant = self.tenant(name)
        self.registry.remove(name)
        self.queue.clear_unanswered(name)
        return tenant

    # --- secrets

    def set_secrets(self, name: str, secrets: Mapping[str, str | None]) -> None:
        """Seal secrets of a tenant, in place of those of the same names; None as a value removes one."""
        self._set_secrets(name, secrets)

    def set_credentials(self, name: str, *, company_id: str, user_id: str, user_password: str) -> None:
        """Set the company, the user and the password together. SettingsError if another tenant has the company."""
        settings = {"company_id": company_id, "user_id": user_id}
        self.change(name, settings=settings, secrets={"user_password": user_password})

    def share_secrets(self, secrets: Mapping[str, str | None]) -> None:
        """Seal secrets for all tenants, such as the sender's password; a tenant's own secret takes precedence."""
        self._set_secrets(SHARED, secrets)

    def secret_names(self, name: str) -> tuple[str, ...]:
        """The names of a tenant's own secrets."""
        return tuple(self.registry.secret_names([self.tenant(name).name])[name])

    def shared_secret_names(self) -> tuple[str, ...]:
        """The names of the secrets that all tenants share."""
        return tuple(self.registry.secret_names([SHARED])[SHARED])

    def _set_secrets(self, owner: str, changes: Mapping[str, str | None]) -> None:
        self.registry.change_secrets(owner, self._secrets_change(owner, changes))

    def _secrets_change(self, owner: str, changes: Mapping[str, str | None]) -> SecretsChange:
        """SettingsError if these secrets cannot be sealed for an owner: a name, a value, or no key."""
        put = {name: value for name, value in changes.items() if value is not None}
        for name, value in put.items():
            check_secret(owner_name(owner), name, value)

        def sealed(before: SealedSecrets | None) -> SealedSecrets:
            return self._sealed(owner, put, before.key if before is not None else None)

        return SecretsChange(self.keys.first.id, sealed, tuple(name for name in changes if name not in put))

    def _sealed(self, owner: str, values: Mapping[str, str], sealed_key: SealedKey | None = None) -> SealedSecrets:
        if sealed_key is None:
            key, sealed_key = self.keys.new_data_key(owner)
        else:
            key = self.keys.opened_key(sealed_key, owner)
        return SealedSecrets(owner, sealed_key, {name: seal(key, owner, name, text) for name, text in values.items()})

    def _with_secrets(self, name: str) -> tuple[Tenant, dict[str, str]]:
        """A tenant and the secrets that it uses: its own, and those that all share."""
        tenant, sealed_by_owner = self.registry.with_secrets(name)
        return tenant, self._opened(sealed_by_owner.get(SHARED)) | self._opened(sealed_by_owner.get(name))

    def _opened(self, sealed_secrets: SealedSecrets | None) -> dict[str, str]:
        if sealed_secrets is None or not sealed_secrets.values:
            return {}
        key = self.keys.opened_key(sealed_secrets.key, sealed_secrets.owner)
        return {name: unseal(key, sealed_secrets.owner, name, sealed) for name, sealed in sealed_secrets.values.items()}

    def rotate(self, *, give_up_lost: bool = False, batch: int = _AT_ONCE) -> Rotation:
        """Seal everything with the first key, in batches; run it again after an interruption.

        SettingsError if a key that is still in use is not given, before anything is changed. With `give_up_lost`,
        the secrets that such a key sealed are removed instead.
        """
        keys = self.keys
        needed = self.registry.key_ids()
        key_ids = {key.id for key in keys.keys}
        lost = [key_id for key_id in needed if key_id not in key_ids]
        if lost and not give_up_lost:
            raise SettingsError(
                f"{listed([f'the key {key_id}, which seals the secrets of {needed[key_id]:,}' for key_id in lost])},"
                " is not given",
                fix="Give the new key first and the earlier keys behind it, with commas between them.",
            )
        given_up: list[str] = []

        def resealed(owner: str, sealed: SealedKey) -> SealedKey | None:
            if give_up_lost and sealed.key_id not in key_ids:
                given_up.append(owner_name(owner))
                return None
            return keys.sealed_key(keys.opened_key(sealed, owner), owner)

        self.registry.take_key(keys.first.id)
        done, dropped = 0, False
        while not dropped:
            while count := self.registry.reseal(keys.first.id, resealed, batch):
                done += count
            dropped = self.registry.drop_keys(keys.first.id)
        return Rotation(keys.first.id, done - len(given_up), tuple(given_up))

    # --- connections and flows

    def schema(self, tenant: Tenant) -> str:
        """The schema of a tenant's company in the fleet's database; a single connection would use the same one."""
        return schema_name(tenant.company)

    def connection(
        self, name: str, *, settings: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None
    ) -> Connection:
        """The connection of a tenant with its secrets, and with its outbox in the fleet's database.

        SettingsError if a setting is missing. The connection shows its secrets in no repr. `settings` and `secrets`
        are tried in place of those that are kept, and are not kept themselves.
        """
        tenant, stored = self._with_secrets(name)
        tried = replace(tenant, settings={**tenant.settings, **(settings or {})})
        return self._connection(tried, {**stored, **(secrets or {})})

    def connection_and_flow(
        self, tenant: Tenant, sealed: Mapping[str, SealedSecrets], flow: str
    ) -> tuple[Connection, Flow]:
        """What a run of a flow needs, from a tenant and its secrets as `registry.with_secrets` gives them.

        The flow has secrets in place of its references. It must not be printed.
        """
        secrets = self._opened(sealed.get(SHARED)) | self._opened(sealed.get(tenant.name))
        return self._connection(tenant, secrets), _filled_flow(tenant, secrets, flow)

    def _connection(self, tenant: Tenant, secrets: Mapping[str, str]) -> Connection:
        if missing := tenant.missing(secrets):
            raise SettingsError(
                f"tenant {tenant.name!r}: {listed(missing)} {'is' if len(missing) == 1 else 'are'} not set",
                fix=f"Enter it with `intacct fleet change {tenant.name} --secrets-from FILE`, or send the company's"
                f" administrator a link: intacct fleet link {tenant.name}",
            )
        settings: dict[str, Any] = {setting: value for setting, value in secrets.items() if setting in SETTINGS} | {
            setting: tuple(value) if isinstance(value, list) else value for setting, value in tenant.settings.items()
        }
        named = replace(tenant, settings=settings)
        return Connection(
            name=tenant.name,
            outbox=in_schema(self.registry.place.uri, self.schema(named)),
            concurrency=tenant.limits.concurrency,
            monthly_limit=tenant.limits.monthly_limit,
            origins=dict.fromkeys(settings, "the fleet"),
            **settings,
        )

    def client(self, name: str, *, max_transactions: int | None = None) -> "BridgeClient":
        """A client for a tenant, whose writes go through the tenant's outbox and whose run is in its history."""
        from intacct_bridge.library import client_of

        connection = self.connection(name)
        return client_of(connection, max_transactions=max_transactions, history=self.history_place(connection))

    def history_place(self, connection: Connection) -> PostgresPlace:
        """The place of the run history of a tenant's connection."""
        return postgres_place(connection.outbox, SCHEMA)

    def flow(self, name: str, flow: str) -> Flow:
        """A flow of a tenant with its secrets in place of the references. It must not be printed."""
        return _filled_flow(*self._with_secrets(name), flow)

    # --- runs, status, usage

    def end_run(self, run: TenantRun, end: RunEnding, *, hide: Iterable[str] = ()) -> bool:
        """Keep how a run ended; False if its worker has it no longer.

        The tenant's secrets are masked in its detail, and those in `hide`, such as a password that was changed
        meanwhile; if the secrets cannot be opened, the detail is left out.
        """
        if end.detail:
            end = replace(end, detail=self._masked(run.tenant, end.detail, hide)[:_LONGEST_DETAIL])
        return self.queue.end(run, end)

    def _masked(self, name: str, text: str, hide: Iterable[str]) -> str:
        try:
            values = (*self._with_secrets(name)[1].values(), *hide)
        except SettingsError:
            return "(not kept, since the tenant's secrets could not be opened to mask them)"
        hidden = {part for value in values for part in (value, *uri_secrets(value))}
        return without_secrets(text, hidden | set(uri_secrets(self.registry.place.uri)))

    def status(self, *, like: str = "") -> Iterator[TenantStatus]:
        """The status of each tenant by name, read in pages."""
        now = self.registry.now()
        shared = self.registry.secret_names([SHARED])[SHARED]
        for chunk in batched(self.tenants(like=like), _AT_ONCE):
            yield from tenant_statuses(self.registry, self.queue, chunk, shared, now)

    def status_page(self, after: str = "", *, like: str = "", limit: int = _AT_ONCE) -> list[TenantStatus]:
        """The status of the tenants behind a name in the order of names, at most `limit`."""
        shared = self.registry.secret_names([SHARED])[SHARED]
        tenants = self.registry.page(after, like=like, limit=limit)
        return tenant_statuses(self.registry, self.queue, tenants, shared, self.registry.now())

    def status_of(self, name: str) -> TenantStatus:
        """The status of one tenant."""
        shared = self.registry.secret_names([SHARED])[SHARED]
        return tenant_statuses(self.registry, self.queue, [self.tenant(name)], shared, self.registry.now())[0]

    def usage(self, month: str = "", *, like: str = "") -> dict[str, int]:
        """The API transactions of each tenant's company in a month such as `2026-11`, by all machines.

        The default is this month, in UTC. The counts are those with which the monthly limits are kept.
        """
        month_text = month or f"{self.registry.now():%Y-%m}"
        try:
            datetime.strptime(month_text, "%Y-%m").replace(tzinfo=UTC)
        except ValueError:
            raise SettingsError(f"{month_text!r} is not a month", fix="Write it as 2026-11.", setting="month") from None
        schemas = {tenant.name: self.schema(tenant) if tenant.company else "" for tenant in self.tenants(like=like)}
        spent = self.registry.spent([one for one in schemas.values() if one], month_text)
        return {name: spent.get(schema, 0) for name, schema in schemas.items()}

    def requests_now(self, name: str) -> int:
        """How many requests of a tenant's company hold a slot now: those under way, from all machines, and those of
        processes that died until they must be over. Each is in the count of `usage` already.
        """
        tenant = self.tenant(name)
        return self.registry.slots_taken(self.schema(tenant)) if tenant.company else 0

    # --- links

    def link(self, name: str, *, hours: float = LINK_HOURS) -> str:
        """A token with which the tenant's administrator may enter credentials once, within a number of hours.

        Only its hash is kept, so it cannot be shown again.
        """
        if not 0 < hours <= 24 * 90:
            raise SettingsError(f"a link cannot last {hours:g} hours", fix="Give up to 2160 hours.", setting="hours")
        token = random_tokens.token_urlsafe(32)
        self.registry.add_link(_hash(token), name, timedelta(hours=hours))
        return token

    def end_links(self, name: str) -> int:
        """End every link of a tenant, and the sessions that links began; how many links were open."""
        return self.registry.end_links(self.tenant(name).name)

    def use_link(self, token: str) -> None:
        """Use a link up. RefusedError if it was used, or has expired since."""
        if not self.registry.use_link(_hash(token)):
            raise _refused_link()


def _filled_flow(tenant: Tenant, secrets: Mapping[str, str], flow: str) -> Flow:
    tenant_flow = tenant.flow(flow)
    for reference in tenant.secrets_of(flow):
        if reference not in secrets:
            raise SettingsError(
                f"tenant {tenant.name!r}, flow {flow}: the secret {reference!r} is not set",
                fix=f"Seal it: intacct fleet change {tenant.name} --secrets-from FILE",
            )
    return replace(tenant_flow, options=with_secrets(tenant_flow, secrets))


def link_path(token: str) -> str:
    """The path of a link on the fleet's site."""
    return f"/connect/link/{token}"


def _refused_link() -> RefusedError:
    return RefusedError("This link is no longer valid.", fix="Ask for a new one.")


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _merged(before: Mapping[str, Any], changes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in {**before, **(changes or {})}.items() if value is not None}
