"""ndt7 over TLS on a line of 20 Mbit/s: the responder against M-Lab's own client, and our client against the responder.

M-Lab's client counts whole windows, the slow start with them; and its own count of an upload reads low under Node,
whose event loop cannot keep the line full. The server's count of the same upload is the right one.
"""

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
from tests.far_ends import write_certificate
from tests.namespaces import SERVER, Line, shaped_line
from tests.ndt7_servers import official_client

PROGRAM = str(Path(__file__).parents[2] / "ndt7_in_namespace.py")
SECONDS = "2.0"

pytestmark = pytest.mark.namespaces


@dataclass(frozen=True)
class Measured:
    """A line, what our client measured on it, and what M-Lab's client did."""

    line: Line
    ours: dict[str, Any]
    theirs: dict[str, Any]


def run(folder: Path) -> Measured:
    certificate, key = write_certificate(folder, SERVER)
    with shaped_line(20, 50) as line:
        command = [*line.at("server"), sys.executable, PROGRAM, "serve", SERVER, str(certificate), str(key), SECONDS]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            done = subprocess.run(
                [*line.at("client"), sys.executable, PROGRAM, "measure", url],
                env={**os.environ, "SSL_CERT_FILE": str(certificate)},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            host_and_port = url.removeprefix("https://")
            theirs = official_client(host_and_port, "wss", line.at("client"), NODE_EXTRA_CA_CERTS=str(certificate))
            return Measured(line, json.loads(done.stdout), theirs)
        finally:
            server.terminate()
            assert server.wait(60) == 0
            if server.stdout is not None:
                server.stdout.close()


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Repeatable[Measured]:
    return Repeatable(lambda: run(tmp_path_factory.mktemp("line")))


@again
@pytest.mark.parametrize("name", ["download", "upload"])
def test_our_client_reads_what_the_line_carries(measured: Repeatable[Measured], name: str) -> None:
    line, ours = measured.found().line, measured.found().ours
    assert ours[name]["value"] == pytest.approx(line.goodput_mbit_s, rel=0.04)
    assert ours[name]["uncertainty"] < 0.3 * line.goodput_mbit_s
    assert ours[name]["details"]["counted_by"] == {"download": "client", "upload": "TCPInfo"}[name]


def rate(counted: int, microseconds: int) -> float:
    return 8 * counted / microseconds


@again
def test_m_labs_client_and_our_server_agree_about_a_download(
    measured: Repeatable[Measured],
) -> None:
    line, theirs = measured.found().line, measured.found().theirs
    assert (theirs["errors"], theirs["code"]) == ([], 0)
    client = theirs["download"]["LastClientMeasurement"]["MeanClientMbps"]
    told = theirs["download"]["LastServerMeasurement"]["TCPInfo"]
    assert client == pytest.approx(line.goodput_mbit_s, rel=0.08)
    assert rate(told["BytesAcked"], told["ElapsedTime"]) == pytest.approx(line.goodput_mbit_s, rel=0.08)
    assert 0 < told["MinRTT"] < 20_000


@again
def test_our_server_counts_the_upload_of_m_labs_client_right(
    measured: Repeatable[Measured],
) -> None:
    line, theirs = measured.found().line, measured.found().theirs
    told = theirs["upload"]["LastServerMeasurement"]["TCPInfo"]
    assert rate(told["BytesReceived"], told["ElapsedTime"]) == pytest.approx(line.goodput_mbit_s, rel=0.08)
    # Bytes that the client has handed over and that did not arrive: it may read anything up to here.
    assert 0 < theirs["upload"]["LastClientMeasurement"]["MeanClientMbps"] < 1.5 * line.goodput_mbit_s
