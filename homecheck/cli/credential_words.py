"""A credential in words: for its holder, who chooses from it, and for whoever is shown a part of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from homecheck.appraisal import Finding, Verdict
from homecheck.credential import DETAILS, Credential, Presented
from homecheck.fingerprint import words
from homecheck.locale import ENGLISH, Translator
from homecheck.policy import PRESETS, load_policy
from homecheck.standards.rfc_3339 import to_text

Line = tuple[str, str]
TITLES: Final = {
    "name": "Name", "program": "Program", "policy": "By policy", "received_at": "Received", "freshness": "Freshness",
    "evidence": "Evidence", "region": "Region",
}  # fmt: skip


def visible_lines(content: Credential, say: Translator) -> Iterator[Line]:
    """Yield what everybody sees who is shown any of it."""
    yield say("vouched for by"), content.issuer
    yield say("issued"), to_text(content.issued_at)
    yield say("valid until"), to_text(content.expires_at)
    worst = say.fill("{verdict} (the worst of everything that was checked)", verdict=say.say(content.verdict.word))
    yield say("verdict"), worst
    yield say("policy digest"), content.policy_digest
    yield say("your key"), words(content.holder.kid)


def claim_lines(content: Credential, names: Iterable[str], say: Translator = ENGLISH) -> Iterator[Line]:
    """Yield those claims that are called `names`, each by the name that chooses it."""
    for name in names:
        finding = content.findings.get(name)
        yield name, finding_text(finding, say) if finding else detail_text(content, name)


def finding_text(finding: Finding, say: Translator = ENGLISH) -> str:
    """Return a finding in words, with how well it is founded."""
    verdict, found = say.say(finding.verdict.word), say.say(finding.explanation)
    return f"{verdict}: {found} ({say.say(finding.severity)}, {say.say(str(finding.trust))})"


def detail_text(content: Credential, name: str) -> str:
    """Return a detail that is shown, in words."""
    value = getattr(content, name)
    if isinstance(value, datetime):
        return to_text(value)
    return ", ".join(f"{text} ({quantity})" for quantity, text in value.items()) if name == "region" else str(value)


def presented_lines(presented: Presented, *, audience_checked: bool, nonce_checked: bool) -> Iterator[Line]:
    """Yield what is shown, by whom and to whom, and then what is not."""
    content, said = presented.credential, presented.binding
    yield "Shown to", said.audience + ("" if audience_checked else " (make sure that this is you: --for)")
    yield "Shown at", f"{to_text(said.made_at)} by the holder's clock"
    yield "Nonce", said.nonce + ("" if nonce_checked else " (make sure that you gave it to them: --nonce)")
    yield "Holder", f"{words(content.holder.kid)} (key {content.holder.kid}), with which this was signed"
    yield "Issued", f"{to_text(content.issued_at)}, valid until {to_text(content.expires_at)}"
    yield "Policy", f"{content.policy_digest}{_preset(content.policy_digest)}"
    yield "Verdict", f"{content.verdict.word}: the worst of ALL findings, shown or not"
    for name in DETAILS:
        if name not in content.withheld:
            yield TITLES[name], detail_text(content, name)
    worst_first = sorted(content.findings, key=lambda name: (-content.findings[name].verdict, name))
    for name, text in claim_lines(content, worst_first):
        yield "Finding", f"{name}: {text}"
    yield from _hidden_lines(content)


def _hidden_lines(content: Credential) -> Iterator[Line]:
    """Yield what is not shown, loudly where that is something bad."""
    if content.withheld:
        yield "NOT SHOWN", ", ".join(content.withheld).replace("region", "region (if there is one)")
    yield "NOT SHOWN", f"{content.hidden} findings at most; none of them is worse than {content.verdict.word}"
    worst = content.worst_shown
    if content.verdict > Verdict.PASS and (worst is None or worst < content.verdict):
        yield "ATTENTION", f"the verdict is {content.verdict.word}, and what brought it about is NOT SHOWN"
    for what, is_shown in (
        ("whose home this is", content.name),
        ("by which policy it was judged", content.policy or _preset(content.policy_digest)),
        ("when it was received", content.received_at),
        ("how fresh it was then", content.freshness),
    ):
        if not is_shown:
            yield "ATTENTION", f"{what} is NOT SHOWN"


def _preset(digest: str) -> str:
    """Return in words which of our own policies a digest names; empty for others."""
    for name in PRESETS:
        policy = load_policy(name)
        if policy.digest == digest:
            return f" ({policy.name} version {policy.version}, which comes with homecheck)"
    return ""
