"""A question to a copy that DuckDB reads: a DuckDB file, or a folder of Parquet, CSV or JSON files.

The copy is opened for one question and closed, since an open file would keep the nightly extract out. The connection
reaches no file, no network and no extension, and its settings are locked. A timer interrupts a question that takes too
long; the caller can interrupt it, too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic

from intacct_bridge.copies.live_sql.live_query import close_off, prepare_tables
from intacct_bridge.copies.questions.answer import AnswerColumn, AnswerTable, CopyAnswer, QuestionLimits
from intacct_bridge.copies.questions.checked_select import checked_select, limited
from intacct_bridge.reconcile.copy_reader import CopyReader, open_copy_reader
from intacct_protocol.errors import InvalidRequestError, TransientError
from intacct_protocol.model.wording import counted

_EVERY = 0.1
"""Seconds between two looks at the clock."""


def ask_duckdb(uri: str, sql: str, limits: QuestionLimits, cancelled: Event) -> CopyAnswer:
    """The answer to a SELECT. InvalidRequestError if it is refused, cannot run, or takes too long."""
    import duckdb

    with open_copy_reader(uri) as copy, _watched(copy, limits, cancelled):
        checked = checked_select(sql, copy.tables)
        query = limited(checked.query, limits.rows + 1).sql(dialect="duckdb", comments=False)
        try:
            lacking = prepare_tables(copy, checked.tables, views=checked.views)
            for name in checked.views:
                if name in lacking:
                    raise cannot_run(f"reporting.{name} is not in this copy, since {lacking[name]}")
            copy.execute(f"SET memory_limit = '{limits.memory_mb}MB'; SET max_temp_directory_size = '1GB'")
            close_off(copy)
            columns, rows = copy.first_rows(query, limits.rows + 1)
        except duckdb.InterruptException:
            raise TransientError("the question was cancelled") if cancelled.is_set() else too_long(limits) from None
        except duckdb.Error as error:
            raise cannot_run(str(error)) from None
        objects = checked.objects
        known = {name: as_of(copy, name) for name in copy.tables if name.upper() in objects}
    return CopyAnswer(columns, tuple(rows[: limits.rows]), len(rows) > limits.rows, known)


def as_of(copy: CopyReader, name: str) -> str:
    """The time up to which the copy has every change of an object, in the company's own writing."""
    bookmark = copy.bookmarks.get(name)
    return (bookmark.progress.since or bookmark.progress.refreshed_at) if bookmark is not None else ""


def tables_of_duckdb(uri: str) -> list[AnswerTable]:
    """The tables of a copy with their columns."""
    with open_copy_reader(uri) as copy:
        return [
            AnswerTable(
                name,
                tuple(AnswerColumn(one.name, str(one.type)) for one in table.columns),
                as_of=as_of(copy, name),
            )
            for name, table in copy.tables.items()
        ]


@contextmanager
def _watched(copy: CopyReader, limits: QuestionLimits, cancelled: Event) -> Iterator[None]:
    """Interrupt the copy's queries once their time is over, or once they are cancelled."""
    done, end = Event(), monotonic() + limits.seconds

    def watch() -> None:
        while not done.wait(_EVERY):
            if cancelled.is_set() or monotonic() >= end:
                copy.interrupt()  # again and again: one between two queries would be lost

    watcher = Thread(target=watch, daemon=True, name="question")
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def too_long(limits: QuestionLimits) -> InvalidRequestError:
    """The error for a question that was stopped."""
    return InvalidRequestError(
        f"the question took longer than {counted(int(limits.seconds), 'second')}",
        fix="Ask for fewer rows: add a condition, or group in the statement.",
    )


def cannot_run(message: str) -> InvalidRequestError:
    """The error for a statement that the database refuses; one line, without the statement."""
    reason = message.strip().splitlines()[0] if message.strip() else "no reason given"
    return InvalidRequestError(
        f"the statement cannot run: {reason[:300]}", fix="Describe the tables that it names, and correct it."
    )
