"""Who else is on this computer: other users, scanners of ports, and those who open connections and leave them so."""

from __future__ import annotations

import ctypes
import http.client
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from homecheck.config import Home
from homecheck.ui.peer import Owner, allowed_users, asked, is_allowed, listed
from homecheck.ui.serve import MOST_WAITING
from tests.guide import Guided, guided, made
from tests.guide_visitor import SECONDS, Visitor
from tests.needs import need

NOBODY = 65_534
# Of a computer with one connection of user 1000 from port 48641 to 127.0.0.1:52341, seen from both ends (proc(5)).
TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:CC75 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 81467 1 0000000067a972e5 100
   1: 0100007F:BE01 0100007F:CC75 01 00000000:00000000 00:00000000 00000000  1000        0 81470 1 0000000067a972e5 20
   2: 0100007F:CC75 0100007F:BE01 01 00000000:00000000 00:00000000 00000000  1001        0 81471 1 0000000067a972e5 20
   3: 0200A8C0:BE01 0100007F:CC75 01 00000000:00000000 00:00000000 00000000  1002        0 81472 1 0000000067a972e5 20
"""


@pytest.mark.skipif(sys.byteorder != "little", reason="the table holds numbers of the machine's own order")
def test_the_kernels_table_tells_whose_connection_it_is() -> None:
    assert listed(48_641, 52_341, TABLE) == Owner(1000, 81_470)
    assert listed(52_341, 48_641, TABLE) == Owner(1001, 81_471)
    assert listed(48_642, 52_341, TABLE) is None
    assert listed(48_641, 52_341, "") is None


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels do not tell")
def test_the_kernel_says_the_same_when_asked_for_one_and_when_it_lists_all() -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours, socket.create_connection(ours.getsockname()) as one:
        ports = one.getsockname()[1], ours.getsockname()[1]
        owner = asked(*ports)
        assert owner is not None
        assert (owner.user, owner.inode) == (os.getuid(), os.fstat(one.fileno()).st_ino)
        assert listed(*ports, Path("/proc/net/tcp").read_text()) == owner
        assert is_allowed(*ports, frozenset({os.getuid()}))
        assert not is_allowed(*ports, frozenset({os.getuid() + 1}))
        connection, _ = ours.accept()
        one.close()  # what is closed belongs to nobody, though the kernel says root
        assert not is_allowed(*ports, frozenset({0, os.getuid()}))
        connection.close()
    assert asked(1, ports[1]) is None


def test_who_starts_it_by_sudo_may_open_it_in_their_own_browser() -> None:
    if not sys.platform.startswith("linux"):
        assert allowed_users({"SUDO_UID": "1000"}) is None
        return
    assert allowed_users({"SUDO_UID": "1000"}) == frozenset({0, os.getuid(), 1000})
    assert allowed_users({"SUDO_UID": "x"}) == allowed_users({}) == frozenset({0, os.getuid()})


def test_where_the_kernel_tells_nothing_the_token_alone_decides() -> None:
    assert is_allowed(1, 2, None)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guided]:
    """A guide of somebody who is not enrolled: it has a gate like any other."""
    with guided(Home.at(tmp_path_factory.mktemp("trial")), made) as running:
        yield running


def as_user(number: int, work: Callable[[], tuple[int, str]]) -> tuple[int, str]:
    """Do something in a thread whose sockets belong to another user (setfsuid(2) is of one thread alone)."""
    told: list[tuple[int, str]] = []

    def run() -> None:
        ctypes.CDLL(None).setfsuid(number)
        told.append(work())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(SECONDS)
    return told[0]


def ask(guide: Guided, path: str, cookie: str = "") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", guide.served.gate.port, timeout=SECONDS)
    connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def ask_and_hang_up(guide: Guided, path: str) -> tuple[int, str]:
    """Leave before the answer: what is asked for may still be done."""
    with socket.create_connection(("127.0.0.1", guide.served.gate.port), SECONDS) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{guide.served.gate.port}\r\n\r\n".encode())
    return 0, ""


def test_another_user_of_this_computer_comes_in_by_nothing_that_they_can_read(trial: Guided) -> None:
    """Not by the address in the list of processes, nor by the cookie that a browser gives to every port."""
    need(sys.platform.startswith("linux") and os.geteuid() == 0, "a socket of another user's needs root", "run as root")
    address = trial.newest()
    token = address.removeprefix(trial.url)
    status, text = as_user(NOBODY, lambda: ask(trial, token))
    assert (status, "Only the user of this computer" in text) == (403, True)
    as_user(NOBODY, lambda: ask_and_hang_up(trial, token))
    assert ask(trial, "/step/welcome")[0] == 403  # it has been through what came before
    assert trial.newest() == address, "the token is not spent"
    visitor = Visitor(trial)
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.http.cookies.items())
    for path in ("/step/welcome", "/live/headset", "/static/ui.js"):
        assert ask(trial, path, cookie)[0] == 200
        assert as_user(NOBODY, lambda path=path: ask(trial, path, cookie))[0] == 403, path  # type: ignore[misc]


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # the beginning of TLS
        b"GET / HTTP/1.1\r\n\r\n",  # no host
        b"GET /step/welcome HTTP/1.0\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
        b"\x00" * 4096,
        b"GET /" + b"a" * 200_000,
        b"POST /send HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ],
)
def test_a_scanner_of_ports_learns_nothing_and_ends_nothing(trial: Guided, said: bytes) -> None:
    with socket.create_connection(("127.0.0.1", trial.served.gate.port), SECONDS) as connection:
        connection.sendall(said)
        connection.shutdown(socket.SHUT_WR)
        heard = b""
        try:
            while piece := connection.recv(65_536):
                heard += piece
        except ConnectionResetError:
            pass  # it was sent more than is read
    assert b" 200 " not in heard
    assert b"Just for you" not in heard
    assert "homecheck" in Visitor(trial).get("/step/welcome")


OPENINGS = (
    b"",  # nothing at all
    b"GET /step/welcome HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",  # a head without an end
    b"GET /live/headset HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n",
    b"GET /live/headset HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    b"POST /send HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 16000\r\n\r\ndigests=",  # a body without an end
)


def test_hundreds_who_open_connections_and_leave_them_so_keep_nobody_out(trial: Guided) -> None:
    visitor = Visitor(trial)
    with ExitStack() as crowd:
        for number in range(300):
            one = crowd.enter_context(socket.create_connection(("127.0.0.1", trial.served.gate.port), SECONDS))
            one.sendall(OPENINGS[number % len(OPENINGS)])
        visitor.http.close()
        assert "homecheck" in visitor.get("/step/welcome")
        assert Visitor(trial).post("/policy", preset="chat-only").status_code == 200
        held = trial.served.server.server_state.connections
        for _ in range(round(SECONDS / 0.05)):
            if len(held) <= MOST_WAITING + 20:
                break
            time.sleep(0.05)
        assert len(held) <= MOST_WAITING + 20


def test_a_body_that_comes_slowly_holds_up_nobody_and_a_huge_one_is_not_read(trial: Guided) -> None:
    visitor = Visitor(trial)
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.http.cookies.items())
    head = (
        f"POST /understood HTTP/1.1\r\nHost: 127.0.0.1:{trial.served.gate.port}\r\nOrigin: {trial.url}\r\n"
        f"Cookie: {cookie}\r\nContent-Length: 3000000000\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", trial.served.gate.port), SECONDS) as slow:
        slow.sendall(head + b"who=")
        assert "homecheck" in visitor.get("/step/welcome")
        slow.sendall(b"y" * 20_000)
        assert slow.recv(64).startswith(b"HTTP/1.1 413 ")


def test_many_fields_and_bytes_that_are_no_text_are_no_form(trial: Guided) -> None:
    visitor = Visitor(trial)
    headers = {"Origin": trial.url, "Content-Type": "application/x-www-form-urlencoded"}
    for body, status in (
        (b"&".join([b"a=b"] * 300), 400),
        (b"who=\xff\xfe%ff&sound=numbers", 200),
        (b"\x00=\x00", 200),
    ):
        answer = visitor.http.post(f"{trial.url}/understood", data=body, headers=headers, timeout=SECONDS)
        assert answer.status_code == status, body[:20]
    assert not trial.sitting.understood


def test_a_method_or_page_that_is_not_there_is_refused_in_order(trial: Guided) -> None:
    visitor = Visitor(trial)
    for method, path in (
        ("PUT", "/send"),
        ("GET", "/send"),
        ("DELETE", "/"),
        ("TRACE", "/"),
        ("GET", "/../etc/passwd"),
    ):
        answer = requests.request(method, trial.url + path, cookies=visitor.http.cookies.get_dict(), timeout=SECONDS)
        assert answer.status_code in (404, 405), (method, path)
