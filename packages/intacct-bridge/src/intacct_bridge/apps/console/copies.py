"""Copies as the pages of reports use them: the one that the address names, and questions to it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from shlex import join
from typing import Any

from intacct_bridge.apps.web.pages import NotAllowedError, PageRequest
from intacct_bridge.operations.copies import WrittenCopy, parse_uri, written_copies, written_copy
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.uri_text import redacted
from intacct_protocol.model.wording import currency_decimals

Ask = Callable[[str], list[dict[str, Any]]]


def chosen_copy(request: PageRequest) -> WrittenCopy | None:
    """The copy that the address names, else the latest one with a complete extract; None if there is no copy.

    In team mode only administrators can name one that is not in the history, since it is a file of the machine.
    """
    uri = request.query.get("copy", "").strip()
    if not uri:
        written = written_copies()
        return next((one for one in written if one.extracted is not None), written[0] if written else None)
    at = parse_uri(uri)
    check_known(request, uri)
    if at.scheme == "postgresql" and redacted(uri) != uri and ":" in uri.partition("://")[2].rpartition("@")[0]:
        raise SettingsError("An address must hold no password.", fix="Set PGPASSWORD where the console starts.")
    return written_copy(uri)


def check_known(request: PageRequest, uri: str) -> None:
    """Refuse a copy that is not in the history of runs to those who may not change connections."""
    if not request.may_configure and uri not in {one.uri for one in written_copies()}:
        raise NotAllowedError(
            f"{redacted(uri)} is no copy in the history of runs.",
            fix="Choose one of the list, or ask an administrator of this console to extract to it once.",
        )


@contextmanager
def asking(uri: str, *statements: str) -> Iterator[Ask]:
    """A copy that answers SELECTs with rows; they may name the views and tables that these statements name.

    Rows of a file of DuckDB are remembered until the file changes.
    """

    from intacct_bridge.operations.copies import open_copy

    stamp = _stamp(uri)
    with ExitStack() as opened:
        already = _opened.get()
        reader = [already.ask] if already is not None and (already.uri, already.stamp) == (uri, stamp) else []

        def ask(sql: str) -> list[dict[str, Any]]:
            rows = _answers.get((uri, stamp, sql)) if stamp else None
            if rows is None:
                if not reader:
                    reader.append(opened.enter_context(open_copy(uri).answering(*statements)))
                rows = [_money_row(row) for row in reader[0](sql).to_pylist()]
                _answers[uri, stamp, sql] = rows
                for old in list(_answers)[:-_ANSWERS]:
                    _answers.pop(old, None)
            return [dict(row) for row in rows]

        yield ask


@dataclass(frozen=True, slots=True)
class _OpenedCopy:
    """A copy that is open for all that is asked of it meanwhile."""

    uri: str
    stamp: str
    ask: Callable[[str], Any]


_opened: ContextVar[_OpenedCopy | None] = ContextVar("_opened", default=None)


@contextmanager
def opened_once(uri: str, views: Sequence[str]) -> Iterator[None]:
    """Open a copy once for every `asking` inside that names these views of `reporting` only."""
    from intacct_bridge.operations.copies import open_copy

    stamp = _stamp(uri)
    with open_copy(uri).answering(*(f"SELECT 1 FROM reporting.{one}" for one in views)) as ask:
        before = _opened.set(_OpenedCopy(uri, stamp, ask))
        try:
            yield
        finally:
            _opened.reset(before)


def load_sql_parser() -> None:
    """Load the parser of SQL, so that the first report does not wait for it."""
    with suppress(ImportError):  # a report says what is missing
        import sqlglot

        sqlglot.parse_one("SELECT 1", dialect="duckdb").sql(dialect="duckdb")


def columns_of(uri: str) -> dict[str, list[str]]:
    """The columns of each table of a copy."""
    from intacct_bridge.operations.copies import open_copy

    stamp = _stamp(uri)
    if stamp and (uri, stamp) in _columns:
        return _columns[uri, stamp]
    with open_copy(uri).open() as opened:
        columns = {name: list(table.column_names) for name, table in opened.tables.items()}
    _columns.clear()
    _columns[uri, stamp] = columns
    return columns


_columns: dict[tuple[str, str], dict[str, list[str]]] = {}
_ANSWERS = 50
_answers: dict[tuple[str, str, str], list[dict[str, Any]]] = {}


def _stamp(uri: str) -> str:
    """What changes with a file of DuckDB; empty for other copies, whose rows are not remembered."""
    at = parse_uri(uri)
    if at.scheme != "duckdb":
        return ""
    statuses = [path.stat() for path in (Path(at.path), Path(f"{at.path}.wal")) if path.exists()]
    return f"{Path.cwd()} {[(one.st_ino, one.st_mtime_ns, one.st_size) for one in statuses]}" if statuses else ""


def _money_row(row: dict[str, Any]) -> dict[str, Any]:
    """Amounts with the decimals of their currency, if they have no more."""
    base = currency_decimals(str(row.get("base_currency") or row.get("currency") or ""))
    currency_places = currency_decimals(str(row.get("currency") or row.get("base_currency") or ""))
    theirs = ("transaction_amount", "entered", "open_amount")
    return {
        name: _fitted(value, currency_places if name in theirs else base) if isinstance(value, Decimal) else value
        for name, value in row.items()
    }


def _fitted(value: Decimal, decimals: int) -> Decimal:
    rounded = round(value, decimals)
    return rounded if rounded == value else value.normalize()


def sql_command(uri: str, sql: str) -> str:
    """The command that gives the same rows."""
    return join(["intacct", "sql", sql, "--copy", uri])


def by_currency(rows: Sequence[Mapping[str, Any]], name: str = "base_currency") -> dict[str, list[Mapping[str, Any]]]:
    """Rows by their base currency, or another one, since amounts of several are never added."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(str(row[name]), []).append(row)
    return groups


def total(rows: Sequence[Mapping[str, Any]], *names: str) -> dict[str, Decimal]:
    """The sums of some columns."""
    return {name: sum((row[name] for row in rows if row[name] is not None), Decimal(0)) for name in names}
