"""`homecheck uninstall`: nothing of homecheck stays on this computer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

import homecheck as package
from homecheck.cli.asking import agrees
from homecheck.cli.leave import never_sent
from homecheck.cli.schedule import Gone, remove_timer
from homecheck.config import Home
from homecheck.locale.here import N_, _, plural
from homecheck.printable import printable
from homecheck.removal import own_files, remove_everything, unsent
from homecheck.shiv import lock_beside, unpacked

PIPX, UV = "pipx_metadata.json", "uv-receipt.toml"  # what they leave in an environment, wherever that is
LEAVE: Final = N_("Nothing was changed.")


@click.command(short_help="Remove all that homecheck keeps here, and say how the program goes.")
@click.option("--yes", is_flag=True, help="Remove without being asked again.")
def uninstall(yes: bool) -> int:
    """Remove keys, enrolments, results, receipts and levels from this computer, then say how the program goes.

    What companies have received stays with them: `homecheck stored PROGRAM` shows it, as long as the key is here.
    """
    home = Home.default()
    files = own_files(home)
    if files:
        text = plural(
            "{folder}: {count} file of homecheck: keys, enrolments, results, receipts.",
            "{folder}: {count} files of homecheck: keys, enrolments, results, receipts.",
            len(files),
            folder=home.root,
        )
        click.echo(text, err=True)
        text = _("To take part again you need a new invitation. What was sent stays with the company.")
        click.echo(f"  {text}", err=True)
        if count := unsent(home):
            click.echo(f"  {never_sent(count)}", err=True)
        if not yes and not agrees(_("Remove?")):
            click.echo(_(LEAVE), err=True)
            return 1
    gone: list[Gone] = []
    left = remove_everything(home, lambda: gone.append(_end_rechecks(home)))
    removed = plural(
        "Removed from {folder}: {count} file", "Removed from {folder}: {count} files", len(files), folder=home.root
    )
    click.echo(removed if files else _("Nothing of homecheck is kept here."))
    for path in left:
        click.echo("  " + _("left alone, for it is not the agent's: {path}", path=printable(str(path))))
    how = how_to_remove(Path(sys.executable), Path(package.__file__), sys.argv[0], is_one_file())
    click.echo(_("The program itself: {how}", how=printable(how)))
    gone[0].complain()
    return 0


def _end_rechecks(home: Home) -> Gone:
    gone = remove_timer(home)
    if timers := gone.places:
        click.echo(_("Re-checks are over: removed from {timers}.", timers=", ".join(timers)))
    return gone


def is_one_file() -> bool:
    """Tell whether this is homecheck as one file."""
    return bool(getattr(sys, "frozen", False))


def how_to_remove(executable: Path, module: Path, started: str, one_file: bool) -> str:
    """Return what removes the program, by how it was installed, and was started."""
    if one_file:
        return _("delete the file {path}", path=executable)
    if folder := unpacked(module, started):
        lock = lock_beside(folder)
        return _("delete homecheck.pyz, the folder {folder}, and the file {lock}", folder=folder, lock=lock)
    environment = executable.parent.parent
    if "pipx" in executable.parts or (environment / PIPX).exists():
        return "pipx uninstall homecheck"
    if environment.parent.parts[-2:] == ("uv", "tools") or (environment / UV).exists():
        return "uv tool uninstall homecheck"
    return f"{executable} -m pip uninstall homecheck"
