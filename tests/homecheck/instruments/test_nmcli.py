"""Answers in the form of nmcli's terse output (NetworkManager 1.42, NMMetered)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from homecheck.instruments.nmcli import metered


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("GENERAL.METERED:yes\n", (True, "NetworkManager: yes")),
        ("GENERAL.METERED:yes (guessed)\n", (True, "NetworkManager: yes (guessed)")),
        ("GENERAL.METERED:no\n", (False, "NetworkManager: no")),
        ("GENERAL.METERED:no (guessed)\n", (False, "NetworkManager: no (guessed)")),
        ("GENERAL.METERED:unknown\n", (None, "NetworkManager: unknown")),
        ("GENERAL.METERED:\n", (None, "")),
        ("GENERAL.METERED:nobody knows\n", (None, "")),
        ("", (None, "")),
    ],
)
def test_networkmanagers_word_is_taken_and_nothing_is_guessed_beyond_it(
    answer: str, expected: tuple[bool | None, str]
) -> None:
    def run(command: Sequence[str]) -> str:
        assert tuple(command[:3]) == ("env", "LC_ALL=C", "nmcli")
        assert command[-1] == "wlan0"
        return answer

    assert metered("wlan0", run) == expected
