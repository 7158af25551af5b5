"""The command line: one file per command, loaded when it is called. The only place that prints.

Data goes to stdout, progress and advice to stderr. An error that homecheck raises on purpose becomes two lines, what
happened and what to do, and exit status 1; wrong usage is 2.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from homecheck import __version__
from homecheck.errors import HomecheckError
from homecheck.printable import printable_lines

COMMANDS: Final = (
    "check", "demo", "enroll", "programs", "leave", "upload", "status", "show", "verify", "probes", "policy",
    "responder", "collector",
)  # fmt: skip


class LazyGroup(click.Group):
    """Loads `homecheck.cli.<command>` when <command> is asked for, so that ``--version`` loads none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Return the command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"homecheck.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="homecheck")
def homecheck() -> None:
    """Prove that a home office is ready to take calls."""


def run(args: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    try:
        result = homecheck.main(args=args, prog_name="homecheck", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.Abort:
        click.echo("Stopped.", err=True)
        return 1
    except click.ClickException as wrong:
        wrong.show()
        return wrong.exit_code
    except HomecheckError as error:
        click.echo(f"homecheck: {printable_lines(error.message)}", err=True)
        if error.advice:
            click.echo(f"           {printable_lines(error.advice)}", err=True)
        return 1
    return result if isinstance(result, int) else 0
