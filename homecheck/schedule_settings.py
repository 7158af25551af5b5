"""What the person wants of re-checks, kept in ``schedule.json``: how often, in which hours, started by what.

    {"v": 1, "scheduler": text, "every": duration or "", "windows": [text, …], "timezone": text or "",
     "only": [glob, …], "skip": [glob, …], "minute": n, "since": time, "environment": {name: value}}

The address of a proxy may hold a password, so `environment` is shown nowhere, and the file is its owner's alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from homecheck import durable
from homecheck.config import Home
from homecheck.durations import parse_duration
from homecheck.errors import Refused, StateError
from homecheck.session_environment import CARRIED
from homecheck.shift import Shift
from homecheck.standards.rfc_3339 import from_text, to_text
from homecheck.strict_json import Record, parse_object, serialize

VERSION: Final = 1
NAMES: Final = ("systemd", "cron", "launchd", "task-scheduler")  # of timers (homecheck/timers)
MOST_TEXT: Final = 4000  # a list of hosts that need no proxy can be long
QUARTER: Final = 15  # minutes from one start by the timer to the next
LEAST: Final = timedelta(days=1)
USUAL: Final = "7d"
AWAKE: Final = ("Mon-Sun 08:00-20:00",)  # for a program without hours, where the person names none


@dataclass(frozen=True)
class Settings:
    """`every` is empty where the usual interval or the program's shorter one counts, `timezone` where the computer's.

    `scheduler` and `minute` (of each quarter of an hour) are the timer's; `since` is when re-checks were first wanted.
    `environment` is what re-checks know of the session that they were installed in.
    """

    scheduler: str
    minute: int
    since: datetime
    every: str = ""
    windows: tuple[str, ...] = ()
    timezone: str = ""
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.scheduler not in NAMES:
            raise ValueError(f"scheduler {self.scheduler!r:.40} is not known here")
        for name, value in self.environment.items():
            if name not in CARRIED or len(value) > MOST_TEXT:
                raise ValueError(f"the variable {name!r:.40} is not one that can be kept, or is too long")
        if self.minute not in range(QUARTER):
            raise ValueError(f"minute {self.minute} is not in the first quarter of an hour")
        if self.every and parse_duration(self.every) < LEAST:
            raise ValueError(f"every {self.every}: at most once a day; `homecheck check --spot` measures more often")
        if self.windows:
            Shift(self.timezone or "UTC", self.windows)
        elif self.timezone:
            raise ValueError("a time zone goes with windows: those of a program have their own")

    def interval(self, recheck: timedelta) -> timedelta:
        """Return how often a program is checked whose policy asks for a check every `recheck`."""
        return parse_duration(self.every) if self.every else min(parse_duration(USUAL), max(recheck, LEAST))

    def shifts(self, program: Shift | None, local_zone: str) -> tuple[Shift, ...]:
        """Return the hours for a program: its own, and within them those that the person named."""
        zone = self.timezone or local_zone
        own = (Shift(zone, self.windows),) if self.windows else ()
        named = (*((program,) if program else ()), *own)
        return named or (Shift(zone, AWAKE),)


def load(home: Home) -> Settings | None:
    """Return the settings; None where no re-checks are wanted. StateError when they are damaged."""
    data = durable.read(home.schedule)
    if data is None:
        return None
    try:
        record = Record(parse_object(data), "schedule")
        if record.integer("v") != VERSION:
            raise Refused("schema", "a newer homecheck wrote it")
        settings = Settings(
            scheduler=record.text("scheduler"),
            minute=record.integer("minute"),
            since=from_text(record.text("since")),
            every=record.text("every"),
            windows=record.texts("windows"),
            timezone=record.text("timezone"),
            only=record.texts("only"),
            skip=record.texts("skip"),
            environment=_texts(record.record("environment")) if record.has("environment") else {},
        )
        record.done()
    except (Refused, ValueError) as error:
        what = error.message if isinstance(error, Refused) else str(error)
        advice = "Run: homecheck schedule install, with the options that you want."
        raise StateError(f"{home.schedule}: this file is damaged: {what}", advice) from None
    return settings


def store(home: Home, settings: Settings) -> None:
    """Replace the settings. StateError."""
    members = {
        "v": VERSION,
        "scheduler": settings.scheduler,
        "every": settings.every,
        "windows": list(settings.windows),
        "timezone": settings.timezone,
        "only": list(settings.only),
        "skip": list(settings.skip),
        "minute": settings.minute,
        "since": to_text(settings.since),
        "environment": dict(settings.environment),
    }
    durable.write(home.schedule, serialize(members))


def _texts(record: Record) -> dict[str, str]:
    return {name: record.text(name, max_length=MOST_TEXT) for name in record.names()}
