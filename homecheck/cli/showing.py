"""What came of a check: for people, as a page, and as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from homecheck.cli.check_session import Judged


def show_result(output: str, judged: Sequence[Judged]) -> None:
    """Print the result on stdout: text, json or html."""
    if output == "json":
        from homecheck.report.json import result_members

        # One document for all programs: the worst verdict, with the evidence and the findings that it comes from.
        worst = max(judged, key=lambda found: found.verdict)
        members = result_members(worst.measured, worst.final, [_upload_members(found) for found in judged])
        click.echo(json.dumps(members, ensure_ascii=False, indent=2))
        return
    if output == "html":
        from homecheck.report.html import PagePart, results_page

        parts = [PagePart(one.evidence, one.final, one.policy.title, preview=not one.is_received) for one in judged]
        click.echo(results_page(parts))
        return
    for index, found in enumerate(judged):
        if index:
            click.echo()
        _print_text(found)


def _print_text(judged: Judged) -> None:
    from homecheck.cli.console import SafeConsole

    # In a private check nobody else shows the person what was measured beyond the policy.
    SafeConsole(highlight=False).print(report_text(judged, everything=judged.enrolment is None))
    click.echo(f"\nEvidence {judged.final.evidence}")
    delivery = judged.delivery
    if judged.enrolment is None:
        click.echo("Private check: nothing was sent.")
    elif delivery is None:
        click.echo(f"Not sent to {judged.enrolment.collector_name}.")
    elif delivery.status == "accepted":
        click.echo(f"Received by {judged.enrolment.collector_name}; receipt {delivery.receipt}")
    else:
        click.echo(f"NOT delivered to {judged.enrolment.collector_name} ({delivery.status}): {delivery.message}")
        click.echo(delivery.advice)


def report_text(judged: Judged, *, everything: bool) -> Any:
    """Return the findings, with every value of the evidence behind them where `everything` is wanted."""
    from rich.console import Group

    from homecheck.report.text import measurements_text, result_text  # rich tables are loaded when they are shown

    result = result_text(judged.final, judged.policy.title)
    return Group(result, "", measurements_text(judged.evidence)) if everything else result


def _upload_members(judged: Judged) -> dict[str, Any]:
    delivery, enrolment = judged.delivery, judged.enrolment
    return {
        "program": enrolment.program if enrolment else None,
        "status": delivery.status if delivery else "none",
        "receipt": delivery.receipt if delivery else None,
        "verdict": judged.verdict.word,
        "message": delivery.message if delivery else "",
        "quantities": [found.quantity.name for found in judged.evidence.measurements()] if enrolment else [],
    }
