"""The terminal: progress on stderr (moving where somebody watches, plain lines where it is piped), and the person."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from homecheck.cli.asking import confirm
from homecheck.cli.console import SafeConsole
from homecheck.evidence import ProbeRun
from homecheck.locale.here import N_, _, here, said
from homecheck.measurement import Probe
from homecheck.printable import printable_lines

TITLES: Final = {
    "host": N_("This computer"),
    "security": N_("Security of this computer"),
    "link": N_("Kind of connection"),
    "path": N_("Way to the internet"),
    "network": N_("Internet connection, and how a call would sound"),
    "nat": N_("Router, and whether it rewrites calls"),
    "reach": N_("Servers that you will need"),
    "landline": N_("Telephone line"),
    "headset": N_("Headset"),
    "quiet_room": N_("Quiet room"),
    "callback": N_("Call to your telephone"),
    "place": N_("Where you work"),
    "declarations": N_("Your answers"),
}


def console() -> Console:
    """Return the console for progress and advice: stderr, without colours where NO_COLOR is set or nobody watches."""
    return SafeConsole(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())  # in a log, a line stays a line


def can_move(out: Console) -> bool:
    """Tell whether lines on this console can be written over: not in a file, nor on a dumb terminal."""
    return out.is_terminal and not out.is_dumb_terminal


def is_watched() -> bool:
    """Tell whether a person can read questions and answer them here."""
    return sys.stdin.isatty() and sys.stderr.isatty()


@dataclass
class MovingProgress:
    """One moving line per probe; stands still while the person reads and answers."""

    bars: Progress
    tasks: dict[str, TaskID] = field(default_factory=dict)

    def started(self, probe: Probe) -> None:
        """Add the probe's line."""
        self.tasks[probe.name] = self.bars.add_task(_title(probe), total=1)

    def finished(self, probe: Probe, run: ProbeRun) -> None:
        """Stop the probe's line."""
        self.bars.update(self.tasks[probe.name], completed=1, description=_ended(probe, run))


@dataclass(frozen=True)
class PlainProgress:
    """A line when a probe begins and one when it ends, for pipes and log files."""

    out: Console

    def started(self, probe: Probe) -> None:
        """Say that the probe has begun."""
        seconds = round(probe.deadline_seconds)
        self.out.print(_("{part}: measuring (at most {seconds} s)", part=_title(probe), seconds=seconds), markup=False)

    def finished(self, probe: Probe, run: ProbeRun) -> None:
        """Say how the probe has ended."""
        seconds = here().numbers(f"{run.seconds:.1f} s")
        self.out.print(_("{ended} in {seconds}", ended=_ended(probe, run), seconds=seconds), markup=False)


@dataclass(frozen=True)
class TerminalPerson:
    """Somebody at this terminal; the moving lines stop while they read."""

    bars: Progress | None

    def tell(self, text: str) -> None:
        """Show one instruction."""
        with self._still():
            click.echo(f"\n  ➜ {printable_lines(said(text))}", err=True)

    def confirm(self, text: str) -> None:
        """Show one instruction and wait for Enter."""
        with self._still():
            shown = f"\n  ➜ {printable_lines(said(text))}\n    "
            click.prompt(shown + _("Press Enter to go on"), default="", show_default=False, err=True)

    def enter(self, text: str) -> str:
        """Show one instruction and return the line that is typed."""
        with self._still():
            typed: str = click.prompt(
                f"\n  ➜ {printable_lines(said(text))}\n   ",
                default="", show_default=False, err=True, prompt_suffix=" ",
            )  # fmt: skip
        return typed.strip()

    def ask(self, question: str) -> bool:
        """Return the answer to a yes-or-no question; Enter alone is no answer."""
        with self._still():
            return confirm(f"  {printable_lines(said(question))}", default=None)

    def count(self, question: str, most: int) -> int:
        """Return a number from 0 to `most`; anything else is asked for again."""

        def number(typed: str) -> int:
            if not typed.strip().isdecimal() or int(typed) > most:
                raise click.UsageError(_("please type a number from 0 to {most}, then press Enter.", most=most))
            return int(typed)

        with self._still():
            counted: int = click.prompt(f"\n  ➜ {printable_lines(said(question))}", value_proc=number, err=True)
            return counted

    @contextmanager
    def _still(self) -> Iterator[None]:
        if self.bars is None or not self.bars.live.is_started:  # before and after measuring there are no lines
            yield
            return
        self.bars.live.transient = True  # the lines come again below: they need not stand there twice
        self.bars.stop()
        try:
            yield
        finally:
            self.bars.live.transient = False
            self.bars.start()


def moving_bars(out: Console) -> Progress:
    """Return the display that `MovingProgress` writes to."""
    return Progress(
        SpinnerColumn(finished_text="•"), TextColumn("{task.description}"), TimeElapsedColumn(), console=out
    )


def _ended(probe: Probe, run: ProbeRun) -> str:
    missing = sum(found.failure is not None for found in run.measurements)
    if not missing:
        return _("{part}: done", part=_title(probe))
    every = len(run.measurements)
    return _("{part}: done, {missing} of {every} not measured", part=_title(probe), missing=missing, every=every)


def _title(probe: Probe) -> str:
    return _(TITLES[probe.name]) if probe.name in TITLES else probe.name
