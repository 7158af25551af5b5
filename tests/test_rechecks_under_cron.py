"""A re-check as a person gets it: `schedule install` with the real crontab, Debian's cron, evidence at a collector.

Cron and crontab live in namespaces of their own, with a table that holds these jobs alone: the machine's own jobs are
neither run nor touched, and all that was started ends with the test.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck import rechecks
from homecheck.config import Home
from homecheck.schedule_settings import Settings, load, store
from tests.command_line import homecheck
from tests.needs import missing, need, need_program
from tests.scripted_collector import ScriptedCollector

REPOSITORY = Path(__file__).parents[1]
# An empty /run hides the machine's own cron; of PAM nothing is tested, and in containers it refuses sessions.
NAMESPACE = """
mount -t tmpfs none /run && mount -t tmpfs none /etc/cron.d && mount --bind /dev/null /etc/crontab &&
mount --bind "$1/tables" /var/spool/cron/crontabs && mount --bind "$1/pam" /etc/pam.d/cron || exit 77
cron && shift && exec "$@"
"""
PAM = "auth sufficient pam_permit.so\naccount sufficient pam_permit.so\nsession sufficient pam_permit.so\n"
LIFE = """
import os, subprocess, sys, time
from pathlib import Path
from homecheck import rechecks
from homecheck.config import Home
from homecheck.timers.cron import Cron
from homecheck.timers.job import job_for
home, others = Home.at(Path(sys.argv[1])), sys.stdin.buffer.read()
time.sleep(1.5)  # cron knows tables by their time in whole seconds: not in the one in which it began
subprocess.run(["crontab", "-"], input=others, check=True)
left = 60 - time.time() % 60
next_minute = time.time() + left + (60 if left < 20 else 0)  # cron reads its tables each minute
minute = time.localtime(next_minute).tm_min % 15
cron, job = Cron(), job_for(home, minute)
assert cron.is_there() and not cron.is_installed(job)
for _ in range(2):
    cron.install(job)
    assert cron.is_installed(job)
end = time.monotonic() + 240
while not rechecks.load(home).checks and time.monotonic() < end:
    time.sleep(0.2)
assert cron.remove(job) and not cron.remove(job)
table = subprocess.run(["crontab", "-l"], capture_output=True, check=True).stdout
assert table == others, table
"""


@pytest.mark.namespaces
def test_a_real_cron_makes_the_check_within_the_hours_and_other_jobs_stay_as_they_were(tmp_path: Path) -> None:
    need(sys.platform == "linux" and os.geteuid() == 0, "cron needs Linux and root here", "run as root")
    need_program("cron", package="cron")
    need_program("crontab", package="cron")
    need_program("unshare", package="util-linux")
    home = Home.at(tmp_path / "hö 100% 'me'")
    (tmp_path / "tables").mkdir(mode=0o1730)
    (tmp_path / "pam").write_text(PAM)
    now = datetime.now(UTC)
    policy = 'name = "mine"\nversion = "1"\n[[requirement]]\nquantity = "host.memory"\nat_least = 0.001\n'
    hours = "-".join(f"{now + timedelta(hours=hours):%H:%M}" for hours in (-12, 4))
    shift = f'[shift]\ntimezone = "UTC"\nwindows = ["Mon-Sun {hours}"]\n'
    others = f'# mine \N{SNOWMAN}\nPYTHONPATH="{REPOSITORY}"\nMAILTO=""\n17 3 * * * /bin/echo 100\\%\n'.encode()
    with ScriptedCollector(policy_text=policy + shift) as collector:
        assert homecheck(home, "enroll", "--yes", collector.invite_url).status == 0
        # Wanted for so long that its moment of today has gone by, or is caught up.
        store(home, Settings("cron", 0, now - timedelta(days=9), only=("host.memory",)))
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", NAMESPACE, "sh"]
        done = subprocess.run(
            [*command, str(tmp_path), sys.executable, "-c", LIFE, str(home.root)],
            input=others,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "HOME": str(tmp_path)},
            capture_output=True,
            timeout=400,
            check=False,
        )
        if done.returncode == 77:
            missing(f"cron does not start: {done.stderr!r:.200}", "allow CAP_SYS_ADMIN")
        assert done.returncode == 0, done.stderr.decode()
        assert len(collector.sent("PUT")) == 1
    made = rechecks.load(home).checks["voice"]
    assert (made.verdict, made.delivered) == ("pass", True)
    assert load(home) is not None
