"""Who stands between an agent and its collector: an authority of one's own, what opens TLS, a proxy, a sign-in page.

All on real sockets of loopback. 127.0.0.2 counts as elsewhere for the agent: TLS and proxies apply to it.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

ELSEWHERE = "127.0.0.2"
SECONDS = 10.0


@dataclass(frozen=True)
class Authority:
    """Somebody who issues certificates; its own is in `file`."""

    folder: Path
    name: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def file(self) -> Path:
        """Its certificate, as SSL_CERT_FILE wants it."""
        path = self.folder / f"{self.name}.pem"
        if not path.exists():
            made = self._builder(self.name, self.key, datetime.now(UTC)).add_extension(
                x509.BasicConstraints(ca=True, path_length=None), critical=True
            )
            path.write_bytes(made.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return path

    def context(self, host: str, days_ago: int = 0) -> ssl.SSLContext:
        """Return a server's context with a certificate for `host`, valid around `days_ago`."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            names: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            names = x509.DNSName(host)
        builder = self._builder(host, key, datetime.now(UTC) - timedelta(days=days_ago))
        signed = builder.add_extension(x509.SubjectAlternativeName([names]), critical=False).sign(
            self.key, hashes.SHA256()
        )
        path = self.folder / "server.pem"
        path.write_bytes(
            signed.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _builder(self, subject: str, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.CertificateBuilder:
        issuer, owner = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (self.name, subject))
        return (
            x509.CertificateBuilder()
            .subject_name(owner)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )


@contextmanager
def listening(serve: Callable[[socket.socket], None], host: str = ELSEWHERE) -> Iterator[int]:
    """Serve every connection in a thread of its own until the block ends; yields the port."""
    with socket.create_server((host, 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:  # closed: the test is over
                    return
                connection.settimeout(SECONDS)
                threading.Thread(target=_one, args=(serve, connection), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _one(serve: Callable[[socket.socket], None], connection: socket.socket) -> None:
    with suppress(OSError), connection:
        serve(connection)


def opens_tls(context: ssl.SSLContext, port: int) -> Callable[[socket.socket], None]:
    """Return what shows a certificate of its own, and passes on what it reads to a port of loopback."""

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as opened:
            relay(opened, port)

    return serve


def proxy(port: int, answer: bytes = b"200 Connection established") -> Callable[[socket.socket], None]:
    """Return a proxy that connects everybody who asks for a tunnel to one port of 127.0.0.2, or refuses."""

    def serve(connection: socket.socket) -> None:
        asked = read_head(connection)
        connection.sendall(b"HTTP/1.1 " + (answer if asked.startswith(b"CONNECT ") else b"405 No") + b"\r\n\r\n")
        if answer.startswith(b"200"):
            relay(connection, port, ELSEWHERE)

    return serve


def says(answer: bytes) -> Callable[[socket.socket], None]:
    """Return a web server that says the same to everybody."""

    def serve(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(answer)

    return serve


def read_head(connection: socket.socket) -> bytes:
    """Return a request's head."""
    head = b""
    while b"\r\n\r\n" not in head and (data := connection.recv(4096)):
        head += data
    return head


def relay(one: socket.socket, port: int, host: str = "127.0.0.1") -> None:
    """Pass bytes both ways until one end is done."""
    with socket.create_connection((host, port), SECONDS) as other:
        back = threading.Thread(target=_pump, args=(other, one), daemon=True)
        back.start()
        _pump(one, other)
        back.join(SECONDS)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(16_384):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
