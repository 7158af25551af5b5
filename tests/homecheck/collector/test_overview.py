"""What lists need to know of one check. Margins are reckoned by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from homecheck.appraisal import Verdict, appraise
from homecheck.collector.overview import Concern, Overview, margin, overview
from homecheck.evidence import Device, Evidence, ProbeRun, Software
from homecheck.measurement import Failure, Level, Measurement, Quantity
from homecheck.observation import Region, SessionObservation
from homecheck.policy import Limits, Policy, Requirement, parse_policy
from homecheck.several_runs import SeveralRuns
from homecheck.standards.rfc_9562 import uuid7

AT = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
DOWNLOAD = Quantity("network.download", "Mbit/s", "a method")
NOISE = Quantity("room.noise", "dBFS(A)", "a method")
LOSS = Quantity("network.loss", "%", "a method")
RATING = Quantity("network.mos", "MOS-CQE", "a method")
LINK = Quantity.text("link.type", "a method")
ZONE = Quantity.text("place.timezone", "a method")
PLACE = Quantity.text("place.region", "a method")
POLICY = """
name = "n"
version = "1"
recheck = "7d"
[[requirement]]
quantity = "network.download"
at_least = 10
[[requirement]]
quantity = "network.download"
at_least = 4
[[requirement]]
quantity = "room.noise"
at_most = -50
[[declaration]]
id = "door"
question.en = "A door?"
must_be = true
"""


def evidence(*found: Measurement, at: datetime = AT) -> Evidence:
    return Evidence(
        uuid7(0, bytes(10)), None, 0, None, 1, None, Device("k", "file"), at, at,
        Software("homecheck", "1.4.0", "3.12", "Windows 11"), (ProbeRun("p", "1", AT, 1.0, found),),
    )  # fmt: skip


def seen(of: Evidence, policy: Policy | None = None, *sessions: SessionObservation) -> Overview:
    asked = policy or parse_policy(POLICY, "a test")
    verdicts = [(one.quantity, one.verdict) for one in appraise(of, asked, "sha256:0").findings]
    return overview(of, asked, verdicts, AT + timedelta(minutes=1), sessions)


def requirement(quantity: Quantity, **limits: float) -> Requirement:
    ends = {name: limits.get(name) for name in ("at_least", "at_most", "warn_below")}
    return Requirement(quantity.name, Limits(ends["at_least"], ends["at_most"], warn_below=ends["warn_below"]))


@pytest.mark.parametrize(
    ("quantity", "value", "limits", "expected"),
    [
        (DOWNLOAD, 11.0, {"at_least": 10}, 0.1),
        (DOWNLOAD, 9.0, {"at_least": 10}, -0.1),
        (LOSS, 0.9, {"at_most": 1}, 0.1),
        (LOSS, 1.5, {"at_most": 1}, -0.5),
        (DOWNLOAD, 19.0, {"at_least": 10, "at_most": 20}, 0.05),  # the nearer end counts
        (NOISE, -50.828, {"at_most": -50}, 0.0909),  # 20 lg 1.1 = 0.828 dB below: 1 - 1/1.1 of the amplitude
        (NOISE, -49.172, {"at_most": -50}, -0.1),
        (NOISE, -400.0, {"at_most": -50}, 1.0),
        (RATING, 4.0, {"at_least": 3.6}, 0.494),  # the best is 4.409 (G.107 at R = 93.2): 0.4 of 0.809
    ],
)
def test_a_margin_is_a_share_of_the_limit(
    quantity: Quantity, value: float, limits: dict[str, float], expected: float
) -> None:
    found = margin(requirement(quantity, **limits), Measurement(quantity, value, 0.5))
    assert found == pytest.approx(expected, abs=2e-3)


def test_what_has_no_share_has_no_margin() -> None:
    ten = requirement(DOWNLOAD, at_least=10)
    assert margin(ten, Measurement(DOWNLOAD, failure=Failure("no_device", "device", "none", "Plug in."))) is None
    assert margin(requirement(LOSS, at_most=0), Measurement(LOSS, 0.1, 0.1)) is None
    assert margin(Requirement("link.type", Limits(one_of=("wifi",))), Measurement(LINK, "wifi")) is None
    assert margin(requirement(DOWNLOAD, warn_below=10), Measurement(DOWNLOAD, 10.0, 1.0)) is None
    # An exact count does not wander over its limit.
    assert margin(ten, Measurement(DOWNLOAD, 10.0, 0.0)) is None
    # The policy judges the worst of several runs, and not this one.
    assert margin(replace(ten, runs=SeveralRuns("worst")), Measurement(DOWNLOAD, 10.0, 1.0)) is None


@pytest.mark.parametrize("value", [1e308, -1e308, 5e-324])
def test_no_number_of_a_device_breaks_a_margin(value: float) -> None:
    for quantity, limit in ((NOISE, -50.0), (DOWNLOAD, 0.001), (RATING, 3.6)):
        found = margin(requirement(quantity, at_least=limit), Measurement(quantity, value, 1.0))
        assert found is not None
        assert not math.isnan(found)


def test_only_what_is_not_plainly_met_is_a_concern_once_per_quantity() -> None:
    good = evidence(Measurement(DOWNLOAD, 50.0, 1.0), Measurement(NOISE, -70.0, 1.0))
    assert seen(good).concerns == (Concern("declaration.door", Verdict.INCONCLUSIVE),)
    near = evidence(Measurement(DOWNLOAD, 10.5, 0.1), Measurement(NOISE, -40.0, 1.0))
    download, *others = seen(near).concerns
    assert (download.quantity, download.verdict) == ("network.download", Verdict.PASS)
    assert download.margin == pytest.approx(0.05)
    assert others == [Concern("room.noise", Verdict.FAIL), Concern("declaration.door", Verdict.INCONCLUSIVE)]
    between = evidence(Measurement(DOWNLOAD, 4.1, 0.01), Measurement(NOISE, -70.0, 1.0))
    assert seen(between).concerns[0].verdict is Verdict.FAIL  # the worse of the two
    assert seen(between).concerns[0].margin == pytest.approx(0.025)  # of the nearer one
    assert seen(between).verdict is Verdict.FAIL


def test_link_system_and_version_are_those_of_the_check_and_unknown_is_empty() -> None:
    known = seen(evidence(Measurement(LINK, "wifi")))
    assert (known.link, known.system, known.software, known.region) == ("wifi", "Windows 11", "1.4.0", "")
    assert known.recheck == timedelta(days=7)
    odd = replace(evidence(), software=Software("homecheck", "x" * 400, "3", "y" * 400))
    assert (seen(odd).link, len(seen(odd).system), len(seen(odd).software)) == ("", 60, 60)


def test_the_far_ends_region_counts_before_the_persons_word() -> None:
    said = evidence(Measurement(PLACE, "SE-AB"))
    session = SessionObservation("s", None, AT, AT, "203.0.113.9", region=Region("ES", "MD"))
    nowhere = SessionObservation("s", None, AT, AT, "203.0.113.9")
    assert seen(said, None, session).region == "ES-MD"
    assert seen(said, None, nowhere).region == "SE-AB"


def test_the_hour_is_that_of_the_worker_else_of_the_shift_else_utc() -> None:
    there = evidence(Measurement(ZONE, "America/Chicago"))
    assert seen(there).hour == 17  # 22:30 UTC is 17:30 in July
    shift = parse_policy(POLICY + '[shift]\ntimezone = "Europe/Stockholm"\nwindows = ["Mon-Fri 18:00-22:00"]\n', "t")
    assert seen(there, shift).hour == 17
    assert seen(evidence(), shift).hour == 0  # 00:30 the next day
    assert seen(evidence()).hour == 22


@pytest.mark.parametrize("zone", ["", "Nowhere/Land", "../../etc/passwd", "Europe", "/etc/localtime", "x" * 500])
def test_what_is_no_time_zone_is_taken_as_none(zone: str) -> None:
    assert seen(evidence(Measurement(ZONE, zone))).hour == 22


def test_a_clock_at_the_end_of_time_breaks_nothing() -> None:
    last = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    assert seen(evidence(Measurement(ZONE, "Asia/Tokyo"), at=last)).hour == 23


def test_earlier_levels_change_nothing() -> None:
    found = Measurement(DOWNLOAD, 10.5, 0.1, earlier=(Level(1, 3.0, 0.1),))
    assert seen(evidence(found)).concerns[0].margin == pytest.approx(0.05)
