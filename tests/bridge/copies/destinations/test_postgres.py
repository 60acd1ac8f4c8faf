"""A copy in PostgreSQL: names that are too long, two runs at once, and a server that ends the connection."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from threading import Lock
from typing import Any

import pytest

from intacct_bridge.changes.postgres_receiver import PostgresReceiver
from intacct_bridge.copies.destinations import postgres as postgres_module
from intacct_bridge.copies.destinations.base import Destination
from intacct_bridge.copies.destinations.libpq import refusal
from intacct_bridge.copies.destinations.open import copy_states, open_destination
from intacct_bridge.destination_suite import BILLS, NOON, batch, bill
from intacct_bridge.extract.run import Extraction
from intacct_bridge.streams.bookmark import Bookmark
from intacct_bridge.streams.stream import Stream
from intacct_protocol.errors import BusyError, SettingsError, UnreachableError
from intacct_protocol.model.sql_text import quoted
from intacct_protocol.xml.values import Kind
from support.extract.company import TIMETYPE, VENDOR, Company

WALKING = Bookmark().begin("03/01/2026 12:00:00", 1, full=True)


def asked(uri: str, sql: str) -> list[tuple[Any, ...]]:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def database_of(uri: str) -> str:
    return uri.partition("?")[0].rpartition("/")[2]


@pytest.fixture
def destination(postgres: str) -> Iterator[Destination]:
    with closing(open_destination(postgres)) as opened:
        opened.open("demo", NOON)
        yield opened


def kept(destination: Destination, stream: Stream, rows: list[dict[str, Any]], bookmark: Bookmark) -> None:
    writer = destination.writer(stream, destination.bookmarks().get(stream.name, Bookmark()))
    writer.write(batch(stream, rows))
    writer.commit(bookmark, NOON)


def test_question_marks_and_quotes_belong_to_the_name(destination: Destination, postgres: str) -> None:
    stream = replace(BILLS, name='due? "soon"', fields={**BILLS.fields, "really?": Kind.TEXT, "it's?": Kind.TEXT})
    for due in ("1.00", "2.00"):
        kept(destination, stream, [bill(1, due, **{"really?": "yes?", "it's?": "'?'"})], WALKING.end())
    destination.close()
    name = quoted(stream.name)
    assert asked(postgres, f'SELECT "TOTALDUE" = 2, "really?", "it\'s?" FROM {name}') == [(True, "yes?", "'?'")]


def test_two_long_names_stay_different_while_they_are_loaded(destination: Destination, postgres: str) -> None:
    streams = [replace(BILLS, name="report_" + "ü" * 27 + end) for end in "AB"]
    for number, stream in enumerate(streams):
        kept(destination, stream, [bill(number)], WALKING)
    for number, stream in enumerate(streams):
        writer = destination.writer(stream, WALKING)
        assert writer.loading
        writer.write(batch(stream, [bill(number + 10)]))
        writer.commit(WALKING.end(), NOON)
    destination.close()
    for number, stream in enumerate(streams):
        assert asked(postgres, f'SELECT "RECORDNO" FROM "{stream.name}" ORDER BY 1') == [(number,), (number + 10,)]


def test_the_state_of_a_copy_can_be_read_without_a_run(destination: Destination, postgres: str) -> None:
    more = replace(BILLS, name="MORE", fields={**BILLS.fields, "MORE": Kind.TEXT})
    kept(destination, BILLS, [bill(1)], WALKING.end())
    kept(destination, more, [bill(1, MORE="x")], WALKING)
    destination.close()
    told = copy_states(postgres)
    assert {name: one.columns for name, one in told.items()} == {one.name: tuple(one.fields) for one in (BILLS, more)}
    assert (told["MORE"].needs_refresh(more), told[BILLS.name].needs_refresh(replace(more, name=BILLS.name))) == (
        False,
        True,
    )


def test_a_name_that_would_be_truncated_is_refused(destination: Destination) -> None:
    with pytest.raises(SettingsError, match="which takes 63 bytes") as refused:
        destination.writer(replace(BILLS, name="n" * 64), Bookmark())
    assert "as=NAME" in refused.value.fix
    stream = replace(BILLS, fields={**BILLS.fields, "c" * 64: Kind.TEXT})
    with pytest.raises(SettingsError, match=r"the name c+ is too long"):
        kept(destination, stream, [bill(1)], WALKING.end())
    kept(destination, BILLS, [bill(1)], WALKING.end())


@pytest.mark.parametrize("field", ["ctid", "xmin", "tableoid"])
def test_a_field_with_the_name_of_a_system_column_is_refused_with_the_fix(destination: Destination, field: str) -> None:
    taken = replace(BILLS, fields={**BILLS.fields, field: Kind.TEXT})
    with pytest.raises(SettingsError, match=f"APBILL has a field {field}, and the copy needs this name") as told:
        kept(destination, taken, [bill(1)], WALKING.end())
    assert "leave the field out" in told.value.fix
    kept(destination, replace(BILLS, fields={**BILLS.fields, field.upper(): Kind.TEXT}), [bill(1)], WALKING.end())


def test_a_stream_that_the_destination_refuses_costs_no_other(postgres: str) -> None:
    company = Company(1).fill(40)
    with closing(open_destination(postgres)) as destination:
        run = Extraction(company, destination, [replace(VENDOR, name="n" * 64), TIMETYPE])
        deque(run, 0)
    long, times = (next(one for one in run.outcomes if one.name == name) for name in ("n" * 64, "TIMETYPE"))
    assert "which takes 63 bytes" in long.error
    assert "as=NAME" in long.fix
    assert (long.complete, times.complete, times.error) == (False, True, "")
    assert asked(postgres, 'SELECT count(*) FROM "TIMETYPE"') == [(len(company.rows(TIMETYPE)),)]
    assert asked(postgres, "SELECT stream FROM public_bridge.outcomes WHERE error > ''") == [("n" * 64,)]


def test_the_second_of_two_simultaneous_runs_is_refused(
    destination: Destination, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_destination(postgres)) as other:
        with monkeypatch.context() as impatient:
            impatient.setattr(postgres_module, "LOCK_WAIT_MS", 1)
            with pytest.raises(BusyError, match="another run is writing to postgresql://"):
                other.open("demo", NOON)
        kept(destination, BILLS, [bill(1)], WALKING.end())
        destination.close()
        assert other.open("demo", NOON) == 2


def end_connections(postgres: str) -> None:
    """As a server does that is stopped."""
    asked(postgres, "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
          "AND datname = current_database()")  # fmt: skip


def test_a_connection_that_the_server_ends_is_reported_and_loses_nothing(
    destination: Destination, postgres: str
) -> None:
    kept(destination, BILLS, [bill(1)], WALKING.end())
    end_connections(postgres)
    with pytest.raises(UnreachableError, match=r"the connection to postgresql://.* was lost: ") as told:
        kept(destination, BILLS, [bill(2)], WALKING.end())
    assert "Committed rows are kept" in told.value.fix
    destination.close()
    assert asked(postgres, 'SELECT "RECORDNO" FROM "APBILL"') == [(1,)]


class Stopping:
    """The read of a page, with something that happens before each, one at a time."""

    def __init__(self, page: Any, first: Callable[[], None]) -> None:
        self._page, self._first, self._one = page, first, Lock()

    def __call__(self, *words: Any, **more: Any) -> Any:
        with self._one:
            self._first()
        return self._page(*words, **more)


def test_a_server_that_stops_ends_the_run_as_a_temporary_fault(postgres: str) -> None:
    """Not as one failure for each stream: the exit status is the one after which a scheduler tries again."""
    company = Company(1).fill(40)
    company.page = Stopping(company.page, lambda: end_connections(postgres))  # type: ignore[method-assign]
    with closing(open_destination(postgres)) as destination, pytest.raises(UnreachableError) as told:
        deque(Extraction(company, destination, [VENDOR, TIMETYPE]), 0)
    assert told.value.exit_status == 4
    del company.page
    with closing(open_destination(postgres)) as destination:
        deque(Extraction(company, destination, [VENDOR, TIMETYPE]), 0)
    assert asked(postgres, 'SELECT count(*) FROM "VENDOR"') == [(len(company.rows(VENDOR)),)]


def test_a_read_only_database_is_reported(destination: Destination, postgres: str) -> None:
    destination.close()
    reading = open_destination(postgres + "&options=-cdefault_transaction_read_only%3Don")
    with closing(reading), pytest.raises(SettingsError, match="read-only"):
        reading.open("demo", NOON)


@pytest.mark.parametrize(
    ("done", "fix"),
    [
        ('CREATE VIEW due AS SELECT "RECORDNO" FROM "APBILL"', "drop the view, run again"),
        ('ALTER TABLE "APBILL" DROP COLUMN _read_at', "was renamed or dropped"),
        ('ALTER TABLE "APBILL" ALTER COLUMN "VENDORID" TYPE int4 USING 1', "type was changed"),
        ('DO $$BEGIN DELETE FROM "APBILL"; ALTER TABLE "APBILL" ADD note text NOT NULL; END$$', "give it a DEFAULT"),
        ('ALTER TABLE "APBILL" ADD CHECK ("RECORDNO" < 2)', "drop it"),
    ],
)
def test_an_error_about_a_table_that_was_changed_by_hand_says_how_to_fix_it(
    destination: Destination, postgres: str, done: str, fix: str
) -> None:
    kept(destination, BILLS, [bill(1)], WALKING.end())
    asked(postgres, done)
    wider = replace(BILLS, fields={**BILLS.fields, "RECORDNO": Kind.DECIMAL})
    with pytest.raises(SettingsError, match="failed: ") as told:
        kept(destination, wider, [bill(2)], WALKING.end())
    assert fix in told.value.fix
    assert "the next run continues" in told.value.fix


@pytest.mark.parametrize(
    ("column", "after"),
    [
        ('lower_id text GENERATED ALWAYS AS (lower("VENDORID")) STORED', "v2"),
        ("place bigint GENERATED ALWAYS AS IDENTITY", 2),
        ("note text DEFAULT 'mine'", "mine"),
    ],
)
def test_a_column_that_somebody_added_stops_no_run(
    destination: Destination, postgres: str, column: str, after: str | int
) -> None:
    kept(destination, BILLS, [bill(1)], WALKING.end())
    asked(postgres, f'ALTER TABLE "APBILL" ADD COLUMN {column}')
    kept(destination, BILLS, [bill(1, vendor="V2")], WALKING.end())
    assert asked(postgres, f'SELECT "VENDORID", {column.split(maxsplit=1)[0]} FROM "APBILL"') == [("V2", after)]


@pytest.mark.parametrize("column", ["note text DEFAULT 'mine'", "note text NOT NULL DEFAULT 'mine'"])
def test_new_rows_get_the_default_of_a_column_that_somebody_added(
    destination: Destination, postgres: str, column: str
) -> None:
    kept(destination, BILLS, [bill(1)], WALKING.end())
    asked(postgres, f'ALTER TABLE "APBILL" ADD COLUMN {column}')
    asked(postgres, "UPDATE \"APBILL\" SET note = 'paid twice'")
    kept(destination, BILLS, [bill(1, vendor="V2"), bill(2)], WALKING.end())
    assert asked(postgres, 'SELECT "RECORDNO", "VENDORID", note FROM "APBILL" ORDER BY 1') == [
        (1, "V2", "paid twice"),
        (2, "V1", "mine"),
    ]


def test_a_time_limit_of_the_server_is_named_also_before_the_first_transaction(
    destination: Destination, postgres: str
) -> None:
    """A timeout of 1 ms may end while the server is between two statements, which it then calls a user's request."""
    destination.close()
    for connect in (lambda one: open_destination(one).open("demo", NOON), copy_states, PostgresReceiver):
        with pytest.raises(
            SettingsError, match=r"(?m)canceling statement due to (statement timeout|user request)$"
        ) as told:
            connect(postgres + "&options=-cstatement_timeout%3D1")
        assert told.value.fix.startswith("raise statement_timeout")


def test_a_table_of_events_that_cannot_be_made_is_refused_with_the_servers_words(postgres: str) -> None:
    with pytest.raises(SettingsError, match=r"(?m)cannot execute CREATE TABLE in a read-only transaction$"):
        PostgresReceiver(postgres + "&options=-cdefault_transaction_read_only%3Don")


ADDRESS = 'connection to server at "localhost"'


@pytest.mark.parametrize(
    ("said", "reason", "fix"),
    [
        (
            f'{ADDRESS} (127.0.0.1), port 5432 failed: FATAL:  password authentication failed for user "me"\n',
            'password authentication failed for user "me"',
            "check the user and the password",
        ),
        (
            f'{ADDRESS} (::1), port 1 failed: refused\n{ADDRESS}, port 1 failed: database "x" does not exist\n',
            'database "x" does not exist',
            "CREATE DATABASE",
        ),
        (
            f'{ADDRESS} (::1), port 5432 failed: FATAL:  no pg_hba.conf entry for host "::1", no encryption\n',
            'no pg_hba.conf entry for host "***", no encryption',
            "sslmode=require",
        ),
        ('could not translate host name "localhost" to address: unknown\n', "to address: unknown", "name of the host"),
        ('invalid sslmode value: "full"\n', 'invalid sslmode value: "***"', "verify-full"),
    ],
)
def test_a_refusal_of_a_connection_has_the_reason_of_the_last_attempt_and_a_fix(
    said: str, reason: str, fix: str
) -> None:
    told = refusal(Exception(f"IO: [libpq] Failed to connect: {said}"), "postgresql://me:geheim@localhost/x")
    assert isinstance(told, SettingsError)
    assert told.message.startswith("postgresql://localhost/x cannot be used: ")
    assert told.message.endswith(reason)
    assert fix in told.fix


def test_texts_are_stored_as_they_are_where_the_session_would_have_another_encoding(postgres: str) -> None:
    """As in a LATIN1 database, with PGCLIENTENCODING, or by a role's setting: the driver sends UTF-8 in any case."""
    asked(postgres, f"ALTER DATABASE {quoted(database_of(postgres))} SET client_encoding = 'LATIN1'")
    with closing(open_destination(postgres)) as opened:
        opened.open("demo", NOON)
        kept(opened, BILLS, [bill(1, vendor="Müller 😀")], WALKING.end())
    asked(postgres, f"ALTER DATABASE {quoted(database_of(postgres))} RESET client_encoding")
    assert asked(postgres, 'SELECT "VENDORID", length("VENDORID") FROM "APBILL"') == [("Müller 😀", 8)]


def test_a_text_that_the_database_cannot_hold_is_refused_with_the_fix(postgres: str) -> None:
    name = database_of(postgres) + "_latin"
    asked(postgres, f"CREATE DATABASE {quoted(name)} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    latin = postgres.replace(database_of(postgres), name)
    with closing(open_destination(latin)) as opened:
        opened.open("demo", NOON)
        kept(opened, BILLS, [bill(1, vendor="Müller")], WALKING.end())
        with pytest.raises(SettingsError, match="no equivalent in encoding") as refused:
            kept(opened, BILLS, [bill(2, vendor="😀")], WALKING.end())
    assert "encoding UTF8" in refused.value.fix
    assert asked(latin, 'SELECT length("VENDORID") FROM "APBILL"') == [(6,)]
    asked(postgres, f"DROP DATABASE {quoted(name)}")


def test_a_user_needs_no_right_to_create_schemas_that_exist(postgres: str) -> None:
    user = database_of(postgres)
    asked(postgres, f"CREATE ROLE {quoted(user)} LOGIN")
    asked(postgres, f"CREATE SCHEMA books AUTHORIZATION {quoted(user)}")
    mine = f"{postgres.replace('//postgres:', f'//{user}:')}&options=-csearch_path%3Dbooks"
    with closing(open_destination(mine)) as opened:
        with pytest.raises(SettingsError, match="permission denied for database") as refused:
            opened.open("demo", NOON)
        assert 'CREATE SCHEMA "books_bridge"' in refused.value.fix
    asked(postgres, f"CREATE SCHEMA books_bridge AUTHORIZATION {quoted(user)}")
    with closing(open_destination(mine)) as opened:
        opened.open("demo", NOON)
        kept(opened, BILLS, [bill(1)], WALKING.end())
    assert asked(postgres, 'SELECT count(*) FROM books."APBILL"') == [(1,)]
    asked(postgres, f"DROP OWNED BY {quoted(user)} CASCADE")
    asked(postgres, f"DROP ROLE {quoted(user)}")
