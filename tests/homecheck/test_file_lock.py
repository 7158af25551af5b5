from __future__ import annotations

from pathlib import Path

import pytest

from homecheck.errors import StateError
from homecheck.file_lock import POLL_SECONDS, exclusive


def test_a_lock_is_waited_for_as_long_as_allowed_and_no_longer(tmp_path: Path) -> None:
    pauses: list[float] = []
    with exclusive(tmp_path / "lock"), exclusive(tmp_path / "lock", 5 * POLL_SECONDS, pauses.append) as held:
        assert not held
    assert sum(pauses) == pytest.approx(5 * POLL_SECONDS)


def test_a_lock_that_is_released_meanwhile_is_taken(tmp_path: Path) -> None:
    holder = exclusive(tmp_path / "lock")
    assert holder.__enter__()

    def release(seconds: float) -> None:
        holder.__exit__(None, None, None)

    with exclusive(tmp_path / "lock", 1.0, release) as held:
        assert held


def test_a_lock_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(StateError, match="missing/lock: cannot make this lock"),
        exclusive(tmp_path / "missing" / "lock"),
    ):
        pytest.fail("the lock cannot be there")
