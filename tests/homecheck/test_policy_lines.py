from __future__ import annotations

import pytest

from homecheck.errors import PolicyError
from homecheck.policy import parse_policy
from homecheck.policy_lines import line_of
from homecheck.policy_lint import LABELLED, refuse_mistakes

TEXT = """\
# The limits of our support line.
name = "support"
version = "1"

[[requirement]]
quantity = "network.download"
at_least = 10
severity = "required"

[[requirement]]
at_most = -50
quantity = 'room.noise'
reason = "It is quiet."

[[declaration]]
id = "door"
question.en = "Is there a door?"

[shift]
timezone = "Europe/Stockholm"
windows = ["Mon-Fri 18:00-22:00"]
"""


def message_of(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        refuse_mistakes(parse_policy(text, "support.toml"), LABELLED, "support.toml")
    return caught.value.message


def test_the_text_itself_is_good() -> None:
    refuse_mistakes(parse_policy(TEXT, "support.toml"), LABELLED, "support.toml")


@pytest.mark.parametrize(
    ("right", "wrong", "line", "reason"),
    [
        ("at_least = 10", "atleast = 10", 7, "network.download: unknown key 'atleast'"),
        ("at_least = 10", "at_least = 10\nwarn_below = 5", 7, "at_least = 10 and warn_below = 5 contradict"),
        ("at_least = 10", 'equals = "wide"', 6, "wide can never be its value"),
        ("at_least = 10", "at_least = 10 Mbit", 7, "not TOML"),
        ("at_most = -50", "at_most = nan", 11, "room.noise"),
        ('"required"', '"importent"', 8, "severity = 'importent' is none of"),
        ("'room.noise'", "'room.nose'", 12, "room.nose: there is no such quantity"),
        ('version = "1"', 'vershun = "1"', None, "version"),
        ('version = "1"', 'version = "1"\nowner = "me"', 4, "owner"),
        ('id = "door"', 'id = "door"\nmust_be = "yes"', 17, "must_be"),
        ('"Europe/Stockholm"', '"Europe/Stokholm"', 20, "Stokholm"),
        ("timezone", "time_zone", 19, "shift"),
        ('windows = ["Mon-Fri 18:00-22:00"]', "windows = [", 21, "not TOML"),
    ],
)
def test_a_mistake_is_found_in_its_line(right: str, wrong: str, line: int | None, reason: str) -> None:
    text = TEXT.replace(right, wrong)
    assert text != TEXT
    message = message_of(text)
    assert reason in message
    assert line_of(text, message) == line, message


def test_a_quantity_whose_name_begins_another_is_not_taken_for_it() -> None:
    text = '[[requirement]]\nquantity = "network.loss"\n[[requirement]]\nquantity = "network.loss_up"\n'
    assert line_of(text, "p.toml: network.loss_up: no limit is set") == 4
    assert line_of(text, "p.toml: network.loss: no limit is set") == 2


@pytest.mark.parametrize(
    "name", ["(at line 99, column 1)", "at line " + "9" * 5000, "(at end of document)", "\u2028\u2028", "\x0b"]
)
def test_a_name_that_speaks_of_lines_leads_to_no_line_that_is_not_there(name: str) -> None:
    text = TEXT.replace("network.download", name)
    for message in (f"p.toml: {name}: there is no such quantity", f"p.toml: not TOML: {name}"):
        line = line_of(text, message)
        assert line is None or 0 < line <= len(text.split("\n"))


def test_what_names_nothing_in_the_text_has_no_line() -> None:
    assert line_of(TEXT, "support.toml: nested too deep for a policy") is None
    assert line_of("", "support.toml: the policy is empty") is None
