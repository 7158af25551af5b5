"""Opening a WebSocket at servers that do not play along."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given

from homecheck.errors import ProbeError
from homecheck.instruments.far_end import find
from homecheck.instruments.websocket import MAX_HEAD, open_websocket
from homecheck.standards import ndt7, rfc_6455
from tests.ndt7_servers import frame, http_answer, told_server
from tests.strangers import briefly, strange


def failure(url: str, target: str = "/ndt/v7/download?access_token=secret") -> ProbeError:
    with pytest.raises(ProbeError) as raised:
        open_websocket(find(url), target, ndt7.SUBPROTOCOL)
    assert "secret" not in raised.value.message
    assert raised.value.at_fault == "server"
    return raised.value


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 1000\r\n\r\n", "not_offered"),
        (b"HTTP/1.1 429 Busy\r\nRetry-After: 13\r\n\r\n", "responder_busy"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", "responder_busy"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "responder_answer"),
        (b"HTTP/1.1 101 Hm\r\n\r\n", "responder_answer"),
        (b"HTTP/1.1 101 Hm\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n", "responder_answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "responder_answer"),
        (b"", "responder_answer"),
        (b"HTTP/1.1 101 Hm\r\n" + b"a: b\r\n" * 200 + b"\r\n", "responder_answer"),
        (b"HTTP/1.1 101 Hm\r\na: " + b"b" * MAX_HEAD, "responder_answer"),
    ],
    ids=["404", "429", "503", "200", "bare", "wrong-key", "ssh", "nothing", "many-headers", "no-end"],
)
def test_any_other_answer_is_the_servers_fault(answer: bytes, code: str) -> None:
    with http_answer(answer) as url:
        assert failure(url).code == code


def test_a_server_that_speaks_another_subprotocol_is_not_believed() -> None:
    with told_server(lambda _: None, subprotocol="net.measurementlab.ndt.v6") as url:
        assert failure(url).code == "responder_answer"


def test_an_address_that_would_end_the_request_line_is_not_sent() -> None:
    with http_answer(b"") as url:
        assert failure(url, "/a b\r\nHost: secret").code == "responder_answer"


def test_what_comes_together_with_the_answer_is_not_lost() -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(frame(rfc_6455.TEXT, b"early") + frame(rfc_6455.BINARY, bytes(1024)))
        connection.recv(1)

    with told_server(talk) as url:
        channel = open_websocket(find(url), "/", ndt7.SUBPROTOCOL)
        try:
            found = []
            while channel.frames.binary < 1024:
                channel.wait(5)
                found += channel.receive(65536)
        finally:
            channel.close()
    assert [message.payload for message in found] == [b"early"]


WELCOME = b"HTTP/1.1 101 Hm\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n"


@briefly
@given(strange(WELCOME, b"HTTP/1.1 429 Busy\r\nRetry-After: 13\r\n\r\n"))
def test_any_bytes_but_the_right_answer_open_nothing(answer: bytes) -> None:
    with http_answer(answer) as url:
        assert failure(url).code.startswith(("responder_", "not_offered"))
