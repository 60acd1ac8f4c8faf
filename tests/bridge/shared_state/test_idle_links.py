"""Connections that companies use in turn: one at a time, never with a lock, and each writes to its own schema."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from intacct_bridge.shared_state.database import TableSet
from intacct_bridge.shared_state.idle_links import MOST
from intacct_bridge.shared_state.place import PostgresPlace, server_of
from intacct_bridge.shared_state.postgres import _IDLE_LINKS, PostgresDatabase
from intacct_protocol.errors import BusyError

TABLES = TableSet("things", "the things", lambda: "CREATE TABLE thing (name TEXT, number INTEGER);")
SESSIONS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'intacct-bridge'
"""


def opened(place: PostgresPlace, *, pooled: bool = True) -> "closing[PostgresDatabase]":
    return closing(PostgresDatabase(place, TABLES, pooled=pooled))


@pytest.fixture
def places(postgres: str) -> list[PostgresPlace]:
    """Schemas of a database of its own."""
    return [PostgresPlace(postgres, f"company_{number}") for number in range(6)]


@pytest.fixture
def watching(postgres: str) -> Iterator[PostgresDatabase]:
    with opened(PostgresPlace(postgres, "watching"), pooled=False) as db:
        yield db


def sessions(watching: PostgresDatabase) -> int:
    return int(watching.read(SESSIONS)[0][0])


def no_session_is_left(watching: PostgresDatabase) -> bool:
    """Whether the server ends all of them: it does so a moment after their connections are closed."""
    for _ in range(500):
        if sessions(watching) == 0:
            return True
        watching.read("SELECT pg_sleep(0.02)")
    return False


def put(db: PostgresDatabase, name: str, number: int) -> None:
    with db.transaction():
        db.execute("INSERT INTO thing VALUES (?, ?)", (name, number))


def test_companies_that_write_in_turn_share_one_connection(
    places: list[PostgresPlace], watching: PostgresDatabase
) -> None:
    with ExitStack() as stack:
        found = [stack.enter_context(opened(place)) for place in places]
        for number in range(3):
            for db in found:
                put(db, db.place.schema, number)
        assert sessions(watching) == 1
    assert no_session_is_left(watching), "the last one closes it"
    for place in places:
        with opened(place, pooled=False) as db:
            rows = [tuple(row) for row in db.read("SELECT name, number FROM thing ORDER BY number")]
            assert rows == [(place.schema, number) for number in range(3)]


def test_many_threads_share_a_few_connections(postgres: str, watching: PostgresDatabase) -> None:
    """A worker with many threads would fill the server."""
    threads, seen = 4 * MOST, []
    with ExitStack() as stack, ThreadPoolExecutor(threads) as pool:
        databases = [stack.enter_context(opened(PostgresPlace(postgres, "shared"))) for _ in range(threads)]

        def write(db: PostgresDatabase) -> None:
            for number in range(10):
                put(db, "thing", number)

        writing = [pool.submit(write, db) for db in databases]
        while not all(one.done() for one in writing):
            seen.append(sessions(watching))
        for one in writing:
            one.result()
        assert 1 <= max(seen) <= MOST
        assert databases[0].read("SELECT count(*) FROM thing")[0][0] == 10 * threads


def test_companies_that_write_at_once_never_write_to_another_schema(
    places: list[PostgresPlace], watching: PostgresDatabase
) -> None:
    def write(place: PostgresPlace) -> None:
        with opened(place) as db:
            for number in range(15):
                put(db, place.schema, number)
                assert {name for (name,) in db.read("SELECT name FROM thing")} == {place.schema}
                assert db.read("SELECT current_schema()")[0][0] == place.schema

    with opened(places[0]), ThreadPoolExecutor(len(places)) as pool:
        list(pool.map(write, places))
        assert 1 <= sessions(watching) <= MOST
    for place in places:
        with opened(place, pooled=False) as db:
            assert [tuple(row) for row in db.read("SELECT DISTINCT name, count(*) FROM thing GROUP BY name")] == [
                (place.schema, 15)
            ]


def test_a_connection_with_a_lock_is_not_shared(places: list[PostgresPlace]) -> None:
    with opened(places[0]) as db, opened(places[1]) as other:
        db.hold("me", unique=True)
        mine = [db.read("SELECT pg_backend_pid()")[0][0] for _ in range(2)]
        assert mine[0] == mine[1] != other.read("SELECT pg_backend_pid()")[0][0]
        with opened(places[0]) as third, pytest.raises(BusyError):
            third._patience = 0.0
            third.hold("me")
        db.release("me")
        with opened(places[0]) as third:
            third.hold("me")


def test_a_transaction_that_failed_leaves_nothing_behind(places: list[PostgresPlace]) -> None:
    with opened(places[0]) as db, opened(places[1]) as other:
        with pytest.raises(RuntimeError), db.transaction():
            db.execute("INSERT INTO thing VALUES ('a', 1)")
            raise RuntimeError
        put(other, "b", 2)
        assert db.read("SELECT * FROM thing") == []


def test_a_connection_that_the_server_ended_while_it_was_idle_is_replaced(
    places: list[PostgresPlace], watching: PostgresDatabase
) -> None:
    with opened(places[0]) as db:
        put(db, "a", 1)
        watching.read(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'intacct-bridge'"
            " AND datname = current_database()"
        )
        put(db, "b", 2)
        with opened(places[1]) as other:  # it is opened without patience
            put(other, "c", 3)
        assert len(db.read("SELECT * FROM thing")) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_process_takes_no_connection_of_its_parent(places: list[PostgresPlace]) -> None:
    with opened(places[0]) as db:
        put(db, "a", 1)
        server = server_of(places[0].uri)
        child = os.fork()
        if child == 0:
            os._exit(0 if _IDLE_LINKS.take(server) is None else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        taken = _IDLE_LINKS.take(server)
        assert taken is not None
        _IDLE_LINKS.put(server, *taken)
