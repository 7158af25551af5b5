"""The guide of `homecheck ui` for tests: served on a real socket, with the real probes made quicker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from homecheck.clock import utc_now
from homecheck.collector import administration
from homecheck.config import Home
from homecheck.enrolment import read_invitation, redeem
from homecheck.exchange import new_session
from homecheck.instruments.tcp_load import LoadRule
from homecheck.measurement import CheckSetup, Failure, Measurement, Need, Observation, Person, Probe, Quantity
from homecheck.policy import parse_policy
from homecheck.ui.serve import Served
from homecheck.ui.sitting import Build, Sitting, installed_probes
from probes.headset import BE_SILENT, CLEAR, HOW_MANY, READY, Headset
from probes.network import Network
from probes.quiet_room import QuietRoom
from tests.live_collector import Site, in_thread

START_SECONDS = 60.0
BEEPS = 2  # that the quick headset probe always plays


@dataclass
class Guided:
    """A guide that runs, and every address that it gave out."""

    served: Served
    addresses: list[str]
    thread: threading.Thread

    @property
    def url(self) -> str:
        return self.served.gate.origin

    @property
    def sitting(self) -> Sitting:
        return self.served.sitting

    def newest(self) -> str:
        """Return the address that was given out last."""
        return self.addresses[-1]


def quick(setup: CheckSetup) -> list[Probe]:
    """Return the installed probes, made to take seconds: a short call, short loads, short tones, two beeps."""
    return [_quicker(probe) for probe in installed_probes(setup)]


def _quicker(probe: Probe) -> Probe:
    if isinstance(probe, Network):
        return replace(probe, voice_seconds=3.0, load=LoadRule(1.0, 1.5, 2.0, most_bytes=20_000_000))
    if isinstance(probe, Headset):
        return replace(probe, draw=lambda _below: BEEPS - 1, tone_seconds=4.0)
    if isinstance(probe, QuietRoom):
        return replace(probe, listen_seconds=5.0)
    return probe


@contextmanager
def guided(home: Home, build: Build = quick, **more: Any) -> Iterator[Guided]:
    """Serve a guide in a thread until the block ends."""
    addresses: list[str] = []
    served = Served(Sitting(home, build=build, **more), addresses.append)
    thread = threading.Thread(target=served.run)
    thread.start()
    try:
        _wait_until(lambda: served.server.started or not thread.is_alive())
        assert served.server.started, "the guide does not serve"
        yield Guided(served, addresses, thread)
    finally:
        served.server.should_exit = True
        thread.join(START_SECONDS)


def _wait_until(done: Callable[[], bool]) -> None:
    ticks = threading.Event()
    for _ in range(round(START_SECONDS / 0.02)):
        if done():
            return
        ticks.wait(0.02)


@dataclass(frozen=True)
class Made:
    """A probe that says at once what it is told to; with `asks` the person is asked first, as the headset's does."""

    name: str
    measurements: tuple[Measurement, ...]
    person: Person | None = None
    asks: bool = False
    version: str = "1"
    needs: frozenset[Need] = frozenset()
    reveals: str = "Nothing."
    deadline_seconds: float = 60.0

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return tuple(one.quantity for one in self.measurements)

    def run(self) -> Iterator[Measurement | Observation]:
        if self.asks and self.person is not None:
            self.person.confirm(READY)
            self.person.tell(BE_SILENT)
            self.person.count(HOW_MANY, 9)
            self.person.ask(CLEAR)
        yield from self.measurements


MEMORY = Quantity("host.memory", "GiB", "the system's own number")
LINK = Quantity.text("link.type", "the system's routing table")
JITTER = Quantity("network.jitter", "ms", "RFC 3550")
TRANSPORT = Quantity.text("headset.transport", "USB descriptors")
NOISE = Quantity("room.noise", "dBFS(A)", "IEC 61672-1")
KIND = Quantity.text("room.kind", "shares")
NO_ROOM = Failure("no_device", "device", "this computer has no microphone", "Repeat the check.")
POLICY = """
name = "made"
version = "1"
title = "Made for tests"

[[requirement]]
quantity = "host.memory"
at_least = 2

[[requirement]]
quantity = "network.jitter"
at_most = 30
reason = "Packets that arrive unevenly are thrown away or delay the call."

[[requirement]]
quantity = "link.type"
one_of = ["ethernet", "wifi"]

[[requirement]]
quantity = "headset.transport"
one_of = ["wired"]

[[requirement]]
quantity = "room.noise"
at_most = -50

[[requirement]]
quantity = "room.kind"
none_of = ["nothing"]

[[declaration]]
id = "door"
question.en = "Does the room have a door that stays closed?"
question.sv = "Har rummet en dörr som hålls stängd?"
must_be = true

[[declaration]]
id = "desk"
question.de = "Steht der Tisch still?"
"""


def made(setup: CheckSetup, *, jitter: float = 41.2, noise: float | None = -40.0) -> list[Probe]:
    """Return made-up probes of somebody on Wi-Fi in a room full of voices; without `noise` nothing hears the room."""
    loud = Measurement(NOISE, failure=NO_ROOM) if noise is None else Measurement(NOISE, noise, 0.5)
    return [
        Made("host", (Measurement(MEMORY, 16.0, 0.0),)),
        Made("link", (Measurement(LINK, "wifi"),)),
        Made("network", (Measurement(JITTER, jitter, 3.0),)),
        Made("headset", (Measurement(TRANSPORT, "wired"),), setup.person, asks=True),
        Made("quiet_room", (loud, Measurement(KIND, "voices"))),
    ]


PROGRAM = "made"


@contextmanager
def hiring_company(folder: Path) -> Iterator[Site]:
    """Run a collector with a program of the policy above."""
    with in_thread(folder) as site:
        administration.add_program(
            site.database, PROGRAM, "Made line", "To see whether your home is ready.", 180,
            parse_policy(POLICY, "made policy"), "a test", utc_now(),
        )  # fmt: skip
        yield site


def enrolled(company: Site, folder: Path) -> Home:
    """Return the state, in `folder`, of somebody who has enrolled with the company."""
    home, http = Home.at(folder), new_session()
    redeem(
        read_invitation(f"{company.url}/invite/{company.invite('Ada', program=PROGRAM)}", http), home, http, utc_now()
    )
    return home
