"""`homecheck collector webhook`: whose servers are told what happens here."""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Final

import click

from homecheck.cli.collector_options import OUTPUT, advise, moment, operator, print_json, with_database
from homecheck.clock import utc_now
from homecheck.printable import printable

if TYPE_CHECKING:
    from homecheck.collector.outside import Network
    from homecheck.collector.store.database import Database
    from homecheck.collector.store.webhooks import Message, Outstanding, Webhook

MESSAGES_SHOWN = 50


def networks(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Be the callback of an option that takes networks like 10.1.0.0/16."""
    try:
        return tuple(ip_network(text) for text in texts)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


INSIDE: Final = click.option(
    "--webhooks-inside", "inside", multiple=True, metavar="NETWORK", callback=networks,
    help="A network of yours that webhooks may go to, like 10.1.2.0/24; else they go to the internet alone.",
)  # fmt: skip


@click.group()
def webhook() -> None:
    """Webhooks: servers of yours that are told what happens here, by Standard Webhooks."""


@webhook.command("add")
@click.argument("url")
@click.option("--program", metavar="PROGRAM", help="Of this program alone. Default: all.")
@click.option(
    "--kind", "kinds", multiple=True, metavar="GLOB",
    help="What to tell: evidence.received, verdict.changed, security.*, event.*. Default: the first three.",
)  # fmt: skip
@INSIDE
@with_database
def add_webhook(
    database: Database, url: str, program: str | None, kinds: tuple[str, ...], inside: tuple[Network, ...]
) -> None:
    """Tell the server at URL what happens from now on. Prints its id and its secret, once.

    Messages hold opaque ids and addresses of the dashboard, no names and no values.
    """
    from homecheck.collector import setup, webhooks
    from homecheck.collector.store.database import opened, transaction
    from homecheck.collector.store.events import By

    key = setup.load(database).keys.challenge_secret
    with opened(database) as db, transaction(db):
        one = webhooks.add(db, url, program, kinds or webhooks.DEFAULT_KINDS, By(operator()), utc_now(), inside)
    _show_secret(one, key)


@webhook.command("list")
@OUTPUT
@with_database
def list_webhooks(database: Database, output: str) -> None:
    """List the receivers. gone: it answered 410 and is told nothing more."""
    from homecheck.collector import deliveries
    from homecheck.collector.store import webhooks as store
    from homecheck.collector.store.database import opened

    with opened(database) as db:
        found = [(one, store.outstanding(db, one.id)) for one in store.every(db)]
    if output == "json":
        print_json([_members(one, waits) for one, waits in found])
    for one, waits in found if output == "text" else ():
        click.echo(f"{one.id}  {one.standing}  {one.program or 'all programs'}  {' '.join(one.kinds)}")
        click.echo(f"    {printable(one.url)}")
        if waits.waiting:
            click.echo(f"    {deliveries.waits(waits)}")


@webhook.command("rotate")
@click.argument("webhook_id", metavar="ID")
@with_database
def rotate_webhook(database: Database, webhook_id: str) -> None:
    """Give a receiver another secret; for a day messages are signed under both."""
    from homecheck.collector import setup, webhooks
    from homecheck.collector.store.database import opened, transaction
    from homecheck.collector.store.events import By

    key = setup.load(database).keys.challenge_secret
    with opened(database) as db, transaction(db):
        one = webhooks.rotate(db, webhook_id, By(operator()), utc_now())
    _show_secret(one, key)
    hours = webhooks.OVERLAP.total_seconds() / 3600
    advise(f"For {hours:.0f} hours messages are signed under the old secret as well.")


@webhook.command("remove")
@click.argument("webhook_id", metavar="ID")
@with_database
def remove_webhook(database: Database, webhook_id: str) -> None:
    """Tell a receiver nothing more."""
    from homecheck.collector import webhooks
    from homecheck.collector.store.database import opened, transaction
    from homecheck.collector.store.events import By

    with opened(database) as db, transaction(db):
        webhooks.remove(db, webhook_id, By(operator()), utc_now())


@webhook.command("test")
@click.argument("webhook_id", metavar="ID")
@with_database
def test_webhook(database: Database, webhook_id: str) -> None:
    """Send a receiver a message that says nothing."""
    from homecheck.collector import webhooks
    from homecheck.collector.store import settings
    from homecheck.collector.store.database import opened, transaction

    with opened(database) as db, transaction(db):
        message = webhooks.send_test(db, webhook_id, settings.read(db).url, utc_now())
    click.echo(message.id)
    advise(f"Next: homecheck collector webhook messages {webhook_id}")


@webhook.command("resend")
@click.argument("webhook_id", metavar="ID")
@click.argument("message_id", metavar="MESSAGE")
@with_database
def resend_message(database: Database, webhook_id: str, message_id: str) -> None:
    """Send a receiver a message once more that it has not taken, now. See: webhook messages ID"""
    from homecheck.collector import webhooks
    from homecheck.collector.store.database import opened, transaction
    from homecheck.collector.store.events import By

    with opened(database) as db, transaction(db):
        webhooks.resend(db, webhook_id, message_id, By(operator()), utc_now())


@webhook.command("messages")
@click.argument("webhook_id", metavar="ID")
@OUTPUT
@with_database
def list_messages(database: Database, webhook_id: str, output: str) -> None:
    """List the latest messages to a receiver, and what became of them."""
    from homecheck.collector import deliveries, webhooks
    from homecheck.collector.store import webhooks as store
    from homecheck.collector.store.database import opened

    with opened(database) as db:
        found = store.recent(db, webhooks.find(db, webhook_id).id, MESSAGES_SHOWN)
    if output == "json":
        print_json([_message_members(one) for one in found])
    for one in found if output == "text" else ():
        click.echo(f"{one.id}  {one.made_at:%Y-%m-%d %H:%M:%S}  {one.kind}  {deliveries.became(one)}")


def _show_secret(one: Webhook, key: bytes) -> None:
    """Print the id and the secret; they can be seen this once, since the secret is stored nowhere."""
    from homecheck.collector.webhooks import secret_of
    from homecheck.standards.standard_webhooks import secret_text

    click.echo(f"id      {one.id}")
    click.echo(f"secret  {secret_text(secret_of(key, one))}")
    click.echo(
        "Give the secret to the receiver; it verifies messages by Standard Webhooks (standardwebhooks.com).", err=True
    )


def _members(one: Webhook, waits: Outstanding) -> dict[str, Any]:
    failing = {"since": moment(waits.since), "messages": waits.refused, "error": waits.error} if waits.since else None
    return {
        "id": one.id,
        "url": one.url,
        "program": one.program,
        "kinds": list(one.kinds),
        "standing": one.standing,
        "created_at": moment(one.created_at),
        "created_by": one.created_by,
        "secret_number": one.generation,
        "waiting": waits.waiting,
        "failing": failing,
    }


def _message_members(one: Message) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "made_at": moment(one.made_at),
        "state": one.state,
        "attempts": one.attempts,
        "next_at": moment(one.next_at),
        "status": one.status,
        "error": one.error,
        "body": json.loads(one.body),
    }
