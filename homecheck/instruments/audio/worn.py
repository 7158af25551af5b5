"""Whether a sound device is worn on the head: what the system, its USB descriptors and its name say about that.

What speaks against it goes first: a webcam may well have "headset" somewhere, a headset has no camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from homecheck.instruments.audio.endpoint import Facts
from homecheck.instruments.audio.knowledge import Knowledge, Origin
from homecheck.instruments.audio.usb_terminals import HANDSET, SPEAKERPHONES, STANDING, TELEPHONES, WORN, named

_FORMS_WORN: Final = frozenset({"headset", "headphone", "headphones", "hands-free", "earbuds"})
_FORMS_NOT_WORN: Final = frozenset(
    {"webcam", "internal", "handset", "phone", "tv", "computer", "portable", "car", "hifi"}
)
_FORMS_OF_ONE_END: Final = frozenset({"microphone", "speaker", "speakers"})  # so a headset's two ends are called too


@dataclass(frozen=True)
class Worn:
    """Yes, no or not to be told; why; and whose list said so, if it was a list."""

    value: bool | None
    reason: str
    origin: Origin | None = None


def worn(facts: Facts, knowledge: Knowledge) -> Worn:
    """Return what speaks for and against something that is worn on the head, the strongest first."""
    return (
        _by_descriptors(facts)
        or _by_form(facts)
        or _by_name(facts, knowledge)
        or _by_ends(facts)
        or Worn(None, "nothing tells whether it is worn on the head")
    )


def _by_descriptors(facts: Facts) -> Worn | None:
    """What can only be no headset, by USB's own classes."""
    if facts.camera:
        return Worn(False, "the same USB device has a camera")
    if called := named(facts.terminals, {**TELEPHONES, HANDSET: "handset", **SPEAKERPHONES}):
        return Worn(False, f"its USB descriptors call it {called}")
    return None


def _by_form(facts: Facts) -> Worn | None:
    form = facts.form_factor.lower()
    return Worn(False, f"the system calls it {form}") if form in _FORMS_NOT_WORN else None


def _by_name(facts: Facts, knowledge: Knowledge) -> Worn | None:
    form = facts.form_factor.lower()
    if found := knowledge.word("not_a_headset", facts.model):
        return Worn(False, f"its name says {found.words!r}", found.origin)
    if form in _FORMS_WORN:
        return Worn(True, f"the system calls it {form}")
    if called := named(facts.terminals, WORN):
        return Worn(True, f"its USB descriptors call it {called}")
    if found := knowledge.word("dock_or_adapter", facts.model):
        return Worn(None, f"its name says {found.words!r}: what is plugged into its jack cannot be seen", found.origin)
    if found := knowledge.word("headset", facts.model):
        return Worn(True, f"its name says {found.words!r}", found.origin)
    return None


def _by_ends(facts: Facts) -> Worn | None:
    """A headset has two ends. One end alone, or one that stands on a desk, is none."""
    if called := named(facts.terminals, STANDING):
        return Worn(False, f"its USB descriptors call it {called}")
    if facts.bus == "usb" and facts.earpiece is False and facts.is_input:
        return Worn(False, "it is a microphone alone: the same device has no earpiece")
    if facts.earpiece is None and facts.form_factor.lower() in _FORMS_OF_ONE_END:
        return Worn(False, f"the system calls it {facts.form_factor.lower()}")
    return None
