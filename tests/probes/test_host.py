"""The host probe: each quantity against a known computer; one that is not told costs no other its value."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest

from homecheck.agent import run_probe
from homecheck.errors import ProbeError
from homecheck.instruments.far_end import Reply
from homecheck.instruments.host.facts import Clock, Machine, OperatingSystem, Screen, no_screen, not_told
from homecheck.measurement import CheckSetup, Measurement
from probes.host import CpuTimes, Host, Psutil, load

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GIB = 2**30


@dataclass
class Computer:
    """A computer whose facts are known; without screens or clock it says that it does not tell."""

    os: OperatingSystem = field(
        default_factory=lambda: OperatingSystem("debian", "12", "Debian 12", end=date(2028, 6, 30))
    )
    displays: tuple[Screen, ...] = (Screen(1366, 768), Screen(2560, 1440))
    ghz: float | None = 2.5
    virtual: bool | None = False

    def operating_system(self) -> OperatingSystem:
        return self.os

    def screens(self) -> tuple[Screen, ...]:
        if not self.displays:
            raise no_screen()
        return self.displays

    def clock(self) -> Clock:
        if self.ghz is None:
            raise not_told("its clock rate")
        return Clock(self.ghz, 0.0005, "test")

    def machine(self) -> Machine:
        if self.virtual is None:
            raise not_told("whether it is a virtual machine")
        return Machine(self.virtual, "test")


@dataclass
class Counters:
    """Counters that go up by hand: `busy` of 2 cores, `own` of it this program's."""

    busy: float = 0.5
    own: float = 0.1
    free: list[int] = field(default_factory=lambda: [100 * GIB, 99 * GIB])
    physical: int | None = 4
    mains: bool | None = True
    stretch: int = 0

    def cores(self) -> tuple[int | None, int | None]:
        return self.physical, 8

    def cpu_times(self) -> CpuTimes:
        self.stretch += 1
        total = self.stretch * 1.0  # two cores for half a second
        return CpuTimes(total, total * (1 - self.busy), total * self.own)

    def memory(self) -> tuple[int, int]:
        return 8 * GIB, 5 * GIB

    def disk_free(self) -> int:
        return self.free.pop(0) if self.free else 0

    def on_mains(self) -> bool | None:
        return self.mains


def measured(
    computer: Computer | None = None, counters: Counters | None = None, **more: object
) -> dict[str, Measurement]:
    probe = Host(
        system=computer or Computer(),
        counters=counters or Counters(),
        now=lambda: NOW,
        sleep=lambda seconds: None,
        **more,  # type: ignore[arg-type]  # the responder's fields, given by name in the tests below
    )
    run, _ = run_probe(probe, lambda: NOW)
    assert {found.quantity for found in run.measurements} == set(Host.quantities)
    return {found.quantity.name.removeprefix("host."): found for found in run.measurements}


def code(measurement: Measurement) -> str:
    assert measurement.failure is not None
    return measurement.failure.code


def test_a_known_computer_comes_out_right() -> None:
    found = measured()
    assert {name: (one.value, one.uncertainty) for name, one in found.items() if one.failure is None} == {
        "cpu_cores": (4, 0.0),
        "cpu_ghz": (2.5, 0.0005),
        "cpu_load": (pytest.approx(40.0), pytest.approx(1 / 3)),  # 50 % busy, of it 10 % this program
        "memory": (8.0, 0.0),
        "disk_free": (99.0, 1.0),
        "os": ("Debian 12", None),
        "os_supported": (True, None),
        "virtual_machine": (False, None),
        "power": ("mains", None),
        "screens": (2, 0.0),
        "screen_width": (2560, 0.0),
        "screen_height": (1440, 0.0),
    }
    assert code(found["clock_offset"]) == "no_responder"


def test_a_headless_machine_has_no_screen_and_keeps_the_rest() -> None:
    found = measured(Computer(displays=()))
    for name in ("screens", "screen_width", "screen_height"):
        assert found[name].value is None
        assert code(found[name]) == "no_screen"
    assert found["memory"].value == 8.0


def test_what_the_system_does_not_tell_is_a_failure_of_that_alone() -> None:
    found = measured(Computer(ghz=None, virtual=None), Counters(physical=None, mains=None))
    failed = {name for name, one in found.items() if one.failure is not None}
    assert failed == {"cpu_cores", "cpu_ghz", "virtual_machine", "power", "clock_offset"}
    assert all(code(found[name]) == "not_told" for name in failed - {"clock_offset"})


@pytest.mark.parametrize(
    ("last", "supported"), [(date(2026, 11, 22), False), (date(2026, 11, 23), True), (date(2026, 11, 24), True)]
)
def test_the_last_day_of_support_counts(last: date, supported: bool) -> None:
    found = measured(Computer(os=OperatingSystem("x", "1", "X 1", end=last)))["os_supported"]
    assert found.value is supported
    assert found.details["last_day"] == last.isoformat()


def test_an_unknown_system_is_named_and_its_support_left_open() -> None:
    found = measured(Computer(os=OperatingSystem("windows", "99999", "Windows 12", "home")))
    assert found["os"].value == "Windows 12"
    assert code(found["os_supported"]) == "os_not_known"


def test_a_laptop_off_the_mains_says_battery() -> None:
    assert measured(counters=Counters(mains=False))["power"].value == "battery"


def test_the_clock_is_compared_with_the_far_end() -> None:
    date_an_hour_ago = (NOW - timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    found = measured(
        responder_url="http://far.example",
        asking=lambda url: lambda: Reply(200, {"date": date_an_hour_ago}, b""),
    )["clock_offset"]
    assert found.value == pytest.approx(3599)  # the Date is a second old on average
    assert found.uncertainty == 1.0


def test_a_far_end_that_is_down_is_its_own_fault() -> None:
    def refused(url: str) -> None:
        raise ProbeError("responder_refused", "Try again later.", at_fault="server")

    found = measured(responder_url="http://far.example", asking=refused)["clock_offset"]
    assert found.failure is not None
    assert (found.failure.code, found.failure.at_fault) == ("responder_refused", "server")


def test_the_load_of_unequal_stretches_has_the_interval_of_students_t() -> None:
    # Two stretches, 20 % and 40 %: mean 30, s = 14.142, t(1) = 12.706, half width 12.706 * 10 = 127.06, plus the tick.
    samples = [CpuTimes(0, 0, 0), CpuTimes(1, 0.8, 0), CpuTimes(2, 1.4, 0)]
    found = load(samples)
    assert found.value == pytest.approx(30)
    assert found.uncertainty == pytest.approx(127.06 + 1 / 3, abs=0.01)


def test_counters_that_do_not_move_say_nothing() -> None:
    assert code(load([CpuTimes(1, 1, 1)] * 7)) == "not_told"


def test_this_machine_is_measured_for_real() -> None:
    run, _ = run_probe(Host.for_check(CheckSetup()))
    found = {one.quantity.name: one for one in run.measurements}
    memory = found["host.memory"].value
    assert isinstance(memory, float)
    assert 0.25 < memory < 10_000
    for name in ("host.cpu_load", "host.disk_free", "host.os"):
        assert found[name].failure is None
    assert all(one.failure is None or one.failure.code != "crashed" for one in run.measurements)


def test_psutil_counts_this_programs_own_work() -> None:
    before = Psutil().cpu_times()
    sum(number * number for number in range(2_000_000))
    after = Psutil().cpu_times()
    assert after.own > before.own
    assert after.total >= before.total
