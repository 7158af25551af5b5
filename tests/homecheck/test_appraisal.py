"""Appraisal: one finding per requirement, the worst counts, and what could not be measured never passes or fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homecheck.appraisal import OURS_ADVICE, AttestationResult, Finding, Verdict, appraise
from homecheck.corroboration import Standing
from homecheck.errors import Refused
from homecheck.evidence import Declaration, Evidence
from homecheck.measurement import Bound, Cause, Failure, Level, Measurement, Quantity, Value
from homecheck.numbers import number, with_unit
from homecheck.policy import Limits, Policy, Question, Requirement, Trust
from homecheck.several_runs import SeveralRuns
from homecheck.shift import Shift
from homecheck.strict_json import Record
from tests.forgeries import GENUINE

SPEED = Quantity("network.download", "Mbit/s", "test")
TRANSPORT = Quantity.text("headset.transport", "test")
VPN = Quantity.yes_no("link.vpn", "test")
CORES = Quantity("host.cpu_cores", "1", "test")
NAME = "sha256:" + "0" * 64


def evidence(*measurements: Measurement, answers: Mapping[str, bool] | None = None) -> Evidence:
    runs = (replace(GENUINE.runs[0], measurements=measurements),)
    declared = tuple(Declaration(name, answer) for name, answer in (answers or {}).items())
    return replace(GENUINE, runs=runs, declarations=declared)


def policy(*requirements: Requirement, rule: Any = "guarded", questions: tuple[Question, ...] = ()) -> Policy:
    return Policy("mine", "1", "Mine", rule, "30d", requirements, questions)


def judged(
    measurement: Measurement | None, limits: Limits, *, rule: str = "guarded", given: Trust | None = None, **more: Any
) -> Finding:
    quantity = measurement.quantity.name if measurement else "network.download"
    found = evidence(*((measurement,) if measurement else ()))
    trusted = {quantity: Standing(given)} if given else None
    (finding,) = appraise(found, policy(Requirement(quantity, limits, **more), rule=rule), NAME, trusted).findings
    return finding


def verdict(measurement: Measurement | None, limits: Limits, **more: Any) -> str:
    return judged(measurement, limits, **more).verdict.word


def speed(value: float, uncertainty: float = 0.0) -> Measurement:
    return Measurement(SPEED, value, uncertainty)


AT_LEAST_10 = Limits(at_least=10, warn_below=25)
AT_MOST_10 = Limits(at_most=10, warn_above=5)


@pytest.mark.parametrize(
    ("value", "uncertainty", "guarded", "simple"),
    [
        (30, 1, "pass", "pass"),
        (25, 0, "pass", "pass"),
        (24.9, 0, "warn", "warn"),
        (12, 1, "warn", "warn"),
        (10, 0, "warn", "warn"),  # the limit itself is met
        (10.5, 1, "inconclusive", "warn"),
        (9.5, 1, "inconclusive", "fail"),
        (10, 0.001, "inconclusive", "warn"),
        (11, 1, "warn", "warn"),  # the interval ends at the limit
        (9, 1, "inconclusive", "fail"),
        (8.9, 1, "fail", "fail"),
        (9.999, 0, "fail", "fail"),
        (30, 50, "inconclusive", "pass"),
        (-1e-05, 0, "fail", "fail"),
    ],
)
def test_a_limit_inside_the_uncertainty_is_inconclusive_under_the_guarded_rule(
    value: float, uncertainty: float, guarded: str, simple: str
) -> None:
    measured = speed(value, uncertainty)
    assert verdict(measured, AT_LEAST_10) == guarded
    assert verdict(measured, AT_LEAST_10, rule="simple") == simple


@pytest.mark.parametrize(
    ("value", "uncertainty", "guarded"),
    [
        (5, 0, "pass"),
        (5.1, 0, "warn"),
        (10, 0, "warn"),
        (9.5, 1, "inconclusive"),
        (10.5, 1, "inconclusive"),
        (11.1, 1, "fail"),
        (10.001, 0, "fail"),
    ],
)
def test_an_upper_limit_is_the_mirror_image(value: float, uncertainty: float, guarded: str) -> None:
    assert verdict(speed(value, uncertainty), AT_MOST_10) == guarded


@pytest.mark.parametrize("rule", ["guarded", "simple"])
@pytest.mark.parametrize(
    ("value", "bound", "limits", "expected", "words"),
    [
        (30, "at_least", AT_LEAST_10, "pass", "at least 30.0 ± 1.0 Mbit/s"),
        (5, "at_least", AT_LEAST_10, "inconclusive", "it may be better than that"),
        (3, "at_least", AT_MOST_10, "inconclusive", "it may be worse than that"),
        (30, "at_least", AT_MOST_10, "fail", "at most 10 Mbit/s needed"),
        (3, "at_most", AT_MOST_10, "pass", "at most 3.0 ± 1.0 Mbit/s"),
        (30, "at_most", AT_MOST_10, "inconclusive", "it may be better than that"),
        (30, "at_most", AT_LEAST_10, "inconclusive", "it may be worse than that"),
        (5, "at_most", AT_LEAST_10, "fail", "at least 10 Mbit/s needed"),
    ],
)
def test_a_bound_decides_only_what_it_bounds(
    rule: str, value: float, bound: Bound, limits: Limits, expected: str, words: str
) -> None:
    found = judged(replace(speed(value, 1.0), bound=bound), limits, rule=rule)
    assert found.verdict.word == expected
    assert words in found.explanation


def test_a_band_has_two_limits() -> None:
    band = Limits(at_least=-30, at_most=-20)
    assert [verdict(speed(value), band) for value in (-31, -30, -25, -20, -19)] == [
        "fail", "pass", "pass", "pass", "fail",
    ]  # fmt: skip


def test_an_interval_wider_than_the_band_is_inconclusive() -> None:
    assert verdict(speed(-25, 10), Limits(at_least=-30, at_most=-20)) == "inconclusive"


def test_a_sure_failure_on_one_side_of_a_band_is_a_failure() -> None:
    band = Limits(at_least=10, at_most=50)
    assert [verdict(speed(value, 2), band) for value in (7, 9, 49, 51, 53)] == [
        "fail", "inconclusive", "inconclusive", "inconclusive", "fail",
    ]  # fmt: skip


@pytest.mark.parametrize("rule", ["guarded", "simple"])
def test_a_remark_alone_never_fails(rule: str) -> None:
    assert verdict(speed(1000, 5), Limits(warn_above=10), rule=rule) == "warn"
    assert verdict(speed(1, 5), Limits(warn_above=10), rule=rule) == "pass"


# --- What could not be measured ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "limits", [AT_LEAST_10, AT_MOST_10, Limits(equals=True), Limits(one_of=("wired",)), Limits(none_of=("x",))]
)
def test_a_missing_measurement_is_inconclusive(limits: Limits) -> None:
    found = judged(None, limits)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.at_fault is None  # it may have been left out on purpose


@pytest.mark.parametrize("limits", [AT_LEAST_10, AT_MOST_10, Limits(none_of=("x",)), Limits(warn_above=10)])
def test_a_failed_measurement_is_inconclusive_whoever_is_at_fault(limits: Limits) -> None:
    failure = Failure("responder_silent", "server", "the far end does not answer", "Try again later.")
    found = judged(Measurement(SPEED, failure=failure), limits, advice="Ask your provider.")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.at_fault == "server"
    assert found.explanation == "could not be measured: the far end does not answer"
    assert found.advice == "Try again later."


def test_a_failure_without_advice_leaves_the_policys_own() -> None:
    measured = Measurement(SPEED, failure=Failure("a", "line", "b", ""))
    assert judged(measured, AT_LEAST_10, advice="Ask.").advice == "Ask."


def test_a_missing_measurement_is_only_a_remark_where_the_requirement_is_advisory() -> None:
    assert verdict(None, AT_LEAST_10, severity="advisory") == "warn"


# --- Names and yes or no ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "limits", "expected"),
    [
        ("wired", Limits(one_of=("wired", "rf-dongle"), warn_on=("rf-dongle",)), "pass"),
        ("rf-dongle", Limits(one_of=("wired", "rf-dongle"), warn_on=("rf-dongle",)), "warn"),
        ("bluetooth", Limits(one_of=("wired", "rf-dongle"), warn_on=("rf-dongle",)), "fail"),
        ("Wired", Limits(one_of=("wired",)), "fail"),
        ("unverified", Limits(one_of=("wired",)), "inconclusive"),
        ("unverified", Limits(one_of=("wired", "unverified")), "pass"),
        ("unverified", Limits(none_of=("bluetooth",)), "inconclusive"),
        ("unverified", Limits(none_of=("unverified",)), "fail"),
        ("events", Limits(none_of=("voices", "events")), "fail"),
        ("quiet", Limits(none_of=("voices", "events"), warn_on=("hum",)), "pass"),
        ("hum", Limits(none_of=("voices", "events"), warn_on=("hum",)), "warn"),
        ("wifi", Limits(warn_on=("wifi",)), "warn"),
        ("wired", Limits(equals="wired"), "pass"),
        ("x", Limits(equals="wired"), "fail"),
        ("", Limits(one_of=("wired",)), "fail"),
    ],
)
def test_a_name_is_compared_as_it_is(value: str, limits: Limits, expected: str) -> None:
    assert verdict(Measurement(TRANSPORT, value), limits) == expected


@pytest.mark.parametrize(
    ("value", "needed", "expected"),
    [(True, True, "pass"), (False, True, "fail"), (False, False, "pass"), (True, False, "fail"), (True, 1, "fail"),
     (False, 0, "fail"), (True, "yes", "fail")],
)  # fmt: skip
def test_yes_is_not_one(value: bool, needed: Value, expected: str) -> None:
    assert verdict(Measurement(VPN, value), Limits(equals=needed)) == expected


def test_a_number_limit_on_a_text_is_inconclusive_and_says_why() -> None:
    found = judged(Measurement(TRANSPORT, "wired"), AT_LEAST_10)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "is not a number" in found.explanation
    assert verdict(Measurement(VPN, True), AT_LEAST_10) == "inconclusive"


def test_equal_numbers_meet_an_equals() -> None:
    assert verdict(Measurement(CORES, 2, 0.0), Limits(equals=2.0)) == "pass"


IN_TEXAS = Limits(one_of=("US-TX", "US-FL"))


@pytest.mark.parametrize(
    ("declared", "limits", "expected"),
    [
        ("US-TX", IN_TEXAS, "pass"),
        ("US-CA", IN_TEXAS, "fail"),
        ("SE", IN_TEXAS, "fail"),
        ("US", IN_TEXAS, "inconclusive"),  # which part is not known
        ("US-TX", Limits(one_of=("US", "CA")), "pass"),  # a part lies in its country
        ("USA", Limits(one_of=("US",)), "fail"),
        ("US-CA", Limits(none_of=("US-CA",)), "fail"),
        ("US", Limits(none_of=("US-CA",)), "inconclusive"),
        ("SE", Limits(none_of=("US-CA",)), "pass"),
        ("US", Limits(one_of=("US",), warn_on=("US",)), "warn"),
    ],
)
def test_a_region_is_held_against_codes_of_countries_and_their_parts(
    declared: str, limits: Limits, expected: str
) -> None:
    for name in ("place.region", "network.region"):
        assert verdict(Measurement(Quantity.text(name, "declared"), declared), limits) == expected


def test_what_speaks_against_a_region_is_shown_and_refuses_nobody() -> None:
    region = Measurement(Quantity.text("place.region", "declared"), "US-TX")
    differs = {"place.region": Standing("self-reported", "the address is of California", differs=True)}
    found = [
        appraise(evidence(region), policy(Requirement("place.region", limits)), NAME, differs).findings[0]
        for limits in (IN_TEXAS, Limits(one_of=("SE",)))
    ]
    assert [one.verdict.word for one in found] == ["warn", "fail"]
    assert [one.explanation for one in found] == [
        "US-TX, but the address is of California",
        "US-TX; SE needed, but the address is of California",
    ]
    assert "VPN" in found[0].advice


# --- Severity, trust, questions ---------------------------------------------------------------------------------------


def test_an_advisory_requirement_warns_where_a_required_one_fails() -> None:
    assert verdict(speed(1), AT_LEAST_10) == "fail"
    assert verdict(speed(1), AT_LEAST_10, severity="advisory") == "warn"
    assert verdict(speed(30), AT_LEAST_10, severity="advisory") == "pass"


@pytest.mark.parametrize(
    ("needed", "given", "expected"),
    [
        ("self-reported", None, "pass"),
        ("corroborated", None, "inconclusive"),
        ("corroborated", "corroborated", "pass"),
        ("corroborated", "server-observed", "pass"),
        ("server-observed", "corroborated", "inconclusive"),
    ],
)
def test_a_value_that_is_not_founded_well_enough_is_inconclusive(
    needed: Any, given: Trust | None, expected: str
) -> None:
    found = judged(speed(30), AT_LEAST_10, given=given, trust=needed)
    assert found.verdict.word == expected
    assert found.trust == (given or "self-reported")


def test_who_is_not_believed_is_not_told_to_change_the_home() -> None:
    found = judged(speed(30), AT_LEAST_10, given="self-reported", trust="server-observed")
    assert "This says nothing about your home office." in found.advice


@pytest.mark.parametrize(
    ("answer", "must_be", "severity", "expected"),
    [
        (True, True, "required", "pass"),
        (False, True, "required", "fail"),
        (True, False, "required", "fail"),
        (False, None, "required", "pass"),
        (None, True, "required", "inconclusive"),
        (None, None, "required", "inconclusive"),
        (False, True, "advisory", "warn"),
        (None, True, "advisory", "warn"),
    ],
)
def test_a_declaration_is_judged_by_its_answer(
    answer: bool | None, must_be: bool | None, severity: Any, expected: str
) -> None:
    question = Question("corded_phone", {"en": "Corded?"}, must_be, severity)
    answers = {} if answer is None else {"corded_phone": answer}
    (found,) = appraise(evidence(answers=answers), policy(questions=(question,)), NAME).findings
    assert found.quantity == "declaration.corded_phone"
    assert found.verdict.word == expected
    assert found.at_fault == ("person" if answer is None else None)
    assert "Corded?" in found.explanation


# --- The result -------------------------------------------------------------------------------------------------------


def test_one_finding_per_requirement_in_the_order_of_the_policy() -> None:
    requirements = (
        Requirement("network.download", AT_LEAST_10),
        Requirement("headset.transport", Limits(one_of=("wired",))),
        Requirement("host.cpu_cores", Limits(at_least=4)),
    )
    question = Question("a", {"en": "?"})
    result = appraise(
        evidence(speed(1), Measurement(CORES, 8, 0.0)), policy(*requirements, questions=(question,)), NAME
    )
    assert [finding.quantity for finding in result.findings] == [
        "network.download",
        "headset.transport",
        "host.cpu_cores",
        "declaration.a",
    ]
    assert [finding.verdict.word for finding in result.findings] == ["fail", "inconclusive", "pass", "inconclusive"]


@pytest.mark.parametrize(
    ("values", "worst"),
    [((30, 30), "pass"), ((30, 20), "warn"), ((20, None), "inconclusive"), ((None, 1), "fail"), ((1, 30), "fail")],
)
def test_the_worst_finding_is_the_verdict(values: tuple[float | None, ...], worst: str) -> None:
    names = ("network.download", "network.upload")
    measured = [
        Measurement(Quantity(name, "Mbit/s", "test"), value, 0.0)
        for name, value in zip(names, values, strict=True)
        if value is not None
    ]
    both = policy(*(Requirement(name, AT_LEAST_10) for name in names))
    assert appraise(evidence(*measured), both, NAME).verdict.word == worst


def test_what_passes_gets_no_advice_and_keeps_its_reason() -> None:
    passed = judged(speed(30), AT_LEAST_10, reason="Because.", advice="Buy a faster line.")
    assert (passed.advice, passed.reason) == ("", "Because.")
    assert judged(speed(1), AT_LEAST_10, advice="Buy a faster line.").advice == "Buy a faster line."


@pytest.mark.parametrize(
    ("measurement", "limits", "explanation"),
    [
        (speed(8, 0.5), AT_LEAST_10, "8.00 ± 0.50 Mbit/s; at least 10 Mbit/s needed"),
        (speed(10.2, 0.5), AT_LEAST_10,
         "10.20 ± 0.50 Mbit/s; at least 10 Mbit/s needed, and the limit lies within the uncertainty"),
        (speed(20), AT_LEAST_10, "20 Mbit/s; 25 Mbit/s or more is better"),
        (speed(48.25, 0.912), AT_LEAST_10, "48.25 ± 0.91 Mbit/s"),
        (speed(512.4, 20), AT_LEAST_10, "512 ± 20 Mbit/s"),
        (Measurement(CORES, 1, 0.0), Limits(at_least=2), "1; at least 2 needed"),
        (Measurement(VPN, True), Limits(equals=False), "yes; no needed"),
        (Measurement(TRANSPORT, "bluetooth"), Limits(one_of=("wired", "rf-dongle")),
         "bluetooth; wired or rf-dongle needed"),
        (Measurement(TRANSPORT, "hum"), Limits(none_of=("hum",)), "hum; not allowed here"),
        (Measurement(TRANSPORT, "unverified"), Limits(one_of=("wired",)), "could not be proven either way"),
    ],
)  # fmt: skip
def test_an_explanation_says_what_was_measured_and_what_is_needed(
    measurement: Measurement, limits: Limits, explanation: str
) -> None:
    assert judged(measurement, limits).explanation == explanation


@pytest.mark.parametrize(
    ("value", "text"),
    [(8.0, "8"), (0.00001, "1e-05"), (4.2149, "4.21"), (99.96, "100"), (123.6, "124"), (-51.96, "-52"), (0, "0")],
)
def test_numbers_are_written_with_the_digits_that_people_read(value: float, text: str) -> None:
    assert number(value) == text


def test_a_bare_number_has_no_unit() -> None:
    assert with_unit(8, "1") == "8"
    assert with_unit("8 ± 1", "ms") == "8 ± 1 ms"


NUMBERS = st.floats(-1e6, 1e6)


@settings(max_examples=300, deadline=None)
@given(NUMBERS, st.floats(0, 1e5), NUMBERS)
def test_the_guarded_rule_never_passes_what_the_simple_rule_fails(value: float, spread: float, limit: float) -> None:
    for limits in (Limits(at_least=limit), Limits(at_most=limit)):
        guarded, simple = (judged(speed(value, spread), limits, rule=rule).verdict for rule in ("guarded", "simple"))
        assert not (guarded is Verdict.PASS and simple is Verdict.FAIL)
        assert not (guarded is Verdict.FAIL and simple is Verdict.PASS)


@settings(max_examples=300, deadline=None)
@given(NUMBERS, NUMBERS, st.floats(0, 1e5), NUMBERS)
def test_a_better_value_is_never_judged_worse(one: float, other: float, spread: float, limit: float) -> None:
    low, high = sorted((one, other))
    limits = Limits(at_least=limit, warn_below=limit + 1)
    assert judged(speed(high, spread), limits).verdict <= judged(speed(low, spread), limits).verdict


# --- On the wire ------------------------------------------------------------------------------------------------------


def a_result() -> AttestationResult:
    both = policy(Requirement("network.download", AT_LEAST_10, reason="R", advice="A"), Requirement("x.y", AT_MOST_10))
    return appraise(evidence(speed(1)), both, NAME)


def test_a_result_is_read_back_as_it_was_written() -> None:
    assert AttestationResult.read(Record(a_result().members(), "result")) == a_result()


def test_a_result_whose_verdict_is_not_its_worst_finding_is_refused() -> None:
    with pytest.raises(ValueError, match="the verdict is not that of the worst finding"):
        AttestationResult.read(Record({**a_result().members(), "verdict": "pass"}, "result"))


def test_a_result_without_findings_says_nothing() -> None:
    with pytest.raises(ValueError, match="without findings says nothing"):
        AttestationResult(NAME, "mine", "1", NAME, ())


def test_a_result_with_more_in_it_is_refused() -> None:
    with pytest.raises(Refused, match="unknown key 'score'"):
        AttestationResult.read(Record({**a_result().members(), "score": 7}, "result"))


def test_an_unknown_verdict_is_refused() -> None:
    with pytest.raises(ValueError, match="'perfect' is no verdict"):
        Verdict.of("perfect")


def test_verdicts_are_ordered_by_severity() -> None:
    assert [verdict.word for verdict in sorted(Verdict)] == ["pass", "warn", "inconclusive", "fail"]


def test_a_result_names_policy_and_evidence_by_their_digests() -> None:
    members = a_result().members()
    assert members["evidence"] == NAME
    assert members["policy"]["digest"].startswith("sha256:")
    assert members["findings"][0]["verdict"] == "fail"
    assert members["findings"][0]["at_fault"] is None


# --- Several runs -----------------------------------------------------------------------------------------------------
# GENUINE's run began on Monday 2026-11-23 at 12:00 UTC.

BEGUN = 1_795_435_200
HOUR = 3600


def on_several(*earlier: tuple[float, float], latest: float = 40.0, uncertainty: float = 1.0) -> Measurement:
    """Return a download with earlier ones: hours before now, and Mbit/s, each ± 1."""
    levels = tuple(Level(BEGUN - int(hours * HOUR), value, 1.0) for hours, value in earlier)
    return Measurement(SPEED, latest, uncertainty, earlier=levels)


WEEK = on_several((100, 30.0), (80, 8.0), (60, 50.0), (40, 45.0))


@pytest.mark.parametrize(
    ("statistic", "limits", "expected"),
    [
        ("worst", Limits(at_least=10), "fail"),  # 8 ± 1
        ("worst", Limits(at_least=8.5), "inconclusive"),
        ("worst", Limits(at_least=7), "pass"),
        ("worst", Limits(at_least=5, warn_below=10), "warn"),
        ("worst", Limits(at_most=52), "pass"),  # 50 ± 1: on the other side, the highest is the worst
        ("worst", Limits(at_most=49.5), "inconclusive"),
        ("worst", Limits(at_most=48), "fail"),
        ("worst", Limits(at_most=90, warn_above=49), "warn"),
        ("worst", Limits(at_least=7, at_most=48), "fail"),  # a band has a bad side at each end
        ("median", Limits(at_least=7), "pass"),  # 40; by its ranks between 8 and 50
        ("median", Limits(at_least=10), "inconclusive"),
        ("median", Limits(at_least=60), "fail"),
        ("median", Limits(at_least=7, warn_below=45), "warn"),
    ],
)
def test_the_figure_that_the_policy_names_is_judged_on_its_bad_side(
    statistic: Any, limits: Limits, expected: str
) -> None:
    assert verdict(WEEK, limits, runs=SeveralRuns(statistic)) == expected


def test_the_simple_rule_looks_at_the_figure_alone() -> None:
    assert verdict(WEEK, Limits(at_least=8), runs=SeveralRuns("worst"), rule="simple") == "pass"
    assert verdict(WEEK, Limits(at_least=8.5), runs=SeveralRuns("worst"), rule="simple") == "fail"


def test_the_explanation_says_of_how_many_runs_and_when_the_worst_was() -> None:
    found = judged(WEEK, Limits(at_least=10), runs=SeveralRuns("worst"))
    assert found.explanation == (
        "worst of 5 runs in 14 days, Fri 2026-11-20 04:00 UTC: 8.0 ± 1.0 Mbit/s; at least 10 Mbit/s needed"
    )
    assert judged(WEEK, Limits(at_least=7), runs=SeveralRuns("worst")).explanation.endswith("8.0 ± 1.0 Mbit/s")


def test_too_few_runs_are_inconclusive_with_what_to_do() -> None:
    found = judged(WEEK, Limits(at_least=1), runs=SeveralRuns("worst", at_least=7), advice="Ask your provider.")
    assert (found.verdict, found.at_fault) == (Verdict.INCONCLUSIVE, None)
    assert found.explanation == "5 of 7 runs in 14 days"
    assert found.advice.startswith("Measure on 2 more occasions: homecheck check --only 'network*' --no-upload")


def test_too_few_runs_of_the_room_ask_for_more_of_the_room() -> None:
    noise = Measurement(Quantity("room.noise", "dBFS(A)", "test"), -60.0, 0.5)
    found = judged(noise, Limits(at_most=-40), runs=SeveralRuns("median"))
    assert found.advice.startswith("Measure on 4 more occasions: homecheck check --only 'room*' --no-upload")


def test_runs_that_are_too_old_do_not_count() -> None:
    measured = on_several((15 * 24, 1.0), (13 * 24, 30.0))
    assert verdict(measured, Limits(at_least=10), runs=SeveralRuns("worst", at_least=2)) == "pass"
    assert verdict(measured, Limits(at_least=10), runs=SeveralRuns("worst", days=16, at_least=2)) == "fail"


def test_only_runs_inside_the_hours_count_and_that_may_leave_out_the_latest() -> None:
    evenings = SeveralRuns("worst", at_least=1, hours=Shift("Europe/Stockholm", ("Mon-Fri 18:00-22:00",)))
    friday_evening = on_several((66, 5.0), (24, 1.0))  # Friday 19:00 and Sunday 13:00 in Stockholm; now is Monday 13:00
    found = judged(friday_evening, Limits(at_least=10), runs=evenings)
    assert found.verdict is Verdict.FAIL
    assert (
        "worst of 1 run in 14 days, Mon-Fri 18:00-22:00 (Europe/Stockholm), Fri 2026-11-20 19:00 CET"
        in found.explanation
    )
    none = judged(on_several((24, 1.0)), Limits(at_least=10), runs=evenings)
    assert (none.verdict, none.explanation) == (
        Verdict.INCONCLUSIVE, "0 of 1 runs in 14 days, Mon-Fri 18:00-22:00 (Europe/Stockholm)",
    )  # fmt: skip
    assert "Measure on 1 more occasion within Mon-Fri 18:00-22:00 (Europe/Stockholm)" in none.advice


def test_a_level_from_after_the_check_does_not_count() -> None:
    measured = on_several((0, 99.0), (-5, 98.0))
    assert judged(measured, Limits(at_least=1), runs=SeveralRuns("worst", at_least=2)).explanation.startswith("1 of 2")


def test_what_could_not_be_measured_now_is_not_passed_by_what_was_measured_before() -> None:
    failed = Measurement(SPEED, failure=Failure("stalled", "line", "nothing came", "Again."), earlier=WEEK.earlier)
    found = judged(failed, Limits(at_least=1), runs=SeveralRuns("worst", at_least=1))
    assert (found.verdict, found.at_fault) == (Verdict.INCONCLUSIVE, "line")


def test_several_runs_are_the_persons_own_word_whoever_saw_the_last_one() -> None:
    found = judged(WEEK, Limits(at_least=7), runs=SeveralRuns("worst"), given="server-observed")
    assert (found.verdict, found.trust) == (Verdict.PASS, "self-reported")


def test_without_a_rule_for_several_runs_earlier_ones_change_nothing() -> None:
    assert judged(WEEK, Limits(at_least=10)) == judged(speed(40.0, 1.0), Limits(at_least=10))


def test_a_text_in_the_place_of_a_number_has_no_runs() -> None:
    text = Measurement(Quantity.text("network.download", "test"), "fast")
    assert verdict(text, Limits(at_least=1), runs=SeveralRuns("worst", at_least=1)) == "inconclusive"


WIFI = Cause("home_link", "the way to your own router already varies by 41 ms")
OURS = Cause("server", "our server was busy")


def slow(cause: Cause | None, value: float = 5.0, uncertainty: float = 0.1) -> Measurement:
    return replace(speed(value, uncertainty), cause=cause)


@pytest.mark.parametrize(
    ("cause", "word"),
    [
        (None, "fail"),
        (WIFI, "fail"),
        (Cause("line", "it is the line"), "fail"),
        (Cause(None, "nobody knows"), "fail"),
        (OURS, "inconclusive"),
        (Cause("agent", "homecheck was slow itself"), "inconclusive"),
    ],
)
def test_a_value_that_our_own_side_has_spoilt_never_counts_against_the_person(cause: Cause | None, word: str) -> None:
    found = judged(slow(cause), AT_LEAST_10, advice="Plug in a cable.")
    assert found.verdict.word == word
    assert found.cause == cause
    assert found.at_fault is None  # it was measured
    assert found.advice == ("Plug in a cable." if word == "fail" else OURS_ADVICE)


def test_our_own_fault_never_turns_into_a_pass_nor_a_pass_into_doubt() -> None:
    assert judged(slow(OURS, 10.05), AT_LEAST_10).verdict.word == "inconclusive"  # the limit lies in the uncertainty
    assert judged(slow(OURS, 20), AT_LEAST_10).verdict.word == "warn"
    good = judged(slow(OURS, 50), AT_LEAST_10)
    assert (good.verdict.word, good.cause) == ("pass", None)
    advisory = judged(slow(OURS), AT_LEAST_10, severity="advisory")
    assert advisory.verdict.word == "warn"


OUR_DOING = Cause("server", "the way to our server slows down")


def test_of_several_runs_one_that_our_own_side_has_spoilt_does_not_count() -> None:
    ours = replace(on_several((80, 30.0), (60, 50.0), latest=5.0), cause=OUR_DOING)
    line = replace(ours, cause=Cause("line", "your provider's network slows down"))
    rule = SeveralRuns("worst", at_least=2)
    assert verdict(line, Limits(at_least=10), runs=rule) == "fail"
    assert verdict(ours, Limits(at_least=10), runs=rule) == "pass"
    assert verdict(ours, Limits(at_least=10), runs=SeveralRuns("worst", at_least=3)) == "inconclusive"
    assert verdict(ours, Limits(at_least=4), runs=SeveralRuns("worst", at_least=3)) == "pass"  # good is good
    earlier = replace(on_several((80, 5.0), (60, 50.0), latest=30.0), cause=OUR_DOING)
    assert verdict(earlier, Limits(at_least=10), runs=rule) == "fail"  # of another day


def test_a_finding_with_its_cause_is_written_and_read_again() -> None:
    for cause in (None, WIFI, Cause(None, "nobody knows")):
        found = judged(slow(cause), AT_LEAST_10)
        assert Finding.read(Record(found.members(), "finding")) == found


def test_a_finding_whose_cause_blames_nobody_known_is_refused() -> None:
    members = {**judged(slow(WIFI), AT_LEAST_10).members(), "cause": {"at_fault": "candidate", "sentence": "x"}}
    with pytest.raises(ValueError, match="at_fault 'candidate' is none of"):
        Finding.read(Record(members, "finding"))


ENDS = (None, 10, 25)
NAMES: Any = ((), ("wired",), ("wired", "usb"), ("unverified",), ("SE",), ("SE-AB", "wired"), (True,))
REGION = Quantity.text("place.region", "test")
SPOKEN = Quantity.yes_no("landline.callback", "test")  # never by the agent's own word


def every_limit(*, numeric: bool) -> Iterator[Limits]:
    """Yield all limits that can be made of a few values."""
    if numeric:
        kinds = ("at_least", "at_most", "warn_below", "warn_above")
        choices: Any = product(ENDS, repeat=4)
    else:
        kinds = ("equals", "one_of", "none_of", "warn_on")
        choices = product((None, True, False, "wired"), NAMES, NAMES, NAMES)
    for chosen in choices:
        with suppress(ValueError):  # they contradict one another, or there is none
            yield Limits(**dict(zip(kinds, chosen, strict=True)))


def every_measurement() -> Iterator[Measurement]:
    for value, doubt, bound in product((9.5, 10, 10.0, 12, 25, 25.5), (0, 1.0, 20.0), (None, "at_least", "at_most")):
        yield Measurement(SPEED, value, doubt, bound=cast("Bound | None", bound))
    yield Measurement(SPEED, 50, 0.0, cause=WIFI)
    yield Measurement(SPEED, 1, 0.0, cause=OURS)
    yield from (Measurement(TRANSPORT, word) for word in ("wired", "usb", "unverified", ""))
    yield from (Measurement(quantity, answer) for quantity in (VPN, SPOKEN) for answer in (True, False))
    yield Measurement(CORES, 1, 0)  # which is not true, though Python finds them equal
    yield from (Measurement(REGION, place) for place in ("SE", "SE-AB", "ES"))
    yield Measurement(TRANSPORT, failure=Failure("no_device", "device", "no headset", "Plug it in."))


def test_what_is_judged_in_one_stride_is_found_as_the_long_way_finds_it() -> None:
    found = list(every_measurement())
    names = list(every_limit(numeric=False))
    limits = {True: [*every_limit(numeric=True), *names[::7]], False: [*names, Limits(at_least=1)]}
    met = 0
    for measurement in found:
        sent = evidence(measurement)
        told = {measurement.quantity.name: Standing("self-reported")}  # the same, but told: it is looked at closely
        for one in limits[measurement.quantity not in (TRANSPORT, REGION, SPOKEN, CORES)]:
            for rule in ("guarded", "simple"):
                asked = policy(Requirement(measurement.quantity.name, one, "advisory", "why", "", "do"), rule=rule)
                (finding,) = appraise(sent, asked, NAME).findings
                (long_way,) = appraise(sent, asked, NAME, told).findings
                assert list(finding.members().items()) == list(long_way.members().items()), (measurement, one, rule)
                met += finding.verdict is Verdict.PASS
    assert met > 1_000


@pytest.mark.parametrize("more", [{"trust": "corroborated"}, {"runs": SeveralRuns("worst", at_least=3)}])
def test_a_requirement_that_asks_for_more_than_one_run_or_word_is_never_judged_in_one_stride(more: Any) -> None:
    assert verdict(speed(50.0), AT_LEAST_10, **more) == "inconclusive"
