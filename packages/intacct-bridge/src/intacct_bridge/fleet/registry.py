"""The tables of a fleet: tenants, sealed secrets, and links for administrators.

Lists are read in pages by name, and what belongs to a page of tenants is read with one query for all of them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from intacct_bridge.fleet.fleet_tables import FleetTables, time_of, time_text
from intacct_bridge.fleet.sealing import SealedKey
from intacct_bridge.fleet.tenant import Tenant, decoded, encoded
from intacct_bridge.shared_state.database import Row, TableSet
from intacct_bridge.shared_state.governor import slots_taken, spent_by_schema
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_bridge.shared_state.postgres import PostgresDatabase
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean

PAGE = 500
"""Tenants that are read at once."""
SHARED = ""
"""The owner of the secrets that all tenants share."""
_TABLES = TableSet(
    "fleet",
    "the fleet",
    lambda: (
        """
CREATE TABLE tenant (name TEXT PRIMARY KEY, company TEXT UNIQUE, paused INTEGER NOT NULL, added_at TEXT NOT NULL,
    changed_at TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE fleet_key (key_id TEXT PRIMARY KEY, added_at TEXT NOT NULL);
CREATE TABLE data_key (owner TEXT PRIMARY KEY, key_id TEXT NOT NULL, sealed BLOB NOT NULL);
CREATE INDEX data_key_by_key ON data_key (key_id, owner);
CREATE TABLE secret (owner TEXT NOT NULL, name TEXT NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (owner, name));
CREATE TABLE link (token_hash TEXT PRIMARY KEY, tenant TEXT NOT NULL, made_at TEXT NOT NULL, expires_at TEXT NOT NULL,
    used_at TEXT);
CREATE INDEX link_by_tenant ON link (tenant);
"""
    ),
)
_ADD = "INSERT INTO tenant (name, company, paused, added_at, changed_at, body) VALUES (?, ?, ?, ?, ?, ?)"
_CHANGE = "UPDATE tenant SET company = ?, paused = ?, changed_at = ?, body = ? WHERE name = ?"
_TENANT = "SELECT name, paused, added_at, body FROM tenant"
_WITH_SECRETS = """
SELECT tenant.name, tenant.paused, tenant.added_at, tenant.body, data_key.owner, data_key.key_id, data_key.sealed,
    secret.name, secret.sealed
FROM tenant LEFT JOIN data_key ON data_key.owner IN (tenant.name, ?) LEFT JOIN secret ON secret.owner = data_key.owner
WHERE tenant.name = ?
"""
_PUT_KEY = """
INSERT INTO data_key (owner, key_id, sealed) VALUES (?, ?, ?)
ON CONFLICT (owner) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed
"""
_PUT_SEALED = """
INSERT INTO secret (owner, name, sealed) VALUES (?, ?, ?)
ON CONFLICT (owner, name) DO UPDATE SET sealed = excluded.sealed
"""


class UnknownTenantError(SettingsError):
    """The fleet has no tenant of that name."""


class CompanyTakenError(SettingsError):
    """A company belongs to another tenant already. The message does not name that tenant; `fix` does."""


@dataclass(frozen=True, slots=True)
class SealedSecrets:
    """The secrets of one owner as the database has them."""

    owner: str
    key: SealedKey
    values: dict[str, bytes]
    """Each secret by its name, sealed."""


@dataclass(frozen=True, slots=True)
class SecretsChange:
    """A change of the secrets of one owner."""

    key_id: str
    """The fleet's key that seals."""
    sealed: Callable[[SealedSecrets | None], SealedSecrets]
    """What to put: sealed with the data key that the owner has, or with a new one."""
    removed: tuple[str, ...]


class Registry(FleetTables):
    """The open tables of a fleet, for several threads."""

    def __init__(self, place: PostgresPlace) -> None:
        """Open them, or make them. UnreachableError or SettingsError if the database cannot be used."""
        super().__init__(place, _TABLES, pooled=True)

    # --- tenants

    def add(self, new: Sequence[tuple[Tenant, SealedSecrets | None]], key_id: str) -> None:
        """Add tenants with their secrets, all or none. SettingsError if a name or a company is taken."""
        with self._db.transaction():
            now = time_text(self._db.clock())
            self._refuse_taken([tenant for tenant, _ in new])
            if any(secrets is not None for _, secrets in new):
                self._use_key(key_id, now)
            self._db.executemany(
                _ADD,
                [(one.name, one.company or None, int(one.paused), now, now, encoded(one)) for one, _ in new],
            )
            for _, secrets in new:
                if secrets is not None:
                    self._put(secrets)

    def find(self, name: str) -> Tenant:
        """A tenant; SettingsError suggests the nearest names for an unknown one."""
        rows = self._db.read(f"{_TENANT} WHERE name = ?", (name,))
        if rows:
            return _tenant(rows[0])
        names = [str(row[0]) for row in self._db.read("SELECT name FROM tenant ORDER BY name")]
        raise UnknownTenantError(
            f"the fleet has no tenant {name!r}{did_you_mean(name, names)}", fix="List them: intacct fleet list"
        )

    def page(self, after: str = "", *, like: str = "", limit: int = PAGE) -> list[Tenant]:
        """The tenants behind a name in the order of names, at most `limit`; `like` is a part of the name."""
        values = (after, f"%{_escaped(like)}%", limit)
        rows = self._db.read(f"{_TENANT} WHERE name > ? AND name LIKE ? ORDER BY name LIMIT ?", values)
        return [_tenant(row) for row in rows]

    def tenants(self, *, like: str = "") -> Iterator[Tenant]:
        """All tenants in the order of names, read in pages."""
        after = ""
        while page := self.page(after, like=like):
            yield from page
            after = page[-1].name

    def changed(self, since: datetime | None) -> Iterator[list[Tenant]]:
        """The tenants that were added or changed since a time, or all of them, in pages by name."""
        after, least = "", time_text(since) if since is not None else ""
        sql = f"{_TENANT} WHERE name > ? AND changed_at >= ? ORDER BY name LIMIT ?"
        while rows := self._db.read(sql, (after, least, PAGE)):
            yield (tenants := [_tenant(row) for row in rows])
            after = tenants[-1].name

    def count(self) -> int:
        """The number of tenants."""
        return int(self._db.read("SELECT count(*) FROM tenant")[0][0])

    def change(self, name: str, changed: Callable[[Tenant], Tenant], secrets: "SecretsChange | None" = None) -> Tenant:
        """Replace a tenant by what a function makes of it, and change its secrets; no other change comes between."""
        with self._db.transaction():
            before = self.find(name)
            after = changed(before)
            if after.company != before.company:
                self._refuse_taken([after], but=name)
            now = time_text(self._db.clock())
            self._db.execute(_CHANGE, (after.company or None, int(after.paused), now, encoded(after), name))
            if secrets is not None:
                self._change_secrets(name, secrets)
        return after

    def remove(self, name: str) -> None:
        """Remove a tenant with its secrets and links. SettingsError for an unknown one."""
        with self._db.transaction():
            self.find(name)
            for table, column in (("secret", "owner"), ("data_key", "owner"), ("link", "tenant"), ("tenant", "name")):
                self._db.execute(f"DELETE FROM {table} WHERE {column} = ?", (name,))

    def _refuse_taken(self, tenants: Sequence[Tenant], *, but: str = "") -> None:
        names = [tenant.name for tenant in tenants]
        if not but:
            existing = self._db.read("SELECT name FROM tenant WHERE name = ANY(?) ORDER BY name", (names,))
            if doubled := [*(str(row[0]) for row in existing), *_doubled(names)]:
                raise SettingsError(
                    f"the fleet has a tenant {doubled[0]!r} already", fix="Change that one, or use another name."
                )
        companies = [tenant.company for tenant in tenants if tenant.company]
        rows = self._db.read("SELECT name, company FROM tenant WHERE company = ANY(?) AND name <> ?", (companies, but))
        holders = {str(row[1]): str(row[0]) for row in rows}
        holders |= {tenant.company: tenant.name for tenant in tenants if tenant.company in _doubled(companies)}
        for tenant in tenants:
            if tenant.company in holders:
                raise CompanyTakenError(
                    f"tenant {tenant.name!r}: the company {tenant.settings['company_id']} belongs to another tenant",
                    fix=f"Each company belongs to one tenant only. Add flows to {holders[tenant.company]!r}, each"
                    " with the entity that it works in.",
                )

    # --- secrets

    def key_ids(self) -> dict[str, int]:
        """The fleet's keys in use: how many owners' secrets each seals."""
        rows = self._db.read("SELECT key_id, count(*) FROM data_key GROUP BY key_id ORDER BY key_id")
        return {str(row[0]): int(row[1]) for row in rows}

    def secrets(self, owners: Sequence[str]) -> dict[str, SealedSecrets]:
        """The sealed secrets of these owners that have some."""
        keys = self._db.read("SELECT owner, key_id, sealed FROM data_key WHERE owner = ANY(?)", (list(owners),))
        by_owner = {str(row[0]): SealedSecrets(str(row[0]), SealedKey(row[1], bytes(row[2])), {}) for row in keys}
        for row in self._db.read("SELECT owner, name, sealed FROM secret WHERE owner = ANY(?)", (list(owners),)):
            if row[0] in by_owner:
                by_owner[row[0]].values[str(row[1])] = bytes(row[2])
        return by_owner

    def secret_names(self, owners: Sequence[str]) -> dict[str, list[str]]:
        """The names of the secrets of these owners."""
        rows = self._db.read(
            "SELECT owner, name FROM secret WHERE owner = ANY(?) ORDER BY owner, name", (list(owners),)
        )
        by_owner: dict[str, list[str]] = {owner: [] for owner in owners}
        for row in rows:
            by_owner[str(row[0])].append(str(row[1]))
        return by_owner

    def with_secrets(self, name: str) -> tuple[Tenant, dict[str, SealedSecrets]]:
        """A tenant, with its sealed secrets and those that all share, as they are at one moment."""
        rows = [tuple(row) for row in self._db.read(_WITH_SECRETS, (SHARED, name))]
        if not rows:
            self.find(name)
        by_owner: dict[str, SealedSecrets] = {}
        for owner, key_id, sealed_key, secret, sealed in (row[4:] for row in rows):
            if owner is not None:
                owner_secrets = by_owner.setdefault(
                    owner, SealedSecrets(owner, SealedKey(key_id, bytes(sealed_key)), {})
                )
                owner_secrets.values.update({} if secret is None else {secret: bytes(sealed)})
        return _tenant(rows[0][:4]), by_owner

    def change_secrets(self, owner: str, change: "SecretsChange") -> None:
        """Put and remove secrets of an owner; no other change comes between."""
        with self._db.transaction():
            if owner != SHARED:
                self.find(owner)
            self._change_secrets(owner, change)

    def _change_secrets(self, owner: str, change: "SecretsChange") -> None:
        self._use_key(change.key_id, time_text(self._db.clock()))
        self._put(change.sealed(self.secrets([owner]).get(owner)))
        for name in change.removed:
            self._db.execute("DELETE FROM secret WHERE owner = ? AND name = ?", (owner, name))

    def _put(self, secrets: SealedSecrets) -> None:
        self._db.execute(_PUT_KEY, (secrets.owner, secrets.key.key_id, secrets.key.sealed))
        self._db.executemany(_PUT_SEALED, [(secrets.owner, name, value) for name, value in secrets.values.items()])

    def _use_key(self, key_id: str, now: str) -> None:
        """Refuse a key that the fleet does not have; the first one is taken without a question."""
        fleet_key_ids = [str(row[0]) for row in self._db.read("SELECT key_id FROM fleet_key")]
        if not fleet_key_ids:
            self._db.execute("INSERT INTO fleet_key (key_id, added_at) VALUES (?, ?)", (key_id, now))
        elif key_id not in fleet_key_ids:
            raise SettingsError(
                f"the key {key_id} is not a key of this fleet; its keys are {', '.join(sorted(fleet_key_ids))}",
                fix="Give the fleet's key first. To take a new key into use, run: intacct fleet rotate",
            )

    def take_key(self, key_id: str) -> None:
        """Let a new key seal from now on."""
        with self._db.transaction():
            sql = "INSERT INTO fleet_key (key_id, added_at) VALUES (?, ?) ON CONFLICT (key_id) DO NOTHING"
            self._db.execute(sql, (key_id, time_text(self._db.clock())))

    def reseal(self, key_id: str, resealed: Callable[[str, SealedKey], SealedKey | None], limit: int) -> int:
        """Seal up to `limit` data keys again that another key than this one sealed; how many there were.

        A data key for which the function returns None is removed, with the secrets that it sealed.
        """
        with self._db.transaction():
            sql = "SELECT owner, key_id, sealed FROM data_key WHERE key_id <> ? ORDER BY owner LIMIT ?"
            rows = self._db.read(sql, (key_id, limit))
            for owner, old_id, sealed in (tuple(row) for row in rows):
                new = resealed(owner, SealedKey(old_id, bytes(sealed)))
                if new is not None:
                    self._db.execute(_PUT_KEY, (owner, new.key_id, new.sealed))
                    continue
                self._db.execute("DELETE FROM secret WHERE owner = ?", (owner,))
                self._db.execute("DELETE FROM data_key WHERE owner = ?", (owner,))
        return len(rows)

    def drop_keys(self, key_id: str) -> bool:
        """Forget every key but this one by which nothing is sealed, so that nothing will be; whether all are forgotten.

        A process that has an earlier key first may have sealed something by it until now.
        """
        with self._db.transaction():
            self._db.execute(
                "DELETE FROM fleet_key WHERE key_id <> ? AND key_id NOT IN (SELECT key_id FROM data_key)", (key_id,)
            )
            return not self._db.read("SELECT 1 FROM fleet_key WHERE key_id <> ?", (key_id,))

    # --- usage

    def spent(self, schemas: Sequence[str], month: str) -> dict[str, int]:
        """The API transactions of a month, by the schemas of the companies that have some."""
        db = PostgresDatabase(self.place, _TABLES)  # the statements differ, and the server keeps those of a connection
        try:
            return spent_by_schema(db, schemas, month)
        finally:
            db.close()

    def slots_taken(self, schema: str) -> int:
        """How many requests of the company with this schema hold a slot now."""
        db = PostgresDatabase(self.place, _TABLES)
        try:
            return slots_taken(db, schema)
        finally:
            db.close()

    # --- links

    def add_link(self, token_hash: str, tenant: str, lasting: timedelta) -> datetime:
        """Keep a link for a tenant, and return when it expires. Links that expired long ago are removed."""
        with self._db.transaction():
            self.find(tenant)
            now = self._db.clock()
            self._db.execute("DELETE FROM link WHERE expires_at < ?", (time_text(now - timedelta(days=30)),))
            self._db.execute(
                "INSERT INTO link (token_hash, tenant, made_at, expires_at) VALUES (?, ?, ?, ?)",
                (token_hash, tenant, time_text(now), time_text(now + lasting)),
            )
        return (now + lasting).astimezone(UTC)

    def link(self, token_hash: str) -> tuple[str, datetime, bool] | None:
        """The tenant of a link, when it expires, and whether it was used; None for an unknown one."""
        rows = self._db.read("SELECT tenant, expires_at, used_at FROM link WHERE token_hash = ?", (token_hash,))
        return (str(rows[0][0]), datetime.fromisoformat(rows[0][1]), rows[0][2] is not None) if rows else None

    def use_link(self, token_hash: str) -> bool:
        """Mark a link as used; False if it was used, or has expired."""
        with self._db.transaction():
            now = time_text(self._db.clock())
            sql = "UPDATE link SET used_at = ? WHERE token_hash = ? AND used_at IS NULL AND expires_at > ?"
            return self._db.execute(sql, (now, token_hash, now)).rowcount == 1

    def end_links(self, tenant: str) -> int:
        """End every link of a tenant, and the sessions that links began; how many links were open."""
        with self._db.transaction():
            now = time_text(self._db.clock())
            sql = "SELECT count(*) FROM link WHERE tenant = ? AND used_at IS NULL AND expires_at > ?"
            was_open = int(self._db.read(sql, (tenant, now))[0][0])
            self._db.execute("UPDATE link SET expires_at = ? WHERE tenant = ? AND expires_at > ?", (now, tenant, now))
        return was_open


def _tenant(row: Row) -> Tenant:
    name, paused, added_at, body = tuple(row)
    return decoded(name, body, paused=bool(paused), added_at=time_of(added_at))


def _doubled(names: Iterable[str]) -> list[str]:
    names_before: set[str] = set()
    return [name for name in names if name in names_before or names_before.add(name)]  # type: ignore[func-returns-value]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
