"""The views and functions that we made in a database, kept beside the copy so that they can be made again.

A database refuses to change the type of a column that a view shows. So the statements of our views are stored, and in
the transaction that changes a column all of them are dropped, and created again with the rights that were granted on
them. Nothing else is ever dropped: a view of another person on ours is an error that names it.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from intacct_protocol.errors import SettingsError

STORED_VIEWS = (
    "CREATE TABLE IF NOT EXISTS {ours}.views (place BIGINT, layout VARCHAR, name VARCHAR, kind VARCHAR, "
    "statements VARCHAR)"
)
_DROPPED = {
    ("duckdb", "view"): "VIEW",
    ("duckdb", "function"): "MACRO TABLE",
    ("postgresql", "view"): "VIEW",
    ("postgresql", "function"): "FUNCTION",
}
_THERE = {
    "duckdb": "SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal "
    "UNION SELECT schema_name || '.' || function_name FROM duckdb_functions() WHERE NOT internal",
    "postgresql": "SELECT n.nspname || '.' || c.relname FROM pg_class c "
    "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'v' "
    "UNION SELECT n.nspname || '.' || p.proname FROM pg_proc p "
    "JOIN pg_namespace n ON n.oid = p.pronamespace",
}
"""The names of all views and functions."""
_DEPENDENTS = """
SELECT DISTINCT un.nspname || '.' || uc.relname,
    coalesce(rn.nspname || '.' || rc.relname, pn.nspname || '.' || p.proname)
FROM pg_depend d
JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
JOIN pg_class uc ON uc.oid = r.ev_class JOIN pg_namespace un ON un.oid = uc.relnamespace
LEFT JOIN pg_class rc ON d.refclassid = 'pg_class'::regclass AND rc.oid = d.refobjid
LEFT JOIN pg_namespace rn ON rn.oid = rc.relnamespace
LEFT JOIN pg_proc p ON d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid
LEFT JOIN pg_namespace pn ON pn.oid = p.pronamespace
WHERE coalesce(rc.oid, p.oid) IS NOT NULL AND uc.oid IS DISTINCT FROM rc.oid
"""
"""Views, each with a view or function that it reads."""
_GRANTS = """
WITH given AS (
    SELECT n.nspname AS schema, c.relname AS name, '' AS part, a.grantee, a.privilege_type, a.is_grantable,
        c.relowner AS owner, 'TABLE' AS kind
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a WHERE c.relkind = 'v'
    UNION ALL
    SELECT n.nspname, c.relname, ' (' || quote_ident(t.attname) || ')', a.grantee, a.privilege_type, a.is_grantable,
        c.relowner, 'TABLE'
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute t ON t.attrelid = c.oid AND NOT t.attisdropped, aclexplode(t.attacl) a WHERE c.relkind = 'v'
    UNION ALL
    SELECT n.nspname, p.proname, '', a.grantee, a.privilege_type, a.is_grantable, p.proowner, 'FUNCTION'
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, aclexplode(p.proacl) a
)
SELECT schema || '.' || name, 'GRANT ' || privilege_type || part || ' ON ' || kind || ' ' || quote_ident(schema) || '.'
    || quote_ident(name) || ' TO ' || CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
    || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
FROM given WHERE grantee <> owner
"""
"""Statements that grant again what is granted on views and functions."""
_PRIVATE = (
    "SELECT n.nspname || '.' || p.proname, 'REVOKE EXECUTE ON FUNCTION ' || quote_ident(n.nspname) || '.' "
    "|| quote_ident(p.proname) || ' FROM PUBLIC' FROM pg_proc p "
    "JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.proacl IS NOT NULL "
    "AND NOT EXISTS (SELECT 1 FROM aclexplode(p.proacl) a WHERE a.grantee = 0)"
)
"""Functions that not everybody may call, each with the statement that says so."""
Execute = Callable[..., list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class StoredView:
    """A view or a function that we made."""

    name: str
    """With its schema, quoted."""
    kind: str
    """`view` or `function`."""
    statements: tuple[str, ...]
    """That which creates it, then its comments."""
    layout: str = "reporting"
    """The set of views to which it belongs."""

    @property
    def key(self) -> str:
        """The name without quotation marks."""
        return self.name.replace('"', "")


class StoredViews:
    """Our views in one database. Every method works within the caller's transaction."""

    def __init__(self, execute: Execute, dialect: str, bridge_schema: str) -> None:
        self._execute = execute
        self._dialect = dialect
        self._table = f"{bridge_schema}.views"

    def stored(self) -> list[StoredView]:
        """Our views, each after those that it reads."""
        rows = self._execute(f"SELECT layout, name, kind, statements FROM {self._table} ORDER BY place")
        return [StoredView(name, kind, tuple(json.loads(text)), layout) for layout, name, kind, text in rows]

    def replace(self, layout: str, views: Sequence[StoredView]) -> bool:
        """Make these the views of a layout; False if they were that already."""
        before = self.stored()
        names = self._existing_names()
        if [one for one in before if one.layout == layout] == list(views) and all(one.key in names for one in views):
            return False
        others = [one for one in before if one.layout != layout]
        grants = self._drop([one for one in before if one.layout == layout], "its definition changes")
        self._refuse_taken(views)
        self._execute(f"DELETE FROM {self._table} WHERE layout = ?", [layout])
        start = len(before) + len(others)
        for place, view in enumerate(views, start):
            self._execute(
                f"INSERT INTO {self._table} VALUES (?, ?, ?, ?, ?)",
                [place, layout, view.name, view.kind, json.dumps(view.statements)],
            )
        self._create(views, grants)
        return True

    @contextmanager
    def suspended(self, reason: str) -> Iterator[None]:
        """Drop our views, and create them again after the body has changed a table."""
        views = self.stored()
        grants = self._drop(views, reason)
        yield
        self._create(views, grants)

    def _existing_names(self) -> set[str]:
        return {name for (name,) in self._execute(_THERE[self._dialect])}

    def _refuse_taken(self, views: Sequence[StoredView]) -> None:
        """SettingsError if something that is not ours has the name of one of our views."""
        there = self._existing_names()
        name = next((one.name for one in views if one.key in there), "")
        if name:
            raise SettingsError(
                f"{name} was not made by this program, and one of its views has that name",
                fix=f"rename or drop {name}, and run again",
            )

    def _drop(self, views: Sequence[StoredView], reason: str) -> dict[str, list[str]]:
        """Drop views, the last first; the statements that grant again what was granted on them."""
        if not views:
            return {}
        grants: dict[str, list[str]] = {}
        names = {one.key for one in views}
        if self._dialect == "postgresql":
            self._refuse_dependents(names, reason)
            for name, statement in (*self._execute(_PRIVATE), *self._execute(_GRANTS)):
                grants.setdefault(name, []).append(statement)
        there = self._existing_names()
        for view in reversed(views):
            if view.key in there:
                self._execute(f"DROP {_DROPPED[self._dialect, view.kind]} {view.name}")
        return grants

    def _refuse_dependents(self, names: set[str], reason: str) -> None:
        """SettingsError if another view reads one of these."""
        for theirs, ours in self._execute(_DEPENDENTS):
            if ours in names and theirs not in names:
                raise SettingsError(
                    f"{theirs} reads {ours}, which has to be made again because {reason}",
                    fix=f"drop {theirs}, run again, and create it again",
                )

    def _create(self, views: Sequence[StoredView], grants: dict[str, list[str]]) -> None:
        for view in views:
            for statement in view.statements:
                self._execute(statement)
            for statement in grants.get(view.key, ()):
                self._execute(statement)
