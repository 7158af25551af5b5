"""Appraisal: one pure function from evidence and policy to findings.

The agent runs it as a preview, the collector runs it for real.

Verdicts are ordered `pass` < `warn` < `inconclusive` < `fail` and the worst counts. What could not be measured is
inconclusive: never passed, never failed. Under the `guarded` decision rule (ISO/IEC 17025 7.8.6, JCGM 106) a limit that
lies inside a value's uncertainty is inconclusive too; under `simple` the value alone decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, cast

from homecheck.errors import AT_FAULT, AtFault
from homecheck.evidence import Evidence
from homecheck.measurement import Kind, Measurement, Value
from homecheck.numbers import with_uncertainty, with_unit
from homecheck.policy import SEVERITIES, TRUST, Limits, Policy, Question, Requirement, Severity, Trust
from homecheck.strict_json import Record

UNVERIFIED: Final = "unverified"  # what a probe says of a name that it could not prove


class Verdict(IntEnum):
    """How one requirement, or the whole, was met; the order is that of severity."""

    PASS = 0
    WARN = 1
    INCONCLUSIVE = 2
    FAIL = 3

    @property
    def word(self) -> str:
        """The verdict as it is written everywhere: pass, warn, inconclusive or fail."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Verdict:
        """Return the verdict of a word; ValueError for any other."""
        for verdict in cls:
            if verdict.word == word:
                return verdict
        raise ValueError(f"{word!r:.40} is no verdict")


@dataclass(frozen=True)
class Finding:
    """How one requirement was met. `at_fault` says whose doing it is when something could not be measured."""

    quantity: str
    verdict: Verdict
    severity: Severity
    explanation: str
    advice: str = ""
    reason: str = ""
    at_fault: AtFault | None = None
    trust: Trust = "self-reported"

    def members(self) -> dict[str, Any]:
        """Return the finding as JSON members."""
        return {**vars(self), "verdict": self.verdict.word}

    @classmethod
    def read(cls, record: Record) -> Finding:
        """Return the finding in `record`; ValueError or Refused when it is none: pages are built from its words."""
        finding = cls(
            quantity=record.text("quantity"),
            verdict=Verdict.of(record.text("verdict")),
            severity=cast(Severity, record.text("severity")),
            explanation=record.text("explanation", max_length=4000),
            advice=record.text("advice", max_length=4000),
            reason=record.text("reason", max_length=4000),
            at_fault=cast("AtFault | None", record.text_or_none("at_fault")),
            trust=cast(Trust, record.text("trust")),
        )
        record.done()
        for word, known in (
            (finding.severity, SEVERITIES),
            (finding.trust, TRUST),
            (finding.at_fault, (None, *AT_FAULT)),
        ):
            if word not in known:
                raise ValueError(f"finding: {word!r:.40} is not known")
        if finding.severity == "advisory" and finding.verdict > Verdict.WARN:
            raise ValueError("finding: what is advisory is remarked on at most")
        return finding


@dataclass(frozen=True)
class AttestationResult:
    """All findings for one evidence under one policy; `evidence` and `policy_digest` name both by their digests."""

    evidence: str
    policy_name: str
    policy_version: str
    policy_digest: str
    findings: tuple[Finding, ...]

    def __post_init__(self) -> None:
        if not self.findings:
            raise ValueError("a result without findings says nothing")

    @property
    def verdict(self) -> Verdict:
        """The worst finding."""
        return max(finding.verdict for finding in self.findings)

    def members(self) -> dict[str, Any]:
        """Return the result as JSON members."""
        return {
            "evidence": self.evidence,
            "policy": {"name": self.policy_name, "version": self.policy_version, "digest": self.policy_digest},
            "verdict": self.verdict.word,
            "findings": [finding.members() for finding in self.findings],
        }

    @classmethod
    def read(cls, record: Record) -> AttestationResult:
        """Return the result in `record`; ValueError or Refused when it is none, or contradicts itself."""
        policy = record.record("policy")
        result = cls(
            evidence=record.text("evidence"),
            policy_name=policy.text("name"),
            policy_version=policy.text("version"),
            policy_digest=policy.text("digest"),
            findings=tuple(Finding.read(finding) for finding in record.records("findings")),
        )
        if record.text("verdict") != result.verdict.word:
            raise ValueError("the verdict is not that of the worst finding")
        record.done()
        policy.done()
        return result


def appraise(
    evidence: Evidence, policy: Policy, evidence_digest: str, trust: Mapping[str, Trust] | None = None
) -> AttestationResult:
    """Return one finding per requirement and question of `policy`, in its order.

    `trust` says per quantity how well its value is founded; what is not named there is self-reported.
    """
    measured = {measurement.quantity.name: measurement for measurement in evidence.measurements()}
    answers = {declaration.id: declaration.answer for declaration in evidence.declarations}
    founded = trust or {}
    findings = [
        _appraise_requirement(
            requirement,
            measured.get(requirement.quantity),
            guarded=policy.decision_rule == "guarded",
            trust=founded.get(requirement.quantity, "self-reported"),
        )
        for requirement in policy.requirements
    ]
    findings += [_appraise_answer(question, answers.get(question.id)) for question in policy.declarations]
    return AttestationResult(evidence_digest, policy.name, policy.version, policy.digest, tuple(findings))


def _appraise_requirement(
    requirement: Requirement, measurement: Measurement | None, *, guarded: bool, trust: Trust
) -> Finding:
    at_fault: AtFault | None = None
    advice = requirement.advice
    if measurement is None:
        verdict, explanation = Verdict.INCONCLUSIVE, "not measured in this check"
        advice = "Run the whole check, with the newest homecheck."
    elif measurement.failure is not None:
        failure = measurement.failure
        verdict, explanation = Verdict.INCONCLUSIVE, f"could not be measured: {failure.message}"
        advice, at_fault = failure.advice or advice, failure.at_fault
    elif TRUST.index(trust) < TRUST.index(requirement.trust):
        verdict = Verdict.INCONCLUSIVE
        explanation = f"{_shown(measurement)} is {trust}; this policy wants it {requirement.trust}"
    else:
        verdict, explanation = _judge(requirement.limits, measurement, guarded)
    if requirement.severity == "advisory":
        verdict = min(verdict, Verdict.WARN)
    if verdict is Verdict.PASS:
        advice = ""
    return Finding(
        requirement.quantity, verdict, requirement.severity, explanation, advice, requirement.reason, at_fault, trust
    )


def _appraise_answer(question: Question, answer: bool | None) -> Finding:
    wording = question.wording("en")
    if answer is None:
        verdict, explanation = Verdict.INCONCLUSIVE, f"not answered: {wording}"
    elif question.must_be is None or answer == question.must_be:
        verdict, explanation = Verdict.PASS, f"declared {_yes_no(answer)}: {wording}"
    else:
        verdict = Verdict.FAIL
        explanation = f"declared {_yes_no(answer)}, {_yes_no(question.must_be)} is needed: {wording}"
    if question.severity == "advisory":
        verdict = min(verdict, Verdict.WARN)
    unanswered = "Run the check yourself and answer the question, or give your answer with --answers FILE."
    advice = unanswered if answer is None else ""
    return Finding(
        f"declaration.{question.id}",
        verdict,
        question.severity,
        explanation,
        advice,
        question.reason,
        "person" if answer is None else None,
    )


def _judge(limits: Limits, measurement: Measurement, guarded: bool) -> tuple[Verdict, str]:
    value = measurement.value
    numeric = (limits.at_least, limits.at_most, limits.warn_below, limits.warn_above)
    if any(limit is not None for limit in numeric):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return Verdict.INCONCLUSIVE, f"{_shown(measurement)} is not a number, the limit is one"
        return _judge_number(limits, measurement, float(value), measurement.uncertainty or 0.0 if guarded else 0.0)
    return _judge_name(limits, measurement, cast(Value, value))


def _judge_number(limits: Limits, measurement: Measurement, value: float, guard: float) -> tuple[Verdict, str]:
    shown, unit = _shown(measurement), measurement.quantity.unit
    for limit, sign, words in ((limits.at_least, 1, "at least"), (limits.at_most, -1, "at most")):
        if limit is None:
            continue
        margin = sign * (value - limit)
        needed = f"{shown}; {words} {with_unit(limit, unit)} needed"
        if margin + guard < 0:
            return Verdict.FAIL, needed
        if margin - guard < 0:
            return Verdict.INCONCLUSIVE, f"{needed}, and the limit lies within the uncertainty"
    if limits.warn_below is not None and value < limits.warn_below:
        return Verdict.WARN, f"{shown}; {with_unit(limits.warn_below, unit)} or more is better"
    if limits.warn_above is not None and value > limits.warn_above:
        return Verdict.WARN, f"{shown}; {with_unit(limits.warn_above, unit)} or less is better"
    return Verdict.PASS, shown


def _judge_name(limits: Limits, measurement: Measurement, value: Value) -> tuple[Verdict, str]:
    shown = _shown(measurement)
    if limits.equals is not None and not _same(value, limits.equals):
        return Verdict.FAIL, f"{shown}; {_word(limits.equals)} needed"
    allowed, forbidden, remarked = (
        any(_same(value, listed) for listed in values) for values in (limits.one_of, limits.none_of, limits.warn_on)
    )
    if forbidden:
        return Verdict.FAIL, f"{shown}; not allowed here"
    if value == UNVERIFIED and not allowed:
        return Verdict.INCONCLUSIVE, "could not be proven either way"
    if limits.one_of and not allowed:
        return Verdict.FAIL, f"{shown}; {' or '.join(map(_word, limits.one_of))} needed"
    if remarked:
        return Verdict.WARN, f"{shown}; allowed, but something else is better"
    return Verdict.PASS, shown


def _same(value: Value, other: Value) -> bool:
    """Compare as JSON does: true is not 1."""
    return isinstance(value, bool) == isinstance(other, bool) and value == other


def _shown(measurement: Measurement) -> str:
    value, unit = measurement.value, measurement.quantity.unit
    if measurement.quantity.kind is not Kind.NUMBER or isinstance(value, str | bool) or value is None:
        return _word(cast(Value, value))
    return with_uncertainty(value, measurement.uncertainty or 0.0, unit)


def _word(value: Value) -> str:
    return _yes_no(value) if isinstance(value, bool) else str(value)


def _yes_no(answer: bool) -> str:
    return "yes" if answer else "no"
