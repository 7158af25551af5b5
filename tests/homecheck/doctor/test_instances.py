"""Another homecheck that runs beside, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homecheck import spool
from homecheck.config import Home
from homecheck.doctor.instances import examine_instances, examine_schedule
from homecheck.schedule_settings import Settings, store
from homecheck.timers.chosen import timer
from homecheck.timers.job import job_for
from tests.needs import need_program
from tests.scripted_collector import NOW

HOLD = (
    "import sys\n"
    "from pathlib import Path\n"
    "from homecheck.file_lock import exclusive\n"
    "with exclusive(Path(sys.argv[1])) as held:\n"
    "    print(held, flush=True)\n"
    "    sys.stdin.read()\n"
)


@contextmanager
def held_elsewhere(path: Path) -> Iterator[None]:
    """Keep a lock in another process until the block ends."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        yield


def test_nobody_else_is_in_order_and_asking_makes_no_lock(tmp_path: Path) -> None:
    (found,) = examine_instances(Home.at(tmp_path))
    assert found.state == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_check_and_an_upload_beside_are_told_and_forgotten_when_they_end(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    sent = spool.envelope_path(home, spool.put(home, b"one", "voice", NOW)).with_suffix(".lock")
    with held_elsewhere(tmp_path / "check.lock"), held_elsewhere(sent):
        (found,) = examine_instances(home)
    assert (found.state, found.trouble) == ("warn", "another-runs")
    assert found.message == "another homecheck is measuring and is sending"
    (after,) = examine_instances(home)
    assert after.state == "ok"


def test_it_is_said_when_nothing_starts_checks(tmp_path: Path) -> None:
    (found,) = examine_schedule(Home.at(tmp_path))
    assert (found.state, found.message) == ("ok", "not scheduled: checks run when you start them")


def test_a_timer_that_lost_its_line_is_told_until_it_has_it_again(tmp_path: Path) -> None:
    need_program("crontab", package="cron")
    home = Home.at(tmp_path)
    store(home, Settings("cron", 7, NOW))
    (found,) = examine_schedule(home)
    assert (found.state, found.trouble) == ("warn", "timer-missing")
    job = job_for(home, 7)
    timer("cron").install(job)
    try:
        (found,) = examine_schedule(home)
        assert (found.state, found.message.split()[0]) == ("ok", "cron")
    finally:
        timer("cron").remove(job)


def test_damaged_settings_of_re_checks_have_a_name_and_a_fix_of_their_own(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    home.schedule.write_bytes(b"{")
    (found,) = examine_schedule(home)
    assert (found.state, found.trouble) == ("warn", "schedule-damaged")
    assert "schedule.json: this file is damaged" in found.message
    assert "homecheck schedule install" in found.fix
