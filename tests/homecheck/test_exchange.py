from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from homecheck import __version__
from homecheck.errors import EnrolmentError
from homecheck.exchange import MAX_ANSWER, NoAnswer, exchange, new_session, one_line
from homecheck.invitation import split_invite_url
from tests.certificates import make_certificate
from tests.scripted_collector import Reply, Request, ScriptedCollector


def endless(request: Request) -> None:
    handler = request.handler
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        handler.wfile.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")


def dripping(collector: ScriptedCollector, part: bytes) -> Callable[[Request], None]:
    def drip(request: Request) -> None:
        handler = request.handler
        handler.wfile.write(part)
        while not collector.stopped.wait(0.02):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    return drip


def cut_short(request: Request) -> None:
    request.handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Slow: ", id="header"),
        pytest.param(b"HTTP/1.1 2", id="status"),
    ],
)
def test_an_answer_that_comes_drop_by_drop_is_given_up_when_its_time_is_over(head: bytes) -> None:
    with ScriptedCollector() as collector:
        collector.script("GET", dripping(collector, head))
        began = time.monotonic()
        with pytest.raises(NoAnswer, match="no complete answer within"):
            exchange(new_session({}), "GET", collector.url, seconds=0.3)
        assert time.monotonic() - began < 10  # every drop came within the time that is allowed between drops


def test_a_server_that_accepts_and_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(NoAnswer, match="no complete answer"):
            exchange(new_session({}), "GET", url, seconds=0.2)


def test_an_answer_without_an_end_is_not_read_to_its_end() -> None:
    with ScriptedCollector() as collector:
        collector.script("GET", endless)
        with pytest.raises(NoAnswer, match="the answer does not end"):
            exchange(new_session({}), "GET", collector.url)


def test_the_largest_answer_is_read_and_one_byte_more_is_not() -> None:
    with ScriptedCollector() as collector:
        collector.script("GET", Reply(200, b"x" * MAX_ANSWER), Reply(200, b"x" * (MAX_ANSWER + 1)))
        http = new_session({})
        assert len(exchange(http, "GET", collector.url).body) == MAX_ANSWER
        with pytest.raises(NoAnswer, match="does not end"):
            exchange(http, "GET", collector.url)


def test_an_answer_that_is_cut_short_is_no_answer() -> None:
    with ScriptedCollector() as collector:
        collector.script("GET", cut_short)
        with pytest.raises(NoAnswer):
            exchange(new_session({}), "GET", collector.url)


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with ScriptedCollector() as collector:
        collector.script("PUT", Reply(302, b"", {"Location": collector.url + "/elsewhere"}))
        assert exchange(new_session({}), "PUT", collector.url + "/x", body=b"x").status == 302
        assert [request.path for request in collector.requests] == ["/x"]


def test_a_compressed_answer_is_kept_as_it_came() -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    with ScriptedCollector() as collector:
        collector.script("GET", Reply(200, bomb, {"Content-Encoding": "gzip"}))
        assert exchange(new_session({}), "GET", collector.url).body == bomb


def test_the_collector_learns_who_asks_and_nothing_else() -> None:
    with ScriptedCollector() as collector:
        collector.script("GET", Reply(200, b"", {"Set-Cookie": "track=1; Path=/"}), Reply(200))
        http = new_session({})
        exchange(http, "GET", collector.url)
        exchange(http, "GET", collector.url)
        for request in collector.requests:
            assert request.headers["user-agent"] == f"homecheck/{__version__}"
            assert set(request.headers) == {"host", "user-agent", "accept", "accept-encoding"}


def test_passwords_for_this_host_in_netrc_are_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with ScriptedCollector() as collector:
        collector.script("GET", Reply(204))
        exchange(new_session({}), "GET", collector.url)
        assert "authorization" not in collector.requests[0].headers


def test_a_collector_on_this_computer_is_reached_without_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with ScriptedCollector() as collector:
        assert exchange(new_session({}), "GET", collector.url + "/v1/challenge").status == 200


def test_nobody_listening_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(NoAnswer) as caught:
        exchange(new_session({}), "GET", f"http://127.0.0.1:{port}")
    assert caught.value.message == f"127.0.0.1:{port}: nobody answers there (connection refused)."
    assert "try again later" in caught.value.advice


def test_a_name_that_does_not_exist_is_named() -> None:
    with pytest.raises(NoAnswer, match=r"collector\.invalid: no computer of this name can be found"):
        exchange(new_session({}), "GET", "https://collector.invalid")


def test_a_server_that_hangs_up_is_named() -> None:
    with ScriptedCollector() as collector:
        collector.script("GET", lambda request: None)
        with pytest.raises(NoAnswer, match="the connection broke"):
            exchange(new_session({}), "GET", collector.url)


# Certificates


def test_a_certificate_nobody_vouches_for_is_refused_and_ssl_cert_file_is_honoured(tmp_path: Path) -> None:
    context, certificate = make_certificate(tmp_path, "127.0.0.1")
    with ScriptedCollector(tls=context) as collector:
        with pytest.raises(NoAnswer, match="its certificate is not valid: self-signed certificate"):
            exchange(new_session({}), "GET", collector.url)
        assert collector.requests == []
        collector.script("GET", Reply(204))
        assert exchange(new_session({"SSL_CERT_FILE": str(certificate)}), "GET", collector.url).status == 204


def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    context, certificate = make_certificate(tmp_path, "127.0.0.2")
    with ScriptedCollector(tls=context) as collector:
        with pytest.raises(NoAnswer, match=r"its certificate is not valid: .*127\.0\.0\.1") as caught:
            exchange(new_session({"SSL_CERT_FILE": str(certificate)}), "GET", collector.url)
        assert "Do not try to get round this" in caught.value.advice


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    context, certificate = make_certificate(tmp_path, "127.0.0.1", days=-1)
    with ScriptedCollector(tls=context) as collector, pytest.raises(NoAnswer, match="certificate has expired"):
        exchange(new_session({"SSL_CERT_FILE": str(certificate)}), "GET", collector.url)


def test_a_certificate_file_that_is_missing_is_named(tmp_path: Path) -> None:
    http = new_session({"SSL_CERT_FILE": str(tmp_path / "missing.pem")})
    with pytest.raises(NoAnswer, match=r"SSL_CERT_FILE: .*missing\.pem") as caught:
        exchange(http, "GET", "https://127.0.0.1:9")
    assert caught.value.advice == "Correct SSL_CERT_FILE, or remove it."


def test_plain_http_to_another_computer_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(EnrolmentError, match="begins with http://, so others could read along"):
        split_invite_url("http://collector.example/invite/AAECAwQFBgcICQoLDA0ODw")


def test_foreign_text_cannot_move_the_cursor() -> None:
    assert one_line("bad\x1b[2J\r\nnews\u202e!") == "bad [2J news !"


def test_giving_up_leaves_no_thread_behind_once_the_server_is_gone() -> None:
    before = threading.active_count()
    with ScriptedCollector() as collector:
        collector.script("GET", dripping(collector, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"))
        with pytest.raises(NoAnswer):
            exchange(new_session({}), "GET", collector.url, seconds=0.1)
    give_up = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < give_up:
        time.sleep(0.01)
    assert threading.active_count() <= before
