"""The result in the terminal: what passed, what did not, why, and what to do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from homecheck.appraisal import AttestationResult, Verdict
from homecheck.callback import is_confirmation
from homecheck.errors import Refused
from homecheck.evidence import Evidence
from homecheck.locale import ENGLISH, Translator
from homecheck.measurement import Kind, Measurement
from homecheck.numbers import number, with_uncertainty, with_unit
from homecheck.policy import Policy
from homecheck.report.languages import own_words
from homecheck.report.to_do import ToDo, to_do
from homecheck.report.words import (
    CONFIRMED_CALL,
    HEADLINES,
    SEEN_BY_THE_FAR_END,
    SYMBOLS,
    finding_label,
    found_words,
    label,
    meaning,
)
from homecheck.signing import decode_base64url
from homecheck.strict_json import Record, parse_object

STYLES: Final = {
    Verdict.PASS: "green",
    Verdict.WARN: "yellow",
    Verdict.INCONCLUSIVE: "cyan",
    Verdict.FAIL: "bold red",
}


def result_text(
    result: AttestationResult,
    policy_title: str,
    evidence: Evidence | None = None,
    say: Translator = ENGLISH,
    policy: Policy | None = None,
) -> RenderableType:
    """Return the verdict, a line per requirement, and the advice, worst first."""
    verdict = result.verdict
    headline = Text(f"{SYMBOLS[verdict]} {say(HEADLINES[verdict])}", style=STYLES[verdict])
    under = Text(judged_by(result, policy_title, say), style="dim")
    parts: list[RenderableType] = [
        Panel(Group(headline, under), border_style=STYLES[verdict], expand=False),
        _table(result, say, policy),
    ]
    if items := to_do(result, evidence, say, policy):
        parts += ["", Text(say("What to do"), style="bold"), *(_item(item, say) for item in items)]
    if policy is not None and (note := own_words(policy, say)):
        parts += ["", Text(note, style="dim")]
    return Group(*parts)


def judged_by(result: AttestationResult, policy_title: str, say: Translator = ENGLISH) -> str:
    """Return by which policy was judged."""
    title = say(policy_title or result.policy_name)
    return say.fill("Judged by: {policy}, version {version}", policy=title, version=result.policy_version)


def measurements_text(evidence: Evidence, say: Translator = ENGLISH) -> RenderableType:
    """Return everything that was measured, probe by probe: all that the evidence holds about values."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in (say("Measured"), say("Value"), say("How")):
        table.add_column(heading, overflow="fold")
    for measurement in evidence.measurements():
        quantity = measurement.quantity
        cause = measurement.cause.sentence if measurement.cause else ""
        value = "\n".join(filter(None, (say.say(shown(measurement)), say.say(cause), earlier_shown(measurement, say))))
        how = "\n".join(filter(None, (say.say(meaning(quantity.name)), say.say(quantity.method))))
        table.add_row(escape(say.say(label(quantity.name))), escape(value), escape(how))
    table.show_header = bool(table.rows)
    return table


def along_text(evidence: Evidence, say: Translator = ENGLISH) -> RenderableType:
    """Return what evidence holds beside values: their details, and what the far end saw itself.

    It is shown to the person from whom it would go, so the observations are read without a look at their signature.
    """
    lines = Text()
    for measurement in evidence.measurements():
        if measurement.details:
            lines.append(f"\n{say.say(label(measurement.quantity.name))}: ", style="bold")
            lines.append(json.dumps(dict(measurement.details), ensure_ascii=False)[1:-1].replace('"', ""), style="dim")
    for observation in evidence.observations:
        if is_confirmation(observation):
            lines.append(f"\n\n{say(CONFIRMED_CALL)}")
            continue
        lines.append(f"\n\n{say(SEEN_BY_THE_FAR_END)}\n{_observed(observation, say)}")
    return Group(Text(say("Details that go along"), style="bold"), lines) if lines else Text()


def _observed(envelope: str, say: Translator) -> str:
    """Return what an observation says of the person, e.g. ``203.0.113.9, SE-AB; 36.1 MB to you, …``."""
    try:
        seen = Record(parse_object(decode_base64url(envelope.split(".")[1], "schema")), "observation")
        region = None if seen.is_null("region") else seen.record("region")
        codes = [code for name in ("country", "subdivision") if region and (code := region.text_or_none(name))]
        down, up = (seen.record(way).integer("bytes") / 1e6 for way in ("download", "upload"))
        packets = sum(flow.integer("received") for flow in seen.records("udp"))
        where = f"{seen.text('source')}, {'-'.join(codes) or say('no region')}"
        amounts = {"down": say.numbers(f"{down:.1f}"), "up": say.numbers(f"{up:.1f}"), "packets": packets}
        text = "{where}; {down} MB to you, {up} MB and {packets} voice packets from you."
        return say.fill(text, where=where, **amounts)
    except (Refused, IndexError):
        return say.fill("({count} characters that this version cannot read.)", count=len(envelope))


def shown(measurement: Measurement) -> str:
    """Return the value with uncertainty and unit, or why there is none."""
    if measurement.failure is not None:
        return f"not measured: {measurement.failure.message}"
    value = measurement.value
    if measurement.quantity.kind is Kind.YES_NO:
        return "yes" if value else "no"
    if isinstance(value, str) or value is None:
        return str(value)
    return with_uncertainty(value, measurement.uncertainty or 0.0, measurement.quantity.unit, measurement.bound)


def earlier_shown(measurement: Measurement, say: Translator = ENGLISH) -> str:
    """Return what goes along of earlier checks: how many levels, from where to where, and since when; or nothing."""
    levels = measurement.earlier
    if not levels:
        return ""
    values = [level.value for level in levels]
    least = say.numbers(number(min(values)))
    most = say.numbers(with_unit(max(values), measurement.quantity.unit))
    since = f"{datetime.fromtimestamp(levels[0].at, UTC):%Y-%m-%d}"
    return say.plural(
        "with {count} earlier check and their times: {least} to {most}, since {date}",
        "with {count} earlier checks and their times: {least} to {most}, since {date}",
        len(levels),
        least=least,
        most=most,
        date=since,
    )


def spent_shown(evidence: Evidence, say: Translator = ENGLISH) -> str:
    """Return how much data the network measurements took, e.g. ``Used 74 MB of data.``; empty without them."""
    spent = (found.details.get("spent_bytes") for found in evidence.measurements())
    count = next((count for count in spent if isinstance(count, int) and not isinstance(count, bool)), None)
    if count is None:
        return ""
    megabytes = say.numbers(f"{count / 1e6:.{0 if count >= 10_000_000 else 1}f}")
    return say.fill("Used {count} MB of data.", count=megabytes)


def _table(result: AttestationResult, say: Translator, policy: Policy | None) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(width=1)
    table.add_column(overflow="fold")  # both columns give way where the window is narrow
    table.add_column(overflow="fold")
    for finding in result.findings:
        style = STYLES[finding.verdict]
        optional = " " + say("(recommended)") if finding.severity == "advisory" else ""
        table.add_row(
            Text(SYMBOLS[finding.verdict], style=style),
            Text(say.say(finding_label(finding)) + optional),
            Text(found_words(finding, policy, say), style="" if finding.verdict is Verdict.PASS else style),
        )
    return table


def _item(item: ToDo, say: Translator) -> RenderableType:
    lines = Text.assemble(
        (f"{SYMBOLS[item.verdict]} ", STYLES[item.verdict]),
        (", ".join(item.labels), "bold"),
        f" – {item.found}",
    )
    if item.where:
        lines.append("\n  " + say("Where it lies:") + f" {item.where}.")
    if item.advice:
        lines.append("\n  " + say("Do this:") + f" {item.advice}")
    if item.in_general:
        lines.append("\n  " + say("What helps in general:") + f" {item.in_general}")
    if item.reason:
        lines.append("\n  " + say("Why it is asked:") + f" {item.reason}", style="dim")
    return Padding(lines, (0, 0, 0, 2))
