"""TLS in front of a PostgreSQL server, with a certificate for `localhost` from an authority of its own."""

import select
import socket
import ssl
import struct
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from support.shared_state.cutting_proxy import exactly, target_of

_SSL_REQUEST = 80877103


class Authority:
    """An authority that signs certificates; `root` is the file of its own one."""

    def __init__(self, folder: Path, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.root = folder / f"{name}.crt"
        made = self._builder(self._name, self._key, x509.BasicConstraints(ca=True, path_length=None))
        self.root.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _builder(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        empty = x509.CertificateBuilder().subject_name(name).issuer_name(self._name).public_key(key.public_key())
        dated = empty.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        return dated.not_valid_after(now + timedelta(days=1)).add_extension(extension, critical=True)

    def of_localhost(self, folder: Path) -> Path:
        """A file with the certificate of `localhost` and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        made = self._builder(x509.Name([]), key, names).sign(self._key, hashes.SHA256())
        plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        found = folder / "server.pem"
        found.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, *plain) + made.public_bytes(serialization.Encoding.PEM)
        )
        return found


class TlsFront:
    """Listens on loopback. `encrypted` counts the connections over TLS, and `plain` the others.

    Without a certificate it says that it has no TLS, as a server does.
    """

    def __init__(self, uri: str, certificate: Path | None) -> None:
        self._target = target_of(uri)
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.encrypted = self.plain = 0
        self._path, self.port = urlsplit(uri).path, self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def uri(self, host: str, options: str) -> str:
        """The address of the same database through this front."""
        return f"postgresql://postgres@{host}:{self.port}{self._path}?{options}"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(client,), daemon=True))
                self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET)
        with suppress(OSError), server:
            first = exactly(client, 8)
            asks = struct.unpack("!ii", first)[1] == _SSL_REQUEST
            if asks and self._context is not None:
                client.sendall(b"S")
                client = self._context.wrap_socket(client, server_side=True)
                self.encrypted += 1
                first = b""
            elif asks:
                client.sendall(b"N")
                first = exactly(client, 8)
            self.plain += bool(first)
            server.connect(self._target)
            server.sendall(first)
            _pass_on(client, server)
        client.close()

    def close(self) -> None:
        """Stop listening, when all clients have closed their connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    """Pass bytes on in both directions until one end closes."""
    while True:
        waiting = isinstance(client, ssl.SSLSocket) and client.pending()
        ready = [client] if waiting else select.select([client, server], [], [])[0]
        for end in ready:
            piece = end.recv(65_536)
            if not piece:
                return
            (server if end is client else client).sendall(piece)
