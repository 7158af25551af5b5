"""What to do next: the findings that did not pass, worst first, with those of one cause told as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from homecheck.appraisal import NOT_MEASURED, AttestationResult, Finding, Verdict
from homecheck.evidence import Evidence
from homecheck.locale import ENGLISH, N_, Translator
from homecheck.policy import Policy
from homecheck.remedy import remedy
from homecheck.report.words import VERDICT_WORDS, cause_advice, finding_label, found_words, where_it_lies

NOT_CHECKED: Final = N_("could not be checked")
NOT_MEASURED_YET: Final = N_("not measured yet")


@dataclass(frozen=True)
class ToDo:
    """One thing to do: what for, what was found, where it lies, what helps, and why it is asked.

    `in_general` is the policy's advice where `advice` fits the cause that was found.
    """

    verdict: Verdict
    labels: tuple[str, ...]
    found: str
    where: str
    advice: str
    in_general: str
    reason: str


def to_do(
    result: AttestationResult,
    evidence: Evidence | None = None,
    say: Translator = ENGLISH,
    policy: Policy | None = None,
) -> list[ToDo]:
    """Return what to do, worst verdict first, in the order of the policy.

    With the evidence, what helps is chosen by its other values too (`homecheck.remedy`): a cable where it was Wi-Fi.
    With the policy, its questions are in the reader's language where it has them in it.
    """
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in result.findings:
        if finding.verdict is not Verdict.PASS:
            advice = fitting(finding, evidence), finding.advice
            cause = (finding.verdict, finding.explanation, finding.at_fault, advice, finding.cause)
            groups.setdefault(cause, []).append(finding)
    made = (_of(findings, evidence, say, policy) for findings in groups.values())
    return sorted(made, key=lambda item: -item.verdict)


def finding_words(finding: Finding, say: Translator = ENGLISH) -> str:
    """Return the verdict as people read it; what was not measured has neither passed nor not."""
    if finding.explanation == NOT_MEASURED:
        return say(NOT_MEASURED_YET)
    return say(NOT_CHECKED if finding.at_fault else VERDICT_WORDS[finding.verdict])


def fitting(finding: Finding, evidence: Evidence | None) -> str:
    """Return what helps by the cause or by what else was measured; empty where the policy alone advises."""
    by_cause = cause_advice(finding)
    found = remedy(finding, evidence) if evidence is not None and not by_cause else None
    if found is None or found.ours or finding.at_fault is not None or found.change == finding.advice:
        return by_cause
    return found.change


def _of(findings: list[Finding], evidence: Evidence | None, say: Translator, policy: Policy | None) -> ToDo:
    first = findings[0]
    helps = say.say(fitting(first, evidence))
    # An employer's own advice is a whole message of ours, or stays as it is; that of a failure may hold values.
    advice = say.say(first.advice) if first.at_fault else say(first.advice)
    found = found_words(first, policy, say)
    return ToDo(
        first.verdict,
        tuple(dict.fromkeys(say.say(finding_label(finding)) for finding in findings)),
        found if first.at_fault else f"{finding_words(first, say)}: {found}",
        where_it_lies(first, say),
        helps or advice,
        advice if helps else "",
        # Why a limit is there matters when it was missed, not when nothing could be measured.
        "" if first.at_fault or len(findings) > 1 else say(first.reason),
    )
