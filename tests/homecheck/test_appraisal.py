"""Appraisal: one finding per requirement, the worst counts, and what could not be measured never passes or fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homecheck.appraisal import AttestationResult, Finding, Verdict, appraise
from homecheck.errors import Refused
from homecheck.evidence import Declaration, Evidence
from homecheck.measurement import Failure, Measurement, Quantity, Value
from homecheck.numbers import number, with_unit
from homecheck.policy import Limits, Policy, Question, Requirement, Trust
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
    trusted = {quantity: given} if given else None
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
