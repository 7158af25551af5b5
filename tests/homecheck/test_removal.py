from __future__ import annotations

from pathlib import Path

import pytest

from homecheck import spool
from homecheck.config import LOCKS, Home, Lock
from homecheck.errors import StateError
from homecheck.file_lock import exclusive
from homecheck.removal import own_files, remove_everything
from tests.command_line import homecheck
from tests.scripted_collector import NOW, ScriptedCollector


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path / "home")
    with ScriptedCollector() as collector:
        assert homecheck(home, "enroll", "--yes", collector.invite_url).status == 0
    spool.put(home, b"one", "voice", NOW)
    spool.set_aside(home, spool.put(home, b"two", "voice", NOW), "key-revoked", NOW)
    home.history.write_text("{}\n", encoding="utf-8")
    for folder in (home.receipts, home.results, home.credentials, home.seq, home.logs):
        folder.mkdir(exist_ok=True)
        (folder / "something").write_bytes(b"x")
    return home


def test_nothing_of_the_agent_stays_not_even_its_folder(home: Home, tmp_path: Path) -> None:
    assert len(own_files(home)) >= 10
    assert remove_everything(home) == ()
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_the_agents_stays_and_is_named(home: Home) -> None:
    others = [
        home.root / "audio-devices.toml",
        home.root / "collector.db",
        home.root / "collector.db.keys" / "signing.jwk",
        home.root / "holiday.jpg",
        home.keys / "responder.jwk",
    ]
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"{}")
    assert list(remove_everything(home)) == sorted(others)
    assert sorted(path for path in home.root.rglob("*") if path.is_file()) == sorted(others)


@pytest.mark.parametrize("name", LOCKS)
def test_nothing_is_removed_beside_another_homecheck_whatever_it_does(home: Home, name: Lock) -> None:
    before = own_files(home)
    with exclusive(home.lock(name)), pytest.raises(StateError, match="another homecheck is at work"):
        remove_everything(home, lambda: pytest.fail("nobody may be disturbed"))
    assert own_files(home) == before


def test_what_a_crash_has_left_half_written_goes_as_well_and_no_other_file(home: Home, tmp_path: Path) -> None:
    for name in ("history.jsonl", "schedule.json", "rechecks.json", "setups.json"):
        (home.root / f"{name}.0123456789abcdef.tmp").write_bytes(b"x")
    others = [home.root / "history.jsonl.mine.tmp", home.root / "xhistory.jsonl.0123456789abcdef.tmp"]
    for path in others:
        path.write_bytes(b"x")
    assert remove_everything(home) == tuple(sorted(others))


def test_a_computer_without_anything_is_left_as_it_is(tmp_path: Path) -> None:
    assert remove_everything(Home.at(tmp_path / "never")) == ()
    assert list(tmp_path.iterdir()) == []
