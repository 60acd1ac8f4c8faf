"""A foreign judge: PyPI's `sageintacctsdk`, unmodified, against the demo company over HTTP.

Only the address it talks to is changed, which it keeps as an attribute of each of its objects. What it reads out of
answers (one row as a dict, many as a list, `@totalcount`, the key of what it created) is its own affair.
"""

import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest
import sageintacctsdk
from sageintacctsdk.apis.api_base import ApiBase
from sageintacctsdk.exceptions import SageIntacctSDKError

from intacct_bridge import Client, Connection
from intacct_bridge.library import client_of
from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.layouts.choose import layout_for
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.tables.open import open_table
from intacct_bridge.load.undo.undo import UndoSettings, plan_undo
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve

ACCOUNT = {
    "sender_id": "demo-sender",
    "sender_password": "demo-sender-password",
    "user_id": "demo-user",
    "company_id": "demo-company",
    "user_password": "demo-user-password",
}


@pytest.fixture(scope="module")
def emulator(grown: Emulator) -> Iterator[Emulator]:
    emulator = grown.clone(clock=time.time)
    yield emulator
    assert emulator.incidents == []
    emulator.close()


@pytest.fixture
def pointed(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The SDK's objects point at the emulator from the moment they are made."""
    original = ApiBase.__init__
    with serve(emulator) as server:

        def initialise(self: Any, *positional: Any, **named: Any) -> None:
            original(self, *positional, **named)
            self._ApiBase__api_url = server.url

        monkeypatch.setattr(ApiBase, "__init__", initialise)
        yield server.url


@pytest.fixture
def sdk(pointed: str) -> Any:
    return sageintacctsdk.SageIntacctSDK(**ACCOUNT, show_private=True)


def test_it_reads_lists(sdk: Any, emulator: Emulator) -> None:
    departments = sdk.departments.get_all()
    assert len(departments) == emulator.company().table("DEPARTMENT").count()
    assert {"DEPARTMENTID", "TITLE", "RECORDNO", "STATUS"} <= set(departments[0])


LISTS = (
    *("accounts", "allocations", "ar_invoices", "bills", "charge_card_accounts", "checking_accounts", "classes"),
    *("contacts", "contracts", "customers", "departments", "employees", "expense_payment_types", "expense_reports"),
    *("expense_types", "items", "location_entities", "locations", "projects", "tasks", "tax_details", "vendors"),
)


@pytest.mark.parametrize("name", LISTS)
def test_it_reads_every_list_with_the_fields_it_asks_for(sdk: Any, name: str) -> None:
    assert sdk.__dict__[name].get_all()


def test_it_pages(sdk: Any, emulator: Emulator) -> None:
    total = emulator.company().table("GLDETAIL").count()
    fields = ["RECORDNO", "BATCH_DATE", "ACCOUNTNO", "AMOUNT"]
    pages = list(sdk.gl_detail.get_all_generator(fields=fields))
    keys = [row["RECORDNO"] for page in pages for row in page]
    assert len(pages) == -(-total // 2000)
    assert len(keys) == len(set(keys)) == total


def test_it_counts_and_filters(sdk: Any) -> None:
    active = int(sdk.vendors.count())
    assert 0 < active <= int(sdk.vendors.count(field=None, value=None))
    found = sdk.vendors.get(field="VENDORID", value="V10003", fields=["VENDORID", "NAME"])
    assert [row["VENDORID"] for row in found["VENDOR"]] == ["V10003"]
    assert sdk.departments.get(field="DEPARTMENTID", value="100")["department"]["TITLE"] == "Administration"


def test_it_creates_and_updates(sdk: Any) -> None:
    contact = {"PRINTAS": "Thornbury Tools", "EMAIL1": "accounts@thornbury.example"}
    made = sdk.vendors.post({"VENDORID": "V-SDK", "NAME": "Thornbury Tools", "DISPLAYCONTACT": contact})
    assert made["data"]["vendor"]["VENDORID"] == "V-SDK"
    key = made["data"]["vendor"]["RECORDNO"]
    sdk.vendors.update({"RECORDNO": key, "NAME": "Thornbury Tools & Dies"})
    found = sdk.vendors.get(field="RECORDNO", value=key, fields=["NAME", "DISPLAYCONTACT.EMAIL1"])
    assert found["VENDOR"] == [{"NAME": "Thornbury Tools & Dies", "DISPLAYCONTACT.EMAIL1": contact["EMAIL1"]}]


def test_it_posts_a_journal_entry(sdk: Any, emulator: Emulator) -> None:
    lines = [
        {"ACCOUNTNO": "60100", "DEPARTMENT": "100", "LOCATION": "110", "TR_TYPE": 1, "TRX_AMOUNT": "12.50"},
        {"ACCOUNTNO": "10010", "LOCATION": "110", "TR_TYPE": -1, "TRX_AMOUNT": "12.50"},
    ]
    entry = {"JOURNAL": "GJ", "BATCH_DATE": "11/20/2026", "BATCH_TITLE": "From elsewhere"}
    made = sdk.journal_entries.post({**entry, "ENTRIES": [{"GLENTRY": lines}]})
    key = int(made["data"]["glbatch"]["RECORDNO"])
    assert len(emulator.company().table("GLENTRY").find("BATCHNO", str(key))) == 2


BILL = """VENDORID,RECORDID,WHENCREATED,WHENDUE,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID
V10001,SDK-1,2026-11-02,2026-12-02,61000,100.10,110,100
"""


@pytest.mark.parametrize(
    ("name", "text", "query", "states"),
    [
        (
            "APBILL",
            BILL,
            "bills",
            {"Reversed", "Reversal"},
        ),
        ("CLASS", "CLASSID,NAME\nSDK-1,Lab\n", "classes", set()),
    ],
)
def test_it_sees_what_an_undo_took_back(
    sdk: Any, pointed: str, tmp_path: Path, name: str, text: str, query: str, states: set[str]
) -> None:
    by = "RECORDID" if name == "APBILL" else "CLASSID"

    def seen() -> list[dict[str, Any]]:
        return [row for row in sdk.__dict__[query].get_all() if row[by] == "SDK-1"]

    (tmp_path / "input.csv").write_text(text)
    connection = Connection(name="judged", endpoint=pointed, environment="demo", **dict[str, Any](ACCOUNT))
    with Client(connection, keep=False) as client, Outbox(tmp_path / "outbox.sqlite3") as outbox:
        company = client
        table, layout = open_table(tmp_path / "input.csv"), layout_for(name, company)
        assert [one.good for one in Loader(company, outbox).apply(make_plan(table, layout, company, outbox))] == [True]
        assert len(seen()) == 1
        undo = plan_undo(company, outbox, outbox.entries(), UndoSettings(date(2026, 11, 20)))
        assert undo.plan is not None
        assert [one.good for one in Loader(company, outbox).apply(undo.plan)] == [True]
    assert {row["STATE"] for row in seen()} == states
    assert sum(float(row["TOTALENTERED"]) for row in seen() if states) == 0


def test_it_sees_one_bill_however_often_its_source_is_corrected(sdk: Any, pointed: str, tmp_path: Path) -> None:
    connection = Connection(name="judged", endpoint=pointed, environment="demo", **dict[str, Any](ACCOUNT))

    def seen() -> list[tuple[str, float]]:
        rows = sdk.bills.get_all()
        return [(row["RECORDID"], float(row["TOTALENTERED"])) for row in rows if row["RECORDID"].startswith("SDK-C")]

    def load(number: str, amount: str, mode: Literal["create", "upsert"]) -> bool:
        head = "ID,Vendor,Bill no,Date,Due date,Account,Amount,Location,Department"
        (tmp_path / "bills.csv").write_text(f"{head}\n7,V10001,{number},2026-11-02,2026-12-02,61000,{amount},110,100\n")
        with client_of(connection, outbox=tmp_path / "corrected.sqlite3", history=None) as books:
            plan = books.plan(tmp_path / "bills.csv", layout="bills", key="ID", source_name="shop", mode=mode)
            return all(one.good for one in plan.apply(refused="skip", progress=False)) and not plan.refused

    assert load("SDK-C1", "100.10", "create")
    for number, amount in (("SDK-C1", "90.00"), ("SDK-C2", "100.10")):
        assert not load(number, amount, "create")
        assert seen() == [("SDK-C1", 100.10)]
    assert load("SDK-C2", "90.00", "upsert")
    assert load("SDK-C2", "90.00", "upsert")
    assert seen() == [("SDK-C2", 90.00)]


def test_it_is_told_why_it_is_refused(sdk: Any, pointed: str) -> None:
    with pytest.raises(SageIntacctSDKError) as refused:
        sdk.departments.post({"DEPARTMENTID": "100", "TITLE": "Again"})
    assert "already exists" in str(refused.value.response)
    with pytest.raises(SageIntacctSDKError) as signed_out:
        sageintacctsdk.SageIntacctSDK(**{**ACCOUNT, "user_password": "wrong"})
    assert "Sign-in information is incorrect" in str(signed_out.value.response)
