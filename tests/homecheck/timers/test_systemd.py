"""systemd units: verified by systemd's own tools, and installed in a systemd of the test's own that really runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from homecheck.errors import SetupError
from homecheck.timers.job import Job
from homecheck.timers.system_program import Done
from homecheck.timers.systemd import Systemd, quoted, service_text, timer_text
from tests.needs import missing, need, need_program

ODD = ("hö me/a b", "a'b", '"c"', "100%d %h", "$HOME ${HOME}", "\\n", "`id`")
REPOSITORY = Path(__file__).parents[3]

# systemd asks for its own /run and for a cgroup it may write; the namespaces end with the shell.
OWN_SYSTEMD = """
mount -t tmpfs none /run && mkdir -p /run/systemd/system /run/user/0 || exit 77
export XDG_RUNTIME_DIR=/run/user/0
/usr/lib/systemd/systemd --user --log-target=null & manager=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  systemctl --user show-environment >/dev/null 2>&1 && break
  kill -0 $manager || exit 77
  sleep 1
done
exec "$@"
"""
LIFE = """
import subprocess, sys
from pathlib import Path
from homecheck.timers.job import Job
from homecheck.timers.systemd import Systemd
def systemctl(*words):
    done = subprocess.run(["systemctl", "--user", *words], capture_output=True, text=True)
    return done.stdout.strip()
home = Path(sys.argv[1])
before = sorted(home.rglob("*"))
timer, job = Systemd(), Job("homecheck", ("/usr/bin/python3", "-c", sys.argv[2], *sys.argv[3:]), 7)
assert timer.is_there() and not timer.is_installed(job)
for _ in range(2):
    timer.install(job)
    assert timer.is_installed(job)
print(systemctl("show", "-P", "TimersCalendar", "homecheck.timer"))
systemctl("start", "homecheck.service")
print(systemctl("show", "-P", "Result", "homecheck.service"))
assert not timer.is_installed(Job("homecheck", ("/bin/true",), 7))
assert timer.remove(job) and not timer.remove(job)
print(systemctl("list-timers", "--all", "--no-legend", "homecheck.timer"))
left = [path for path in sorted(home.rglob("*")) if path.is_file() and path not in before and path.name != "said"]
print("left:", *left)
"""


@pytest.mark.namespaces
def test_a_real_systemd_starts_the_command_word_by_word_and_nothing_is_left(tmp_path: Path) -> None:
    need(sys.platform == "linux" and os.geteuid() == 0, "a systemd of one's own needs Linux and root", "run as root")
    need_program("unshare", package="util-linux")
    need_program("systemctl", package="systemd")
    said = tmp_path / "said"
    script = f"import sys; open({str(said)!r}, 'w').write(repr(sys.argv[1:]))"
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", OWN_SYSTEMD, "sh"]
    done = subprocess.run(
        [*command, sys.executable, "-c", LIFE, str(tmp_path), script, *ODD],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode == 77:
        missing("systemd cannot run in a namespace here", "allow CAP_SYS_ADMIN and cgroups")
    assert done.returncode == 0, done.stderr
    calendar, result, timers, left = done.stdout.split("\n")[:4]
    assert "OnCalendar=*-*-* *:07/15:00" in calendar
    assert (result, timers, left) == ("success", "", "left:")
    assert said.read_text() == repr(list(ODD))


def test_systemd_finds_nothing_to_complain_of(tmp_path: Path) -> None:
    verify = need_program("systemd-analyze", package="systemd")
    job = Job("homecheck", (sys.executable, *ODD), 7)
    (tmp_path / "homecheck.service").write_text(service_text(job))
    (tmp_path / "homecheck.timer").write_text(timer_text(job))
    runtime = tmp_path / "runtime"
    (runtime / "systemd").mkdir(parents=True)
    done = subprocess.run(
        [verify, "--user", "verify", str(tmp_path / "homecheck.service"), str(tmp_path / "homecheck.timer")],
        env={**os.environ, "XDG_RUNTIME_DIR": str(runtime), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "homecheck" in line]
    assert (done.returncode, complaints) == (0, []), done.stderr


@pytest.mark.parametrize(("minute", "first"), [(0, "00"), (7, "07"), (14, "14")])
def test_the_calendar_is_every_quarter_of_an_hour_from_that_minute(minute: int, first: str) -> None:
    analyze = need_program("systemd-analyze", package="systemd")
    (line,) = (line for line in timer_text(Job("x", (), minute)).splitlines() if line.startswith("OnCalendar="))
    command = [analyze, "calendar", "--iterations=4", "--base-time=2026-11-23 10:59:59 UTC", line.partition("=")[2]]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "TZ": "UTC"}).stdout
    begins = [f"11:{minute + quarter:02}:00" for quarter in (0, 15, 30, 45)]
    assert begins[0][3:5] == first
    assert all(moment in told for moment in begins), told


def test_specifiers_quotes_and_backslashes_are_escaped_as_the_manual_says() -> None:
    assert quoted("100%h") == '"100%%h"'
    assert quoted('a "b" \\n') == '"a \\"b\\" \\\\n"'


def test_without_its_manager_the_units_are_removed_all_the_same(tmp_path: Path) -> None:
    def run(command: Sequence[str], given: bytes) -> Done:
        return Done(1, complaint="Failed to connect to bus: No medium found")

    systemd = Systemd(run, {"XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")})
    job = Job("homecheck", ("/bin/true",))
    assert not systemd.is_there()
    with pytest.raises(SetupError, match=r"systemctl --user daemon-reload: Failed to connect to bus"):
        systemd.install(job)
    assert systemd.remove(job)  # as whoever installs does then: no empty folder stays
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SetupError):
        systemd.install(job)
    link = tmp_path / "systemd" / "user" / "timers.target.wants" / "homecheck.timer"
    link.parent.mkdir()
    link.symlink_to("../homecheck.timer")  # as `systemctl --user enable` did while there was a session
    stamp = tmp_path / "data" / "systemd" / "timers" / "stamp-homecheck.timer"
    stamp.parent.mkdir(parents=True)
    stamp.touch()
    assert systemd.remove(job)
    assert [path for path in tmp_path.rglob("*") if path.is_file() or path.is_symlink()] == []
    link.parent.mkdir(parents=True)
    (link.parent.parent / "other.service").touch()
    link.symlink_to("../homecheck.timer")  # where somebody had removed the units by hand
    assert systemd.remove(job)
    assert not link.is_symlink()
    assert [path.name for path in link.parent.parent.iterdir()] == ["other.service"]
    assert not systemd.remove(job)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "systemd").write_text("a file in the way")
    systemd = Systemd(lambda *_: Done(0), {"XDG_CONFIG_HOME": str(tmp_path)})
    with pytest.raises(SetupError, match=r"homecheck\.service: cannot write this file: Not a directory"):
        systemd.install(Job("homecheck", ("/bin/true",)))
