"""`homecheck status`: what this computer takes part in, what waits, and what was received lately."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

import click

from homecheck import spool
from homecheck.cli.programs import program_members
from homecheck.config import Home
from homecheck.enrolment import load_enrolments
from homecheck.receipt import Receipt
from homecheck.standards.rfc_3339 import to_text
from homecheck.upload import stored_receipts

LAST: Final = 5


@click.command(short_help="Show what was sent, what waits, and the answers.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="Form of the report.")
def status(output: str) -> int:
    """Show enrolments, what waits to be sent and why, and the last receipts. Asks nobody: works without a network."""
    home = Home.default()
    members = status_members(home)
    if output == "json":
        click.echo(json.dumps(members, ensure_ascii=False, indent=2))
    else:
        click.echo(_text(members))
    return 0


def status_members(home: Home) -> dict[str, Any]:
    """Return everything `status` tells, as JSON members."""
    enrolments = load_enrolments(home)
    return {
        "home": str(home.root),
        "programs": [program_members(enrolment) for enrolment in enrolments],
        "waiting": [_waiting_members(one) for one in spool.waiting(home)],
        "set_aside": [
            {"evidence": one.digest, "program": one.program, "reason": one.reason, "at": _time(one.at)}
            for one in spool.aside(home)
        ],
        "dropped": spool.dropped_count(home),
        "receipts": [_receipt_members(*pair) for pair in stored_receipts(home, enrolments)[:LAST]],
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
        lines.append(f"Enrolled in {program['program']}: {program['title']}, {program['collector']['name']}")
    if not members["programs"]:
        lines.append("Not enrolled anywhere. Enrol with the address in your invitation: homecheck enroll URL")
    lines.append(f"Waiting to be sent: {len(members['waiting'])}")
    for one in members["waiting"]:
        lines += _waiting_lines(one)
    if members["set_aside"]:
        lines.append(f"Kept apart, because it cannot be sent: {len(members['set_aside'])}")
        lines += [f"  {one['evidence']}: {one['reason']}" for one in members["set_aside"]]
    if members["dropped"]:
        lines.append(f"Too old or too many to be kept, never sent: {members['dropped']}")
    lines.append("Last receipts:" if members["receipts"] else "No receipts yet.")
    for one in members["receipts"]:
        lines.append(f"  {one['received_at'][:16].replace('T', ' ')} UTC  {one['program']}: {one['verdict']}")
    return "\n".join(lines)


def _waiting_lines(one: dict[str, Any]) -> list[str]:
    lines = [f"  {one['evidence']}, {one['program'] or 'program not known'}, since {one['since'][:16]}Z"]
    if one["last_error"]:
        lines.append(f"    attempts: {one['attempts']}; last error: {one['last_error']}")
    if one["not_before"]:
        lines.append(f"    next attempt: not before {one['not_before'][:16]}Z, as the collector asked")
    else:
        lines.append("    next attempt: at the next check, or with: homecheck upload")
    return lines
