"""Programs of the system: what they print, or nothing at all."""

from __future__ import annotations

import sys
import time

import pytest

from homecheck.instruments.host.program import output_of


def test_what_a_program_prints_is_returned() -> None:
    assert output_of([sys.executable, "-c", "print('Größe 1')"], 20).strip() == "Größe 1"


def test_a_program_that_is_not_there_tells_nothing() -> None:
    assert output_of(["no-such-program-anywhere"], 20) == ""


@pytest.mark.parametrize(("whatever", "expected"), [(False, ""), (True, "none")])
def test_an_exit_status_counts_unless_it_is_part_of_the_answer(whatever: bool, expected: str) -> None:
    command = [sys.executable, "-c", "print('none'); raise SystemExit(1)"]
    assert output_of(command, 20, whatever_its_status=whatever).strip() == expected


def test_a_program_that_hangs_is_given_up() -> None:
    begun = time.monotonic()
    assert output_of([sys.executable, "-c", "import time; print('x', flush=True); time.sleep(30)"], 0.5) == ""
    assert time.monotonic() - begun < 15
