"""The whole probe, over TLS, on a line whose rate and queue are known: 20 Mbit/s, 80 ms of queue, both ways."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.again import Repeatable, again
from tests.far_ends import responder_process, write_certificate
from tests.namespaces import SERVER, Line, shaped_line

QUEUE_MS = 80.0

pytestmark = pytest.mark.namespaces


@dataclass(frozen=True)
class Measured:
    """A line, and what the probe found on it."""

    line: Line
    found: dict[str, Any]


def run(folder: Path) -> Measured:
    certificate, key = write_certificate(folder, SERVER)
    tls = ("--host", SERVER, "--tls-cert", str(certificate), "--tls-key", str(key))
    with shaped_line(20, QUEUE_MS) as line, responder_process(folder, *tls, prefix=line.at("server")) as responder:
        program = Path(__file__).parents[1] / "network_in_namespace.py"
        done = subprocess.run(
            [*line.at("client"), sys.executable, str(program), responder.url],
            env={**os.environ, "SSL_CERT_FILE": str(certificate)},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return Measured(line, json.loads(done.stdout))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Repeatable[Measured]:
    return Repeatable(lambda: run(tmp_path_factory.mktemp("line")))


@again
@pytest.mark.parametrize("name", ["network.download", "network.upload"])
def test_throughput_is_what_the_line_carries(measured: Repeatable[Measured], name: str) -> None:
    line, found = measured.found().line, measured.found().found
    assert found[name]["failure"] is None, found[name]
    assert found[name]["value"] == pytest.approx(line.goodput_mbit_s, rel=0.03)
    assert found[name]["details"]["at_least"] is False
    assert found[name]["details"]["responder_mbit_s"] == pytest.approx(line.goodput_mbit_s, rel=0.03)


@again
def test_the_idle_call_has_no_loss_and_hardly_any_delay(measured: Repeatable[Measured]) -> None:
    found = measured.found().found
    assert found["network.loss"]["value"] == 0
    assert 0 < found["network.rtt"]["value"] < 5
    assert found["network.mos"]["value"] > 4.3


@again
def test_the_load_fills_the_queue_and_the_increase_is_its_depth(measured: Repeatable[Measured]) -> None:
    found = measured.found().found
    assert found["network.loaded_rtt_increase"]["value"] == pytest.approx(
        QUEUE_MS, abs=25
    )  # a busy machine adds its own
    assert found["network.loaded_mos"]["value"] < found["network.mos"]["value"]


@again
@pytest.mark.parametrize("direction", ["download", "upload"])
def test_responsiveness_is_that_of_the_full_queue_by_three_kinds_of_round_trip(
    measured: Repeatable[Measured], direction: str
) -> None:
    found = measured.found().found
    assert found["network.rpm"]["failure"] is None
    assert found["network.rpm"]["details"]["impossible_round_trips"] == 0
    details = found["network.rpm"]["details"][direction]
    # A queue that is full all the time has 60000 / 80 round trips a minute; TCP empties it in part again and again.
    assert 0.8 * 60_000 / QUEUE_MS < details["rpm"] < 2.5 * 60_000 / QUEUE_MS
    assert details["own_ms"] == pytest.approx(details["tcp_ms"], rel=0.25)  # the load's TCP passes the same queue
    for part in ("tls_ms", "http_ms"):  # larger packets, of which a full queue drops more
        assert 0.75 * details["tcp_ms"] < details[part] < 4 * details["tcp_ms"]
    assert details["failed"] == 0


@again
def test_tcp_connections_and_udp_packets_see_the_same_queue(measured: Repeatable[Measured]) -> None:
    found = measured.found().found
    for direction in ("download", "upload"):
        details = found["network.loaded_rtt_increase"]["details"][direction]
        assert details["tcp_connect_p95_ms"] == pytest.approx(details["rtt_p95_ms"], abs=15)


def test_an_honest_agent_is_never_contradicted(measured: Repeatable[Measured]) -> None:
    """Whatever else a busy machine does to it: this would be an accusation."""
    assert "contradicted" not in {one["trust"] for one in measured.found().found.values()}


@again
def test_what_an_honest_agent_says_is_what_the_far_end_saw(measured: Repeatable[Measured]) -> None:
    trust = {name: one["trust"] for name, one in measured.found().found.items()}
    assert trust["network.download"] == "corroborated"
    assert trust["network.upload"] == trust["network.loss_up"] == "server-observed"
    assert trust["network.rtt"] == trust["network.udp"] == "corroborated"
