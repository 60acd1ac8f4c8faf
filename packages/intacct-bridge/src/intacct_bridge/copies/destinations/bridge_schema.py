"""What a copy in a database knows about itself: our own tables in the schema `_bridge`, beside those of the streams.

They hold the company, the bookmark of each stream, the runs with their outcomes, and settings of the company. This
module alone knows their columns, and which of the other tables are complete.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from intacct_bridge.copies.destinations.stored_views import STORED_VIEWS
from intacct_bridge.streams.bookmark import Bookmark
from intacct_bridge.streams.stream import StreamOutcome
from intacct_bridge.streams.times import parse_time
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.batched import batched

LOADING = " (loading)"
"""The end of a table's name until its first full refresh has ended."""
DELETED_AT = "_deleted_at"
"""The column that tells a table of a copy from another one."""
_TABLES = (
    "CREATE TABLE IF NOT EXISTS {ours}.copy (company VARCHAR, made TIMESTAMPTZ)",
    "CREATE TABLE IF NOT EXISTS {ours}.bookmarks (stream VARCHAR PRIMARY KEY, bookmark VARCHAR, updated TIMESTAMPTZ)",
    "CREATE TABLE IF NOT EXISTS {ours}.runs (run BIGINT PRIMARY KEY, started TIMESTAMPTZ, finished TIMESTAMPTZ)",
    (
        'CREATE TABLE IF NOT EXISTS {ours}.outcomes (run BIGINT, stream VARCHAR, "rows" BIGINT, deleted BIGINT, '
        'pages BIGINT, transactions BIGINT, seconds DOUBLE PRECISION, "full" BOOLEAN, complete BOOLEAN, '
        "added VARCHAR[], widened VARCHAR[], dropped VARCHAR[], error VARCHAR, fix VARCHAR)"
    ),
    "CREATE TABLE IF NOT EXISTS {ours}.settings (name VARCHAR PRIMARY KEY, value VARCHAR, updated TIMESTAMPTZ)",
    STORED_VIEWS,
)
_OUTCOMES_AT_ONCE = 100
"""Outcomes in one statement; forty in statements of their own took a thirtieth of a second."""
Execute = Callable[..., list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """What a copy knows about itself, wherever it is."""

    company: str = ""
    bookmarks: Mapping[str, Bookmark] = field(default_factory=dict)
    """By stream."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """What the copy keeps about the company, such as its first fiscal month."""
    failures: Mapping[str, StreamOutcome] = field(default_factory=dict)
    """The last outcome of each stream that was not read to its end when it was read last."""


def as_of(bookmark: Bookmark | None) -> datetime | None:
    """The time up to which a copy has every change of a stream; None if it is not known."""
    text = (bookmark.progress.since or bookmark.progress.refreshed_at) if bookmark is not None else ""
    return parse_time(text) if text else None


def failed_streams(rows: Iterable[tuple[str, str, str]]) -> dict[str, StreamOutcome]:
    """The outcomes of streams that failed, from their names, errors and fixes."""
    return {name: StreamOutcome(name, complete=False, error=error, fix=fix) for name, error, fix in rows}


class BridgeSchema:
    """Our own tables in one database. A value is bound for each `?` of the SQL."""

    def __init__(
        self,
        execute: Execute,
        tables: str,
        ours: str,
        *,
        catalog: str = "",
        execute_count: Callable[[str, Sequence[Any]], int] | None = None,
    ) -> None:
        """`tables` is the schema of the streams' tables; `ours` is that of our own, quoted; `catalog` is the name under
        which a file is attached. `execute_count` runs an UPDATE and counts its rows; a reader needs none.
        """
        self._execute = execute
        self._execute_count = execute_count
        self._tables = tables
        self._plain = ours.strip('"')
        self._catalog = catalog
        self.name = f"{catalog}.{ours}" if catalog else ours

    def create(self) -> None:
        """Make the tables, if they are not there."""
        for statement in _TABLES:
            self._execute(statement.format(ours=self.name))

    def _where(self, schema: str) -> tuple[str, list[str]]:
        by_catalog = ("table_schema = ? AND table_catalog = ?", [schema, self._catalog])
        return by_catalog if self._catalog else ("table_schema = ?", [schema])

    def present(self) -> set[str]:
        """Our tables that exist and that this user may see."""
        where, values = self._where(self._plain)
        ask = f"SELECT CAST(table_name AS VARCHAR) FROM information_schema.tables WHERE {where}"
        return {name for (name,) in self._execute(ask, values)}

    def complete_tables(self) -> dict[str, list[str]]:
        """The columns of each table whose first full refresh has ended, with those that a copy adds."""
        where, values = self._where(self._tables)
        ask = (
            "SELECT CAST(table_name AS VARCHAR), CAST(column_name AS VARCHAR) FROM information_schema.columns "
            f"WHERE {where} ORDER BY table_name, ordinal_position"
        )
        columns: dict[str, list[str]] = {}
        for table, column in self._execute(ask, values):
            columns.setdefault(table, []).append(column)
        return {table: names for table, names in columns.items() if DELETED_AT in names and not table.endswith(LOADING)}

    def facts(self) -> CopyFacts:
        """What the copy knows about itself; nothing where a table is not there, or this user may not see it."""
        present = self.present()
        return CopyFacts(
            self.company() if "copy" in present else "",
            self.bookmarks() if "bookmarks" in present else {},
            self.settings() if "settings" in present else {},
            self._failures() if "outcomes" in present else {},
        )

    # --- the company and the runs

    def company(self) -> str:
        """The company; empty before the first run."""
        company = self._execute(f"SELECT CAST(company AS VARCHAR) FROM {self.name}.copy")
        return str(company[0][0]) if company else ""

    def identity(self) -> str:
        """The company, and when the copy was made: what tells two copies apart."""
        ((identity,),) = self._execute(f"SELECT company || ' ' || CAST(made AS VARCHAR) FROM {self.name}.copy")
        return str(identity)

    def begin_run(self, database: str, company: str, started: datetime) -> int:
        """The number of a new run. SettingsError for another company's copy; `database` is named in it."""
        before = self.company()
        if not before:
            self._execute(f"INSERT INTO {self.name}.copy VALUES (?, ?)", [company, started])
        elif before != company:
            raise SettingsError(
                f"{database} holds a copy of company {before}, and this connection is to {company}",
                fix="give each company a copy of its own",
            )
        ((run,),) = self._execute(f"SELECT coalesce(max(run), 0) + 1 FROM {self.name}.runs")
        self._execute(f"INSERT INTO {self.name}.runs VALUES (?, ?, NULL)", [run, started])
        return int(run)

    def runs(self) -> dict[int, str]:
        """When each run began, by its number."""
        return dict(self._execute(f"SELECT run, CAST(started AS VARCHAR) FROM {self.name}.runs"))

    def end_run(self, run: int, at: datetime) -> None:
        """Note the end of a run."""
        self._execute(f"UPDATE {self.name}.runs SET finished = ? WHERE run = ?", [at, run])

    def keep_outcomes(
        self, run: int, outcomes: Sequence[StreamOutcome], array_sql: str, array: Callable[[Iterable[str]], Any]
    ) -> None:
        """Note the outcome of each stream; `array` makes strings a value for the SQL `array_sql`."""
        marks = f"({', '.join(['?'] * 9 + [array_sql] * 3 + ['?'] * 2)})"

        def cells(outcome: StreamOutcome) -> list[Any]:
            counts = [outcome.rows, outcome.deleted, outcome.pages, outcome.transactions, outcome.seconds]
            lists = [array(names) for names in (outcome.added, outcome.widened, outcome.unqueryable)]
            ends = [outcome.full, outcome.complete, *lists, outcome.error, outcome.fix]
            return [run, outcome.name, *counts, *ends]

        for batch in batched(outcomes, _OUTCOMES_AT_ONCE):
            values = [cell for outcome in batch for cell in cells(outcome)]
            self._execute(f"INSERT INTO {self.name}.outcomes VALUES {', '.join([marks] * len(batch))}", values)

    def _failures(self) -> dict[str, StreamOutcome]:
        rows = self._execute(
            "SELECT CAST(o.stream AS VARCHAR), CAST(o.error AS VARCHAR), CAST(o.fix AS VARCHAR) "
            f"FROM {self.name}.outcomes AS o WHERE (o.error <> '' OR NOT o.complete) "
            f"AND o.run = (SELECT max(p.run) FROM {self.name}.outcomes AS p WHERE p.stream = o.stream)"
        )
        return failed_streams((name, error, fix) for name, error, fix in rows)

    # --- bookmarks and settings

    def bookmarks(self) -> dict[str, Bookmark]:
        """The bookmark of every stream that was ever read."""
        ask = f"SELECT CAST(stream AS VARCHAR), CAST(bookmark AS VARCHAR) FROM {self.name}.bookmarks ORDER BY stream"
        return {stream: Bookmark.from_dict(json.loads(text)) for stream, text in self._execute(ask)}

    def keep_bookmark(self, stream: str, bookmark: Bookmark, at: datetime) -> None:
        """Store a bookmark. DuckDB updates a row in half the time of an upsert."""
        assert self._execute_count is not None
        text = json.dumps(bookmark.to_dict())
        update = f"UPDATE {self.name}.bookmarks SET bookmark = ?, updated = ? WHERE stream = ?"
        if not self._execute_count(update, [text, at, stream]):
            self._execute(f"INSERT INTO {self.name}.bookmarks VALUES (?, ?, ?)", [stream, text, at])

    def settings(self) -> dict[str, str]:
        """What the copy keeps about the company."""
        ask = f"SELECT CAST(name AS VARCHAR), CAST(value AS VARCHAR) FROM {self.name}.settings"
        return dict(self._execute(ask))

    def keep_setting(self, name: str, value: str, at: datetime) -> None:
        """Keep a value about the company."""
        self._execute(
            f"INSERT INTO {self.name}.settings VALUES (?, ?, ?) ON CONFLICT (name) "
            "DO UPDATE SET value = excluded.value, updated = excluded.updated",
            [name, value, at],
        )
