"""Dates in requests are MM/DD/YYYY or named parts, whatever the API user's own format."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, entry, faults, one, query, rows

LINES = ("60500 D 5 DEPARTMENT=100", "60600 C 5 DEPARTMENT=100")
FIFTH = "<year>2026</year><month>11</month><day>05</day>"
"""5 November: a day that could also be a month."""
BILL = (
    f"<create_bill><vendorid>V10087</vendorid><datecreated>{FIFTH}</datecreated><termname>N30</termname>"
    "<billno>D-1</billno><billitems><lineitem><glaccountno>60500</glaccountno><amount>1.00</amount>"
    "<locationid>110</locationid><departmentid>100</departmentid></lineitem></billitems></create_bill>"
)
PROJECT = (
    "<create_project><projectid>D-2</projectid><name>D</name><projectcategory>Contract</projectcategory>"
    f"<begindate>{FIFTH}</begindate></create_project>"
)


@pytest.fixture
def british(grown: Emulator) -> Iterator[Emulator]:
    (company,) = grown.settings.companies
    users = tuple(replace(one, date="/dmY") for one in company.users)
    emulator = grown.clone(settings=replace(grown.settings, companies=(replace(company, users=users),)))
    yield emulator
    assert emulator.incidents == []
    emulator.close()


def read_back(emulator: Emulator, name: str, number: str, field: str) -> tuple[str, str]:
    """The stored text, and the text that the user sees."""
    where = f"<equalto><field>RECORDNO</field><value>{number}</value></equalto>"
    (row,) = rows(data(emulator, query(name, field, where)))
    return (emulator.company().table(name).get(int(number)) or {})[field], row[field]


def test_dates_of_generic_writes_have_the_month_first(british: Emulator) -> None:
    number = data(british, entry(*LINES, day="11/05/2026")).children[0].findtext("RECORDNO")
    assert read_back(british, "GLBATCH", number, "BATCH_DATE") == ("11/05/2026", "05/11/2026")
    change = f"<update><GLBATCH><RECORDNO>{number}</RECORDNO><BATCH_DATE>2026-11-06</BATCH_DATE></GLBATCH></update>"
    data(british, change)
    assert read_back(british, "GLBATCH", number, "BATCH_DATE") == ("11/06/2026", "06/11/2026")


def test_a_date_in_the_users_own_order_is_refused(british: Emulator) -> None:
    fault, *_ = faults(british, entry(*LINES, day="15/11/2026"))
    assert "15/11/2026" in fault.text


@pytest.mark.parametrize(
    ("function", "name", "field"), [(BILL, "APBILL", "WHENCREATED"), (PROJECT, "PROJECT", "BEGINDATE")]
)
def test_a_legacy_date_has_named_parts(british: Emulator, function: str, name: str, field: str) -> None:
    key = one_key(british, function)
    number = str(british.company().table(name).find("PROJECTID", key)[0]) if name == "PROJECT" else key
    assert read_back(british, name, number, field) == ("11/05/2026", "05/11/2026")


def one_key(emulator: Emulator, function: str) -> str:
    result = one(emulator, function)
    assert result.status == "success", result.faults
    assert result.key
    return result.key


def test_dates_of_filters_have_the_month_first(british: Emulator) -> None:
    data(british, entry(*LINES, day="11/05/2026"))
    where = "<equalto><field>BATCH_DATE</field><value>11/05/2026</value></equalto>"
    found = rows(data(british, query("GLBATCH", "BATCH_DATE", where)))
    assert {row["BATCH_DATE"] for row in found} == {"05/11/2026"}
