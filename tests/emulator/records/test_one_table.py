"""Objects that are kinds of one thing: each id, and each record number, belongs to one record of them."""

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, faults, one, query, rows
from support.emulator.own_company import OwnCompany

JOURNALS = ("GLJOURNAL", "STATJOURNAL", "ADJJOURNAL")
NEW = {
    "GLACCOUNT": "<ACCOUNTNO>{}</ACCOUNTNO><TITLE>New</TITLE><ACCOUNTTYPE>incomestatement</ACCOUNTTYPE>"
    "<NORMALBALANCE>debit</NORMALBALANCE><CLOSINGTYPE>non-closing account</CLOSINGTYPE>",
    "STATACCOUNT": "<ACCOUNTNO>{}</ACCOUNTNO><TITLE>New</TITLE><ACCOUNTTYPE>forperiod</ACCOUNTTYPE>",
    "ADJJOURNAL": "<SYMBOL>{}</SYMBOL><TITLE>New</TITLE>",
}
LEGACY = {"GLJOURNAL": "journal", "STATJOURNAL": "statjournal"}
"""Journals that only legacy functions write."""


@pytest.fixture
def own() -> Emulator:
    return OwnCompany().emulator()


def succeed(own: Emulator, function: str) -> None:
    result = one(own, function)
    assert result.status == "success", result.faults


def create(name: str, key: str) -> str:
    if legacy := LEGACY.get(name):
        return f"<create_{legacy}><symbol>{key}</symbol><title>New</title></create_{legacy}>"
    return f"<create><{name}>{NEW[name].format(key)}</{name}></create>"


def rename(name: str, key: str) -> str:
    if legacy := LEGACY.get(name):
        return f'<update_{legacy} symbol="{key}"><title>Renamed</title></update_{legacy}>'
    return f"<update><{name}><SYMBOL>{key}</SYMBOL><TITLE>Renamed</TITLE></{name}></update>"


def remove(name: str, key: str, number: str) -> str:
    if legacy := LEGACY.get(name):
        return f'<delete_{legacy} symbol="{key}"/>'
    return f"<delete><object>{name}</object><keys>{number}</keys></delete>"


def number_of(own: Emulator, name: str, field: str, key: str) -> str:
    """The record number of a record; empty if the object does not show it."""
    where = f"<equalto><field>{field}</field><value>{key}</value></equalto>"
    return next((row["RECORDNO"] for row in rows(data(own, query(name, "RECORDNO", where)))), "")


@pytest.mark.parametrize("first", ["GLACCOUNT", "STATACCOUNT"])
def test_an_account_and_a_statistical_account_never_have_one_record_number(own: Emulator, first: str) -> None:
    order = [first, "STATACCOUNT" if first == "GLACCOUNT" else "GLACCOUNT"]
    for place, name in enumerate([*order, *order]):
        succeed(own, create(name, f"8{place}"))
    numbers = [
        row["RECORDNO"] for name in ("GLACCOUNT", "STATACCOUNT") for row in rows(data(own, query(name, "RECORDNO")))
    ]
    assert len(numbers) == len(set(numbers)) > 4


@pytest.mark.parametrize(
    ("name", "shown_by"),
    [
        ("GLJOURNAL", {"GLJOURNAL", "JOURNAL"}),
        ("STATJOURNAL", {"STATJOURNAL", "JOURNAL"}),
        ("ADJJOURNAL", {"ADJJOURNAL", "GLJOURNAL", "JOURNAL"}),
    ],
)
def test_a_journal_is_created_changed_and_deleted_wherever_it_is_shown(
    own: Emulator, name: str, shown_by: set[str]
) -> None:
    succeed(own, create(name, "NEWJ"))
    numbers = {shown: number_of(own, shown, "SYMBOL", "NEWJ") for shown in (*JOURNALS, "JOURNAL")}
    assert {shown for shown, number in numbers.items() if number} == shown_by
    (number,) = set(numbers.values()) - {""}

    if name != "STATJOURNAL":  # the gateway has no function that changes one
        succeed(own, rename(name, "NEWJ"))
    where = "<equalto><field>SYMBOL</field><value>NEWJ</value></equalto>"
    titles = {shown: rows(data(own, query(shown, "TITLE", where))) for shown in shown_by}
    assert titles == {key: [{"TITLE": "New" if name == "STATJOURNAL" else "Renamed"}] for key in shown_by}

    succeed(own, remove(name, "NEWJ", number))
    assert [number_of(own, shown, "SYMBOL", "NEWJ") for shown in shown_by] == [""] * len(shown_by)


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ("GLACCOUNT", "STATACCOUNT", "8000"),
        ("STATACCOUNT", "GLACCOUNT", "8000"),
        ("GLJOURNAL", "STATJOURNAL", "NEWJ"),
        ("ADJJOURNAL", "GLJOURNAL", "NEWJ"),
    ],
)
def test_an_id_is_used_once_among_the_kinds(own: Emulator, first: str, second: str, key: str) -> None:
    succeed(own, create(first, key))
    refusal = " ".join(fault.text for fault in faults(own, create(second, key)))
    assert key in refusal
    field = "ACCOUNTNO" if "ACCOUNT" in second else "SYMBOL"
    assert number_of(own, second, field, key) in ("", number_of(own, first, field, key))
