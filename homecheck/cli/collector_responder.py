"""`homecheck collector responder`: the far ends whose observations count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from homecheck.cli.collector_options import (
    OUTPUT,
    operator,
    print_json,
    with_database,
)
from homecheck.clock import utc_now

if TYPE_CHECKING:
    from homecheck.collector.store.database import Database


@click.group()
def responder() -> None:
    """Responders: far ends of network measurements whose signed observations count here."""


@responder.command("add")
@click.argument("url")
@with_database
def add_responder(database: Database, url: str) -> None:
    """Ask the responder at URL for its key, and trust that key from now on."""
    from homecheck.collector.store import settings
    from homecheck.collector.store.database import opened

    with opened(database) as db:
        collector = settings.read(db).url
    address, key = fetch_responder(url, collector)
    pin(database, address, key)
    click.echo(f"{address} {key.kid}")


@responder.command("list")
@OUTPUT
@with_database
def list_responders(database: Database, output: str) -> None:
    """List the responders with the names of their keys."""
    from homecheck.collector.store import programs
    from homecheck.collector.store.database import opened

    with opened(database) as db:
        found = programs.responders(db)
    if output == "json":
        print_json([{"url": one.url, "jwk": one.key.jwk()} for one in found])
    for one in found if output == "text" else ():
        click.echo(f"{one.url} {one.key.kid}")


@responder.command("remove")
@click.argument("url")
@with_database
def remove_responder(database: Database, url: str) -> None:
    """Trust a responder no longer; what it signed before stays marked as it was."""
    from homecheck.collector import administration

    administration.remove_responder(database, url, operator(), utc_now())


def fetch_responder(url: str, collector: str) -> tuple[str, Any]:
    """Return the address of a responder and the key that it shows there. SetupError when it does not.

    `collector` is the address of the collector that is to trust it.
    """
    from homecheck.collector.responders import clean_address, fetch_key

    address = clean_address(url, collector)
    return address, fetch_key(address)


def pin(database: Database, url: str, key: Any) -> None:
    """Trust a responder by its key."""
    from homecheck.collector import administration

    administration.pin_responder(database, url, key, operator(), utc_now())
