"""What the steps of one check on the command line share."""

from __future__ import annotations

from dataclasses import dataclass, field

import requests

from homecheck.cli.check_options import CheckOptions
from homecheck.cli.terminal import TerminalPerson, can_move, console, is_watched, moving_bars
from homecheck.config import Home
from homecheck.enrolment import Damaged
from homecheck.exchange import new_session


@dataclass
class Session:
    """The things that the steps of one check share."""

    options: CheckOptions
    home: Home
    http: requests.Session = field(default_factory=new_session)
    left_out: list[Damaged] = field(default_factory=list)  # programs that nothing can be signed for just now

    def __post_init__(self) -> None:
        self.out = console()
        self.bars = moving_bars(self.out) if can_move(self.out) else None
        watched = not self.options.unattended and is_watched()
        self.person = TerminalPerson(self.bars) if watched else None
