"""A company made from an extracted copy has its records, fields and balances; an anonymous one has none of its names.

The original is a small company that a file declares, with documents that were posted on it. What the two companies
answer over the gateway is compared, through a client.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.extract.pipeline import ReadRequest, prepare
from intacct_bridge.testing import Company, make_company
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.xml import parse
from support.journeys.copying import ended

HARBOUR = """
[[company]]
currency = "EUR"
books = ["ACCRUAL", "CASH"]
entity = [{ id = "HAM-1", name = "Hamburg" }, { id = "ROT-2", name = "Rotterdam", currency = "EUR" }]
account = [
  { number = "1000", title = "Harbour Bank" },
  { number = "2000", title = "Payables", kind = "liability" },
  { number = "6000", title = "Pilotage", kind = "expense" },
]
posting_accounts = { payables = "2000", rounding = "6000" }
journal = [{ symbol = "GJ" }]
dimension = [{ name = "FUND", value = [{ name = "Dredging" }] }]
custom_field = [
  { object = "VENDOR", name = "SOURCE" },
  { object = "VENDOR", name = "RISKTIER" },
  { object = "VENDOR", name = "RATING", type = "decimal" },
]

[[company.custom_object]]
name = "BERTH"
field = [{ name = "STATE" }, { name = "RVENDOR", relation = "VENDOR" }, { name = "BUILT", type = "date" }]

[company.records]
VENDOR = [
  { VENDORID = "TUG-0815", NAME = "Acme Tugs", RISKTIER = "Severe", RATING = 4.25, TAXID = "DE811569869" },
  { VENDORID = "TUG-4711", NAME = "Bolt & Söhne", SOURCE = "Referred by Jane", PARENTID = "TUG-0815" },
]
BERTH = [{ name = "North quay", STATE = "Jane's", RVENDOR = 2, BUILT = 1998-05-06 }]
"""
STREAMS = (
    *("VENDOR", "LOCATION", "LOCATIONENTITY", "GLACCOUNT", "GLJOURNAL", "JOURNAL", "FUND", "BERTH", "USERINFO"),
    *("APBILL", "APBILLITEM", "GLBATCH", "GLENTRY", "GLDETAIL", "AUDITHISTORY", "TRXCURRENCIES", "REPORTINGPERIOD"),
)
SECRETS = (
    *(
        "Acme",
        "Tugs",
        "Jane",
        "Bolt",
        "Söhne",
        "TUG-0815",
        "TUG-4711",
        "Severe",
        "DE811569869",
        "Hamburg",
        "Rotterdam",
        "HAM-1",
    ),
    *("ROT-2", "Harbour Bank", "Pilotage", "North quay", "Dredging", "INV-7734", "towage"),
)
Cells = Mapping[str, Any]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    path = tmp_path_factory.mktemp("harbour") / "harbour.toml"
    path.write_text(HARBOUR)
    company = make_company(company=str(path))
    client = company.client()
    line = {"ACCOUNTNO": "6000", "TRX_AMOUNT": Decimal("119.99"), "LOCATIONID": "HAM-1", "GLDIMFUND": "10001"}
    bill = {
        "VENDORID": "TUG-0815",
        "WHENCREATED": date(2026, 10, 5),
        "WHENDUE": date(2026, 11, 5),
        "RECORDID": "INV-7734",
    }
    item = line | {"ENTRYDESCRIPTION": "Acme Tugs, towage"}
    client.create("APBILL", [bill | {"APBILLITEMS": [item]}])
    lines = [
        {"ACCOUNTNO": "6000", "TRX_AMOUNT": Decimal("0.30"), "TR_TYPE": 1, "LOCATION": "ROT-2", "VENDORID": "TUG-4711"},
        {"ACCOUNTNO": "1000", "TRX_AMOUNT": Decimal("0.30"), "TR_TYPE": -1, "LOCATION": "ROT-2"},
    ]
    entry = {"JOURNAL": "GJ", "BATCH_DATE": date(2026, 10, 6), "BATCH_TITLE": "Fees", "ENTRIES": lines}
    client.create("GLBATCH", [entry])
    yield company
    company.close()


@pytest.fixture(scope="module")
def copy(original: Company, tmp_path_factory: pytest.TempPathFactory) -> str:
    return extracted(original, f"duckdb:///{tmp_path_factory.mktemp('copy') / 'harbour.duckdb'}")


def extracted(company: Company, uri: str, *names: str) -> str:
    with closing(open_destination(uri)) as destination:
        done = ended(prepare(company.client(), ReadRequest(names or [*STREAMS, "trial_balance"])).into(destination))
    assert not [one for one in done.values() if one.error]
    return uri


def read(company: Company, name: str) -> list[Cells]:
    """Every field of every record, without those that no company keeps."""
    client = company.client()
    fields = [one for one in client.describe(name).fields if one != "RECORD_URL" and "#" not in one]
    return sorted(client.query(name, fields), key=str)


def balances(company: Company, book: str) -> dict[str, Decimal]:
    """The trial balance by account."""
    return {row["glaccountno"]: row["endbalance"] for row in trial_balance(company.client(), book)}


def trial_balance(client: Client, book: str) -> list[dict[str, Any]]:
    days = "".join(
        f"<{tag}><year>2026</year><month>{month}</month><day>{day}</day></{tag}>"
        for tag, month, day in (("startdate", 1, 1), ("enddate", 12, 31))
    )
    asked = f"<get_trialbalance>{days}<reportingbook>{book}</reportingbook></get_trialbalance>"
    answer = client.ask(parse(asked.encode())).data or ()
    return [{cell.tag: Decimal(cell.text) if cell.tag == "endbalance" else cell.text for cell in row} for row in answer]


def test_the_company_answers_as_the_original(original: Company, copy: str) -> None:
    made = make_company(copy=copy)
    for name in STREAMS:
        assert read(made, name) == read(original, name), name
    for book in ("ACCRUAL", "CASH"):
        assert balances(made, book) == balances(original, book)
    assert balances(made, "ACCRUAL")["6000"] == Decimal("120.29")
    (berth,) = made.client().query("BERTH", "name, RVENDOR.NAME")
    assert berth == {"name": "North quay", "RVENDOR.NAME": "Bolt & Söhne"}
    made.close()


@pytest.mark.parametrize("scheme", ["parquet", "csv", "postgresql"])
def test_a_copy_can_be_in_any_destination(
    scheme: str, original: Company, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    some = ("VENDOR", "BERTH", "GLDETAIL")
    uri = request.getfixturevalue("postgres") if scheme == "postgresql" else f"{scheme}:{tmp_path / scheme}"
    made = make_company(copy=extracted(original, uri, *some))
    for name in some:
        assert made.rows(name) == original.rows(name), name
    assert balances(made, "ACCRUAL") == balances(original, "ACCRUAL")
    made.close()


def test_it_goes_on_as_a_company(copy: str, tmp_path: Path) -> None:
    accounts = tmp_path / "more.toml"
    accounts.write_text('[[company]]\nposting_accounts = { payables = "2000", rounding = "6000" }\n')
    made = make_company(copy=copy, company=str(accounts))
    line = {"ACCOUNTNO": "6000", "TRX_AMOUNT": Decimal("1.01"), "LOCATIONID": "HAM-1", "GLDIMFUND": "10001"}
    bill = {
        "VENDORID": "TUG-4711",
        "WHENCREATED": date(2026, 12, 5),
        "WHENDUE": date(2026, 12, 5),
        "RECORDID": "INV-7735",
    }
    (outcome,) = made.client().create("APBILL", [bill | {"APBILLITEMS": [line]}])
    assert outcome.ok, outcome
    numbers = [row["RECORDNO"] for row in made.client().query("APBILL", "RECORDNO")]
    assert len(set(numbers)) == 2
    assert balances(made, "ACCRUAL")["6000"] == Decimal("121.30")
    made.close()


def test_an_anonymous_company_has_the_shape_and_no_names(original: Company, copy: str) -> None:
    made = make_company(copy=copy, anonymise=True)
    for name in STREAMS:
        before, after = read(original, name), read(made, name)
        assert len(after) >= len(before)  # the user of the gateway is added
        told = str([list(row.values()) for row in after])
        assert [secret for secret in SECRETS if secret in told] == [], name
        for field in before[0] if before else ():
            if isinstance(before[0][field], (Decimal, int, date, datetime)) and name != "USERINFO":
                values = [sorted(str(row[field]) for row in rows) for rows in (before, after)]
                assert values[0] == values[1], (name, field)
    client = made.client()
    vendors = {row["VENDORID"]: row for row in client.query("VENDOR", "VENDORID, NAME, PARENTID, RATING")}
    assert len(vendors) == 2
    (child,) = [row for row in vendors.values() if row["PARENTID"]]
    assert vendors[child["PARENTID"]]["RATING"] == Decimal("4.25")
    (bill,) = client.query("APBILL", "VENDORID, VENDORNAME, VENDOR.NAME, TOTALENTERED")
    assert bill["VENDORNAME"] == bill["VENDOR.NAME"] == vendors[bill["VENDORID"]]["NAME"]
    assert bill["TOTALENTERED"] == Decimal("119.99")
    (item,) = client.query("APBILLITEM", "LOCATIONID, LOCATIONNAME, GLDIMFUND")
    places = {row["LOCATIONID"]: row["NAME"] for row in client.query("LOCATION", "LOCATIONID, NAME")}
    assert places[item["LOCATIONID"]] == item["LOCATIONNAME"]
    assert sorted(balances(made, "ACCRUAL").values()) == sorted(balances(original, "ACCRUAL").values())
    made.close()


def test_no_two_texts_become_the_same(copy: str) -> None:
    one, other = (make_company(copy=copy, anonymise=True) for _ in "12")
    names = [[row["NAME"] for row in made.rows("VENDOR")] for made in (one, other)]
    assert names[0] != names[1]  # the key of the replacements is drawn anew
    assert len({row["VENDORID"] for row in one.rows("VENDOR")}) == 2
    one.close()
    other.close()


def test_what_is_no_copy_is_refused(tmp_path: Path) -> None:
    for uri, said in (
        (f"duckdb:///{tmp_path / 'none.duckdb'}", "there is no file"),
        (f"parquet:{tmp_path}", "holds no complete table"),
        ("mysql://host/db", "Unsupported destination"),
    ):
        with pytest.raises(SettingsError, match=said):
            make_company(copy=uri)
