"""Two agents with one key, and one that was restored from a backup: real processes, a real collector, its real pages.

Nothing is refused for it: a restored backup is nobody's fault, and the one computer cannot know of the other. But
whoever looks at the person, the key or the events sees it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from homecheck.config import Home
from homecheck.enrolment import find
from tests.command_line import homecheck
from tests.live_collector import PROGRAM, Site, in_thread

CHECK = ("check", "--unattended", "--only", "landline.digits")
DELIVERED = 11  # of all that the policy asks for nothing was measured: not decided, but received


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with in_thread(tmp_path_factory.mktemp("collector")) as running:
        yield running


def enrolled(site: Site, folder: Path, person: str) -> Home:
    home = Home.at(folder / "first")
    assert homecheck(home, "enroll", "--yes", f"{site.url}/invite/{site.invite(person)}").status == 0
    return home


def copied(home: Home, name: str) -> Home:
    return Home.at(Path(shutil.copytree(home.root, home.root.with_name(name))))


def start(home: Home, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "homecheck", *arguments],
        env={**os.environ, "HOMECHECK_HOME": str(home.root)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(home: Home, *arguments: str) -> int:
    """Run one command of one agent, in this process: all that an agent knows is in its home."""
    return homecheck(home, *arguments).status


def alarms(site: Site, subject: str) -> list[object]:
    return site.browse_database(f"SELECT kind FROM event WHERE person = '{subject}' AND security = 1 ORDER BY id")


def test_two_computers_with_one_key_are_both_taken_and_seen_on_every_page(site: Site, tmp_path: Path) -> None:
    home = enrolled(site, tmp_path, "Doppel Gänger")
    assert run(home, *CHECK) == DELIVERED
    enrolment, copy = find(home, PROGRAM), copied(home, "second")
    assert alarms(site, enrolment.subject) == []
    both = [start(one, *CHECK) for one in (home, copy)]  # at the same time
    for process in both:
        process.communicate(timeout=120)
    assert [process.returncode for process in both] == [DELIVERED] * 2
    assert site.browse_database(f"SELECT seq FROM evidence WHERE kid = '{enrolment.kid}' ORDER BY position") == [
        1,
        2,
        2,
    ]
    assert alarms(site, enrolment.subject) == ["seq-repeated"]
    reader = site.browse("reader-of-copies", "auditor")
    (digest,) = site.browse_database("SELECT about FROM event WHERE kind = 'seq-repeated'")
    for path in (
        f"/people/{enrolment.subject}",
        f"/devices/{enrolment.kid}",
        f"/evidence/{digest}",
        "/events?security=1",
    ):
        page = reader.get(f"{site.url}{path}", timeout=20).text
        assert "Sequence number seen twice" in page, path
        assert "two computers use one key, or one was restored from a backup" in page, path


def test_changing_the_key_shuts_the_copy_out_and_its_own_attempt_is_seen(site: Site, tmp_path: Path) -> None:
    home = enrolled(site, tmp_path, "Cure")
    copy, enrolment = copied(home, "second"), find(home, PROGRAM)
    assert run(home, "rotate") == 0
    assert run(copy, "rotate") == 1
    assert alarms(site, enrolment.subject) == ["key-forked"]
    assert find(copy, PROGRAM).kid == enrolment.kid
    assert len(list(copy.keys.iterdir())) == 1  # no second key was left behind
    assert run(home, *CHECK) == DELIVERED


def test_a_computer_restored_from_a_backup_is_taken_and_flagged(site: Site, tmp_path: Path) -> None:
    home = enrolled(site, tmp_path, "Back Up")
    subject, backup = find(home, PROGRAM).subject, copied(home, "backup")
    assert run(home, *CHECK) == DELIVERED
    assert alarms(site, subject) == []
    shutil.rmtree(home.root)
    shutil.copytree(backup.root, home.root)
    assert run(home, *CHECK) == DELIVERED
    assert alarms(site, subject) == ["seq-repeated"]


def test_a_restored_computer_whose_numbers_never_met_is_flagged_by_their_order(site: Site, tmp_path: Path) -> None:
    home = enrolled(site, tmp_path, "Gap")
    subject = find(home, PROGRAM).subject
    assert run(home, *CHECK, "--no-upload") == DELIVERED  # uses number 1 up, which never arrives
    backup = copied(home, "backup")
    (backup.seq / find(home, PROGRAM).kid).unlink()  # of before that
    assert run(home, *CHECK) == DELIVERED  # number 2
    assert run(backup, *CHECK) == DELIVERED  # number 1, after number 2
    assert alarms(site, subject) == ["seq-backwards"]
