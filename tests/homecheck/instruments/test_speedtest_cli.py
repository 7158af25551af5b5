"""The real speedtest-cli against a server of our own, and its answers when that server does not answer rightly."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given

from homecheck.errors import ProbeError
from homecheck.instruments import speedtest_cli
from tests.ookla import ookla
from tests.strangers import strange, thoroughly

GOOD: dict[str, Any] = {
    "download": 93812345.6,
    "upload": 18812345.6,
    "ping": 12.345,
    "server": {"sponsor": "Åkerö Bredband", "name": "Stockholm", "id": "7", "d": 3.2, "latency": 12.345},
    "timestamp": "2026-11-25T20:00:00.000000Z",
    "bytes_sent": 23515432,
    "bytes_received": 117265432,
    "share": None,
    "client": {"ip": "192.0.2.7"},
}


def failure(answer: dict[str, Any] | bytes) -> ProbeError:
    with pytest.raises(ProbeError) as raised:
        speedtest_cli.parse(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
    assert raised.value.at_fault == "server"
    return raised.value


def test_the_program_measures_against_a_server_that_answers_as_the_real_one() -> None:
    with ookla() as server:
        result = speedtest_cli.run(secure=False, environment=server.environment, deadline_seconds=60)
    assert {"config", "servers", "latency", "random", "upload"} <= set(server.asked)
    assert result.server == "Åkerö Bredband, Stockholm"
    assert result.ping_ms is not None
    # Loopback: how fast does not matter, that the parts fit together does.
    assert result.bytes_received > 245_000
    assert result.download_mbit_s * 60 > 8e-6 * result.bytes_received > 0
    assert result.upload_mbit_s * 60 > 8e-6 * result.bytes_sent > 0
    assert "speedtest" not in sys.modules  # it was another process


@pytest.mark.parametrize(
    ("part", "answer", "said"),
    [
        ("config", b"<settings><client", "Malformed speedtest.net configuration"),
        ("config", b"<settings></settings>", "status 1"),
        ("servers", b"\x00\xff", "speedtest-cli"),
        ("servers", b"<settings><servers/></settings>", "speedtest-cli"),
    ],
    ids=["half-xml", "empty-settings", "garbage", "no-servers"],
)
def test_a_broken_service_is_its_own_fault(part: str, answer: bytes, said: str) -> None:
    with ookla({part: answer}) as server, pytest.raises(ProbeError) as raised:
        speedtest_cli.run(secure=False, environment=server.environment, deadline_seconds=30, routed=lambda: True)
    assert (raised.value.code, raised.value.at_fault) == ("speedtest_failed", "server")
    assert said in raised.value.message


def test_a_service_that_sends_empty_pictures_gives_no_rate() -> None:
    with ookla({"random": b""}) as server, pytest.raises(ProbeError) as raised:
        speedtest_cli.run(secure=False, environment=server.environment, deadline_seconds=30, routed=lambda: True)
    assert (raised.value.code, raised.value.at_fault) == ("speedtest_zero", "server")


def test_a_silent_service_is_not_waited_for() -> None:
    with ookla({"config": None}) as server, pytest.raises(ProbeError) as raised:
        speedtest_cli.run(secure=False, environment=server.environment, deadline_seconds=1.5, routed=lambda: True)
    assert (raised.value.code, raised.value.at_fault) == ("speedtest_silent", "server")


def test_a_computer_without_a_way_to_the_internet_is_told_so() -> None:
    nowhere = {"http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    with pytest.raises(ProbeError) as raised:
        speedtest_cli.run(secure=False, environment=nowhere, deadline_seconds=30, routed=lambda: False)
    assert (raised.value.code, raised.value.at_fault) == ("no_route", "home_link")


def test_bits_become_megabits() -> None:
    result = speedtest_cli.parse(json.dumps(GOOD).encode())
    assert result == speedtest_cli.Result(
        93.8123456, 18.8123456, 12.345, "Åkerö Bredband, Stockholm", 117265432, 23515432
    )


def test_a_ping_of_requests_that_failed_is_none() -> None:
    assert speedtest_cli.parse(json.dumps({**GOOD, "ping": 1800000.0}).encode()).ping_ms is None


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"ERROR: ",
        json.dumps(GOOD).encode()[:-20],
        json.dumps({**GOOD, "download": float("nan")}).encode(),
        {**GOOD, "upload": "18"},
        {**GOOD, "server": []},
        {**GOOD, "bytes_sent": -1},
        {name: value for name, value in GOOD.items() if name != "ping"},
        {**GOOD, "client": "x" * 70_000},
    ],
    ids=["nothing", "error", "half", "nan", "text", "no-server", "negative", "no-ping", "too-long"],
)
def test_half_an_answer_is_none(answer: dict[str, Any] | bytes) -> None:
    assert failure(answer).code == "speedtest_answer"


@pytest.mark.parametrize("rate", [0, -1.0, 1e12])
def test_a_rate_that_cannot_be_is_no_measurement(rate: float) -> None:
    assert failure({**GOOD, "upload": rate}).code == "speedtest_zero"


@thoroughly
@given(strange(json.dumps(GOOD).encode()))
def test_any_output_is_a_result_or_the_services_fault(answer: bytes) -> None:
    failure = None
    try:
        assert 0 < speedtest_cli.parse(answer).download_mbit_s <= speedtest_cli.MOST_MBIT_S
    except ProbeError as error:
        failure = error
    assert failure is None or failure.at_fault == "server"
