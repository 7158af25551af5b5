"""What the commands of `homecheck collector` share: their options, and how they print."""

from __future__ import annotations

import functools
import getpass
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import click

from homecheck.durations import parse_duration

OUTPUT = click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Form of the output."
)


def with_database(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option --database and call it with the `Database` that it names."""

    def command(context: click.Context, /, *, database: str | None, **options: Any) -> Any:
        from homecheck.collector.store.database import Database

        url = database or context.obj
        return function(Database.at(url) if url else Database.default(), **options)

    # In this order: the wrapper takes over the options that the function has already.
    wrapped = functools.update_wrapper(click.pass_context(command), function)
    return click.option("--database", metavar="URL", help="Like sqlite:///file.db. Default: see the group.")(wrapped)


# A key or call is named in base64url, which may begin with "-" and hold the letter of any short option.
DASHES: Final = {"ignore_unknown_options": True, "help_option_names": ["--help"]}


def duration(text: str, option: str = "--valid") -> timedelta:
    """Return a duration like 24h; click.UsageError names the option of another text."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}") from None


def operator() -> str:
    """Return who works at this command line, for the record of changes."""
    try:
        return f"{getpass.getuser()} at the command line"
    except (OSError, KeyError):  # a user id without a name, as in containers
        return "operator at the command line"


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def advise(text: str) -> None:
    """Tell on stderr what to do next."""
    click.echo(text, err=True)


def moment(at: datetime | None) -> str | None:
    """Return a moment as documents have it (RFC 3339)."""
    from homecheck.standards.rfc_3339 import to_text

    return to_text(at) if at else None
