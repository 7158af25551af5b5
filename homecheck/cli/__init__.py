"""The command line: one file per command, loaded when it is called. The only place that prints.

Data goes to stdout, progress and advice to stderr. An error that homecheck raises on purpose becomes two lines, what
happened and what to do, and exit status 1; wrong usage is 2.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

import click

from homecheck import __version__
from homecheck.cli.help_texts import OPERATORS, translated
from homecheck.errors import HomecheckError
from homecheck.locale import SOURCE
from homecheck.locale.here import OWN, _, said, speak_to_click
from homecheck.printable import printable_lines

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS: Final = (
    "check", "ui", "demo", "enroll", "programs", "stored", "rotate", "leave", "upload", "status", "schedule", "doctor",
    "history", "show", "verify", "credential", "probes", "devices", "policy", "completion", "uninstall", "responder",
    "collector",
)  # fmt: skip
SERVERS: Final = ("demo", "responder", "collector")  # need the extra, which homecheck as one file has not


def commands() -> tuple[str, ...]:
    """Return the names of the commands that there are, in the order in which people meet them."""
    return tuple(name for name in COMMANDS if name not in SERVERS) if getattr(sys, "frozen", False) else COMMANDS


class LazyGroup(click.Group):
    """Loads `homecheck.cli.<command>` when <command> is asked for, so that ``--version`` loads none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in that order."""
        return list(commands())

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin so, without loading any: a key's answer must not take a second."""
        from click.shell_completion import CompletionItem  # here: only the tabulator key asks for it

        named = [CompletionItem(name) for name in commands() if name.startswith(incomplete)]
        return named + click.Command.shell_complete(self, ctx, incomplete)  # a group's own would load them all

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Return the command of that name, or None."""
        if cmd_name not in commands():
            return None
        command = getattr(import_module(f"homecheck.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return translated(command, cmd_name)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="homecheck")
def homecheck() -> None:
    """Prove that a home office is ready to take calls."""


def run(args: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    if next((word for word in sys.argv[1:] if args is None and not word.startswith("-")), "") in OPERATORS:
        os.environ[OWN] = SOURCE  # whoever runs servers reads English, in errors too
    speak_to_click()
    try:
        result = translated(homecheck).main(args=args, prog_name="homecheck", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.Abort:
        click.echo(_("Stopped."), err=True)
        return 1
    except click.ClickException as wrong:
        wrong.show()
        return wrong.exit_code
    except HomecheckError as error:
        click.echo(f"homecheck: {printable_lines(said(error.message))}", err=True)
        if error.advice:
            click.echo(f"           {printable_lines(said(error.advice))}", err=True)
        return 1
    return result if isinstance(result, int) else 0
