"""The client against the emulator, in process: they exchange only bytes."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from intacct_bridge import (
    Aggregate,
    Client,
    InvalidRequestError,
    NotPermittedError,
    Order,
    Query,
    SignInError,
    element,
    field,
)
from intacct_bridge.client.gateway.runtime import System
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import CompanySettings, EmulatorSettings, RoleSettings, UserSettings
from intacct_protocol.errors import InDoubtError, SettingsError
from intacct_protocol.model.keys import keys_of
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from support.client.gateway import Time
from support.demo_company import DEMO


def client(transport: Any, **settings: Any) -> Client:
    time = Time()
    return Client(replace(DEMO, **settings), transport=transport, system=System(clock=time, sleep=time.sleep))


@pytest.fixture
def company(demo: Emulator) -> Iterator[Client]:
    with client(demo) as made:
        yield made


# --- reading


@pytest.mark.parametrize("name", ["VENDOR", "APBILL", "GLBATCH", "GLACCOUNT", "AUDITHISTORY", "USERINFO"])
def test_every_way_of_reading_gives_the_same_rows(company: Client, name: str) -> None:
    query = Query(name, ("*",), page_size=300, show_private=True)
    rows = list(company.query(query))
    assert len(rows) > 3
    key = keys_of(company.describe(name)).record
    by_offset = Query(name, ("*",), page_size=170, show_private=True, order=(Order(key),))
    assert list(company.query(by_offset)) == rows
    batched = [row for batch in company.batches(query) for row in batch.to_pylist()]
    assert batched == rows
    counted = company.query(Query(name, (Aggregate("count", key),), show_private=True))
    assert [list(row.values()) for row in counted] == [[len(rows)]]


def test_a_view_whose_key_repeats_is_read_completely(grown: Emulator) -> None:
    """Not confirmed: whether a GLDETAIL record number repeats in every book. Either way no row is missed."""
    for repeats in (False, True):
        settings = EmulatorSettings(behaviour=Behaviour(gldetail_key_per_book=repeats))
        made = client(grown.clone(settings=settings))
        where = (field("ENTRY_DATE") >= date(2026, 9, 1)) & (field("ENTRY_DATE") <= date(2026, 9, 20))
        found = [
            (row["RECORDNO"], row["BOOKID"])
            for row in made.query("GLDETAIL", "RECORDNO, BOOKID", where=where, page_size=97)
        ]
        (counted,) = made.query("GLDETAIL", [Aggregate("count", "RECORDNO")], where=where)
        assert len(found) == len(set(found)) == counted["COUNT.RECORDNO"]
        assert len(found) > 300


def test_a_negative_limit_and_an_entity_that_is_no_text_are_refused(company: Client) -> None:
    for read in (company.query, company.table):
        with pytest.raises(SettingsError, match="the limit is -1"):
            read("VENDOR", "VENDORID", limit=-1)
    assert list(company.query("VENDOR", "VENDORID", limit=0)) == []
    with pytest.raises(SettingsError, match="the entity is") as refused:
        company.entity(["300"])  # type: ignore[arg-type]
    assert "as a string" in refused.value.fix


def test_groups_come_in_pages(company: Client) -> None:
    select: list[str | Aggregate] = ["VENDORID", Aggregate("count", "RECORDNO")]
    rows = list(company.query("APBILL", select, page_size=7))
    assert len(rows) > 14
    assert len({row["VENDORID"] for row in rows}) == len(rows)
    assert sum(int(str(row["COUNT.RECORDNO"])) for row in rows) == len(list(company.query("APBILL", "RECORDNO")))


def test_filters_select_the_expected_rows(company: Client) -> None:
    bills = list(company.query("APBILL", "RECORDNO, TOTALDUE, WHENDUE, STATE, VENDORID"))
    where = (field("TOTALDUE") > 1000) & (field("WHENDUE") >= date(2026, 6, 1)) & (field("STATE") != "Paid")
    found = list(company.query("APBILL", "RECORDNO, TOTALDUE, WHENDUE, STATE, VENDORID", where=where))
    assert found == [
        row
        for row in bills
        if row["TOTALDUE"] is not None
        and Decimal(str(row["TOTALDUE"])) > 1000
        and isinstance(row["WHENDUE"], date)
        and row["WHENDUE"] >= date(2026, 6, 1)
        and row["STATE"] not in (None, "Paid")
    ]
    assert found


def test_a_relation_is_followed(company: Client) -> None:
    rows = list(company.query("APBILL", "VENDORID, VENDOR.NAME", limit=20))
    names = {row["VENDORID"]: row["NAME"] for row in company.query("VENDOR", "VENDORID, NAME")}
    assert rows and all(row["VENDOR.NAME"] == names[row["VENDORID"]] for row in rows)


def test_a_record_comes_with_lines_that_add_up(company: Client) -> None:
    bill = next(company.query("APBILL", "RECORDNO, TOTALENTERED"))
    number = bill["RECORDNO"]
    assert isinstance(number, int)
    (record,) = company.read("APBILL", [number])
    lines = record["APBILLITEMS"]
    assert isinstance(lines, list)
    total = sum((Decimal(str(line["AMOUNT"])) for line in lines), Decimal())
    assert total == bill["TOTALENTERED"] == record["TOTALENTERED"]
    assert isinstance(record["WHENCREATED"], date)
    (named,) = company.read_by_name("VENDOR", [str(record["VENDORID"])])
    assert named["VENDORID"] == record["VENDORID"]
    assert company.read("APBILL", [999_999_999]) == []


def test_the_catalogue_describes_the_company(company: Client) -> None:
    objects = company.objects()
    assert "APBILL" in objects and len(objects) > 250
    assert company.inspect("VENDOR").find("vendorid").kind == "TEXT"
    found = company.describe_many(["GLENTRY", "GLBATCH"])
    assert found["GLENTRY"].fields["AMOUNT"].kind == "DECIMAL"
    with pytest.raises(InvalidRequestError, match="did you mean VENDOR"):
        company.describe("VENDORR")


def test_the_users_formatting_is_read(grown: Emulator) -> None:
    odd = UserSettings(date=".dmY", clock=12, offset_minutes=570)
    settings = EmulatorSettings(companies=(CompanySettings(users=(odd,)),))
    odd_rows = list(client(grown.clone(settings=settings)).query("GLBATCH", limit=50))
    assert list(client(grown.clone()).query("GLBATCH", limit=50)) == odd_rows


@pytest.mark.parametrize(
    ("version", "sent"),
    [
        ("3.0", b"<WHENCREATED>11/05/2026</WHENCREATED>"),  # shape: Sage's SDK, dates as m/d/Y
        ("2.1", b"<datecreated><year>2026</year><month>11</month><day>05</day></datecreated>"),  # shape: the DTD of 2.1
    ],
)
def test_dates_are_sent_in_the_documented_format(grown: Emulator, version: str, sent: bytes) -> None:
    users = (UserSettings(date="/dmY", offset_minutes=120),)
    emulator = grown.clone(settings=EmulatorSettings(companies=(CompanySettings(users=users),)))
    line = {"ACCOUNTNO": "60500", "TRX_AMOUNT": Decimal("1.00"), "LOCATIONID": "110", "DEPARTMENTID": "100"}
    row = {
        "VENDORID": "V10087",
        "WHENCREATED": date(2026, 11, 5),
        "WHENDUE": date(2026, 12, 6),
        "RECORDID": "D-1",
        "APBILLITEMS": [line],
    }
    (done,) = client(emulator, dtd_version=version).create("APBILL", [row])
    assert done.ok, done.faults
    assert sent in emulator.received[-1].body
    company = client(emulator)
    (bill,) = company.query("APBILL", "WHENCREATED, WHENDUE", where="RECORDID = 'D-1'")
    assert bill == {"WHENCREATED": date(2026, 11, 5), "WHENDUE": date(2026, 12, 6)}
    found = company.query("APBILL", "RECORDID", where=field("WHENCREATED") == date(2026, 11, 5))
    assert {"RECORDID": "D-1"} in list(found)


# --- entities


def test_an_entity_sees_its_own_and_the_top_level_sees_all(company: Client) -> None:
    entities = [str(row["LOCATIONID"]) for row in company.query("LOCATIONENTITY", "LOCATIONID")]
    assert len(entities) == 3
    counts = []
    for entity in entities:
        with company.entity(entity) as inside:
            owners = {row["MEGAENTITYID"] for row in inside.query("GLBATCH", "MEGAENTITYID")}
            assert owners <= {entity, None}
            counts.append(sum(1 for _ in inside.query("GLBATCH", "RECORDNO", where=f"MEGAENTITYID = '{entity}'")))
    assert all(counts)
    total = sum(1 for _ in company.query("GLBATCH", "RECORDNO", where="MEGAENTITYID is not null"))
    assert sum(counts) == total
    with pytest.raises(SignInError, match="demo"), company.entity("nowhere") as lost:
        lost.sign_in()


# --- signing in


@pytest.mark.parametrize(
    "wrong",
    [
        {"sender_id": "x"},
        {"sender_password": "planted-wrong-1"},
        {"company_id": "x"},
        {"user_id": "x"},
        {"user_password": "planted-wrong-2"},
        {"location_id": "nowhere"},
    ],
)
def test_a_wrong_setting_is_a_refused_sign_in_with_a_fix(empty: Emulator, wrong: dict[str, str]) -> None:
    with pytest.raises(SignInError, match="connection 'demo'") as caught:
        client(empty, **wrong).sign_in()
    assert caught.value.fix and caught.value.faults and caught.value.exit_status == 3
    assert "planted" not in f"{caught.value!r}{caught.value.__dict__}"


def test_signing_in_beside_other_work_happens_once_and_raises_its_error(demo: Emulator, empty: Emulator) -> None:
    with client(demo) as made:
        with made.signing_in():
            pass
        list(made.query("VENDOR", "VENDORID"))
        assert made.meter.usage().by_function["getAPISession"].functions == 1
    with client(empty, user_password="wrong") as made:
        done: list[str] = []
        with pytest.raises(SignInError, match="connection 'demo'"), made.signing_in():
            done.append("the body")
        assert done == ["the body"]
        with pytest.raises(ZeroDivisionError), made.signing_in():
            raise ZeroDivisionError
        assert made.meter.usage().calls == 2
    with client(demo, authentication="login") as made:
        with made.signing_in():
            pass
        assert not made.meter.usage().calls


def test_a_session_that_runs_out_is_renewed_without_losing_a_call() -> None:
    now = [1_795_258_800.0]
    emulator = Emulator.empty(clock=lambda: now[0])
    time = Time()
    made = Client(DEMO, transport=emulator, system=System(clock=time, sleep=time.sleep))
    list(made.query("VENDOR"))
    # ours stands still while the gateway's goes on: the session is lost without a warning
    now[0] += 7 * 24 * 3600
    list(made.query("VENDOR"))
    assert made.meter.usage().by_function["getAPISession"].functions == 2
    assert made.company_time == datetime.fromtimestamp(now[0], UTC)
    emulator.close()


def test_logins_without_a_session_work_as_well(demo: Emulator) -> None:
    made = client(demo, authentication="login", location_id="100")
    assert list(made.query("LOCATIONENTITY", "LOCATIONID"))
    assert "getAPISession" not in made.meter.usage().by_function
    assert made.sign_in().location_id == "100"


def test_a_missing_right_is_named(grown: Emulator) -> None:
    reader = RoleSettings("reader", {"VENDOR": ("list", "view")})
    user = UserSettings(roles=("reader",))
    settings = EmulatorSettings(companies=(CompanySettings(users=(user,), roles=(reader,)),))
    made = client(grown.clone(settings=settings))
    assert list(made.query("VENDOR", "VENDORID"))
    with pytest.raises(NotPermittedError):
        list(made.query("APBILL", "RECORDNO"))


# --- writing


def vendor(name: str) -> dict[str, Any]:
    return {"VENDORID": name, "NAME": f"<{name}> & co", "DISPLAYCONTACT.PRINTAS": name}


def test_records_are_created_updated_and_deleted_with_an_outcome_each(company: Client) -> None:
    outcomes = company.create("VENDOR", [vendor("NEW1"), vendor("NEW1"), vendor("NEW2")])
    assert [each.status for each in outcomes] == ["success", "failure", "success"]
    assert outcomes[1].faults[0].errorno == "BL34000061"
    (found,) = company.read_by_name("VENDOR", ["NEW1"])
    assert found["NAME"] == "<NEW1> & co"
    assert company.update("VENDOR", [{"VENDORID": "NEW1", "NAME": "Renamed", "TAXID": None}])[0].ok
    assert company.delete("VENDOR", [outcomes[0].key])[0].ok
    assert company.read_by_name("VENDOR", ["NEW1"]) == []
    assert company.meter.usage().by_object["VENDOR"].transactions >= 5


def test_a_transaction_is_all_or_nothing(company: Client) -> None:
    outcomes = company.create("VENDOR", [vendor("NEW1"), vendor("NEW1")], transaction=True)
    assert not any(each.ok for each in outcomes)
    assert "aborted" in [each.status for each in outcomes]
    assert company.read_by_name("VENDOR", ["NEW1"]) == []


def test_a_write_whose_answer_is_lost_was_applied_and_is_in_doubt(demo: Emulator) -> None:
    def losing(endpoint: str, body: bytes) -> Reply:
        reply = demo(endpoint, body)
        if b"<create>" in body:
            raise ConnectionCutError("the line went dead", sent=True)
        return reply

    with pytest.raises(InDoubtError) as caught:
        client(losing).create("VENDOR", [vendor("LOST")])
    assert len(caught.value.control_ids) == 1
    assert len(client(demo).read_by_name("VENDOR", ["LOST"])) == 1


def test_a_control_id_is_not_executed_twice(company: Client) -> None:
    from intacct_bridge import Function
    from intacct_protocol.xml.xml import Element

    record = element("VENDOR", element("VENDORID", "ONCE"), element("NAME", "Once"),
                     element("DISPLAYCONTACT", element("PRINTAS", "Once")))  # fmt: skip
    function = Function(Element("create", children=(record,)), "the-same-id")
    assert company.submit([function])[0].status == "success"
    assert company.submit([function])[0].status == "failure"
    assert len(company.read_by_name("VENDOR", ["ONCE"])) == 1


# --- many at once


def test_threads_share_one_client(demo: Emulator) -> None:
    made = client(demo, concurrency=4)
    expected = [row["RECORDNO"] for row in client(demo).query("APBILL", "RECORDNO")]
    found: list[list[Any]] = []

    def read() -> None:
        found.append([row["RECORDNO"] for row in made.query("APBILL", "RECORDNO", page_size=200)])

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4
    assert made.meter.usage().by_function["getAPISession"].functions == 1
