"""The result as the guide shows it: what to change, worst first, and whose doing it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from homecheck.appraisal import Finding, Verdict
from homecheck.locale import Translator
from homecheck.measurement import Measurement
from homecheck.policy import Policy, Question
from homecheck.remedy import remedy
from homecheck.report.languages import written_in
from homecheck.report.text import shown
from homecheck.report.to_do import finding_words
from homecheck.report.words import (
    FAULT_WORDS,
    SYMBOLS,
    fault_words,
    finding_label,
    found_words,
    label,
    meaning,
)
from homecheck.shares import Judged
from homecheck.ui.steps import step_of


@dataclass(frozen=True)
class Told:
    """A text that a policy may have brought, and its language where that is not the reader's ("": nobody says)."""

    text: str
    language: str | None = None

    @classmethod
    def of(cls, text: str, policy: Policy, say: Translator) -> Told:
        """Return it as the reader gets it. A company's own words are ours as a whole, or stay as they are."""
        return cls(say(text), written_in(text, policy, say))


@dataclass(frozen=True)
class Change:
    """One thing to change: what for, what was found, whose doing it is, and the step that tries again.

    `question` is the one that was answered, and `in_general` the policy's advice where `change` fits what was found.
    """

    verdict: str
    symbol: str
    word: str
    labels: tuple[str, ...]
    found: str
    question: Told
    where: str
    change: Told
    in_general: Told
    ours: bool
    reason: Told
    step: str


def changes(judged: Judged, say: Translator) -> list[Change]:
    """Return what to change, worst first; findings with one cause and one remedy are told as one."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in judged.final.findings:
        if finding.verdict is not Verdict.PASS:
            mended = remedy(finding, judged.measured)
            step = step_of(finding.quantity)  # each has one button
            key = (finding.verdict, finding.explanation, finding.at_fault, finding.cause, mended, step)
            groups.setdefault(key, []).append(finding)
    made = [_change(found, judged, say) for found in groups.values()]
    return [change for _, change in sorted(made, key=lambda pair: -pair[0])]


def _change(findings: list[Finding], judged: Judged, say: Translator) -> tuple[Verdict, Change]:
    first = findings[0]
    mended, policy = remedy(first, judged.measured), judged.policy
    own = mended is not None and mended.change == first.advice and not first.at_fault
    change = say.say(mended.change) if mended else ""
    found, question = answered(first, policy, say)
    labels = tuple(dict.fromkeys(say.say(finding_label(finding)) for finding in findings))
    return first.verdict, Change(
        first.verdict.word,
        SYMBOLS[first.verdict],
        finding_words(first, say),
        labels,
        found,
        question,
        where(first, say),
        Told.of(first.advice, policy, say) if own else Told(change),
        Told("") if own or not _is_the_policys(first, policy) else Told.of(first.advice, policy, say),
        mended is not None and mended.ours,
        Told.of(first.reason, policy, say) if len(findings) == 1 and not first.at_fault else Told(""),
        step_of(first.quantity),
    )


def _is_the_policys(finding: Finding, policy: Policy) -> bool:
    """Tell whether the advice of a finding is the company's own: that of a failure or a missing part is ours."""
    return any((one.quantity, one.advice) == (finding.quantity, finding.advice) for one in policy.requirements)


def answered(finding: Finding, policy: Policy, say: Translator) -> tuple[str, Told]:
    """Return what was found, and beside it the question that was answered, in the best language there is."""
    text = found_words(finding, policy, say)
    asked = next((one for one in policy.declarations if finding.quantity == f"declaration.{one.id}"), None)
    if asked is None:
        return text, Told("")
    wording, language = worded(asked, say)
    question = Told(wording, None if language == say.language else language)
    return text.removesuffix(f": {wording}"), question


def worded(question: Question, say: Translator) -> tuple[str, str]:
    """Return a question in the best language that there is, and which one that is."""
    text, language = question.best(say.language)
    if language != say.language and (ours := say(text)) != text:  # a preset's, which our catalogue knows
        return ours, say.language
    return text, language


def where(finding: Finding, say: Translator) -> str:
    """Return whose doing it is, as far as that is known."""
    if finding.at_fault is not None:
        return say.say(fault_words(finding.quantity, finding.at_fault))
    if finding.cause is None:
        return ""
    side = say.say(FAULT_WORDS[finding.cause.at_fault]) if finding.cause.at_fault else ""
    return ": ".join(filter(None, (side, say.say(finding.cause.sentence))))


@dataclass(frozen=True)
class Row:
    """One measured value: what it is called, the value, what that means, and where it comes from.

    `advice` says what to do where there is no value.
    """

    label: str
    value: str
    meaning: str
    cause: str
    advice: str


def together(found: Iterable[Row]) -> list[Row]:
    """Return rows of one failure and one advice as one: a headset that is gone lacks many values, for one reason."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in found:
        groups.setdefault((row.value, row.advice) if row.advice else (row.label,), []).append(row)
    return [alike[0] if len(alike) == 1 else _one(alike) for alike in groups.values()]


def _one(alike: list[Row]) -> Row:
    """Return one row for several that could not be measured, for the same reason."""
    return replace(alike[0], label=", ".join(row.label for row in alike), meaning="")


def rows(measurements: tuple[Measurement, ...], say: Translator) -> Iterator[Row]:
    """Yield measured values as people read them."""
    for one in measurements:
        name = one.quantity.name
        cause = say.say(one.cause.sentence) if one.cause else ""
        advice = say.say(one.failure.advice) if one.failure else ""
        yield Row(say.say(label(name)), say.say(shown(one)), say.say(meaning(name)), cause, advice)
