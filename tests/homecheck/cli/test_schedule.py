"""`homecheck schedule`: installed, looked at, run by the timer, silent, waiting, and gone without a trace."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from homecheck import drift, rechecks, spool
from homecheck.cli.schedule_run import Ended, run_round
from homecheck.config import Home
from homecheck.drift import Setup
from homecheck.enrolment import find
from homecheck.file_lock import exclusive
from homecheck.hindrance import Surroundings
from homecheck.keys import SoftwareKey, read_key_file
from homecheck.schedule_settings import Settings, load, store
from homecheck.signing import EVIDENCE, sign
from homecheck.timers.job import job_for
from tests.command_line import Result, homecheck
from tests.scripted_collector import ScriptedCollector, make_evidence, problem

QUARTER = timedelta(minutes=15)
LIMIT = 'name = "mine"\nversion = "1"\n[[requirement]]\nquantity = "room.noise"\nat_most = -40\n'
EVENINGS = '[shift]\ntimezone = "Europe/Stockholm"\nwindows = ["Mon-Fri 18:00-22:00"]\n'
AT_SEVEN = ("--window", "Mon-Thu 19:00-21:00", "--timezone", "UTC")
CRONTAB = """#!/bin/sh
case "$1" in
-l) if test -f "$HOME/table"; then cat "$HOME/table"; else echo "no crontab for ada" >&2; exit 1; fi ;;
-r) rm "$HOME/table" ;;
-) cat >"$HOME/table" ;;
esac
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "hö me")


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where a crontab of Debian's manners keeps the table; there is no systemd beside it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "crontab").write_text(CRONTAB)
    (programs / "crontab").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/bin:/usr/bin")
    (programs / "systemctl").write_text("#!/bin/sh\nexit 1\n")
    (programs / "systemctl").chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "table"


@pytest.fixture
def enrolled(home: Home) -> Callable[[str], Result]:
    """Return what enrols in a program with this policy; its collector is gone afterwards."""

    def enrol(policy: str) -> Result:
        with ScriptedCollector(policy_text=policy) as collector:
            return homecheck(home, "enroll", "--yes", collector.invite_url)

    return enrol


def everything(folder: Path) -> dict[str, bytes]:
    """Return all files but locks, which hold nothing."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".lock")
    return {str(path): path.read_bytes() for path in files}


# Installing and removing


def test_without_a_program_there_is_nothing_to_check_for(home: Home, table: Path) -> None:
    done = homecheck(home, "schedule", "install")
    assert (done.status, done.out) == (1, "")
    assert "not enrolled anywhere" in done.err
    assert not table.exists()


def test_installed_twice_is_installed_once_and_removed_leaves_what_was_there(
    home: Home, table: Path, enrolled: Callable[[str], Result]
) -> None:
    assert enrolled(LIMIT + EVENINGS).status == 0
    table.write_bytes(b"MAILTO=ada\n0 1 * * * /bin/true 100\\%\xff\n")
    before = everything(table.parent)
    first = homecheck(home, "schedule", "install", "--every", "7d")
    assert first.status == 0, first.err
    assert first.out.startswith("Installed with cron: every 7d, in the program's working hours (or Mon-Sun 08:00-20:00")
    installed = everything(table.parent)
    again = homecheck(home, "schedule", "install", "--every", "7d")
    assert again.out.startswith("Nothing to change: every 7d")
    assert everything(table.parent) == installed
    assert homecheck(home, "schedule", "status").status == 0
    run_round(home, lambda: MONDAY, QUIET, never)  # before it was wanted, whatever the time is now
    assert homecheck(home, "schedule", "remove").out == "Removed from cron.\n"
    assert everything(table.parent) == before
    assert homecheck(home, "schedule", "remove").out == "There was nothing to remove.\n"


def test_another_interval_replaces_the_first_and_keeps_its_moment(
    home: Home, table: Path, enrolled: Callable[[str], Result]
) -> None:
    enrolled(LIMIT + EVENINGS)
    homecheck(home, "schedule", "install")
    first = table.read_bytes()
    done = homecheck(
        home, "schedule", "install", "--every", "14d", "--window", "Mon-Thu 19:00-21:00", "--timezone", "UTC"
    )
    assert done.out == "Installed with cron: every 14d, Mon-Thu 19:00-21:00 (UTC)\n"
    assert table.read_bytes() == first  # the timer looks every quarter of an hour, whatever the interval


def test_printed_is_not_installed_and_holds_no_secret(
    home: Home, table: Path, enrolled: Callable[[str], Result]
) -> None:
    enrolled(LIMIT + EVENINGS)
    for name in ("cron", "systemd", "launchd", "task-scheduler"):
        done = homecheck(home, "schedule", "install", "--with", name, "--print")
        assert done.status == 0, done.err
        assert "schedule" in done.out
        assert str(home.root) in done.out
        kid = find(home, "voice").kid
        secret = json.loads((home.keys / f"{kid}.jwk").read_bytes())["d"]
        assert secret not in done.out
        assert kid not in done.out
    assert not table.exists()
    assert load(home) is None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--every", "1h"), "every 1h: at most once a day"),
        (("--every", "soon"), "'soon' is no duration"),
        (("--window", "18-22"), "'18-22' is no window; write: Mon-Fri 18:00-22:00"),
        (("--window", "Mon-Fri 18:00-22:00", "--timezone", "Mars/Olympus"), "timezone 'Mars/Olympus' is not known"),
        (("--timezone", "Europe/Stockholm"), "a time zone goes with windows"),
        (
            ("--window", "Sat 08:00-12:00"),
            "voice: its working hours (Mon-Fri 18:00-22:00 Europe/Stockholm) and",
        ),
    ],
)
def test_a_mistake_is_told_and_nothing_is_installed(
    home: Home, table: Path, enrolled: Callable[[str], Result], arguments: tuple[str, ...], told: str
) -> None:
    enrolled(LIMIT + EVENINGS)
    done = homecheck(home, "schedule", "install", *arguments)
    assert done.status == 2
    assert told in done.err
    assert not table.exists()
    assert load(home) is None


def test_an_interval_that_is_too_long_for_the_program_is_told(
    home: Home, table: Path, enrolled: Callable[[str], Result]
) -> None:
    enrolled(f'recheck = "14d"\n{LIMIT}')
    assert table.parent.exists()
    done = homecheck(home, "schedule", "install", "--every", "30d")
    assert done.status == 0
    assert "voice asks for a check every 14d: yours will come too late." in done.err


def test_a_computer_without_any_timer_is_told_what_to_do(
    home: Home, table: Path, enrolled: Callable[[str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled(LIMIT)
    monkeypatch.setenv("PATH", str(table.parent / "nothing"))
    done = homecheck(home, "schedule", "install")
    assert done.status == 1
    assert "this computer has no timer that answers (looked for: systemd and cron)" in done.err
    named = homecheck(home, "schedule", "install", "--with", "cron")
    assert named.status == 1
    assert "there is no program crontab on this computer" in named.err
    assert load(home) is None


@pytest.mark.skipif(sys.platform != "linux", reason="attributes of files are Linux's")
def test_a_home_that_cannot_be_written_stops_it_before_the_timer_is_touched(
    home: Home, table: Path, enrolled: Callable[[str], Result]
) -> None:
    enrolled(LIMIT)
    home.schedule.mkdir()  # root may write everywhere, but not replace a folder by a file
    store_failed = homecheck(home, "schedule", "install")
    assert store_failed.status == 1
    assert "schedule.json: cannot write this file" in store_failed.err
    assert not table.exists()


def test_a_timer_that_was_taken_away_by_hand_is_noticed(
    home: Home, table: Path, enrolled: Callable[[str], Result]
) -> None:
    enrolled(LIMIT)
    homecheck(home, "schedule", "install")
    table.unlink()
    done = homecheck(home, "schedule", "status", "--output", "json")
    assert done.status == 1
    assert json.loads(done.out)["timer_installed"] is False
    assert "Run: homecheck schedule install" in homecheck(home, "schedule", "status").err
    homecheck(home, "schedule", "install")
    assert homecheck(home, "schedule", "status").status == 0


def test_damaged_settings_are_named_and_can_be_replaced_or_removed(
    home: Home, table: Path, enrolled: Callable[[str], Result]
) -> None:
    enrolled(LIMIT)
    homecheck(home, "schedule", "install")
    for mend in ("install", "remove"):
        home.schedule.write_bytes(b"{")
        told = homecheck(home, "schedule", "status")
        assert told.status == 1
        assert "schedule.json: this file is damaged" in told.out
        assert "Run: homecheck schedule install" in homecheck(home, "status").out
        mended = homecheck(home, "schedule", mend)
        assert mended.status == 0
        assert "nothing" not in mended.out
        assert homecheck(home, "schedule", "status").status == 0
    assert not table.exists()


def test_damaged_settings_without_a_timer_are_removed_and_named(home: Home, table: Path) -> None:
    home.root.mkdir()
    home.schedule.write_bytes(b"{")
    assert homecheck(home, "schedule", "remove").out == f"Removed from {home.schedule}.\n"
    assert not home.schedule.exists()
    assert homecheck(home, "schedule", "remove").out == "There was nothing to remove.\n"


def test_the_way_to_collectors_is_taken_along_and_its_password_shown_nowhere(
    home: Home, table: Path, enrolled: Callable[[str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled(LIMIT)
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:S3CRET@proxy:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    monkeypatch.setenv("SSL_CERT_FILE", "ca.pem")
    monkeypatch.delenv("ALL_PROXY", raising=False)
    done = homecheck(home, "schedule", "install")
    assert "given what is set here just now: HTTPS_PROXY, no_proxy, SSL_CERT_FILE, HOMECHECK_LANG." in done.err
    shown = [homecheck(home, "schedule", *words).out for words in (("status", "--output", "json"), ("status",))]
    shown += [done.out, done.err, homecheck(home, "schedule", "install", "--print").out, table.read_text()]
    assert "S3CRET" not in "".join(shown)
    assert homecheck(home, "schedule", "install").out.startswith("Nothing to change")
    assert stat.S_IMODE(home.schedule.stat().st_mode) == 0o600
    monkeypatch.delenv("HTTPS_PROXY")
    monkeypatch.setenv("no_proxy", "elsewhere.example")
    monkeypatch.delenv("SSL_CERT_FILE")
    made = rechecks.Check(datetime.now(UTC), "pass", "accepted", "just now")
    rechecks.store(home, rechecks.Rechecks({"voice": made}))
    assert homecheck(home, "schedule", "run").status == 0
    assert os.environ["HTTPS_PROXY"] == "http://ada:S3CRET@proxy:3128"
    assert os.environ["no_proxy"] == "elsewhere.example"  # what is set where it runs counts
    assert os.environ["SSL_CERT_FILE"] == str(Path("ca.pem").absolute())
    monkeypatch.delenv("HTTPS_PROXY")
    monkeypatch.delenv("SSL_CERT_FILE")
    assert homecheck(home, "schedule", "install").out.startswith("Installed with cron")
    assert load(home).environment == {"no_proxy": "elsewhere.example", "HOMECHECK_LANG": "en"}  # type: ignore[union-attr]


def test_the_timer_reads_no_private_file_and_state_is_for_its_owner_alone(
    home: Home, table: Path, enrolled: Callable[[str], Result]
) -> None:
    enrolled(LIMIT)
    homecheck(home, "schedule", "install")
    assert table.exists()
    assert stat.S_IMODE(home.schedule.stat().st_mode) == 0o600


# What the timer starts

STOCKHOLM = ZoneInfo("Europe/Stockholm")
MONDAY = datetime(2026, 11, 23, 18, 0, tzinfo=STOCKHOLM).astimezone(UTC)


NUMBERS = count()  # no two checks have evidence of one id


@dataclass
class Checks:
    """A check that ends as a test says, and how often it was made; `notes` is what the check itself keeps."""

    verdict: str = "pass"
    upload: str = "accepted"
    status: int = 0
    told: str = ""
    notes: Callable[[], object] = lambda: None
    made: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, home: Home, settings: Settings, programs: Sequence[str]) -> Ended:
        self.made.append(tuple(programs))
        self.notes()
        if self.status == 1:
            return Ended(1, "", self.told)
        number = next(NUMBERS)
        uploads = [
            {"program": name, "status": self.upload, "verdict": self.verdict, "message": "no", "id": f"{name} {number}"}
            for name in programs
        ]
        return Ended(self.status, json.dumps({"uploads": uploads}), self.told)


def never(home: Home, settings: Settings, programs: Sequence[str]) -> Ended:
    raise AssertionError("a check was made")


QUIET = Surroundings(lambda: False, lambda: False)
CALL = Surroundings(lambda: True, lambda: False)
BATTERY = Surroundings(lambda: False, lambda: True)


@pytest.fixture
def scheduled(home: Home, enrolled: Callable[[str], Result]) -> Home:
    enrolled(LIMIT + EVENINGS)
    store(home, Settings("cron", 0, MONDAY - timedelta(hours=6)))
    return home


def evenings(
    home: Home,
    checks: Checks,
    days: int,
    surroundings: Surroundings = QUIET,
    *,
    after: int = 0,
) -> list[tuple[int, list[str]]]:
    """Look every quarter of an hour from 17:30 to 22:15, on so many days from Monday; return what was not silent."""
    told = []
    for number in range(after, after + days):
        begin = MONDAY + timedelta(days=number) - 2 * QUARTER
        for look in range(20):
            told.append(run_round(home, lambda now=begin + look * QUARTER: now, surroundings, checks))  # type: ignore[misc]
    return [one for one in told if one != (0, [])]


def test_a_check_that_changes_nothing_is_silent_and_made_once_a_week(scheduled: Home) -> None:
    checks = Checks()
    assert evenings(scheduled, checks, 5) == []
    assert checks.made == [("voice",)]
    assert rechecks.load(scheduled).checks["voice"].verdict == "pass"
    assert evenings(scheduled, checks, 3, after=5) == []
    assert len(checks.made) == 2


def test_outside_the_hours_nothing_is_made(scheduled: Home) -> None:
    checks = Checks()
    for hours in (-1, 4, 12, 20, 100):
        assert run_round(scheduled, lambda: MONDAY + timedelta(hours=hours), QUIET, checks) == (0, [])  # noqa: B023
    assert checks.made == []


def test_what_has_changed_is_told_once_with_the_exit_status_of_the_check(scheduled: Home) -> None:
    checks = Checks("fail", status=10)
    ((status, lines),) = evenings(scheduled, checks, 1)
    assert (status, lines) == (10, ["voice: fail. What to do: homecheck check"])
    assert evenings(scheduled, checks, 1, after=7) == []  # still failing: told already
    ((status, lines),) = evenings(scheduled, Checks("pass"), 1, after=14)
    assert (status, lines) == (0, ["voice: pass, was fail. What to do: homecheck check"])


def test_another_headset_than_at_the_first_check_is_told_once(scheduled: Home) -> None:
    week = timedelta(days=7)

    def with_headset(model: str, at: datetime) -> Checks:
        setup = Setup(at, {"headset.model": model, "host.memory": 15.6})
        return Checks(notes=lambda: drift.note(scheduled, ["voice"], setup))

    assert evenings(scheduled, with_headset("Jabra Link 370", MONDAY), 1) == []
    other = with_headset("WH-1000XM4", MONDAY + week)
    ((status, (line,)),) = evenings(scheduled, other, 1, after=7)
    assert (status, line) == (0, "voice: since the first check, 2026-11-23, other headset: Jabra Link 370 → WH-1000XM4")
    assert evenings(scheduled, other, 1, after=14) == []
    for command in ("status", "history"):
        assert "other headset: Jabra Link 370 → WH-1000XM4" in homecheck(scheduled, command).out


@pytest.mark.parametrize(
    ("surroundings", "why"),
    [
        (CALL, "a program uses the microphone, so somebody may be talking"),
        (BATTERY, "the computer runs on its battery"),
    ],
)
def test_in_a_call_or_on_battery_it_waits_and_the_status_says_why(
    scheduled: Home, surroundings: Surroundings, why: str
) -> None:
    assert evenings(scheduled, Checks(), 1, surroundings) == []
    assert "It is time, and waits since Mon 2026-11-23 " in homecheck(scheduled, "status").out
    assert why in homecheck(scheduled, "schedule", "status").out
    checks = Checks()
    assert evenings(scheduled, checks, 1, after=1) == []
    assert len(checks.made) == 1
    assert "waits since" not in homecheck(scheduled, "status").out


def test_waiting_ends_after_twelve_hours_of_working_time_and_says_so(scheduled: Home) -> None:
    checks = Checks()
    told = evenings(scheduled, checks, 5, CALL)
    assert [status for status, _ in told] == [1]
    assert told[0][1][0].startswith(
        "The re-check was given up after 12 hours of waiting: a program uses the microphone"
    )
    assert checks.made == []
    assert "Given up " in homecheck(scheduled, "schedule", "status").out
    assert evenings(scheduled, checks, 6, after=7) == []  # the next round comes
    assert len(checks.made) == 1


def test_while_another_check_runs_it_waits(scheduled: Home) -> None:
    with exclusive(scheduled.root / "check.lock") as held:
        assert held
        assert evenings(scheduled, Checks(), 1) == []
    assert "another check is under way" in homecheck(scheduled, "schedule", "status").out


def test_a_check_that_crashes_is_told_once_and_tried_again_ever_more_seldom(scheduled: Home) -> None:
    checks = Checks(status=1, told="Traceback\n  x\nRuntimeError: \x1b[31mno disk\n")
    told = evenings(scheduled, checks, 4)
    assert [(status, len(lines)) for status, lines in told] == [(1, 1)]
    assert told[0][1][0].endswith(" made: Traceback x RuntimeError: \N{REPLACEMENT CHARACTER}[31mno disk")
    # After 30 minutes, 1, 2, 4, 8 … hours, within four evenings; one whose moment is late has one try in each.
    assert 4 <= len(checks.made) <= 9
    status = homecheck(scheduled, "schedule", "status").out
    assert "Could not be made" in status
    assert "Next try: " in status
    good = Checks()
    evenings(scheduled, good, 1, after=7)
    assert len(good.made) == 1
    assert rechecks.load(scheduled).trouble is None


def test_a_check_that_ended_well_and_said_nothing_is_not_taken_for_made(scheduled: Home) -> None:
    def silent(home: Home, settings: Settings, programs: Sequence[str]) -> Ended:
        return Ended(0, "", "")

    now = MONDAY + timedelta(hours=3, minutes=45)
    assert run_round(scheduled, lambda: now, QUIET, silent)[0] == 1
    assert "voice" not in rechecks.load(scheduled).checks


def test_a_check_that_was_made_by_hand_counts(scheduled: Home) -> None:
    made = rechecks.Check(MONDAY - timedelta(days=1), "warn", "accepted", "one")
    rechecks.store(scheduled, rechecks.Rechecks({"voice": made}))
    checks = Checks("warn")
    assert evenings(scheduled, checks, 4) == []
    assert checks.made == []


def signer_of_re_checks(home: Home, collector: ScriptedCollector) -> SoftwareKey:
    """Enrol, install re-checks, and return what signs for the program."""
    homecheck(home, "enroll", "--yes", collector.invite_url)
    store(home, Settings("cron", 0, MONDAY))
    return read_key_file(home.keys / f"{find(home, 'voice').kid}.jwk")


def test_what_waits_is_sent_at_the_next_start_whether_or_not_it_is_time(home: Home) -> None:
    with ScriptedCollector(policy_text=LIMIT + EVENINGS) as collector:
        signer = signer_of_re_checks(home, collector)
        evidence = make_evidence(signer, number=1)
        spool.put(home, sign(evidence.to_bytes(), EVIDENCE, signer), "voice")
        rechecks.store(home, rechecks.Rechecks({"voice": rechecks.Check(MONDAY, "fail", "waiting", evidence.id)}))
        collector.script("PUT", problem(429, "slow-down", {"Retry-After": "1800"}))
        saturday = MONDAY + timedelta(days=5)
        assert run_round(home, lambda: saturday, QUIET, never) == (0, [])
        assert len(spool.waiting(home)) == 1
        (one,) = spool.waiting(home)
        spool.write_notes(home, one.digest, spool.Notes("voice", one.since))  # half an hour later
        collector.script("PUT", collector.receipt)
        status, (line,) = run_round(home, lambda: saturday, QUIET, never)
        assert (status, line) == (0, "voice: inconclusive, was fail. What to do: homecheck check")
        assert spool.waiting(home) == ()
        assert rechecks.load(home).checks["voice"].delivered


def test_an_older_result_that_arrives_says_nothing_of_the_last_check(home: Home) -> None:
    with ScriptedCollector(policy_text=LIMIT + EVENINGS) as collector:
        signer = signer_of_re_checks(home, collector)
        older, newer = make_evidence(signer, number=1), make_evidence(signer, number=2)
        for minute, evidence in enumerate((older, newer)):
            envelope = sign(evidence.to_bytes(), EVIDENCE, signer)
            spool.put(home, envelope, "voice", MONDAY + timedelta(minutes=minute))
        kept = rechecks.Rechecks({"voice": rechecks.Check(MONDAY, "pass", "waiting", newer.id)})
        rechecks.store(home, kept)
        collector.script("PUT", collector.receipt, problem(429, "slow-down", {"Retry-After": "1800"}))
        assert run_round(home, lambda: MONDAY + timedelta(days=5), QUIET, never) == (0, [])
        assert len(spool.waiting(home)) == 1
        assert rechecks.load(home) == kept


def test_a_result_that_is_refused_later_is_not_said_to_wait_for_ever(home: Home) -> None:
    with ScriptedCollector(policy_text=LIMIT + EVENINGS) as collector:
        signer = signer_of_re_checks(home, collector)
        evidence = make_evidence(signer, number=1)
        spool.put(home, sign(evidence.to_bytes(), EVIDENCE, signer), "voice")
        rechecks.store(home, rechecks.Rechecks({"voice": rechecks.Check(MONDAY, "pass", "waiting", evidence.id)}))
        collector.script("PUT", problem(422, "schema"))
        status, (line,) = run_round(home, lambda: MONDAY + timedelta(days=5), QUIET, never)
        assert status == 0
        assert line.startswith("voice: results were not accepted: ")
    assert rechecks.load(home).checks["voice"].status == "refused"
    told = homecheck(home, "schedule", "status").out
    assert "pass, not accepted" in told
    assert "not delivered yet" not in told


def test_what_cannot_be_delivered_is_told_once(scheduled: Home) -> None:
    checks = Checks(upload="waiting", status=20)
    ((status, (line,)),) = evenings(scheduled, checks, 1)
    assert status == 20
    assert line == "voice: measured, and not delivered. What becomes of it: homecheck status"
    assert evenings(scheduled, checks, 1, after=7) == []
    assert "not delivered yet" in homecheck(scheduled, "status").out


def test_results_that_are_refused_are_told_with_the_reason(scheduled: Home) -> None:
    ((status, lines),) = evenings(scheduled, Checks(upload="refused", status=20), 1)
    assert (status, lines[-1]) == (20, "voice: results were not accepted: no")


def test_what_the_check_has_noted_itself_and_what_became_of_it_since_stays(scheduled: Home) -> None:
    made = rechecks.Check(MONDAY, "warn", "accepted", "voice 0")

    def sent_by_hand_meanwhile(home: Home, settings: Settings, programs: Sequence[str]) -> Ended:
        rechecks.change(home, lambda kept: kept.with_check("voice", made))
        upload = {"program": "voice", "status": "waiting", "verdict": "fail", "message": "", "id": "voice 0"}
        return Ended(20, json.dumps({"uploads": [upload]}), "")

    late = MONDAY + timedelta(hours=3, minutes=45)
    _, lines = run_round(scheduled, lambda: late, QUIET, sent_by_hand_meanwhile)
    assert lines == ["voice: warn. What to do: homecheck check"]
    assert rechecks.load(scheduled).checks["voice"] == made


def test_a_check_that_was_made_while_one_looked_is_not_waited_for(scheduled: Home) -> None:
    late = MONDAY + timedelta(hours=3, minutes=45)
    made = rechecks.Check(late, "pass", "accepted", "by hand")

    def made_meanwhile() -> bool:
        rechecks.change(scheduled, lambda kept: kept.with_check("voice", made))
        return True

    assert run_round(scheduled, lambda: late, Surroundings(made_meanwhile, lambda: False), never) == (0, [])
    assert rechecks.load(scheduled) == rechecks.Rechecks({"voice": made})


def test_damage_that_stops_every_look_is_told_once_and_again_when_it_is_another(scheduled: Home) -> None:
    looks = [MONDAY + number * QUARTER for number in range(96)]
    home_schedule = scheduled.schedule.read_bytes()
    scheduled.schedule.write_bytes(b"{")
    told = [run_round(scheduled, lambda now=now: now, QUIET, never) for now in looks]  # type: ignore[misc]
    (status, (line,)), *others = told
    assert status == 1
    assert line.startswith("The re-check could not be made: ")
    assert "schedule.json: this file is damaged" in line
    assert set(map(str, others)) == {"(0, [])"}
    assert "this file is damaged" in rechecks.load(scheduled).trouble.message  # type: ignore[union-attr]
    scheduled.schedule.write_bytes(home_schedule)
    (enrolment,) = scheduled.enrolments.glob("*.json")
    enrolment.write_bytes(b"{")
    status, (line,) = run_round(scheduled, lambda: looks[-1], QUIET, never)
    assert (status, enrolment.name in line) == (1, True)


def test_a_check_that_could_not_be_noted_is_not_made_again_and_again(scheduled: Home) -> None:
    scheduled.lock("notes").mkdir()  # root may open any file for writing, but no folder
    status, (line,) = run_round(scheduled, lambda: MONDAY + timedelta(hours=3, minutes=45), QUIET, never)
    assert status == 1
    assert "notes.lock: cannot make this lock" in line


def test_what_can_neither_be_done_nor_kept_is_told_each_time(scheduled: Home) -> None:
    scheduled.schedule.write_bytes(b"{")
    scheduled.rechecks.mkdir()  # root may write everywhere, but not replace a folder by a file
    for _ in range(2):
        status, (line,) = run_round(scheduled, lambda: MONDAY, QUIET, never)
        assert (status, "this file is damaged" in line) == (1, True)


def test_after_the_folder_of_state_was_deleted_the_timer_makes_none_again(home: Home) -> None:
    done = homecheck(home, "schedule", "run", "--home", str(home.root))
    assert (done.status, done.out, done.err) == (0, "", "")
    assert not home.root.exists()


def test_two_starts_at_once_make_one_check(scheduled: Home) -> None:
    with exclusive(scheduled.root / "recheck.lock") as held:
        assert held
        assert run_round(scheduled, lambda: MONDAY + timedelta(hours=3, minutes=45), QUIET, never) == (0, [])


def test_after_the_last_program_was_left_nothing_is_due(scheduled: Home) -> None:
    homecheck(scheduled, "leave", "voice", "--yes")
    assert evenings(scheduled, Checks(status=1), 1) == []
    assert "Not enrolled anywhere: nothing is checked" in homecheck(scheduled, "schedule", "status").out


def test_a_policy_without_hours_is_checked_by_day(home: Home, enrolled: Callable[[str], Result]) -> None:
    enrolled(LIMIT)
    zone = ZoneInfo("Europe/Stockholm")
    store(home, Settings("cron", 0, MONDAY - timedelta(days=1), windows=("Mon-Sun 08:00-20:00",), timezone=str(zone)))
    made: list[datetime] = []

    def at(now: datetime) -> Callable[[Home, Settings, Sequence[str]], Ended]:
        def start(home: Home, settings: Settings, programs: Sequence[str]) -> Ended:
            made.append(now)
            return Checks()(home, settings, programs)

        return start

    for number in range(24 * 10):
        now = MONDAY + number * timedelta(hours=1)
        run_round(home, lambda now=now: now, QUIET, at(now))  # type: ignore[misc]
    assert len(made) == 2
    assert all(8 <= moment.astimezone(zone).hour < 20 for moment in made)


# A real check, in a program of its own


def test_a_check_in_a_program_of_its_own_is_sent_noted_and_silent(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    now = datetime.now(UTC)
    window = "-".join(f"{now + timedelta(hours=hours):%H:%M}" for hours in (-2, 4))
    policy = 'name = "mine"\nversion = "1"\n[[requirement]]\nquantity = "host.memory"\nat_least = 0.001\n'
    with ScriptedCollector(policy_text=policy) as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
        wanted = Settings(
            "cron", 0, now - timedelta(days=9), windows=(f"Mon-Sun {window}",), timezone="UTC", only=("host.memory",)
        )
        store(home, wanted)
        assert run_round(home, lambda: now + timedelta(hours=3, minutes=49), QUIET) == (0, [])
        assert len(collector.sent("PUT")) == 1
    check = rechecks.load(home).checks["voice"]
    assert (check.verdict, check.delivered) == ("pass", True)
    assert drift.load(home)["voice"].first.facts.keys() == {"host.memory"}


# A part that is damaged


def test_the_timer_speaks_the_language_in_which_it_was_installed(
    home: Home, table: Path, enrolled: Callable[[str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled(LIMIT)
    monkeypatch.setenv("HOMECHECK_LANG", "sv")
    homecheck(home, "schedule", "install")
    monkeypatch.delenv("HOMECHECK_LANG")
    monkeypatch.setenv("LC_ALL", "C")  # as under cron
    home.rechecks.unlink()
    home.rechecks.mkdir()  # nothing can be kept, so it is told at each start
    told = homecheck(home, "schedule", "run")
    assert told.status == 1
    assert told.out.startswith("Den nya kontrollen kunde inte göras: ")


def test_a_damaged_enrolment_is_named_once_and_the_others_are_checked(scheduled: Home) -> None:
    (scheduled.enrolments / "sales.json").write_bytes(b'{"v": 1')
    status, (line,) = run_round(scheduled, lambda: MONDAY, QUIET, never)
    assert status == 1  # a system that tells nobody of a timer that ended well tells of this one
    assert run_round(scheduled, lambda: MONDAY, QUIET, never) == (0, [])
    assert line.startswith("sales is left out as it cannot be used")
    assert "sales.json: this file is damaged" in line
    assert "ask for a new invitation" in line
    checks = Checks()
    assert run_round(scheduled, lambda: MONDAY + timedelta(hours=3, minutes=45), QUIET, checks)[0] == 0
    assert list(rechecks.load(scheduled).checks) == ["voice"]
    for command in ("status", "schedule status"):
        told = json.loads(homecheck(scheduled, *command.split(), "--output", "json").out)
        parts = told if command == "schedule status" else told["schedule"]
        assert [one["program"] for one in parts["programs"]] == ["voice"]
    assert "sales is left out as it cannot be used" in homecheck(scheduled, "status").out
    assert "sales is left out as it cannot be used" in homecheck(scheduled, "programs").out
    (scheduled.enrolments / "sales.json").unlink()
    assert run_round(scheduled, lambda: MONDAY + timedelta(hours=4), QUIET, never) == (0, [])
    assert rechecks.load(scheduled).unreadable == ()


def test_a_timer_that_does_not_let_itself_be_installed_leaves_nothing_behind(
    home: Home, table: Path, enrolled: Callable[[str], Result]
) -> None:
    enrolled(LIMIT)
    homecheck(home, "schedule", "install")
    before = everything(table.parent)
    refused = homecheck(home, "schedule", "install", "--with", "systemd")  # it does not answer
    assert refused.status == 1
    assert everything(table.parent) == before


def test_units_of_a_systemd_that_has_gone_are_removed_all_the_same(
    home: Home, table: Path, enrolled: Callable[[str], Result]
) -> None:
    enrolled(LIMIT)
    homecheck(home, "schedule", "install")
    units = table.parent / ".config" / "systemd" / "user"
    units.mkdir(parents=True)
    job = job_for(home, 0)
    for kind in ("service", "timer"):
        (units / f"{job.name}.{kind}").write_text("of an earlier day")
    assert homecheck(home, "schedule", "remove").out == "Removed from cron, systemd.\n"
    assert not units.exists()
