"""`homecheck status`: what this computer takes part in, what waits, and what was received lately."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

import click

from homecheck import spool
from homecheck.cli.enrolments import left_out
from homecheck.cli.programs import UNUSABLE, program_members
from homecheck.cli.schedule_words import schedule_lines, schedule_members
from homecheck.clock import utc_now
from homecheck.config import Home
from homecheck.enrolment import Damaged, read_enrolments
from homecheck.locale.here import N_, _, said
from homecheck.receipt import Receipt
from homecheck.standards.rfc_3339 import to_text
from homecheck.upload import stored_receipts
from homecheck.witness import contradiction

LAST: Final = 5


@click.command(short_help="Show what was sent, what waits, and when the next check is due.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="Form of the report.")
def status(output: str) -> int:
    """Show enrolments, what waits to be sent and why, the last receipts, and re-checks: the last one, and the next.

    Asks nobody: works without a network.
    """
    home = Home.default()
    members = status_members(home)
    if output == "json":
        click.echo(json.dumps(members, ensure_ascii=False, indent=2))
    else:
        click.echo(_text(members))
    return 0


def status_members(home: Home) -> dict[str, Any]:
    """Return everything `status` tells, as JSON members."""
    known = read_enrolments(home)
    enrolments = known.good
    return {
        "home": str(home.root),
        "programs": [program_members(home, enrolment) for enrolment in enrolments],
        "damaged": [vars(one) for one in known.damaged],
        "rewritten_logs": [
            {"program": enrolment.program, "collector": enrolment.collector_name, "proof": proof}
            for enrolment in enrolments
            if (proof := contradiction(home, enrolment.kid)) is not None
        ],
        "waiting": [_waiting_members(one) for one in spool.waiting(home)],
        "set_aside": [
            {"evidence": one.digest, "program": one.program, "reason": one.reason, "at": _time(one.at)}
            for one in spool.aside(home)
        ],
        "dropped": spool.dropped_count(home),
        "receipts": [_receipt_members(*pair) for pair in stored_receipts(home, enrolments)[:LAST]],
        "schedule": schedule_members(home, utc_now()),
    }


def _waiting_members(one: spool.Waiting) -> dict[str, Any]:
    notes = one.notes
    return {
        "evidence": one.digest,
        "program": one.program,
        "since": to_text(one.since),
        "attempts": notes.attempts,
        "last_error": notes.error or None,
        "advice": notes.advice or None,
        "not_before": _time(notes.not_before),
    }


def _receipt_members(receipt: Receipt, name: str) -> dict[str, Any]:
    return {
        "evidence": receipt.envelope,
        "program": receipt.program,
        "received_at": to_text(receipt.received_at),
        "verdict": receipt.result.verdict.word,
        "receipt": name,
    }


def _time(moment: datetime | None) -> str | None:
    return to_text(moment) if moment else None


def _text(members: dict[str, Any]) -> str:
    lines = []
    for program in members["programs"]:
        named = {"program": program["program"], "title": _(program["title"])}
        lines.append(_("Enrolled in {program}: {title}, {company}", **named, company=program["collector"]["name"]))
        lines.append("  " + _("its key is kept in: {place}", place=said(program["key_store"] or UNUSABLE)))
    lines += [left_out(Damaged(**one)) for one in members["damaged"]]
    for one in members["rewritten_logs"]:
        text = N_(
            "{company} has shown two logs that cannot both be true. This is the company's fault, not yours; the proof "
            "is kept in {proof}"
        )
        lines.append(_(text, company=one["collector"], proof=one["proof"]))
    if not members["programs"] and not members["damaged"]:
        lines.append(_("Not enrolled anywhere. Enrol with the address in your invitation: homecheck enroll URL"))
    lines.append(_("Waiting to be sent: {count}", count=len(members["waiting"])))
    for one in members["waiting"]:
        lines += _waiting_lines(one, scheduled=members["schedule"]["scheduled"])
    if members["set_aside"]:
        lines.append(_("Kept apart, because it cannot be sent: {count}", count=len(members["set_aside"])))
        lines += [f"  {one['evidence']}: {said(one['reason'])}" for one in members["set_aside"]]
    if members["dropped"]:
        lines.append(_("Too old or too many to be kept, never sent: {count}", count=members["dropped"]))
    lines.append(_("Last receipts:") if members["receipts"] else _("No receipts yet."))
    for one in members["receipts"]:
        lines.append(f"  {one['received_at'][:16].replace('T', ' ')} UTC  {one['program']}: {said(one['verdict'])}")
    return "\n".join([*lines, *schedule_lines(members["schedule"])])


def _waiting_lines(one: dict[str, Any], *, scheduled: bool) -> list[str]:
    program, since = one["program"] or _("program not known"), f"{one['since'][:16]}Z"
    named = {"evidence": one["evidence"], "program": program, "time": since}
    lines = ["  " + _("{evidence}, {program}, since {time}", **named)]
    if one["last_error"]:
        why = said(one["last_error"])
        lines.append("    " + _("attempts: {count}; last error: {why}", count=one["attempts"], why=why))
    if one["not_before"]:
        asked = f"{one['not_before'][:16]}Z"
        lines.append("    " + _("next attempt: not before {time}, as the collector asked", time=asked))
    elif scheduled:
        lines.append("    " + _("next attempt: within a quarter of an hour, or with: homecheck upload"))
    else:
        lines.append("    " + _("next attempt: at the next check, or with: homecheck upload"))
    return lines
