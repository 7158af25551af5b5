"""`homecheck collector mail`: the server that letters leave by, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

import click

from homecheck.cli.collector_options import OUTPUT, advise, operator, print_json, with_database
from homecheck.clock import utc_now
from homecheck.errors import SetupError
from homecheck.printable import printable

if TYPE_CHECKING:
    from homecheck.collector.store.database import Database
    from homecheck.collector.store.mail import Letter

LETTERS_SHOWN = 50


@click.group()
def mail() -> None:
    """Letters to people: invitations, and reminders when a check-in is missed."""


@mail.command("set")
@click.argument("server", metavar="HOST:PORT")
@click.option("--security", type=click.Choice(["starttls", "tls", "none"]), default="starttls", show_default=True)
@click.option("--user", default="", help="To sign in there as. Default: nobody signs in.")
@click.option("--password-file", type=click.File("r"), help="A file with the password; - is stdin.")
@click.option("--from", "sender", required=True, metavar="ADDRESS", help='Like "Acme IT <it@acme.example>".')
@with_database
def set_mail(
    database: Database, server: str, security: Any, user: str, password_file: TextIO | None, sender: str
) -> None:
    """Name the mail server that letters leave by. The password is kept beside the keys, not in the database."""
    password = password_file.read().rstrip("\r\n") if password_file else ""
    if bool(user) != bool(password):
        raise click.UsageError("--user and --password-file belong together")
    from homecheck.collector import mail_server, setup
    from homecheck.collector.mail_server import MailServer
    from homecheck.collector.store.database import opened, transaction
    from homecheck.collector.store.events import By

    host, _, port = server.rpartition(":")
    if not port.isascii() or not port.isdigit():
        raise SetupError(f"{server!r:.80} has no port", "Write: smtp.example.com:587")
    chosen = MailServer(host.strip("[]"), int(port), security, user, sender)
    folder = setup.load(database).keys_folder
    with opened(database) as db, transaction(db):
        mail_server.configure(db, folder, chosen, password, by=By(operator()), now=utc_now())
    advise("Next: homecheck collector mail test you@example.com")


@mail.command("test")
@click.argument("address")
@with_database
def test_mail(database: Database, address: str) -> None:
    """Send a letter that says nothing, now."""
    from homecheck.collector import setup, trial_letter
    from homecheck.collector.store.database import opened

    with opened(database) as db:
        said = trial_letter.send(setup.load(database), db, address, utc_now())
    if said:
        raise SetupError(said, "Check server, user and password with those who run the mail server.")
    click.echo("The mail server has taken it.")


@mail.command("list")
@OUTPUT
@with_database
def list_mail(database: Database, output: str) -> None:
    """List the latest letters, and what became of them."""
    from homecheck.collector.store import mail as store
    from homecheck.collector.store.database import opened

    with opened(database) as db:
        found = store.recent(db, LETTERS_SHOWN)
    if output == "json":
        print_json([_members(one) for one in found])
    for one in found if output == "text" else ():
        again = f", leaves {one.next_at:%Y-%m-%d %H:%M} UTC" if one.next_at else ""
        error = f": {printable(one.error)}" if one.error else ""
        click.echo(
            f"{one.made_at:%Y-%m-%d %H:%M}  {one.kind:10}  {printable(one.person.name)}  {one.state}{again}{error}"
        )


def zone(name: str) -> str:
    """Return the name of a time zone, or nothing for nothing; click.UsageError for what is none."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name).key if name else ""
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise click.UsageError(f"{name!r:.60} is no time zone; write it like Europe/Stockholm") from None


def _members(one: Letter) -> dict[str, object]:
    return {
        "id": one.id,
        "kind": one.kind,
        "program": one.person.program,
        "person": one.person.name,
        "made_at": one.made_at.isoformat(),
        "state": one.state,
        "attempts": one.attempts,
        "next_at": one.next_at.isoformat() if one.next_at else None,
        "error": one.error,
    }
