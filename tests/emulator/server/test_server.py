"""The server over HTTP: endpoints, compression, form posts, cut connections."""

import gzip
from collections.abc import Iterator
from urllib.parse import quote_plus

import pytest
import urllib3

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import PATH, RunningServer, listen, serve
from intacct_emulator.settings.faults import ScriptedFault
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.codec import decode_response, encode_request
from intacct_protocol.xml.envelope import Control, Function, Login, Operation, Request
from intacct_protocol.xml.xml import element

REQUEST = encode_request(
    Request(
        Control("demo-sender", "demo-sender-password"),
        (
            Operation(
                Login("demo-user", "demo-company", "demo-user-password"),
                (Function(element("getAPISession"), "one"),),
            ),
        ),
    )
)


@pytest.fixture
def server() -> Iterator[RunningServer]:
    emulator = Emulator.empty()
    with serve(emulator, allow_hosts=("NA12.intacct.com",)) as running:
        yield running
    emulator.close()


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    manager = urllib3.PoolManager(retries=False)
    yield manager
    manager.clear()


def endpoint_in(body: bytes) -> str:
    data = decode_response(body).operations[0].results[0].data
    assert data is not None
    return data.children[0].findtext("endpoint")


def test_the_endpoint_is_the_host_of_the_request(server: RunningServer, pool: urllib3.PoolManager) -> None:
    answer = pool.request("POST", server.url, body=REQUEST, headers={"Host": "na12.intacct.com"})
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/xml")
    assert endpoint_in(answer.data) == f"http://na12.intacct.com{PATH}"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:81"}, 200),
        ({"Host": "127.0.0.9"}, 200),
        ({"Host": "[::1]:8081"}, 200),
        ({"Host": "rebound.example"}, 403),
        ({"Host": "127.0.0.1.example:80"}, 403),
        ({"Host": "192.168.1.5"}, 403),
        ({"Origin": "https://site.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:3000"}, 200),
    ],
)
def test_a_web_page_or_another_host_is_refused(
    server: RunningServer, pool: urllib3.PoolManager, headers: dict[str, str], status: int
) -> None:
    answer = pool.request("POST", server.url, body=REQUEST, headers=headers)
    assert answer.status == status
    assert (b"<response>" in answer.data) == (status == 200)


def test_a_form_post_holds_the_request(server: RunningServer, pool: urllib3.PoolManager) -> None:
    body = "xmlrequest=" + quote_plus(REQUEST.decode())
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert endpoint_in(pool.request("POST", server.url, body=body, headers=headers).data) == server.url


def test_answers_are_compressed_where_the_client_accepts_it(server: RunningServer, pool: urllib3.PoolManager) -> None:
    headers = {"Accept-Encoding": "gzip,deflate"}
    answer = pool.request("POST", server.url, body=REQUEST, headers=headers, decode_content=False)
    assert answer.headers["content-encoding"] == "gzip"
    assert endpoint_in(gzip.decompress(answer.data)) == server.url


def test_only_post_is_served(server: RunningServer, pool: urllib3.PoolManager) -> None:
    assert pool.request("GET", server.url).status == 405


def test_a_cut_connection_gives_no_answer(pool: urllib3.PoolManager) -> None:
    emulator = Emulator.empty(faults=(ScriptedFault("cut-before"),))
    with serve(emulator) as server:
        with pytest.raises(urllib3.exceptions.ProtocolError):
            pool.request("POST", server.url, body=REQUEST)
        assert pool.request("POST", server.url, body=REQUEST).status == 200
    emulator.close()


def test_it_serves_loopback_only() -> None:
    with pytest.raises(SettingsError, match="loopback"):
        listen("0.0.0.0", 0)
