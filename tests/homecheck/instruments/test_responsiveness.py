"""Probes against a real responder, with and without TLS, and against servers that do something else."""

from __future__ import annotations

import socket
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from homecheck.instruments.far_end import FarEnd
from homecheck.instruments.responsiveness import PATIENCE_SECONDS, PLAIN_BYTES, ForeignProbes, ProbeLog
from tests.far_ends import open_session, responder_process, responder_thread, write_certificate
from tests.live_collector import wait_until

TOKEN = "token"


def at(listener: socket.socket) -> FarEnd:
    port = listener.getsockname()[1]
    return FarEnd("http", "127.0.0.1", port, "", socket.AF_INET, "127.0.0.1")


def probed(far_end: FarEnd, enough: Callable[[ForeignProbes], bool], token: str = TOKEN) -> ProbeLog:
    """Probe until there is `enough`, however long a busy machine takes for it."""
    probes = ForeignProbes(far_end, token, beside_a_load=False)
    probes.start()
    wait_until(lambda: enough(probes))
    return probes.stop()


def test_a_new_connection_is_timed_part_by_part() -> None:
    with responder_thread() as running:
        session = open_session(running.far_end)
        began = time.monotonic()
        log = probed(running.far_end, lambda probes: len(probes._http) >= 4, session["token"])
        took = time.monotonic() - began
    samples = log.samples
    assert log.sent <= 1 + 10 * took  # ten a second, and no more for those that a busy machine begins late
    assert log.sent >= len(samples.tcp) >= len(samples.http) >= 4  # the last may be cut off
    assert (log.failed, log.held_back, log.status) == (0, 0, None)
    assert samples.tls == samples.own == ()
    for tcp, http in zip(samples.tcp, samples.http, strict=False):
        assert tcp.ms > 0
        assert http.ms > 0
        assert tcp.ended <= http.began
    assert statistics.median(one.ms for one in (*samples.tcp, *samples.http)) < 500


def test_tls_is_timed_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = write_certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with responder_process(tmp_path, "--tls-cert", str(certificate), "--tls-key", str(key)) as running:
        token = open_session(running.far_end)["token"]
        log = probed(running.far_end, lambda probes: len(probes._http) >= 2, token)
    samples = log.samples
    assert log.failed == 0
    done = log.traffic[0]
    assert log.bytes == sum(one.received + one.sent for one in log.traffic)
    assert 1_000 < done.received < 6_000  # a certificate, an answer, and the headers of their packets
    assert 500 < done.sent < 3_000  # a greeting and a request
    moved = log.moved("download", 0.0, time.monotonic()), log.moved("upload", 0.0, time.monotonic())
    assert sum(moved) == log.bytes
    assert log.moved("download", 0.0, done.ended) == 0
    assert len(samples.tcp) >= len(samples.tls) >= len(samples.http) >= 2
    for tcp, tls, http in zip(samples.tcp, samples.tls, samples.http, strict=False):
        assert tcp.ended <= tls.began
        assert tls.ended <= http.began


def test_a_responder_that_does_not_know_the_token_is_a_failure_with_its_status() -> None:
    with responder_thread() as running:
        log = probed(running.far_end, lambda probes: probes._failed >= 1, "of-nobody")
    assert log.samples.http == ()
    assert log.samples.tcp
    assert log.failed >= 1
    assert log.status == 401


def test_a_refused_connection_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        far_end = at(listener)
    log = probed(far_end, lambda probes: probes._failed >= 3)
    assert log.samples.tcp == ()
    assert log.sent - 1 <= log.failed <= log.sent  # the last may be cut off
    assert log.failed >= 3


def test_a_server_that_never_answers_holds_nothing_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        probes = ForeignProbes(at(listener), TOKEN, beside_a_load=False)
        probes.start()
        wait_until(lambda: probes._sent >= 5)
        begun = time.monotonic()
        log = probes.stop()
        assert time.monotonic() - begun < PATIENCE_SECONDS
    assert log.samples.tcp  # the kernel opens connections by itself
    assert log.samples.http == ()


def test_probes_take_no_more_than_a_twentieth_of_the_load() -> None:
    with responder_thread() as running:
        probes = ForeignProbes(running.far_end, open_session(running.far_end)["token"], beside_a_load=True)
        probes.start()
        wait_until(lambda: probes._held_back >= 2)
        assert probes._sent == 0
        probes.tell(2 * 20 * PLAIN_BYTES, ())
        wait_until(lambda: probes._sent == 2)
        held_back = probes._held_back
        wait_until(lambda: probes._held_back >= held_back + 2)
        log = probes.stop()
    assert log.sent == 2
    assert log.held_back >= 4


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO of Linux")
def test_a_sending_connection_tells_its_own_round_trip() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as sender:
        receiver, _ = server.accept()
        with receiver:
            probes = ForeignProbes(at(server), TOKEN, beside_a_load=True)
            probes.tell(0, [sender])
            probes.start()
            (own,) = probes.stop().samples.own
    assert 0 < own.ms < 200
