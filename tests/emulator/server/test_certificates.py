"""Certificates of the emulator, judged by OpenSSL: whom a client believes, and what is in the files."""

import os
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from intacct_emulator.server import certificates
from intacct_emulator.server.certificates import CertificateAuthority
from intacct_protocol.errors import SettingsError


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path / "certificates")


def handshake(server: ssl.SSLContext, trusted: Path, host: str) -> dict[str, object]:
    """The certificate that a client of this trust accepts from the server for this host."""
    context = ssl.create_default_context(cafile=str(trusted))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname=host)
    other = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, other):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    shown = client.getpeercert()
    assert shown
    return dict(shown)


@pytest.mark.parametrize("host", ["api.intacct.com", "na12.intacct.com", "API.intacct.com", "a.preview.intacct.com"])
def test_a_client_believes_the_names_of_intacct(authority: CertificateAuthority, host: str) -> None:
    shown = handshake(authority.server_context(), authority.certificate, host)
    assert shown["subjectAltName"] == (("DNS", host.lower()),)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_client_believes_loopback(authority: CertificateAuthority, host: str) -> None:
    assert handshake(authority.server_context(), authority.bundle, host)


@pytest.mark.parametrize("host", ["example.com", "intacct.com.example", "evil-intacct.com", "10.0.0.1"])
def test_no_client_believes_another_name(authority: CertificateAuthority, host: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(authority.server_context(), authority.certificate, host)


def test_not_even_the_key_itself_can_forge_another_site(authority: CertificateAuthority, tmp_path: Path) -> None:
    forged = tmp_path / "forged.pem"
    forged.write_bytes(authority._signed(("bank.example",)) + authority.certificate.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(forged)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        handshake(context, authority.certificate, "bank.example")


def test_the_key_is_the_users_alone_and_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "certificates"
    first = CertificateAuthority(folder)
    made = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert set(made) == {"authority.pem", "ca.pem", "bundle.pem"}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "authority.pem").stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" not in made["ca.pem"] + made["bundle.pem"]
    assert made["bundle.pem"].startswith(made["ca.pem"])
    second = CertificateAuthority(folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == made
    assert handshake(second.server_context(), first.certificate, "api.intacct.com")


def test_processes_that_make_it_at_once_use_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = [*threads.map(lambda _: CertificateAuthority(tmp_path / "certificates"), range(8))]
    for authority in made:
        assert handshake(authority.server_context(), made[0].certificate, "api.intacct.com")
    assert sorted(file.name for file in (tmp_path / "certificates").iterdir()) == [
        "authority.pem", "bundle.pem", "ca.pem",
    ]  # fmt: skip


def test_an_authority_is_made_again_for_more_hosts_and_keeps_the_earlier_ones(tmp_path: Path) -> None:
    old = CertificateAuthority(tmp_path).certificate.read_bytes()
    wider = CertificateAuthority(tmp_path, ["*.gateway.example"])
    assert wider.certificate.read_bytes() != old
    assert handshake(wider.server_context(), wider.certificate, "eu.gateway.example")
    third = CertificateAuthority(tmp_path, ["one.other.example"])
    both = CertificateAuthority(tmp_path, ["*.gateway.example", "one.other.example"])
    assert both.certificate.read_bytes() == third.certificate.read_bytes()
    assert handshake(both.server_context(), third.certificate, "eu.gateway.example")


def test_an_authority_that_is_about_to_expire_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "_AUTHORITY_LIFE", timedelta(days=300))
    old = CertificateAuthority(tmp_path).certificate.read_bytes()
    monkeypatch.undo()
    new = CertificateAuthority(tmp_path)
    assert new.certificate.read_bytes() != old
    assert handshake(new.server_context(), new.certificate, "api.intacct.com")


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    CertificateAuthority(tmp_path)
    (tmp_path / "authority.pem").chmod(0o644)
    with pytest.raises(SettingsError, match="other users can read the key"):
        CertificateAuthority(tmp_path)


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_damaged_authority_is_refused(tmp_path: Path, content: bytes) -> None:
    CertificateAuthority(tmp_path)
    (tmp_path / "authority.pem").write_bytes(content)
    with pytest.raises(SettingsError, match="is damaged"):
        CertificateAuthority(tmp_path)


@pytest.mark.parametrize("pattern", ["*", "*.com", "com", "*.*.example", "a b.example", "https://a.example", ""])
def test_a_pattern_that_is_no_host_is_refused(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(SettingsError, match="is no host name"):
        CertificateAuthority(tmp_path, [pattern])
