"""A policy tried on stored evidence: the numbers are counted by hand from the measurements written down here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import hypergeom

from homecheck.appraisal import Verdict
from homecheck.collector import setup
from homecheck.collector.store.database import opened
from homecheck.collector.store.people import Person
from homecheck.collector.what_if import WhatIf, choose, what_if
from homecheck.policy import Policy, parse_policy
from tests.live_collector import PROGRAM, Site, in_thread
from tests.people import FAILS, PASSES, POLICY_TEXT

OLD = parse_policy(POLICY_TEXT, "old")  # at least 10 Mbit/s, and every download here is known to ± 0.8
DOWNLOADS = (30.0, 19.5, 20.5, 15.0, 48.2)
PASS, WARN, UNDECIDED, FAIL = Verdict.PASS, Verdict.WARN, Verdict.INCONCLUSIVE, Verdict.FAIL


def changed(*pairs: tuple[str, str]) -> Policy:
    text = POLICY_TEXT
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return parse_policy(text, "new")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Five people whose lines differ, one who fails, and one who has never sent anything."""
    with in_thread(tmp_path_factory.mktemp("house")) as site:
        for download in DOWNLOADS:
            worker = site.worker(replace(PASSES, name=f"Line of {download:g}", download=download))
            assert worker.check().status_code == 201
        assert site.worker(FAILS).check().status_code == 201
        site.worker(name="Has sent nothing")
        yield site


def tried(site: Site, new: Policy, sample: int = 0, old: Policy = OLD) -> WhatIf:
    collector = setup.load(site.database)
    with opened(site.database) as db:
        return what_if(collector, db, PROGRAM, old, new, sample)


def test_the_same_policy_changes_nothing(house: Site) -> None:
    found = tried(house, OLD)
    assert (found.people, found.judged, found.unreadable) == (6, 6, 0)
    assert found.changed == ()
    assert found.by_quantity == {}
    assert found.moves == {(PASS, PASS): 2, (WARN, WARN): 3, (FAIL, FAIL): 1}
    assert found.headline == "1 of 6 would fail."


def test_who_would_fail_is_counted_and_whose_uncertainty_holds_the_limit(house: Site) -> None:
    """At least 20: 15 and 3.1 miss it clearly, 19.5 ± 0.8 within its uncertainty; 20.5 ± 0.8 meets it, and may not."""
    found = tried(house, changed(("at_least = 10", "at_least = 20")))
    assert (found.missed, found.in_doubt) == (3, 1)
    assert found.headline == (
        "3 of 6 would fail, 1 of them within their uncertainty (these stay undecided until they are measured again)."
    )
    assert found.moves == {
        (PASS, PASS): 2, (WARN, UNDECIDED): 2, (WARN, FAIL): 1, (FAIL, FAIL): 1,
    }  # fmt: skip
    assert [(one.person.name, one.after) for one in found.changed] == [
        ("Line of 15", FAIL), ("Line of 19.5", UNDECIDED), ("Line of 20.5", UNDECIDED),
    ]  # fmt: skip
    assert found.by_quantity == {"network.download": {(WARN, FAIL): 1, (WARN, UNDECIDED): 2}}
    assert (found.before(FAIL), found.after(FAIL)) == (1, 2)


def test_under_the_simple_rule_they_fail_and_are_told_apart_all_the_same(house: Site) -> None:
    simple = changed(("at_least = 10", "at_least = 20"), ('version = "3"', 'version = "4"\ndecision_rule = "simple"'))
    found = tried(house, simple)
    assert found.headline == "3 of 6 would fail, 1 of them within their uncertainty."
    assert found.after(FAIL) == 3


def test_what_gets_better_is_counted_by_requirement(house: Site) -> None:
    """Without Bluetooth's ban, with 3 Mbit/s and without a question, only the missing microphone is left of Filip."""
    easy = changed(
        ("at_least = 10", "at_least = 2"),
        ('one_of = ["wired", "rf-dongle"]', 'one_of = ["wired", "rf-dongle", "bluetooth"]'),
        ("must_be = true", ""),
    )
    found = tried(house, easy)
    assert found.by_quantity == {
        "declaration.door": {(FAIL, PASS): 1},
        "headset.transport": {(FAIL, PASS): 1},
        "network.download": {(FAIL, WARN): 1},
    }
    assert found.moves[FAIL, UNDECIDED] == 1
    assert found.headline == "0 of 6 would fail."


def test_what_was_never_asked_is_told_apart_from_what_is_missed(house: Site) -> None:
    new = changed(("at_most = -50", 'at_most = -50\n[[requirement]]\nquantity = "network.loss"\nat_most = 1'))
    found = tried(house, new)
    assert found.unasked == {"network.loss": 6}
    assert found.by_quantity == {"network.loss": {(None, UNDECIDED): 6}}
    assert found.headline == "1 of 6 would fail."
    # What was measured and not judged is no unasked one: the model is in the evidence.
    model = changed(("at_most = -50", 'at_most = -50\n[[requirement]]\nquantity = "headset.model"\nnone_of = ["X"]'))
    assert tried(house, model).unasked == {}


def test_what_is_no_longer_asked_is_shown_as_gone(house: Site) -> None:
    found = tried(house, changed(('quantity = "room.noise"\nat_most = -50', 'quantity = "room.hum"\nat_most = 9')))
    assert found.by_quantity["room.noise"] == {(PASS, None): 5, (UNDECIDED, None): 1}


def test_nothing_is_stored_by_a_trial(house: Site) -> None:
    before = house.browse_database("SELECT count(*) FROM log_entry")
    tried(house, changed(("at_least = 10", "at_least = 20")))
    assert house.browse_database("SELECT count(*) FROM log_entry") == before
    assert house.browse_database("SELECT verdict FROM evidence ORDER BY verdict") == [
        "fail",
        "pass",
        "pass",
        *["warn"] * 3,
    ]


def test_a_sample_is_told_as_one_and_is_the_same_each_time(house: Site) -> None:
    new = changed(("at_least = 10", "at_least = 20"))
    found = tried(house, new, sample=3)
    assert (found.people, found.judged, found.sampled) == (6, 3, True)
    assert "(95 % interval)" in found.headline
    assert tried(house, new, sample=3) == found


def test_evidence_that_somebody_changed_is_counted_apart(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        for name in ("One", "Two"):
            assert site.worker(name=name).check().status_code == 201
        with opened(site.database) as db:
            db.execute("UPDATE evidence SET envelope = x'00' WHERE position = (SELECT MIN(position) FROM evidence)")
        found = tried(site, OLD)
        assert (found.people, found.judged, found.unreadable, found.sampled) == (2, 1, 1, False)


def test_a_program_without_evidence_says_so(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        assert tried(site, OLD).headline == "Nobody has sent a check that could be judged yet."


def crowd(number: int) -> Iterator[tuple[Person, str]]:
    return ((Person(f"{one:07}", "p", f"{one}"), f"sha256:{one}") for one in range(number))


@pytest.mark.parametrize(("number", "most", "kept"), [(0, 5, 0), (4, 5, 4), (5, 5, 5), (1000, 5, 5), (7, 0, 7)])
def test_at_most_so_many_are_chosen_and_nobody_twice(number: int, most: int, kept: int) -> None:
    people, chosen = choose(crowd(number), most, "support")
    names = [person.id for person, _ in chosen]
    assert (people, len(names), len(set(names))) == (number, kept, kept)


def test_everybody_is_as_likely_to_be_chosen() -> None:
    """5 of 20, for 2000 programs: each is chosen 500 times ± 4 standard deviations of the binomial distribution."""
    times = dict.fromkeys((person.id for person, _ in crowd(20)), 0)
    for program in range(2000):
        for person, _ in choose(crowd(20), 5, str(program))[1]:
            times[person.id] += 1
    spread = math.sqrt(2000 * 0.25 * 0.75)
    assert all(abs(number - 500) < 4 * spread for number in times.values()), times


@pytest.mark.parametrize(("people", "failing"), [(5000, 0), (5000, 3), (5000, 500), (2100, 1000), (100_000, 11)])
def test_the_interval_of_a_sample_holds_the_truth_in_95_of_100_samples(people: int, failing: int) -> None:
    """Over all that a sample of 2000 can show, weighed by how likely it is (scipy's hypergeometric distribution)."""
    covered = 0.0
    for seen in range(min(failing, 2000) + 1):
        chance = float(hypergeom.pmf(seen, people, failing, 2000))
        if chance > 1e-9:
            found = WhatIf(people, 2000, 0, seen, 0, True, {}, {}, {}, ())
            share = found.of_all(seen)
            covered += chance * (share.low <= failing <= share.high)
    assert covered > 0.93
