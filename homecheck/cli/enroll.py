"""`homecheck enroll`: meet a company's collector, see what it asks for, and agree or not."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Final

import click

from homecheck.cli.alone import alone
from homecheck.cli.asking import agrees
from homecheck.cli.key_option import key_option
from homecheck.clock import utc_now
from homecheck.config import Home
from homecheck.enrolment import Enrolment, Invitation, forget, prepare_key, read_invitation, redeem
from homecheck.evidence import is_observed
from homecheck.fingerprint import words
from homecheck.key_stores import Store
from homecheck.locale.here import N_, _, here, plural, said
from homecheck.measurement import REACH, CheckSetup, Target, is_reach
from homecheck.report.words import SEEN_BY_THE_FAR_END, label, where_to
from homecheck.spool import waiting
from homecheck.upload import deliver_waiting, new_session

WIDTH: Final = 88
PATIENCE_SECONDS: Final = 20.0  # for what waits, which a new key of the same program would make worthless
PLACES: Final = {
    "file": N_("a file that only you can read"),
    "keyring": N_("this system's keyring, which opens when you sign in"),
    "tpm": N_("this computer's TPM, a chip that it cannot be copied from"),
}


@click.command(short_help="Accept an invitation: see who asks what, then agree.")
@click.argument("invite_url")
@click.option("--yes", is_flag=True, help="Agree without being asked.")
@key_option("a file")
def enroll(invite_url: str, yes: bool, key: Store | None) -> int:
    """Enrol this computer with the company whose invitation address is INVITE_URL.

    First you see who asks, what for, what would be measured and how long it would be kept. Nothing is sent before you
    agree, and nothing is measured by this command.
    """
    home, http = Home.default(), new_session()
    invitation = read_invitation(invite_url, http, home)
    signer = prepare_key(invitation, home, key)
    click.echo(describe(invitation), err=True)
    click.echo("\n" + _("Name of the key made on this computer for it:"), err=True)
    click.echo(f"  {words(signer.public.kid)}", err=True)
    click.echo("  " + _("It is kept in: {place}", place=_(PLACES[signer.store])), err=True)
    click.echo("  " + _("(If somebody from support asks, these are the words to read out.)") + "\n", err=True)
    if not yes and not agrees(_("Enrol this computer with {company}?", company=invitation.collector_name)):
        forget(invitation, home, with_key=True)
        click.echo(_("Nothing was sent, and the key is deleted again."), err=True)
        return 1
    with alone(home, N_("Wait until it has finished: a new key may take the place of the one that it uses.")):
        if waiting(home):
            click.echo(_("What waits from earlier checks is sent first."), err=True)
            deliver_waiting(home, http, deadline_seconds=PATIENCE_SECONDS)
        enrolment = redeem(invitation, home, http, utc_now())
    named = {"program": enrolment.program, "title": _(enrolment.title), "company": enrolment.collector_name}
    click.echo(_("Enrolled in {program}: {title}, {company}", **named))
    click.echo(_next_step(enrolment), err=True)
    return 0


def describe(invitation: Invitation) -> str:
    """Return everything a person should know before agreeing."""
    names = (name for name in invitation.quantities if not name.startswith("declaration."))
    measured = _("What would be measured: {names}.", names="; ".join(said(label(name)) for name in names))
    revealed = " ".join(map(said, reveals(invitation.quantities)))
    connected = ", ".join(where_to(address) for address in invitation.connections)
    title, until = _(invitation.title), here().date(invitation.expires_at)
    lines = [
        _("{company} invites {person} to: {title}", company=invitation.collector_name, title=title,
          person=invitation.person or _("you")),
        _("Its collector is {address}. The invitation is good until {date}.", address=invitation.collector, date=until),
        "",
        _("What for: {purpose}", purpose=_(invitation.purpose)),
        f"{measured} {_questions(len(invitation.declarations))}".rstrip(),
        *([_("Where this computer would connect to: {addresses}", addresses=connected)] if connected else []),
        *([_("What that tells about you: {revealed}", revealed=revealed)] if revealed else []),
        *([_(SEEN_BY_THE_FAR_END)] if is_observed(invitation.quantities) else []),
        plural("How long it is kept there: one day.", "How long it is kept there: {count} days.",
               invitation.retention_days),
        _("Sound is never stored and never sent: only levels and counts are."),
        _("Whenever you run a check yourself, you see the results before they are sent."),
        _("You can end this at any time: homecheck leave"),
    ]  # fmt: skip
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent="  ") for line in lines)


def reveals(quantities: Iterable[str]) -> list[str]:
    """Return what the probes say that measure any of `quantities`, in the order in which they are listed."""
    from probes import installed  # here: probes bring their own packages, which --help need not load

    asked = set(quantities)
    named = (Target(name.removeprefix(REACH), "", 0, "any") for name in sorted(asked) if is_reach(name))
    setup = CheckSetup(targets=tuple(named))
    built = (probe.for_check(setup) for probe in installed())
    return [probe.reveals for probe in built if asked & {quantity.name for quantity in probe.quantities}]


def _questions(count: int) -> str:
    if not count:
        return ""
    return plural("You would also be asked one question.", "You would also be asked {count} questions.", count)


def _next_step(enrolment: Enrolment) -> str:
    first = _("Next: plug in your headset, close the door, and run: homecheck check")
    policy = enrolment.policy.name
    then = _("It needs a few minutes and compares your home office with the policy {policy}.", policy=policy)
    return f"{first}\n{then}"
