"""What to do next: the findings that did not pass, worst first, with those of one cause told as one."""

from __future__ import annotations

from dataclasses import dataclass

from homecheck.appraisal import AttestationResult, Finding, Verdict
from homecheck.errors import AtFault
from homecheck.report.words import VERDICT_WORDS, finding_label


@dataclass(frozen=True)
class ToDo:
    """One thing to do: what for, what was found, where the cause lies, what helps, and why it is asked."""

    verdict: Verdict
    labels: tuple[str, ...]
    found: str
    at_fault: AtFault | None
    advice: str
    reason: str


def to_do(result: AttestationResult) -> list[ToDo]:
    """Return what to do, worst verdict first, in the order of the policy."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in result.findings:
        if finding.verdict is not Verdict.PASS:
            cause = (finding.verdict, finding.explanation, finding.at_fault, finding.advice)
            groups.setdefault(cause, []).append(finding)
    return sorted((_of(findings) for findings in groups.values()), key=lambda item: -item.verdict)


def finding_words(finding: Finding) -> str:
    """Return the verdict as people read it; what could not be measured has neither passed nor not."""
    return "could not be checked" if finding.at_fault else VERDICT_WORDS[finding.verdict]


def _of(findings: list[Finding]) -> ToDo:
    first = findings[0]
    return ToDo(
        first.verdict,
        tuple(dict.fromkeys(finding_label(finding) for finding in findings)),
        first.explanation if first.at_fault else f"{finding_words(first)}: {first.explanation}",
        first.at_fault,
        first.advice,
        # Why a limit is there matters when it was missed, not when nothing could be measured.
        "" if first.at_fault or len(findings) > 1 else first.reason,
    )
