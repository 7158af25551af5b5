"""Help texts in the person's language: commands are copied with their texts translated, when one is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Final

import click

from homecheck.locale import SOURCE, Translator
from homecheck.locale.here import here

OPERATORS: Final = ("responder", "collector")  # whoever runs servers reads English, as in their documents


def translated(command: click.Command, name: str = "") -> click.Command:
    """Return the command as it is for English and for operators, else one whose help is in the person's language."""
    return command if here().language == SOURCE or name in OPERATORS else _copied(command, here())


def help_texts(command: click.Command) -> Iterator[str]:
    """Yield every text of a command's help, those of its subcommands and options as well."""
    yield from filter(None, (_help(command), command.short_help))
    yield from (one.help for one in command.params if isinstance(one, click.Option) and one.help)
    if isinstance(command, click.Group):
        for child in command.commands.values():
            yield from help_texts(child)


def _copied(command: click.Command, say: Translator) -> click.Command:
    made = copy(command)
    made.help = say(_help(command)) if command.help else None
    made.short_help = say(command.short_help) if command.short_help else None
    made.params = [_with_help(one, say) for one in command.params]
    if isinstance(made, click.Group) and isinstance(command, click.Group):
        made.commands = {name: _copied(child, say) for name, child in command.commands.items()}
    return made


def _help(command: click.Command) -> str:
    from inspect import cleandoc  # here: `--version` in English does without

    return cleandoc(command.help or "")


def _with_help(parameter: click.Parameter, say: Translator) -> click.Parameter:
    if not isinstance(parameter, click.Option) or not parameter.help:
        return parameter
    made = copy(parameter)
    made.help = say(parameter.help)
    return made
