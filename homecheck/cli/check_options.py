"""What a person may want of one check: the options of `check`, which `demo` takes too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from homecheck.durations import parse_duration
from homecheck.locale.here import said


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
            self.fail(said(str(error)), param, ctx)


@dataclass(frozen=True)
class CheckOptions:
    """What the person wants of one check."""

    policy: str | None = None
    program: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    everything: bool = False
    unattended: bool = False
    answers: Path | None = None
    method: str = "responder"
    listen: float = 10.0
    spot: float | None = None  # seconds; `check` alone has it
    full_scale_spl: float | None = None
    headset: str | None = None
    responder: str | None = None
    no_upload: bool = False
    output: str = "text"
    save: Path | None = None
    yes: bool = False
    agreed: bool | None = None  # to the notice of --method; None: as `yes`
    metered: bool = False


_OPTIONS: Final = (
    click.option("--policy", metavar="NAME|FILE", help="Check privately against this policy; nothing is sent."),
    click.option("--program", multiple=True, metavar="NAME", help="Only for this program (default: all enrolled)."),
    click.option(
        "--only", multiple=True, metavar="GLOB", help="Only probes or quantities that match, e.g. 'network*'."
    ),
    click.option("--skip", multiple=True, metavar="GLOB", help="Leave out probes or quantities that match."),
    click.option(
        "--all", "everything", is_flag=True, help="Measure everything there is, not only what the policies ask for."
    ),
    click.option("--unattended", is_flag=True, help="Nobody is there: ask nothing."),
    click.option(
        "--answers",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Answers to the policy's questions (TOML or JSON: id = true|false).",
    ),
    click.option(
        "--method",
        type=click.Choice(["responder", "ndt7", "speedtest"]),
        default="responder",
        help="How the network is measured. The others give a second opinion on throughput, after you have agreed.",
    ),
    click.option("--responder", metavar="URL", help="The far end to measure against (default: the program's)."),
    click.option("--headset", metavar="NAME", help="The headset to test (default: the system's default devices)."),
    click.option(
        "--listen", type=Duration(), default="10s", metavar="DURATION", help="How long to listen to the room."
    ),
    click.option(
        "--full-scale-spl",
        type=click.FloatRange(60, 200),
        metavar="DB",
        help="Sound level meter minus room.noise, if you have compared them: then dB(A) and NR are estimated.",
    ),
    click.option("--no-upload", is_flag=True, help="Send nothing."),
    click.option("--output", type=click.Choice(["text", "json", "html"]), default="text", help="Form of the result."),
    click.option(
        "--save", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Keep the signed evidence."
    ),
    click.option("--yes", is_flag=True, help="Send without asking again, and agree to the notice of --method."),
    click.option("--metered", is_flag=True, help="Fill the line although data costs money on this connection."),
)


def check_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options of `check`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
