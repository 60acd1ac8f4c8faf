"""Misspelt field names of rows that a program writes are refused, before anything is sent."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from intacct_bridge.client.client import Client
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.catalog import FieldDef, object_def
from intacct_protocol.model.writing.field_names import refuse_misspelt
from intacct_protocol.xml.values import UNSET, Kind
from support import small_company

VENDOR = object_def(
    "VENDOR",
    [FieldDef(one, Kind.TEXT) for one in ("RECORDNO", "VENDORID", "NAME", "COMMENTS", "DISPLAYCONTACT.PRINTAS")],
)


@pytest.mark.parametrize(
    ("row", "name", "told"),
    [
        ({"VENDORID": "V", "NAM": "x"}, "NAM", "VENDOR has no field 'NAM'; did you mean NAME?"),
        ({"VENDORID": "V", "comment": "x"}, "COMMENT", "VENDOR has no field 'comment'; did you mean COMMENTS?"),
        ({"VENDORID": "V", "PRINTAS": "x"}, "PRINTAS",
         "VENDOR has no field 'PRINTAS'; did you mean DISPLAYCONTACT.PRINTAS?"),
        ({"VENDORID": "V", "DISPLAYCONTACT": {"PRINTS": "x"}}, "DISPLAYCONTACT.PRINTS",
         "VENDOR has no field 'DISPLAYCONTACT.PRINTS'; did you mean DISPLAYCONTACT.PRINTAS?"),
    ],
)  # fmt: skip
def test_a_name_that_looks_like_a_field_that_the_row_lacks_is_refused(
    row: dict[str, Any], name: str, told: str
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        refuse_misspelt(VENDOR, row)
    assert refused.value.message == told
    refuse_misspelt(VENDOR, row, [name])


@pytest.mark.parametrize(
    "row",
    [
        {"VENDORID": "V", "name": "x", "DISPLAYCONTACT": {"PRINTAS": "x"}},
        {"VENDORID": "V", "NAME": "x", "NAME2": "x"},  # the row has NAME, so NAME2 is another field
        {"VENDORID": "V", "SOMETHING": "x", "ACTION": "Draft"},
        {"VENDORID": "V", "NAM": UNSET},  # it is not sent
    ],
)
def test_other_names_are_sent(row: dict[str, Any]) -> None:
    refuse_misspelt(VENDOR, row)


@pytest.fixture
def books() -> Iterator[Client]:
    with closing(small_company.company(small_company.Clock())) as emulator, small_company.client(emulator) as client:
        yield client


LINE = {"ACCOUNTNO": "60100", "TRX_AMOUNT": "5.00", "LOCATIONID": "100", "DEPARTMENTID": "100"}


def test_writes_of_the_library_refuse_misspelt_names_of_headers_and_lines(books: Client) -> None:
    vendor = {"VENDORID": "V-1", "NAMES": "Acme"}
    for write in (books.create, books.update, books.upsert):
        with pytest.raises(InvalidRequestError, match="VENDOR has no field 'NAMES'; did you mean NAME"):
            write("VENDOR", [{"VENDORID": "V-2", "NAME": "Bolt"}, vendor])
    assert list(books.query("VENDOR", ["VENDORID"])) == []
    bill = {"VENDORID": "V-1", "APBILLITEMS": [{**LINE, "LOCATIONID": UNSET, "LOCATONID": "100"}]}
    with pytest.raises(InvalidRequestError, match="APBILLITEM has no field 'LOCATONID'; did you mean LOCATIONID"):
        books.create("APBILL", [bill])
    bill = {"VENDORID": "V-1", "APBILLITEM": [LINE]}
    with pytest.raises(InvalidRequestError, match="APBILL has no field 'APBILLITEM'; did you mean APBILLITEMS"):
        books.create("APBILL", [bill])


def test_a_name_that_only_looks_misspelt_is_sent_where_the_caller_names_it(books: Client) -> None:
    row = {"CLASSID": "R", "NAME": "Retail", "DESCRIPTON": "x"}
    with pytest.raises(InvalidRequestError, match="unlisted"):
        books.create("CLASS", [row])
    (outcome,) = books.create("CLASS", [row], unlisted=["DESCRIPTON"])
    assert outcome.ok, outcome.faults
