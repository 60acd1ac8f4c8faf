"""Requests of the envelope: white space, additional error information, several operations, asynchronous answers."""

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from queue import Queue
from threading import Thread

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.scenarios import scenario
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.codec import decode_response, encode_request
from intacct_protocol.xml.envelope import Control, Function, Operation, Request
from intacct_protocol.xml.xml import Element, parse
from support.emulator.calls import ENDPOINT, LOGIN, LOGIN_XML, element, one, query, send
from support.emulator.refusing_companies import world

READ = "<getFinancialSetup/>"


def body(*functions: str, **control: object) -> bytes:
    calls = tuple(Function(parse(one.encode()), f"c{place}") for place, one in enumerate(functions))
    sender = Control("demo-sender", "demo-sender-password", **control)  # type: ignore[arg-type]
    return encode_request(Request(sender, (Operation(LOGIN, calls),)))


def test_white_space_is_between_elements_and_never_inside_empty_ones() -> None:
    emulator = world()
    emulator.company().table("CLASS").insert({"CLASSID": "A", "NAME": "x > y"})
    asked = query("CLASS", "CLASSID NAME DESCRIPTION")
    tight = emulator(ENDPOINT, body(asked, include_whitespace=False)).body
    loose = emulator(ENDPOINT, body(asked, include_whitespace=True)).body
    assert b"\n" not in tight
    assert b"<CLASS>\n<CLASSID>A</CLASSID>\n<NAME>x &gt; y</NAME>\n<DESCRIPTION></DESCRIPTION>\n</CLASS>" in loose
    assert decode_response(loose).operations[0].results == decode_response(tight).operations[0].results


def test_the_pages_of_an_answer_have_the_same_white_space() -> None:
    """A line break between two tags, unless they are an element without text."""
    emulator = world()
    for name in ("x > y", "<b></b>", ""):
        emulator.company().table("CLASS").insert({"CLASSID": name or "C", "NAME": name})
    asked = (
        query("CLASS", "CLASSID NAME PARENT.NAME"),
        query("CLASS", "CLASSID"),
        query("CLASS", "CLASSID", "<equalto><field>CLASSID</field><value>none</value></equalto>"),
        "<readByQuery><object>CLASS</object><fields>*</fields><query></query></readByQuery>",
    )
    tight = emulator(ENDPOINT, body(*asked, include_whitespace=False)).body
    parts = re.split(rb"(?<=>)(?=<)", tight)
    spaced = [parts[0]]
    for before, after in pairwise(parts):
        empty = b"</" not in before and after.startswith(b"</")
        spaced += [after] if empty else [b"\n", after]
    loose = emulator(ENDPOINT, body(*asked, include_whitespace=True)).body
    unlike = re.compile(rb"<session[^>]*>[^<]*|resultId=\"[^\"]*\"")  # the time, and ids that are drawn
    assert unlike.sub(b"", loose) == unlike.sub(b"", b"".join(spaced))


def test_additional_error_information_names_the_field() -> None:
    record = f"<create>{element('CLASS', CLASSID='A')}</create>"
    for asked, field in ((True, "NAME"), (False, "")):
        result = one(world(), record, show_additional_error_info=asked)
        assert result.faults[0].field == field
    reply = world()(ENDPOINT, body(record, show_additional_error_info=False))
    assert b"additionalinfo" not in reply.body


def test_additional_error_information_has_all_its_elements() -> None:
    # shape: Sage, requests, showadditionalerrorinfo; ids and texts of the duplicate account are those of the example
    emulator = world()
    account = element(
        "GLACCOUNT", ACCOUNTNO="6000", TITLE="T", NORMALBALANCE="debit", CLOSINGTYPE="non-closing account"
    )
    one(emulator, f"<create>{account}</create>")
    reply = emulator(ENDPOINT, body(f"<create>{account}</create>", show_additional_error_info=True))
    first, last = decode_response(reply.body).operations[0].results[0].faults
    assert (first.errorno, first.errorid) == ("BL01001973", "GL-0493")
    assert (first.description, first.description2) == (
        "Duplicate account number",
        "The account number '6000' already exists",
    )
    assert (last.text, last.errorid) == ("Could not create GL Account record!", "GL-0504")
    more = next(one for one in _all(parse(reply.body)) if one.tag == "additionalinfo")
    assert [child.tag for child in more.children] == [
        "errorid", "category", "target", "description", "cdescription", "correction",
    ]  # fmt: skip
    assert list(more.children[2].attributes) == ["domain", "requestinfo", "object", "field", "businessinfo"]
    assert [child.tag for child in more.children[3].children] == ["messageid", "target", "placeholders"]


def _all(node: Element) -> Iterator[Element]:
    yield node
    for child in node.children:
        yield from _all(child)


def test_stable_ids_can_be_made_and_follow_the_seed() -> None:
    def ids(seed: int, behaviour: str) -> list[str]:
        emulator = Emulator.empty(settings=scenario({"behaviour": {"errorids": behaviour}}), seed=seed)
        sent = [f"<read><object>CLASS</object><keys>1</keys><fields>{name}</fields></read>" for name in ("A", "B")]
        sent += [f"<delete><object>CLASS</object><keys>{key}</keys></delete>" for key in (404, 405)]
        faults = [one(emulator, call, show_additional_error_info=True).faults[0] for call in sent]
        return [fault.errorid for fault in faults]

    assert ids(1, "recorded") == ["", "", "", ""]
    made = ids(1, "made")
    assert made[2] == made[3]
    assert len(set(made)) == 3
    assert all(errorid.startswith("EM-") for errorid in made)
    assert made == ids(1, "made") != ids(2, "made")


def test_operations_and_contents_may_be_repeated() -> None:
    function = '<function controlid="{}"><getFinancialSetup/></function>'
    operation = f"<operation>{LOGIN_XML}<content>{function}</content><content>{function}</content></operation>"
    request = (
        "<request><control><senderid>demo-sender</senderid><password>demo-sender-password</password>"
        f"<controlid>c</controlid></control>{operation.format('a', 'b')}{operation.format('c', 'd')}</request>"
    )
    response = decode_response(world()(ENDPOINT, request.encode()).body)
    ids = [[result.control_id for result in each.results] for each in response.operations]
    assert ids == [["a", "b"], ["c", "d"]]


class _Inbox(BaseHTTPRequestHandler):
    received: Queue[bytes] = Queue()

    def do_POST(self) -> None:
        self.received.put(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def inbox() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Inbox)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/answers"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_policy_is_acknowledged_and_answered_later(inbox: str) -> None:
    # shape: the official SDKs' OfflineResponse tests
    emulator = Emulator.empty(settings=scenario({"policies": {"nightly": inbox}}))
    made = f"<create>{element('CLASS', CLASSID='A', NAME='A')}</create>"
    response = send(emulator, made, policy_id="nightly")
    assert (response.acknowledged, response.operations) == (True, ())
    answer = decode_response(_Inbox.received.get(timeout=120))
    assert answer.operations[0].results[0].status == "success"
    assert emulator.company().table("CLASS").count() == 1
    emulator.close()


def test_a_large_request_cannot_have_a_policy() -> None:
    emulator = Emulator.empty(settings=scenario({"policies": {"nightly": "http://localhost:9/x"}}))
    long = f"<create>{element('CLASS', CLASSID='A', NAME='A' * 500_000)}</create>"
    response = send(emulator, long, policy_id="nightly")
    assert "500,000" in response.faults[0].text
    assert emulator.company().table("CLASS").count() == 0
    emulator.close()


@pytest.mark.parametrize("url", ["http://10.0.0.1/x", "https://127.0.0.1/x", "http://example.com", "nonsense"])
def test_answers_are_delivered_to_loopback_only(url: str) -> None:
    with pytest.raises(SettingsError, match="loopback"):
        Emulator.empty(settings=scenario({"policies": {"p": url}}))


def test_the_content_type_of_answers_is_a_setting() -> None:
    # Recorded answers: text/xml; encoding="UTF-8". A client that follows HTTP takes text without charset for Latin-1.
    asked = body(READ)
    assert Emulator.empty()(ENDPOINT, asked).headers["content-type"] == 'text/xml; encoding="UTF-8"'
    stated = Emulator.empty(settings=scenario({"behaviour": {"content_type": "text/xml; charset=utf-8"}}))
    assert stated(ENDPOINT, asked).headers["content-type"] == "text/xml; charset=utf-8"
