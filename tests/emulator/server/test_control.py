"""The control API, as a test in any language uses it: plain HTTP and JSON."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urljoin

import pytest

from intacct_emulator import CREDENTIALS
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.emulator.calls import one

Call = Callable[..., Any]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    made = Emulator.empty()
    yield made
    made.close()


@pytest.fixture
def control(emulator: Emulator) -> Iterator[Call]:
    """What a path answers: its JSON, or the status and the JSON of a refusal."""
    with serve(emulator) as server:

        def call(path: str, sent: object = None, **headers: str) -> Any:
            body = None if sent is None else json.dumps(sent).encode()
            request = urllib.request.Request(urljoin(server.url, f"/control{path}"), body, headers)
            try:
                with urllib.request.urlopen(request) as answer:
                    return json.loads(answer.read())
            except urllib.error.HTTPError as refused:
                text = refused.read()
                return refused.code, json.loads(text) if text.startswith(b"{") else text.decode()

        yield call


def create_class(emulator: Emulator) -> str:
    return one(emulator, "<create><CLASS><CLASSID>R</CLASSID><NAME>Retail</NAME></CLASS></create>").status


def test_records_are_seeded_read_and_reset(control: Call, emulator: Emulator) -> None:
    assert control("/snapshot", {}) == {}
    vendor = {"VENDORID": "V-1", "NAME": "Acme", "CREDITLIMIT": 100.10}
    assert control("/seed", {"object": "VENDOR", "records": [vendor]}) == {"records": 1}
    (row,) = control("/rows/VENDOR")
    assert (row["VENDORID"], row["NAME"], row["CREDITLIMIT"]) == ("V-1", "Acme", "100.1")
    assert create_class(emulator) == "success"
    assert [request["functions"] for request in control("/received?function=create")] == [["create"]]
    assert control("/reset", {}) == {}
    assert (control("/rows/VENDOR"), control("/rows/CLASS"), control("/received")) == ([], [], [])


def test_a_fault_is_injected_and_ended(control: Call, emulator: Emulator) -> None:
    fault = {"kind": "fault", "function": "create", "calls": 1, "errorno": "BL01001973", "text": "Not now"}
    assert control("/inject", fault) == {}
    assert create_class(emulator) == "failure"
    assert create_class(emulator) == "success"
    assert control("/inject", {**fault, "calls": []}) == {}
    assert control("/calm", {}) == {}
    (company,) = control("")["companies"]
    assert company["credentials"] == CREDENTIALS
    assert (company["requests"], company["transactions"]) == (2, 2)
    (failed, answered) = control("/received")
    assert "demo-user-password" not in failed["body"]
    assert answered["outcome"] == "answered"


def test_the_books_are_closed_and_the_clock_is_set(control: Call, emulator: Emulator) -> None:
    control("/clock", {"moment": "2027-01-01T00:00:00Z"})
    assert emulator.now() + emulator.company().ahead >= 1_798_761_600  # 2027-01-01
    assert control("/close-books", {"until": "2026-10-31"}) == {}
    assert control("/revalue", {"day": "2026-10-31"}) == {"balances": []}


@pytest.mark.parametrize(
    ("path", "sent", "error"),
    [
        ("/seeds", {}, "there is no /control/seeds; did you mean seed?"),
        ("/seed", {"object": "VENDOR"}, "missing required field `records`"),
        ("/seed", {"object": "VENDR", "records": []}, "there is no object VENDR; did you mean VENDOR"),
        ("/seed", {"object": "VENDOR", "records": [], "compny": "x"}, "unknown field `compny`"),
        ("/seed", {"object": "VENDOR", "records": [], "company": "other"}, "there is no company other"),
        ("/inject", {"kind": "nonsense"}, "nonsense"),
        ("/reset", {}, "there is no snapshot to go back to"),
        ("/clock", [], "the body is not a JSON object"),
        ("/rows/VENDR", None, "VENDR"),
    ],
)
def test_a_mistake_is_a_sentence(path: str, sent: object, error: str, control: Call) -> None:
    status, document = control(path, sent)
    assert status == 400
    assert error in document["error"]


def test_web_pages_and_other_hosts_are_refused(control: Call, emulator: Emulator) -> None:
    assert control("/calm", {}, Origin="https://example.com")[0] == 403
    assert control("/rows/VENDOR", Host="example.com")[0] == 403
    assert emulator.incidents == []
