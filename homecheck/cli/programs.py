"""`homecheck programs`: in which programs this computer takes part."""

from __future__ import annotations

import json
from typing import Any, Final

import click

from homecheck.cli.enrolments import left_out
from homecheck.config import Home
from homecheck.enrolment import Enrolment, read_enrolments
from homecheck.errors import KeyStoreError
from homecheck.fingerprint import words
from homecheck.key_stores import store_of
from homecheck.locale.here import N_, _, said
from homecheck.standards.rfc_3339 import to_text

UNUSABLE: Final = N_("nowhere that can be read; the next check says what to do")


@click.command(short_help="List the programs this computer is enrolled in.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="Form of the list.")
def programs(output: str) -> int:
    """List the programs that this computer is enrolled in, and who runs each."""
    home = Home.default()
    known = read_enrolments(home)
    enrolments = known.good
    if output == "json":
        members = {
            "programs": [program_members(home, enrolment) for enrolment in enrolments],
            "damaged": [vars(one) for one in known.damaged],
        }
        click.echo(json.dumps(members, ensure_ascii=False, indent=2))
    elif not enrolments and not known.damaged:
        click.echo(_("This computer is not enrolled anywhere."), err=True)
        click.echo(_("Enrol with the address in your invitation: homecheck enroll URL"), err=True)
    else:
        parts = [*(_text(home, enrolment) for enrolment in enrolments), *map(left_out, known.damaged)]
        click.echo("\n\n".join(parts))
    return 0


def key_store(home: Home, enrolment: Enrolment) -> str | None:
    """Return where the key of an enrolment is kept, None when its record is gone or damaged; nothing is opened."""
    try:
        return store_of(home.keys / f"{enrolment.kid}.jwk")
    except KeyStoreError:
        return None


def program_members(home: Home, enrolment: Enrolment) -> dict[str, Any]:
    """Return an enrolment as JSON members, without anything secret."""
    policy = enrolment.policy
    store = key_store(home, enrolment)
    return {
        "program": enrolment.program,
        "title": enrolment.title,
        "collector": {"name": enrolment.collector_name, "url": enrolment.collector},
        "policy": {"name": policy.name, "version": policy.version, "digest": policy.digest},
        "device": enrolment.kid,
        "fingerprint": words(enrolment.kid),
        "key_store": store,
        "enrolled_at": to_text(enrolment.enrolled_at),
    }


def _text(home: Home, enrolment: Enrolment) -> str:
    policy = enrolment.policy
    lines = (
        (_("for"), f"{enrolment.collector_name}, {enrolment.collector}"),
        (_("policy"), _("{name}, version {version}", name=policy.name, version=policy.version)),
        (_("since"), f"{enrolment.enrolled_at:%Y-%m-%d}"),
        (_("key"), words(enrolment.kid)),
        ("", _("kept in: {place}", place=said(key_store(home, enrolment) or UNUSABLE))),
    )
    named = f"{enrolment.program}: {_(enrolment.title)}"
    return "\n".join((named, *(f"  {name:8} {text}" for name, text in lines)))
