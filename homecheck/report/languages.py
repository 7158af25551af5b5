"""In which language a company wrote what it wrote itself, where that is not the reader's."""

from __future__ import annotations

from typing import Final

from homecheck.locale import N_, SOURCE, Translator
from homecheck.policy import Policy, Question, Requirement

# Of others the code is shown.
WRITTEN_IN: Final = {
    "en": N_("English"),
    "sv": N_("Swedish"),
    "es": N_("Spanish"),
    "da": N_("Danish"),
    "de": N_("German"),
    "fi": N_("Finnish"),
    "fil": N_("Filipino"),
    "fr": N_("French"),
    "hi": N_("Hindi"),
    "it": N_("Italian"),
    "nb": N_("Norwegian"),
    "nl": N_("Dutch"),
    "no": N_("Norwegian"),
    "pl": N_("Polish"),
    "pt": N_("Portuguese"),
    "ro": N_("Romanian"),
}


def own_words(policy: Policy, say: Translator) -> str:
    """Return that a policy's reasons and advice stand as the company wrote them; empty where the reader has them.

    In which language that is stands in the policy, or nowhere.
    """
    texts = (text for one in policy.requirements for text in (one.reason, one.advice) if text)
    if is_in(policy.language or SOURCE, say) or all(map(say.knows, texts)):
        return ""
    if not policy.language:
        return say("What the company wrote itself (reasons and advice) is shown in the company's own words.")
    text = N_("What the company wrote itself (reasons and advice) is in another language: {language}.")
    return say.fill(text, language=say(WRITTEN_IN.get(_primary(policy.language), policy.language)))


def written_in(text: str, policy: Policy | None, say: Translator) -> str:
    """Return the tag of the language of a reason or an advice; empty where it is the reader's, or nobody says which."""
    if policy is None or is_in(policy.language, say):
        return ""
    parts: tuple[Requirement | Question, ...] = (*policy.requirements, *policy.declarations)
    return policy.language if any(text in _texts(one) for one in parts) else ""


def is_in(language: str, say: Translator) -> bool:
    """Tell whether a language is that of the reader, whichever variety of it."""
    return _primary(language) == say.language


def _texts(one: Requirement | Question) -> tuple[str, ...]:
    return (one.reason, one.advice) if isinstance(one, Requirement) else (one.reason,)


def _primary(language: str) -> str:
    return language.partition("-")[0]
