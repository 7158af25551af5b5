"""What a person may want of one check: the options of `check`, which `demo` takes too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from homecheck.durations import parse_duration


class Duration(click.ParamType[float]):
    """A duration as people write it, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        if isinstance(value, int | float):
            return float(value)
        try:
            return parse_duration(value).total_seconds()
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass(frozen=True)
class CheckOptions:
    """What the person wants of one check."""

    policy: str | None = None
    program: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    unattended: bool = False
    answers: Path | None = None
    method: str = "responder"
    listen: float = 10.0
    headset: str | None = None
    responder: str | None = None
    no_upload: bool = False
    output: str = "text"
    save: Path | None = None
    yes: bool = False


_OPTIONS: Final = (
    click.option("--policy", metavar="NAME|FILE", help="Check privately against this policy; nothing is sent."),
    click.option("--program", multiple=True, metavar="NAME", help="Only for this program (default: all enrolled)."),
    click.option(
        "--only", multiple=True, metavar="GLOB", help="Only probes or quantities that match, e.g. 'network*'."
    ),
    click.option("--skip", multiple=True, metavar="GLOB", help="Leave out probes or quantities that match."),
    click.option("--unattended", is_flag=True, help="Nobody is there: ask nothing."),
    click.option(
        "--answers",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Answers to the policy's questions (TOML or JSON: id = true|false).",
    ),
    click.option(
        "--method", type=click.Choice(["responder"]), default="responder", help="How the network is measured."
    ),
    click.option("--responder", metavar="URL", help="The far end to measure against (default: the program's)."),
    click.option("--headset", metavar="NAME", help="The headset to test (default: the system's default devices)."),
    click.option(
        "--listen", type=Duration(), default="10s", metavar="DURATION", help="How long to listen to the room."
    ),
    click.option("--no-upload", is_flag=True, help="Send nothing."),
    click.option("--output", type=click.Choice(["text", "json", "html"]), default="text", help="Form of the result."),
    click.option(
        "--save", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Keep the signed evidence."
    ),
    click.option("--yes", is_flag=True, help="Send without asking again."),
)


def check_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options of `check`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
