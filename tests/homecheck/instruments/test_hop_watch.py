"""Finding and timing the routers of a home whose air holds every frame back, beside traceroute and ping."""

from __future__ import annotations

import json
import re
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from homecheck.instruments.far_end import FarEnd
from homecheck.instruments.hop_watch import HopLog, Posts, Sample, family_of, find_posts, watching
from tests.again import Repeatable, again
from tests.needs import need_program
from tests.routed_home import PROVIDER, ROUTER, SERVER, SERVER_V6, Home, routed_home

pytestmark = pytest.mark.namespaces

PROGRAM = Path(__file__).parents[2] / "watch_in_namespace.py"


def watched(home: Home, address: str, seconds: float) -> dict[str, Any]:
    found = json.loads(home.run("client", sys.executable, str(PROGRAM), address, str(seconds)))
    assert isinstance(found, dict)
    return found


def answering_home() -> dict[str, Any]:
    with routed_home({"home": (10.0, 10.0)}) as home, ThreadPoolExecutor(3) as side_by_side:
        home.let_routers_answer_always()
        ping = side_by_side.submit(home.run, "client", "ping", "-i", "0.2", "-c", "12", ROUTER)
        v4 = side_by_side.submit(watched, home, SERVER, 2.5)
        v6 = side_by_side.submit(watched, home, SERVER_V6, 2.5)
        return {"ping": ping.result(), "v4": v4.result(), "v6": v6.result()}


def limited_home() -> dict[str, Any]:
    with routed_home() as home:
        limited = watched(home, SERVER, 1.5)
        return {"limited": limited, "route": home.run("client", "traceroute", "-n", "-q", "1", SERVER)}


def silent_home() -> dict[str, Any]:
    with routed_home() as home:
        home.run("router", "iptables", "-A", "OUTPUT", "-o", "home1", "-j", "DROP")
        return {"silent": watched(home, SERVER, 0.5)}


def all_homes() -> dict[str, Any]:
    with ThreadPoolExecutor(3) as side_by_side:
        homes = [side_by_side.submit(home) for home in (answering_home, limited_home, silent_home)]
    return {name: told for home in homes for name, told in home.result().items()}


@pytest.fixture(scope="module")
def watched_homes() -> Repeatable[dict[str, Any]]:
    need_program("traceroute", package="traceroute")
    need_program("iptables", package="iptables")
    return Repeatable(all_homes)


@again
def test_the_routers_are_those_that_traceroute_finds(watched_homes: Repeatable[dict[str, Any]]) -> None:
    seen = watched_homes.found()
    by_traceroute = re.findall(r"^ *(\d+)  ([\d.]+)  ", seen["route"], re.MULTILINE)
    assert [(str(distance), address) for distance, address in seen["v4"]["routers"]] == by_traceroute[:-1]
    assert by_traceroute[-1] == (str(seen["v4"]["far_end"]), SERVER)
    assert seen["v4"]["posts"]["gateway"][0] == ROUTER
    assert seen["v4"]["posts"]["public"][0] == PROVIDER
    assert seen["v4"]["ends_at_ours"] is True  # the server is the next behind the last router


@again
def test_the_gateway_takes_as_long_as_ping_says(watched_homes: Repeatable[dict[str, Any]]) -> None:
    seen = watched_homes.found()
    pinged = [float(milliseconds) for milliseconds in re.findall(r"time=([\d.]+) ms", seen["ping"])]
    rtts = [rtt for rtt in seen["v4"]["rtts_ms"]["gateway"] if rtt is not None]
    assert len(rtts) >= 8
    assert statistics.median(pinged) > 20  # two frames held back for 10 ms each
    assert statistics.median(rtts) == pytest.approx(statistics.median(pinged), abs=5)


@again
def test_over_ipv6_the_same_routers_answer(watched_homes: Repeatable[dict[str, Any]]) -> None:
    seen = watched_homes.found()
    assert seen["v6"]["routers"] == [[1, "fd97::1"], [2, "2a0e:97:1::1"]]
    assert len([rtt for rtt in seen["v6"]["rtts_ms"]["public"] if rtt is not None]) >= 8


@again
def test_a_router_that_answers_once_a_second_is_timed_all_the_same(watched_homes: Repeatable[dict[str, Any]]) -> None:
    seen = watched_homes.found()
    asked = seen["limited"]["rtts_ms"]["public"]
    answered = [rtt for rtt in asked if rtt is not None]
    assert 1 <= len(answered) < len(asked)
    assert all(rtt < 500 for rtt in answered)


@again
def test_finding_and_watching_cost_little(watched_homes: Repeatable[dict[str, Any]]) -> None:
    seen = watched_homes.found()
    assert seen["v4"]["find_seconds"] < 10
    assert seen["v4"]["cpu_share"] < 0.05  # two per cent are meant; the machine is shared


@again
def test_a_gateway_that_answers_nothing_is_left_out_and_not_waited_for(
    watched_homes: Repeatable[dict[str, Any]],
) -> None:
    seen = watched_homes.found()
    found = seen["silent"]
    assert "gateway" not in found["posts"]
    assert found["posts"]["public"][0] == PROVIDER
    assert found["find_seconds"] < 10


def test_on_this_computer_no_router_lies_between() -> None:
    assert find_posts(FarEnd("http", "127.0.0.1", 9, "", family_of("127.0.0.1"), "127.0.0.1")) == Posts()
    with watching(Posts()) as watch:
        pass
    assert watch.log == HopLog()


def test_a_log_is_cut_by_the_moments_of_its_questions() -> None:
    log = HopLog({"gateway": (Sample(1.0, 5.0), Sample(2.0, None), Sample(3.0, 7.0))}, ends_at_ours=True)
    assert log.between(1.5, 3.0) == HopLog({"gateway": (Sample(2.0, None),)}, ends_at_ours=True)
