"""A collector with many made-up people and their checks of some months, so that pages can be looked at as they will be.

Nobody here exists. The numbers are drawn with a fixed seed: lines of copper, cable and fibre, a few bad ones; headsets,
some of them Bluetooth; rooms, some of them loud. Everything arrives over HTTP, signed, at the time of a moved clock.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from homecheck.collector import administration
from homecheck.evidence import Declaration, Evidence, ProbeRun, Software
from homecheck.keys import SoftwareKey
from homecheck.measurement import Failure, Measurement, Quantity, Value
from homecheck.observation import Flow, Region, SessionObservation, Transfer
from homecheck.policy import load_policy
from homecheck.signing import OBSERVATION, sign
from homecheck.standards.itu_g107 import mos_cqe, mouth_to_ear_ms, r_factor
from tests.live_collector import Site
from tests.office import Clock
from tests.people import Worker

RESPONDER: Final = "https://measure.example.com"
PACKETS: Final = 496  # of a call, which all arrive
DAYS: Final = 100  # over which the checks lie
FIRST: Final = (
    "Ada", "Åsa", "Bilal", "Carmen", "Chidi", "Dana", "Elif", "Emeka", "Fatou", "Greta", "Hugo", "Ines", "Jonas",
    "Kofi", "Lena", "Mateo", "Maja", "Noor", "Oskar", "Priya", "Quynh", "Rosa", "Sami", "Tove", "Uma", "Viktor",
    "Wanda", "Ximena", "Yusuf", "Zoë",
)  # fmt: skip
LAST: Final = (
    "Andersson", "Bergström", "Castillo", "Diallo", "Eriksson", "Fernández", "Gustafsson", "Haddad", "Ivanova",
    "Johansson", "Kowalska", "Lindqvist", "Moreno", "Nguyen", "Okafor", "Persson", "Quist", "Ramírez", "Svensson",
    "Torres", "Ueda", "Vega", "Wikström", "Yılmaz",
)  # fmt: skip
HEADSETS: Final = (
    ("wired", "Jabra Evolve2 40"), ("wired", "Poly Blackwire 5220"), ("wired", "Logitech Zone Wired"),
    ("wired", "EPOS Impact SC 660"), ("rf-dongle", "Jabra Engage 55"), ("bluetooth", "AirPods Pro"),
)  # fmt: skip
REGIONS: Final = ("SE-AB", "SE-O", "SE-M", "ES-MD", "ES-CT", "US-TX")
SYSTEMS: Final = ("Windows 11", "Windows 11", "Windows 10", "Darwin 24.6.0", "Linux 6.8.0")
VERSIONS: Final = ("1.4.0", "1.4.0", "1.3.2", "1.2.0")


@dataclass
class Home:
    """What one home is like on most days; a check varies around it."""

    dice: random.Random
    name: str
    program: str
    download: float = 0.0
    upload: float = 0.0
    rtt: float = 0.0
    link: str = "ethernet"
    headset: tuple[str, str] = HEADSETS[0]
    noise: float = -58.0
    region: str = REGIONS[0]
    system: str = SYSTEMS[0]
    version: str = VERSIONS[0]
    checks: int = 0
    key: SoftwareKey = field(default_factory=SoftwareKey.generate)

    @classmethod
    def drawn(cls, dice: random.Random, name: str, program: str) -> Home:
        """Return a home by the dice: most are good, some are not."""
        download = dice.choice((240.0, 95.0, 95.0, 48.0, 28.0, 11.0, 6.0))
        return cls(
            dice,
            name,
            program,
            download=download,
            upload=download * dice.choice((0.1, 0.4, 1.0)),
            rtt=dice.choice((12.0, 24.0, 35.0, 60.0, 118.0)),
            link=dice.choices(("ethernet", "wifi", "cellular"), (5, 4, 1))[0],
            headset=dice.choices(HEADSETS, (5, 4, 3, 3, 2, 2))[0],
            noise=dice.choice((-64.0, -62.0, -60.0, -56.0, -52.0, -47.0)),
            region=dice.choices(REGIONS, (6, 3, 3, 4, 2, 1))[0],
            system=dice.choice(SYSTEMS),
            version=dice.choice(VERSIONS),
            checks=dice.choice((0, 1, 2, 3, 5, 8)),
        )

    def runs(self, at: datetime) -> tuple[ProbeRun, ...]:
        """Return one check's measurements."""
        dice, busy = self.dice, 0.8 if 17 <= at.hour <= 21 else 1.0
        loss = max(0.0, dice.gauss(0.4 if self.link == "ethernet" else 0.9, 0.3) - 0.4)
        rtt = self.rtt * dice.uniform(0.95, 1.15) / busy
        mos = mos_cqe(r_factor(one_way_delay_ms=mouth_to_ear_ms(rtt), loss_pct=loss))
        down, up = (rate * busy * dice.uniform(0.9, 1.05) for rate in (self.download, self.upload))
        network = (
            _number("network.download", "Mbit/s", down, down * 0.03),
            _number("network.upload", "Mbit/s", up, up * 0.03),
            _number("network.rtt", "ms", rtt, 1.2),
            _number("network.pdv_p95", "ms", abs(dice.gauss(6 if self.link == "ethernet" else 14, 4)), 1.5),
            _number("network.loss", "%", loss, 0.15),
            _number("network.loaded_rtt_increase", "ms", abs(dice.gauss(50, 30)), 8.0),
            _number("network.mos", "MOS-CQE", mos, 0.02),
            _answer("network.udp", True),
            _answer("network.sip_alg", dice.random() < 0.1),
        )
        transport, model = self.headset
        headset: tuple[Measurement, ...] = (
            _text("headset.transport", transport),
            _text("headset.model", model),
            _text("headset.identified_by", "shipped"),
            _number("headset.snr", "dB", dice.gauss(31, 4), 1.0),
        )
        if dice.random() < 0.06:
            away = Failure("no_device", "device", "no headset is plugged in", "Plug in the headset, then repeat.")
            headset = tuple(Measurement(one.quantity, failure=away) for one in headset)
        noise = self.noise + dice.gauss(0, 1.5)
        room = (
            _text("room.kind", "voices" if noise > -48 else "quiet"),
            _number("room.noise", "dBFS(A)", noise, 1.0),
        )
        host = (
            _number("host.memory", "GiB", dice.choice((7.8, 15.6)), 0.0),
            _number("host.cpu_cores", "1", 8, 0.0),
            _number("host.cpu_ghz", "GHz", 2.4, 0.0),
            _answer("host.os_supported", self.system != "Windows 10"),
            _number("host.screen_width", "px", 1920, 0.0),
            _number("host.screen_height", "px", 1080, 0.0),
        )
        security = (
            _answer("security.firewall", True),
            _answer("security.antivirus", True),
            _number("security.updates_age", "days", 9.0, 0.5),
        )
        return (
            ProbeRun("host", "3", at, 1.1, host),
            ProbeRun("security", "1", at, 1.2, security),
            ProbeRun("link", "2", at, 0.2, (_text("link.type", self.link),)),
            ProbeRun("network", "7", at, 21.4, network),
            ProbeRun("headset", "5", at, 8.0, headset),
            ProbeRun("quiet_room", "4", at, 10.1, room),
        )


def furnish(site: Site, clock: Clock, people: int = 60) -> list[Worker]:
    """Fill a collector with people: two programs, the checks of `DAYS` days up to the clock's now."""
    dice, now = random.Random(7), datetime.now(UTC)
    responder = SoftwareKey.generate()
    clock.ahead = timedelta(days=-DAYS)
    administration.pin_responder(site.database, RESPONDER, responder.public, "a test", clock())
    _programs(site, clock())
    homes = list(_homes(dice, people))
    workers = [_invited(site, clock, home) for home in homes]
    every = [number for number, home in enumerate(homes) for _ in range(home.checks)]
    plan = sorted((now - timedelta(days=dice.uniform(0, DAYS - 1)), number) for number in every)
    for at, number in plan:
        worker = workers[number]
        if worker is not None:
            clock.ahead = at - datetime.now(UTC)
            _grow_older(homes[number])
            answer = worker.upload(_evidence(worker, homes[number], clock(), responder))
            assert answer.status_code == 201, answer.text
    clock.ahead = timedelta(0)
    return [worker for worker in workers if worker is not None]


def _programs(site: Site, now: datetime) -> None:
    for name, title, preset in (
        ("voice", "Customer support, voice", "voice-standard"),
        ("sales", "Outbound sales", "voice-basic"),
    ):
        administration.add_program(
            site.database, name, title, "To see whether your home is ready.", 180, load_policy(preset), "ada", now
        )


def _homes(dice: random.Random, people: int) -> Iterator[Home]:
    names = [f"{first} {last}" for first in FIRST for last in LAST]
    for name in dice.sample(names, people):
        yield Home.drawn(dice, name, dice.choices(("voice", "sales"), (3, 1))[0])


def _invited(site: Site, clock: Clock, home: Home) -> Worker | None:
    """Return the enrolled home office, or None of somebody who has not used the invitation."""
    lazy = home.checks == 0 and home.dice.random() < 0.7
    if lazy:
        clock.ahead = timedelta(days=-home.dice.choice((0, 1, 20)))
    address = administration.invite(site.database, home.program, home.name, timedelta(hours=72), "ada", clock())
    clock.ahead = timedelta(days=-DAYS) if not lazy else clock.ahead
    if lazy:
        clock.ahead = timedelta(days=-DAYS)
        return None
    worker = Worker(site.url, key=home.key)
    assert worker.enrol(address.rpartition("/")[2]).status_code == 201
    return worker


def _grow_older(home: Home) -> None:
    """Now and then somebody buys a headset, moves to Wi-Fi, or updates."""
    dice = home.dice
    if dice.random() < 0.1:
        home.headset = dice.choice(HEADSETS)
    if dice.random() < 0.1:
        home.link = dice.choice(("ethernet", "wifi"))
    if dice.random() < 0.2:
        home.version = VERSIONS[0]


def _evidence(worker: Worker, home: Home, now: datetime, responder: SoftwareKey) -> Evidence:
    nonce = worker.challenge()
    evidence = worker.evidence(nonce, now=now)
    runs = home.runs(evidence.started_at)
    values = {found.quantity.name: found.value for run in runs for found in run.measurements}
    seen = SessionObservation(
        f"s{worker.seq}", nonce, evidence.started_at, now, "203.0.113.9",
        download=_transfer(values["network.download"], values["network.rtt"]),
        upload=_transfer(values["network.upload"], values["network.rtt"]),
        udp=(Flow(0, received=PACKETS, reflected=PACKETS, map=b"\xff" * (PACKETS // 8)),),
        region=Region(*home.region.split("-")),
    )  # fmt: skip
    return replace(
        evidence,
        runs=runs,
        software=Software("homecheck", home.version, "3.12.4", home.system),
        declarations=(Declaration("quiet_workplace", home.dice.random() < 0.95),),
        observations=(sign(seen.to_bytes(), OBSERVATION, responder).decode(),),
    )


def _transfer(rate: Value | None, rtt: Value | None) -> Transfer:
    mbit_s, trip = float(rate or 0), float(rtt or 0)
    seen, doubt = mbit_s * 0.99, mbit_s * 0.02
    return Transfer(bytes=int(mbit_s * 1e6), streams=4, rate_mbit_s=seen, uncertainty_mbit_s=doubt, rtt_ms=trip * 0.9)


def _number(name: str, unit: str, value: float, uncertainty: float) -> Measurement:
    return Measurement(Quantity(name, unit, "made up"), round(value, 4), round(uncertainty, 4))


def _text(name: str, value: str) -> Measurement:
    return Measurement(Quantity.text(name, "made up"), value)


def _answer(name: str, value: bool) -> Measurement:
    return Measurement(Quantity.yes_no(name, "made up"), value)
