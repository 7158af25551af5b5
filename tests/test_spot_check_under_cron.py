"""The line of docs/admin.md, run by Debian's cron: sound, cron's poor environment, evidence at a real collector.

Cron lives in namespaces of its own, with a table of jobs that holds this one alone: none of the machine's jobs is run,
its own cron is not disturbed, and all that was started ends with the test.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from homecheck.collector import administration
from homecheck.config import Home
from homecheck.history import load
from homecheck.policy import parse_policy
from tests.command_line import homecheck
from tests.live_collector import PROGRAM, in_thread
from tests.needs import missing, need, need_program
from tests.soundcard import SoundCard

ADMIN = Path(__file__).parents[1] / "docs/admin.md"
RATE = 48_000
# 1 kHz with a peak of 0.01: 20 lg(0.01 / √2) = -43.01 dB under full scale, and A-weighting is 0 dB at 1 kHz.
TONE = (0.01 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).astype(np.float32)
PATIENCE_SECONDS = 60 + 120  # until the next minute, and for the check on a busy machine
# An empty /run hides the machine's own cron; of PAM nothing is tested, and in containers it refuses sessions.
START_CRON = """
mount -t tmpfs none /run && mount -t tmpfs none /etc/cron.d && mount --bind /dev/null /etc/crontab &&
mount --bind "$1/tables" /var/spool/cron/crontabs && mount --bind "$1/pam" /etc/pam.d/cron && exec cron -f
"""
PAM = "auth sufficient pam_permit.so\naccount sufficient pam_permit.so\nsession sufficient pam_permit.so\n"


def documented_job() -> str:
    """Return the line of the crontab that people are told to write."""
    (line,) = re.findall(r"^ {4}(0 \* \* \* \* .*check --spot .*)$", ADMIN.read_text(encoding="utf-8"), re.MULTILINE)
    return str(line)


@contextmanager
def cron(folder: Path, table: str) -> Iterator[None]:
    """Run the jobs of `table` as root until the context ends."""
    need(sys.platform == "linux" and os.geteuid() == 0, "cron needs Linux and root here", "run as root")
    need_program("cron", package="cron")
    need_program("unshare", package="util-linux")
    (folder / "tables").mkdir()
    (folder / "pam").write_text(PAM)
    jobs = folder / "tables/root"
    jobs.write_text(table)
    jobs.chmod(0o600)
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with subprocess.Popen([*command, "sh", "-c", START_CRON, "sh", str(folder)], stderr=subprocess.PIPE) as process:
        try:
            time.sleep(0.5)  # a namespace that is not allowed is refused at once
            if process.poll() is not None:
                missing(f"cron does not start: {process.communicate()[1]!r:.200}", "allow CAP_SYS_ADMIN")
            yield
        finally:
            process.kill()


def policy() -> str:
    now = datetime.now(UTC)
    window = "-".join(f"{now + timedelta(hours=hours):%H:%M}" for hours in (-2, 4))
    limit = 'name = "quiet"\nversion = "1"\n[[requirement]]\nquantity = "room.noise"\nat_most = -40\n'
    return f'{limit}[shift]\ntimezone = "UTC"\nwindows = ["Mon-Sun {window}"]\n'


@pytest.mark.audio
@pytest.mark.namespaces
def test_the_documented_line_measures_the_room_and_the_collector_judges_it(
    sound_card: SoundCard, tmp_path: Path
) -> None:
    home, log = Home.at(tmp_path / "home"), tmp_path / "spot.log"
    line = documented_job()
    for documented, here in (
        ("0 * * * *", "* * * * *"),
        ("/home/ada/.local/bin/homecheck", f"{sys.executable} -m homecheck"),
        ("--spot 50m", "--spot 2s --listen 5s"),
        ("--no-upload ", ""),
        ("/home/ada/spot.log", shlex.quote(str(log))),
    ):
        assert documented in line
        line = line.replace(documented, here)
    variables = {**sound_card.environment, "HOMECHECK_HOME": str(home.root), "PYTHONPATH": str(ADMIN.parents[1])}
    with in_thread(tmp_path) as site:
        now, hour = datetime.now(UTC), timedelta(hours=1)
        administration.publish_policy(site.database, PROGRAM, parse_policy(policy(), "test"), "a test", now)
        address = administration.invite(site.database, PROGRAM, "Åsa", hour, "a test", now)
        assert homecheck(home, "enroll", "--yes", address).status == 0

        def judged() -> list[object]:
            return site.browse_database("SELECT verdict FROM evidence")

        table = "".join(f"{name}={value}\n" for name, value in variables.items()) + line + "\n"
        with sound_card.playing_into("wired", TONE, RATE), cron(tmp_path, table):
            end = time.monotonic() + PATIENCE_SECONDS
            while not judged() and time.monotonic() < end:
                time.sleep(0.2)
    told = log.read_text(encoding="utf-8") if log.exists() else "cron has run nothing"
    assert judged() == ["pass"], told
    assert "Spot check: at a random moment within the next 2 seconds" in told
    (kept,) = load(home).runs
    assert kept.spot
    assert kept.source.microphone == "Plantronics Blackwire 3225 Series"
    assert kept.levels["room.noise"].value == pytest.approx(-43.01, abs=1)  # to 0.1: tests/test_main_job.py
