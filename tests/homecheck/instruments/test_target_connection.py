from __future__ import annotations

import asyncio
import base64
import errno
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from aiohttp import web

from homecheck.errors import ProbeError
from homecheck.instruments.far_end import FarEnd, client_context
from homecheck.instruments.proxies import Proxy
from homecheck.instruments.target_connection import SECONDS, Reached, attempt, stopped
from homecheck.measurement import Target
from tests.certificates import Authority
from tests.needs import need
from tests.targets import (
    HOST,
    accepts,
    answers,
    black_hole,
    closed_port,
    is_translated,
    opens_websocket,
    over_tls,
    reads_names,
    resets,
    tcp_server,
)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def at(port: int, address: str = "127.0.0.1", host: str = HOST) -> FarEnd:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return FarEnd("https", host, port, "", family, address)


def try_it(protocol: str, end: FarEnd, trust: ssl.SSLContext | None = None, **more: object) -> Reached:
    path, proxy = more.get("path", ""), more.get("proxy")
    seconds = more.get("seconds", SECONDS)
    assert isinstance(path, str)
    assert isinstance(seconds, float)
    assert proxy is None or isinstance(proxy, Proxy)
    target = Target("phone", HOST, end.port, protocol, path)
    return attempt(target, end, trust or ssl.create_default_context(), proxy, seconds)


def failure(protocol: str, end: FarEnd, trust: ssl.SSLContext | None = None, **more: object) -> ProbeError:
    with pytest.raises(ProbeError) as raised:
        try_it(protocol, end, trust, **more)
    assert is_translated(raised.value)
    return raised.value


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_that_accepts_is_reached_over_tcp(address: str) -> None:
    with tcp_server(accepts, address) as port:
        found = try_it("tcp", at(port, address))
    assert 0 < found.ms < 3000
    assert found.details == {}


def test_a_port_where_nobody_listens_refuses() -> None:
    with closed_port() as port:
        error = failure("tcp", at(port))
    assert (error.code, error.at_fault) == ("target_refused", "server")
    assert error.message == f"{HOST}:{port} refuses connections"


def test_a_port_that_swallows_everything_is_silent_when_the_time_is_over() -> None:
    need(sys.platform == "linux", "a full queue ignores SYN on Linux alone", "run on Linux")
    with black_hole() as port:
        began = time.monotonic()
        error = failure("tcp", at(port), seconds=1.0)
        assert time.monotonic() - began > 0.9
    assert (error.code, error.at_fault) == ("target_silent", "server")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_what_this_computer_forbids_itself_is_the_computers_doing(number: int) -> None:
    error = stopped(at(443), PermissionError(number, "Permission denied"))
    assert (error.code, error.at_fault) == ("local_firewall", "device")
    assert "calls.example.com:443" in error.message


def test_an_address_without_a_route_is_the_home_links() -> None:
    error = stopped(at(443), OSError(errno.ENETUNREACH, "Network is unreachable"))
    assert (error.code, error.at_fault) == ("no_route", "home_link")


def test_tls_with_a_trusted_certificate_is_reached_and_names_its_issuer(authority: Authority) -> None:
    with tcp_server(over_tls(authority.server(HOST))) as port:
        found = try_it("tls", at(port), authority.trusted())
    assert found.details["issuer"] == "Test Authority"
    assert found.details["tls"] == "TLSv1.3"


def test_an_authority_in_ssl_cert_file_is_trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with tcp_server(over_tls(authority.server(HOST))) as port:
        assert try_it("tls", at(port), client_context()).ms > 0


def test_a_certificate_for_another_name_is_refused(authority: Authority) -> None:
    with tcp_server(over_tls(authority.server("other.example.com"))) as port:
        error = failure("tls", at(port), authority.trusted())
    assert (error.code, error.at_fault) == ("target_certificate", "server")
    assert "is for another name" in error.message


def test_a_certificate_that_has_expired_is_refused(authority: Authority) -> None:
    with tcp_server(over_tls(authority.server(HOST, days=-2))) as port:
        error = failure("tls", at(port), authority.trusted())
    assert error.code == "target_certificate"
    assert "out of date" in error.message


def test_an_interceptor_is_named_by_the_issuer_of_its_certificate(authority: Authority, tmp_path: Path) -> None:
    shield = Authority(tmp_path, "Acme Web Shield")
    with tcp_server(over_tls(shield.server(HOST))) as port:
        error = failure("tls", at(port), authority.trusted())
    assert error.code == "target_certificate"
    assert "issued by 'Acme Web Shield', which this computer does not trust" in error.message


def test_a_port_without_tls_makes_no_encrypted_connection(authority: Authority) -> None:
    with tcp_server(answers("200 OK")) as port:
        error = failure("tls", at(port), authority.trusted())
    assert (error.code, error.at_fault) == ("target_tls", "server")


def test_a_handshake_that_is_reset_whatever_is_told_breaks_off(authority: Authority) -> None:
    with tcp_server(resets) as port:
        error = failure("tls", at(port), authority.trusted())
    assert (error.code, error.at_fault) == ("target_broke_off", "server")


@pytest.mark.parametrize("silent", [False, True], ids=["reset", "ignored"])
def test_a_filter_that_reads_the_name_is_found_out(authority: Authority, *, silent: bool) -> None:
    with tcp_server(reads_names(authority.server(HOST), HOST, silent=silent)) as port:
        error = failure("tls", at(port), authority.trusted())
    assert error.code == "name_filtered"
    assert error.message == f"somebody on the way to {HOST}:{port} cuts connections off that tell its name"


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "404 Not Found", "503 Service Unavailable"])
def test_any_answer_in_http_means_that_https_is_reached(authority: Authority, status: str) -> None:
    with tcp_server(over_tls(authority.server(HOST), answers(status))) as port:
        found = try_it("https", at(port), authority.trusted(), path="/health")
    assert found.details["status"] == int(status[:3])


def test_what_is_no_http_is_no_answer(authority: Authority) -> None:
    def greets(connection: socket.socket) -> None:
        connection.sendall(b"220 mail.example ESMTP\r\n\r\n")
        connection.recv(4096)

    with tcp_server(over_tls(authority.server(HOST), greets)) as port:
        error = failure("https", at(port), authority.trusted())
    assert (error.code, error.at_fault) == ("target_answer", "server")


def test_a_websocket_is_reached_when_it_opens(authority: Authority) -> None:
    with tcp_server(over_tls(authority.server(HOST), opens_websocket)) as port:
        found = try_it("wss", at(port), authority.trusted(), path="/sip")
    assert (found.details["status"], found.details["opened"]) == (101, True)


async def socket_at(request: web.Request) -> web.WebSocketResponse:
    opened = web.WebSocketResponse()
    await opened.prepare(request)
    await opened.receive()
    return opened


class AiohttpServer(threading.Thread):
    """A server of aiohttp with a WebSocket at /ws, which serves until it is ended."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(daemon=True)
        self.context = context
        self.ready = threading.Event()
        self.port = 0

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        app.router.add_get("/ws", socket_at)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self.context).start()
        self.port = runner.addresses[0][1]
        self.ready.set()
        await self.over.wait()
        await runner.cleanup()

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.over.set)
        self.join(20)


@contextmanager
def aiohttp_server(context: ssl.SSLContext) -> Iterator[int]:
    server = AiohttpServer(context)
    server.start()
    assert server.ready.wait(20)
    try:
        yield server.port
    finally:
        server.end()


@pytest.mark.parametrize(("path", "status", "opened"), [("/ws", 101, True), ("/elsewhere", 404, False)])
def test_a_real_servers_websocket_is_reached(authority: Authority, path: str, status: int, *, opened: bool) -> None:
    with aiohttp_server(authority.server(HOST)) as port:
        found = try_it("wss", at(port), authority.trusted(), path=path)
    assert (found.details["status"], found.details["opened"]) == (status, opened)


def test_a_websocket_that_wants_a_sign_in_is_reached(authority: Authority) -> None:
    with tcp_server(over_tls(authority.server(HOST), answers("401 Unauthorized"))) as port:
        found = try_it("wss", at(port), authority.trusted())
    assert (found.details["status"], found.details["opened"]) == (401, False)


@pytest.mark.parametrize("status", ["200 OK", "502 Bad Gateway", "101 Switching Protocols"])
def test_any_other_answer_opens_no_websocket(authority: Authority, status: str) -> None:
    """The last is 101 without the proof that a WebSocket server gives: somebody else's answer."""
    with tcp_server(over_tls(authority.server(HOST), answers(status))) as port:
        error = failure("wss", at(port), authority.trusted())
    assert error.code == "target_answer"
    assert error.message.endswith(f"opens no WebSocket (HTTP status {status[:3]})")


class Tunnel:
    """A proxy that opens tunnels to one port of loopback, or answers with `status`; it keeps what it was asked."""

    def __init__(self, port: int, status: str = "200 Connection established") -> None:
        self.port, self.status = port, status
        self.asked: list[str] = []

    def serve(self, connection: socket.socket) -> None:
        self.asked.append(connection.recv(4096).decode())
        connection.sendall(f"HTTP/1.1 {self.status}\r\n\r\n".encode())
        if not self.status.startswith("200"):
            return
        with socket.create_connection(("127.0.0.1", self.port), 10) as there:
            threading.Thread(target=_pump, args=(there, connection), daemon=True).start()
            _pump(connection, there)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


@contextmanager
def through(authority: Authority, status: str = "200 Connection established") -> Iterator[tuple[Proxy, Tunnel]]:
    with ExitStack() as stack:
        port = stack.enter_context(tcp_server(over_tls(authority.server(HOST), answers("204 No Content"))))
        tunnel = Tunnel(port, status)
        proxy = Proxy("127.0.0.1", stack.enter_context(tcp_server(tunnel.serve)))
        yield proxy, tunnel


def test_https_goes_through_the_proxy_which_looks_the_name_up(authority: Authority) -> None:
    with through(authority) as (proxy, tunnel):
        signed_in = Proxy(proxy.host, proxy.port, base64.b64encode(b"ada:secret").decode())
        found = try_it("https", at(443, ""), authority.trusted(), proxy=signed_in)
    assert found.details["status"] == 204
    assert tunnel.asked[0].splitlines()[:3] == [
        f"CONNECT {HOST}:443 HTTP/1.1",
        f"Host: {HOST}:443",
        "Proxy-Authorization: Basic YWRhOnNlY3JldA==",
    ]


@pytest.mark.parametrize("status", ["403 Forbidden", "407 Proxy Authentication Required"])
def test_a_proxy_that_refuses_is_named(authority: Authority, status: str) -> None:
    with through(authority, status) as (proxy, _):
        error = failure("https", at(443, ""), authority.trusted(), proxy=proxy)
    assert (error.code, error.at_fault) == ("proxy_refused", "home_link")
    assert f"127.0.0.1:{proxy.port}" in error.message
    assert f"HTTP status {status[:3]}" in error.message


def test_a_proxy_that_cannot_get_there_itself_blames_nobody_at_home(authority: Authority) -> None:
    with through(authority, "504 Gateway Timeout") as (proxy, _):
        error = failure("https", at(443, ""), authority.trusted(), proxy=proxy)
    assert (error.code, error.at_fault) == ("target_silent", "server")


def test_a_proxy_that_is_not_there_is_the_home_links(authority: Authority) -> None:
    with closed_port() as port:
        error = failure("https", at(443, ""), authority.trusted(), proxy=Proxy("127.0.0.1", port))
    assert (error.code, error.at_fault) == ("proxy_silent", "home_link")


def test_an_interceptor_behind_a_proxy_is_named_as_well(authority: Authority, tmp_path: Path) -> None:
    shield = Authority(tmp_path, "Acme Web Shield")
    with through(shield) as (proxy, _):
        error = failure("https", at(443, ""), authority.trusted(), proxy=proxy)
    assert "issued by 'Acme Web Shield'" in error.message
