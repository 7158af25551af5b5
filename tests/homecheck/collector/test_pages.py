from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from homecheck.collector.pages import ago, detail, environment, quantity_label, skew
from homecheck.collector.problems import PROBLEMS

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7199, "1 hour ago"),
        (86_400 * 30, "30 days ago"),
        (-5, "in the future"),
    ],
)
def test_how_long_ago_is_told_in_one_unit(seconds: int, words: str) -> None:
    assert ago(NOON - timedelta(seconds=seconds), NOON) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "when it arrived, to the second"),
        (45.2, "45 seconds before it arrived"),
        (-45.2, "45 seconds after it arrived"),
        (3600, "60 minutes before it arrived"),
        (7200, "2 hours before it arrived"),
        (-86_400 * 365, "365 days after it arrived"),
    ],
)
def test_the_difference_of_two_clocks_is_told_in_words(seconds: float, words: str) -> None:
    assert skew(seconds) == words


def test_a_detail_of_any_size_is_shown_within_bounds() -> None:
    assert detail("ü") == "ü"
    assert detail({"on": [True, None, 1.5]}) == '{"on": [true, null, 1.5]}'
    assert len(detail("x" * 100_000)) < 2_100


def test_a_declaration_is_called_by_its_id() -> None:
    assert quantity_label("declaration.corded_phone") == "Declaration: corded phone"
    assert quantity_label("network.rtt") == "Round-trip time"
    assert quantity_label("strange.thing") == "strange.thing"


def test_every_template_can_be_compiled_and_escapes() -> None:
    pages = environment()
    names = pages.list_templates()
    assert len(names) > 10
    for name in names:
        pages.get_template(name)
    assert pages.from_string("{{ x }}").render(x="<") == "&lt;"


@pytest.mark.parametrize("reason", sorted(PROBLEMS))
def test_every_reason_says_what_to_do(reason: str) -> None:
    kind = PROBLEMS[reason]
    assert 400 <= kind.status < 600
    assert kind.title
    assert kind.advice.endswith((".", "NAME"))
