"""The proxy and TLS on loopback: clients that know no address but Intacct's reach the emulator, and nothing else."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
import requests
import urllib3
from sageintacctsdk import SageIntacctSDK

from intacct_emulator import CREDENTIALS
from intacct_emulator.ledger.seeding import seed
from intacct_emulator.server.certificates import CertificateAuthority
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.proxy import RunningProxy, exports
from intacct_emulator.server.server import PATH, serve
from intacct_emulator.settings.faults import FaultPlan, ScriptedFault
from intacct_emulator.testing import emulated_company
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.codec import decode_response
from support.emulator.calls import encoded

GATEWAY = f"https://api.intacct.com{PATH}"


SIGN_IN = encoded("<getAPISession/>")


def endpoint_in(body: bytes) -> str:
    data = decode_response(body).operations[0].results[0].data
    assert data is not None
    return data.children[0].findtext("endpoint")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    emulator = Emulator.empty()
    yield emulator
    assert emulator.incidents == []
    emulator.close()


@pytest.fixture
def proxy(emulator: Emulator, authority: CertificateAuthority) -> Iterator[RunningProxy]:
    with RunningProxy(emulator, authority) as running:
        yield running


@pytest.fixture
def pool(proxy: RunningProxy, authority: CertificateAuthority) -> Iterator[urllib3.ProxyManager]:
    manager = urllib3.ProxyManager(proxy.url, ca_certs=str(authority.certificate), retries=False, timeout=20)
    yield manager
    manager.clear()


@pytest.fixture
def environment(
    proxy: RunningProxy, authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """This process has the variables that the command `exports` prints."""
    variables = exports(proxy.url, authority)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def test_the_fixed_address_is_the_emulators(pool: urllib3.ProxyManager) -> None:
    answer = pool.request("POST", GATEWAY, body=SIGN_IN)
    assert (answer.status, endpoint_in(answer.data)) == (200, GATEWAY)


def test_a_session_elsewhere_in_intacct_is_the_emulators_too(pool: urllib3.ProxyManager) -> None:
    answer = pool.request("POST", f"https://www-p03.intacct.com{PATH}", body=SIGN_IN)
    assert endpoint_in(answer.data) == f"https://www-p03.intacct.com{PATH}"


def test_the_rest_interface_has_a_fixed_address_too(pool: urllib3.ProxyManager) -> None:
    rest = "https://api.intacct.com/ia/api/v1"
    client = {"client_id": "demo-client", "client_secret": "demo-client-secret"}
    asked = {"grant_type": "client_credentials", "username": "demo-user@demo-company", **client}
    token = pool.request("POST", f"{rest}/oauth2/token", fields=asked, encode_multipart=False).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    answer = pool.request("GET", f"{rest}/objects/company-config/department", headers=headers)
    assert (answer.status, answer.json()["ia::meta"]["totalCount"]) == (200, 0)


def test_requests_follows_the_environment(environment: dict[str, str], emulator: Emulator) -> None:
    with requests.Session() as session:
        answers = [session.post(GATEWAY, data=SIGN_IN, timeout=20) for _ in range(3)]
        assert [endpoint_in(answer.content) for answer in answers] == [GATEWAY] * 3
        with pytest.raises(requests.exceptions.ProxyError, match=r"answers for \*\.intacct\.com only"):
            session.get("https://example.com/", timeout=20)
    assert emulator.requests == 3


def test_the_python_sdk_with_its_fixed_address(environment: dict[str, str], emulator: Emulator) -> None:
    sdk = SageIntacctSDK(
        sender_id=CREDENTIALS["sender_id"],
        sender_password=CREDENTIALS["sender_password"],
        user_id=CREDENTIALS["user_id"],
        company_id=CREDENTIALS["company_id"],
        user_password=CREDENTIALS["user_password"],
    )
    sdk.classes.post({"CLASSID": "R", "NAME": "Retail"})
    assert [row["CLASSID"] for row in sdk.classes.get_all()] == ["R"]
    assert [row["NAME"] for _, row in emulator.company().table("CLASS").rows()] == ["Retail"]


def test_one_connection_carries_many_requests_and_long_ones(pool: urllib3.ProxyManager, emulator: Emulator) -> None:
    text = "é" * 200_000
    create = f"<create><CLASS><CLASSID>L</CLASSID><NAME>L</NAME><DESCRIPTION>{text}</DESCRIPTION></CLASS></create>"
    read = "<readByName><object>CLASS</object><keys>L</keys><fields>DESCRIPTION</fields></readByName>"
    for body in (SIGN_IN, encoded(create), encoded(read)):
        answer = pool.request("POST", GATEWAY, body=body)
    assert text.encode() in answer.data
    assert pool.connection_from_url(GATEWAY).num_connections == 1


def test_an_answer_arrives_whole_though_its_reader_is_slow_and_the_gateway_closes(
    proxy: RunningProxy, authority: CertificateAuthority, emulator: Emulator
) -> None:
    text = "x" * 12_000_000
    with emulator.between_requests() as company:
        seed(company, "CLASS", [{"CLASSID": "L", "NAME": "L", "DESCRIPTION": text}], now=emulator.now())
    read = encoded("<readByName><object>CLASS</object><keys>L</keys><fields>DESCRIPTION</fields></readByName>")
    headers = {"Connection": "close", "Accept-Encoding": "identity"}
    small = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)]
    with (
        urllib3.ProxyManager(
            proxy.url, ca_certs=str(authority.certificate), retries=False, timeout=20, socket_options=small
        ) as pool,
        pool.request("POST", GATEWAY, body=read, headers=headers, preload_content=False) as answer,
    ):
        assert sum(map(len, answer.stream(4096))) > len(text)


def test_a_cut_reaches_the_client_as_a_cut(pool: urllib3.ProxyManager, emulator: Emulator) -> None:
    create = encoded("<create><CLASS><CLASSID>C</CLASSID><NAME>Cut</NAME></CLASS></create>")
    for kind in ("cut-after", "cut-within"):
        emulator.fault_plan = FaultPlan((ScriptedFault(kind, "create"),))
        with pytest.raises(
            urllib3.exceptions.HTTPError, match=r"closed connection without|EOF occurred|IncompleteRead"
        ):
            pool.request("POST", GATEWAY, body=create)
    assert emulator.company().table("CLASS").count() == 1


# --- what is refused


def answer_to(proxy: RunningProxy, sent: bytes) -> bytes:
    """What the proxy sends until it closes the connection."""
    there = urlsplit(proxy.url)
    with socket.create_connection((there.hostname or "", there.port or 0), 20) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("CONNECT example.com:443 HTTP/1.1", "not for example.com"),
        ("CONNECT api.intacct.com.example:443 HTTP/1.1", "not for api.intacct.com.example"),
        ("CONNECT evil-intacct.com:443 HTTP/1.1", "not for evil-intacct.com"),
        ("CONNECT intacct.com:443 HTTP/1.1", "not for intacct.com"),
        ("CONNECT 127.0.0.1:22 HTTP/1.1", "not for 127.0.0.1"),
        ("CONNECT [::1]:8081 HTTP/1.1", "not for [::1]"),
        ("CONNECT \u00fcbel.example:443 HTTP/1.1", "not for bel.example"),
        ("CONNECT api.intacct.com HTTP/1.1", "not for "),
        ("CONNECT", "not for "),
        ("GET http://api.intacct.com/?password=geheim HTTP/1.1", "not GET http://api.intacct.com/"),
        ("POST /ia/xml/xmlgw.phtml HTTP/1.1", "not POST /ia/xml/xmlgw.phtml"),
        ("\x16\x03\x01\x02\x00", "takes CONNECT only"),
    ],
)
def test_another_host_or_method_is_refused_with_a_reason(
    proxy: RunningProxy, emulator: Emulator, line: str, named: str
) -> None:
    answer = answer_to(proxy, f"{line}\r\nHost: api.intacct.com\r\n\r\n".encode())
    status, _, rest = answer.partition(b"\r\n")
    assert status.startswith(b"HTTP/1.1 403 intacct-emulator's proxy ")
    assert named in status.decode()
    assert b"It sends nothing to another machine" in rest
    assert b"geheim" not in answer
    assert emulator.requests == 0


@pytest.mark.parametrize("sent", [b"", b"CONNECT api.intacct.com:443", b"CONNECT a" + b"a" * 200_000 + b"\r\n\r\n"])
def test_a_head_that_is_none_ends_the_connection(proxy: RunningProxy, sent: bytes) -> None:
    with suppress(OSError):  # the proxy may close before everything is sent
        assert answer_to(proxy, sent) == b""


def test_a_client_that_does_not_trust_the_authority_learns_so(proxy: RunningProxy) -> None:
    with (
        urllib3.ProxyManager(proxy.url, retries=False) as manager,
        pytest.raises(urllib3.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        manager.request("POST", GATEWAY, body=SIGN_IN)


def test_closing_the_proxy_closes_open_connections(emulator: Emulator, authority: CertificateAuthority) -> None:
    with RunningProxy(emulator, authority) as proxy:
        there = urlsplit(proxy.url)
        connection = socket.create_connection((there.hostname or "", there.port or 0), 20)
        connection.sendall(b"CONNECT api.intacct.com:443 HTTP/1.1\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
    with connection, suppress(ConnectionError):
        assert connection.recv(100) == b""
    with pytest.raises(ConnectionError):
        socket.create_connection((there.hostname or "", there.port or 0), 5)


@pytest.mark.parametrize("host", ["10.0.0.1", "0.0.0.0"])
def test_the_proxy_listens_on_loopback_only(emulator: Emulator, authority: CertificateAuthority, host: str) -> None:
    with pytest.raises(SettingsError, match="loopback only"):
        RunningProxy(emulator, authority, host)


# --- TLS without a proxy


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_https_on_loopback(emulator: Emulator, authority: CertificateAuthority, host: str) -> None:
    with serve(emulator, tls=authority.server_context()) as server:
        assert server.url.startswith("https://127.0.0.1:")
        url = server.url.replace("127.0.0.1", host)
        with urllib3.PoolManager(ca_certs=str(authority.certificate), retries=False) as manager:
            assert endpoint_in(manager.request("POST", url, body=SIGN_IN).data) == url
        with pytest.raises(urllib3.exceptions.ProtocolError), urllib3.PoolManager(retries=False) as manager:
            manager.request("POST", url.replace("https", "http"), body=SIGN_IN)


def test_a_name_of_intacct_that_the_machine_maps_to_loopback(
    emulator: Emulator, authority: CertificateAuthority
) -> None:
    """As with api.intacct.com in the hosts file, for programs that know no proxy."""
    with serve(emulator, allow_hosts=authority.hosts, tls=authority.server_context()) as server:
        there = urlsplit(server.url)
        context = ssl.create_default_context(cafile=str(authority.certificate))
        with urllib3.HTTPSConnectionPool(
            there.hostname or "", there.port, ssl_context=context, server_hostname="api.intacct.com", retries=False
        ) as mapped:
            headers = {"Host": "api.intacct.com"}
            assert endpoint_in(mapped.request("POST", PATH, body=SIGN_IN, headers=headers).data) == GATEWAY
            assert mapped.request("POST", PATH, body=SIGN_IN, headers={"Host": "rebound.example"}).status == 403


def test_a_company_of_a_test_has_a_proxy() -> None:
    with emulated_company() as company, company.proxied() as environment:
        with urllib3.ProxyManager(
            environment["HTTPS_PROXY"], ca_certs=environment["SSL_CERT_FILE"], retries=False
        ) as manager:
            assert endpoint_in(manager.request("POST", GATEWAY, body=SIGN_IN).data) == GATEWAY
        assert len(company.received("getAPISession")) == 1
