"""launchd's property list against launchd.plist(5), and the order of launchctl's commands. launchd itself never ran."""

from __future__ import annotations

import plistlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from homecheck.errors import SetupError
from homecheck.timers.job import Job
from homecheck.timers.launchd import Launchd, plist_text
from homecheck.timers.system_program import Done

ODD = ("/Users/ö b/py", '<"&%', "schedule")
JOB = Job("homecheck", ODD, 14)
# launchd.plist(5): key and type of its value.
DOCUMENTED = {
    "Label": str,
    "ProgramArguments": list,
    "StartCalendarInterval": list,
    "LimitLoadToSessionType": str,
    "ProcessType": str,
}


class Launchctl:
    """launchctl(1): loads and unloads one agent."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses
        self.loaded = False
        self.calls: list[str] = []

    def __call__(self, command: Sequence[str], given: bytes) -> Done:
        assert command[0] == "launchctl"
        self.calls.append(" ".join(command[1:]))
        if command[1] == "print":
            return Done(0 if self.loaded or command[2] == "gui/501" else 113)
        if self.refuses:
            return Done(5, complaint=self.refuses)
        self.loaded = command[1] == "bootstrap"
        return Done(0)


def test_every_key_is_documented_and_of_its_type() -> None:
    agent = plistlib.loads(plist_text(JOB).encode())
    assert {key: type(value) for key, value in agent.items()} == DOCUMENTED
    assert agent["ProgramArguments"] == list(ODD)
    assert agent["StartCalendarInterval"] == [{"Minute": 14}, {"Minute": 29}, {"Minute": 44}, {"Minute": 59}]
    assert agent["LimitLoadToSessionType"] == "Aqua"
    assert agent["ProcessType"] in ("Background", "Standard", "Adaptive", "Interactive")


def test_it_is_loaded_once_replaced_and_removed_without_a_trace(tmp_path: Path) -> None:
    launchctl, folder = Launchctl(), tmp_path / "LaunchAgents"
    folder.mkdir()
    launchd = Launchd(launchctl, lambda: folder, lambda: 501)
    assert launchd.is_there()
    launchd.install(JOB)
    file = folder / "org.homecheck.homecheck.plist"
    assert launchctl.calls[-1] == f"bootstrap gui/501 {file}"
    assert launchd.is_installed(JOB)
    assert not launchd.is_installed(Job("homecheck", ODD, 3))
    launchd.install(Job("homecheck", ODD, 3))
    assert launchctl.calls[-2:] == ["bootout gui/501/org.homecheck.homecheck", f"bootstrap gui/501 {file}"]
    assert launchd.remove(JOB)
    assert list(folder.iterdir()) == []
    assert not launchd.remove(JOB)


def test_what_launchctl_says_is_passed_on(tmp_path: Path) -> None:
    launchd = Launchd(Launchctl("Bootstrap failed: 5: Input/output error"), lambda: tmp_path, lambda: 501)
    with pytest.raises(SetupError, match="launchctl bootstrap gui/501: Bootstrap failed: 5"):
        launchd.install(JOB)
