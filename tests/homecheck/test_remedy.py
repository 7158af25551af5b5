"""What would make somebody pass: chosen by what was found, cheapest first, and never their fault when it is ours."""

from __future__ import annotations

import pytest

from homecheck.appraisal import appraise
from homecheck.errors import ProbeError
from homecheck.evidence import Declaration
from homecheck.locale import SOURCE, translator
from homecheck.measurement import Cause, Measurement, Quantity
from homecheck.policy import parse_policy
from homecheck.remedy import (
    AGAIN,
    ANTIVIRUS,
    CABLE,
    CLOSE_DOOR,
    FIREWALL,
    LOWER_MIC,
    NEAR_MOUTH,
    NOTHING,
    OTHER_ANSWER,
    PROVIDER,
    QUIET_LINE,
    RUN_IT,
    SENTENCES,
    STEADY_NOISE,
    UPDATE,
    Remedy,
    remedy,
)
from tests.guide import JITTER, KIND, LINK, NOISE
from tests.ui_evidence import evidence_of

POLICY = parse_policy(
    'name="p"\nversion="1"\n'
    '[[requirement]]\nquantity="network.jitter"\nat_most=30\nadvice="Ask us."\n'
    '[[requirement]]\nquantity="room.noise"\nat_most=-50\n'
    '[[requirement]]\nquantity="headset.speech_level"\nat_least=-35\nat_most=-10\n'
    '[[requirement]]\nquantity="x.y"\nat_least=1\nadvice="Ask us."\n'
    '[[requirement]]\nquantity="security.firewall"\nequals=true\n'
    '[[requirement]]\nquantity="security.antivirus"\nequals=true\nadvice="On Linux, ask us."\n'
    '[[requirement]]\nquantity="security.updates_age"\nat_most=90\n'
    '[[declaration]]\nid="door"\nquestion.en="Is there a door?"\nmust_be=true\n',
    "p",
)
LEVEL = Quantity("headset.speech_level", "dBFS", "P.56")
OTHER = Quantity("x.y", "1", "m")


def for_one(name: str, *measurements: Measurement, answers: tuple[Declaration, ...] = ()) -> Remedy | None:
    evidence = evidence_of(*measurements, answers=answers)
    finding = next(one for one in appraise(evidence, POLICY, "sha256:00").findings if one.quantity == name)
    return remedy(finding, evidence)


@pytest.mark.parametrize(
    ("kind", "change"), [("wifi", CABLE), ("ethernet", QUIET_LINE), ("other", QUIET_LINE)], ids=str
)
def test_a_cable_is_advised_where_the_check_came_over_wifi(kind: str, change: str) -> None:
    assert for_one("network.jitter", Measurement(JITTER, 41.0, 1.0), Measurement(LINK, kind)) == Remedy(change)


def test_behind_the_router_no_cable_is_advised() -> None:
    value = Measurement(JITTER, 41.0, 1.0, cause=Cause("line", "the way to your provider's first router varies"))
    assert for_one("network.jitter", value, Measurement(LINK, "wifi")) == Remedy(PROVIDER)


def test_our_own_server_asks_nothing_of_the_person() -> None:
    value = Measurement(JITTER, 41.0, 1.0, cause=Cause("server", "the way to our server varies"))
    assert for_one("network.jitter", value, Measurement(LINK, "wifi")) == Remedy(NOTHING, ours=True)
    down = ProbeError("server_down", "Wait.", message="the responder does not answer", at_fault="server")
    assert for_one("network.jitter", Measurement.failed(JITTER, down)) == Remedy(NOTHING, ours=True)


def test_what_homecheck_lacks_is_said_instead_of_measure_again() -> None:
    lacks = ProbeError("no_responder", "Enrol first.", message="no measuring server is known", at_fault="agent")
    assert for_one("network.jitter", Measurement.failed(JITTER, lacks)) == Remedy("Enrol first.", ours=True)


def test_what_could_not_be_measured_is_mended_by_what_stopped_it() -> None:
    error = ProbeError("no_device", "Plug in the headset.", message="no microphone")
    assert for_one("room.noise", Measurement.failed(NOISE, error)) == Remedy("Plug in the headset.")


@pytest.mark.parametrize(("kind", "change"), [("voices", CLOSE_DOOR), ("steady", STEADY_NOISE)])
def test_a_loud_room_is_mended_by_its_kind_of_noise(kind: str, change: str) -> None:
    assert for_one("room.noise", Measurement(NOISE, -40.0, 1.0), Measurement(KIND, kind)) == Remedy(change)


@pytest.mark.parametrize(
    ("system", "change"),
    [
        ("Windows 11 Home 24H2 (build 26100.1)", ANTIVIRUS),
        ("macOS 26.1", ANTIVIRUS),
        ("Debian GNU/Linux 12 (bookworm)", "On Linux, ask us."),
        (None, "On Linux, ask us."),
    ],
)
def test_virus_protection_is_switched_on_where_the_system_has_one(system: str | None, change: str) -> None:
    told = () if system is None else (Measurement(Quantity.text("host.os", "m"), system),)
    off = Measurement(Quantity.yes_no("security.antivirus", "m"), value=False)
    assert for_one("security.antivirus", off, *told) == Remedy(change)


def test_a_firewall_that_is_off_is_switched_on_and_old_updates_are_installed() -> None:
    off = Measurement(Quantity.yes_no("security.firewall", "m"), value=False)
    assert for_one("security.firewall", off) == Remedy(FIREWALL)
    old = Measurement(Quantity("security.updates_age", "days", "m"), 200.0, 0.5)
    assert for_one("security.updates_age", old) == Remedy(UPDATE)


@pytest.mark.parametrize(("level", "change"), [(-40.0, NEAR_MOUTH), (-5.0, LOWER_MIC)])
def test_too_quiet_and_too_loud_are_mended_differently(level: float, change: str) -> None:
    assert for_one("headset.speech_level", Measurement(LEVEL, level, 0.5)) == Remedy(change)


def test_a_limit_within_the_uncertainty_is_measured_again() -> None:
    assert for_one("network.jitter", Measurement(JITTER, 29.5, 3.0)) == Remedy(AGAIN)


def test_what_is_missing_is_done_and_what_passes_needs_nothing() -> None:
    assert for_one("room.noise") == Remedy(RUN_IT)
    assert for_one("room.noise", Measurement(NOISE, -60.0, 1.0)) is None


def test_a_declaration_is_answered_or_talked_about() -> None:
    assert for_one("declaration.door", answers=(Declaration("door", answer=False),)) == Remedy(OTHER_ANSWER)
    unanswered = for_one("declaration.door")
    assert unanswered is not None
    assert unanswered.change == "Answer this question."


def test_of_what_nobody_knows_the_policy_has_the_word() -> None:
    assert for_one("x.y", Measurement(OTHER, 0.5, 0.0)) == Remedy("Ask us.")


def test_every_sentence_is_there_in_swedish_and_spanish() -> None:
    assert len(SENTENCES) > 30
    for language in ("sv", "es"):
        assert [text for text in SENTENCES if translator(language).say(text) == translator(SOURCE).say(text)] == []
