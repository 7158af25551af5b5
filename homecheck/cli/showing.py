"""What came of a check: for people, as a page, and as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from homecheck.cli.enrolments import left_out
from homecheck.enrolment import Damaged
from homecheck.locale.here import _, here, said
from homecheck.printable import printable
from homecheck.shares import Judged
from homecheck.upload import Delivery


def show_result(output: str, judged: Sequence[Judged], without: Sequence[Damaged] = ()) -> None:
    """Print the result on stdout: text, json or html. `without` names the programs that were left out."""
    if output == "json":
        from homecheck.report.json import result_members

        # One document for all programs: the worst verdict, with the evidence and the findings that it comes from.
        worst = max(judged, key=lambda found: found.verdict)
        uploads = [*map(_upload_members, judged), *map(_left_out_members, without)]
        members = result_members(worst.measured, worst.final, uploads)
        click.echo(json.dumps(members, ensure_ascii=False, indent=2))
        return
    if output == "html":
        from homecheck.report.html import PagePart, results_page

        parts = [
            PagePart(one.evidence, one.final, one.policy.title, preview=not one.is_received, policy=one.policy)
            for one in judged
        ]
        click.echo(results_page(parts, here()))
        return
    for index, found in enumerate(judged):
        if index:
            click.echo()
        _print_text(found)
    for one in without:
        click.echo("\n" + left_out(one))


def _print_text(judged: Judged) -> None:
    from homecheck.cli.console import SafeConsole
    from homecheck.report.text import spent_shown

    # In a private check nobody else shows the person what was measured beyond the policy.
    SafeConsole(highlight=False).print(report_text(judged, everything=judged.enrolment is None))
    click.echo("\n" + _("Evidence") + f" {judged.final.evidence}")
    if spent := spent_shown(judged.measured, here()):
        click.echo(spent)
    delivery = judged.delivery
    if judged.enrolment is None:
        click.echo(_("Private check: nothing was sent."))
    elif delivery is None:
        click.echo(_("Not sent to {company}.", company=judged.enrolment.collector_name.rstrip(".")))
    elif delivery.status == "accepted":
        named = {"company": judged.enrolment.collector_name, "receipt": delivery.receipt}
        click.echo(_("Received by {company}; receipt {receipt}", **named))
        if note := log_note(delivery):
            click.echo(printable(note))
    else:
        named = {"company": judged.enrolment.collector_name, "status": said(delivery.status)}
        click.echo(_("NOT delivered to {company} ({status}): {why}", **named, why=said(delivery.message)))
        click.echo(said(delivery.advice))


def report_text(judged: Judged, *, everything: bool) -> Any:
    """Return the findings, with every value of the evidence behind them where `everything` is wanted."""
    from rich.console import Group

    from homecheck.report.text import measurements_text, result_text  # rich tables are loaded when they are shown

    result = result_text(judged.final, judged.policy.title, judged.evidence, here(), judged.policy)
    return Group(result, "", measurements_text(judged.evidence, here())) if everything else result


def leaving_text(judged: Judged) -> Any:
    """Return all that would be sent: findings, values, their details, and what the far end saw itself."""
    from rich.console import Group

    from homecheck.report.text import along_text

    return Group(report_text(judged, everything=True), "", along_text(judged.evidence, here()))


def log_note(delivery: Delivery) -> str:
    """Return what is to be said about the collector's log; empty where it is the one that was seen before."""
    return f"{said(delivery.log.message)} {said(delivery.log.advice)}".strip() if delivery.log else ""


def _upload_members(judged: Judged) -> dict[str, Any]:
    delivery, enrolment = judged.delivery, judged.enrolment
    return {
        "program": enrolment.program if enrolment else None,
        "status": delivery.status if delivery else "none",
        "receipt": delivery.receipt if delivery else None,
        "verdict": judged.verdict.word,
        "id": judged.evidence.id,
        "message": delivery.message if delivery else "",
        "log": delivery.log.state if delivery and delivery.log else None,
        "quantities": [found.quantity.name for found in judged.evidence.measurements()] if enrolment else [],
    }


def _left_out_members(one: Damaged) -> dict[str, Any]:
    return {
        "program": one.program,
        "status": "none",
        "receipt": None,
        "verdict": None,
        "id": None,
        "message": f"{one.message}. {one.advice}",
        "log": None,
        "quantities": [],
    }
