"""The result as one page that needs nothing else: no script, no request, light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from homecheck.appraisal import AttestationResult
from homecheck.evidence import Evidence
from homecheck.report.text import shown
from homecheck.report.to_do import finding_words, to_do
from homecheck.report.words import FAULT_WORDS, HEADLINES, SYMBOLS, VERDICT_WORDS, finding_label, label
from homecheck.standards.rfc_3339 import to_text


@dataclass(frozen=True)
class PagePart:
    """What one program sees of a check. `preview`: judged on this computer, not by the collector."""

    evidence: Evidence
    result: AttestationResult
    title: str
    preview: bool = True


def result_page(evidence: Evidence, result: AttestationResult, policy_title: str, *, preview: bool = True) -> str:
    """Return the page of one program. Everything that came from outside is escaped."""
    return results_page([PagePart(evidence, result, policy_title, preview)])


def results_page(parts: Sequence[PagePart]) -> str:
    """Return one page for all programs of a check, in their order; its title is the worst verdict."""
    environment = Environment(
        loader=PackageLoader("homecheck.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"label": label, "shown": shown, "finding_label": finding_label, "time": to_text}
    environment.filters |= {"finding_words": finding_words, "to_do": to_do}
    return environment.get_template("result.html").render(
        parts=parts,
        worst=max(part.result.verdict for part in parts),
        headlines=HEADLINES,
        symbols=SYMBOLS,
        words=VERDICT_WORDS,
        faults=FAULT_WORDS,
    )
