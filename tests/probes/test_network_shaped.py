"""The whole probe, over TLS, on a line whose rate and queue are known: 20 Mbit/s, 80 ms of queue, both ways."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.far_ends import responder_process, write_certificate
from tests.namespaces import SERVER, Line, shaped_line

QUEUE_MS = 80.0

pytestmark = pytest.mark.namespaces


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Line, dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("line")
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
        yield line, json.loads(done.stdout)


@pytest.mark.parametrize("name", ["network.download", "network.upload"])
def test_throughput_is_what_the_line_carries(measured: tuple[Line, dict[str, Any]], name: str) -> None:
    line, found = measured
    assert found[name]["failure"] is None, found[name]
    assert found[name]["value"] == pytest.approx(line.goodput_mbit_s, rel=0.03)
    assert found[name]["details"]["at_least"] is False
    assert found[name]["details"]["responder_mbit_s"] == pytest.approx(line.goodput_mbit_s, rel=0.03)


def test_the_idle_call_has_no_loss_and_hardly_any_delay(measured: tuple[Line, dict[str, Any]]) -> None:
    _, found = measured
    assert found["network.loss"]["value"] == 0
    assert 0 < found["network.rtt"]["value"] < 5
    assert found["network.mos"]["value"] > 4.3


def test_the_load_fills_the_queue_and_the_increase_is_its_depth(measured: tuple[Line, dict[str, Any]]) -> None:
    _, found = measured
    assert found["network.loaded_rtt_increase"]["value"] == pytest.approx(QUEUE_MS, abs=15)
    assert found["network.loaded_mos"]["value"] < found["network.mos"]["value"]
