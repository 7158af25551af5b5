"""Something that takes time, in a thread of its own: the pages show how far it is, and never wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from homecheck.errors import HomecheckError, ProbeError
from homecheck.evidence import ProbeRun
from homecheck.measurement import Probe
from homecheck.ui.dialogue import BrowserPerson
from homecheck.ui.live import Live

OURS = ProbeError("crashed", "Tell us: this is a fault in homecheck.", message="homecheck stopped on its own")


@dataclass(frozen=True)
class Part:
    """One probe of a step: whether it has ended, and how many of its values could not be measured."""

    probe: str
    ended: bool = False
    missing: int = 0


@dataclass
class Job:
    """A step that runs or has run; it is the `Progress` of its probes. `changed` says that there is news."""

    name: str
    changed: Callable[[], None]
    live: Live = field(default_factory=Live)
    parts: dict[str, Part] = field(default_factory=dict)
    running: bool = False

    def __post_init__(self) -> None:
        self.person = BrowserPerson(self.changed)

    def start(self, work: Callable[[Job], None], failed: Callable[[HomecheckError], None]) -> None:
        """Begin; `failed` gets the error that ended it, if one did."""
        self.running = True

        def run() -> None:
            ended: HomecheckError | None = OURS  # stays so only when something unforeseen ends the thread
            try:
                work(self)
                ended = None
            except HomecheckError as error:
                ended = error
            finally:
                if ended is not None:
                    failed(ended)
                self.person.stop()  # a probe whose deadline is over must not wait for ever
                self.running = False
                self.changed()

        threading.Thread(target=run, name=f"ui {self.name}", daemon=True).start()
        self.changed()

    def stop(self) -> None:
        """Let whatever asks the person end; what measures just now runs to its end."""
        self.person.stop()

    def started(self, probe: Probe) -> None:
        """Note that a probe has begun."""
        self.parts[probe.name] = Part(probe.name)
        self.changed()

    def finished(self, probe: Probe, run: ProbeRun) -> None:
        """Note that a probe has ended."""
        missing = sum(found.failure is not None for found in run.measurements)
        self.parts[probe.name] = Part(probe.name, ended=True, missing=missing)
        self.changed()
