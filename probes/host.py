"""The computer: processor, memory, disk, operating system, screens, power, and its clock."""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Final, Protocol

from homecheck.clock import utc_now
from homecheck.errors import ProbeError
from homecheck.instruments.attempt import attempt
from homecheck.instruments.far_end import Reply
from homecheck.instruments.host import linux, macos, windows
from homecheck.instruments.host.facts import Clock, Machine, OperatingSystem, Screen, not_told
from homecheck.instruments.host.http_clock import asking, clock_offset
from homecheck.instruments.host.os_support import end_of_support
from homecheck.measurement import CheckSetup, Details, Measurement, Need, Quantity, clean_text
from homecheck.standards.batch_means import student_t95

CPU_CORES: Final = Quantity("host.cpu_cores", "1", "physical cores, by the operating system")
CPU_GHZ: Final = Quantity("host.cpu_ghz", "GHz", "highest clock that the operating system states")
CPU_LOAD: Final = Quantity(
    "host.cpu_load", "%", "busy time of all cores without this program, mean of 6 stretches of 0.5 s"
)
MEMORY: Final = Quantity("host.memory", "GiB", "memory that the operating system can use")
DISK_FREE: Final = Quantity("host.disk_free", "GiB", "free space on the disk with the user's folder")
OS: Final = Quantity.text("host.os", "the operating system's own name and version")
OS_SUPPORTED: Final = Quantity.yes_no("host.os_supported", "end of security updates, by the system or a table of dates")
VIRTUAL_MACHINE: Final = Quantity.yes_no("host.virtual_machine", "hypervisor or maker of the board, by the system")
POWER: Final = Quantity.text("host.power", "the operating system's power state: mains or battery")
SCREENS: Final = Quantity("host.screens", "1", "screens in use, by the operating system")
SCREEN_WIDTH: Final = Quantity("host.screen_width", "px", "pixels across the largest screen in use")
SCREEN_HEIGHT: Final = Quantity("host.screen_height", "px", "pixels down the largest screen in use")
CLOCK_OFFSET: Final = Quantity("host.clock_offset", "s", "own clock less the Date of the responder's answer, RFC 9110")

QUANTITIES: Final = (
    CPU_CORES, CPU_GHZ, CPU_LOAD, MEMORY, DISK_FREE, OS, OS_SUPPORTED, VIRTUAL_MACHINE, POWER,
    SCREENS, SCREEN_WIDTH, SCREEN_HEIGHT, CLOCK_OFFSET,
)  # fmt: skip

GIB: Final = 2**30
STRETCHES: Final = 6
STRETCH_SECONDS: Final = 0.5


class System(Protocol):
    """What one operating system says; a module of `homecheck.instruments.host` for each."""

    def operating_system(self) -> OperatingSystem:
        """Name, version, and what finds its end of support."""

    def screens(self) -> tuple[Screen, ...]:
        """The screens in use."""

    def clock(self) -> Clock:
        """The processor's clock."""

    def machine(self) -> Machine:
        """Whether it is a virtual machine."""


def this_system() -> System:
    """Return the module of this operating system."""
    if sys.platform == "win32":
        return windows
    if sys.platform == "darwin":
        return macos
    return linux


@dataclass(frozen=True)
class CpuTimes:
    """Seconds since some moment: of all cores together, of them idle, and of this program."""

    total: float
    idle: float
    own: float


class Counters(Protocol):
    """What is counted alike on every operating system."""

    def cores(self) -> tuple[int | None, int | None]:
        """Physical and logical cores, as far as they are known."""

    def cpu_times(self) -> CpuTimes:
        """Processor times."""

    def memory(self) -> tuple[int, int]:
        """Bytes of memory, and of it available."""

    def disk_free(self) -> int:
        """Free bytes on the disk with the user's folder."""

    def on_mains(self) -> bool | None:
        """Whether mains power is there; None when the system does not know."""


class Psutil:
    """The counters of psutil."""

    def cores(self) -> tuple[int | None, int | None]:
        """Return physical and logical cores."""
        import psutil  # here: listing the probes need not load it

        return psutil.cpu_count(logical=False), psutil.cpu_count(logical=True)

    def cpu_times(self) -> CpuTimes:
        """Return processor times; waiting for a disk counts as idle, and guests are counted in user already."""
        import psutil

        times, own = psutil.cpu_times(), psutil.Process().cpu_times()
        counted = {name: seconds for name, seconds in times._asdict().items() if not name.startswith("guest")}
        return CpuTimes(sum(counted.values()), times.idle + counted.get("iowait", 0.0), own.user + own.system)

    def memory(self) -> tuple[int, int]:
        """Return bytes of memory in all and available."""
        import psutil

        memory = psutil.virtual_memory()
        return memory.total, memory.available

    def disk_free(self) -> int:
        """Return free bytes."""
        import psutil

        return psutil.disk_usage(str(Path.home())).free

    def on_mains(self) -> bool | None:
        """Return whether mains power is there; a computer without a battery runs on nothing else."""
        import psutil

        battery = psutil.sensors_battery()
        return True if battery is None else battery.power_plugged


PSUTIL: Final = Psutil()


@dataclass(frozen=True)
class Host:
    """Asks the operating system; one quantity that it does not tell does not cost the others."""

    responder_url: str | None = None
    system: System | None = None
    counters: Counters = PSUTIL
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep
    asking: Callable[[str], Callable[[], Reply]] = asking

    name: ClassVar[str] = "host"
    version: ClassVar[str] = "1"
    quantities: ClassVar[tuple[Quantity, ...]] = QUANTITIES
    needs: ClassVar[frozenset[Need]] = frozenset()
    reveals: ClassVar[str] = (
        "What kind of computer this is: processor, memory, free space, operating system, screens; no files, no names."
    )
    deadline_seconds: ClassVar[float] = 90.0

    @classmethod
    def for_check(cls, setup: CheckSetup) -> Host:
        """Return the probe for one check."""
        return cls(setup.responder_url)

    def run(self) -> Iterator[Measurement]:
        """Ask for one fact after the other."""
        system = self.system or this_system()
        free_before = self._disk_free()
        yield from self._processor(system)
        yield self._memory()
        yield self._disk(free_before)
        yield from attempt((OS, OS_SUPPORTED), lambda: _operating_system(system.operating_system(), self.now()))
        yield from attempt((VIRTUAL_MACHINE,), lambda: _machine(system.machine()))
        yield from attempt((POWER,), lambda: _power(self.counters.on_mains()))
        yield from attempt((SCREENS, SCREEN_WIDTH, SCREEN_HEIGHT), lambda: _screens(system.screens()))
        yield from attempt((CLOCK_OFFSET,), self._clock_offset)

    def _processor(self, system: System) -> Iterator[Measurement]:
        yield from attempt((CPU_CORES,), lambda: _cores(*self.counters.cores()))
        yield from attempt((CPU_GHZ,), lambda: _clock(system.clock()))
        yield self._load()

    def _load(self) -> Measurement:
        samples = [self.counters.cpu_times()]
        for _ in range(STRETCHES):
            self.sleep(STRETCH_SECONDS)
            samples.append(self.counters.cpu_times())
        return load(samples)

    def _memory(self) -> Measurement:
        total, available = self.counters.memory()
        return Measurement(MEMORY, total / GIB, 0.0, details={"available_gib": round(available / GIB, 3)})

    def _disk_free(self) -> int | None:
        try:
            return self.counters.disk_free()
        except OSError:
            return None

    def _disk(self, before: int | None) -> Measurement:
        after = self._disk_free()
        if before is None or after is None:
            return Measurement.failed(DISK_FREE, not_told("how much space is free"))
        return Measurement(DISK_FREE, after / GIB, abs(after - before) / GIB)

    def _clock_offset(self) -> Iterator[Measurement]:
        if self.responder_url is None:
            raise ProbeError(
                "no_responder",
                "Nothing needs to be done: without a far end there is no clock to compare with.",
                message="no far end is set up for this check",
                at_fault="agent",
            )
        offset, half_width, round_trip = clock_offset(self.asking(self.responder_url), self.now)
        yield Measurement(CLOCK_OFFSET, offset, half_width, details={"round_trip_ms": round(round_trip * 1e3, 3)})


def load(samples: list[CpuTimes]) -> Measurement:
    """Return the mean load of the stretches between the samples, without this program's own work.

    The interval is that of the mean of few samples (Student's t); the counters tick in 10 ms, which is added.
    """
    shares = []
    for before, after in pairwise(samples):
        total = after.total - before.total
        busy = total - (after.idle - before.idle) - (after.own - before.own)
        if total > 0:
            shares.append(100 * min(1.0, max(0.0, busy / total)))
    if len(shares) < 2:
        return Measurement.failed(CPU_LOAD, not_told("how busy its processor is"))
    spread = student_t95(len(shares) - 1) * statistics.stdev(shares) / math.sqrt(len(shares))
    tick = 100 * 0.01 / (STRETCHES * STRETCH_SECONDS)
    return Measurement(CPU_LOAD, statistics.fmean(shares), spread + tick, details={"stretches": len(shares)})


def _cores(physical: int | None, logical: int | None) -> Iterator[Measurement]:
    if physical is None:
        raise not_told("how many cores it has")
    yield Measurement(CPU_CORES, physical, 0.0, details={"logical": logical})


def _clock(clock: Clock) -> Iterator[Measurement]:
    yield Measurement(CPU_GHZ, clock.ghz, clock.half_width, details={"told_by": clock.told_by})


def _operating_system(system: OperatingSystem, now: datetime) -> Iterator[Measurement]:
    yield Measurement(OS, clean_text(system.name))
    end, told_by = end_of_support(system)
    details: Details = {"last_day": end.isoformat(), "told_by": told_by}
    yield Measurement(OS_SUPPORTED, now.date() <= end, details=details)


def _machine(machine: Machine) -> Iterator[Measurement]:
    yield Measurement(VIRTUAL_MACHINE, machine.virtual, details={"told_by": clean_text(machine.told_by)})


def _power(on_mains: bool | None) -> Iterator[Measurement]:
    if on_mains is None:
        raise not_told("whether it is plugged in")
    yield Measurement(POWER, "mains" if on_mains else "battery")


def _screens(screens: tuple[Screen, ...]) -> Iterator[Measurement]:
    largest = max(screens, key=lambda screen: screen.pixels)
    details: Details = {"sizes": [f"{screen.width_px}x{screen.height_px}" for screen in screens]}
    yield Measurement(SCREENS, len(screens), 0.0, details=details)
    yield Measurement(SCREEN_WIDTH, largest.width_px, 0.0)
    yield Measurement(SCREEN_HEIGHT, largest.height_px, 0.0)
