"""`homecheck enroll`: meet a company's collector, see what it asks for, and agree or not."""

from __future__ import annotations

import textwrap

import click

from homecheck.clock import utc_now
from homecheck.config import Home
from homecheck.enrolment import Enrolment, Invitation, forget, prepare_key, read_invitation, redeem
from homecheck.fingerprint import words
from homecheck.report.words import label
from homecheck.upload import new_session

WIDTH = 88


@click.command(short_help="Accept an invitation: see who asks what, then agree.")
@click.argument("invite_url")
@click.option("--yes", is_flag=True, help="Agree without being asked.")
def enroll(invite_url: str, yes: bool) -> int:
    """Enrol this computer with the company whose invitation address is INVITE_URL.

    First you see who asks, what for, what would be measured and how long it would be kept. Nothing is sent before you
    agree, and nothing is measured by this command.
    """
    home, http = Home.default(), new_session()
    invitation = read_invitation(invite_url, http, home)
    key = prepare_key(invitation, home)
    click.echo(describe(invitation), err=True)
    click.echo(f"\nName of the key made on this computer for it:\n  {words(key.public.kid)}", err=True)
    click.echo("  (If somebody from support asks, these are the words to read out.)\n", err=True)
    if not yes and not _agrees(invitation):
        forget(invitation, home, with_key=True)
        click.echo("Nothing was sent, and the key is deleted again.", err=True)
        return 1
    enrolment = redeem(invitation, home, http, utc_now())
    click.echo(f"Enrolled in {enrolment.program}: {enrolment.title}, {enrolment.collector_name}")
    click.echo(_next_step(enrolment), err=True)
    return 0


def _agrees(invitation: Invitation) -> bool:
    """Ask the person; who closes the window or presses Ctrl-C has not agreed."""
    try:
        return click.confirm(f"Enrol this computer with {invitation.collector_name}?", err=True)
    except click.Abort:
        click.echo(err=True)  # ends the line of the question, which nobody answered
        return False


def describe(invitation: Invitation) -> str:
    """Return everything a person should know before agreeing."""
    measured = "; ".join(label(name) for name in invitation.quantities if not name.startswith("declaration."))
    asked = f" You would also be asked {_questions(len(invitation.declarations))}." if invitation.declarations else ""
    lines = [
        f"{invitation.collector_name} invites {invitation.person or 'you'} to: {invitation.title}",
        f"Its collector is {invitation.collector}. The invitation is good until {invitation.expires_at:%d %B %Y}.",
        "",
        f"What for: {invitation.purpose}",
        f"What would be measured: {measured}.{asked}",
        f"How long it is kept there: {_days(invitation.retention_days)}.",
        "Sound is never stored and never sent: only levels and counts are.",
        "Whenever you run a check yourself, you see the results before they are sent.",
        "You can end this at any time: homecheck leave",
    ]
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent="  ") for line in lines)


def _questions(count: int) -> str:
    return "one question" if count == 1 else f"{count} questions"


def _days(days: int) -> str:
    return "one day" if days == 1 else f"{days} days"


def _next_step(enrolment: Enrolment) -> str:
    return (
        f"Next: plug in your headset, close the door, and run: homecheck check\n"
        f"It needs a few minutes and compares your home office with the policy {enrolment.policy.name}."
    )
