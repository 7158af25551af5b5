"""Moving lines stand still while the person reads and answers, and only run while something is measured."""

from __future__ import annotations

import io

import pytest
from click.testing import CliRunner
from rich.console import Console

from homecheck.cli.terminal import TerminalPerson, can_move, moving_bars


def test_a_question_after_measuring_does_not_start_the_moving_lines_again() -> None:
    bars = moving_bars(Console(file=io.StringIO(), force_terminal=True))
    with CliRunner().isolation(input="y\n"):
        assert TerminalPerson(bars).ask("Send it?") is True
    assert not bars.live.is_started


def test_an_instruction_while_measuring_leaves_the_lines_moving() -> None:
    bars = moving_bars(Console(file=io.StringIO(), force_terminal=True))
    with CliRunner().isolation() as (_, err, _), bars:
        TerminalPerson(bars).tell("Please be silent now …")
        assert bars.live.is_started
        assert "Please be silent now" in err.getvalue().decode()


def test_a_number_is_asked_for_until_it_is_one() -> None:
    with CliRunner().isolation(input="two\n\n12\n-1\n ²\n 2 \n") as (out, err, _):
        assert TerminalPerson(None).count("How many beeps did you hear?", 9) == 2
        said = err.getvalue().decode()
        assert out.getvalue() == b""  # stdout belongs to the data
    assert said.count("How many beeps did you hear?") == 6
    assert said.count("please type a number from 0 to 9") == 4  # Enter alone is asked again without a word


@pytest.mark.parametrize(("terminal", "movable"), [("xterm", True), ("dumb", False)])
def test_a_dumb_terminal_gets_plain_lines(terminal: str, movable: bool) -> None:
    out = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": terminal})
    assert can_move(out) is movable
