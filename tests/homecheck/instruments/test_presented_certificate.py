"""Certificates of servers on loopback, and what is said about them when they are not accepted."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from homecheck.errors import ProbeError
from homecheck.instruments.far_end import find
from homecheck.instruments.presented_certificate import digest, issuer, look
from tests.far_ends import write_certificate
from tests.needs import need_program


def named(**parts: str) -> x509.Name:
    kinds = {"cn": NameOID.COMMON_NAME, "o": NameOID.ORGANIZATION_NAME}
    return x509.Name([x509.NameAttribute(kinds[kind], text) for kind, text in parts.items()])


class Shown:
    """A TLS server that shows a certificate and keeps what it is sent over accepted handshakes."""

    def __init__(self, files: tuple[Path, Path]) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*files)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.handshakes = 0
        self.received = b""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:  # closed: the test is over
                return
            try:
                with connection, self.context.wrap_socket(connection, server_side=True) as sock:
                    sock.settimeout(5)
                    self.handshakes += 1
                    while data := sock.recv(4096):
                        self.received += data
            except OSError:
                continue


@contextmanager
def shown(files: tuple[Path, Path]) -> Iterator[Shown]:
    server = Shown(files)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join()


def refusal(server: Shown) -> ProbeError:
    with pytest.raises(ProbeError) as raised:
        find(server.url)
    assert (raised.value.code, raised.value.at_fault) == ("responder_certificate", "server")
    return raised.value


@pytest.fixture(autouse=True)
def no_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)


def test_an_issuer_that_is_not_trusted_is_named_and_both_sides_may_be_at_fault(tmp_path: Path) -> None:
    with shown(write_certificate(tmp_path, "127.0.0.1", named(cn="ACME Inspection CA", o="ACME"))) as server:
        error = refusal(server)
    assert "issued by 'ACME Inspection CA'" in error.message
    assert "a security program or the network may be opening the traffic" in error.message
    assert "far end is set up wrongly" in error.message
    assert "does not count against you" in error.advice


def test_nothing_is_sent_over_the_connection_that_only_looks(tmp_path: Path) -> None:
    with shown(write_certificate(tmp_path, "127.0.0.1")) as server:
        refusal(server)
    assert server.handshakes == 1  # the look; the first was broken off
    assert server.received == b""


def test_a_certificate_out_of_date_may_be_a_wrong_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_certificate(tmp_path, "127.0.0.1", named(cn="Old"), datetime(2020, 1, 1, tzinfo=UTC))
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    with shown(files) as server:
        message = refusal(server).message
    assert "issued by 'Old', is out of date, or this computer's clock is wrong" in message


def test_a_certificate_of_another_name_may_be_the_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_certificate(tmp_path, "192.0.2.77", named(cn="Hotel"))
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    with shown(files) as server:
        message = refusal(server).message
    assert "issued by 'Hotel', is for another name: the network may answer in its place" in message


def test_a_far_end_that_is_found_keeps_the_certificate_that_was_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openssl = need_program("openssl", package="openssl")
    files = write_certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    with shown(files) as server:
        certificate = find(server.url).certificate
    said = subprocess.run(
        [openssl, "x509", "-noout", "-fingerprint", "-sha256", "-in", str(files[0])],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert certificate is not None
    assert digest(certificate) == "sha256:" + said.strip().partition("=")[2].replace(":", "").lower()


def test_the_issuers_organisation_stands_in_for_its_name(tmp_path: Path) -> None:
    with shown(write_certificate(tmp_path, "127.0.0.1", named(o="ACME Ltd"))) as server:
        assert "issued by 'ACME Ltd'" in refusal(server).message


def test_an_issuer_without_a_name_is_said_to_have_none(tmp_path: Path) -> None:
    with shown(write_certificate(tmp_path, "127.0.0.1", x509.Name([]))) as server:
        assert "of an issuer without a name" in refusal(server).message


def test_a_name_that_was_made_to_confuse_is_shown_short_and_without_control_characters(tmp_path: Path) -> None:
    files = write_certificate(tmp_path, "127.0.0.1", named(cn="\x1b[2J\n\u202eevil" + "x" * 50))
    name = issuer(ssl.PEM_cert_to_DER_cert(files[0].read_text()))
    assert name is not None
    assert name.startswith("[2Jevil")
    assert len(name) <= 60


@pytest.mark.parametrize("der", [b"", b"no certificate", b"\x30\x82\xff\xff"])
def test_what_is_no_certificate_has_no_issuer(der: bytes) -> None:
    assert issuer(der) is None


def test_a_certificate_of_a_version_that_does_not_exist_has_no_issuer(tmp_path: Path) -> None:
    files = write_certificate(tmp_path, "127.0.0.1")
    der = ssl.PEM_cert_to_DER_cert(files[0].read_text())
    version = der.index(bytes.fromhex("a003020102"))  # [0] INTEGER 2: version 3 (RFC 5280 4.1)
    assert issuer(der[:version] + bytes.fromhex("a003020117") + der[version + 5 :]) is None


def test_looking_at_a_server_that_never_answers_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = silent.getsockname()
        assert look(address, socket.AF_INET, "127.0.0.1", 0.3) is None
    assert look(address, socket.AF_INET, "127.0.0.1", 0.3) is None  # and where nobody listens


def test_a_far_end_without_tls_has_no_certificate() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert find(f"http://127.0.0.1:{listener.getsockname()[1]}").certificate is None
