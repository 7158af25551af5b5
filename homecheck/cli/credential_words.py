"""A credential in words: for its holder, who chooses from it, and for whoever is shown a part of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from homecheck.appraisal import Finding, Verdict
from homecheck.credential import DETAILS, Credential, Presented
from homecheck.fingerprint import words
from homecheck.locale import ENGLISH, Translator
from homecheck.locale.here import N_, _, here
from homecheck.policy import PRESETS, load_policy
from homecheck.standards.rfc_3339 import to_text

Line = tuple[str, str]
IS_IT_YOU: Final = N_("make sure that this is you: --for")
IS_IT_YOURS: Final = N_("make sure that you gave it to them: --nonce")
TITLES: Final = {
    "name": N_("Name"), "program": N_("Program"), "policy": N_("By policy"), "received_at": N_("Received"),
    "freshness": N_("Freshness"), "evidence": N_("Evidence"), "region": N_("Region"),
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
    content, binding, say = presented.credential, presented.binding, here()
    verdict = say.say(content.verdict.word)
    yield _("Shown to"), binding.audience + ("" if audience_checked else f" ({_(IS_IT_YOU)})")
    yield _("Shown at"), _("{time} by the holder's clock", time=to_text(binding.made_at))
    yield _("Nonce"), binding.nonce + ("" if nonce_checked else f" ({_(IS_IT_YOURS)})")
    named = {"words": words(content.holder.kid), "key": content.holder.kid}
    yield _("Holder"), _("{words} (key {key}), with which this was signed", **named)
    named = {"time": to_text(content.issued_at), "end": to_text(content.expires_at)}
    yield _("Issued"), _("{time}, valid until {end}", **named)
    yield _("Policy"), f"{content.policy_digest}{_preset(content.policy_digest)}"
    yield _("Verdict"), _("{verdict}: the worst of ALL findings, shown or not", verdict=verdict)
    for name in DETAILS:
        if name not in content.withheld:
            yield _(TITLES[name]), detail_text(content, name)
    worst_first = sorted(content.findings, key=lambda name: (-content.findings[name].verdict, name))
    for name, text in claim_lines(content, worst_first, say):
        yield _("Finding"), f"{name}: {text}"
    yield from _hidden_lines(content)


def _hidden_lines(content: Credential) -> Iterator[Line]:
    """Yield what is not shown, loudly where that is something bad."""
    verdict = here().say(content.verdict.word)
    if content.withheld:
        yield _("NOT SHOWN"), ", ".join(content.withheld).replace("region", _("region (if there is one)"))
    text = N_("{count} findings at most; none of them is worse than {verdict}")
    yield _("NOT SHOWN"), _(text, count=content.hidden, verdict=verdict)
    worst = content.worst_shown
    if content.verdict > Verdict.PASS and (worst is None or worst < content.verdict):
        text = N_("the verdict is {verdict}, and what brought it about is NOT SHOWN")
        yield _("ATTENTION"), _(text, verdict=verdict)
    for text, is_shown in (
        (N_("whose home this is is NOT SHOWN"), content.name),
        (N_("by which policy it was judged is NOT SHOWN"), content.policy or _preset(content.policy_digest)),
        (N_("when it was received is NOT SHOWN"), content.received_at),
        (N_("how fresh it was then is NOT SHOWN"), content.freshness),
    ):
        if not is_shown:
            yield _("ATTENTION"), _(text)


def _preset(digest: str) -> str:
    """Return in words which of our own policies a digest names; empty for others."""
    for name in PRESETS:
        policy = load_policy(name)
        if policy.digest == digest:
            named = {"name": policy.name, "version": policy.version}
            return f" ({_('{name} version {version}, which comes with homecheck', **named)})"
    return ""
