"""`homecheck rotate`: a new key in place of an old one, without a new invitation."""

from __future__ import annotations

import click

from homecheck.cli.alone import alone
from homecheck.cli.enrolments import readable_enrolments
from homecheck.cli.key_option import key_option
from homecheck.clock import utc_now
from homecheck.config import Home
from homecheck.enrolment import Enrolment, find
from homecheck.errors import EnrolmentError, HomecheckError
from homecheck.exchange import Http
from homecheck.fingerprint import words
from homecheck.holder import fetch_credential, holds
from homecheck.key_change import rotate as change_key
from homecheck.key_stores import Store, read_key, store_of
from homecheck.locale.here import N_, _, said
from homecheck.upload import deliver_waiting, new_session


@click.command(short_help="Give this computer a new key for a program.")
@click.argument("program", required=False)
@key_option("where the old one is")
def rotate(program: str | None, key: Store | None) -> int:
    """Give this computer a new key for PROGRAM (without it: for each program), signed by the old one.

    Do so when the company asks for it, when the key may have been copied, or to keep it in another place. Your results
    stay. What waits to be sent is sent first. Whenever this stops half-way, give the same command again.

    Exit status: 0 changed · 1 not changed, with the reason · 2 wrong usage.
    """
    home, http = Home.default(), new_session()
    with alone(home, N_("Wait until it has finished: it needs the key that you have now.")):
        enrolments = readable_enrolments(home) if program is None else (find(home, program),)
        if not enrolments:
            advice = "Enrol with the address in your invitation: homecheck enroll URL"
            raise EnrolmentError("This computer is not enrolled anywhere, so it has no key to change.", advice)
        deliver_waiting(home, http)
        changed = [_rotate(home, http, enrolment, key) for enrolment in enrolments]
    return 0 if all(changed) else 1


def _rotate(home: Home, http: Http, enrolment: Enrolment, key: Store | None) -> bool:
    """Change one key and say so; one that cannot be changed keeps no other from it."""
    try:
        changed = change_key(enrolment, home, http, utc_now(), key)
    except HomecheckError as error:
        click.echo(f"{enrolment.program}: {said(error.message)}\n  {said(error.advice)}", err=True)
        return False
    place = store_of(home.keys / f"{changed.kid}.jwk")
    named = {"program": changed.program, "place": said(place), "words": words(changed.kid)}
    click.echo(_("{program}: new key, kept in {place}: {words}", **named))
    if holds(home, changed.program):
        _renew_credential(home, http, changed)
    return True


def _renew_credential(home: Home, http: Http, enrolment: Enrolment) -> None:
    """Fetch a credential for the new key: one that was made for the old key can no longer be shown."""
    signer = read_key(home.keys / f"{enrolment.kid}.jwk")
    try:
        fetch_credential(home, enrolment, signer, http, utc_now())
    except HomecheckError as error:
        program, why = enrolment.program, said(error.message)
        click.echo(_("{program}: its credential is still for the old key: {why}", program=program, why=why), err=True)
        command = f"homecheck credential fetch {program}"
        click.echo("  " + _("Fetch a new one later: {command}", command=command), err=True)
