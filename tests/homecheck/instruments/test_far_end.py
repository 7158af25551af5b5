from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecheck.errors import ProbeError
from homecheck.instruments.far_end import (
    FarEnd,
    call,
    call_for_json,
    connect,
    failed_connection,
    find,
    has_default_route,
    named,
    parse_reply,
    request_head,
    resolve,
)
from tests.far_ends import responder_process, responder_thread, write_certificate
from tests.strangers import strange, thoroughly

HERE = FarEnd("http", "127.0.0.1", 80, "", socket.AF_INET, "127.0.0.1")


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A TCP server that does with its connections what `answer` does; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        running = True

        def accept() -> None:
            while running:
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        def serve(connection: socket.socket) -> None:
            with connection:
                try:
                    answer(connection)
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            running = False
            thread.join()


def failure(act: Callable[[], Any]) -> ProbeError:
    with pytest.raises(ProbeError) as raised:
        act()
    return raised.value


def answering(data: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(data)

    return answer


def silent(connection: socket.socket) -> None:
    connection.settimeout(30)
    while connection.recv(65536):  # until it is given up
        pass


def dripping(connection: socket.socket) -> None:
    connection.recv(65536)
    for _ in range(100):
        connection.sendall(b"H")
        time.sleep(0.1)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_refused_connection_is_our_servers_fault() -> None:
    error = failure(lambda: find(f"http://127.0.0.1:{closed_port()}"))
    assert (error.code, error.at_fault) == ("responder_refused", "server")


@pytest.mark.parametrize("behaviour", [silent, dripping], ids=["half-open", "dripping"])
def test_a_far_end_that_never_finishes_its_answer_costs_bounded_time(
    behaviour: Callable[[socket.socket], None],
) -> None:
    with server(behaviour) as url:
        began = time.monotonic()
        error = failure(lambda: call(find(url), "GET", "/", seconds=0.5))
        assert time.monotonic() - began < 8
    assert (error.code, error.at_fault) == ("responder_mute", "server")


def test_a_far_end_that_accepts_and_says_nothing_in_tls_is_not_one_that_cannot_be_reached() -> None:
    with server(silent) as url:
        secured = urlsplit(url)._replace(scheme="https").geturl()
        parts = replace(named(secured), family=socket.AF_INET, address="127.0.0.1")
        error = failure(lambda: connect(parts, 0.5))
    assert (error.code, error.at_fault) == ("responder_mute", "server")
    assert error.message.endswith("accepts connections and does not answer in TLS")
    assert "VPN" in error.advice  # large packets may be lost, where small ones pass


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "responder_answer"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/login\r\nContent-Length: 0\r\n\r\n", "responder_answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "responder_answer"),
        (b"HTTP/1.1 429 Slow\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n", "responder_busy"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", "responder_answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "responder_answer"),
        (b"", "responder_answer"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 500_000, "responder_broke_off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n{}", "responder_answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 30 + b"\r\n{}", "responder_answer"),
    ],
    ids=["503", "302", "html", "429", "truncated", "ssh", "nothing", "endless", "vast", "vast chunk"],
)
def test_a_wrong_answer_is_our_servers_fault(answer: bytes, code: str) -> None:
    with server(answering(answer)) as url:
        error = failure(lambda: call_for_json(find(url), "GET", "/.well-known/homecheck"))
    assert (error.code, error.at_fault) == (code, "server")
    assert "127.0.0.1" in error.message


def test_a_busy_far_end_says_when_to_come_back() -> None:
    with server(answering(b"HTTP/1.1 429 Slow\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n")) as url:
        assert "again in 30 s" in failure(lambda: call_for_json(find(url), "GET", "/")).message


def test_a_chunked_answer_is_put_together() -> None:
    reply = parse_reply(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", HERE)
    assert (reply.status, reply.body) == (200, b"{}")


def test_a_certificate_for_another_name_is_our_servers_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = write_certificate(tmp_path, "192.0.2.77")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with responder_process(tmp_path, "--tls-cert", str(certificate), "--tls-key", str(key)) as running:
        error = failure(lambda: find(running.url))
    assert (error.code, error.at_fault) == ("responder_certificate", "server")


def test_a_certificate_that_nobody_vouches_for_is_our_servers_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = write_certificate(tmp_path, "127.0.0.1")
    with responder_process(tmp_path, "--tls-cert", str(certificate), "--tls-key", str(key)) as running:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        error = failure(lambda: find(running.url))
        assert (error.code, error.at_fault) == ("responder_certificate", "server")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert call(find(running.url), "GET", "/healthz").status == 200


def test_tls_where_there_is_none_is_our_servers_fault() -> None:
    with responder_thread() as running:
        error = failure(lambda: find(running.url.replace("http:", "https:")))
    assert (error.code, error.at_fault) == ("responder_tls", "server")


@pytest.mark.parametrize("url", ["ftp://example.com", "example.com", "http://example.com:99999", "http:///path"])
def test_what_is_no_address_is_a_wrong_setting(url: str) -> None:
    error = failure(lambda: find(url))
    assert (error.code, error.at_fault) == ("bad_address", "agent")


def refusing(number: int) -> Callable[..., list[tuple[Any, ...]]]:
    def look_up(*_: object, **__: object) -> list[tuple[Any, ...]]:
        raise socket.gaierror(number, "look-up failed")

    return look_up


@pytest.mark.parametrize(
    ("number", "routed", "code", "at_fault"),
    [
        (socket.EAI_AGAIN, True, "dns_failed", "home_link"),
        (socket.EAI_AGAIN, False, "no_route", "home_link"),
        (socket.EAI_NONAME, True, "responder_unknown", "server"),
        (socket.EAI_NONAME, False, "no_route", "home_link"),
    ],
)
def test_a_dead_dns_and_an_unknown_name_are_told_apart(number: int, routed: bool, code: str, at_fault: str) -> None:
    error = failure(lambda: resolve("responder.example", 443, refusing(number), lambda: routed))
    assert (error.code, error.at_fault) == (code, at_fault)
    assert "Errno" not in error.message


@pytest.mark.parametrize("host", ["[fe80::1]", "[fe80::1%25eth0]", "[FEBF::1]"])
def test_an_address_of_one_cable_alone_is_no_address(host: str) -> None:
    error = failure(lambda: find(f"https://{host}:8862"))
    assert (error.code, error.at_fault) == ("bad_address", "agent")
    assert "link-local" in error.message


@pytest.mark.parametrize("host", ["february.example", "fe80.example", "[fec0::1]", "[fd97::1]"])
def test_what_only_looks_like_one_is_an_address(host: str) -> None:
    assert named(f"https://{host}").host == host.strip("[]")


def test_a_name_that_cannot_stand_in_dns_is_our_servers_fault() -> None:
    error = failure(lambda: resolve("a" * 70 + ".example", 443, routed=lambda: True))
    assert error.at_fault == "server"


@pytest.mark.parametrize(
    ("number", "code", "at_fault"),
    [
        (errno.ENETUNREACH, "no_route", "home_link"),
        (errno.EHOSTUNREACH, "responder_unreachable", "server"),
        (errno.ECONNRESET, "responder_broke_off", "server"),
        (errno.ETIMEDOUT, "responder_silent", "server"),
    ],
)
def test_a_missing_route_is_the_homes_and_everything_behind_it_is_not(number: int, code: str, at_fault: str) -> None:
    error = failed_connection(HERE, OSError(number, "text"))
    assert (error.code, error.at_fault) == (code, at_fault)


def test_asking_for_a_default_route_sends_nothing_and_answers() -> None:
    assert has_default_route() in (True, False)


def test_a_connection_has_no_delay_of_its_own() -> None:
    with responder_thread() as running, connect(running.far_end, 5) as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_a_name_with_an_umlaut_is_asked_for_as_dns_spells_it() -> None:
    far_end = named("https://bücher.example/ndt")
    assert far_end.host == "xn--bcher-kva.example"
    assert b"\r\nHost: xn--bcher-kva.example:443\r\n" in request_head(far_end, "GET", "/")


@pytest.mark.parametrize(
    "url",
    ["http://far.example/ü", "http://far.example/a b", "http://a b/", f"http://{'ü' * 64}.example", "http://ü..de"],
)
def test_what_cannot_stand_in_a_request_is_no_address(url: str) -> None:
    with pytest.raises(ProbeError) as raised:
        named(url)
    assert (raised.value.code, raised.value.at_fault) == ("bad_address", "agent")


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"


@thoroughly
@given(strange(CHUNKED, OK + b"Content-Length: 2\r\n\r\n{}", b"HTTP/1.1 100 x\r\n\r\n" + OK + b"\r\n"))
def test_any_answer_is_http_or_the_servers_fault(data: bytes) -> None:
    failure = None
    try:
        assert len(parse_reply(data, HERE).body) <= len(data)
    except ProbeError as error:
        failure = error
    assert failure is None or (failure.code, failure.at_fault) == ("responder_answer", "server")


@thoroughly
@given(st.text("abz.-:/@[]%?#09 üß。\r\n\0\ud800", max_size=20))
def test_any_address_can_stand_in_a_request_or_is_none(text: str) -> None:
    with suppress(ProbeError):
        far_end = named(f"https://{text}")
        head = request_head(far_end, "GET", "/").decode("ascii").split("\r\n")
        assert head[0] == f"GET {far_end.prefix}/ HTTP/1.1"
        assert urlsplit(f"//{head[1].removeprefix('Host: ')}").port == far_end.port
