"""`intacct verify` as text, JSON and a report, over HTTP."""

import json
from pathlib import Path

from intacct_emulator.server.server import serve
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import EmulatorSettings
from support.apps.command_line import Intacct
from support.apps.http_reader import HttpReader
from support.small_company import Clock, little_company


def test_answers_as_text_and_a_report(intacct: Intacct, tmp_path: Path) -> None:
    emulator = little_company(Clock(), settings=EmulatorSettings(behaviour=Behaviour(aggregate_tags="plain")))
    report = tmp_path / "report.json"
    with serve(emulator) as server:
        reader = HttpReader(server.url)
        ran = intacct("verify", "--report", str(report), **reader.environ)
    assert emulator.incidents == []
    emulator.close()
    assert ran.status == 0, ran.said
    assert "≠ What are the columns of sums" in ran.out
    assert "    company   plain\n    emulator  prefixed\n" in ran.out
    assert "1 different" in ran.err
    (probe,) = (probe for probe in json.loads(report.read_text())["probes"] if probe["name"] == "aggregate_tags")
    assert probe == {"name": "aggregate_tags", "agreement": "different", "answer": "plain", "number": None}


def test_an_answer_that_the_program_does_not_work_with(intacct: Intacct) -> None:
    emulator = little_company(Clock(), settings=EmulatorSettings(behaviour=Behaviour(show_private=False)))
    with serve(emulator) as server:
        reader = HttpReader(server.url)
        ran = intacct("verify", "-q", **reader.environ)
        as_json = intacct("verify", "--json", **reader.environ)
    emulator.close()
    assert (ran.status, as_json.status) == (1, 1)
    assert ran.out.startswith("✗ Does the top level see an entity's private records?\n    company   never\n")
    assert "Read each entity with `--entity`." in ran.out
    assert [probe["name"] for probe in json.loads(as_json.out)["probes"] if probe["agreement"] == "unexpected"] == [
        "private_records"
    ]


def test_the_list_of_questions_sends_nothing(intacct: Intacct) -> None:
    ran = intacct("verify", "--list")
    assert ran.status == 0, ran.said
    assert "filter_times" in ran.out


def test_document_type_2_1_is_refused_before_a_request(intacct: Intacct) -> None:
    emulator = little_company(Clock())
    with serve(emulator) as server:
        reader = HttpReader(server.url)
        ran = intacct("verify", **reader.environ, INTACCT_DTD_VERSION="2.1")
    assert ran.status == 2
    assert "document type 3.0" in ran.err
    assert not emulator.received
    emulator.close()
