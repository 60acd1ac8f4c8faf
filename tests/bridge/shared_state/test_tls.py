"""Encrypted connections to PostgreSQL, for shared state and for copies: each `sslmode`, and what goes wrong."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from intacct_bridge.copies.destinations.postgres import Postgres
from intacct_bridge.shared_state.place import postgres_place, server_of
from intacct_bridge.shared_state.postgres_link import close_link, open_link
from intacct_protocol.errors import SettingsError
from support.shared_state.tls_front import Authority, TlsFront

ENCRYPTED, PLAIN = "encrypted", "plain"
UNSIGNED, OTHER_HOST, NO_FILE, NO_CERTIFICATE = "unsigned", "other host", "no file", "no certificate"
Connect = Callable[[str], None]
FIXES = {
    UNSIGNED: "`sslrootcert`",
    NO_FILE: "`sslrootcert`",
    NO_CERTIFICATE: "`sslrootcert`",
    OTHER_HOST: "the host as",
}


@pytest.fixture
def roots(tmp_path: Path) -> dict[str, Path]:
    """Files that `sslrootcert` may name, and the server's certificate."""
    good = Authority(tmp_path, "good")
    text = tmp_path / "text.crt"
    text.write_text("no certificate")
    return {
        "good": good.root,
        "other": Authority(tmp_path, "other").root,
        "missing": tmp_path / "missing.crt",
        "text": text,
        "server": good.of_localhost(tmp_path),
    }


@pytest.fixture
def front(postgres_server: str, roots: dict[str, Path]) -> Iterator[TlsFront]:
    with TlsFront(postgres_server, roots["server"]) as opened:
        yield opened


def state(uri: str) -> None:
    close_link(open_link(postgres_place(uri, "any")))


def copy(uri: str) -> None:
    with closing(Postgres(uri)) as opened:
        opened.connect()


@pytest.mark.parametrize("connect", [state, copy])
@pytest.mark.parametrize(
    ("mode", "root", "host", "found"),
    [
        ("disable", "", "localhost", PLAIN),
        ("prefer", "", "localhost", ENCRYPTED),
        ("require", "", "localhost", ENCRYPTED),
        ("require", "good", "127.0.0.1", ENCRYPTED),
        ("require", "other", "localhost", UNSIGNED),
        ("verify-ca", "good", "127.0.0.1", ENCRYPTED),
        ("verify-ca", "other", "localhost", UNSIGNED),
        ("verify-ca", "missing", "localhost", NO_FILE),
        ("verify-ca", "text", "localhost", NO_CERTIFICATE),
        ("verify-full", "good", "localhost", ENCRYPTED),
        ("verify-full", "good", "127.0.0.1", OTHER_HOST),
        ("verify-full", "other", "localhost", UNSIGNED),
        ("verify-full", "missing", "localhost", NO_FILE),
        ("verify-full", "system", "localhost", UNSIGNED),
        ("", "system", "localhost", UNSIGNED),
    ],
)
def test_each_sslmode_encrypts_or_refuses(
    front: TlsFront, roots: dict[str, Path], connect: Connect, mode: str, root: str, host: str, found: str
) -> None:
    options = {"sslmode": mode, "sslrootcert": str(roots.get(root, root))}
    uri = front.uri(host, "&".join(f"{name}={value}" for name, value in options.items() if value))
    if found in (ENCRYPTED, PLAIN):
        connect(uri)
        assert (front.encrypted > 0, front.plain > 0) == (found == ENCRYPTED, found == PLAIN)
        return
    with pytest.raises(SettingsError) as told:
        connect(uri)
    assert FIXES[found] in told.value.fix
    assert found not in (NO_FILE, NO_CERTIFICATE) or str(roots[root]) in told.value.message
    assert front.plain == 0


@pytest.mark.parametrize("connect", [state, copy])
@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
def test_a_server_without_tls_is_refused_where_the_uri_demands_it(
    postgres_server: str, roots: dict[str, Path], connect: Connect, mode: str
) -> None:
    with TlsFront(postgres_server, None) as front:
        uri = front.uri("localhost", f"sslmode={mode}&sslrootcert={roots['good']}")
        if mode == "prefer":
            connect(uri)
            assert front.plain > 0
            return
        with pytest.raises(SettingsError) as told:
            connect(uri)
        assert "turn TLS on at the server" in told.value.fix
        assert front.plain == 0


def test_the_authorities_of_the_system_need_the_name_of_the_host() -> None:
    assert server_of("postgresql://host/db?sslrootcert=system").ssl_mode == "verify-full"
    with pytest.raises(SettingsError, match="sslrootcert=system needs sslmode=verify-full"):
        server_of("postgresql://host/db?sslrootcert=system&sslmode=require")
