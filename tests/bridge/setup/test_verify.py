"""Probes in an emulated company: with one setting of the emulator turned, they find that difference and no other."""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.client.gateway.calibration import Calibration
from intacct_bridge.connections.embedded_demo import demo_connection
from intacct_bridge.operations.verify import PROBES, Agreement, VerificationResult, report
from intacct_bridge.setup.verify.verification import verify
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import CompanySettings, EmulatorSettings, RoleSettings, UserSettings
from intacct_protocol.errors import SignInError
from support.demo_company import NOW
from support.repository import ROOT
from support.setup.scenarios import client_of
from support.small_company import little_company

EAST = UserSettings(offset_minutes=120)
"""A user whose offset shows how times in filters are read."""
TURNED: list[tuple[dict[str, Any], str, str]] = [
    ({"filter_times": "user"}, "filter_times", "user"),
    ({"aggregate_tags": "plain"}, "aggregate_tags", "plain"),
    ({"text_keys": "number"}, "text_keys", "number"),
    ({"empty_keys": "first"}, "empty_keys", "first"),
    ({"over_hundred": "taken"}, "over_hundred", "taken"),
    ({"over_hundred_errorno": "ODD-9"}, "over_hundred", "refused (ODD-9)"),
    ({"scan_order": "key"}, "scan_order", "key"),
    ({"result_errorno": "ODD-3"}, "unknown_result", "refused (ODD-3)"),
    ({"errorids": "made"}, "error_ids", "given"),
    ({"hash_fields": "hidden"}, "hash_fields", "hidden"),
    ({"hide_private": False}, "private_records", "always"),
    ({"show_private": False}, "private_records", "never"),
    ({"legacy_page": "clamped"}, "legacy_page", "clamped"),
    ({"legacy_page": "taken"}, "legacy_page", "taken"),
    ({"remember_controlids": False}, "repeated_control_id", "answered"),
    ({"replay_answer": "repeated"}, "repeated_control_id", "answered"),
    ({"replay_answer": "unmarked"}, "repeated_control_id", "without a status"),
    ({"replay_errorno": "ODD-1"}, "repeated_control_id", "refused (ODD-1)"),
    ({"session_errorno": "XL03000001"}, "unknown_session", "refused (XL03000001)"),
    ({"session_mixed": "accepted"}, "session_beside_another_function", "accepted"),
    ({"http_status_of_control_failures": 400}, "status_of_a_refused_document", "another (400)"),
    ({"content_type": "text/xml; charset=UTF-8"}, "content_type", "UTF-8"),
    ({"content_type": "text/xml; charset=ISO-8859-1"}, "content_type", "another"),
]


@pytest.fixture(scope="module")
def company() -> Iterator[Emulator]:
    emulator = little_company(lambda: NOW)
    for key in ("9", "10"):  # text and numbers sort them in two ways
        emulator.company().table("PODOCUMENT").insert({"RECORDNO": key})
    for number in range(1000):  # more than a page of `readByQuery`
        emulator.company().table("CONTACT").insert({"CONTACTNAME": f"Contact {number}"})
    yield emulator
    assert emulator.incidents == []
    emulator.close()


def settings_of(user: UserSettings = EAST, role: RoleSettings | None = None, **behaviour: Any) -> EmulatorSettings:
    roles = (role or RoleSettings(),)
    return EmulatorSettings(
        companies=(CompanySettings(users=(user,), roles=roles),), behaviour=replace(Behaviour(), **behaviour)
    )


def verified(company: Emulator, settings: EmulatorSettings, **connection: Any) -> VerificationResult:
    emulator = company.clone(settings=settings)
    with client_of(emulator, replace(demo_connection(), **connection)) as client:
        findings = tuple(verify(client, client.connection.user_id))
        result = VerificationResult(client.connection.target, findings, client.meter.transactions)
    assert emulator.incidents == []
    emulator.close()
    return result


def outcomes(result: VerificationResult) -> dict[str, str]:
    """The answers that differ from the emulator's own, and the probes without an answer."""
    return {
        finding.probe.name: str(finding.answer) if finding.answer is not None else "unanswered"
        for finding in result.findings
        if finding.agreement is not Agreement.SAME
    }


def test_the_emulator_without_settings_agrees_with_every_probe(company: Emulator) -> None:
    result = verified(company, settings_of())
    assert outcomes(result) == {}
    assert [finding.probe.name for finding in result.findings] == list(PROBES)


@pytest.mark.parametrize(("behaviour", "name", "answer"), TURNED, ids=str)
def test_a_turned_setting_is_the_only_difference(
    company: Emulator, behaviour: dict[str, Any], name: str, answer: str
) -> None:
    result = verified(company, settings_of(**behaviour))
    assert outcomes(result) == {name: answer}
    unexpected = [finding.probe.name for finding in result.findings if finding.agreement is Agreement.UNEXPECTED]
    assert unexpected == (["private_records"] if answer == "never" else [])


def test_every_probe_has_a_turned_setting() -> None:
    assert {name for _, name, _ in TURNED} == set(PROBES)
    assert {setting for behaviour, _, _ in TURNED for setting in behaviour} <= {one.name for one in fields(Behaviour)}


def test_the_page_on_fidelity_names_every_probe() -> None:
    tables = tomllib.loads((ROOT / "tests" / "emulator" / "fidelity.toml").read_text(encoding="utf-8"))
    assert {row["probe"] for rows in tables.values() for row in rows if "probe" in row} == set(PROBES)


def test_the_company_is_unchanged(company: Emulator) -> None:
    emulator = company.clone(settings=settings_of())
    store = emulator.company().store
    names = [name for name in store.populated() if name.isupper()]
    before = {name: list(store.table(name).rows()) for name in names}
    with client_of(emulator) as client:
        assert len(list(verify(client, "demo-user"))) == len(PROBES)
    after = {name: list(store.table(name).rows()) for name in store.populated() if name.isupper()}
    emulator.close()
    assert after == before


def test_a_read_only_connection_is_not_asked_to_post_twice(company: Emulator) -> None:
    result = verified(company, settings_of(), read_only=True)
    assert outcomes(result) == {"repeated_control_id": "unanswered"}


def test_a_user_at_gmt_cannot_tell_how_times_are_read(company: Emulator) -> None:
    result = verified(company, settings_of(UserSettings(), filter_times="user"))
    assert outcomes(result) == {"filter_times": "unanswered"}


def test_a_user_without_rights_leaves_questions_open(company: Emulator) -> None:
    role = RoleSettings(rights={"*": ("list", "view"), "GLACCOUNT": ()})
    result = verified(company, settings_of(role=role))
    reading_accounts = ("aggregate_tags", "empty_keys", "over_hundred", "scan_order")
    assert outcomes(result) == dict.fromkeys(reading_accounts, "unanswered")
    assert all(finding.number for finding in result.findings if finding.probe.name in reading_accounts)


def test_a_refused_sign_in_ends_the_verification(company: Emulator) -> None:
    with pytest.raises(SignInError):
        verified(company, settings_of(), user_password="wrong")  # a wrong one


def test_what_loads_and_extraction_use_is_kept_on_this_machine(
    company: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    emulator = company.clone(settings=settings_of(filter_times="user"))
    with client_of(emulator, keep=True) as client:
        list(verify(client, "demo-user"))
    with client_of(emulator, keep=True) as later:
        assert later.calibration.reading_of(120) == "user"
        assert later.calibration.repeat_guard
        assert later.calibration.measured
    emulator.close()


def test_a_refused_sign_in_leaves_the_earlier_measurements(
    company: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    emulator = company.clone(settings=settings_of())
    earlier = Calibration("utc", 120, memory=True, measured="2026-01-31T09:00:00Z")
    wrong = replace(demo_connection(), user_password="wrong")  # a wrong one
    with client_of(emulator, wrong, keep=True) as client:
        client.runtime.calibrate(earlier)
        with pytest.raises(SignInError):
            list(verify(client, "demo-user"))
        assert client.calibration == earlier
    assert len(emulator.received) == 1
    emulator.close()


def test_the_report_names_no_record_and_quotes_no_message(company: Emulator) -> None:
    emulator = company.clone(settings=settings_of(replay_errorno="The record Blue Ridge 12,400.00 was posted before"))
    with client_of(emulator) as client:
        result = VerificationResult(client.connection.target, tuple(verify(client, "demo-user")), 0)
    emulator.close()
    text = json.dumps(report(result))
    words = {"Blue Ridge", "12,400", "demo-company", "demo-user", "demo-sender", result.target}
    assert not [word for word in words if word in text]
    assert '"number": "a sentence"' in text
