"""The recorder between a program and a gateway: an emulator plays the real one, on loopback and with faults."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
import urllib3

from intacct_emulator import CREDENTIALS
from intacct_emulator.recordings import exchanges as files
from intacct_emulator.recordings.exchanges import ANSWERED, NO_ANSWER, UNREADABLE, RecordingFolder
from intacct_emulator.recordings.masks import Mask
from intacct_emulator.recordings.recorder import Recorder, check_upstream, masks_of, start_recording
from intacct_emulator.recordings.replayer import Replayer
from intacct_emulator.server.certificates import CertificateAuthority
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.proxy import RunningProxy
from intacct_emulator.server.server import PATH, RunningServer, serve
from intacct_emulator.settings.faults import FaultPlan, ScriptedFault
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.codec import decode_response
from intacct_protocol.xml.envelope import Login, SessionAuth
from intacct_protocol.xml.reply import ConnectionCutError
from support.emulator.calls import encoded

CREATE = "<create><CLASS><CLASSID>R-7</CLASSID><NAME>Retail</NAME></CLASS></create>"
QUERY = "<query><object>CLASS</object><select><field>CLASSID</field><field>NAME</field></select></query>"
SECRETS = (CREDENTIALS["sender_password"], CREDENTIALS["user_password"])


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    emulator = Emulator.empty()
    yield emulator
    emulator.close()


@pytest.fixture
def gateway(emulator: Emulator) -> Iterator[RunningServer]:
    with serve(emulator) as running:
        yield running


class Bench:
    """A recorder with its folder, and what it said."""

    def __init__(self, folder: Path, upstream: str, masks: set[Mask]) -> None:
        self.folder, self.said = folder, list[str]()
        recording, exchange_masks = start_recording(folder / "recording", masks, folder / "keys")
        self.recorder = Recorder(recording, exchange_masks, upstream, say=self.said.append, seconds=20)

    @property
    def recording(self) -> RecordingFolder:
        return RecordingFolder.open(self.folder / "recording")

    def replayer(self) -> Replayer:
        return Replayer(
            self.recording.exchanges(), masks_of(self.recording, self.folder / "keys"), say=self.said.append
        )

    def written(self) -> bytes:
        return b"".join(file.read_bytes() for file in (self.folder / "recording").iterdir())


@pytest.fixture
def bench(tmp_path: Path, gateway: RunningServer) -> Bench:
    return Bench(tmp_path, gateway.url, set())


def test_a_program_gets_what_the_gateway_sends_and_the_exchange_is_recorded(bench: Bench) -> None:
    with serve(bench.recorder) as server, urllib3.PoolManager(retries=False) as pool:
        created = pool.request("POST", server.url, body=encoded(CREATE))
        listed = pool.request("POST", server.url, body=encoded(QUERY))
    assert decode_response(created.data).operations[0].results[0].status == "success"
    assert b"Retail" in listed.data
    first, second = bench.recording.exchanges()
    assert [body.tag for body in (*first.functions, *second.functions)] == ["create", "query"]
    assert (second.number, second.outcome, second.status) == (2, ANSWERED, 200)
    assert second.answer is not None
    assert b"Retail" in files.indented(second.answer)
    assert not any(secret.encode() in bench.written() for secret in SECRETS)
    assert bench.said[0].startswith("000001-create: 200, ")


def test_the_session_goes_by_the_recorder_and_is_not_in_the_recording(bench: Bench, emulator: Emulator) -> None:
    here = f"http://127.0.0.1:1{PATH}"
    answer = decode_response(bench.recorder(here, encoded("<getAPISession/>")).body)
    data = answer.operations[0].results[0].data
    assert data is not None
    assert data.children[0].findtext("endpoint") == here
    session = data.children[0].findtext("sessionid")
    reply = bench.recorder(here, encoded(QUERY, authentication=SessionAuth(session)))
    assert decode_response(reply.body).operations[0].authentication.status == "success"
    assert emulator.requests == 2
    assert session.encode() not in bench.written()


def test_a_recording_goes_on_where_it_stopped(bench: Bench, gateway: RunningServer, tmp_path: Path) -> None:
    bench.recorder(gateway.url, encoded(CREATE))
    again = Bench(tmp_path, gateway.url, set())
    again.recorder(gateway.url, encoded(QUERY))
    assert [exchange.number for exchange in bench.recording.exchanges()] == [1, 2]
    with pytest.raises(SettingsError, match="begun with other masks: secrets only"):
        Bench(tmp_path, gateway.url, {Mask.NAMES})


def test_masks_are_drawn_with_a_key_that_is_not_in_the_recording(tmp_path: Path, gateway: RunningServer) -> None:
    bench = Bench(tmp_path, gateway.url, {Mask.NAMES})
    bench.recorder(gateway.url, encoded(CREATE))
    (key,) = (tmp_path / "keys").iterdir()
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_bytes() not in bench.written()
    assert key.read_bytes().hex().encode() not in bench.written()
    assert b"Retail" not in bench.written()
    assert b"R-7" not in bench.written()
    Bench(tmp_path, gateway.url, {Mask.NAMES}).recorder(gateway.url, encoded(CREATE))
    one, other = (exchange.functions for exchange in bench.recording.exchanges())
    assert one == other


# --- what goes wrong


@contextmanager
def answering(sent: bytes) -> Iterator[str]:
    """A server that sends these bytes to one client, and closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(sent)

        thread = Thread(target=run)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}{PATH}"
        thread.join()


def recorded_from(tmp_path: Path, sent: bytes) -> tuple[Bench, object]:
    """The recording of one request to a server that sends these bytes, and what the program got."""
    with answering(sent) as url:
        bench = Bench(tmp_path, url, set())
        try:
            return bench, bench.recorder("http://127.0.0.1/", encoded(QUERY))
        except ConnectionCutError as error:
            return bench, error


def test_a_gateway_that_is_away_is_recorded_as_no_answer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    bench = Bench(tmp_path, f"http://127.0.0.1:{port}{PATH}", set())
    with (
        serve(bench.recorder) as server,
        urllib3.PoolManager(retries=False) as pool,
        pytest.raises(urllib3.exceptions.ProtocolError),
    ):
        pool.request("POST", server.url, body=encoded(CREATE))
    (exchange,) = bench.recording.exchanges()
    assert (exchange.outcome, exchange.status, exchange.answer) == (NO_ANSWER, 0, None)
    assert "refused" in exchange.note
    with pytest.raises(ConnectionCutError):
        bench.replayer()("http://127.0.0.1/", encoded(CREATE))


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<response><sessionid>secret-ses",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        b"",
    ],
)
def test_a_truncated_answer_is_no_answer_and_none_of_it_is_recorded(tmp_path: Path, sent: bytes) -> None:
    bench, got = recorded_from(tmp_path, sent)
    assert isinstance(got, ConnectionCutError)
    (exchange,) = bench.recording.exchanges()
    assert (exchange.outcome, exchange.answer) == (NO_ANSWER, None)
    assert b"secret-ses" not in bench.written()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("503 Service Unavailable", b"<html><p>Maintenance: demo-user-password</html>"),
        ("200 OK", b"<response><sessionid>secret-session"),
        ("200 OK", b""),
        ("200 OK", b"\xff\xfe\x00secret-session"),
    ],
)
def test_what_is_no_document_reaches_the_program_and_not_the_recording(
    tmp_path: Path, status: str, body: bytes
) -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nRetry-After: 9\r\nX-Other: demo-user-password\r\n\r\n"
    bench, got = recorded_from(tmp_path, head.encode() + body)
    assert getattr(got, "body", None) == body
    (exchange,) = bench.recording.exchanges()
    assert (exchange.outcome, exchange.status, exchange.answer) == (UNREADABLE, int(status[:3]), None)
    assert exchange.headers == {"retry-after": "9"}
    assert b"secret-session" not in bench.written()
    assert b"demo-user-password" not in bench.written()
    replayed = bench.replayer()("http://127.0.0.1/", encoded(QUERY))
    assert (replayed.status, replayed.headers) == (int(status[:3]), {"retry-after": "9"})


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    bench, got = recorded_from(tmp_path, head)
    assert getattr(got, "status", None) == 302
    assert [exchange.status for exchange in bench.recording.exchanges()] == [302]


def test_a_full_disk_does_not_cost_the_program_its_answer(
    bench: Bench, gateway: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device", "demo-user-password")

    monkeypatch.setattr(RecordingFolder, "add", full)
    reply = bench.recorder(gateway.url, encoded(CREATE))
    assert decode_response(reply.body).operations[0].results[0].status == "success"
    assert bench.said == ["not recorded: No space left on device"]


def test_a_credential_that_no_mask_reaches_keeps_the_exchange_out(bench: Bench, gateway: RunningServer) -> None:
    login = Login("demo-user", "demo-company", "readByQuery")
    request = encoded(
        "<readByQuery><object>CLASS</object><fields>*</fields><query/></readByQuery>", authentication=login
    )
    assert b"XL03000006" in bench.recorder(gateway.url, request).body
    assert [*bench.recording.exchanges()] == []
    assert bench.said == ["not recorded: a password or a session id would be left in it"]


def test_a_program_with_a_fixed_address_is_recorded_through_the_proxy(bench: Bench, tmp_path: Path) -> None:
    address, authority = f"https://api.intacct.com{PATH}", CertificateAuthority(tmp_path / "certificates")
    with (
        RunningProxy(bench.recorder, authority) as proxy,
        urllib3.ProxyManager(proxy.url, ca_certs=str(authority.certificate), retries=False) as pool,
    ):
        answer = decode_response(pool.request("POST", address, body=encoded("<getAPISession/>")).data)
        data = answer.operations[0].results[0].data
        assert data is not None
        assert data.children[0].findtext("endpoint") == address
        session = SessionAuth(data.children[0].findtext("sessionid"))
        created = pool.request("POST", address, body=encoded(CREATE, authentication=session))
    assert decode_response(created.data).operations[0].results[0].status == "success"
    assert [exchange.functions[0].tag for exchange in bench.recording.exchanges()] == ["getAPISession", "create"]


def test_a_request_that_is_no_document_is_passed_on_and_not_recorded(bench: Bench, gateway: RunningServer) -> None:
    reply = bench.recorder(gateway.url, b"<request><password>demo-user-password")
    assert b"XL03000003" in reply.body
    assert [*bench.recording.exchanges()] == []
    assert bench.said == ["not recorded: a request of 37 bytes that is no document"]


@pytest.mark.parametrize(
    "address", ["http://api.intacct.com/ia", "ftp://api.intacct.com", "https://", "file:///etc/passwd", "", "http://10.0.0.1"]
)  # fmt: skip
def test_passwords_go_by_https_or_stay_on_this_machine(address: str) -> None:
    with pytest.raises(SettingsError, match="no address of a gateway"):
        check_upstream(address)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notes.txt", "mine", "is not empty"),
        ("recording.json", "{", "cannot be read"),
        ("recording.json", "[]", "is no JSON object"),
        ("recording.json", '{"format": "intacct-recording", "version": 2}', "is not of the format"),
    ],
)
def test_a_folder_that_is_no_recording_is_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SettingsError, match=message):
        RecordingFolder.make(tmp_path, {})


# --- answers from a recording


@pytest.mark.parametrize("masks", [set(), {Mask.NAMES, Mask.AMOUNTS}])
def test_the_same_requests_get_the_same_answers_in_their_order(
    tmp_path: Path, gateway: RunningServer, masks: set[Mask]
) -> None:
    bench = Bench(tmp_path, gateway.url, masks)
    asked = [encoded(QUERY), encoded(CREATE), encoded(QUERY), encoded(CREATE)]
    real = [decode_response(bench.recorder(gateway.url, body).body).operations[0].results[0] for body in asked]
    replayer = bench.replayer()
    asked_again = [encoded(QUERY, control_ids=["x"]), encoded(CREATE), encoded(QUERY), encoded(CREATE), encoded(QUERY)]
    played = [decode_response(replayer(gateway.url, body).body).operations[0].results[0] for body in asked_again]
    assert [result.control_id for result in played] == ["x", "c0", "c0", "c0", "c0"]
    assert [result.status for result in played[:4]] == [result.status for result in real]
    assert [result.status for result in played[:4]] == ["success", "success", "success", "failure"]
    counts = [result.data.get("count") for result in (played[0], played[2], played[4]) if result.data is not None]
    assert counts == ["0", "1", "1"]
    assert [line for line in bench.said if "differs" in line] == []


def test_a_request_that_differs_gets_the_next_answer_of_its_shape(bench: Bench, gateway: RunningServer) -> None:
    bench.recorder(gateway.url, encoded(CREATE))
    other = CREATE.replace("R-7", "R-8")
    reply = bench.replayer()(gateway.url, encoded(other))
    assert decode_response(reply.body).operations[0].results[0].status == "success"
    assert bench.said[-1] == "000001 answers a request that differs from it: create"
    vendor = "<create><VENDOR><VENDORID>V</VENDORID></VENDOR></create>"
    refused = decode_response(bench.replayer()(gateway.url, encoded(vendor, control_id="mine")).body)
    assert refused.control.control_id == "mine"
    assert refused.faults[0].errorno == "EMULATOR-0002"
    assert "no recorded answer to a request like this: create" in refused.faults[0].description2


def test_the_answer_names_the_endpoint_of_the_replay(bench: Bench, gateway: RunningServer) -> None:
    bench.recorder(gateway.url, encoded("<getAPISession/>"))
    answer = decode_response(bench.replayer()("http://127.0.0.1:7/ia", encoded("<getAPISession/>")).body)
    data = answer.operations[0].results[0].data
    assert data is not None
    assert data.children[0].findtext("endpoint") == "http://127.0.0.1:7/ia"


def test_a_limit_is_replayed_with_its_status(bench: Bench, gateway: RunningServer, emulator: Emulator) -> None:
    emulator.fault_plan = FaultPlan((ScriptedFault("http", "query", status=429, headers={"retry-after": "7"}),))
    real = bench.recorder(gateway.url, encoded(QUERY))
    played = bench.replayer()(gateway.url, encoded(QUERY))
    assert (real.status, played.status) == (429, 429)
    assert played.headers["retry-after"] == "7"


def test_exchanges_are_read_from_har(tmp_path: Path) -> None:
    def entry(request: str, response: str, status: int = 200) -> dict[str, object]:
        return {
            "request": {"method": "POST", "url": "https://api.intacct.com", "postData": {"text": request}},
            "response": {"status": status, "content": {"text": response}},
        }

    emulator = Emulator.empty()
    request = encoded(CREATE)
    entries = [
        entry("a=b", "an image"),
        entry(request.decode(), emulator("http://127.0.0.1/", request).body.decode()),
        entry(encoded(QUERY).decode(), "<html>", 503),
    ]
    (tmp_path / "browser.har").write_text(json.dumps({"log": {"version": "1.2", "entries": entries}}))
    first, second = RecordingFolder.open(tmp_path).exchanges()
    assert (first.number, first.outcome, first.functions[0].tag) == (1, ANSWERED, "create")
    assert (second.outcome, second.status) == (UNREADABLE, 503)
    (tmp_path / "browser.har").write_text('{"log": {"entries": [{}]}}')
    with pytest.raises(SettingsError, match="cannot be read as HAR"):
        list(RecordingFolder.open(tmp_path).exchanges())
    emulator.close()
