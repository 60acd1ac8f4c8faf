"""The demo company behind a gateway: kept in a file, the same for the same seed, in one book or in two."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from threading import Barrier, Thread

import pytest

from intacct_emulator.ledger.seeding import load
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.scenarios import scenario
from intacct_protocol.xml.codec import encode_request
from intacct_protocol.xml.envelope import Control, Function, Operation, Request
from intacct_protocol.xml.reply import Reply
from intacct_protocol.xml.xml import element as element_of
from support.emulator.calls import ENDPOINT, LOGIN, data, element, entry, one, query, rows
from support.emulator.documents import made

SESSION = encode_request(
    Request(
        Control("demo-sender", "demo-sender-password"),
        (Operation(LOGIN, (Function(element_of("getAPISession"), "c1"),)),),
    )
)


def small(path: Path, **more: object) -> Emulator:
    return Emulator.demo(path, seed=3, as_of=date(2026, 3, 31), **more)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_company_in_a_file_is_opened_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "company.sqlite"
    first = small(path)
    made = data(first, f"<create>{element('CLASS', CLASSID='KEPT', NAME='Kept')}</create>").children[0]
    bills = first.company().table("APBILL").count()
    first.close()
    again = Emulator.demo(path, seed=9, as_of=date(2020, 1, 1))
    where = "<equalto><field>CLASSID</field><value>KEPT</value></equalto>"
    found = rows(data(again, query("CLASS", "RECORDNO", where)))
    assert found == [{"RECORDNO": made.findtext("RECORDNO")}]
    assert again.company().table("APBILL").count() == bills
    assert data(again, query("FUND", "FUND_CODE")).get("totalcount") == "5"  # custom objects are still known
    again.close()


@pytest.mark.slow
def test_the_same_seed_and_day_answer_with_the_same_bytes(two_years: Emulator) -> None:
    other = Emulator.demo(seed=1, as_of=date(2026, 11, 21), clock=two_years.now)
    for name in ("GLDETAIL", "VENDOR", "ARINVOICE", "EQUIPMENT_SITE"):
        request_body = f"<readByQuery><object>{name}</object><query></query></readByQuery>"
        assert data(other, request_body) == data(two_years, request_body)
    other.close()


def test_a_clone_changes_independently(grown: Emulator, demo: Emulator) -> None:
    one(demo, f"<create>{element('CLASS', CLASSID='MINE', NAME='Mine')}</create>")
    assert demo.company().table("CLASS").count() == grown.company().table("CLASS").count() + 1


@pytest.mark.parametrize("repeats", [False, True])
def test_both_books_show_a_journal_entry(repeats: bool) -> None:
    settings = scenario({"behaviour": {"gldetail_key_per_book": repeats}})
    emulator = Emulator.empty(settings=settings)
    books = emulator.company()
    books.facts.reporting_books.put(value=("ACCRUAL", "CASH"))
    load(
        books,
        [
            ("GLACCOUNT", {"RECORDNO": 1, "ACCOUNTNO": "60100", "TITLE": "A"}),
            ("GLACCOUNT", {"RECORDNO": 2, "ACCOUNTNO": "10010", "TITLE": "B"}),
            ("DEPARTMENT", {"RECORDNO": 1, "DEPARTMENTID": "100", "TITLE": "D"}),
            ("LOCATION", {"RECORDNO": 1, "LOCATIONID": "110", "NAME": "L"}),
            ("GLJOURNAL", {"RECORDNO": 1, "SYMBOL": "GJ", "TITLE": "General"}),
        ],
    )
    key = made(emulator, entry("60100 D 100.00 DEPARTMENT=100", "10010 C 100.00"))
    where = f"<equalto><field>BATCHKEY</field><value>{key}</value></equalto>"
    detail = rows(data(emulator, query("GLDETAIL", "RECORDNO BOOKID", where)))
    assert sorted(row["BOOKID"] for row in detail) == ["ACCRUAL", "ACCRUAL", "CASH", "CASH"]
    assert len({row["RECORDNO"] for row in detail}) == (2 if repeats else 4)
    for book in ("ACCRUAL", "CASH"):
        dates = "".join(element(tag, year=2026, month=11, day=day) for tag, day in (("startdate", 1), ("enddate", 30)))
        page = data(emulator, f"<get_trialbalance>{dates}<reportingbook>{book}</reportingbook></get_trialbalance>")
        assert [Decimal(row.findtext("debits")) for row in page] == [0, 100]
    one(emulator, f"<delete><object>GLBATCH</object><keys>{key}</keys></delete>")
    assert data(emulator, query("GLDETAIL", "RECORDNO")).get("totalcount") == "0"
    emulator.close()


def test_balances_do_not_depend_on_the_detail(demo: Emulator) -> None:
    dates = "".join(element(tag, year=2026, month=10, day=day) for tag, day in (("startdate", 1), ("enddate", 31)))
    before = data(demo, f"<get_trialbalance>{dates}</get_trialbalance>")
    table = demo.company().table("GLDETAIL")
    number = table.find("BATCH_DATE", "10/15/2026")[0]
    table.update(number, {**(table.get(number) or {}), "AMOUNT": "0.01", "DEBITAMOUNT": "0.01"})
    assert data(demo, f"<get_trialbalance>{dates}</get_trialbalance>") == before


def test_a_request_beyond_the_limit_is_held_and_refused() -> None:
    settings = scenario({"behaviour": {"concurrency": 1, "hold_seconds": 0.05, "latency_ms": 1_000_000}})
    inside, go = Barrier(2, timeout=120), Barrier(2, timeout=120)

    def sleep(_seconds: float) -> None:
        inside.wait()
        go.wait()

    emulator = Emulator.empty(settings=settings, sleep=sleep)
    replies: list[Reply] = []
    threads = [Thread(target=lambda: replies.append(emulator(ENDPOINT, SESSION))) for _ in range(2)]
    for thread in threads:
        thread.start()
    inside.wait()  # one runs, the other waits or will wait
    while emulator.limit.waiting("demo-company") == 0:  # the only way to see a queue from outside
        pass
    third = emulator(ENDPOINT, SESSION)
    assert (third.status, b"GW-0010" in third.body) == (429, True)
    go.wait()
    inside.wait()
    go.wait()
    for thread in threads:
        thread.join()
    assert [reply.status for reply in replies] == [200, 200]
    emulator.close()
