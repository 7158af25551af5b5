"""The client of ndt7 against the responder's server, held at a rate that is known, and against servers that lie."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments import ndt7_client
from homecheck.instruments.byte_bins import BIN_SECONDS
from homecheck.instruments.ndt7_client import Server
from homecheck.instruments.tcp_load import LoadRule
from homecheck.responder.limits import Limits
from homecheck.standards import goodput, rfc_6455
from tests.again import again
from tests.far_ends import write_certificate
from tests.ndt7_servers import frame, ndt7_responder, report, told_server

HELD = LoadRule(least_seconds=10, most_seconds=10, ceiling_mbit_s=60)
SHORT = LoadRule(least_seconds=0.4, most_seconds=0.4, ceiling_mbit_s=60)
Talk = Callable[[socket.socket], None]


def opened(url: str) -> ndt7_client.Opened:
    return ndt7_client.open_first([Server.at(url)], 5)


def failure(talk: Talk, run: Callable[..., object]) -> ProbeError:
    """Return how a test fails; the download's connection is opened in any case, and answered alike."""
    with told_server(talk) as url:
        to_server = opened(url)
        if run is ndt7_client.upload:
            to_server.channel.close()
        with pytest.raises(ProbeError) as raised:
            run(to_server, SHORT)
    return raised.value


@again
def test_both_directions_are_measured_at_the_rate_at_which_they_are_held() -> None:
    with ndt7_responder(Limits(ndt7_seconds=1.6)) as url:
        to_server = opened(url)
        down = ndt7_client.download(to_server, HELD)
        up = ndt7_client.upload(to_server, replace(HELD, least_seconds=1.6, most_seconds=1.6))
    for run in (down, up):
        rate = goodput.estimate(run.load.bins, BIN_SECONDS)
        assert rate is not None
        assert rate.mbit_s == pytest.approx(60, rel=0.06)
        assert run.load.ended == "ceiling"
        assert run.load.streams == 1
        assert run.min_rtt_ms is not None
        assert 0 < run.min_rtt_ms < 50
    assert down.closed
    assert (down.counted_by, up.counted_by) == ("client", "TCPInfo")
    assert up.load.total <= up.load.sent + 1000  # the kernel counts the handshake as well


@again
def test_what_tls_adds_to_an_upload_is_neither_counted_nor_taken_for_a_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    with ndt7_responder(Limits(ndt7_seconds=1.5), tls=files) as url:
        to_server = opened(url)
        to_server.channel.close()
        run = ndt7_client.upload(to_server, replace(HELD, ceiling_mbit_s=500))
    assert run.load.sent > 20e6
    assert 0.97 < run.load.total / run.load.sent < 1.0005  # 22 bytes of every 16384 are taken off again


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("http://127.0.0.1:80", "http://127.0.0.1:80", ""),
        ("https://[::1]:80/", "https://[::1]:80", ""),
        ("https://a.example/b/", "https://a.example", "/b"),
    ],
)
def test_the_paths_are_below_the_base_address(url: str, origin: str, path: str) -> None:
    server = Server.at(url)
    assert server.origin == origin
    assert server.download.startswith(f"{path}/ndt/v7/download?client_name=homecheck&client_version=")
    assert server.upload.startswith(f"{path}/ndt/v7/upload?")


def test_a_server_that_is_full_is_passed_over() -> None:
    with (
        ndt7_responder(Limits(ndt7_tests=0)) as full,
        ndt7_responder(Limits(), ndt7=False) as without,
        ndt7_responder(Limits(ndt7_seconds=0.3)) as free,
    ):
        found = ndt7_client.open_first([Server.at(full), Server.at(without), Server.at(free)], 20)
        found.channel.close()
        with pytest.raises(ProbeError) as raised:
            ndt7_client.open_first([Server.at(without), Server.at(full)], 20)
    assert found.server.origin == free
    assert (raised.value.code, raised.value.at_fault) == ("responder_busy", "server")


def hang_up(_: socket.socket) -> None:
    return


def break_off(connection: socket.socket) -> None:
    connection.sendall(frame(rfc_6455.BINARY, bytes(100_000))[:50_000])


def hear_out(connection: socket.socket) -> None:
    """Read until the client goes: a reset by a server that leaves first may overtake what it said."""
    while connection.recv(65536):
        pass


def garbage(connection: socket.socket) -> None:
    connection.sendall(b"\xff" * 100)
    hear_out(connection)


def load_the_other_way(connection: socket.socket) -> None:
    connection.sendall(frame(rfc_6455.BINARY, bytes(8192)))
    hear_out(connection)


def claim(seconds: float, received: int) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.sendall(report(seconds, received))
        while connection.recv(65536):
            pass

    return talk


def close_politely(connection: socket.socket) -> None:
    connection.sendall(frame(rfc_6455.CLOSE, rfc_6455.NORMAL_CLOSURE))
    while connection.recv(65536):
        pass


@pytest.mark.parametrize(
    ("talk", "run", "code"),
    [
        (hang_up, ndt7_client.download, "responder_broke_off"),
        (break_off, ndt7_client.download, "responder_broke_off"),
        (close_politely, ndt7_client.download, "responder_broke_off"),
        (garbage, ndt7_client.download, "responder_answer"),
        (garbage, ndt7_client.upload, "responder_answer"),
        (load_the_other_way, ndt7_client.upload, "responder_answer"),
        (hang_up, ndt7_client.upload, "no_counters"),
        (close_politely, ndt7_client.upload, "no_counters"),
        (claim(0.1, 10**12), ndt7_client.upload, "observation_refused"),
        (claim(9.0, 1000), ndt7_client.upload, "observation_refused"),
    ],
)
def test_a_server_that_fails_or_lies_is_the_servers_fault(talk: Talk, run: Callable[..., object], code: str) -> None:
    error = failure(talk, run)
    assert (error.code, error.at_fault) == (code, "server")


def test_a_silent_server_is_not_waited_for_longer_than_it_takes_to_close() -> None:
    began = time.monotonic()
    error = failure(say_nothing, ndt7_client.download)
    assert (error.code, error.at_fault) == ("responder_broke_off", "server")
    assert time.monotonic() - began < 10


def say_nothing(connection: socket.socket) -> None:
    while connection.recv(100):
        pass


@again
def test_an_application_count_is_taken_where_the_kernel_tells_nothing() -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(frame(rfc_6455.PING, b"ping"))
        connection.sendall(frame(rfc_6455.TEXT, b"no JSON"))  # which a client may ignore
        got, began, told = 0, time.monotonic(), 0.0
        connection.settimeout(0.05)
        while (passed := time.monotonic() - began) < 1.2:
            try:
                data = connection.recv(1 << 20)
            except TimeoutError:
                data = b"-"
            got += len(data)
            pongs.append(b"\x8a\x84" in data)
            if not data:
                return
            if passed >= told:
                told = passed + 0.1
                message = {"AppInfo": {"ElapsedTime": round(passed * 1e6), "NumBytes": got}}
                connection.sendall(frame(rfc_6455.TEXT, json.dumps(message).encode()))
        connection.sendall(frame(rfc_6455.CLOSE, rfc_6455.NORMAL_CLOSURE))

    pongs: list[bool] = []
    with told_server(talk) as url:
        opened_one = opened(url)
        opened_one.channel.close()
        run = ndt7_client.upload(opened_one, replace(SHORT, least_seconds=5, most_seconds=5))
    assert run.counted_by == "AppInfo"
    assert run.closed
    assert any(pongs)
    assert goodput.estimate(run.load.bins, BIN_SECONDS) is not None


def test_pings_without_end_are_not_each_answered() -> None:
    answered: list[int] = []

    def ping(connection: socket.socket) -> None:
        connection.sendall(frame(rfc_6455.PING, b"") * 100_000)
        while data := connection.recv(65536):
            answered.append(len(data))

    failure(ping, ndt7_client.download)
    assert sum(answered) < 100_000  # six bytes would go to each
