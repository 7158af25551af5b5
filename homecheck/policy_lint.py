"""What is wrong with a policy beyond its form, and what is allowed and yet worth a thought.

The form itself is checked where a policy is read (`homecheck.policy`). Who calls says which quantities there are:
at the command line those of the installed probes, in a collector, which has no probes, those that have a label.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from homecheck.appraisal import PLACES
from homecheck.errors import PolicyError
from homecheck.locale import LANGUAGES, SOURCE
from homecheck.measurement import SIP_PORT, Kind, Quantity
from homecheck.policy import Limits, Policy, Question
from homecheck.report.languages import WRITTEN_IN
from homecheck.report.limits import UNITS, written
from homecheck.report.words import LABELS
from homecheck.standards import iso_3166, rfc_6890

TARGET_NAME: Final = re.compile(r"[\w-]+")
USUAL_UDP: Final = (SIP_PORT, 3478)
LABELLED: Final[Mapping[str, Quantity]] = {name: Quantity(name, unit, "") for name, unit in UNITS.items()}


def refuse_mistakes(found: Policy, measured: Mapping[str, Quantity], where: str) -> None:
    """Raise PolicyError for the first mistake; `measured` are the quantities whose kind is known."""
    refuse_unknown_quantities(found, measured, where)
    refuse_unlike_kinds(found, {**measured, **reached(found)}, where)
    refuse_odd_targets(found, where)
    refuse_unknown_regions(found, where)


def refuse_unknown_quantities(found: Policy, measured: Iterable[str], where: str) -> None:
    """Raise PolicyError for a quantity that does not exist; it names the one that was probably meant."""
    known = {*measured, *LABELS, *(f"declaration.{question.id}" for question in found.declarations)}
    known |= {target.quantity for target in found.targets}
    for requirement in found.requirements:
        if requirement.quantity not in known:
            near = get_close_matches(requirement.quantity, sorted(known), n=1)
            advice = f"Did you mean {near[0]}?" if near else "See: homecheck probes"
            raise PolicyError(f"{where}: {requirement.quantity}: there is no such quantity", advice)


def refuse_unlike_kinds(found: Policy, measured: Mapping[str, Quantity], where: str) -> None:
    """Raise PolicyError for a limit that no value of its quantity can ever meet, such as a number for a text."""
    for requirement in found.requirements:
        quantity = measured.get(requirement.quantity)
        if quantity and (wrong := _unlike(requirement.limits, quantity.kind)):
            raise PolicyError(
                f"{where}: {quantity.name}: {wrong}", f"Its values are of the kind {quantity.kind.value}."
            )


def reached(found: Policy) -> dict[str, Quantity]:
    """Return the quantities of the policy's own targets."""
    return {target.quantity: Quantity.yes_no(target.quantity, "") for target in found.targets}


def refuse_odd_targets(found: Policy, where: str) -> None:
    """Raise PolicyError for a target that no agent tries, or whose name cannot stand behind ``--only``."""
    for target in found.targets:
        if not TARGET_NAME.fullmatch(target.name):
            raise PolicyError(
                f"{where}: target {target.name!r:.60}: a name of letters, digits, - and _ is needed",
                "It becomes the name of a quantity, such as reach.softphone.",
            )
        if (kind := _kind_of(target.host)) not in ("", "public", "loopback"):
            raise PolicyError(
                f"{where}: target {target.name}: {target.host} is a {kind} address",
                "It means another computer in every home, so no agent connects to it: name a public one.",
            )


def _kind_of(host: str) -> str:
    """Return the kind of an address; empty for a name."""
    try:
        return rfc_6890.kind(host)
    except ValueError:
        return ""


def refuse_unknown_regions(found: Policy, where: str) -> None:
    """Raise PolicyError for a region that ISO 3166 does not know: nobody could ever be there."""
    for requirement in found.requirements:
        limits = requirement.limits
        listed = (*limits.one_of, *limits.none_of, *limits.warn_on, *([] if limits.equals is None else [limits.equals]))
        for value in listed if requirement.quantity.endswith(PLACES) else ():
            if not iso_3166.known(str(value)):
                near = ", ".join(f"{code} ({iso_3166.name_of(code)})" for code in iso_3166.find(str(value)))
                advice = f"Did you mean {near}?" if near else "Write codes of ISO 3166, such as SE or US-TX."
                raise PolicyError(f"{where}: {requirement.quantity}: {value!r:.40} is no region", advice)


def remarks_on(found: Policy, measured: Iterable[str]) -> Iterator[str]:
    """Yield what is allowed and yet worth a thought: what nobody measures, what nobody explains."""
    can_measure = {*measured, *(target.quantity for target in found.targets)}
    for requirement in found.requirements:
        name = requirement.quantity
        if name not in can_measure:
            result = "everybody stays undecided" if requirement.severity == "required" else "everybody gets a remark"
            yield f"{name}: no installed probe measures it, so {result}"
        for text in ("reason", "source", "advice"):
            if not getattr(requirement, text):
                yield f"{name}: no {text} is given"
    names = [requirement.quantity for requirement in found.requirements]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name}: stands {names.count(name)} times; all of them count"
    for question in found.declarations:
        if not question.reason:
            yield f"declaration {question.id}: no reason is given"
        yield from _remarks_on_wordings(question)
    yield from _remarks_on_targets(found)


def _remarks_on_wordings(question: Question) -> Iterator[str]:
    """Yield what a question's languages mean for those who read another one."""
    for tag in question.question:
        if tag not in WRITTEN_IN:
            known = ", ".join(sorted(LANGUAGES))
            yield f"declaration {question.id}: question.{tag} is shown to nobody who reads {known}"
    if SOURCE not in question.question:
        shown = next(iter(question.question))
        yield f"declaration {question.id}: no question.{SOURCE}; evidence and findings quote question.{shown}"


def _remarks_on_targets(found: Policy) -> Iterator[str]:
    """Yield what is odd about targets: one that nobody asks for is never tried."""
    tried = found.tried()
    for target in found.targets:
        if target not in tried:
            yield f"target {target.name}: no requirement asks for {target.quantity}, so nobody tries it"
        if target.protocol == "udp" and not target.probe and target.port not in USUAL_UDP:
            yield f"target {target.name}: is asked by STUN; if it answers none, everybody stays undecided (see probe)"
        if _kind_of(target.host) == "loopback":
            yield f"target {target.name}: {target.host} is tried only where the collector is on the same computer"


def _unlike(limits: Limits, kind: Kind) -> str:
    """Say what in `limits` does not fit values of `kind`; an empty text when all does."""
    numeric = (limits.at_least, limits.at_most, limits.warn_below, limits.warn_above)
    listed = (*limits.one_of, *limits.none_of, *limits.warn_on)
    named = (*listed, limits.equals) if limits.equals is not None else listed
    if kind is not Kind.NUMBER and any(limit is not None for limit in numeric):
        return "a limit for numbers is set, and it is none"
    fits = {Kind.NUMBER: (int, float), Kind.TEXT: (str,), Kind.YES_NO: (bool,)}[kind]
    for value in named:
        if not isinstance(value, fits) or (isinstance(value, bool) and kind is not Kind.YES_NO):
            return f"{written(value)} can never be its value"
    return ""
