"""Reversals: of journal entries on a later day, and of documents and payments with their lines."""

from decimal import Decimal
from typing import Any

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.behaviour import Behaviour
from support.emulator.calls import data, element, one, query, rows
from support.emulator.own_company import NOW, OwnCompany
from support.emulator.own_records import (
    bill,
    day_of,
    detail,
    invoice,
    journal,
    key_of,
    payment,
    receipt,
    trial_balance,
)

DAY = 86_400
D = Decimal
LINES = ("6000 D 5", "1000 C 5")
HEAD = "RECORDNO STATE BATCH_DATE REVERSED REVERSEDKEY REVERSEDFROM"


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def own(clock: Clock) -> Emulator:
    return OwnCompany().emulator().clone(clock=clock)


def equal(field: str, text: str) -> str:
    return f"<equalto><field>{field}</field><value>{text}</value></equalto>"


def heads(emulator: Emulator) -> list[list[str]]:
    return [list(row.values()) for row in rows(data(emulator, query("GLBATCH", HEAD)))]


def entry_states(emulator: Emulator, batch: str) -> set[str]:
    where = equal("BATCHNO", batch)
    return {row["STATE"] for row in rows(data(emulator, query("GLENTRY", "STATE", where)))}


def test_an_entry_is_pending_until_the_day_of_its_reversal(own: Emulator, clock: Clock) -> None:
    """Today is 21 November; the entry reverses on 1 December."""
    key = key_of(own, journal(*LINES, REVERSEDATE="12/01/2026"))
    other = str(int(key) + 1)
    assert heads(own) == [
        [key, "Reversal pending", "11/10/2026", "12/01/2026", other, ""],
        [other, "Posted", "12/01/2026", "", "", key],
    ]
    assert entry_states(own, key) == {"Reversal Pending"}
    assert trial_balance(own, "2026-11-01", "2026-11-30")["6000"][3] == 5
    clock.now += 9 * DAY
    assert heads(own)[0][1] == "Reversal pending"
    clock.now += 1 * DAY
    (row,) = rows(
        data(
            own,
            query("GLBATCH", "STATE WHENMODIFIED", f"<equalto><field>RECORDNO</field><value>{key}</value></equalto>"),
        )
    )
    assert row == {"STATE": "Reversed", "WHENMODIFIED": "12/01/2026 11:00:00"}
    assert entry_states(own, key) == {"Reversed"}
    assert trial_balance(own, "2026-12-01", "2026-12-31")["6000"] == (D(5), D(0), D(5), D(0))


def test_an_entry_reversed_in_the_past_is_reversed_at_once(own: Emulator) -> None:
    key = key_of(own, journal(*LINES, REVERSEDATE="11/15/2026"))
    assert heads(own)[0] == [key, "Reversed", "11/10/2026", "11/15/2026", str(int(key) + 1), ""]


def test_a_draft_is_reversed_when_it_is_posted(own: Emulator) -> None:
    key = key_of(own, journal(*LINES, REVERSEDATE="12/01/2026", STATE="Draft"))
    assert heads(own) == [[key, "Draft", "11/10/2026", "12/01/2026", "", ""]]
    assert one(own, f"<update>{element('GLBATCH', RECORDNO=key, STATE='Posted')}</update>").status == "success"
    assert [row[1] for row in heads(own)] == ["Reversal pending", "Posted"]


def test_new_lines_and_days_change_the_reversal_too(own: Emulator) -> None:
    key = key_of(own, journal(*LINES, REVERSEDATE="12/01/2026"))
    lines = "".join(
        element("GLENTRY", ACCOUNTNO=account, TR_TYPE=side, TRX_AMOUNT="7", LOCATION="US")
        for account, side in (("6100", 1), ("1000", -1))
    )
    body = element("GLBATCH", RECORDNO=key, REVERSEDATE="12/05/2026", ENTRIES=lines)
    assert one(own, f"<update>{body}</update>").status == "success"
    assert [row[:4] for row in heads(own)] == [
        [key, "Reversal pending", "11/10/2026", "12/05/2026"],
        [str(int(key) + 1), "Posted", "12/05/2026", ""],
    ]
    assert trial_balance(own, "2026-11-01", "2026-12-31")["6100"] == (D(0), D(7), D(7), D(0))


def test_a_deleted_entry_takes_its_reversal_along(own: Emulator) -> None:
    key = key_of(own, journal(*LINES, REVERSEDATE="12/01/2026"))
    assert one(own, f"<delete><object>GLBATCH</object><keys>{key}</keys></delete>").status == "success"
    assert heads(own) == detail(own) == []
    deleted = f"<and>{equal('OBJECTTYPE', 'glbatch')}{equal('ACCESSMODE', 'D')}</and>"
    found = {row["OBJECTKEY"] for row in rows(data(own, query("AUDITHISTORY", "OBJECTKEY", deleted)))}
    assert {one.partition("-")[0] for one in found} == {key, str(int(key) + 1)}


def test_an_entry_whose_reversal_is_deleted_is_posted(own: Emulator, clock: Clock) -> None:
    key = key_of(own, journal(*LINES, REVERSEDATE="12/01/2026"))
    assert one(own, f"<delete><object>GLBATCH</object><keys>{int(key) + 1}</keys></delete>").status == "success"
    assert heads(own) == [[key, "Posted", "11/10/2026", "", "", ""]]
    clock.now += 30 * DAY
    assert heads(own)[0][1] == "Posted"


def reversal(function: str, key: str) -> str:
    return f'<{function} key="{key}">{day_of("datereversed", "2026-11-22")}</{function}>'


def lines_of(emulator: Emulator, name: str, by: str, key: str) -> list[dict[str, Any]]:
    where = equal(by, key)
    return rows(data(emulator, query(name, "STATE WHENMODIFIED", where)))


@pytest.mark.parametrize(
    ("function", "undo", "line"),
    [(bill("5"), "reverse_bill", "APBILLITEM"), (invoice("5"), "reverse_invoice", "ARINVOICEITEM")],
)
def test_the_lines_of_a_reversed_document_are_reversed(
    own: Emulator, clock: Clock, function: str, undo: str, line: str
) -> None:
    key = key_of(own, function)
    assert lines_of(own, line, "RECORDKEY", key) == [{"STATE": "Posted", "WHENMODIFIED": "11/21/2026 11:00:00"}]
    clock.now += DAY
    mirror = key_of(own, reversal(undo, key))
    assert lines_of(own, line, "RECORDKEY", key) == [{"STATE": "Reversed", "WHENMODIFIED": "11/22/2026 11:00:00"}]
    assert lines_of(own, line, "RECORDKEY", mirror) == [{"STATE": "Reversal", "WHENMODIFIED": "11/22/2026 11:00:00"}]


@pytest.mark.parametrize(
    ("owed", "pay", "undo", "line", "item"),
    [
        (bill("5"), payment, "reverse_appayment", "APPYMTDETAIL", "APBILLITEM"),
        (invoice("5"), receipt, "reverse_arpayment", "ARPYMTDETAIL", "ARINVOICEITEM"),
    ],
)
def test_the_details_of_a_reversed_payment_are_void_and_the_paid_lines_open(
    own: Emulator, clock: Clock, owed: str, pay: Any, undo: str, line: str, item: str
) -> None:
    key = key_of(own, owed)
    paid = key_of(own, pay(key, "5"))
    assert [row["STATE"] for row in lines_of(own, item, "RECORDKEY", key)] == ["Paid"]
    clock.now += DAY
    key_of(own, reversal(undo, paid))
    assert lines_of(own, line, "PAYMENTKEY", paid) == [{"STATE": "V", "WHENMODIFIED": "11/22/2026 11:00:00"}]
    assert lines_of(own, item, "RECORDKEY", key) == [{"STATE": "Posted", "WHENMODIFIED": "11/22/2026 11:00:00"}]


@pytest.mark.parametrize(("setting", "status"), [("accepted", "success"), ("refused", "failure")])
@pytest.mark.parametrize("kind", ["journal", "bill", "payment"])
def test_a_reversal_before_its_original_follows_the_setting(setting: Any, status: str, kind: str) -> None:
    """The entry and the bill are of 10 November, the payment is of the 20th; each is reversed on the 9th."""
    own = OwnCompany(behaviour=Behaviour(early_reversals=setting)).emulator()
    early = day_of("datereversed", "2026-11-09")
    if kind == "journal":
        result = one(own, journal(*LINES, REVERSEDATE="11/09/2026"))
    else:
        key = key_of(own, bill("5"))
        key, function = (
            (key, "reverse_bill") if kind == "bill" else (key_of(own, payment(key, "5")), "reverse_appayment")
        )
        result = one(own, f'<{function} key="{key}">{early}</{function}>')
        same_day = day_of("datereversed", "2026-11-20")
        assert status == "success" or one(own, f'<{function} key="{key}">{same_day}</{function}>').status == "success"
    assert result.status == status
    if status == "failure":
        assert "The reversal date 11/09/2026 is before 11/" in result.faults[0].description2
