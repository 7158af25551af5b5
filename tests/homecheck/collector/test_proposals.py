"""Waivers that wait: one proposes, another decides, and nobody approves their own where four eyes are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck.collector import erasing, program_changes, proposals, waivers
from homecheck.collector.store import events
from homecheck.collector.store import proposals as store
from homecheck.collector.store import waivers as waiver_store
from homecheck.collector.store.database import Connection, opened, transaction
from homecheck.collector.store.events import By
from homecheck.collector.store.proposals import Proposal
from homecheck.collector.waivers import Asked
from homecheck.errors import SetupError
from tests.live_collector import PROGRAM, Site, in_thread
from tests.people import FAILS

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
ADA, BO = By("ada", "192.0.2.1"), By("bo", "192.0.2.2")


@pytest.fixture(scope="module")
def house(site: Site) -> Site:
    """Filip's, on each of the engines in turn; four eyes are asked for."""
    assert site.worker(FAILS).check().status_code == 201
    with writing(site) as db:
        program_changes.set_four_eyes(db, PROGRAM, True, by=ADA, now=NOW)
    return site


@contextmanager
def writing(site: Site) -> Iterator[Connection]:
    with opened(site.database) as db, transaction(db):
        yield db


def asked(**changes: object) -> Asked:
    wanted = Asked(PROGRAM, FAILS.name, "room.noise", "The microphone is on its way.", NOW, NOW + 30 * DAY)
    return replace(wanted, **changes)  # type: ignore[arg-type]  # a test names the fields itself


def proposed(site: Site, by: By = BO, now: datetime = NOW, **changes: object) -> Proposal:
    with writing(site) as db:
        return proposals.propose(db, asked(**changes), by=by, now=now)


def counting(site: Site, person: str, at: datetime) -> list[str]:
    with opened(site.database) as db:
        return [one.quantity for one in waiver_store.of_people(db, [person], at).get(person, [])]


def test_what_is_proposed_changes_nothing_before_somebody_else_approves_it(house: Site) -> None:
    one = proposed(house, quantity="network.download")
    assert counting(house, one.person.id, NOW + DAY) == []
    with writing(house) as db, pytest.raises(SetupError, match="bo has proposed it"):
        proposals.approve(db, one.id, by=BO, now=NOW)
    with writing(house) as db, pytest.raises(SetupError, match="one proposes a waiver and another approves it"):
        waivers.grant(db, asked(quantity="network.download"), by=ADA, now=NOW)
    assert counting(house, one.person.id, NOW + DAY) == []
    with writing(house) as db:
        made = proposals.approve(db, one.id, by=ADA, now=NOW + 2 * DAY)
    assert (made.id, made.approved_by, made.starts_at) == (one.id, "ada", NOW + 2 * DAY)  # not from before
    assert made.expires_at == one.expires_at
    assert counting(house, one.person.id, NOW + 3 * DAY) == ["network.download"]
    with opened(house.database) as db:
        told = [(event.kind, event.actor) for event in events.recent(db, limit=20) if event.about == one.id]
        kept = store.find(db, one.id)
    assert told == [("waiver-granted", "ada"), ("waiver-proposed", "bo")]
    assert kept is not None
    assert (kept.state(NOW), kept.decided_by, kept.decided_at) == ("approved", "ada", NOW + 2 * DAY)


def test_a_declined_one_is_over_and_says_why(house: Site) -> None:
    one = proposed(house, quantity="headset.transport")
    with writing(house) as db, pytest.raises(SetupError, match="is no reason"):
        proposals.decline(db, one.id, " ", by=ADA, now=NOW)
    with writing(house) as db:
        proposals.decline(db, one.id, "A headset for Öberg was sent.", by=ADA, now=NOW)
    for decide in (
        lambda db: proposals.approve(db, one.id, by=ADA, now=NOW),
        lambda db: proposals.decline(db, one.id, "again", by=ADA, now=NOW),
    ):
        with writing(house) as db, pytest.raises(SetupError, match="this proposal is declined by ada"):
            decide(db)
    assert counting(house, one.person.id, NOW + DAY) == []
    with opened(house.database) as db:
        (event,) = [event for event in events.recent(db, limit=20) if event.kind == "waiver-declined"]
    assert (event.about, event.detail) == (one.id, "headset.transport: A headset for Öberg was sent.")
    proposed(house, quantity="headset.transport")  # and may be proposed anew


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"person": "Nobody"}, "nobody in support is called 'Nobody'"),
        ({"quantity": "room.nose"}, "does not ask for 'room.nose'"),
        ({"reason": "\n"}, "is no reason"),
        ({"expires_at": NOW}, "end before it counts"),
        ({"expires_at": NOW + 367 * DAY}, "more than a year"),
    ],
)
def test_what_nobody_could_approve_is_not_proposed(house: Site, changes: dict[str, object], reason: str) -> None:
    before = house.browse_database("SELECT count(*) FROM proposal")
    with writing(house) as db, pytest.raises(SetupError, match=reason):
        proposals.propose(db, asked(**changes), by=BO, now=NOW)
    assert house.browse_database("SELECT count(*) FROM proposal") == before


def test_one_that_nobody_decides_lapses_and_keeps_no_other_from_being_proposed(house: Site) -> None:
    one = proposed(house, quantity="room.noise", expires_at=NOW + DAY)
    with pytest.raises(SetupError, match="is proposed for Filip Fail already, by bo"):
        proposed(house, by=ADA, quantity="room.noise")
    late = NOW + 2 * DAY
    assert one.state(late) == "lapsed"
    with writing(house) as db, pytest.raises(SetupError, match="this proposal is lapsed"):
        proposals.approve(db, one.id, by=ADA, now=late)
    proposed(house, quantity="room.noise", now=late, starts_at=late)


def test_without_four_eyes_an_administrator_approves_their_own_and_others_go_on_as_before(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        site.worker(FAILS)
        now = datetime.now(UTC)  # the audit minds a time that does not fit
        one = proposed(site, by=ADA, now=now)
        with writing(site) as db:
            assert proposals.approve(db, one.id, by=ADA, now=now).approved_by == "ada"
            waivers.grant(db, asked(quantity="network.download"), by=BO, now=now)
        assert site.defects() == []


FORGED = "'forged', program, person, 'declaration.door', reason, proposed_by, proposed_at, starts_at, expires_at"
TRICKS = {
    "longer": ("UPDATE proposal SET expires_at = '2036-01-01T00:00:00.000Z'", "the event in the log says: room.noise"),
    "another-proposer": ("UPDATE proposal SET proposed_by = 'eve'", "the event in the log says: room.noise"),
    "decided-unsaid": (
        "UPDATE proposal SET decision = 'approved', decided_by = 'ada', decided_at = '2026-12-01T00:00:00.000Z'",
        "decided: the row says approved",
    ),
    "removed": ("DELETE FROM proposal", "an event tells of it"),
    "inserted": (
        f"INSERT INTO proposal SELECT {FORGED}, decision, decided_by, decided_at, decision_reason FROM proposal",
        "no event in the log tells",
    ),
    "two-eyes": ("UPDATE program SET four_eyes = 0", "four_eyes"),
}  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS)
def test_what_nobody_has_proposed_or_switched_is_found_by_the_audit(tmp_path: Path, trick: str) -> None:
    with in_thread(tmp_path) as site:
        site.worker(FAILS)
        at = datetime.now(UTC)
        with writing(site) as db:
            program_changes.set_four_eyes(db, PROGRAM, True, by=ADA, now=at)
        proposed(site, now=at, starts_at=at, expires_at=at + 30 * DAY)
        assert site.defects() == []
        statement, found = TRICKS[trick]
        with opened(site.database) as db:
            db.execute(statement)
        (message,) = site.defects()
        assert found in message


def test_proposals_of_an_erased_person_go_with_them(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        site.worker(FAILS)
        at = datetime.now(UTC)
        proposed(site, now=at, starts_at=at, expires_at=at + DAY, reason="A private reason.")
        erasing.erase_person(site.database, PROGRAM, FAILS.name, "ada", at)
        assert site.browse_database("SELECT count(*) FROM proposal") == [0]
        assert not [text for text in site.browse_database("SELECT detail FROM event") if "private" in str(text)]
        assert site.defects() == []
