"""The result in the terminal: what passed, what did not, why, and what to do."""

from __future__ import annotations

from typing import Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from homecheck.appraisal import AttestationResult, Verdict
from homecheck.evidence import Evidence
from homecheck.measurement import Kind, Measurement
from homecheck.numbers import with_uncertainty
from homecheck.report.to_do import ToDo, to_do
from homecheck.report.words import FAULT_WORDS, HEADLINES, SYMBOLS, finding_label, label

STYLES: Final = {
    Verdict.PASS: "green",
    Verdict.WARN: "yellow",
    Verdict.INCONCLUSIVE: "cyan",
    Verdict.FAIL: "bold red",
}


def result_text(result: AttestationResult, policy_title: str) -> RenderableType:
    """Return the verdict, a line per requirement, and the advice, worst first."""
    verdict = result.verdict
    headline = Text(f"{SYMBOLS[verdict]} {HEADLINES[verdict]}", style=STYLES[verdict])
    under = Text(f"Judged by: {policy_title or result.policy_name}, version {result.policy_version}", style="dim")
    parts: list[RenderableType] = [
        Panel(Group(headline, under), border_style=STYLES[verdict], expand=False),
        _table(result),
    ]
    if items := to_do(result):
        parts += ["", Text("What to do", style="bold"), *(_item(item) for item in items)]
    return Group(*parts)


def measurements_text(evidence: Evidence) -> RenderableType:
    """Return everything that was measured, probe by probe: all that the evidence holds about values."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("Measured", "Value", "How"):
        table.add_column(heading, overflow="fold")
    for measurement in evidence.measurements():
        table.add_row(
            escape(label(measurement.quantity.name)), escape(shown(measurement)), escape(measurement.quantity.method)
        )
    return table


def shown(measurement: Measurement) -> str:
    """Return the value with uncertainty and unit, or why there is none."""
    if measurement.failure is not None:
        return f"not measured: {measurement.failure.message}"
    value = measurement.value
    if measurement.quantity.kind is Kind.YES_NO:
        return "yes" if value else "no"
    if isinstance(value, str) or value is None:
        return str(value)
    return with_uncertainty(value, measurement.uncertainty or 0.0, measurement.quantity.unit)


def _table(result: AttestationResult) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(width=1)
    table.add_column(overflow="fold")  # both columns give way where the window is narrow
    table.add_column(overflow="fold")
    for finding in result.findings:
        style = STYLES[finding.verdict]
        optional = " (recommended)" if finding.severity == "advisory" else ""
        table.add_row(
            Text(SYMBOLS[finding.verdict], style=style),
            Text(finding_label(finding) + optional),
            Text(finding.explanation, style="" if finding.verdict is Verdict.PASS else style),
        )
    return table


def _item(item: ToDo) -> RenderableType:
    lines = Text.assemble(
        (f"{SYMBOLS[item.verdict]} ", STYLES[item.verdict]),
        (", ".join(item.labels), "bold"),
        f" – {item.found}",
    )
    if item.at_fault:
        lines.append(f"\n  Where it lies: {FAULT_WORDS[item.at_fault]}.")
    if item.advice:
        lines.append(f"\n  Do this: {item.advice}")
    if item.reason:
        lines.append(f"\n  Why it is asked: {item.reason}", style="dim")
    return Padding(lines, (0, 0, 0, 2))
