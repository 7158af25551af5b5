"""The responder's plain port: one tiny answer, and nothing for those who want anything else."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from homecheck.instruments import proven
from homecheck.instruments.far_end import FarEnd, call
from homecheck.instruments.plain_answer import request
from homecheck.instruments.plain_http import ask
from tests.far_ends import responder_process


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FarEnd, int]]:
    with responder_process(tmp_path_factory.mktemp("home"), "--plain-port", "0") as running:
        far_end = running.far_end
        port = json.loads(call(far_end, "GET", "/.well-known/homecheck").body)["plain_port"]
        yield far_end, port


def exchange(port: int, data: bytes) -> bytes:
    received = b""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as sock:
        sock.sendall(data)
        try:
            while part := sock.recv(4096):
                received += part
        except ConnectionResetError:
            pass
    return received


def test_the_port_stands_in_the_responders_document_and_its_answer_is_genuine(served: tuple[FarEnd, int]) -> None:
    found = ask(*served)
    assert (found.status, found.genuine, found.changed) == (200, True, False)
    assert proven.services(served[0]) == {"plain"}


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"A" * 5000, b"\x16\x03\x01\r\n\r\n", b"\r\n\r\n"])
def test_anything_else_is_cut_off_without_a_word(served: tuple[FarEnd, int], data: bytes) -> None:
    assert exchange(served[1], data) == b""


def test_a_second_request_on_the_same_connection_is_not_answered(served: tuple[FarEnd, int]) -> None:
    head = request("127.0.0.1", served[1], "abcdefgh12345678")
    assert exchange(served[1], head + head).count(b"HTTP/1.1 200 OK") == 1


def test_whoever_says_nothing_is_cut_off(served: tuple[FarEnd, int]) -> None:
    began = time.monotonic()
    with closing(socket.create_connection(("127.0.0.1", served[1]), timeout=30)) as sock:
        assert sock.recv(100) == b""
    assert time.monotonic() - began < 20
