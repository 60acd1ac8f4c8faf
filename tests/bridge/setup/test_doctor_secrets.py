"""Secrets planted in every field that the doctor may read: no report, letter or error shows one."""

import json
import pickle
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from intacct_bridge.apps.views.doctor import as_data, render
from intacct_bridge.connections.connection import Connection
from intacct_bridge.connections.embedded_demo import demo_connection
from intacct_bridge.setup.assistant import examined_checklist
from intacct_bridge.setup.examination import Job, run
from intacct_bridge.setup.letter import letter
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.companies import EmulatorSettings, SenderSettings
from intacct_protocol.diagnosis import as_error
from intacct_protocol.errors import Fault, IntacctError
from intacct_protocol.xml.codec import decode_response, encode_response
from intacct_protocol.xml.envelope import FAILURE, Response
from intacct_protocol.xml.reply import Reply
from support.demo_company import NOW
from support.setup.scenarios import Scenario, client_of
from support.small_company import little_company

SENDER_SECRET = "Sndr&<x>'qWz%4"
USER_SECRET = 'Usr"pp&Kj#9 tV'
TAILS = ("qWz%4", "qWz%254", "Kj#9", "Kj%239")
CONNECTION = replace(demo_connection(), sender_password=SENDER_SECRET, user_password=USER_SECRET)
QUOTED = f"<{SENDER_SECRET}> {USER_SECRET}"
FIELDS = ("errorno", "description", "description2", "correction", "support_id", "errorid", "field")


@pytest.fixture(autouse=True)
def transactions() -> None:
    """The counts are not compared: the gateway of these tests does the work and says that it refused."""


@pytest.fixture(scope="module")
def company() -> Iterator[Emulator]:
    emulator = little_company(lambda: NOW)
    yield emulator
    emulator.close()


def said_of(emulator: Any, connection: Connection = CONNECTION) -> str:
    """Every output of the doctor in every form."""
    with client_of(emulator, connection) as client:
        report = run(client, streams=["APBILL"], writes=["VENDOR"])
    job = Job(("APBILL",), ("VENDOR",))
    mail = letter(examined_checklist(connection, job, report.findings, datetime(2026, 11, 24)), report.findings)
    return "\n".join([render(report), json.dumps(as_data(report)), mail, repr(report), repr(connection)])


def leaks(text: str) -> list[str]:
    return [tail for tail in (*TAILS, SENDER_SECRET, USER_SECRET) if tail in text]


class Quoting:
    """A gateway that repeats the credentials in one field of every fault, at every level in turn."""

    def __init__(self, field: str, level: str, company: Emulator) -> None:
        self.fault = replace(Fault("XL03000006", "Invalid", "Refused"), **{field: QUOTED})
        self.level = level
        self.company = company

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        reply = self.company(endpoint, body)
        response = decode_response(reply.body)
        if self.level == "control":
            response = Response(replace(response.control, status=FAILURE), faults=(self.fault,))
        else:
            (operation,) = response.operations
            if self.level == "authentication":
                signed = replace(operation.authentication, status=FAILURE)
                operation = replace(operation, authentication=signed, results=(), faults=(self.fault,))
            elif operation.results[0].function != "getAPISession":
                failed = tuple(replace(one, status=FAILURE, faults=(self.fault,)) for one in operation.results)
                operation = replace(operation, results=failed)
            response = replace(response, operations=(operation,))
        return Reply(200, encode_response(response), reply.headers)


@pytest.mark.parametrize("level", ["control", "authentication", "function"])
@pytest.mark.parametrize("field", FIELDS)
def test_quoted_credentials_are_masked(field: str, level: str, company: Emulator) -> None:
    settings = replace(
        EmulatorSettings(),
        senders=(SenderSettings(password=SENDER_SECRET),),
        companies=tuple(
            replace(one, users=tuple(replace(user, password=USER_SECRET) for user in one.users))
            for one in EmulatorSettings().companies
        ),
    )
    emulator = company.clone(settings=settings)
    try:
        text = said_of(Quoting(field, level, emulator))
    finally:
        emulator.close()
    assert leaks(text) == []
    assert "***" in text or field not in ("errorno", "description2")  # these two are always shown


@pytest.mark.parametrize("scenario", Scenario.all(), ids=lambda one: str(one.path.stem))
def test_no_scenario_shows_the_credentials(scenario: Scenario, company: Emulator) -> None:
    with scenario.played(company) as emulator:
        text = said_of(emulator, scenario.connection)
    assert "demo-sender-password" not in text
    assert "demo-user-password" not in text


@pytest.mark.parametrize("field", FIELDS)
def test_a_pickled_error_has_no_credentials(field: str, company: Emulator) -> None:
    quoting = Quoting(field, "control", company)
    with client_of(quoting, CONNECTION) as client, pytest.raises(IntacctError) as caught:  # type: ignore[arg-type]
        client.sign_in()
    error = caught.value
    texts = [str(error), repr(error), error.fix, repr(error.faults), repr(error.diagnosis), repr(error.__dict__)]
    texts.append(pickle.dumps(error).decode("latin-1"))
    assert leaks("\n".join(texts)) == []
    assert error.fix == as_error(error.faults, "control").fix
