"""Certificates for Intacct's host names on this machine, signed by an authority that the machine makes for itself.

The authority is made once and then used again, so that a program is told once whom to trust. Its key is in a file that
only the user can read. The authority is limited by name constraints (RFC 5280, 4.2.1.10) to Intacct's names and
loopback: a stolen key forges no other site. The certificate of a host is made when a client asks for the host, and
lives in memory.

The library `cryptography` comes with the extra `proxy`. Without it, the import of this module raises SettingsError.
"""

import os
import ssl
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

from intacct_protocol.errors import SettingsError

try:
    from cryptography import x509
except ImportError:
    raise SettingsError(
        "certificates need the library cryptography", fix="pip install 'intacct-emulator[proxy]'"
    ) from None
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOSTS_OF_INTACCT = ("*.intacct.com",)
"""The host names of the gateway: a program starts at api.intacct.com, and a session may be at another."""
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_LOOPBACK_NETWORKS = ("127.0.0.0/8", "::1/128")
_AUTHORITY_LIFE, _HOST_LIFE = timedelta(days=3650), timedelta(days=365)
"""Apple's systems refuse a server's certificate that lives for more than 398 days."""
_DAY = timedelta(days=1)


def is_of(host: str, patterns: Iterable[str]) -> bool:
    """Whether a host name is one of the patterns `name` and `*.name`."""
    return any(fnmatchcase(host.casefold().rstrip("."), pattern.casefold()) for pattern in patterns)


class CertificateAuthority:
    """The authority of one folder: it signs, and its files make programs trust what it signed."""

    def __init__(self, folder: Path, hosts: Sequence[str] = ()) -> None:
        """Open the authority of the folder, or make one. `hosts` are patterns besides `*.intacct.com`.

        An authority that has expired, or that may not sign for one of the hosts, is made again. Raises SettingsError
        for a pattern that names no host, and if other users can read the key.
        """
        for pattern in hosts:
            _check_pattern(pattern)
        self.hosts = tuple(dict.fromkeys((*HOSTS_OF_INTACCT, *hosts)))
        self.certificate, self.bundle = folder / "ca.pem", folder / "bundle.pem"
        """The authority alone; and in front of what this machine trusts, for programs that read one file only."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._signer, self._key = _authority(folder / "authority.pem", {_domain(pattern) for pattern in self.hosts})
        self._context = cache(self._made_context)
        _publish(self.certificate, _pem(self._signer), mode=0o644)
        _publish(self.bundle, _pem(self._signer) + b"".join(_trusted_here()), mode=0o644)

    def server_context(self) -> ssl.SSLContext:
        """What a TLS server needs: each client sees the certificate of the host that it names."""
        context = self._context("localhost")

        def choose(connection: ssl.SSLObject, host: str | None, _: ssl.SSLContext) -> None:
            if host is not None and is_of(host, self.hosts):
                connection.context = self._context(host.casefold())

        context.sni_callback = choose
        return context

    def _made_context(self, host: str) -> ssl.SSLContext:
        """The context for one host; `localhost` stands for every name of loopback."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        with TemporaryDirectory() as folder:  # the module ssl reads a key from a file only
            file = Path(folder) / "host.pem"
            _write_secret(file, self._signed(_LOOPBACK_NAMES if host == "localhost" else (host,)) + _pem(self._signer))
            context.load_cert_chain(file)
        return context

    def _signed(self, names: Sequence[str]) -> bytes:
        """A new key and its certificate for these names, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        signer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            _begun(names[0], key, self._signer.subject, _HOST_LIFE, signs=False)
            .add_extension(x509.SubjectAlternativeName([*map(_general_name, names)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(signer_id, critical=False)
        )
        return _key_pem(key) + _pem(builder.sign(self._key, SHA256()))


# --- the authority's file: its key and its certificate


def _authority(file: Path, domains: set[str]) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """The authority in a file, made first if it is absent or does not serve."""
    if file.exists():
        authority, key = _open_authority(file)
        permitted = _permitted(authority)
        if datetime.now(UTC) + _HOST_LIFE < authority.not_valid_after_utc and domains <= permitted:
            return authority, key
        new = file.with_name(f"authority-{token_hex(4)}.new")
        _write_secret(new, _new_authority(domains | permitted))
        new.replace(file)
    else:
        new = file.with_name(f"authority-{token_hex(4)}.new")
        _write_secret(new, _new_authority(domains))
        try:
            os.link(new, file)  # of two processes that do so at once, one wins, and both use its authority
        except FileExistsError:
            pass
        finally:
            new.unlink()
    return _open_authority(file)


def _open_authority(file: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    if os.name == "posix" and file.stat().st_mode & 0o077:
        raise SettingsError(
            f"other users can read the key in {file}", fix=f"chmod 600 {file}, or delete it: a new one is made"
        )
    pem = file.read_bytes()
    try:
        key = serialization.load_pem_private_key(pem, password=None)
        authority = x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise SettingsError(f"{file} is damaged: {error}", fix="delete it: a new one is made") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SettingsError(f"{file} is not of this program", fix="choose another folder")
    return authority, key


def _new_authority(domains: Iterable[str]) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    permitted = [
        *(x509.DNSName(domain) for domain in sorted({*domains, "localhost"})),
        *(x509.IPAddress(ip_network(network)) for network in _LOOPBACK_NETWORKS),
    ]
    name = f"intacct-emulator on this machine {token_hex(4)}"  # a new authority is no other's namesake
    builder = _begun(name, key, None, _AUTHORITY_LIFE, signs=True).add_extension(
        x509.NameConstraints(permitted, None), critical=True
    )
    return _key_pem(key) + _pem(builder.sign(key, SHA256()))


def _permitted(authority: x509.Certificate) -> set[str]:
    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    return {subtree.value for subtree in constraints.permitted_subtrees or () if isinstance(subtree, x509.DNSName)}


# --- the parts of certificates


def _begun(
    common_name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Name | None, life: timedelta, *, signs: bool
) -> x509.CertificateBuilder:
    """What every certificate has; its own issuer if none is given."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
    now = datetime.now(UTC)
    uses = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    usage = x509.KeyUsage(digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, **uses)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + life)
        .add_extension(x509.BasicConstraints(ca=signs, path_length=0 if signs else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _check_pattern(pattern: str) -> None:
    labels = pattern.removeprefix("*.").split(".")
    if len(labels) < 2 or not all(label.replace("-", "").isalnum() and label.isascii() for label in labels):
        raise SettingsError(
            f"{pattern!r} is no host name", fix="write gateway.example.com, or *.example.com for every name under it"
        )


def _domain(pattern: str) -> str:
    return pattern.removeprefix("*.").casefold()


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _trusted_here() -> Iterator[bytes]:
    """The certificates that this machine trusts, so that a bundle serves for hosts beside the proxy too."""
    for der in ssl.create_default_context().get_ca_certs(binary_form=True):
        yield ssl.DER_cert_to_PEM_cert(der).encode()


# --- files


def _write_secret(file: Path, content: bytes) -> None:
    """Write a new file that only the user can read."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as writer:
        writer.write(content)


def _publish(file: Path, content: bytes, *, mode: int) -> None:
    """Write a public file in one step, because programs may read it now."""
    if file.exists() and file.read_bytes() == content:
        return
    new = file.with_name(f"{file.name}-{token_hex(4)}.new")
    _write_secret(new, content)
    new.chmod(mode)
    new.replace(file)
