"""`tap-intacct` in place of hotglue's tap: its catalogue and its state, without a setting of ours."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.apps.http_reader import HttpReader
from support.journeys.tapping import Ran, Tap
from support.small_company import Clock, client


@pytest.fixture
def tap(tmp_path: Path, recent: Emulator) -> Iterator[Tap]:
    with serve(recent) as server:
        yield Tap(tmp_path, server.url, recent)


def catalogue(**streams: tuple[str, ...]) -> dict[str, Any]:
    """A catalogue as hotglue's tap writes it: its own names, keys and metadata, and no replication method."""
    return {
        "streams": [
            {
                "tap_stream_id": name,
                "stream": name,
                "key_properties": [fields[0]],
                "schema": {
                    "type": "object",
                    "properties": {
                        field: {"type": ["null", "string"], "field_meta": {"ID": field, "READONLY": "false"}}
                        for field in fields
                    },
                    "stream_meta": {},
                },
                "metadata": [
                    {"breadcrumb": [], "metadata": {"inclusion": "available", "selected": True}},
                    *(
                        {"breadcrumb": ["properties", field], "metadata": {"inclusion": "available", "selected": True}}
                        for field in fields
                    ),
                ],
            }
            for name, fields in streams.items()
        ]
    }


THEIRS = {
    "accounts_payable_vendors": ("VENDORID", "RECORDNO", "NAME", "WHENMODIFIED"),
    "classes": ("RECORDNO", "CLASSID", "WHENMODIFIED"),
    "audit_history_classes": ("ID", "OBJECTKEY", "ACCESSTIME"),
}


def streams(ran: Ran) -> set[str]:
    """The names of streams in all messages."""
    return {one["stream"] for one in ran.messages if "stream" in one}


def test_a_catalogue_in_hotglue_s_names_gives_messages_in_them(tap: Tap) -> None:
    config, catalog = tap.config(), tap.keep("theirs.json", catalogue(**THEIRS))
    first = tap.run("--config", config, "--catalog", catalog)
    assert first.status == 0, first.err
    assert streams(first) == set(THEIRS)
    assert len(first.records("accounts_payable_vendors")) == tap.emulator.company().table("VENDOR").count() > 10
    with client(tap.emulator) as company:
        company.update("VENDOR", [{"VENDORID": first.records("accounts_payable_vendors")[0]["VENDORID"], "NAME": "N"}])
    state = tap.keep("state.json", first.state)
    second = tap.run("--config", config, "--catalog", catalog, "--state", state)
    assert [one["NAME"] for one in second.records("accounts_payable_vendors")] == ["N"]
    assert "accounts_payable_vendors: 1 row" in second.err


def test_the_names_of_the_config_are_those_of_the_messages(tap: Tap) -> None:
    ran = tap.run("--config", tap.config(streams=["classes"]))
    assert (ran.status, streams(ran)) == (0, {"classes"})
    assert streams(tap.run("--config", tap.config(streams=["CLASS"]))) == {"CLASS"}
    assert streams(tap.run("--config", tap.config(streams=["classes"], stream_names="intacct"))) == {"CLASS"}


def test_a_consumer_keeps_the_names_that_it_began_with(tap: Tap) -> None:
    """Under other names it would get only the changes, not the rows that it lacks there."""
    catalog = tap.keep("theirs.json", catalogue(classes=THEIRS["classes"]))
    first = tap.run("--config", tap.config(stream_names="intacct"), "--catalog", catalog)
    state = first.state
    second = tap.run("--config", tap.config(), "--catalog", catalog, "--state", tap.keep("state.json", state))
    assert (second.status, streams(second) <= {"CLASS"}) == (0, True)
    assert "streams keep Intacct's names, with which the state began" in second.err
    third = tap.run("--config", tap.config(), "--catalog", catalog)
    assert streams(third) == {"classes"}
    named = tap.keep("named.json", third.state)
    ours = tap.keep("ours.json", catalogue(CLASS=THEIRS["classes"]))
    assert streams(tap.run("--config", tap.config(), "--catalog", ours, "--state", named)) <= {"classes"}


def test_keys_that_the_tap_does_not_use_are_named_and_cost_nothing(tap: Tap) -> None:
    theirs = {"tenant": "acme", "full_url": "https://x.example", "event_lookback": 1}
    ran = tap.run("--config", tap.config(streams=["CLASS"], **theirs))
    assert ran.status == 0
    assert "config: no effect here: tenant, full_url and event_lookback" in ran.err


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["hotglue", "meltano"])
def test_deletes_since_another_tap_s_bookmark_are_sent(tap: Tap, clock: Clock, shape: str) -> None:
    before = f"{clock.now:%Y-%m-%dT%H:%M:%SZ}"
    vendors = HttpReader(tap.url).rows("VENDOR", "RECORDNO", "VENDORID")
    clock.forward(days=3)
    with client(tap.emulator) as company:
        free = next(one for one in vendors if company.delete("VENDOR", [one["VENDORID"]])[0].ok)
    clock.forward(days=3)
    name = "accounts_payable_vendors"
    held: dict[str, Any] = {name: before}
    if shape == "meltano":
        held = {"bookmarks": {name: {"replication_key": "WHENMODIFIED", "replication_key_value": before}}}
    catalog = tap.keep("theirs.json", catalogue(**{name: THEIRS[name]}))
    ran = tap.run("--config", tap.config(), "--catalog", catalog, "--state", tap.keep("state.json", held))
    assert ran.status == 0, ran.err
    gone = [(one["stream"], one["record"]) for one in ran.messages if one["type"] == "RECORD"]
    keys = {(stream, str(row.get("RECORDNO", row.get("value")))) for stream, row in gone}
    assert {(name, free["RECORDNO"]), ("deletes", free["VENDORID"])} & keys, gone
    assert not any(one["type"] == "ACTIVATE_VERSION" for one in ran.messages)


def test_a_value_that_does_not_fit_is_read_as_text_on_request(tap: Tap) -> None:
    table = tap.emulator.company().table("VENDOR")
    number, row = next(iter(table.rows()))
    table.update(number, row | {"CREDITLIMIT": "about 5,000"})
    name = "accounts_payable_vendors"
    catalog = tap.keep("theirs.json", catalogue(**{name: ("VENDORID", "CREDITLIMIT", "WHENMODIFIED")}))
    failed = tap.run("--config", tap.config(), "--catalog", catalog)
    assert (failed.status, "as_text" in failed.err) == (1, True), failed.err
    ran = tap.run("--config", tap.config(as_text=[f"{name}.CREDITLIMIT"]), "--catalog", catalog)
    assert ran.status == 0, ran.err
    assert "about 5,000" in {one["CREDITLIMIT"] for one in ran.records(name)}


# --- deletes without an entry in the audit history


class Consumer:
    """Applies messages as the documentation says: the rows that it has are those that Intacct has."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        self._keys: dict[str, list[str]] = {}

    def take(self, ran: Ran) -> None:
        assert ran.status == 0, ran.err
        for one in ran.messages:
            stream = one.get("stream", "")
            if one["type"] == "SCHEMA":
                self._keys[stream] = one["key_properties"]
            elif one["type"] == "RECORD" and stream == "deletes":
                self._delete(one["record"])
            elif one["type"] == "RECORD":
                keys, row = self._keys[stream], one["record"]
                held = self.rows.setdefault(stream, [])
                if keys:
                    held[:] = [(at, has) for at, has in held if any(has[key] != row[key] for key in keys)]
                if not row.get("_sdc_deleted_at"):
                    held.append((one["time_extracted"], row))

    def _delete(self, told: dict[str, Any]) -> None:
        held = self.rows.get(told["stream"], [])
        held[:] = [(at, row) for at, row in held if str(row[told["field"]]) != told["value"] or at >= told["at"]]

    def values(self, stream: str, field: str) -> list[str]:
        return sorted(str(row[field]) for _, row in self.rows.get(stream, []))


def there(tap: Tap, name: str, field: str) -> list[str]:
    return sorted(row[field] for row in HttpReader(tap.url).rows(name, "RECORDNO", field))


def delete_bills(tap: Tap, clock: Clock, count: int, *, newest: bool = False) -> None:
    """Delete bills, each of which takes its journal entry along; no audit entry tells of that."""
    with client(tap.emulator) as company:
        posted = [row["RECORDNO"] for row in company.query("APBILL", "RECORDNO", where="STATE = 'Posted'")]
        gone = 0
        for number in reversed(posted) if newest else posted:
            if gone < count and company.delete("APBILL", [str(number)])[0].ok:
                gone += 1
        assert gone == count
    clock.forward(days=3)  # so that the next run but one does not read them in the audit history again


FIELDS = {"GLBATCH": "RECORDNO", "GLDETAIL": "BATCHKEY", "GLENTRY": "BATCHNO", "APBILL": "RECORDNO"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "selected", [("GLDETAIL", "GLENTRY", "GLBATCH", "APBILL"), ("APBILL", "GLBATCH"), ("GLDETAIL",)]
)
def test_the_journal_entries_of_deleted_bills_leave_the_consumer_in_the_next_run(
    tap: Tap, clock: Clock, selected: tuple[str, ...]
) -> None:
    consumer, state = Consumer(), tap.keep("state.json", {})
    config = tap.config(streams=list(selected))
    for turn in range(3):
        ran = tap.run("--config", config, "--state", state)
        consumer.take(ran)
        said = dict(line.split(": ", 1) for line in ran.err.splitlines() if ": " in line)
        assert all(f" {2 if turn else 0} deleted," in said[name] for name in selected if name != "GLDETAIL"), ran.err
        for name in selected:
            assert consumer.values(name, FIELDS[name]) == there(tap, name, FIELDS[name]), name
        state = tap.keep("state.json", ran.state)
        before = len(there(tap, "GLBATCH", "RECORDNO"))
        clock.forward(days=1)
        delete_bills(tap, clock, 2)
        assert len(there(tap, "GLBATCH", "RECORDNO")) == before - 2


@pytest.mark.slow
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("selected", [("GLDETAIL", "GLBATCH", "APBILL"), ("GLBATCH",), ("GLDETAIL",)])
def test_a_tap_that_begins_at_a_date_sends_these_deletes_too(
    tap: Tap, clock: Clock, selected: tuple[str, ...], whole: bool
) -> None:
    """hotglue and Meltano always set a start date."""
    days = sorted(row["MODIFIED"] for row in HttpReader(tap.url).rows("GLBATCH", "RECORDNO", "MODIFIED"))
    middle = datetime.strptime(days[len(days) // 2], "%m/%d/%Y %H:%M:%S")
    start = "2001-01-01" if whole else f"{middle:%Y-%m-%dT%H:%M:%SZ}"
    consumer, state = Consumer(), tap.keep("state.json", {})
    config = tap.config(streams=list(selected), start_date=start)
    for turn in range(3):
        before = {name: set(consumer.values(name, FIELDS[name])) for name in selected}
        ran = tap.run("--config", config, "--state", state)
        consumer.take(ran)
        for name in selected:
            present = set(there(tap, name, FIELDS[name]))
            values = set(consumer.values(name, FIELDS[name]))
            assert before[name] & present <= values <= present, name
            assert bool(before[name] - values) == bool(turn), name
            assert (values == present) == whole, name
        state = tap.keep("state.json", ran.state)
        clock.forward(days=1)
        delete_bills(tap, clock, 2, newest=True)


@pytest.mark.slow
@pytest.mark.parametrize("kept", [0, 512])
def test_without_keys_the_run_says_which_deletes_it_does_not_send(tap: Tap, clock: Clock, kept: int) -> None:
    """A state that leaves no room for them has none."""
    config = tap.config(streams=["GLBATCH"], state_keys_kb=kept)
    first = tap.run("--config", config)
    state = {name: part for name, part in first.state.items() if name != "known_keys"}
    delete_bills(tap, clock, 1)
    second = tap.run("--config", config, "--state", tap.keep("state.json", state))
    assert (second.status, second.records("GLBATCH")) == (0, [])
    assert ("GLBATCH: entries that disappeared without an entry in the audit history" in second.err) == bool(kept)
    whole = tap.run("--config", config, "--state", tap.keep("state.json", second.state), "--full")
    assert ("known_keys" in whole.state) == bool(kept)
    assert "disappeared" not in whole.err
