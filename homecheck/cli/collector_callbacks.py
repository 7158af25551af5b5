"""`homecheck collector callbacks`: who waits to be called, and the code to play."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from homecheck.cli.collector_options import (
    DASHES,
    OUTPUT,
    advise,
    print_json,
    with_database,
)
from homecheck.clock import utc_now
from homecheck.errors import SetupError

if TYPE_CHECKING:
    from homecheck.collector.store.database import Database


@click.group()
def callbacks() -> None:
    """Call-backs: who waits to be called, and the code to be played on the call."""


@callbacks.command("list")
@OUTPUT
@with_database
def list_callbacks(database: Database, output: str) -> None:
    """List the calls that somebody is to place now, with number and code. Those that are over are not listed."""
    from homecheck.collector.operators import calls

    waiting = calls(database, utc_now())
    if output == "json":
        print_json([one.members() for one in waiting])
    elif not waiting:
        advise("Nobody waits for a call.")
    for one in waiting if output == "text" else ():
        click.echo(
            f"{one.callback.id}  call {one.callback.phone} and play {one.code}  for {one.callback.person.name},"
            f" until {one.callback.expires_at:%H:%M} UTC"
        )


@callbacks.command("show", context_settings=DASHES)
@click.argument("callback_id", metavar="ID")
@OUTPUT
@with_database
def show_callback(database: Database, callback_id: str, output: str) -> None:
    """Show one call that is to be placed now."""
    from homecheck.collector.operators import call

    one = call(database, callback_id, utc_now())
    if output == "json":
        print_json(one.members())
        return
    for name, value in one.members().items():
        click.echo(f"{name:14}{value}")


@callbacks.command("wav", context_settings=DASHES)
@click.argument("callback_id", metavar="ID")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@with_database
def callback_wav(database: Database, callback_id: str, file: str) -> None:
    """Write the code as sound into FILE (- is stdout): a WAV file of 8000 Hz, 16 bit, for telephone systems."""
    from homecheck.collector.code_sound import wav
    from homecheck.collector.operators import call

    sound = wav(call(database, callback_id, utc_now()).code)
    try:
        with click.open_file(file, "wb") as opened:
            opened.write(sound)
    except OSError as error:
        raise SetupError(f"{file}: cannot be written: {error.strerror}", "Name a file in a folder of yours.") from None
