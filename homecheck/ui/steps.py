"""The steps of the guided check: which probes belong to which, and which of them a policy needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from homecheck.measurement import Probe
from homecheck.policy import Policy
from homecheck.remedy import is_needed_for


@dataclass(frozen=True)
class Step:
    """One page of the guide that measures: its name in addresses and its probes, by name."""

    name: str
    probes: tuple[str, ...]


COMPUTER: Final = Step("computer", ("host", "security"))
CONNECTION: Final = Step("connection", ("link", "path", "network", "nat", "reach"))
HEADSET: Final = Step("headset", ("headset",))
ROOM: Final = Step("room", ("quiet_room",))
TELEPHONE: Final = Step("telephone", ("landline", "callback"))
PLACE: Final = Step("place", ("place",))
MEASURING: Final = (COMPUTER, CONNECTION, HEADSET, ROOM, TELEPHONE, PLACE)
BY_NAME: Final = {step.name: step for step in MEASURING}
QUESTIONS: Final = "questions"

_PREFIXES: Final = {
    "host": COMPUTER,
    "security": COMPUTER,
    "link": CONNECTION,
    "network": CONNECTION,
    "reach": CONNECTION,
    "headset": HEADSET,
    "room": ROOM,
    "landline": TELEPHONE,
    "place": PLACE,
}


def step_of(quantity: str) -> str:
    """Return the name of the step that measures a quantity, or asks for a declaration."""
    prefix = quantity.partition(".")[0]
    if prefix == "declaration":
        return QUESTIONS
    return _PREFIXES.get(prefix, COMPUTER).name  # strangers' probes run with those of this computer


def step_with(probe: str) -> Step:
    """Return the step of a probe, by its name; strangers' belong to this computer."""
    return next((step for step in MEASURING if probe in step.probes), COMPUTER)


def probes_of(step: Step, installed: Iterable[Probe], asked: frozenset[str]) -> list[Probe]:
    """Return the probes of a step that measure what is asked for or tells what mends it; strangers' run with the first.

    What nobody asks for stays here: it is neither shown as found nor sent.
    """
    known = {name for other in MEASURING for name in other.probes}
    return [
        probe
        for probe in installed
        if (probe.name in step.probes or (step is COMPUTER and probe.name not in known))
        and (any(found.name in asked for found in probe.quantities) or is_needed_for(probe.name, asked))
    ]


def asked_of(policies: Sequence[Policy]) -> frozenset[str]:
    """Return every quantity that one of the policies asks for."""
    return frozenset(name for policy in policies for name in policy.quantities())


def steps_for(policies: Sequence[Policy]) -> tuple[str, ...]:
    """Return the names of the steps that these policies need, in order; questions come last."""
    asked = asked_of(policies)
    needed = {step_of(name) for name in asked}
    measuring = [step.name for step in MEASURING if step.name in needed]
    questions = [QUESTIONS] if any(policy.declarations for policy in policies) else []
    return (*measuring, *questions)
