"""Shared state in PostgreSQL: lost connections and lost answers, and servers that cannot be used."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest

from intacct_bridge.shared_state import postgres
from intacct_bridge.shared_state.database import TableSet
from intacct_bridge.shared_state.place import PostgresPlace, postgres_place, server_of
from intacct_bridge.shared_state.postgres import PostgresDatabase
from intacct_bridge.shared_state.postgres_link import close_link, open_link
from intacct_bridge.shared_state.postgres_sql import postgres_script
from intacct_protocol.errors import IntacctError, SettingsError, UnreachableError
from support.shared_state.cutting_proxy import AFTER, BEFORE, CuttingProxy
from support.shared_state.transaction_pooler import TransactionPooler

TABLES = TableSet("things", "the things", lambda: "CREATE TABLE thing (name TEXT PRIMARY KEY, count INTEGER);")


def opened(place: PostgresPlace, *, pooled: bool = False) -> "closing[PostgresDatabase]":
    return closing(PostgresDatabase(place, TABLES, pooled=pooled))


def names(place: PostgresPlace) -> list[str]:
    with opened(place) as db:
        return [row["name"] for row in db.read("SELECT name FROM thing ORDER BY name")]


@pytest.fixture
def proxy(postgres_server: str) -> Iterator[CuttingProxy]:
    with CuttingProxy(postgres_server) as made:
        yield made


def through(proxy: CuttingProxy, place: PostgresPlace) -> PostgresPlace:
    return PostgresPlace(proxy.uri, place.schema)


def on_commit(cut: str) -> Callable[[bytes], str]:
    """Cut the first commit only."""
    left = [cut]
    return lambda request: left.pop() if left and b"COMMIT" in request else ""


@pytest.mark.parametrize("pooled", [False, True])
def test_a_commit_whose_reply_is_lost_is_known_to_be_done(
    proxy: CuttingProxy, postgres_place: PostgresPlace, pooled: bool
) -> None:
    with opened(through(proxy, postgres_place), pooled=pooled) as db:
        proxy.decide = on_commit(AFTER)
        with db.transaction():
            db.execute("INSERT INTO thing VALUES (?, ?)", ("a", 1))
        assert db.reconnections == 1
    assert names(postgres_place) == ["a"]


def test_a_commit_that_did_not_arrive_is_an_error_and_nothing_is_written(
    proxy: CuttingProxy, postgres_place: PostgresPlace
) -> None:
    with opened(through(proxy, postgres_place)) as db:
        proxy.decide = on_commit(BEFORE)
        with pytest.raises(UnreachableError, match="nothing was written"), db.transaction():
            db.execute("INSERT INTO thing VALUES (?, ?)", ("a", 1))
        with db.transaction():
            db.execute("INSERT INTO thing VALUES (?, ?)", ("b", 1))
    assert names(postgres_place) == ["b"]


def test_without_an_answer_about_a_commit_there_is_an_error(
    proxy: CuttingProxy, postgres_place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PATIENCE", 0.2)
    with opened(through(proxy, postgres_place)) as db:

        def cut(request: bytes) -> str:
            proxy.refusing = proxy.refusing or b"COMMIT" in request
            return AFTER if b"COMMIT" in request else ""

        proxy.decide = cut
        with pytest.raises(UnreachableError), db.transaction():
            db.execute("INSERT INTO thing VALUES (?, ?)", ("a", 1))
    assert names(postgres_place) == ["a"], "it was done, which the error leaves open"


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("cut", [BEFORE, AFTER])
def test_a_connection_that_is_cut_at_any_statement_leaves_all_or_nothing(
    proxy: CuttingProxy, postgres_place: PostgresPlace, cut: str, pooled: bool
) -> None:
    """The statements of a transaction are counted, and one after another is cut."""
    place = through(proxy, postgres_place)
    statement, done = 0, set()
    while True:
        left = [statement]

        def decide(_: bytes, left: list[int] = left) -> str:
            left[0] -= 1
            return cut if left[0] == -1 else ""

        with opened(place, pooled=pooled) as db:
            proxy.decide = decide
            with suppress(UnreachableError):
                with db.transaction():
                    db.executemany("INSERT INTO thing VALUES (?, ?)", [(f"{statement}{half}", 1) for half in "ab"])
                done.add(statement)
            proxy.decide = lambda _: ""
        if left[0] >= 0:
            break
        statement += 1
    assert statement > 3
    assert names(postgres_place) == sorted(f"{number}{half}" for number in done for half in "ab")


def test_the_server_ends_a_session_and_the_next_transaction_has_a_new_one(postgres_place: PostgresPlace) -> None:
    with opened(postgres_place) as db, opened(postgres_place) as other:
        db.hold("me")
        other.read("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                   " AND application_name LIKE ?", (f"%{postgres_place.schema}",))  # fmt: skip
        with db.transaction():
            db.execute("INSERT INTO thing VALUES (?, ?)", ("a", 1))
        assert other.is_held("me"), "its locks are taken again"


def test_a_lock_that_a_lost_session_still_has_is_taken_when_that_session_ends(postgres_place: PostgresPlace) -> None:
    """The server notices after minutes that nobody is at the other end of a connection."""
    with opened(postgres_place) as db, opened(postgres_place) as other:
        db.hold("me", unique=True)
        lost, db._link = db._link, None
        with db.transaction():
            db.execute("INSERT INTO thing VALUES (?, ?)", ("a", 1))
        close_link(lost)
        until = time.monotonic() + 10
        while other.is_held("me") and time.monotonic() < until:
            time.sleep(0.01)
        assert not other.is_held("me")
        with db.transaction():
            pass
        assert other.is_held("me")
        db.release("me")
        assert not other.is_held("me")


def test_a_name_that_another_process_has_is_refused_at_once(
    postgres_place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads share the connection: one that waited for the name would keep all others waiting."""
    with opened(postgres_place) as db, opened(postgres_place) as other:
        assert other.hold_if_free("me")
        monkeypatch.setattr("time.sleep", lambda _: pytest.fail("it waited for the name"))
        assert not db.hold_if_free("me")
        other.release("me")
        assert db.hold_if_free("me")
        assert not other.hold_if_free("me")


def test_write_transactions_follow_each_other(postgres_place: PostgresPlace) -> None:
    with opened(postgres_place) as db, db.transaction():
        db.execute("INSERT INTO thing VALUES ('n', 0)")

    def count(_: int) -> None:
        with opened(postgres_place) as db:
            for _ in range(10):
                with db.transaction():
                    (number,) = db.execute("SELECT count FROM thing").fetchone()
                    db.execute("UPDATE thing SET count = :count WHERE name = :name", {"name": "n", "count": number + 1})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    with opened(postgres_place) as db:
        assert [tuple(row) for row in db.read("SELECT * FROM thing")] == [("n", 40)]


# --- servers that cannot be used


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "PATIENCE", 0.1)


def refused(place: PostgresPlace) -> IntacctError:
    with pytest.raises(IntacctError) as caught:
        opened(place)
    return caught.value


@pytest.mark.usefixtures("hasty")
def test_a_server_that_does_not_answer_is_a_transient_fault_without_secrets() -> None:
    error = refused(postgres_place_of("postgresql://anna:geheim@127.0.0.1:9/books"))
    assert isinstance(error, UnreachableError)
    assert error.exit_status == 4
    assert "127.0.0.1:9/books" in error.message
    assert "geheim" not in f"{error.message} {error.fix}"
    assert "refused" in error.message


def postgres_place_of(uri: str) -> PostgresPlace:
    return postgres_place(uri, "any")


def test_an_unknown_database_is_named(postgres_server: str) -> None:
    head, _, tail = postgres_server.partition("?")
    error = refused(postgres_place_of(f"{head.rsplit('/', 1)[0]}/nowhere?{tail}"))
    assert isinstance(error, SettingsError)
    assert '"nowhere" does not exist' in error.message


def test_tables_of_a_newer_version_are_refused(postgres_place: PostgresPlace) -> None:
    with opened(postgres_place) as db, opened(postgres_place) as other:
        other.execute("UPDATE bridge_part SET version = 2")
        with pytest.raises(SettingsError, match="newer version"), db.transaction():
            pass  # also one that was open before
    assert "newer version" in refused(postgres_place).message


def test_a_user_that_may_only_read_is_told_so(postgres_place: PostgresPlace, postgres_server: str) -> None:
    with opened(postgres_place) as db:
        user = f"reader_{postgres_place.schema}"
        db.execute(f'CREATE USER "{user}"')
        db.execute(f'ALTER USER "{user}" SET default_transaction_read_only = on')
        place = PostgresPlace(re.sub(r"//[^/@]*@?", f"//{user}@", postgres_server, count=1), postgres_place.schema)
        error = refused(place)
        db.execute(f'ALTER USER "{user}" RESET ALL')
        missing = refused(PostgresPlace(place.uri, f"new_{postgres_place.schema}"))
    assert isinstance(error, SettingsError)
    assert "is read-only" in error.message
    assert "permission denied" in missing.message
    assert "CREATE SCHEMA" in missing.fix


def test_a_server_without_a_free_connection_is_a_temporary_fault_with_a_fix(
    postgres_place: PostgresPlace, postgres_server: str
) -> None:
    with opened(postgres_place) as db:
        user = f"one_{postgres_place.schema}"
        db.execute(f'CREATE USER "{user}" CONNECTION LIMIT 1')
        database = db.read("SELECT current_database()")[0][0]
        db.execute(f'GRANT CREATE ON DATABASE "{database}" TO "{user}"')
        place = PostgresPlace(
            re.sub(r"//[^/@]*@?", f"//{user}@", postgres_server, count=1), f"new_{postgres_place.schema}"
        )
        with opened(place):
            error = refused(place)
    assert isinstance(error, UnreachableError)
    assert "has no connection left" in error.message
    assert "max_connections" in error.fix


def test_a_transaction_pooler_is_refused(postgres_server: str, postgres_place: PostgresPlace) -> None:
    with TransactionPooler(postgres_server) as pooler:
        error = refused(PostgresPlace(pooler.uri, postgres_place.schema))
    assert isinstance(error, SettingsError)
    assert "is behind a transaction pooler" in error.message
    assert "session mode" in error.fix


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("postgresql://host:port/db", "not a URI"),
        ("postgresql://host/db?sslmode=requires", "sslmode is 'requires'; did you mean require"),
        ("postgresql://host/db?sslmode=", "sslmode is ''"),
        ("postgresql://host/db?shcema=x", "unsupported option 'shcema'; did you mean schema"),
        ("postgresql://host/db?schema=", "the schema must have a name"),
        (f"postgresql://host/db?schema={'x' * 64}", "1 to 63 bytes"),
    ],
)
def test_a_uri_that_is_wrong_is_refused_with_the_part_that_is(uri: str, message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        postgres_place_of(uri)


def test_the_parts_of_a_uri() -> None:
    server = server_of("postgres://an%40na:pa%2Fss@db.example:6543/led%20ger?sslmode=verify-full&connect_timeout=3")
    assert (server.user, server.password, server.host, server.port) == ("an@na", "pa/ss", "db.example", 6543)
    assert (server.database, server.ssl_mode, server.connect_timeout) == ("led ger", "verify-full", 3.0)
    assert server_of("postgresql:///db?host=/run/pg").socket == "/run/pg/.s.PGSQL.5432"
    assert "pa/ss" not in repr(server)


def test_texts_that_look_like_values_stay_as_they_are(postgres_place: PostgresPlace) -> None:
    with opened(postgres_place) as db:
        rows = db.read("SELECT '? :name ''?' || ? AS text", ("!",))
        assert rows[0]["text"] == "? :name '?!"
        assert tuple(db.read("SELECT '12'::int + :one::int, :one::int", {"one": 1})[0]) == (13, 1)


def test_the_tables_of_sqlite_in_the_words_of_postgresql() -> None:
    made = postgres_script(
        "-- a note\nCREATE TABLE t (n INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT, b BLOB REFERENCES x (y)) WITHOUT"
        " ROWID;\nCREATE TRIGGER z AFTER INSERT ON t BEGIN\n    SELECT 1;\nEND;"
    )
    assert " ".join(made.split()) == (
        'CREATE TABLE t (n BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, "user" TEXT COLLATE "C", b BYTEA);'
    )


def test_a_link_names_its_schema_to_the_server(postgres_place: PostgresPlace) -> None:
    with opened(postgres_place) as db, opened(postgres_place) as other:
        assert len(db.others()) == 1
        assert re.fullmatch(r"this machine, process \d+", db.others()[0])
        other.close()
    link = open_link(postgres_place)
    link.close()
