from __future__ import annotations

import pytest

from homecheck.policy import PRESETS, load_policy, parse_policy
from homecheck.policy_difference import Change, difference
from tests.people import POLICY_TEXT

OLD = parse_policy(POLICY_TEXT, "old")


def changed(*pairs: tuple[str, str]) -> tuple[Change, ...]:
    text = POLICY_TEXT
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return difference(OLD, parse_policy(text, "new"))


@pytest.mark.parametrize("name", PRESETS)
def test_a_policy_does_not_differ_from_itself(name: str) -> None:
    assert difference(load_policy(name), load_policy(name)) == ()


def test_a_changed_limit_is_named_with_both_values() -> None:
    (change,) = changed(("at_least = 10", "at_least = 5.5"))
    assert change == Change("network.download", "at_least", "10", "5.5")
    assert change.sentence == "network.download: at_least was 10, is 5.5"


def test_a_limit_that_comes_or_goes_is_told_from_one_that_changes() -> None:
    sentences = [
        one.sentence for one in changed(("warn_below = 25", ""), ("at_most = -50", "at_most = -50\nwarn_above = -55"))
    ]
    assert sentences == [
        "network.download: warn_below is gone, it was 25",
        "room.noise: warn_above is new: -55",
    ]


def test_a_requirement_that_comes_or_goes_is_one_change() -> None:
    found = changed(('quantity = "room.noise"\nat_most = -50', 'quantity = "room.hum"\nat_most = 6'))
    assert [(one.subject, one.key) for one in found] == [("room.hum", ""), ("room.noise", "")]
    assert found[0].sentence.startswith('room.hum: new (at_most = 6, severity = "required"')
    assert found[1].sentence == "room.noise: no longer asked"


def test_wordings_and_what_the_whole_policy_says_are_compared_too() -> None:
    found = changed(
        ('version = "3"', 'version = "4"\ndecision_rule = "simple"'),
        ("must_be = true", 'must_be = true\nquestion.sv = "Finns en dörr?"'),
        ('one_of = ["wired", "rf-dongle"]', 'one_of = ["rf-dongle", "wired"]'),
    )
    assert [one.sentence for one in found] == [
        'policy: version was "3", is "4"',
        'policy: decision_rule was "guarded", is "simple"',
        'headset.transport: one_of was ["wired", "rf-dongle"], is ["rf-dongle", "wired"]',
        'declaration.door: question.sv is new: "Finns en dörr?"',
    ]


def test_a_quantity_that_stands_twice_is_paired_in_order() -> None:
    second = '\n[[requirement]]\nquantity = "network.download"\nat_least = 50\nseverity = "advisory"\n'
    twice = parse_policy(POLICY_TEXT + second, "twice")
    (change,) = difference(twice, parse_policy(POLICY_TEXT + second.replace("50", "60"), "other"))
    assert change.sentence == "network.download (2.): at_least was 50, is 60"
    (gone,) = difference(twice, OLD)
    assert gone.sentence == "network.download (2.): no longer asked"


def test_the_difference_says_when_two_policies_have_different_digests() -> None:
    """Whatever can differ in a digest is found: nothing is compared that the digest is not made of, and all that is."""
    for old in map(load_policy, PRESETS):
        for new in map(load_policy, PRESETS):
            assert bool(difference(old, new)) == (old.digest != new.digest)
