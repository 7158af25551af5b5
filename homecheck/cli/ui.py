"""`homecheck ui`: the check as a guided page in the browser, on this computer alone."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import click

from homecheck import durable
from homecheck.config import Home
from homecheck.errors import StateError
from homecheck.file_lock import exclusive
from homecheck.locale.here import N_, _

FIRST: Final = N_("The guide is at this address. It lets in once, from this computer alone:")
AGAIN: Final = N_("If you close the browser, come back with this address; what was measured is kept for a day:")
NO_BROWSER: Final = N_("No browser was opened. Open the address above yourself, in a browser on this computer.")
FAR_AWAY: Final = N_(
    "You are at this computer by SSH, so no browser was opened. The computer, the connection and the headset of this\n"
    "computer are measured, not those of the one in front of you. To see the guide there all the same, run on it\n"
    "    ssh -L {port}:127.0.0.1:{port} …\n"
    "with the rest as you came here, and open the address above on it."
)
HOW_TO_END: Final = N_("To end it: the button “End” on the page, or Ctrl-C here.")


@click.command(short_help="The check as a guided page in your browser.")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Port on 127.0.0.1 (default: any free one).")
@click.option("--no-browser", is_flag=True, help="Only print the address, open no browser.")
def ui(port: int, no_browser: bool) -> None:
    """Go through the check step by step, in your browser and in your language.

    Only this computer can open the page. Nothing is measured before you agree, and nothing is sent before you have
    looked at it and pressed Send.
    """
    from homecheck.ui.serve import Served  # here: no other command needs a web server
    from homecheck.ui.sitting import Sitting

    home = Home.default()
    durable.make_folder(home.root)
    with exclusive(home.lock("ui")) as held:
        if not held:
            raise StateError(
                "homecheck ui is running already on this computer",
                "Go back to its page, or to the window where it was started: the newest address stands there.",
            )
        served = Served(Sitting(home), Announcer(opens=not no_browser), port)
        click.echo(_(HOW_TO_END), err=True)
        with suppress(KeyboardInterrupt):  # Ctrl-C is one of the two ways to end it
            served.run()
    click.echo(_("The guide has ended."), err=True)


@dataclass
class Announcer:
    """Prints each address, and opens the first one in the browser, where there is a desktop to show one."""

    opens: bool
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    shown: int = 0

    def __call__(self, address: str) -> None:
        """Show one address."""
        click.echo(_(AGAIN if self.shown else FIRST), err=True)
        click.echo(address)
        if self.opens and not self.shown:
            self._open(address)
        self.shown += 1

    def _open(self, address: str) -> None:
        if hint := _hint(self.environment, address):
            click.echo(hint, err=True)
            return
        # In a thread: a browser for terminals would hold up the server that it waits for.
        threading.Thread(target=_open_or_tell, args=(address,), name="browser", daemon=True).start()


def _hint(environment: Mapping[str, str], address: str) -> str:
    """Return what to do where no browser can be shown; empty where one can, or where BROWSER names one.

    Without a desktop Python would start a browser for terminals, over the lines that are written here.
    """
    if environment.get("BROWSER") or environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"):
        return ""
    if environment.get("SSH_CONNECTION"):
        return _(FAR_AWAY, port=urlsplit(address).port)
    return "" if sys.platform in ("win32", "darwin") else _(NO_BROWSER)


def _open_or_tell(address: str) -> None:
    if not webbrowser.open(address):
        click.echo(_(NO_BROWSER), err=True)
