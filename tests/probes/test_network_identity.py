"""Where the far end sees a home, and whether somebody opens the connection on its way."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from homecheck.errors import ProbeError
from homecheck.instruments.far_end import find
from homecheck.instruments.network_run import IDLE_FLOW, NetworkRun, Plan, measure
from homecheck.instruments.responder_session import ResponderSession
from homecheck.instruments.tcp_load import LoadRule
from homecheck.measurement import Measurement
from homecheck.observation import Region
from probes.network import Network, call_of, region, tls_intercepted
from tests.again import again
from tests.far_ends import Running, UdpRelay, relayed_responder, responder_process, write_certificate, write_regions

BLINK = LoadRule(least_seconds=0.3, most_seconds=0.3, ceiling_mbit_s=20)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("tls")
    names = ("responder", "ACME Inspection CA")
    return {
        name: write_certificate(folder / name, "127.0.0.1", x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        for name in names
    }


@pytest.fixture(scope="module")
def trusting(certificates: dict[str, tuple[Path, Path]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A computer on which the security program's authority is installed beside the usual ones."""
    bundle = tmp_path_factory.mktemp("trust") / "authorities.pem"
    bundle.write_bytes(b"".join(certificate.read_bytes() for certificate, _ in certificates.values()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(bundle))
        yield


@pytest.fixture(scope="module")
def responder(
    certificates: dict[str, tuple[Path, Path]], trusting: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("home")
    austin = {"country": {"iso_code": "US"}, "subdivisions": [{"iso_code": "TX"}]}
    regions = write_regions(folder / "city.mmdb", {"127.0.0.0/8": austin})
    certificate, key = certificates["responder"]
    options = ("--tls-cert", str(certificate), "--tls-key", str(key), "--geoip", str(regions))
    with responder_process(folder, *options) as running:
        yield running


@again
def one_run(url: str) -> NetworkRun:
    found = measure(ResponderSession.open(find(url), (), None), Plan(0.6, BLINK))
    assert len(found.idle.packets) >= 25  # enough for a call
    return found


@pytest.fixture(scope="module")
def straight(responder: Running) -> NetworkRun:
    return one_run(responder.url)


def whole_request(sock: socket.socket) -> bytes:
    """Return a request with the body that its head announces."""
    received = b""
    while True:
        head, end, body = received.partition(b"\r\n\r\n")
        announced = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        data = b"" if end and len(body) >= announced else sock.recv(65536)
        if not data:
            return received
        received += data


@contextmanager
def inspector(files: tuple[Path, Path], port: int) -> Iterator[str]:
    """A program between the home and `port` that ends TLS with a certificate of its own and reads everything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=relay, args=(connection,), daemon=True).start()

    def relay(plain: socket.socket) -> None:
        try:
            with plain, context.wrap_socket(plain, server_side=True) as inside:
                there = socket.create_connection(("127.0.0.1", port))
                with there, ssl.create_default_context().wrap_socket(there, server_hostname="127.0.0.1") as outside:
                    outside.sendall(whole_request(inside))
                    while data := outside.recv(65536):
                        inside.sendall(data)
        except OSError:
            return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_the_region_is_that_of_the_operators_file(straight: NetworkRun) -> None:
    assert region(straight).value == "US-TX"


def test_a_connection_that_nobody_opens_shows_the_responders_own_certificate(straight: NetworkRun) -> None:
    measured = tls_intercepted(straight)
    assert measured.value is False
    assert measured.details["shown"] == measured.details["served"]
    assert measured.details["issuer"] == "responder"


def test_a_trusted_program_in_the_middle_is_noticed_and_named(
    responder: Running, straight: NetworkRun, certificates: dict[str, tuple[Path, Path]]
) -> None:
    port = int(responder.url.rpartition(":")[2])
    with inspector(certificates["ACME Inspection CA"], port) as url:
        opened = ResponderSession.open(find(url), (), None)
        _, seen = opened.finish()
    measured = tls_intercepted(replace(straight, session=opened, seen=seen))
    assert measured.value is True
    assert measured.details["issuer"] == "ACME Inspection CA"


def code_of(measured: Measurement) -> tuple[str, str]:
    assert measured.failure is not None
    return measured.failure.code, measured.failure.at_fault


def test_a_responder_without_a_file_offers_no_region(straight: NetworkRun) -> None:
    assert code_of(region(replace(straight, seen=replace(straight.seen, region=None)))) == ("not_offered", "server")


def test_an_address_that_the_file_does_not_know_has_no_region(straight: NetworkRun) -> None:
    unknown = replace(straight, seen=replace(straight.seen, region=Region()))
    assert code_of(region(unknown)) == ("not_known", "server")


def test_without_both_certificates_nobody_can_tell(straight: NetworkRun) -> None:
    behind_a_proxy = replace(straight, seen=replace(straight.seen, certificate=None))
    far_end = replace(straight.session.far_end, certificate=None)
    without_tls = replace(straight, session=replace(straight.session, far_end=far_end))
    for run in (behind_a_proxy, without_tls):
        assert code_of(tls_intercepted(run)) == ("not_offered", "server")


def test_both_are_declared() -> None:
    names = {quantity.name for quantity in Network.quantities}
    assert {"network.region", "network.tls_intercepted"} <= names


def test_losses_at_a_responder_that_was_overloaded_are_our_servers_fault() -> None:
    relay = UdpRelay(lambda flow, sequence: flow == IDLE_FLOW and sequence == 3, lambda *_: False)
    with relayed_responder(relay) as running:
        done = one_run(running.url)
    call_of(done, IDLE_FLOW, done.idle)
    overloaded = replace(done, seen=replace(done.seen, overflowed=7))
    with pytest.raises(ProbeError) as raised:
        call_of(overloaded, IDLE_FLOW, overloaded.idle)
    assert (raised.value.code, raised.value.at_fault) == ("responder_overloaded", "server")


def test_an_overload_that_cost_this_home_nothing_does_not_matter(straight: NetworkRun) -> None:
    assert not straight.seen.overflowed
    call_of(replace(straight, seen=replace(straight.seen, overflowed=7)), IDLE_FLOW, straight.idle)
