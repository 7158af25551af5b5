"""What is kept of re-checks comes back as it was, and a damaged file costs an early check and no more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck import rechecks
from homecheck.config import Home
from homecheck.errors import StateError
from homecheck.rechecks import Check, Rechecks
from homecheck.schedule_settings import Settings, load, store

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)


def test_everything_comes_back_as_it_was(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    kept = (
        Rechecks({"voice": Check(NOW, "warn", "refused", "one")}).with_wait("call", ("voice",), NOW).with_surrender(NOW)
    )
    kept = kept.with_trouble("ü" * 5000, NOW).with_wait("battery", ("voice", "chat"), NOW)
    rechecks.store(home, kept)
    assert rechecks.load(home) == kept


def test_the_pause_after_trouble_doubles_up_to_a_day() -> None:
    kept, pauses = Rechecks(), []
    for _ in range(9):
        kept = kept.with_trouble("x", NOW)
        assert kept.trouble is not None
        pauses.append((kept.trouble.not_before - NOW) / timedelta(hours=1))
    assert pauses == [0.5, 1, 2, 4, 8, 16, 24, 24, 24]
    assert kept.with_check("voice", Check(NOW, "pass", "accepted", "one")).trouble is None


def test_a_check_of_one_program_ends_no_wait_of_another() -> None:
    both = Rechecks().with_wait("call", ("voice", "chat"), NOW).with_surrender(NOW).with_wait("call", ("chat",), NOW)
    made = both.with_check("voice", Check(NOW, "pass", "accepted", "one"))
    assert made.gave_up is not None
    assert made.waiting is not None
    assert (made.gave_up.programs, made.waiting.programs) == (("chat",), ("chat",))
    last = made.with_check("chat", Check(NOW, "pass", "accepted", "two"))
    assert (last.gave_up, last.waiting) == (None, None)


def test_what_a_collector_says_counts_for_the_check_that_it_is_about(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    rechecks.store(home, Rechecks({"voice": Check(NOW, "pass", "waiting", "newer")}))
    rechecks.note_receipt(home, "voice", "older", "fail")
    rechecks.note_refusal(home, "voice", "older")
    rechecks.note_receipt(home, "chat", "newer", "fail")
    assert rechecks.load(home).checks == {"voice": Check(NOW, "pass", "waiting", "newer")}
    rechecks.note_receipt(home, "voice", "newer", "warn")
    assert rechecks.load(home).checks == {"voice": Check(NOW, "warn", "accepted", "newer")}


def test_without_a_note_a_receipt_makes_no_file(tmp_path: Path) -> None:
    rechecks.note_receipt(Home.at(tmp_path), "voice", "one", "pass")
    rechecks.forget(Home.at(tmp_path), "voice")
    assert list(tmp_path.iterdir()) == []


def test_two_who_note_at_once_lose_nothing(tmp_path: Path) -> None:
    home = Home.at(tmp_path)

    def note(number: int) -> None:
        check = Check(NOW, "pass", "accepted", str(number))
        rechecks.change(home, lambda kept: kept.with_check(f"program {number}", check))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(note, range(24)))
    assert len(rechecks.load(home).checks) == 24


def test_a_round_that_was_given_up_is_over_for_its_programs_alone() -> None:
    kept = Rechecks().with_wait("call", ("voice",), NOW).with_surrender(NOW)
    assert kept.last("voice") == NOW
    assert kept.last("chat") is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"v":2}',
        b'{"v":9,"checks":{},"waiting":null,"gave_up":null,"trouble":null}',
        b'{"v":2,"checks":{"voice":{"at":"2026-11-23T18:00:00.000Z","verdict":"pass","status":"lost","evidence":"1"}},'
        b'"waiting":null,"gave_up":null,"trouble":null}',
        b"\xff",
    ],
)
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    home = Home.at(tmp_path)
    home.rechecks.write_bytes(content)
    assert rechecks.load(home) == Rechecks()


@pytest.mark.parametrize(
    "changed",
    [
        (b'"v":1', b'"v":2'),
        (b'"cron"', b'"anacron"'),
        (b'"minute":7', b'"minute":15'),
        (b'"every":"7d"', b'"every":"7h"'),
        (b"18:00-22:00", b"18:00-25:00"),
        (b'"timezone":"UTC"', b'"timezone":"Mars"'),
        (b'"only":[]', b'"only":[1]'),
        (b'"skip":[]', b'"skap":[]'),
        (b'"environment":{}', b'"environment":{"LD_PRELOAD":"/tmp/evil.so"}'),
        (b'"environment":{}', b'"environment":{"HTTPS_PROXY":7}'),
        (b"{", b""),
    ],
)
def test_damaged_settings_are_named_and_never_guessed(tmp_path: Path, changed: tuple[bytes, bytes]) -> None:
    home = Home.at(tmp_path)
    wanted = Settings("cron", 7, NOW, "7d", ("Mon-Fri 18:00-22:00",), "UTC")
    store(home, wanted)
    assert load(home) == wanted
    assert changed[0] in home.schedule.read_bytes()
    home.schedule.write_bytes(home.schedule.read_bytes().replace(*changed))
    with pytest.raises(StateError, match=r"schedule\.json: this file is damaged"):
        load(home)


@pytest.mark.parametrize(("every", "recheck", "expected"), [("", 30, 7), ("", 3, 3), ("14d", 3, 14), ("", 0.04, 1)])
def test_the_usual_interval_is_a_week_or_what_the_program_asks_for(every: str, recheck: float, expected: int) -> None:
    assert Settings("cron", 0, NOW, every).interval(timedelta(days=recheck)) == timedelta(days=expected)
