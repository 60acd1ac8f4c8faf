"""`tap-intacct` as a scheduler runs it: files in, messages out, against the demo company over HTTP."""

import json
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.apps.singer.protocol.state import read_state
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.companies import ALL_MODULES, CompanySettings, EmulatorSettings
from intacct_emulator.settings.faults import FaultPlan, ScriptedFault
from support.demo_company import NOW
from support.journeys.tapping import CREDENTIALS, Tap, discovered


def test_a_first_sync_sends_everything_and_the_next_only_the_changes(tap: Tap) -> None:
    config, catalog, _ = discovered(tap, "VENDOR", "CLASS")
    first = tap.run("--config", config, "--catalog", catalog)
    assert first.status == 0, first.err
    books = tap.emulator.company()
    assert len(first.records("VENDOR")) == books.table("VENDOR").count() > 50
    kinds = Counter((one["type"], one.get("stream")) for one in first.messages)
    assert kinds["SCHEMA", "VENDOR"] == kinds["ACTIVATE_VERSION", "VENDOR"] == 1
    assert first.messages[-1]["type"] == "STATE"

    second = tap.run("--config", config, "--catalog", catalog, "--state", tap.keep("state.json", first.state))
    assert second.status == 0, second.err
    assert second.records("VENDOR") == second.records("CLASS") == []
    assert not any(one["type"] == "ACTIVATE_VERSION" for one in second.messages)


def test_every_record_follows_its_schema_and_keeps_its_version(tap: Tap) -> None:
    config, catalog, _ = discovered(tap, "APBILL")
    ran = tap.run("--config", config, "--catalog", catalog)
    schema = next(one for one in ran.messages if one["type"] == "SCHEMA")
    properties = schema["schema"]["properties"]
    assert schema["key_properties"] == ["RECORDNO"]
    of_type = {"string": str, "integer": int, "boolean": bool, "number": (int, float), "null": type(None)}
    for record in ran.records("APBILL"):
        for name, value in record.items():
            assert isinstance(value, tuple(t for n in properties[name]["type"] for t in _types(of_type[n]))), name
    assert len({one["version"] for one in ran.messages if one["type"] in ("RECORD", "ACTIVATE_VERSION")}) == 1


def _types(one: Any) -> tuple[type, ...]:
    return one if isinstance(one, tuple) else (one,)


def test_fields_that_are_not_selected_are_not_sent(tap: Tap) -> None:
    config, _, document = discovered(tap, "CLASS")
    for one in document["streams"][0]["metadata"]:
        if one["breadcrumb"] not in ([], ["properties", "NAME"]) and one["metadata"]["inclusion"] != "automatic":
            one["metadata"]["selected"] = False
    ran = tap.run("--config", config, "--catalog", tap.keep("chosen.json", document))
    assert {frozenset(record) for record in ran.records("CLASS")} == {frozenset({"RECORDNO", "NAME", "WHENMODIFIED"})}


def test_hotglue_names_and_state_are_understood(tap: Tap) -> None:
    config, catalog, document = discovered(tap, "accounts_payable_vendors", stream_names="hotglue")
    assert document["streams"][0]["stream"] == "accounts_payable_vendors"
    state = tap.keep("state.json", {"accounts_payable_vendors": "2026-11-20T00:00:00Z"})
    ran = tap.run("--config", config, "--catalog", catalog, "--state", state)
    assert ran.status == 0, ran.err
    assert "accounts_payable_vendors: " in ran.err
    assert len(ran.records("accounts_payable_vendors")) < tap.emulator.company().table("VENDOR").count()


def test_the_state_of_a_meltano_tap_is_understood(tap: Tap) -> None:
    config, catalog, _ = discovered(tap, "accounts_payable_vendors", stream_names="hotglue")
    held = {"replication_key": "WHENMODIFIED", "replication_key_value": "2026-11-20T00:00:00"}
    state = tap.keep("state.json", {"bookmarks": {"accounts_payable_vendors": held, "classes": {"starting": None}}})
    ran = tap.run("--config", config, "--catalog", catalog, "--state", state)
    assert ran.status == 0, ran.err
    assert len(ran.records("accounts_payable_vendors")) < tap.emulator.company().table("VENDOR").count()
    assert ran.state["bookmarks"]["VENDOR"]["progress"]["since"] > "11/20/2026"


@pytest.mark.parametrize(
    "state", [{"S": "2026-11-20T00:00:00Z"}, {"bookmarks": {"S": {"replication_key_value": "2026-11-20"}}}]
)
def test_another_taps_time_is_reduced_by_the_overlap(state: dict[str, Any]) -> None:
    """It is the time of the last row that the other tap read; rows that appeared late may have an earlier one."""
    (bookmark,) = read_state(state).bookmarks.values()
    assert bookmark.since == "11/19/2026 22:00:00"


@pytest.mark.parametrize(
    ("key", "value", "since"),
    [
        ("WHENMODIFIED", "2026-11-20T00:00:00Z", "11/19/2026 22:00:00"),
        ("updatedAt", "2026-11-20", "11/19/2026 22:00:00"),
        ("PENDDATE", "2027-12-31", ""),
        ("RECORDNO", 4711, ""),
    ],
)
def test_another_taps_bookmark_counts_where_it_is_a_time_of_change(key: str, value: Any, since: str) -> None:
    """The MeltanoLabs tap keeps the end of a budget's period; where that is next year, changes until then would be
    missed.
    """
    held = {"bookmarks": {"GLBUDGETITEM": {"replication_key": key, "replication_key_value": value}}}
    assert read_state(held).bookmarks["GLBUDGETITEM"].since == since


@pytest.mark.parametrize("how", ["in the catalogue", "in the config"])
def test_a_stream_with_a_full_refresh_every_time_gets_a_new_version_every_time(
    tmp_path: Path, grown: Emulator, how: str
) -> None:
    times = count(int(NOW))
    with closing(grown.clone(clock=lambda: float(next(times)))) as emulator, serve(emulator) as server:
        tap = Tap(tmp_path, server.url, emulator)
        more: dict[str, Any] = {} if how == "in the catalogue" else {"full_every_by_stream": {"classes": 0}}
        config, catalog, document = discovered(tap, "classes", "departments", stream_names="hotglue", **more)
        if how == "in the catalogue":
            document["streams"][0]["metadata"][0]["metadata"]["replication-method"] = "FULL_TABLE"
            catalog = tap.keep("catalog.json", document)
        first = tap.run("--config", config, "--catalog", catalog)
        second = tap.run("--config", config, "--catalog", catalog, "--state", tap.keep("state.json", first.state))
    assert len(second.records("classes")) == len(first.records("classes")) > 0
    assert second.records("departments") == []
    (old,), (new,) = (
        {one["version"] for one in ran.messages if one.get("stream") == "classes" and "version" in one}
        for ran in (first, second)
    )
    assert old < new
    assert [one["stream"] for one in second.messages if one["type"] == "ACTIVATE_VERSION"] == ["classes"]


def test_settings_from_the_environment(tap: Tap) -> None:
    environment = {f"TAP_INTACCT_{key.upper()}": value for key, value in CREDENTIALS.items()}
    environment |= {"TAP_INTACCT_API_URL": tap.url, "TAP_INTACCT_STREAMS": '["CLASS"]'}
    ran = tap.run("--config", "ENV", environment=environment)
    assert ran.status == 0, ran.err
    assert ran.records("CLASS")


LATE = ScriptedFault("slow", "query", object="GLDETAIL", calls=(5,), seconds=3)


def test_a_tap_that_is_terminated_completes_its_last_line(tmp_path: Path, grown: Emulator) -> None:
    """The pipe is full when the signal comes, so the tap is in the middle of a message. One page is late, so the tap
    cannot read everything before it notices the signal.
    """
    with closing(grown.clone(faults=(LATE,))) as emulator, serve(emulator) as server:
        tap = Tap(tmp_path, server.url, emulator)
        config, catalog, _ = discovered(tap, "GLDETAIL")
        module = "intacct_bridge.apps.singer.tap"
        command = [sys.executable, "-m", module, "--config", str(config), "--catalog", str(catalog)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as running:
            assert running.stdout is not None
            assert running.stderr is not None
            lines = [running.stdout.readline() for _ in range(100)]
            running.send_signal(signal.SIGTERM)
            lines += running.stdout.readlines()
            said = running.stderr.read().decode()
    messages = [json.loads(line) for line in lines]
    assert (running.returncode, lines[-1][-1:]) == (143, b"\n")
    assert messages[-1]["type"] == "STATE"
    assert messages[-1]["value"]["bookmarks"]["GLDETAIL"]["progress"]["unread"]
    assert "Interrupted" in said
    assert "Traceback" not in said


def test_a_catalogue_is_readable_in_every_encoding_of_the_output(tap: Tap) -> None:
    config = tap.config(streams=["LOCATION"])
    plain, odd = (
        tap.run("--config", config, "--discover", environment={"PYTHONIOENCODING": one}) for one in ("utf-8", "ascii")
    )
    assert (plain.status, odd.status) == (0, 0)
    assert plain.out == odd.out
    assert json.loads(odd.out)["streams"]


def test_a_wrong_password_is_explained_with_status_3(tap: Tap) -> None:
    ran = tap.run("--config", tap.config(user_password="guess-again", streams=["CLASS"]), "--discover")
    assert ran.status == 3
    assert ran.out == b""
    assert "Traceback" not in ran.err
    assert "guess-again" not in ran.err


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"strems": ["CLASS"]}, "did you mean streams"),
        ({"start_date": "soon"}, "is not a time"),
        ({"full_every_by_stream": {"CLASS": "daily"}}, "of type object of integers, 0 or more"),
        ({"decimals": "float"}, "must be number or string"),
        ({"user_password": 7}, "must be of type string"),
        ({"streams": ["CLASS", 1]}, "must be of type array of strings"),
        ({"overlap_seconds": -1}, "overlap_seconds is -1, and must be 0 or more"),
        ({"full_every": -1}, "must be 0 or more"),
        ({"max_transactions": 0}, "must be 1 or more"),
    ],
)
def test_a_wrong_config_is_status_2(tap: Tap, more: dict[str, Any], says: str) -> None:
    ran = tap.run("--config", tap.config(**more), "--discover")
    assert ran.status == 2
    assert says in ran.err


def test_an_unknown_stream_costs_only_itself(tap: Tap) -> None:
    _, _, document = discovered(tap, "CLASS", "NOSUCHTHING")
    assert [one["stream"] for one in document["streams"]] == ["CLASS"]


def test_the_audit_history_of_an_unknown_object_is_an_error(tap: Tap) -> None:
    names = ("audit_history_CONTRACT", "audit_history_classes", "audit_history_vendor", "audit_history_VENDR")
    config, _, document = discovered(tap, *names, stream_names="hotglue")
    streams = {one["stream"] for one in document["streams"]}
    assert streams == {"audit_history_CONTRACT", "audit_history_classes", "audit_history_accounts_payable_vendors"}
    assert "no object VENDR; did you mean VENDOR" in tap.run("--config", config, "--discover").err


@pytest.mark.parametrize("more", [(), ("--test",)])
def test_a_stream_in_the_config_that_the_company_does_not_have_fails(tap: Tap, more: tuple[str, ...]) -> None:
    names = ["CLASS", "class", "VENDR", "SODOCUMENT:Nope", "trial_balances?from=2026-11-01", "INVDOCUMENT:*"]
    ran = tap.run("--config", tap.config(streams=names), *more)
    assert ran.status == 1
    failed = {line.partition(":")[0] for line in ran.err.splitlines() if "failed" in line or "there is no" in line}
    assert failed == {"VENDR", "SODOCUMENT"}
    assert more or (ran.records("CLASS") and ran.records("trial_balance"))


@pytest.mark.parametrize(
    ("left_out", "says"),
    [
        (["sender_id", "user_password"], ["Give sender_id, user_password in the config", "TAP_INTACCT_SENDER_ID, ..."]),
        (list(CREDENTIALS), ["Give company_id, sender_id", "TAP_INTACCT_COMPANY_ID, ..."]),
    ],
)
def test_missing_settings_are_named(tap: Tap, left_out: list[str], says: list[str]) -> None:
    ran = tap.run("--config", tap.config(**dict.fromkeys(left_out)), "--discover")
    assert ran.status == 2
    for one in says:
        assert one in " ".join(ran.err.split())


def test_a_setting_that_is_null_is_not_given(tap: Tap) -> None:
    """Schedulers write unset settings as null, as `--about` allows for each that is not required."""
    none = dict.fromkeys(
        ["start_date", "location_id", "max_transactions", "unified", "full_every_by_stream", "attachments"]
    )
    _, _, document = discovered(tap, "CLASS", **none)
    assert [one["stream"] for one in document["streams"]] == ["CLASS"]


@pytest.mark.parametrize(
    ("names", "streams", "says"),
    [
        (["CLAS*", "class", "NOSUCHTHING", "NOPE*"], {"CLASS", "CLASSGROUP"}, ["NOSUCHTHING: left", "NOPE*: no obj"]),
        (["class", "CLASS", "Class"], {"CLASS"}, []),
        (["accounts_payable_b*", "CLASS*"], {
            "accounts_payable_bills", "accounts_payable_bill_items", "accounts_payable_bank_accounts", "classes",
            "CLASSGROUP",
        }, []),
    ],
)  # fmt: skip
def test_names_and_patterns_are_each_found_once_or_reported(
    tap: Tap, names: list[str], streams: set[str], says: list[str]
) -> None:
    config = tap.config(streams=names, **({"stream_names": "hotglue"} if "classes" in streams else {}))
    ran = tap.run("--config", config, "--discover")
    found = [one["stream"] for one in json.loads(ran.out)["streams"]]
    assert (sorted(found), ran.status) == (sorted(streams), 0)
    for one in says:
        assert one in ran.err


def test_a_field_that_no_answer_can_hold_cannot_be_selected(tap: Tap) -> None:
    config, catalog, document = discovered(tap, "CHECKINGACCOUNT")
    about = {tuple(one["breadcrumb"]): one["metadata"] for one in document["streams"][0]["metadata"]}
    assert about["properties", "DEPT#"] == {"inclusion": "unsupported"}
    ran = tap.run("--config", config, "--catalog", catalog)
    (schema,) = (one["schema"] for one in ran.messages if one["type"] == "SCHEMA")
    assert not [name for name in schema["properties"] if "#" in name]
    assert "left out" not in ran.err


@pytest.mark.parametrize("text", ["", "\n", " {}\n"])
def test_an_empty_state_is_none(tap: Tap, text: str) -> None:
    config, catalog, _ = discovered(tap, "CLASS")
    (tap.place / "state.json").write_text(text)
    ran = tap.run("--config", config, "--catalog", catalog, "--state", tap.place / "state.json")
    assert ran.status == 0, ran.err
    assert ran.records("CLASS")


def test_a_denied_object_costs_only_itself_and_says_so(tmp_path: Path, grown: Emulator) -> None:
    modules = tuple(one for one in ALL_MODULES if one != "AP")
    settings = EmulatorSettings(companies=(CompanySettings(modules=modules),))
    with closing(grown.clone(settings=settings)) as emulator, serve(emulator) as server:
        tap = Tap(tmp_path, server.url, emulator)
        config, catalog, document = discovered(tap, "APBILL", "CLASS")
        about = {one["stream"]: one["metadata"][0]["metadata"] for one in document["streams"]}
        assert (about["APBILL"].get("intacct.readable"), about["CLASS"].get("intacct.readable")) == (False, None)
        ran = tap.run("--config", config, "--catalog", catalog)
        assert ran.status == 1
        assert ran.records("CLASS")
        assert "APBILL: failed: " in ran.err
        assert "Traceback" not in ran.err


DENIED = ScriptedFault(
    "fault", "lookup", object="CLASS", calls=(), errorno="XL03000006", text="You do not have permission for this."
)


def test_an_object_that_may_not_be_described_costs_only_itself(tmp_path: Path, grown: Emulator) -> None:
    with closing(grown.clone(faults=(DENIED,))) as emulator, serve(emulator) as server:
        tap = Tap(tmp_path, server.url, emulator)
        names = sorted(name for name in emulator.company().catalog if name != "CLASS")[:39]
        _, _, document = discovered(tap, "CLASS", *names)
        functions = [name for one in emulator.received for name in one.functions]
    assert len(document["streams"]) == 39
    assert len(functions) <= 45
    assert len(emulator.received) <= 5


CLOSED = ScriptedFault(
    "fault", "query", object="AUDITHISTORY", calls=(), errorno="PL04000005", text="You do not have permission for this."
)


def test_deletes_that_cannot_be_known_are_reported(tmp_path: Path, grown: Emulator) -> None:
    times = count(int(NOW))
    clone = grown.clone(faults=(CLOSED,), clock=lambda: float(next(times)))
    with closing(clone) as emulator, serve(emulator) as server:
        tap = Tap(tmp_path, server.url, emulator)
        config, catalog, _ = discovered(tap, "CLASS")
        first = tap.run("--config", config, "--catalog", catalog)
        state = tap.keep("state.json", first.state)
        second = tap.run("--config", config, "--catalog", catalog, "--state", state)
        (config, *_) = discovered(tap, "CLASS", full_every_by_stream={"CLASS": 0})
        whole = tap.run("--config", config, "--catalog", catalog, "--state", state)
    assert "deletes: not sent" not in first.err
    assert (second.status, second.records("CLASS")) == (0, [])
    assert "deletes: not sent, since the user may not read the audit history" in second.err
    assert [one["stream"] for one in whole.messages if one["type"] == "ACTIVATE_VERSION"] == ["CLASS"]


def test_an_outdated_catalogue_costs_only_the_deleted_streams_and_fields(tap: Tap) -> None:
    config, _, document = discovered(tap, "CLASS", "SODOCUMENT:Sales Order", "DEPARTMENT")
    for one in document["streams"]:
        one["schema"]["properties"]["OLDFIELD"] = {"type": ["null", "string"]}
    gone = [{**document["streams"][0], "tap_stream_id": name} for name in ("OLDTHING", "SODOCUMENT:Old Order")]
    catalog = tap.keep("catalog.json", {"streams": [*gone, *document["streams"]]})
    ran = tap.run("--config", config, "--catalog", catalog)
    assert ran.status == 1
    assert ran.records("CLASS")
    assert ran.records("DEPARTMENT")
    assert ran.records("SODOCUMENT_SALES_ORDER")
    assert ran.err.count("OLDFIELD") == 3
    for name in ("OLDTHING", "SODOCUMENT:Old Order"):
        assert f"{name}: failed: " in ran.err
    assert ran.state["bookmarks"].keys() == {"CLASS", "DEPARTMENT", "SODOCUMENT_SALES_ORDER"}


def store_without_description(tap: Tap, *, minutes: float) -> None:
    """Make the stored definition of CLASS one that an earlier run read before the company had the field."""
    (file,) = tap.place.glob("cache/**/catalog/*.json")
    stored = json.loads(file.read_bytes())
    entry = stored["entries"]["object CLASS"]
    (described,) = entry["value"]["objects"]
    described["fields"] = [one for one in described["fields"] if one[0] != "DESCRIPTION"]
    entry["at"] -= minutes * 60
    file.write_text(json.dumps(stored))


def test_a_field_that_is_newer_than_the_stored_definitions_is_discovered(tap: Tap) -> None:
    discovered(tap, "CLASS")
    store_without_description(tap, minutes=20)
    _, _, document = discovered(tap, "CLASS")
    assert "DESCRIPTION" in document["streams"][0]["schema"]["properties"]


def test_a_selected_field_that_is_newer_than_the_stored_definitions_is_sent(tap: Tap) -> None:
    config, catalog, _ = discovered(tap, "CLASS")
    store_without_description(tap, minutes=0)
    ran = tap.run("--config", config, "--catalog", catalog)
    assert "left out" not in ran.err
    assert all("DESCRIPTION" in record for record in ran.records("CLASS"))
    before = len(tap.emulator.received)
    tap.run("--config", config, "--catalog", catalog)
    functions = [name for one in list(tap.emulator.received)[before:] for name in one.functions]
    assert "lookup" not in functions, "the new definition is stored"


def test_about_needs_no_config(tap: Tap) -> None:
    about = json.loads(tap.run("--about", "--format", "json").out)
    assert about["name"] == "tap-intacct"
    assert "company_id" in about["settings"]["required"]
    assert "| api_url |" in tap.run("--about", "--format", "markdown").out.decode()


def test_a_test_reads_each_stream_and_says_so(tap: Tap) -> None:
    ran = tap.run("--config", tap.config(streams=["CLASS"]), "--test")
    assert (ran.status, ran.out) == (0, b"")
    assert "CLASS: can be read" in ran.err


@pytest.mark.parametrize(
    ("how", "says", "functions"),
    [
        ("--test=all", "CLASS: can be read", {"query"}),
        ("--test=records", "CLASS: can be read", {"query"}),
        ("--test=schema", " fields", set()),
        ("--test=connection", "signed in to demo-company", set()),
    ],
)
def test_a_test_goes_as_far_as_it_is_told(tap: Tap, how: str, says: str, functions: set[str]) -> None:
    more: dict[str, Any] = {} if how == "--test=connection" else {"streams": ["CLASS"]}
    before = len(tap.emulator.received)
    ran = tap.run("--config", tap.config(**more), how)
    assert (ran.status, ran.out) == (0, b"")
    assert says in ran.err
    asked = {name for one in list(tap.emulator.received)[before:] for name in one.functions}
    assert asked.intersection({"query"}) == functions


@pytest.mark.parametrize(("how", "functions"), [("--test", {"query"}), ("--test=schema", set[str]())])
def test_a_test_without_streams_tests_the_connection(tap: Tap, how: str, functions: set[str]) -> None:
    """As the taps of Singer's SDK do, so that a runner can test the connection before it selects streams."""
    before = len(tap.emulator.received)
    ran = tap.run("--config", tap.config(), how)
    assert (ran.status, ran.out) == (0, b""), ran.err
    assert "signed in to demo-company" in ran.err
    asked = {name for one in list(tap.emulator.received)[before:] for name in one.functions}
    assert asked.intersection({"query"}) == functions
    assert tap.run("--config", tap.config(user_password="guess-again"), how).status == 3
    unselected = tap.run("--config", tap.config())
    assert (unselected.status, "no stream is selected" in unselected.err) == (2, True)


def test_a_test_by_a_user_who_may_read_no_users_succeeds(tap: Tap) -> None:
    refused = ScriptedFault(
        "fault", "query", object="USERINFO", calls=(), errorno="PL04000005", text="You do not have permission for this."
    )
    tap.emulator.fault_plan = FaultPlan((refused,))
    ran = tap.run("--config", tap.config(), "--test")
    assert (ran.status, "USERINFO" in ran.err, "signed in to demo-company" in ran.err) == (0, True, True), ran.err


def test_a_test_with_a_wrong_password_is_status_3(tap: Tap) -> None:
    assert tap.run("--config", tap.config(user_password="guess-again"), "--test=connection").status == 3
    unknown = tap.run("--config", tap.config(), "--test=everything")
    assert unknown.status == 2
    assert "connection" in unknown.err


def test_settings_in_a_file_that_is_not_read_are_reported(tap: Tap) -> None:
    (tap.place / ".env").write_text("TAP_INTACCT_COMPANY_ID=demo-company\n")
    ran = tap.run("--config", "ENV", "--test=connection", environment={"TAP_INTACCT_STREAMS": '["CLASS"]'})
    assert ran.status == 2
    assert "set -a; . ./.env" in ran.err


def test_discovery_of_forty_objects_is_cheap(tap: Tap) -> None:
    names = sorted(name for name in tap.emulator.company().catalog)[:40]
    before = len(tap.emulator.received)
    discovered(tap, *names)
    requests = list(tap.emulator.received)[before:]
    functions = [name for one in requests for name in one.functions]
    assert functions.count("getAPISession") == 1
    assert len(functions) <= 45
    assert len(requests) <= 4


def test_a_start_date_does_not_shorten_a_budget_and_short_options_are_understood(tap: Tap) -> None:
    """A budget of this year may have been entered long before; hotglue's tap reads it whole, too."""
    config = tap.config(streams=["budget_details"], stream_names="hotglue", start_date="2026-11-01T00:00:00Z")
    found = tap.run("-c", config, "-d")
    assert found.status == 0, found.err
    catalog = tap.keep("catalog.json", json.loads(found.out))
    ran = tap.run("-c", config, "--catalog", catalog)
    rows = [dict(row) for _, row in tap.emulator.company().table("GLBUDGETITEM").rows()]
    assert (ran.status, len(ran.records("budget_details"))) == (0, len(rows)), ran.err
    assert len(rows) > 100
    again = tap.run("-c", config, "--catalog", catalog, "-s", tap.keep("state.json", ran.state))
    assert (again.status, again.records("budget_details")) == (0, []), again.err
