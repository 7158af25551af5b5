"""Appraisal: one pure function from evidence and policy to findings.

The agent runs it as a preview, the collector runs it for real.

Verdicts are ordered `pass` < `warn` < `inconclusive` < `fail` and the worst counts. What could not be measured is
inconclusive: never passed, never failed. So is a value that misses a limit because of our own side, as its `cause`
tells, and one that the far end's own observation contradicts. Under the `guarded` decision rule (ISO/IEC 17025 7.8.6,
JCGM 106) a limit that lies inside a value's uncertainty is inconclusive too; under `simple` the value alone decides. A
value that is a bound ("at least 93") decides only what it bounds, under either rule.

A requirement on several runs judges a figure of them (`homecheck.several_runs`): of the run in this check and the
levels of earlier ones that it carries. Those are the person's own word, whoever has seen the run of today.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple, cast

from homecheck.callback import QUANTITY as CALLBACK_QUANTITY
from homecheck.corroboration import SELF_REPORTED, Standing
from homecheck.errors import AT_FAULT, AtFault
from homecheck.evidence import Evidence, read_cause
from homecheck.measurement import Cause, Kind, Level, Measurement, Value
from homecheck.numbers import with_uncertainty, with_unit
from homecheck.policy import SEVERITIES, TRUST, Limits, Policy, Question, Requirement, Severity, Trust
from homecheck.several_runs import SIDES, Figure, SeveralRuns, figure
from homecheck.standards.iso_3166 import inside
from homecheck.strict_json import Record

PLACES: Final = (".region",)  # codes of ISO 3166: a part lies in its country
UNVERIFIED: Final = "unverified"  # what a probe says of a name that it could not prove
OURS_ADVICE: Final = (
    "This is not your fault. Repeat the check later; if it lasts, tell the people who asked for the check."
)
# Where the agent's word alone counts for nothing, whatever the policy says.
LEAST_TRUST: Final[Mapping[str, Trust]] = {CALLBACK_QUANTITY: "server-observed"}
_RANK: Final[Mapping[Trust, int]] = {trust: rank for rank, trust in enumerate(TRUST)}
CONTRADICTED_ADVICE: Final = (
    "Run the whole check again. If it says the same, tell the people who asked for the check: this computer and their "
    "measuring server do not agree."
)
DIFFERS_ADVICE: Final = (
    "If a VPN is on, turn it off, and set this computer's time zone; then repeat the check. Tables of addresses are "
    "often wrong: if all is right as it is, tell the people who asked for the check where you are."
)
UNFOUNDED_ADVICE: Final = (
    "This says nothing about your home office. Only the hiring company can tell what its measuring server saw itself: "
    "send it the check. If its answer says the same, tell the people who asked for the check."
)
UNCONFIRMED_ADVICE: Final = "Run the whole check again, and send its result as soon as it is there."


class Verdict(IntEnum):
    """How one requirement, or the whole, was met; the order is that of severity."""

    PASS = 0
    WARN = 1
    INCONCLUSIVE = 2
    FAIL = 3

    @property
    def word(self) -> str:
        """The verdict as it is written everywhere: pass, warn, inconclusive or fail."""
        return _WORDS[self]

    @classmethod
    def of(cls, word: str) -> Verdict:
        """Return the verdict of a word; ValueError for any other."""
        for verdict in cls:
            if verdict.word == word:
                return verdict
        raise ValueError(f"{word!r:.40} is no verdict")


_WORDS: Final = tuple(verdict.name.lower() for verdict in Verdict)  # by their numbers: an enumeration hashes slowly


@dataclass(frozen=True)
class Finding:
    """How one requirement was met.

    `at_fault` says whose doing it is that something could not be measured, and is None for what was; `cause` says of a
    value that did not pass where it arises, where that is known.
    """

    quantity: str
    verdict: Verdict
    severity: Severity
    explanation: str
    advice: str = ""
    reason: str = ""
    at_fault: AtFault | None = None
    trust: Trust = "self-reported"
    cause: Cause | None = None

    def members(self) -> dict[str, Any]:
        """Return the finding as JSON members."""
        cause = None if self.cause is None else vars(self.cause)
        return {**vars(self), "verdict": self.verdict.word, "cause": cause}

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
            cause=read_cause(record),
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

    @cached_property
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
    evidence: Evidence, policy: Policy, evidence_digest: str, standings: Mapping[str, Standing] | None = None
) -> AttestationResult:
    """Return one finding per requirement and question of `policy`, in its order.

    `standings` says per quantity how well its value is founded; what is not named there is self-reported.
    """
    measured = _of_its_targets(evidence, policy)
    answers = {declaration.id: declaration.answer for declaration in evidence.declarations}
    founded = standings or {}
    guarded = policy.decision_rule == "guarded"
    findings = []
    for requirement, plain in _prepared(policy):
        measurement = measured.get(requirement.quantity)
        standing = founded.get(requirement.quantity, SELF_REPORTED)
        if plain is None or measurement is None or standing is not SELF_REPORTED or not plain.is_met(measurement):
            at = _measured_at(evidence, requirement) if requirement.runs else evidence.started_at
            findings.append(_appraise_requirement(requirement, measurement, at, guarded=guarded, standing=standing))
            continue
        # Past the setters of a frozen class, for a value that was built right: they took a third of the time.
        finding, members = _new(Finding), plain.members.copy()
        members["explanation"] = plain.shown(measurement)
        _set(finding, "__dict__", members)
        findings.append(finding)
    findings += [_appraise_answer(question, answers.get(question.id)) for question in policy.declarations]
    return AttestationResult(evidence_digest, policy.name, policy.version, policy.digest, tuple(findings))


@dataclass(frozen=True, slots=True)
class _Plain:
    """How a requirement is judged whose value leaves nothing to be looked at, as nearly all do.

    A collector judges twenty of these in each report, so what follows from the policy alone is prepared once for each
    version of it. `is_met` tells whether a value is of that kind; `_appraise_requirement` then finds the same, as a
    test shows. `members` are those of the finding, of which `shown` explains.
    """

    is_met: Callable[[Measurement], bool]
    shown: Callable[[Measurement], str]
    members: dict[str, Any]


@lru_cache(maxsize=256)
def _prepared(policy: Policy) -> tuple[tuple[Requirement, _Plain | None], ...]:
    """Return the requirements, each with the quick way to judge it; None where there is none."""
    guarded = policy.decision_rule == "guarded"
    return tuple((one, _plain(one, guarded) if _is_ordinary(one) else None) for one in policy.requirements)


def _plain(requirement: Requirement, guarded: bool) -> _Plain:
    finding = Finding(requirement.quantity, Verdict.PASS, requirement.severity, "", reason=requirement.reason)
    limits = requirement.limits
    if limits.numeric:
        return _Plain(_is_within(limits, guarded), _shown_number, dict(vars(finding)))
    return _Plain(_is_welcome(limits), _shown, dict(vars(finding)))


_new: Final = object.__new__
_set: Final = object.__setattr__


def _is_ordinary(requirement: Requirement) -> bool:
    """Tell whether a requirement judges one run, by the agent's own word, and is not about places."""
    alone = requirement.runs is None and requirement.trust == "self-reported"
    return alone and requirement.quantity not in LEAST_TRUST and not requirement.quantity.endswith(PLACES)


def _is_welcome(limits: Limits) -> Callable[[Measurement], bool]:
    """Return what tells whether a name or a yes/no is neither refused nor remarked on."""
    names, none_of, warn_on = limits.one_of, (UNVERIFIED, *limits.none_of), limits.warn_on
    wanted = limits.equals if not warn_on else None

    def welcome(found: Measurement) -> bool:
        value = found.value
        if type(value) is bool:
            return value is wanted
        if type(value) is not str or limits.equals is not None:
            return False
        allowed = value in names if names else value not in none_of
        return allowed and value not in warn_on

    return welcome


def _is_within(limits: Limits, guarded: bool) -> Callable[[Measurement], bool]:
    """Return what tells whether a number keeps every limit, with its uncertainty where that counts, and is no bound."""
    least, most, low, high = (
        end if limit is None else limit
        for limit, end in (
            (limits.at_least, -math.inf), (limits.at_most, math.inf),
            (limits.warn_below, -math.inf), (limits.warn_above, math.inf),
        )
    )  # fmt: skip

    def within(found: Measurement) -> bool:
        value: Any = found.value
        if (type(value) is not float and type(value) is not int) or found.bound is not None:
            return False
        guard = found.uncertainty or 0.0 if guarded else 0.0
        return low <= value <= high and value - least >= guard and most - value >= guard

    return within


def _shown_number(found: Measurement) -> str:
    return with_uncertainty(cast(float, found.value), found.uncertainty or 0.0, found.quantity.unit)


def _of_its_targets(evidence: Evidence, policy: Policy) -> Mapping[str, Measurement]:
    """Return what was measured, without what was measured at another far end than the policy's target of that name."""
    measured = evidence.by_quantity
    elsewhere = {
        target.quantity
        for target in policy.targets
        if (found := measured.get(target.quantity)) is not None
        and not found.quantity.method.startswith(f"{target.address}: ")
    }
    return {name: one for name, one in measured.items() if name not in elsewhere} if elsewhere else measured


def _measured_at(evidence: Evidence, requirement: Requirement) -> datetime:
    """Return when the run began that measured a quantity; the check's own begin where none did."""
    return next(
        (
            run.started_at
            for run in evidence.runs
            if any(found.quantity.name == requirement.quantity for found in run.measurements)
        ),
        evidence.started_at,
    )


def _appraise_requirement(
    requirement: Requirement,
    measurement: Measurement | None,
    measured_at: datetime,
    *,
    guarded: bool,
    standing: Standing,
) -> Finding:
    trust = standing.trust
    if requirement.runs and trust != "contradicted":
        trust = "self-reported"
    at_fault: AtFault | None = None
    cause: Cause | None = None
    advice = requirement.advice
    if measurement is None:
        verdict, explanation = Verdict.INCONCLUSIVE, "not measured in this check"
        advice = "Run the whole check, with the newest homecheck."
    elif measurement.failure is not None:
        failure = measurement.failure
        verdict, explanation = Verdict.INCONCLUSIVE, f"could not be measured: {failure.message}"
        advice, at_fault = failure.advice or advice, failure.at_fault
    elif trust == "contradicted":
        verdict, advice = Verdict.INCONCLUSIVE, CONTRADICTED_ADVICE
        explanation = f"{_shown(measurement)}, but {standing.saw}: the two contradict each other"
    elif _RANK[trust] < _RANK[requirement.trust]:
        verdict = Verdict.INCONCLUSIVE
        explanation = f"{_shown(measurement)} is {trust}; this policy wants it {requirement.trust}"
        advice = UNFOUNDED_ADVICE
    elif _RANK[trust] < _RANK[LEAST_TRUST.get(requirement.quantity, TRUST[0])]:
        verdict = Verdict.INCONCLUSIVE
        explanation = f"{_shown(measurement)} is {trust}; it counts only when the hiring company's server confirms it"
        advice = UNCONFIRMED_ADVICE
    elif requirement.runs:
        levels = _counting(requirement.runs, requirement.limits, measurement, int(measured_at.timestamp()))
        if (missing := requirement.runs.at_least - len(levels)) > 0:
            verdict, explanation, advice = Verdict.INCONCLUSIVE, *_too_few(requirement, requirement.runs, missing)
        else:
            verdict, explanation = _judge_runs(requirement.limits, requirement.runs, measurement, levels, guarded)
    else:
        verdict, explanation = _judge(requirement.limits, measurement, guarded)
        cause = measurement.cause if verdict is not Verdict.PASS else None
        if cause is not None and cause.is_ours and verdict > Verdict.WARN:
            verdict, advice = Verdict.INCONCLUSIVE, OURS_ADVICE
    if standing.differs:
        verdict, explanation, advice = max(verdict, Verdict.WARN), f"{explanation}, but {standing.saw}", DIFFERS_ADVICE
    if requirement.severity == "advisory":
        verdict = min(verdict, Verdict.WARN)
    if verdict is Verdict.PASS:
        advice = ""
    return Finding(
        requirement.quantity,
        verdict,
        requirement.severity,
        explanation,
        advice,
        requirement.reason,
        at_fault,
        trust,
        cause,
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
    if limits.numeric:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return Verdict.INCONCLUSIVE, f"{_shown(measurement)} is not a number, the limit is one"
        guard = measurement.uncertainty or 0.0 if guarded else 0.0
        below = math.inf if measurement.bound == "at_most" else guard
        above = math.inf if measurement.bound == "at_least" else guard
        reading = _Reading(_shown(measurement), float(value), below, above)
        return _judge_number(limits, measurement.quantity.unit, reading, reading)
    return _judge_name(limits, measurement, cast(Value, value))


class _Reading(NamedTuple):
    """A number as it is shown and as it is judged: how far below and above it the true value may lie."""

    shown: str
    value: float
    below: float
    above: float


def _judge_number(limits: Limits, unit: str, low: _Reading, high: _Reading) -> tuple[Verdict, str]:
    """Hold `low` against the lower limits and `high` against the upper ones; of a single run they are the same."""
    least, most = limits.at_least, limits.at_most
    if least is not None and low.value - least < low.below:
        return _missed(low, f"at least {with_unit(least, unit)}", low.value - least, low.below, low.above)
    if most is not None and most - high.value < high.above:
        return _missed(high, f"at most {with_unit(most, unit)}", most - high.value, high.above, high.below)
    if limits.warn_below is not None and low.value < limits.warn_below:
        return Verdict.WARN, f"{low.shown}; {with_unit(limits.warn_below, unit)} or more is better"
    if limits.warn_above is not None and high.value > limits.warn_above:
        return Verdict.WARN, f"{high.shown}; {with_unit(limits.warn_above, unit)} or less is better"
    if low is high:
        return Verdict.PASS, low.shown
    lower, upper = (limits.at_least, limits.warn_below), (limits.at_most, limits.warn_above)
    judged = [reading for reading, ends in ((low, lower), (high, upper)) if ends != (None, None)]
    return Verdict.PASS, "; ".join(dict.fromkeys(reading.shown for reading in judged))


def _missed(reading: _Reading, needed: str, margin: float, towards: float, away: float) -> tuple[Verdict, str]:
    """Judge a number that does not plainly keep a limit; `margin` is how far it lies on the good side of it."""
    explanation = f"{reading.shown}; {needed} needed"
    if margin + away < 0:
        return Verdict.FAIL, explanation
    return Verdict.INCONCLUSIVE, f"{explanation}, and {_doubt(towards, away)}"


def _doubt(towards: float, away: float) -> str:
    """Return why a number on the wrong side of a limit, or near it, decides nothing."""
    if math.isinf(towards):
        return "it may be worse than that"
    return "it may be better than that" if math.isinf(away) else "the limit lies within the uncertainty"


def _counting(rule: SeveralRuns, limits: Limits, measurement: Measurement, now: int) -> list[Level]:
    """Return the levels of the runs that count: those of earlier runs, and the one of this check, made at `now`.

    One that misses a limit because of our own side does not count.
    """
    value, cause = measurement.value, measurement.cause
    if isinstance(value, bool) or not isinstance(value, int | float):
        return []
    spoilt = cause is not None and cause.is_ours and limits.missed_by(value)
    latest = () if spoilt else (Level(now, float(value), measurement.uncertainty or 0.0),)
    earlier = (level for level in measurement.earlier if level.at < now)
    return [level for level in (*earlier, *latest) if rule.counts(level.at, now)]


def _too_few(requirement: Requirement, rule: SeveralRuns, missing: int) -> tuple[str, str]:
    """Return explanation and advice where runs are missing."""
    part = requirement.quantity.partition(".")[0]
    occasions = "1 more occasion" if missing == 1 else f"{missing} more occasions"
    hours = f" within {', '.join(rule.hours.windows)} ({rule.hours.timezone})" if rule.hours else ""
    advice = f"Measure on {occasions}{hours}: homecheck check --only '{part}*' --no-upload. Then run the whole check."
    return f"{rule.at_least - missing} of {rule.at_least} runs in {rule.period}", advice


def _judge_runs(
    limits: Limits, rule: SeveralRuns, measurement: Measurement, levels: Sequence[Level], guarded: bool
) -> tuple[Verdict, str]:
    """Judge the figure that the rule names; its bad side is the one that the limit is on."""
    unit = measurement.quantity.unit

    def reading(found: Figure) -> _Reading:
        shown = with_uncertainty(found.value, max(found.below, found.above), unit)
        below, above = (found.below, found.above) if guarded else (0.0, 0.0)
        return _Reading(f"{rule.heading(found, len(levels))}: {shown}", found.value, below, above)

    low, high = (reading(figure(rule.statistic, levels, side)) for side in SIDES)
    return _judge_number(limits, unit, low, high)


def _judge_name(limits: Limits, measurement: Measurement, value: Value) -> tuple[Verdict, str]:
    shown = _shown(measurement)
    if limits.equals is not None and not _same(value, limits.equals):
        return Verdict.FAIL, f"{shown}; {_word(limits.equals)} needed"
    place = measurement.quantity.name.endswith(PLACES)
    if place and _only_the_country(limits, str(value)):
        return Verdict.INCONCLUSIVE, f"{shown}; which part of it is not known"
    among = _among_places if place else _among
    allowed = among(value, limits.one_of)
    if among(value, limits.none_of):
        return Verdict.FAIL, f"{shown}; not allowed here"
    if value == UNVERIFIED and not allowed:
        return Verdict.INCONCLUSIVE, "could not be proven either way"
    if limits.one_of and not allowed:
        return Verdict.FAIL, f"{shown}; {' or '.join(map(_word, limits.one_of))} needed"
    if among(value, limits.warn_on):
        return Verdict.WARN, f"{shown}; allowed, but something else is better"
    return Verdict.PASS, shown


def _among(value: Value, listed: tuple[Value, ...]) -> bool:
    return value in listed and any(_same(value, one) for one in listed)  # the first asks quickly, and true is 1 to it


def _among_places(place: Value, listed: tuple[Value, ...]) -> bool:
    return any(inside(str(place), str(wider)) for wider in listed)


def _only_the_country(limits: Limits, place: str) -> bool:
    """Tell whether the limits speak of a part of the country `place`, and do not settle it as a whole."""
    listed = [str(one) for one in (*limits.one_of, *limits.none_of, *limits.warn_on)]
    return place not in listed and any(one != place and inside(one, place) for one in listed)


def _same(value: Value, other: Value) -> bool:
    """Compare as JSON does: true is not 1."""
    return isinstance(value, bool) == isinstance(other, bool) and value == other


def _shown(measurement: Measurement) -> str:
    value, unit = measurement.value, measurement.quantity.unit
    if measurement.quantity.kind is not Kind.NUMBER or isinstance(value, str | bool) or value is None:
        return _word(cast(Value, value))
    return with_uncertainty(value, measurement.uncertainty or 0.0, unit, measurement.bound)


def _word(value: Value) -> str:
    return _yes_no(value) if isinstance(value, bool) else str(value)


def _yes_no(answer: bool) -> str:
    return "yes" if answer else "no"
