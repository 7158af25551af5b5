"""The result as one page that needs nothing else: no script, no request, light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from jinja2 import Environment, PackageLoader, StrictUndefined

from homecheck.appraisal import AttestationResult, Finding
from homecheck.evidence import Evidence
from homecheck.locale import ENGLISH, SOURCE, Translator
from homecheck.policy import Policy
from homecheck.report.languages import own_words, tag_of
from homecheck.report.text import earlier_shown, judged_by, shown, spent_shown
from homecheck.report.to_do import finding_words, to_do
from homecheck.report.words import HEADLINES, SYMBOLS, VERDICT_WORDS, finding_label, found_words, label, meaning
from homecheck.standards.rfc_3339 import to_text


@dataclass(frozen=True)
class PagePart:
    """What one program sees of a check. `preview`: judged on this computer, not by the collector."""

    evidence: Evidence
    result: AttestationResult
    title: str
    preview: bool = True
    policy: Policy | None = None


def result_page(evidence: Evidence, result: AttestationResult, policy_title: str, *, preview: bool = True) -> str:
    """Return the page of one program. Everything that came from outside is escaped."""
    return results_page([PagePart(evidence, result, policy_title, preview)])


def results_page(parts: Sequence[PagePart], say: Translator = ENGLISH) -> str:
    """Return one page for all programs of a check, in their order; its title is the worst verdict."""
    environment = Environment(
        loader=PackageLoader("homecheck.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"label": label, "shown": shown, "finding_label": finding_label, "said": say.say}
    environment.filters |= {"finding_words": partial(finding_words, say=say), "found_words": partial(_found_words, say)}
    environment.filters |= {"earlier_shown": partial(earlier_shown, say=say), "meaning": meaning}
    environment.filters["time"] = to_text if say.language == SOURCE else say.time
    environment.filters |= {"spent_shown": partial(spent_shown, say=say)}
    environment.globals |= {"_": say, "language": say.language, "to_do": to_do, "say": say, "judged_by": judged_by}
    environment.globals |= {"own_words": own_words, "tag_of": tag_of}
    return environment.get_template("result.html").render(
        parts=parts,
        worst=max(part.result.verdict for part in parts),
        headlines=HEADLINES,
        symbols=SYMBOLS,
        words=VERDICT_WORDS,
    )


def _found_words(say: Translator, finding: Finding, policy: Policy | None) -> str:
    return found_words(finding, policy, say)
