"""In which language a company wrote what it wrote itself, where that is not the reader's."""

from __future__ import annotations

from typing import Final

from homecheck.locale import N_, SOURCE, Translator
from homecheck.policy import Policy

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
    """Return that a policy's reasons and advice stand as the company wrote them, and in which language if it says so.

    Empty where all of them are in the reader's language, or where we know them all.
    """
    written = {written_in(text, policy, say) for text in _texts(policy)} - {None}
    if not written:
        return ""
    if not policy.language:
        return say("What the company wrote itself (reasons and advice) is shown in the company's own words.")
    name = say(WRITTEN_IN.get(_primary(policy.language), policy.language))
    return say("What the company wrote itself (reasons and advice) is in {language}.", language=name)


def written_in(text: str, policy: Policy, say: Translator) -> str | None:
    """Return the language of a policy's own text where it is not the reader's, "" for one that nobody tells.

    None where the text is shown in the reader's language. A policy that names no language is taken to be English by
    who reads English: the examples are.
    """
    if not text or say.knows(text) or is_in(policy.language, say):
        return None
    return policy.language if policy.language or say.language != SOURCE else None


def tag_of(text: str, policy: Policy | None, say: Translator) -> str:
    """Return the tag of a shown text that may be a policy's own or ours; empty where there is none to be given."""
    if policy is None or text not in _texts(policy):
        return ""
    return written_in(text, policy, say) or ""


def is_in(language: str, say: Translator) -> bool:
    """Tell whether a language is that of the reader, whichever variety of it."""
    return _primary(language) == say.language


def _texts(policy: Policy) -> set[str]:
    texts = {text for one in policy.requirements for text in (one.reason, one.advice)}
    return texts | {one.reason for one in policy.declarations}


def _primary(language: str) -> str:
    return language.partition("-")[0]
