"""What probes say to the person and ask of them, and the answers that come by forms; see `measurement.Person`.

A probe's thread waits in here until a form brings the answer, or until the person stops the step. Each question has a
number: an answer to an earlier one, from a second tab or a form that was sent twice, counts for nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from homecheck.errors import ProbeError

Kind = Literal["confirm", "enter", "ask", "count"]
MOST_TYPED: Final = 200  # characters of an answer
MOST_SAID: Final = 50  # sentences that are kept for the screen
SAME_BREATH: Final = 2.0  # seconds; what is said while something is recorded comes longer before the next question


@dataclass(frozen=True)
class Prompt:
    """One question: its number, what kind of answer it wants, and for a count the largest.

    `before` was said in the same breath: why it is asked once more, or what comes next.
    """

    number: int
    kind: Kind
    text: str
    most: int = 0
    before: tuple[str, ...] = ()


@dataclass
class BrowserPerson:
    """Somebody in front of the page. `changed` is called when there is something new to show."""

    changed: Callable[[], None]
    said: list[str] = field(default_factory=list)
    prompt: Prompt | None = None
    stopped: bool = False
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._asked = 0
        self._just_said: list[tuple[float, str]] = []
        self._answer: str | None = None
        self._news = threading.Condition()

    def tell(self, text: str) -> None:
        """Show one instruction."""
        with self._news:
            self.said = [*self.said, text][-MOST_SAID:]
            self._just_said = [*self._just_said, (self.clock(), text)][-MOST_SAID:]
        self.changed()

    def confirm(self, text: str) -> None:
        """Show one instruction and wait for the button."""
        self._wait("confirm", text)

    def enter(self, text: str) -> str:
        """Show one instruction and return what is typed."""
        return self._wait("enter", text)

    def ask(self, question: str) -> bool:
        """Return the answer to a yes-or-no question."""
        return self._wait("ask", question) == "yes"

    def count(self, question: str, most: int) -> int:
        """Return a number from 0 to `most`."""
        return int(self._wait("count", question, most))

    def answer(self, number: int, text: str) -> bool:
        """Take the answer to the question of that number; False when it is not the one that stands, or does not fit."""
        with self._news:
            prompt, given = self.prompt, text.strip()[:MOST_TYPED]
            if prompt is None or prompt.number != number or not fits(prompt, given):
                return False
            self._answer, self.prompt = given, None
            self._news.notify_all()
        self.changed()
        return True

    def stop(self) -> None:
        """End every wait: whatever asks from now on is told that the person has stopped."""
        with self._news:
            self.stopped, self.prompt = True, None
            self._news.notify_all()
        self.changed()

    def _wait(self, kind: Kind, text: str, most: int = 0) -> str:
        with self._news:
            if self.stopped:
                raise _stopped()
            self._asked += 1
            now, told = self.clock(), self._just_said
            before = tuple(said for at, said in told if now - at < SAME_BREATH)
            self._answer, self.prompt, self._just_said = None, Prompt(self._asked, kind, text, most, before), []
        self.changed()
        with self._news:
            self._news.wait_for(lambda: self.stopped or self._answer is not None)
            if self._answer is None:
                raise _stopped()
            return self._answer


def fits(prompt: Prompt, given: str) -> bool:
    """Tell whether an answer is one of its kind."""
    if prompt.kind == "ask":
        return given in ("yes", "no")
    if prompt.kind == "count":
        return given.isascii() and given.isdecimal() and len(given) < 4 and int(given) <= prompt.most
    return True


def _stopped() -> ProbeError:
    return ProbeError(
        "stopped",
        "Do this part again when you are ready.",
        message="you stopped this part before it was complete",
        at_fault="person",
    )
