"""Second opinions: only when asked for, only after somebody has agreed, and as sure as they can be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.ndt7_client import Server
from homecheck.instruments.second_opinion import Reading, SecondOpinion, notice
from homecheck.instruments.speedtest_cli import Result
from homecheck.measurement import CheckSetup, Measurement
from homecheck.responder.limits import Limits
from probes.network import DOWNLOAD, UPLOAD, Network
from tests.ndt7_servers import ndt7_responder

READ = Result(10.0, 5.0, 12.3, "Åkerö Bredband, Stockholm", 1000, 500)


def never() -> list[Server]:
    raise AssertionError("nobody may be asked")


def never_run() -> Result:
    raise AssertionError("nothing may be sent")


def failure(ask: Callable[[], object]) -> ProbeError:
    with pytest.raises(ProbeError) as raised:
        ask()
    return raised.value


@pytest.mark.parametrize("method", ["ndt7", "speedtest"])
def test_nothing_is_sent_before_somebody_has_agreed(method: str) -> None:
    error = failure(SecondOpinion(method, locate=never, speedtest=never_run).measure)
    assert (error.code, error.at_fault) == ("not_agreed", "person")
    assert "--yes" in error.advice


def test_the_notices_say_what_the_services_do_and_ones_own_server_needs_none() -> None:
    assert "publishes" in (notice("ndt7", None) or "")
    assert "non-commercial" in (notice("speedtest", "https://ndt.example.com") or "")
    assert notice("ndt7", "https://ndt.example.com") is None
    assert notice("responder", None) is None


def test_a_method_that_is_not_there_is_refused_instead_of_replaced() -> None:
    error = failure(SecondOpinion("iperf", agreed=True).measure)
    assert (error.code, error.at_fault) == ("no_such_method", "agent")


def test_an_unattended_run_against_m_lab_that_comes_too_soon_asks_nobody(tmp_path: Path) -> None:
    (tmp_path / "mlab-last-run").write_text("1000\n")
    second = SecondOpinion("ndt7", agreed=True, state=tmp_path, locate=never, clock=lambda: 1100.0)
    assert failure(second.measure).code == "too_soon"


def test_m_lab_is_asked_for_its_servers(tmp_path: Path) -> None:
    with ndt7_responder(Limits(ndt7_seconds=10)) as url:
        second = SecondOpinion("ndt7", agreed=True, state=tmp_path, locate=lambda: [Server(url, "/gone", "/gone")])
        assert failure(second.measure).code == "not_offered"
    assert (tmp_path / "mlab-last-run").exists()


@pytest.mark.parametrize("before", [None, "1000\n"])
def test_a_run_that_never_left_the_home_is_no_run_and_makes_nobody_wait(tmp_path: Path, before: str | None) -> None:
    if before is not None:
        (tmp_path / "mlab-last-run").write_text(before)
    asked = []

    def cut_off() -> list[Server]:
        asked.append(1)
        raise ProbeError("no_route", "Check the cable.", message="not connected", at_fault="home_link")

    second = SecondOpinion("ndt7", agreed=True, state=tmp_path, locate=cut_off, clock=lambda: 100_000.0)
    assert failure(second.measure).code == "no_route"
    assert failure(second.measure).code == "no_route"
    assert len(asked) == 2


def test_a_run_that_m_lab_had_no_server_for_counts(tmp_path: Path) -> None:
    def full() -> list[Server]:
        raise ProbeError("no_capacity", "Later.", message="full", at_fault="server")

    second = SecondOpinion("ndt7", agreed=True, state=tmp_path, locate=full, clock=lambda: 100_000.0)
    assert failure(second.measure).code == "no_capacity"
    assert failure(second.measure).code == "too_soon"


def test_the_half_widths_of_speedtest_cli_hold_the_worst_reading_of_a_known_line() -> None:
    """On a line of 100 Mbit/s with a round trip of 120 ms it read 27.5 % low and 52.6 % low."""
    opinion = SecondOpinion("speedtest", agreed=True, speedtest=lambda: READ).measure()
    assert isinstance(opinion.download, Reading)
    assert isinstance(opinion.upload, Reading)
    assert opinion.download.mbit_s + opinion.download.uncertainty == pytest.approx(10.0 / 0.725)
    assert opinion.upload.mbit_s + opinion.upload.uncertainty == pytest.approx(5.0 / 0.474)
    assert opinion.upload.details["counted_by"] == "client"
    assert opinion.upload.details["slow_start"] == "included"


def test_the_probe_gives_every_quantity_once_and_names_the_method() -> None:
    with ndt7_responder(Limits(ndt7_seconds=1.2, ndt7_bytes=10**10)) as url:
        probe = Network.for_check(CheckSetup(method="ndt7", ndt7_url=url))
        found = [one for one in probe.run() if isinstance(one, Measurement)]
    measured = {one.quantity: one for one in found}
    assert len(found) == len(measured)
    assert set(measured) == set(Network.quantities)
    for quantity in (DOWNLOAD, UPLOAD):
        one = measured.pop(quantity)
        assert one.failure is None, one
        assert one.details["method"] == "ndt7"
        assert one.details["server"] == url.removeprefix("http://")
    for one in measured.values():
        assert one.failure is not None
        assert (one.failure.code, one.failure.at_fault) == ("not_by_this_method", "agent")
        assert one.failure.advice == "Use --method responder."


def test_a_second_opinion_spends_no_more_than_the_policy_allows() -> None:
    with ndt7_responder(Limits(ndt7_seconds=3.0, ndt7_bytes=10**10)) as url:
        opinion = SecondOpinion("ndt7", url, most_bytes=12_000_000).measure()
    for found in (opinion.download, opinion.upload):  # half of it is a blink of the loopback
        assert isinstance(found, ProbeError)
        assert (found.code, found.at_fault) == ("bytes_spent", "agent")


def test_a_far_end_without_ndt7_says_what_it_lacks() -> None:
    with ndt7_responder(Limits(), ndt7=False) as url:
        error = failure(SecondOpinion("ndt7", url).measure)
    assert (error.code, error.at_fault) == ("not_offered", "server")
