"""`homecheck programs`: in which programs this computer takes part."""

from __future__ import annotations

import json
from typing import Any

import click

from homecheck.config import Home
from homecheck.enrolment import Enrolment, load_enrolments
from homecheck.fingerprint import words
from homecheck.standards.rfc_3339 import to_text


@click.command(short_help="List the programs this computer is enrolled in.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="Form of the list.")
def programs(output: str) -> int:
    """List the programs that this computer is enrolled in, and who runs each."""
    enrolments = load_enrolments(Home.default())
    if output == "json":
        members = {"programs": [program_members(enrolment) for enrolment in enrolments]}
        click.echo(json.dumps(members, ensure_ascii=False, indent=2))
    elif not enrolments:
        click.echo("This computer is not enrolled anywhere.", err=True)
        click.echo("Enrol with the address in your invitation: homecheck enroll URL", err=True)
    else:
        click.echo("\n\n".join(map(_text, enrolments)))
    return 0


def program_members(enrolment: Enrolment) -> dict[str, Any]:
    """Return an enrolment as JSON members, without anything secret."""
    policy = enrolment.policy
    return {
        "program": enrolment.program,
        "title": enrolment.title,
        "collector": {"name": enrolment.collector_name, "url": enrolment.collector},
        "policy": {"name": policy.name, "version": policy.version, "digest": policy.digest},
        "device": enrolment.kid,
        "fingerprint": words(enrolment.kid),
        "enrolled_at": to_text(enrolment.enrolled_at),
    }


def _text(enrolment: Enrolment) -> str:
    return "\n".join(
        (
            f"{enrolment.program}: {enrolment.title}",
            f"  for      {enrolment.collector_name}, {enrolment.collector}",
            f"  policy   {enrolment.policy.name}, version {enrolment.policy.version}",
            f"  since    {enrolment.enrolled_at:%Y-%m-%d}",
            f"  key      {words(enrolment.kid)}",
        )
    )
