"""Whose fault it is, on lines that are made bad at a known place: trembling air, and queues at one of three cables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.again import Repeatable, again
from tests.far_ends import responder_process, write_certificate
from tests.routed_home import SERVER, Cable, routed_home

pytestmark = pytest.mark.namespaces

PROGRAM = Path(__file__).parents[1] / "causes_in_namespace.py"


def causes(
    folder: Path, what: str, trembling: Mapping[Cable, tuple[float, float]], narrow: Cable | None = None
) -> dict[str, Any]:
    folder.mkdir()
    certificate, key = write_certificate(folder, SERVER)
    tls = ("--host", SERVER, "--tls-cert", str(certificate), "--tls-key", str(key))
    with routed_home(trembling) as home:
        home.let_routers_answer_always()
        if narrow:
            home.narrow(narrow, rate_mbit_s=8, queue_ms=150)
        with responder_process(folder, *tls, prefix=home.at("server")) as responder:
            done = subprocess.run(
                [*home.at("client"), sys.executable, str(PROGRAM), responder.url, what],
                env={**os.environ, "SSL_CERT_FILE": str(certificate)},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def all_homes(folder: Path) -> dict[str, dict[str, Any]]:
    """All five homes at once: most of their time is waiting."""
    cables: tuple[Cable, ...] = ("home", "line", "far")
    with ThreadPoolExecutor(5) as side_by_side:
        runs = {
            f"{cable} trembles": side_by_side.submit(causes, folder / f"air-{cable}", "idle", {cable: (0.0, 30.0)})
            for cable in cables[:2]
        }
        for cable in cables:
            runs[f"{cable} is narrow"] = side_by_side.submit(causes, folder / cable, "upload", {}, cable)
    return {name: run.result() for name, run in runs.items()}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Repeatable[dict[str, dict[str, Any]]]:
    return Repeatable(lambda: all_homes(tmp_path_factory.mktemp("homes")))


@again
def test_a_trembling_home_link_and_a_trembling_line_are_told_apart(
    measured: Repeatable[dict[str, dict[str, Any]]],
) -> None:
    found = measured.found()
    home, line = found["home trembles"], found["line trembles"]
    assert home["variation"]["at_fault"] == "home_link", home
    assert home["variation"]["sentence"].startswith("the way to your own router already varies by ")
    assert line["variation"]["at_fault"] == "line", line
    assert (home["delay"]["at_fault"], line["delay"]["at_fault"]) == ("home_link", "line")


@again
@pytest.mark.parametrize(("cable", "at_fault"), [("home", "home_link"), ("line", "line"), ("far", "server")])
def test_the_queue_of_an_upload_is_found_where_it_stands(
    measured: Repeatable[dict[str, dict[str, Any]]], cable: str, at_fault: str
) -> None:
    found = measured.found()
    assert found[f"{cable} is narrow"]["upload"]["at_fault"] == at_fault, found
