"""A copy: its tables as they are now, what it knows about its company, and answers in SQL.

    copy = open_copy("duckdb:///books.duckdb")
    copy.table("APBILL")
    copy.sql("SELECT * FROM reporting.trial_balance")
    copy.as_of["APBILL"]

Any destination can be read. A `Copy` keeps nothing open between two calls, since an open file would keep the nightly
extract out. `Copy.open` is for work that asks many times, such as a reconciliation: all of it sees the same state.

Tables of a DuckDB file are queried in place. Those of other destinations are loaded into a temporary database when they
are first asked for. A table whose first full refresh has not ended is left out, and so are deleted rows.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import TYPE_CHECKING, Any

from intacct_bridge.copies.destinations.bridge_schema import CopyFacts, as_of
from intacct_bridge.copies.destinations.contents import BATCH, CopyContents, CopyTable
from intacct_bridge.copies.destinations.open import destination_kind
from intacct_bridge.copies.destinations.uri import parse_uri
from intacct_bridge.copies.questions.answer import (
    AnswerColumn,
    AnswerTable,
    CopyAnswer,
    QuestionLimits,
    cannot_run,
    not_answered,
    reporting_tables,
)
from intacct_bridge.machine.bounded_process import ChildEndedError, ProcessLimits, run_bounded
from intacct_protocol.errors import InvalidRequestError, SettingsError
from intacct_protocol.model.nesting import refusing_depth
from intacct_protocol.model.sql_text import literal, quoted
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.model.uri_text import redacted

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from sqlglot import exp

_CLOSED = "SET enable_external_access = false; SET lock_configuration = true"
_HELD = ("locations", "entities", "accounts", "statement_sections", "trial_balance")
"""Views that several statements of one opening would compute again each; their rows are few."""
_WHERE_TO_LOOK = "see the views with `intacct views list`, and the columns of an object with `intacct describe OBJECT`"
_BESIDE_ENGINE_MB = 512
"""Memory of a question beside that which DuckDB counts: the program, the plan of the statement and the answer."""


def open_copy(uri: str) -> "Copy":
    """The copy at a destination's address. SettingsError if there is none."""
    copy = Copy(uri)
    copy.check()
    return copy


class Copy:
    """One company's copy at a destination."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._at = parse_uri(uri)

    def __repr__(self) -> str:
        return f"<Copy {redacted(self.uri)}>"

    def check(self) -> None:
        """SettingsError if there is no copy at the address; a server is not asked."""
        at = self._at
        if at.scheme == "duckdb" and not Path(at.path).is_file():
            fix = f"create it with: intacct extract --to duckdb:///{at.path}"
            raise SettingsError(f"there is no file {at.path}", fix=fix)
        if at.scheme == "singer":
            raise SettingsError(f"{redacted(self.uri)} is not a copy", fix="name a destination, such as duckdb:///FILE")

    @contextmanager
    def open(self) -> "Iterator[OpenCopy]":
        """The copy, open for many questions. SettingsError if it has no complete table."""
        import duckdb

        self.check()
        folder = TemporaryDirectory(prefix="intacct-copy-")
        with folder as temporary, duckdb.connect() as con:
            con.execute(f"SET TimeZone = 'UTC'; SET temp_directory = {literal(temporary)}")
            with destination_kind(self._at.scheme).read(self._at.path, con) as contents:
                yield self._opened(con, contents)

    def _opened(self, con: "duckdb.DuckDBPyConnection", contents: CopyContents) -> "OpenCopy":
        if not contents.tables:
            address = redacted(self.uri)
            raise SettingsError(
                f"{address} holds no complete table", fix=f"extract first: intacct extract --to {address}"
            )
        tables = sorted(contents.tables, key=lambda table: table.name)
        return OpenCopy(con, tables, contents.facts, in_place=self._at.scheme == "duckdb")

    # --- what it knows

    @property
    def facts(self) -> CopyFacts:
        """What the runs of the copy noted: the company, bookmarks, settings, and streams that failed."""
        with self.open() as copy:
            return copy.facts

    @property
    def company(self) -> str:
        """The company; empty if the copy's runs did not note it."""
        return self.facts.company

    @property
    def as_of(self) -> dict[str, datetime | None]:
        """By table: the copy has every change up to this time; None if it is not known."""
        with self.open() as copy:
            return {name: copy.as_of(name) for name in copy.tables}

    @property
    def tables(self) -> dict[str, "pa.Schema"]:
        """The columns of each complete table, without those that a copy adds."""
        with self.open() as copy:
            return {name: table.columns for name, table in copy.tables.items()}

    @property
    def views(self) -> tuple[AnswerTable, ...]:
        """The views and functions of `reporting` that can be asked, with their columns."""
        from intacct_bridge.copies.views.open_views import views_lacking

        with self.open() as copy:
            lacking = views_lacking(copy)
        return tuple(view for view in reporting_tables() if view.name.partition(".")[2] not in lacking)

    # --- rows

    def table(self, name: str) -> "pa.Table":
        """The live rows of a table as Arrow. SettingsError if the copy has no such table."""
        import pyarrow as pa

        with self.open() as copy:
            table = copy.find(name)
            return pa.Table.from_batches(table.batches(), table.columns)

    def sql(self, statement: str) -> "pa.Table":
        """The result of one SELECT over the tables, without deleted rows, and the views of `reporting`.

        InvalidRequestError for another statement, and for one that cannot run.
        """
        with self.answering(statement) as ask:
            return ask(statement)

    @contextmanager
    def answering(self, *statements: str) -> "Iterator[Callable[[str], pa.Table]]":
        """The copy, open for several SELECTs; they may name what these statements name.

        Small views that several of the statements read are computed once, when the copy is opened.
        """
        from intacct_bridge.copies.live_sql.statement import named_views, parsed, table_names

        names = {name.upper() for sql in statements for name in table_names(parsed(sql))}
        text = " ".join([*statements, *names]).lower()  # a quoted name is among the names
        with self.open() as copy:
            named = [name for name in copy.tables if name.upper() in names]
            held = _HELD if len(statements) > 1 else ()
            lacking = copy.show(named, views=named_views(text), held=held)
            copy.close_off()
            yield lambda sql: _answer(copy, sql, lacking)

    # --- questions of a caller that is not trusted

    def ask(self, sql: str, limits: QuestionLimits | None = None, cancelled: Event | None = None) -> CopyAnswer:
        """The answer to one SELECT of a caller that is not trusted, such as an agent.

        It is checked and answered in a child process within the limits, and reaches no file, no network and no
        extension. In PostgreSQL it runs in a transaction that only reads, by a role that only reads.
        InvalidRequestError if it is refused, cannot run, or takes too much; TransientError once it is cancelled;
        SettingsError for a role that may do more than read.
        """
        limits = limits or QuestionLimits()
        bounds = ProcessLimits(limits.seconds, limits.memory_mb + _BESIDE_ENGINE_MB)
        try:
            return run_bounded(answer_here, self.uri, sql, limits, limits=bounds, cancelled=cancelled)
        except ChildEndedError as error:
            raise not_answered(error.why, limits) from None

    def described(self, limits: QuestionLimits | None = None) -> list[AnswerTable]:
        """The tables with their columns, as `ask` knows them."""
        if self._at.scheme == "postgresql":
            from intacct_bridge.copies.questions.in_postgres import tables_of_postgres

            return tables_of_postgres(self.uri, limits or QuestionLimits())
        with self.open() as copy:
            return [
                AnswerTable(
                    name,
                    tuple(AnswerColumn(column.name, str(column.type)) for column in table.columns),
                    as_of=copy.as_of(name),
                )
                for name, table in copy.tables.items()
            ]


class OpenCopy:
    """A copy that is open: its tables as SQL for DuckDB, and what its runs noted."""

    def __init__(
        self,
        con: "duckdb.DuckDBPyConnection",
        tables: Sequence[CopyTable],
        facts: CopyFacts,
        *,
        in_place: bool,
    ) -> None:
        self.facts = facts
        self.company = facts.company
        self.bookmarks = facts.bookmarks
        self.settings = facts.settings
        self.failures = facts.failures
        self.tables = {table.name: table for table in tables}
        self._con = con
        self._in_place = in_place
        self._loaded: set[str] = set()

    def find(self, name: str) -> CopyTable:
        """A table by its name, regardless of case. SettingsError if the copy has none."""
        for table in self.tables.values():
            if table.name.casefold() == name.casefold():
                return table
        near = did_you_mean(name, self.tables)
        raise SettingsError(f"the copy has no table {name}{near}", fix=f"It has: {', '.join(self.tables)}.")

    def as_of(self, name: str) -> datetime | None:
        """The time up to which the copy has every change of a table; None if it is not known."""
        return as_of(self.bookmarks.get(name))

    def require_company(self, company: str) -> None:
        """SettingsError if the copy is another company's, or that of another entity."""
        if self.company and self.company != company:
            raise SettingsError(
                f"the copy is of company {self.company}, and this connection is to {company}",
                fix="name the connection that the copy was extracted with",
            )

    def relation(self, name: str) -> str:
        """The name, as SQL, of a relation with the rows of a table that are not deleted."""
        table, relation = self.tables[name], quoted(f"live {name}")
        if name in self._loaded:
            return relation
        if self._in_place:
            self._con.execute(f"CREATE TEMP VIEW {relation} AS {table.sql}")
        elif table.sql:  # a table, so that text files are not read again by every query
            self._con.execute(f"CREATE TEMP TABLE {relation} AS {table.sql}")
        else:
            import pyarrow as pa

            with self.registered("_arriving", pa.RecordBatchReader.from_batches(table.columns, table.batches())):
                self._con.execute(f"CREATE TEMP TABLE {relation} AS SELECT * FROM _arriving")
        self._loaded.add(name)
        return relation

    def release(self, name: str) -> None:
        """Free the space of a table that was loaded."""
        if name in self._loaded and not self._in_place:
            self._con.execute(f"DROP TABLE {quoted(f'live {name}')}")
            self._loaded.discard(name)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        rows: list[tuple[Any, ...]] = self._con.execute(sql, list(values)).fetchall()
        return rows

    def batches(self, sql: str) -> "Iterator[pa.RecordBatch]":
        """The rows of a query as Arrow, in batches."""
        yield from self._con.sql(sql).to_arrow_reader(BATCH)

    def arrow(self, sql: str) -> "pa.Table":
        """The rows of a query as Arrow."""
        return self._con.sql(sql).to_arrow_table()

    def execute(self, sql: str) -> None:
        """Run a statement."""
        self._con.execute(sql)

    def first_rows(self, sql: str, count: int) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """The columns of a query, and its first rows; the others are not computed if the query allows that."""
        result = self._con.execute(sql)
        return tuple(column[0] for column in result.description or ()), result.fetchmany(count)

    @contextmanager
    def registered(self, name: str, rows: "pa.Table | pa.RecordBatchReader") -> Iterator[None]:
        """Make rows available to SQL under a name."""
        self._con.register(name, rows)
        try:
            yield
        finally:
            self._con.unregister(name)

    def show(self, names: Iterable[str], *, views: Collection[str], held: Collection[str] = ()) -> dict[str, str]:
        """Put tables, without deleted rows, and views of `reporting` where a statement finds them.

        The views in `held` are computed once, here. Returns why the copy lacks some of the views.
        """
        from intacct_bridge.copies.views.open_views import make_open_views

        self.execute("USE memory")
        for name in names:
            columns = ", ".join(map(quoted, self.tables[name].column_names))
            self.execute(f"CREATE VIEW memory.main.{quoted(name)} AS SELECT {columns} FROM {self.relation(name)}")
        return make_open_views(self, views, held=held) if views else {}

    def close_off(self) -> None:
        """Take away every way out of DuckDB: files, the network, extensions, its settings."""
        self.execute(_CLOSED)


# --- answers


def _answer(copy: OpenCopy, sql: str, lacking: Mapping[str, str]) -> "pa.Table":
    """The result of a SELECT; if it cannot run, the error names a view or a table that the copy lacks, and why."""
    from intacct_bridge.copies.live_sql.statement import arrow_result, parsed

    query = parsed(sql)
    try:
        return arrow_result(copy.arrow, query.sql(dialect="duckdb"), _WHERE_TO_LOOK)
    except InvalidRequestError:
        for name, reason in lacking.items():
            if re.search(rf"reporting\.{name}\b", sql.lower()):
                message = f"reporting.{name} is not in this copy: {reason}"
                raise InvalidRequestError(message, fix="Extract it, too.") from None
        _check_names(parsed(sql), copy)
        raise


def _check_names(query: "exp.Query", copy: OpenCopy) -> None:
    """InvalidRequestError for a view or a table that there is not; functions of DuckDB pass."""
    from sqlglot import exp

    from intacct_bridge.copies.live_sql.statement import REPORTING, base_tables, checked_view, unknown_table

    present = {name.upper() for name in copy.tables}
    for table, _ in base_tables(query):
        if table.db.lower() == REPORTING:
            checked_view(table)
        elif isinstance(table.this, exp.Identifier) and (table.db or table.name.upper() not in present):
            raise unknown_table(table, copy.tables)


def answer_here(uri: str, sql: str, limits: QuestionLimits) -> CopyAnswer:
    """The answer to a question, in the process that may be ended for it."""
    with refusing_depth("the statement", sql, InvalidRequestError):
        if parse_uri(uri).scheme == "postgresql":
            from intacct_bridge.copies.questions.in_postgres import ask_postgres

            return ask_postgres(uri, sql, limits)
        with Copy(uri).open() as copy:
            return _guarded_answer(copy, sql, limits)


def _guarded_answer(copy: OpenCopy, sql: str, limits: QuestionLimits) -> CopyAnswer:
    import duckdb

    from intacct_bridge.copies.questions.checked_select import checked_select, limited

    checked = checked_select(sql, copy.tables)
    query = limited(checked.query, limits.rows + 1).sql(dialect="duckdb", comments=False)
    try:
        lacking = copy.show(checked.tables, views=checked.views)
        for name in checked.views:
            if name in lacking:
                raise cannot_run(f"reporting.{name} is not in this copy, since {lacking[name]}")
        copy.execute(f"SET memory_limit = '{limits.memory_mb}MB'; SET max_temp_directory_size = '1GB'")
        copy.close_off()
        columns, rows = copy.first_rows(query, limits.rows + 1)
    except duckdb.Error as error:
        raise cannot_run(str(error)) from None
    objects = checked.objects
    times = {name: copy.as_of(name) for name in copy.tables if name.upper() in objects}
    return CopyAnswer(columns, tuple(rows[: limits.rows]), len(rows) > limits.rows, times)
