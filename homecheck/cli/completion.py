"""`homecheck completion`: what makes the tabulator key finish commands and options."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

VARIABLE: Final = "_HOMECHECK_COMPLETE"  # what click listens to, by the name of the program
SHELLS: Final = ("bash", "zsh", "fish")


@click.command(short_help="Print the script that completes commands in your shell.")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script with which SHELL completes homecheck's commands and options.

    \b
    bash   homecheck completion bash >> ~/.bash_completion
    zsh    homecheck completion zsh > a folder of $fpath/_homecheck
    fish   homecheck completion fish > ~/.config/fish/completions/homecheck.fish
    """
    from homecheck.cli import homecheck  # here: the commands load one another only when they are called

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(homecheck, {}, "homecheck", VARIABLE).source())
