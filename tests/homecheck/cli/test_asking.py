"""Yes or no, in the person's own language or in English."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from homecheck.cli.asking import agrees, confirm


def asked(language: str, typed: str, default: bool | None = False) -> tuple[bool, str]:
    runner = CliRunner(env={"HOMECHECK_LANG": language})
    with runner.isolation(input=typed) as (_, err, _both):
        answer = confirm("Klart?", default)
        return answer, err.getvalue().decode()


@pytest.mark.parametrize(
    ("language", "typed", "answer"),
    [
        ("en", "y", True), ("en", "Yes", True), ("en", "n", False), ("en", "", False),
        ("sv", "j", True), ("sv", "JA", True), ("sv", "y", True), ("sv", "n", False), ("sv", "nej", False),
        ("es", "s", True), ("es", "sí", True), ("es", "SÍ", True), ("es", "yes", True), ("es", "no", False),
    ],
)  # fmt: skip
def test_the_answer_may_be_in_the_persons_language_or_in_english(language: str, typed: str, answer: bool) -> None:
    assert asked(language, f"{typed}\n")[0] is answer


@pytest.mark.parametrize(("language", "shown"), [("en", "[y/N]"), ("sv", "[j/N]"), ("es", "[s/N]")])
def test_the_answers_that_are_expected_are_shown(language: str, shown: str) -> None:
    assert f"Klart? {shown}: " in asked(language, "n\n")[1]


def test_anything_else_is_asked_again_and_so_is_enter_where_it_means_nothing() -> None:
    answer, told = asked("sv", "kanske\n\nj\n", default=None)
    assert answer is True
    assert told.count("svara j eller n.") == 2
    assert told.count("Klart? [j/n]: ") == 3


def test_s_is_yes_in_spanish_alone() -> None:
    answer, told = asked("sv", "s\nn\n")
    assert answer is False
    assert "svara j eller n." in told


def test_who_closes_the_window_has_not_agreed() -> None:
    with CliRunner().isolation(input=""):
        assert agrees("Really?") is False
    with CliRunner().isolation(input=""), pytest.raises(click.Abort):
        confirm("Really?")
