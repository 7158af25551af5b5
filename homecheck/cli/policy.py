"""`homecheck policy`: the presets, one policy in full, what is wrong with a policy file, and what two have apart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import click

from homecheck.cli.schedule_words import window
from homecheck.locale.here import N_, _, here, said
from homecheck.measurement import CheckSetup, Quantity
from homecheck.numbers import counted
from homecheck.policy import PRESETS, Policy, Question, load_policy, preset_text
from homecheck.policy_lint import refuse_mistakes, remarks_on
from homecheck.printable import printable
from homecheck.report.languages import WRITTEN_IN, is_in
from homecheck.report.limits import better, needed
from homecheck.report.words import label, where_to

OUTPUT = click.option(
    "--output", type=click.Choice(["text", "json", "toml"]), default="text", help="Form in which it is printed."
)

RULES: Final = {
    "guarded": N_("A value whose uncertainty holds the limit does not count: it is measured again."),
    "simple": N_("The value alone decides, whatever its uncertainty."),
}


@click.group()
def policy() -> None:
    """List the presets, show a policy, look for mistakes in one, or compare two."""


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
        click.echo(f"{preset.name:16} {_(preset.title)}")
        click.echo(f"{'':16} {_(preset.description)}")


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
        click.echo("\n".join(map(printable, policy_text(found, units))))


@policy.command()
@click.argument("file", metavar="FILE")
def lint(file: str) -> int:
    """Look for mistakes in a policy file.

    Exit status: 0 it can be used (there may be remarks) · 1 it cannot: the first mistake is named.
    """
    found = load_policy(file)
    quantities = measured_quantities()
    refuse_mistakes(found, quantities, Path(file).name)
    remarks = list(remarks_on(found, quantities))
    for remark in remarks:
        click.echo(f"{Path(file).name}: {remark}", err=True)
    counts = (
        f"{counted(len(found.requirements), 'requirement')} and {counted(len(found.declarations), 'declaration')}, "
        f"{counted(len(remarks), 'remark')}"
    )
    click.echo(f"{found.name} version {found.version}: {counts}. Digest {found.digest}")
    return 0


@policy.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("--database", metavar="URL", help="Try both on the evidence of a collector, as its operator.")
@click.option("--program", metavar="ID", help="Whose evidence. Default: the only program that there is.")
@click.option("--sample", type=click.IntRange(0), metavar="N", help="People judged at most; 0: all. Default: 1000.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="Form in which it is printed.")
def compare(old: str, new: str, database: str | None, program: str | None, sample: int | None, output: str) -> None:
    """Say what differs between two policies, and with --database whom it would change.

    OLD and NEW are presets or files. The latest evidence of each person is judged under both; nothing is stored.
    """
    from homecheck.cli import policy_compare  # here: a candidate's computer has no collector

    if database is None and (program is not None or sample is not None):
        raise click.UsageError("--program and --sample go with --database")
    policy_compare.compare(load_policy(old), load_policy(new), database, program, sample, output)


def policy_source(name_or_file: str) -> str:
    """Return the TOML text of a preset or file as it was written, comments included."""
    if name_or_file in PRESETS:
        return preset_text(name_or_file)
    return Path(name_or_file).read_text(encoding="utf-8")


def measured_quantities() -> dict[str, Quantity]:
    """Return by name all quantities that the installed probes measure."""
    from probes import installed  # here: probes bring their own packages, which list and show need not load

    built = (probe.for_check(CheckSetup()) for probe in installed())
    return {quantity.name: quantity for probe in built for quantity in probe.quantities}


def policy_text(found: Policy, units: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a policy as people read it; `units` has the unit of every quantity that is measured."""
    say = here()
    yield _("{title} ({name}, version {version})", title=_(found.title) or found.name, **_named(found))
    if found.description:
        yield say.say(found.description)
    if found.language and not is_in(found.language, say):
        yield _("The company's own words are in this language: {language}", language=_language(found.language))
    for requirement in found.requirements:
        unit = units.get(requirement.quantity, "")
        remark = better(requirement.limits, unit, say)
        wish = _("better {limit}", limit=remark) if remark else ""
        asked = ", ".join(filter(None, (needed(requirement.limits, unit, say), wish)))
        yield ""
        weight = f"{said(requirement.severity)}, {said(requirement.trust)}"
        yield f"{said(label(requirement.quantity))}: {asked} ({weight})"
        if requirement.runs:
            yield "    " + _("Counts: {what}", what=said(requirement.runs.words))
        if requirement.reason:
            yield f"    {_(requirement.reason)}"
        if requirement.source:
            yield "    " + _("Source: {source}", source=requirement.source)
    for target in found.targets:
        yield ""
        yield f"{target.name}: {where_to(target.address)}"
    for question in found.declarations:
        yield ""
        yield _("Asked: {question}", question=_question(question))
        if question.reason:
            yield f"    {_(question.reason)}"
        yield "    " + _("Its wordings: {languages}", languages=", ".join(map(_language, question.question)))
    yield ""
    for device in found.devices.devices:
        named = {"usb": device.usb, "name": device.name, "kind": said(device.kind)}
        yield _("Its own list of devices: {usb} is {name} ({kind})", **named)
    if found.most_megabytes is not None:
        text = N_("Each check may use {count} MB of data, both directions together.")
        yield _(text, count=found.most_megabytes)
    if found.shift:
        hours = ", ".join(map(window, found.shift.windows))
        yield _("Working hours: {hours} ({zone})", hours=hours, zone=found.shift.timezone)
    yield _("Checked again every {often}.", often=found.recheck) + " " + _(RULES[found.decision_rule])
    yield _("Digest: {digest}", digest=found.digest)


def _named(found: Policy) -> dict[str, str]:
    return {"name": found.name, "version": found.version}


def _language(tag: str) -> str:
    return _(WRITTEN_IN[tag]) if tag in WRITTEN_IN else tag


def _question(question: Question) -> str:
    needed = {None: N_("any answer"), True: N_("yes is needed"), False: N_("no is needed")}[question.must_be]
    return f"{said(question.wording(here().language))} ({_(needed)}, {said(question.severity)})"
