"""Journal entries: posted, changed and deleted, with their balances, and refused."""

from decimal import Decimal

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, element, entry, faults, one, query, results, rows

GOOD = ("60100 D 100.00 DEPARTMENT=100", "10010 C 100.00")
NOVEMBER = (
    "<get_trialbalance><startdate><year>2026</year><month>11</month><day>1</day></startdate>"
    "<enddate><year>2026</year><month>11</month><day>30</day></enddate></get_trialbalance>"
)


def trial_balance(emulator: Emulator) -> dict[str, tuple[Decimal, Decimal]]:
    found = data(emulator, NOVEMBER)
    return {
        f"{row.findtext('glaccountno')} {row.findtext('currency')}": (
            Decimal(row.findtext("debits")),
            Decimal(row.findtext("credits")),
        )
        for row in found
    }


def key_of(emulator: Emulator, function: str) -> str:
    return data(emulator, function).children[0].findtext("RECORDNO")


def test_an_entry_is_posted_to_lines_detail_and_balances(demo: Emulator) -> None:
    before = trial_balance(demo)
    key = key_of(demo, entry(*GOOD))
    after = trial_balance(demo)
    assert after["60100 USD"][0] - before["60100 USD"][0] == 100
    assert after["10010 USD"][1] - before["10010 USD"][1] == 100
    where = f"<equalto><field>BATCHKEY</field><value>{key}</value></equalto>"
    detail = rows(data(demo, query("GLDETAIL", "ACCOUNTNO AMOUNT DEPARTMENTID BATCH_TITLE", where)))
    assert detail == [
        {"ACCOUNTNO": "60100", "AMOUNT": "100", "DEPARTMENTID": "100", "BATCH_TITLE": "Test"},
        {"ACCOUNTNO": "10010", "AMOUNT": "-100", "DEPARTMENTID": "", "BATCH_TITLE": "Test"},
    ]
    read = data(demo, f"<read><object>GLBATCH</object><keys>{key}</keys><fields>STATE,ENTRIES</fields></read>")
    assert [line.findtext("LINE_NO") for line in read.children[0].children[1]] == ["1", "2"]


@pytest.mark.parametrize(
    ("lines", "cells", "message"),
    [
        (("60100 D 100 DEPARTMENT=100", "10010 C 90"), {}, "out of balance by 10.00"),
        (("60100 D 100 DEPARTMENT=100",), {}, "at least two lines"),
        (("77777 D 5", "10010 C 5"), {}, "Invalid GL Account '77777' specified."),
        (("60100 D 5 DEPARTMENT=987", "10010 C 5"), {}, "Invalid Department '987' specified."),
        (("60100 D 5 DEPARTMENT=100 LOCATION=xyz", "10010 C 5"), {}, "Invalid Location 'xyz' specified."),
        (("60100 D 5", "10010 C 5"), {}, "Department is required for account 60100."),
        (("60100 D -5 DEPARTMENT=100", "10010 C -5"), {}, "is negative"),
        (GOOD, {"journal": "NOPE"}, "Invalid Journal 'NOPE' specified."),
        (GOOD, {"day": "01/15/2026"}, "closed period"),
        (GOOD, {"day": "someday"}, "Illegal format"),
    ],
)
def test_a_bad_entry_is_refused_with_its_reason(
    demo: Emulator, lines: tuple[str, ...], cells: dict[str, str], message: str
) -> None:
    before = trial_balance(demo)
    refusal = faults(demo, entry(*lines, **cells))
    assert message in refusal[0].description2
    assert refusal[-1].description2.startswith("Could not create")
    assert trial_balance(demo) == before


def test_lines_in_two_entities_add_lines_due_to_and_due_from(demo: Emulator) -> None:
    key = key_of(demo, entry("60100 D 100 DEPARTMENT=100 LOCATION=210", "10010 C 100"))
    where = f"<equalto><field>BATCHNO</field><value>{key}</value></equalto>"
    lines = rows(data(demo, query("GLENTRY", "ACCOUNTNO LOCATION TR_TYPE AMOUNT", where)))
    by_entity: dict[str, Decimal] = {}
    for line in lines:
        entity = f"{line['LOCATION'][0]}00"
        by_entity[entity] = by_entity.get(entity, Decimal(0)) + Decimal(line["AMOUNT"]) * int(line["TR_TYPE"])
    assert by_entity == {"200": 0, "100": 0}
    assert {line["ACCOUNTNO"] for line in lines} == {"60100", "10010", "14200", "24100"}


def test_a_draft_is_not_in_the_ledger_until_it_is_posted(demo: Emulator) -> None:
    before = trial_balance(demo)
    key = key_of(demo, entry(*GOOD, STATE="Draft"))
    assert trial_balance(demo) == before
    posted = f"<update>{element('GLBATCH', RECORDNO=key, STATE='Posted')}</update>"
    assert one(demo, posted).status == "success"
    assert trial_balance(demo)["60100 USD"][0] - before["60100 USD"][0] == 100


def test_an_update_replaces_the_lines_and_a_delete_removes_them(demo: Emulator) -> None:
    before = trial_balance(demo)
    key = key_of(demo, entry(*GOOD))
    lines = "".join(
        element("GLENTRY", ACCOUNTNO=account, TR_TYPE=side, TRX_AMOUNT="7.5", LOCATION="110", DEPARTMENT="100")
        for account, side in (("60100", 1), ("10010", -1))
    )
    changed = f"<update>{element('GLBATCH', RECORDNO=key, ENTRIES=lines)}</update>"
    assert one(demo, changed).status == "success"
    assert trial_balance(demo)["60100 USD"][0] - before["60100 USD"][0] == Decimal("7.5")
    assert one(demo, f"<delete><object>GLBATCH</object><keys>{key}</keys></delete>").status == "success"
    assert trial_balance(demo) == before
    where = f"<equalto><field>BATCHKEY</field><value>{key}</value></equalto>"
    assert data(demo, query("GLDETAIL", "RECORDNO", where)).get("totalcount") == "0"


def test_a_new_title_keeps_the_lines_and_their_numbers(demo: Emulator) -> None:
    key = key_of(demo, entry(*GOOD))
    where = f"<equalto><field>BATCHNO</field><value>{key}</value></equalto>"
    numbers = rows(data(demo, query("GLENTRY", "RECORDNO AMOUNT", where)))
    one(demo, f"<update>{element('GLBATCH', RECORDNO=key, BATCH_TITLE='Renamed')}</update>")
    assert rows(data(demo, query("GLENTRY", "RECORDNO AMOUNT", where))) == numbers
    assert {row["BATCHTITLE"] for row in rows(data(demo, query("GLENTRY", "BATCHTITLE", where)))} == {"Renamed"}


def test_a_failed_transaction_leaves_no_change(demo: Emulator) -> None:
    before = trial_balance(demo)
    done = results(demo, entry(*GOOD), entry("60100 D 1 DEPARTMENT=100", "10010 C 2"), entry(*GOOD), transaction=True)
    assert [result.status for result in done] == ["aborted", "failure", "aborted"]
    assert [result.faults[-1].errorno for result in done] == ["XL03000009"] * 3
    assert len(done[1].faults) > 1
    assert trial_balance(demo) == before


def test_every_entity_balances_in_every_currency(demo: Emulator) -> None:
    sums: dict[str, Decimal] = {}
    for row in data(demo, NOVEMBER):
        amount = Decimal(row.findtext("endbalance"))
        sums[row.findtext("currency")] = sums.get(row.findtext("currency"), Decimal(0)) + amount
    assert sums == {"USD": 0, "CAD": 0}


def test_foreign_amounts_are_converted_at_the_rate(demo: Emulator) -> None:
    lines = ("60100 D 100 DEPARTMENT=100 CURRENCY=EUR EXCHANGE_RATE=1.1", "10010 C 100 CURRENCY=EUR EXCHANGE_RATE=1.1")
    key = key_of(demo, entry(*lines))
    where = f"<equalto><field>BATCHNO</field><value>{key}</value></equalto>"
    found = rows(data(demo, query("GLENTRY", "AMOUNT TRX_AMOUNT CURRENCY BASECURR", where)))
    assert found == [{"AMOUNT": "110", "TRX_AMOUNT": "100", "CURRENCY": "EUR", "BASECURR": "USD"}] * 2


def test_an_entry_with_a_reversal_date_is_reversed_on_that_day(demo: Emulator) -> None:
    before = trial_balance(demo)
    key_of(demo, entry(*GOOD, REVERSEDATE="11/20/2026"))
    after = trial_balance(demo)
    assert after["60100 USD"][0] - before["60100 USD"][0] == 100
    assert after["60100 USD"][1] - before["60100 USD"][1] == 100


def test_amounts_are_rounded_half_up_to_the_cent(demo: Emulator) -> None:
    key = key_of(demo, entry("60100 D 100.125 DEPARTMENT=100", "10010 C 100.125"))
    where = f"<equalto><field>BATCHKEY</field><value>{key}</value></equalto>"
    assert [row["AMOUNT"] for row in rows(data(demo, query("GLDETAIL", "AMOUNT", where)))] == ["100.13", "-100.13"]


@pytest.mark.parametrize(("asked", "option", "entries"), [("PR-1", "", 1), ("pr-1", "", 0), ("pr-1", "true", 1)])
def test_a_query_tells_cases_apart_unless_it_says_otherwise(
    demo: Emulator, asked: str, option: str, entries: int
) -> None:
    key_of(demo, entry(*GOOD, REFERENCENO="PR-1"))
    where = f"<equalto><field>REFERENCENO</field><value>{asked}</value></equalto>"
    options = f"<options><caseinsensitive>{option}</caseinsensitive></options>" if option else ""
    request = query("GLBATCH", "RECORDNO MODULE", where).replace("</query>", f"{options}</query>")
    posted = rows(data(demo, request))
    assert len(posted) == entries
    assert [row["MODULE"] for row in posted] == ["2.GL"] * entries, "an entry that no document made"
