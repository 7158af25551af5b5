"""The responder as its operator runs it: a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from homecheck.instruments.far_end import FarEnd, call, connect, find, request_head
from homecheck.keys import SoftwareKey
from homecheck.responder import open_files
from homecheck.responder.limits import Limits
from homecheck.responder.serve import ServeSettings
from homecheck.responder.serve import running as serve_until_left
from tests.far_ends import Running, open_session, responder_process, write_certificate


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def running(home: Path) -> Iterator[Running]:
    with responder_process(home) as responder:
        yield responder


def run(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "homecheck", "responder", "serve", "--port", "0", *options]
    environment = {**os.environ, "HOMECHECK_HOME": str(home)}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, cwd=Path(__file__).parents[3], check=False
    )


def test_the_line_on_stdout_says_where_it_listens(running: Running) -> None:
    document = json.loads(call(running.far_end, "GET", "/.well-known/homecheck").body)
    assert document["udp_port"] == running.udp_port
    assert document["jwk"]["kid"] == running.kid


@pytest.mark.skipif(sys.platform == "win32", reason="mode bits")
def test_the_signing_key_is_made_on_first_use_for_its_owner_alone(running: Running, home: Path) -> None:
    key = home / "keys" / "responder.jwk"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_client_that_vanishes_leaves_no_work_behind(running: Running) -> None:
    session = open_session(running.far_end)
    for _ in range(5):
        sock = connect(running.far_end, 5)
        sock.sendall(request_head(running.far_end, "GET", "/v1/download", token=session["token"]))
        sock.recv(10_000)
        sock.close()
    process = psutil.Process(running.process.pid)
    seconds, spent = [], []
    for _ in range(20):  # a busy machine may let it notice late, and us ask slowly, but not each time
        before = sum(process.cpu_times()[:2])
        seconds.append(seconds_to_answer(running.far_end))
        time.sleep(1.0)
        spent.append(sum(process.cpu_times()[:2]) - before)
        if seconds[-1] < 1 and spent[-1] < 0.2:
            break
    assert (seconds[-1] < 1, spent[-1] < 0.2) == (True, True), (seconds, spent)


def test_five_hundred_connections_that_say_nothing_do_no_harm() -> None:
    settings = ServeSettings("127.0.0.1", 0, None, None, SoftwareKey.generate(), Limits(head_seconds=1))

    async def scenario() -> None:
        async with serve_until_left(settings) as listening:
            await asyncio.to_thread(be_silent, find(listening.url))

    asyncio.run(scenario())


def seconds_to_answer(far_end: FarEnd) -> float:
    began = time.monotonic()
    assert call(far_end, "GET", "/healthz").status == 200
    return time.monotonic() - began


def be_silent(far_end: FarEnd) -> None:
    silent = [socket.create_connection(far_end.socket_address()) for _ in range(500)]
    try:
        silent[0].sendall(b"GET /healthz HT")  # half a request is none
        assert min(seconds_to_answer(far_end) for _ in range(3)) < 1
        for sock in silent:  # after the time for a request's head they are closed
            sock.settimeout(60)
            with suppress(ConnectionResetError):
                assert sock.recv(1) == b""
    finally:
        for sock in silent:
            sock.close()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_seconds_while_a_client_stalls(tmp_path: Path, number: signal.Signals) -> None:
    with responder_process(tmp_path) as responder:
        session = open_session(responder.far_end)
        with connect(responder.far_end, 5) as stalled, connect(responder.far_end, 5) as uploading:
            stalled.sendall(request_head(responder.far_end, "GET", "/v1/download", token=session["token"]))
            stalled.recv(1000)
            head = request_head(responder.far_end, "POST", "/v1/upload", token=session["token"], chunked=True)
            uploading.sendall(head)
            responder.process.send_signal(number)
            assert responder.process.wait(10) == 0


def test_an_operator_says_how_many_sessions_there_may_be(tmp_path: Path) -> None:
    with responder_process(tmp_path, "--sessions", "3", "--sessions-per-source", "2") as responder:
        for _ in range(2):
            open_session(responder.far_end)
        refused = call(responder.far_end, "POST", "/v1/sessions", {"nonce": None})
        limits = json.loads(call(responder.far_end, "GET", "/.well-known/homecheck").body)["limits"]
    assert refused.status == 429
    assert (limits["sessions"], limits["sessions_per_source"]) == (3, 2)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_it_may_open_as_many_files_as_the_system_lets_it(tmp_path: Path) -> None:
    few = ("sh", "-c", 'ulimit -S -n 128 && exec "$@"', "sh")
    with responder_process(tmp_path, prefix=few) as responder:
        soft, hard = psutil.Process(responder.process.pid).rlimit(psutil.RLIMIT_NOFILE)
    assert soft == min(hard, open_files.ENOUGH)


def test_a_file_of_regions_that_is_none_is_named(home: Path, tmp_path: Path) -> None:
    (tmp_path / "city.mmdb").write_text("no database")
    done = run(home, "--geoip", str(tmp_path / "city.mmdb"))
    assert done.returncode == 1
    assert "city.mmdb" in done.stderr
    assert "--geoip" in done.stderr


def test_without_tls_it_serves_this_computer_alone(home: Path) -> None:
    done = run(home, "--host", "0.0.0.0")
    assert done.returncode == 1
    assert "no TLS certificate" in done.stderr
    assert "--tls-cert" in done.stderr
    assert done.stdout == ""


def test_without_tls_a_second_address_is_on_this_computer_too(home: Path) -> None:
    done = run(home, "--other-host", "192.0.2.1")
    assert done.returncode == 1
    assert "192.0.2.1 is no loopback address" in done.stderr


def test_a_named_sip_port_in_use_ends_it_before_it_listens(home: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        done = run(home, "--sip-port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "SIP mirror" in done.stderr
    assert "--sip-port" in done.stderr
    assert done.stdout == ""


def test_a_newcomer_whose_usual_ports_are_taken_is_told_and_served(home: Path) -> None:
    command = [sys.executable, "-m", "homecheck", "responder", "serve", "--port", "0"]
    with ExitStack() as stack:
        for port in (3478, 5060):
            taken = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            with suppress(OSError):  # somebody else has it already: all the same
                taken.bind(("127.0.0.1", port))
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "HOMECHECK_HOME": str(home)},
            cwd=Path(__file__).parents[3],
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert first.startswith("listening on ")
    assert "STUN: UDP ports 3478 and 3479" in said
    assert "SIP mirror: UDP ports 5060 and 5099" in said
    assert said.count("not offered") == 2


def test_a_certificate_without_its_key_is_wrong_usage(home: Path) -> None:
    done = run(home, "--tls-cert", "some.crt")
    assert done.returncode == 2
    assert "belong together" in done.stderr


def test_a_certificate_that_cannot_be_read_is_named(home: Path, tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path, "127.0.0.1")
    certificate.write_text("no certificate")
    done = run(home, "--tls-cert", str(certificate), "--tls-key", str(key))
    assert done.returncode == 1
    assert "tls.crt" in done.stderr


def test_a_port_in_use_is_named(home: Path, running: Running) -> None:
    port = str(running.far_end.port)
    done = run(home, "--port", port)
    assert done.returncode == 1
    assert port in done.stderr


def test_a_udp_port_in_use_is_named(home: Path, running: Running) -> None:
    done = run(home, "--udp-port", str(running.udp_port))
    assert done.returncode == 1
    assert "UDP port" in done.stderr
