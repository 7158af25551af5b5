"""The result as one page that needs nothing else: no script, no request, light and dark."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from homecheck.appraisal import AttestationResult
from homecheck.evidence import Evidence
from homecheck.report.text import shown
from homecheck.report.to_do import finding_words, to_do
from homecheck.report.words import FAULT_WORDS, HEADLINES, SYMBOLS, VERDICT_WORDS, finding_label, label
from homecheck.standards.rfc_3339 import to_text


def result_page(evidence: Evidence, result: AttestationResult, policy_title: str) -> str:
    """Return the page. Everything that came from outside is escaped."""
    environment = Environment(
        loader=PackageLoader("homecheck.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"label": label, "shown": shown, "finding_label": finding_label, "time": to_text}
    environment.filters["finding_words"] = finding_words
    return environment.get_template("result.html").render(
        evidence=evidence,
        result=result,
        title=policy_title or result.policy_name,
        headline=HEADLINES[result.verdict],
        symbols=SYMBOLS,
        words=VERDICT_WORDS,
        faults=FAULT_WORDS,
        to_do=to_do(result),
    )
