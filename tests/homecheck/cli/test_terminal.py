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


@pytest.mark.parametrize(("terminal", "movable"), [("xterm", True), ("dumb", False)])
def test_a_dumb_terminal_gets_plain_lines(terminal: str, movable: bool) -> None:
    out = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": terminal})
    assert can_move(out) is movable
