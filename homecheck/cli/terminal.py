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

from homecheck.cli.console import SafeConsole
from homecheck.evidence import ProbeRun
from homecheck.measurement import Probe
from homecheck.printable import printable_lines

TITLES: Final = {
    "host": "This computer",
    "security": "Security of this computer",
    "link": "Kind of connection",
    "network": "Internet connection, and how a call would sound",
    "headset": "Headset",
    "quiet_room": "Quiet room",
    "declarations": "Your answers",
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
        self.tasks[probe.name] = self.bars.add_task(TITLES.get(probe.name, probe.name), total=1)

    def finished(self, probe: Probe, run: ProbeRun) -> None:
        """Stop the probe's line."""
        self.bars.update(self.tasks[probe.name], completed=1, description=_ended(probe, run))


@dataclass(frozen=True)
class PlainProgress:
    """A line when a probe begins and one when it ends, for pipes and log files."""

    out: Console

    def started(self, probe: Probe) -> None:
        """Say that the probe has begun."""
        self.out.print(f"{TITLES.get(probe.name, probe.name)}: measuring (at most {probe.deadline_seconds:.0f} s)")

    def finished(self, probe: Probe, run: ProbeRun) -> None:
        """Say how the probe has ended."""
        self.out.print(f"{_ended(probe, run)} in {run.seconds:.1f} s", markup=False)


@dataclass(frozen=True)
class TerminalPerson:
    """Somebody at this terminal; the moving lines stop while they read."""

    bars: Progress | None

    def tell(self, text: str) -> None:
        """Show one instruction."""
        with self._still():
            click.echo(f"\n  ➜ {printable_lines(text)}", err=True)

    def confirm(self, text: str) -> None:
        """Show one instruction and wait for Enter."""
        with self._still():
            click.prompt(
                f"\n  ➜ {printable_lines(text)}\n    Press Enter to go on", default="", show_default=False, err=True
            )

    def ask(self, question: str) -> bool:
        """Return the answer to a yes-or-no question; Enter alone is no answer."""
        with self._still():
            return click.confirm(f"  {printable_lines(question)}", default=None, err=True)

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
    title = TITLES.get(probe.name, probe.name)
    return f"{title}: done" if not missing else f"{title}: done, {missing} of {len(run.measurements)} not measured"
