"""The call over lines that lose, delay, copy and reorder packets; the emulator's own counts are the truth."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.again import again
from tests.emulated_line import SERVER, Counts, Faults, emulated_line
from tests.far_ends import responder_process, write_certificate

pytestmark = pytest.mark.namespaces


def call_over(up: Faults, down: Faults, folder: Path, seconds: float = 6.0) -> tuple[dict[str, Any], dict[str, Counts]]:
    certificate, key = write_certificate(folder, SERVER)
    tls = ("--host", SERVER, "--tls-cert", str(certificate), "--tls-key", str(key))
    program = Path(__file__).parents[1] / "call_in_namespace.py"
    with emulated_line(up, down) as line, responder_process(folder, *tls, prefix=line.at("server")) as responder:
        done = subprocess.run(
            [*line.at("client"), sys.executable, str(program), responder.url, str(seconds)],
            env={**os.environ, "SSL_CERT_FILE": str(certificate)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), line.report


@again
def test_losses_of_each_direction_are_exact(tmp_path: Path) -> None:
    up, down = Faults(delay_ms=20, loss_pct=2, seed=3), Faults(delay_ms=20, loss_pct=4, burst=3, seed=4)
    found, truth = call_over(up, down, tmp_path)
    assert truth["up"].udp_lost > 0
    assert truth["down"].udp_lost > 0
    assert found["lost_up"] == truth["up"].udp_lost
    assert found["lost_down"] == truth["down"].udp_lost
    lateness = (truth["up"].late_us + truth["down"].late_us) / 1e3
    assert 40 <= found["rtt_ms"] < 40 + lateness + 2


@again
def test_copies_and_overtaken_packets_are_counted_and_no_loss(tmp_path: Path) -> None:
    up = Faults(delay_ms=15, jitter_ms=12, overtaking=True, copies_pct=0, seed=5)
    down = Faults(delay_ms=15, copies_pct=10, seed=6)
    found, truth = call_over(up, down, tmp_path)
    assert found["lost_up"] == found["lost_down"] == 0
    assert found["overtaken_up"] == truth["up"].udp_overtaken > 0
    assert found["copies_down"] == truth["down"].udp_copied > 0
    assert found["copies_up"] == found["overtaken_down"] == 0


@again
def test_jitter_is_that_of_the_line(tmp_path: Path) -> None:
    # Independent normal delays of standard deviation s differ by 2 s / sqrt(pi) = 1.128 s on average.
    up, down = Faults(delay_ms=40, jitter_ms=5, overtaking=True, seed=7), Faults(delay_ms=5, seed=8)
    found, _ = call_over(up, down, tmp_path, seconds=10.0)
    assert found["jitter_up_ms"] == pytest.approx(5.64, rel=0.15)
    assert found["jitter_down_ms"] < 3
