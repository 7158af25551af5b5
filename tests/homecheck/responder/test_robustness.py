"""Clients that vanish, stall, lie or never begin: what they leave behind, and that they keep nobody from ending."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from homecheck.instruments.far_end import FarEnd, call, connect, find, request_head
from homecheck.keys import SoftwareKey
from homecheck.responder.limits import Limits
from homecheck.responder.serve import ServeSettings, is_ours
from homecheck.responder.serve import running as serve_until_left
from homecheck.responder.sessions import Session
from tests.far_ends import finish, open_session, responder_process, write_certificate

QUICK = Limits(head_seconds=0.5, stream_seconds=1.0, idle_seconds=1.0, sessions_per_source=64)


def plain(far_end: FarEnd) -> socket.socket:
    """Return a TCP connection without TLS, whatever the far end speaks."""
    sock = socket.socket(far_end.family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(60)
    sock.connect(far_end.socket_address())
    return sock


def post(path: str, token: str, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: a", f"Authorization: Bearer {token}", *headers, "", ""]
    return "\r\n".join(lines).encode()


def silent(sock: socket.socket, far_end: FarEnd, token: str) -> None:
    """Says nothing."""


def half_a_head(sock: socket.socket, far_end: FarEnd, token: str) -> None:
    sock.sendall(b"GET /healthz HTTP/1.1\r\nHos")


def stalled_download(sock: socket.socket, far_end: FarEnd, token: str) -> None:
    sock.sendall(request_head(far_end, "GET", "/v1/download", token=token))
    sock.recv(1000)


def stalled_upload(sock: socket.socket, far_end: FarEnd, token: str) -> None:
    sock.sendall(request_head(far_end, "POST", "/v1/upload", token=token, chunked=True) + b"5\r\nhe")


def watched_progress(sock: socket.socket, far_end: FarEnd, token: str) -> None:
    sock.sendall(request_head(far_end, "GET", "/v1/progress", token=token))


def upload_shorter_than_announced(sock: socket.socket, far_end: FarEnd, token: str) -> None:
    sock.sendall(post("/v1/upload", token, "Content-Length: 1000000") + b"x" * 10)


def body_shorter_than_announced(sock: socket.socket, far_end: FarEnd, token: str) -> None:
    sock.sendall(post("/v1/sessions", token, "Content-Length: 20") + b'{"nonce":')


def longer_than_announced(sock: socket.socket, far_end: FarEnd, token: str) -> None:
    sock.sendall(post("/v1/upload", token, "Content-Length: 2") + b"x" * 50_000)


def chunks_of_no_length(sock: socket.socket, far_end: FarEnd, token: str) -> None:
    sock.sendall(post("/v1/upload", token, "Transfer-Encoding: chunked") + b"zz\r\nhello\r\n")


def a_chunk_without_end(sock: socket.socket, far_end: FarEnd, token: str) -> None:
    sock.sendall(post("/v1/upload", token, "Transfer-Encoding: chunked") + b"7fffffffffffffff\r\n" + b"x" * 10_000)


def two_lengths(sock: socket.socket, far_end: FarEnd, token: str) -> None:
    sock.sendall(post("/v1/upload", token, "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n")


def noise(sock: socket.socket, far_end: FarEnd, token: str) -> None:
    sock.sendall(bytes(range(256)) * 20)


Client = Callable[[socket.socket, FarEnd, str], None]
CLIENTS: tuple[Client, ...] = (
    silent,
    half_a_head,
    stalled_download,
    stalled_upload,
    watched_progress,
    upload_shorter_than_announced,
    body_shorter_than_announced,
    longer_than_announced,
    chunks_of_no_length,
    a_chunk_without_end,
    two_lengths,
    noise,
)


def vanish(sock: socket.socket) -> None:
    """Close with a reset, as a computer does whose program died."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@contextmanager
def dripping(far_end: FarEnd) -> Iterator[socket.socket]:
    """Send a head byte by byte, for as long as the context lasts or the other side bears it."""
    stop = threading.Event()

    def drip() -> None:
        with suppress(OSError):
            sock.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
            while not stop.wait(0.05):
                sock.sendall(b"x")

    with plain(far_end) as sock:
        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield sock
        finally:
            stop.set()
            thread.join()


def settled(value: Callable[[], Any], wanted: Any, seconds: float = 25.0) -> Any:
    """Return the value as soon as it is the one that is wanted, else what it is at last."""
    deadline = time.monotonic() + seconds
    while (found := value()) != wanted and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.05)
    return found


class Served:
    """A responder in a thread of this process, run as its operator would, with short limits."""

    def __init__(self, tls: tuple[Path, Path] | None = None) -> None:
        self.of_others = sessions_in_memory()  # of tests that ran before in this process
        self.settings = ServeSettings("127.0.0.1", 0, None, tls, SoftwareKey.generate(), QUICK)
        self.loop = asyncio.new_event_loop()
        self.ready, self.stop = threading.Event(), asyncio.Event()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self._serve(),), daemon=True)
        self.thread.start()
        assert self.ready.wait(60)

    async def _serve(self) -> None:
        async with serve_until_left(self.settings) as listening:
            self.url = listening.url
            self.ready.set()
            await self.stop.wait()
        await asyncio.sleep(0.05)  # what was cut off is closed in the loop's next turns

    @property
    def tasks(self) -> int:
        return len(asyncio.all_tasks(self.loop))

    def end(self) -> float:
        began = time.monotonic()
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.loop.close()
        return time.monotonic() - began


@pytest.fixture
def served() -> Iterator[Served]:
    one = Served()
    yield one
    one.end()


def sessions_in_memory() -> list[Session]:
    return [one for one in gc.get_objects() if isinstance(one, Session)]


def left_behind(served: Served) -> tuple[int, int, int]:
    """Return how many open files, tasks and sessions there are."""
    of_this_test = [one for one in sessions_in_memory() if not any(one is other for other in served.of_others)]
    return psutil.Process().num_fds(), served.tasks, len(of_this_test)


def visit(served: Served, *, reset: bool) -> None:
    """Let every client come, with sessions of their own, and go again, by a reset or in good order."""
    far_end = find(served.url)
    for client in CLIENTS:
        token = open_session(far_end)["token"]
        sock = plain(far_end)
        with suppress(OSError):  # some are thrown out at once
            client(sock, far_end, token)
        if reset:
            vanish(sock)
        else:
            sock.close()


@pytest.mark.skipif(sys.platform == "win32", reason="open files are counted on POSIX")
def test_clients_that_misbehave_leave_nothing_behind(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    visit(served, reset=True)  # what is made once stays
    assert settled(lambda: left_behind(served)[2], 0) == 0  # sessions that nobody uses end after a second
    time.sleep(0.3)
    base = left_behind(served)
    for reset in (True, False, True):
        visit(served, reset=reset)

    def grown() -> list[bool]:  # what other tests left may go meanwhile
        return [now > then for now, then in zip(left_behind(served), base, strict=True)]

    nothing = [False, False, False]  # open files, tasks, sessions
    found = settled(grown, nothing)
    # First: a logged traceback fills the operator's disk, and keeps here what its frames knew.
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    assert found == nothing
    before = time.process_time()
    time.sleep(1.0)
    assert time.process_time() - before < 0.3  # nobody turns in a circle


@pytest.mark.parametrize("client", [half_a_head, stalled_download, stalled_upload, a_chunk_without_end])
def test_a_client_that_stalls_is_cut_off_in_bounded_time(served: Served, client: Client) -> None:
    far_end = find(served.url)
    with plain(far_end) as sock:
        client(sock, far_end, open_session(far_end)["token"])
        began = time.monotonic()
        with suppress(ConnectionError):
            while sock.recv(65536):
                assert time.monotonic() - began < 8
    assert time.monotonic() - began < 8


def test_an_upload_that_stops_is_not_answered_as_if_it_were_whole(served: Served) -> None:
    far_end = find(served.url)
    with plain(far_end) as sock:
        stalled_upload(sock, far_end, open_session(far_end)["token"])
        with suppress(ConnectionError):
            assert sock.recv(1000) == b""


def test_a_client_that_stops_reading_is_let_go_though_it_stays(served: Served) -> None:
    far_end = find(served.url)
    with plain(far_end) as sock:
        stalled_download(sock, far_end, open_session(far_end)["token"])
        theirs = sock.getsockname()[1]

        def connected() -> bool:
            held = psutil.Process().net_connections("tcp")
            return any((one.laddr[1:], one.raddr[1:]) == ((far_end.port,), (theirs,)) for one in held)

        assert connected()
        assert settled(connected, wanted=False) is False


def test_a_head_that_drips_is_cut_off_in_bounded_time(served: Served) -> None:
    with dripping(find(served.url)) as sock, suppress(ConnectionError):
        assert sock.recv(1000) == b""


@pytest.mark.parametrize("hello", [b"", b"\x16\x03\x01\x02\x00\x01\x00"], ids=["nothing", "half a hello"])
def test_a_tls_handshake_that_stops_is_cut_off_in_bounded_time(tmp_path: Path, hello: bytes) -> None:
    served = Served(write_certificate(tmp_path, "127.0.0.1"))
    with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])), 10) as sock:
        sock.sendall(hello)
        with suppress(ConnectionError):
            assert sock.recv(1000) == b""
    served.end()


@pytest.mark.parametrize(
    "client", [longer_than_announced, chunks_of_no_length, two_lengths, noise, body_shorter_than_announced]
)
def test_after_a_client_that_lies_about_its_length_everybody_else_is_served(served: Served, client: Client) -> None:
    far_end = find(served.url)
    session = open_session(far_end)
    with plain(far_end) as sock, suppress(OSError):
        client(sock, far_end, session["token"])
        sock.settimeout(0.3)
        sock.recv(65536)
    assert call(far_end, "GET", "/healthz").status == 200
    other = open_session(far_end)
    assert finish(far_end, other).status == 200


def test_who_speaks_no_http_does_not_fill_the_operators_log(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    far_end = find(served.url)
    for client in (chunks_of_no_length, two_lengths, noise):
        with plain(far_end) as sock:
            client(sock, far_end, open_session(far_end)["token"])
            with suppress(ConnectionError):
                assert b" 400 " in sock.recv(65536)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_mistake_of_our_own_stays_in_the_log() -> None:
    error = ValueError("ours")
    record = logging.LogRecord("homecheck.responder", logging.ERROR, "", 1, "", (), (ValueError, error, None))
    assert is_ours(record)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_signal_ends_it_within_seconds_whatever_its_clients_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: bool
) -> None:
    options: tuple[str, ...] = ()
    if tls:
        certificate, key = write_certificate(tmp_path, "127.0.0.1")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        options = ("--tls-cert", str(certificate), "--tls-key", str(key))
    with responder_process(tmp_path, *options) as responder, ExitStack() as stack:
        far_end = responder.far_end
        for client in CLIENTS:
            sock = stack.enter_context(connect(far_end, 5))
            with suppress(OSError):
                client(sock, far_end, open_session(far_end)["token"])
        for hello in (b"", b"\x16\x03\x01"):  # with TLS a handshake that has not ended
            stack.enter_context(plain(far_end)).sendall(hello)
        stack.enter_context(dripping(far_end))
        responder.process.send_signal(signal.SIGTERM)
        assert responder.process.wait(10) == 0
