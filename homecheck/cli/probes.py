"""`homecheck probes`: every probe and quantity: unit, method, what it needs, and what it reveals."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from homecheck.locale.here import _, said
from homecheck.measurement import FOR_LISTS, Kind, Probe, Quantity
from homecheck.report.words import label


@click.command(short_help="List all that can be measured, and what it reveals.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="Form in which it is printed.")
def probes(output: str) -> None:
    """List everything that homecheck can measure on this computer, and what each measurement reveals."""
    from probes import installed  # here: probes bring their own packages, which --help need not load

    built = [probe.for_check(FOR_LISTS) for probe in installed()]
    if output == "json":
        click.echo(json.dumps([probe_members(probe) for probe in built], indent=2, ensure_ascii=False))
        return
    out = Console(highlight=False)
    for probe in built:
        _show(probe, out)


def probe_members(probe: Probe) -> dict[str, Any]:
    """Return one probe as JSON members."""
    return {
        "name": probe.name,
        "version": probe.version,
        "needs": _needs(probe),
        "reveals": probe.reveals,
        "deadline_seconds": probe.deadline_seconds,
        "quantities": [
            {"name": quantity.name, "kind": quantity.kind.value, "unit": quantity.unit, "method": quantity.method}
            for quantity in probe.quantities
        ],
    }


def _show(probe: Probe, out: Console) -> None:
    needs = ", ".join(map(said, _needs(probe))) or _("nothing scarce")
    version = _("version {version}", version=probe.version)
    out.print(f"[bold]{escape(probe.name)}[/] ({escape(version)})")
    revealed = _("Reveals: {what}", what=said(probe.reveals))
    out.print(f"  {revealed}\n  " + _("Needs: {needs}", needs=needs), markup=False)
    table = Table(pad_edge=False)
    for heading in (_("Quantity"), "", _("Unit"), _("Method")):
        table.add_column(heading, no_wrap=heading == _("Quantity"), overflow="fold")
    for quantity in probe.quantities:
        told = (quantity.name, said(label(quantity.name)), said(_unit(quantity)), said(quantity.method))
        table.add_row(*map(escape, told))
    out.print(table)
    out.print()


def _needs(probe: Probe) -> list[str]:
    return sorted(need.value for need in probe.needs)


def _unit(quantity: Quantity) -> str:
    return quantity.unit if quantity.kind is Kind.NUMBER and quantity.unit != "1" else quantity.kind.value
