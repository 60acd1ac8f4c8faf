"""Many companies in one gateway that share records: a write in one is seen in no other."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st

from intacct_bridge.testing import emulated_company
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import EmulatorSettings
from intacct_emulator.settings.faults import ScriptedFault
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.sql_text import quoted
from intacct_protocol.xml.codec import encode_request
from intacct_protocol.xml.envelope import Control, Function, Login, Operation, Request
from intacct_protocol.xml.xml import parse
from support.emulator.calls import element, entry, query, results, send
from support.small_company import Clock, company

MODEL = "demo-company"
ASK = "<getFinancialSetup/>"


@pytest.fixture
def books() -> Iterator[Emulator]:
    emulator = company(Clock())
    yield emulator
    assert emulator.incidents == []
    emulator.close()


def login(company_id: str) -> Login:
    return replace(Login("demo-user", MODEL, "demo-user-password"), company_id=company_id)


def content(emulator: Emulator, company_id: str) -> dict[str, Any]:
    """Everything that a company holds, by table: the stored rows, and the next number."""
    store = emulator.company(company_id).store
    found: dict[str, Any] = {}
    for name in store.populated():
        rows = store.connection.execute(f"SELECT * FROM {quoted(store.full_name(name))} ORDER BY 1, 2, 3").fetchall()
        found[name] = rows if name == "postings" else (rows, store.table(name).next_number(), store.table(name).fields)
    return found


CALLS = st.one_of(
    st.integers(1, 3).map(lambda n: f"<create>{element('CLASS', CLASSID=f'K{n}', NAME=f'Kind {n}')}</create>"),
    st.integers(1, 3).map(lambda n: f"<update>{element('CLASS', CLASSID=f'K{n}', DESCRIPTION='Changed')}</update>"),
    st.integers(1, 4).map(lambda n: f"<update>{element('DEPARTMENT', RECORDNO=n, TITLE=f'Title {n}')}</update>"),
    st.integers(1, 60).map(lambda n: f"<delete><object>CLASS</object><keys>{n}</keys></delete>"),
    st.integers(1, 60).map(lambda n: f"<delete><object>GLBATCH</object><keys>{n}</keys></delete>"),
    st.integers(1, 9).map(lambda n: entry(f"6000 D {n}.00", f"1000 C {n}.00", day="11/15/2026")),
    st.integers(1, 9).map(lambda n: entry(f"6000 D {n}.00", "1000 C 0.50", day="11/15/2026")),  # refused: no balance
    st.just(query("CLASS", "RECORDNO CLASSID NAME DESCRIPTION")),
    st.just(query("GLBATCH", "RECORDNO BATCHNO BATCH_TITLE", more="<pagesize>1000</pagesize>")),
)


@settings(max_examples=8, deadline=None)
@given(
    before=st.lists(CALLS, max_size=3),
    steps=st.lists(st.tuples(st.sampled_from(("a", "b", "c", MODEL)), CALLS), max_size=12),
)
def test_companies_that_share_records_are_as_those_of_separate_emulators(
    before: list[str], steps: list[tuple[str, str]]
) -> None:
    shared = company(Clock())
    for call in before:
        send(shared, call)
    separate = {name: shared.clone() for name in ("a", "b", "c", MODEL)}
    shared.add_companies(("a", "b"))
    shared.add_companies(("c",))
    for name, call in steps:
        here, there = send(shared, call, authentication=login(name)), send(separate[name], call)
        assert here.operations[0].results == there.operations[0].results
    kept = shared.snapshot()
    copy = shared.clone()
    for name, alone in separate.items():
        assert content(shared, name) == content(copy, name) == content(alone, MODEL)
    for name in separate:  # what comes after a snapshot is not in it
        send(shared, entry("6000 D 7.77", "1000 C 7.77", day="11/16/2026"), authentication=login(name))
    shared.restore(kept)
    for name, alone in separate.items():
        assert content(shared, name) == content(alone, MODEL)
        alone.close()
    assert shared.incidents == copy.incidents == []
    shared.close()
    copy.close()


def test_the_writes_of_the_shared_company_are_seen_in_no_other(books: Emulator) -> None:
    emulator = books
    emulator.add_companies(["first"])
    send(emulator, "<create><CLASS><CLASSID>NEW</CLASSID><NAME>New</NAME></CLASS></create>")
    emulator.add_companies(["second"])  # made later, so it has the new record
    seen = {
        name: [row["CLASSID"] for _, row in emulator.company(name).table("CLASS").rows()].count("NEW")
        for name in (MODEL, "first", "second")
    }
    assert seen == {MODEL: 1, "first": 0, "second": 1}


def test_a_thousand_companies_hold_one_copy_of_the_records(books: Emulator) -> None:
    def size() -> int:
        return int(books.companies.database_of(MODEL).execute("PRAGMA page_count").fetchone()[0])

    before = size()
    books.add_companies(f"company-{place:04}" for place in range(1, 1001))
    assert size() == before
    (last,) = results(books, query("DEPARTMENT", "DEPARTMENTID"), authentication=login("company-1000"))
    assert last.data is not None
    assert len(last.data.children) == books.company().table("DEPARTMENT").count() > 3


def test_an_id_that_is_taken_is_refused() -> None:
    with emulated_company() as first:
        first.share(2)
        with pytest.raises(SettingsError, match="company company-0002 already"):
            first.share(["company-0003", "company-0002"])
        with pytest.raises(SettingsError, match="company x already"):
            first.share(["x", "x"])
        assert [one.company_id for one in first.emulator.settings.companies] == [
            MODEL, "company-0001", "company-0002",
        ]  # fmt: skip


def test_companies_of_a_database_file_cannot_share(tmp_path: Path) -> None:
    emulator = Emulator.empty(tmp_path / "company.db")
    with pytest.raises(SettingsError, match="this emulator's database is a file"):
        emulator.add_companies(["other"])
    emulator.close()


def test_requests_and_the_most_at_once_are_counted_by_company() -> None:
    arrived, go_on = Event(), Event()

    def wait(_seconds: float) -> None:
        arrived.set()
        assert go_on.wait(30)

    # each request is held until both are there, so that two are open at once
    emulator = Emulator.empty(settings=EmulatorSettings(behaviour=Behaviour(latency_ms=60_000)), sleep=wait)
    emulator.add_companies(["a", "b"])
    first = Thread(target=send, args=(emulator, ASK), kwargs={"authentication": login("a")})
    first.start()
    assert arrived.wait(30)
    arrived.clear()
    second = Thread(target=send, args=(emulator, ASK), kwargs={"authentication": login("A")})
    second.start()
    assert arrived.wait(30)
    go_on.set()
    first.join()
    second.join()
    send(emulator, ASK, authentication=login("b"))
    counts = [emulator.request_count(name) for name in ("a", "b", MODEL)]
    assert [(one.requests, one.most_at_once) for one in counts] == [(2, 2), (1, 1), (0, 0)]
    assert [emulator.transactions(name).total for name in ("a", "b", MODEL)] == [2, 1, 0]


def test_a_fault_of_a_company_happens_to_that_company_only() -> None:
    slept: list[float] = []
    hang = ScriptedFault("slow", company="B", calls=(), seconds=600)
    emulator = Emulator.empty(faults=(hang,), sleep=slept.append)
    emulator.add_companies(["a", "b"])
    for name in ("a", "b", MODEL, "b"):
        send(emulator, ASK, authentication=login(name))
    assert slept == [600, 600]
    assert [count.matched for _, count in emulator.fault_plan.counts()] == [2]


def test_companies_that_hang_leave_threads_for_the_others() -> None:
    # a server answers each request in a thread; with the usual 40 of them, these would take all
    stuck, go_on = Event(), Event()

    def wait(_seconds: float) -> None:
        stuck.set()
        assert go_on.wait(60)

    hang = ScriptedFault("slow", company="hanging", calls=(), seconds=600)
    emulator = Emulator.empty(faults=(hang,), sleep=wait, settings=EmulatorSettings(behaviour=Behaviour(concurrency=0)))
    emulator.add_companies(["hanging", "quick"])
    pool = urllib3.PoolManager(retries=False, maxsize=60)
    with serve(emulator) as server, pool, ThreadPoolExecutor(60) as threads:
        waiting = [threads.submit(_ask, pool, server.url, "hanging") for _ in range(50)]
        try:
            assert stuck.wait(30)
            assert _ask(pool, server.url, "quick") == 200
        finally:
            go_on.set()
        assert {one.result() for one in waiting} == {200}


def _ask(pool: urllib3.PoolManager, url: str, company_id: str) -> int:
    call = Function(parse(ASK.encode()), "1")
    control = Control("demo-sender", "demo-sender-password")
    body = encode_request(Request(control, (Operation(login(company_id), (call,)),)))
    return int(pool.request("POST", url, body=body, timeout=60).status)
