"""`homecheck policy`: the presets, one policy in full, and what is wrong with a policy file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Final

import click

from homecheck.errors import PolicyError
from homecheck.measurement import CheckSetup, Kind, Quantity
from homecheck.policy import PRESETS, Limits, Policy, Question, load_policy
from homecheck.report.limits import better, needed, written
from homecheck.report.words import LABELS, label

OUTPUT = click.option(
    "--output", type=click.Choice(["text", "json", "toml"]), default="text", help="Form in which it is printed."
)

RULES: Final = {
    "guarded": "A value whose uncertainty holds the limit does not count: it is measured again.",
    "simple": "The value alone decides, whatever its uncertainty.",
}


@click.group()
def policy() -> None:
    """List the presets, show a policy, or look for mistakes in one."""


@policy.command("list")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="Form in which it is printed.")
def list_policies(output: str) -> None:
    """List the policies that come with homecheck."""
    presets = [load_policy(name) for name in PRESETS]
    if output == "json":
        fields = ("name", "version", "title", "description", "digest")
        click.echo(json.dumps([{field: getattr(preset, field) for field in fields} for preset in presets], indent=2))
        return
    for preset in presets:
        click.echo(f"{preset.name:16} {preset.title}")
        click.echo(f"{'':16} {preset.description}")


@policy.command()
@click.argument("name_or_file", metavar="NAME|FILE")
@OUTPUT
def show(name_or_file: str, output: str) -> None:
    """Show one policy: what it asks for, why, and on whose word."""
    found = load_policy(name_or_file)
    if output == "json":
        click.echo(json.dumps({**found.members(), "digest": found.digest}, indent=2, ensure_ascii=False))
    elif output == "toml":
        click.echo(policy_source(name_or_file), nl=False)
    else:
        units = {name: quantity.unit for name, quantity in measured_quantities().items()}
        click.echo("\n".join(policy_text(found, units)))


@policy.command()
@click.argument("file", metavar="FILE")
def lint(file: str) -> int:
    """Look for mistakes in a policy file.

    Exit status: 0 it can be used (there may be remarks) · 1 it cannot: the first mistake is named.
    """
    found = load_policy(file)
    quantities = measured_quantities()
    refuse_unknown_quantities(found, quantities, Path(file).name)
    refuse_unlike_kinds(found, quantities, Path(file).name)
    remarks = list(remarks_on(found, quantities))
    for remark in remarks:
        click.echo(f"{Path(file).name}: {remark}", err=True)
    asked = f"{len(found.requirements)} requirements and {len(found.declarations)} declarations"
    click.echo(f"{found.name} version {found.version}: {asked}, {len(remarks)} remarks. Digest {found.digest}")
    return 0


def policy_source(name_or_file: str) -> str:
    """Return the TOML text of a preset or file as it was written, comments included."""
    if name_or_file in PRESETS:
        return resources.files("homecheck").joinpath("policies", f"{name_or_file}.toml").read_text(encoding="utf-8")
    return Path(name_or_file).read_text(encoding="utf-8")


def measured_quantities() -> dict[str, Quantity]:
    """Return by name all quantities that the installed probes measure."""
    from probes import installed  # here: probes bring their own packages, which list and show need not load

    built = (probe.for_check(CheckSetup()) for probe in installed())
    return {quantity.name: quantity for probe in built for quantity in probe.quantities}


def refuse_unknown_quantities(found: Policy, measured: Iterable[str], where: str) -> None:
    """Raise PolicyError for a quantity that does not exist; it names the one that was probably meant."""
    known = {*measured, *LABELS, *(f"declaration.{question.id}" for question in found.declarations)}
    known |= {f"reach.{target.name}" for target in found.targets}
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


def remarks_on(found: Policy, measured: Iterable[str]) -> Iterator[str]:
    """Yield what is allowed and yet worth a thought: what nobody measures, what nobody explains."""
    can_measure = {*measured, *(f"reach.{target.name}" for target in found.targets)}
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


def policy_text(found: Policy, units: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a policy as people read it; `units` has the unit of every quantity that is measured."""
    yield f"{found.title or found.name} ({found.name}, version {found.version})"
    if found.description:
        yield found.description
    for requirement in found.requirements:
        unit = units.get(requirement.quantity, "")
        remark = better(requirement.limits, unit)
        asked = ", ".join(filter(None, (needed(requirement.limits, unit), remark and f"better {remark}")))
        yield ""
        yield f"{label(requirement.quantity)}: {asked} ({requirement.severity}, {requirement.trust})"
        yield from (f"    {text}" for text in (requirement.reason, f"Source: {requirement.source}") if text)
    for question in found.declarations:
        yield ""
        yield f"Asked: {_question(question)}"
        yield f"    {question.reason}"
    yield ""
    yield f"Checked again every {found.recheck}. {RULES[found.decision_rule]}"
    yield f"Digest: {found.digest}"


def _question(question: Question) -> str:
    needed = {None: "any answer", True: "yes is needed", False: "no is needed"}[question.must_be]
    return f"{question.wording('en')} ({needed}, {question.severity})"
