"""Approved waivers: what they do to a verdict, whom they are refused, and that nobody can slip one in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck.appraisal import Verdict
from homecheck.collector import erasing, waivers
from homecheck.collector.store import events
from homecheck.collector.store import waivers as store
from homecheck.collector.store.database import opened, transaction
from homecheck.collector.store.events import By
from homecheck.collector.store.people import Person
from homecheck.collector.store.waivers import Waiver
from homecheck.collector.waivers import Asked, effective
from homecheck.errors import SetupError
from tests.live_collector import PROGRAM, Site, in_thread
from tests.people import FAILS

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WHO = Person("p1", PROGRAM, "Filip")
FAIL, UNDECIDED, WARN, PASS = Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.WARN, Verdict.PASS


def waiver(quantity: str, reason: str = "waiting for the landline", days: int = 97) -> Waiver:
    return Waiver(quantity, WHO, quantity, reason, "ada", NOW, NOW, datetime(2026, 11, 26, tzinfo=UTC) + days * DAY)


LINE, ROOM = ("landline.dial_tone", FAIL), ("room.noise", UNDECIDED)


@pytest.mark.parametrize(("begin", "until"), [("", "9999-12-31"), ("9999-12-31", "30d"), ("9999-12-31", "9999-12-31")])
def test_an_end_beyond_the_calendar_is_refused_like_any_other_that_is_too_far_away(begin: str, until: str) -> None:
    with pytest.raises(SetupError, match="more than a year away"):
        waivers.read_end(until, waivers.read_start(begin, NOW))


def test_a_waived_failure_is_a_remark_and_says_until_when_and_why() -> None:
    found = effective(FAIL, [LINE], [waiver(LINE[0], days=98)], NOW)
    assert (found.verdict, found.counts_as, found.left) == (FAIL, WARN, ())
    assert found.words == "fail, waived until 3 March 2027: waiting for the landline"  # the 4th at 0:00 is its end


@pytest.mark.parametrize(
    ("verdict", "unmet", "waived", "counts_as", "left"),
    [
        (FAIL, [LINE, ROOM], [LINE[0]], UNDECIDED, ("room.noise",)),
        (FAIL, [LINE, ROOM], ["room.noise"], FAIL, ("landline.dial_tone",)),
        (FAIL, [LINE, ROOM], ["room.noise", LINE[0]], WARN, ()),
        (FAIL, [LINE], ["room.noise"], FAIL, ("landline.dial_tone",)),
        (FAIL, [LINE], [], FAIL, ("landline.dial_tone",)),
        (PASS, [], [LINE[0]], PASS, ()),
        (WARN, [], [LINE[0]], WARN, ()),
    ],
)
def test_the_worst_finding_that_is_not_waived_counts(
    verdict: Verdict, unmet: list[tuple[str, Verdict]], waived: list[str], counts_as: Verdict, left: tuple[str, ...]
) -> None:
    found = effective(verdict, unmet, [waiver(quantity) for quantity in waived], NOW)
    assert (found.verdict, found.counts_as, found.left) == (verdict, counts_as, left)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "counts"),
        ({"expires_at": NOW}, "expired"),
        ({"expires_at": NOW + timedelta(milliseconds=1)}, "counts"),
        ({"starts_at": NOW + timedelta(milliseconds=1)}, "not yet"),
        ({"revoked_at": NOW - DAY}, "revoked"),
    ],
)
def test_what_is_over_not_begun_or_revoked_changes_nothing(changes: dict[str, object], state: str) -> None:
    one = replace(waiver(LINE[0]), **changes)  # type: ignore[arg-type]  # a test names the fields itself
    assert one.state(NOW) == state
    assert effective(FAIL, [LINE], [one], NOW).counts_as is (WARN if state == "counts" else FAIL)


def test_the_words_of_a_part_say_which_part_is_waived() -> None:
    found = effective(FAIL, [LINE, ROOM], [waiver("room.noise", "new windows come in spring")], NOW)
    assert found.words == "fail; Noise in the room: waived until 2 March 2027: new windows come in spring"


@pytest.fixture(scope="module")
def house(site: Site) -> Site:
    """Filip's, on each of the engines in turn."""
    assert site.worker(FAILS).check().status_code == 201
    return site


def asked(**changes: object) -> Asked:
    wanted = Asked(PROGRAM, FAILS.name, "room.noise", "The microphone is on its way.", NOW, NOW + 30 * DAY)
    return replace(wanted, **changes)  # type: ignore[arg-type]  # a test names the fields itself


def grant(site: Site, wanted: Asked) -> Waiver:
    with opened(site.database) as db, transaction(db):
        return waivers.grant(db, wanted, by=By("ada", "192.0.2.1"), now=NOW)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"person": "Nobody"}, "nobody in support is called 'Nobody'"),
        ({"program": "sales"}, "there is no program 'sales'"),
        ({"quantity": "room.nose"}, "does not ask for 'room.nose'"),
        ({"quantity": "network.rtt"}, "does not ask for 'network.rtt'"),
        ({"reason": "  \n "}, "is no reason"),
        ({"reason": "x" * 201}, "is no reason"),
        ({"reason": "bell \x07"}, "is no reason"),
        ({"expires_at": NOW}, "end before it counts"),
        ({"expires_at": NOW - DAY}, "end before it counts"),
        ({"starts_at": NOW + 31 * DAY}, "end before it counts"),
        ({"expires_at": NOW + 367 * DAY}, "more than a year"),
        ({"starts_at": NOW - 2 * DAY}, "is past"),
    ],
)
def test_what_nobody_may_approve_is_refused_with_the_reason(
    house: Site, changes: dict[str, object], reason: str
) -> None:
    before = house.browse_database("SELECT count(*) FROM waiver")
    with pytest.raises(SetupError, match=reason) as caught:
        grant(house, asked(**changes))
    assert caught.value.advice
    assert house.browse_database("SELECT count(*) FROM waiver") == before


def test_a_near_name_is_offered(house: Site) -> None:
    with pytest.raises(SetupError) as caught:
        grant(house, asked(quantity="room.nose"))
    assert caught.value.advice == "Did you mean room.noise?"


def test_two_for_the_same_at_the_same_time_are_refused_and_one_after_the_other_is_not(house: Site) -> None:
    first = grant(house, asked(quantity="network.download"))
    with pytest.raises(SetupError, match="until 26 December 2026 already"):
        grant(house, asked(quantity="network.download", expires_at=NOW + DAY))
    second = grant(house, asked(quantity="network.download", starts_at=NOW + 30 * DAY, expires_at=NOW + 60 * DAY))
    with opened(house.database) as db:
        assert [one.id for one in store.of_person(db, first.person.id)[:2]] == [second.id, first.id]
        counting = store.of_people(db, [first.person.id, "nobody"], NOW + DAY)
    assert [one.id for one in counting[first.person.id]] == [first.id]


def test_approving_and_revoking_leave_events_with_who_and_from_where(house: Site) -> None:
    one = grant(house, asked(quantity="headset.transport", reason="Ein Kabel-Headset für Öberg kommt."))
    with opened(house.database) as db:
        with transaction(db):
            waivers.revoke(db, one.id, "It came.", by=By("rob", "192.0.2.2"), now=NOW + DAY)
        with transaction(db):
            waivers.revoke(db, one.id, "Again.", by=By("eve", ""), now=NOW + 2 * DAY)
        found = [event for event in events.recent(db, limit=20) if event.about == one.id]
        kept = store.find(db, one.id)
    assert [(event.kind, event.actor, event.source_address, event.person) for event in found] == [
        ("waiver-revoked", "rob", "192.0.2.2", one.person.id), ("waiver-granted", "ada", "192.0.2.1", one.person.id),
    ]  # fmt: skip
    assert found[1].detail == (
        "headset.transport, 2026-11-26T12:00:00.000Z to 2026-12-26T12:00:00.000Z: Ein Kabel-Headset für Öberg kommt."
    )
    assert kept is not None
    assert (kept.revoked_by, kept.revoked_reason, kept.state(NOW + DAY)) == ("rob", "It came.", "revoked")


def test_no_waiver_is_revoked_that_is_not_there(house: Site) -> None:
    with opened(house.database) as db, pytest.raises(SetupError, match="there is no waiver 'x'"):
        waivers.revoke(db, "x", "why", by=By("ada", ""), now=NOW)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2027-03-03", datetime(2027, 3, 4, tzinfo=UTC)),
        (" 2026-12-31 ", datetime(2027, 1, 1, tzinfo=UTC)),
        ("30d", NOW + 30 * DAY),
        ("12h", NOW + DAY / 2),
    ],
)
def test_a_day_counts_to_its_end_and_a_duration_from_the_start(text: str, end: datetime) -> None:
    assert waivers.read_end(text, NOW) == end


@pytest.mark.parametrize("text", ["", "3.3.2027", "2027-02-30", "soon", "-30d", "2027-3-3-3", "0d"])
def test_what_is_no_end_is_refused(text: str) -> None:
    with pytest.raises(SetupError, match="no day and no duration"):
        waivers.read_end(text, NOW)


def test_a_start_is_a_day_or_now() -> None:
    assert waivers.read_start(" ", NOW) == NOW
    assert waivers.read_start("2027-01-15", NOW) == datetime(2027, 1, 15, tzinfo=UTC)
    with pytest.raises(SetupError, match="is no day"):
        waivers.read_start("30d", NOW)


SAYS = "the event in the log says: room.noise"
TRICKS = {
    "longer": ("UPDATE waiver SET expires_at = '2036-01-01T00:00:00.000Z'", SAYS),
    "another-quantity": ("UPDATE waiver SET quantity = 'network.download'", SAYS),
    "another-approver": ("UPDATE waiver SET approved_by = 'boss'", SAYS),
    "revoked-unsaid": ("UPDATE waiver SET revoked_at = '2026-12-01T00:00:00.000Z'", "revoked: the row says 2026-12-01"),
    "removed": ("DELETE FROM waiver", "an event tells of it"),
    "inserted": (
        "INSERT INTO waiver SELECT 'forged', program, person, 'declaration.door', reason, approved_by, approved_at,"
        " starts_at, expires_at, revoked_at, revoked_by, revoked_reason FROM waiver",
        "no event in the log tells",
    ),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_row_that_nobody_approved_is_found_by_the_audit(tmp_path: Path, trick: str) -> None:
    with in_thread(tmp_path) as site:
        site.worker(FAILS)
        at = datetime.now(UTC)
        with opened(site.database) as db:
            with transaction(db):
                wanted = asked(starts_at=at, expires_at=at + 30 * DAY)
                waivers.grant(db, wanted, by=By("ada", ""), now=at)
            assert site.defects() == []
            statement, found = TRICKS[trick]
            db.execute(statement)
        (message,) = site.defects()
        assert found in message


def test_waivers_of_an_erased_person_go_with_them(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        site.worker(FAILS)
        at = datetime.now(UTC)
        with opened(site.database) as db, transaction(db):
            wanted = asked(starts_at=at, expires_at=at + 30 * DAY, reason="A private reason.")
            waivers.grant(db, wanted, by=By("ada", ""), now=at)
        erasing.erase_person(site.database, PROGRAM, FAILS.name, "ada", at)
        assert site.browse_database("SELECT count(*) FROM waiver") == [0]
        assert not [text for text in site.browse_database("SELECT detail FROM event") if "private" in str(text)]
        assert site.defects() == []
