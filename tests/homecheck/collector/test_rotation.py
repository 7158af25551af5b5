"""POST /v1/keys/rotation against a collector on a socket."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from homecheck import rotation
from homecheck.collector import administration
from homecheck.collector.store.database import opened
from homecheck.keys import SoftwareKey
from tests.live_collector import Site, in_thread
from tests.office import Clock
from tests.people import Worker

SOFTWARE = {"name": "homecheck", "version": "1.0", "python": "3.11.2", "system": "Linux 6.1"}


@dataclass
class Place:
    """A collector whose clock a test moves."""

    site: Site
    clock: Clock = field(default_factory=Clock)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    clock = Clock()
    with in_thread(tmp_path, clock=clock) as site:
        yield Place(site, clock)


def reason(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, str(answer.json()["type"].rpartition("/")[2])


def letter(worker: Worker, new: SoftwareKey, url: str = "") -> bytes:
    return rotation.request(worker.key, new, url or worker.url, SOFTWARE, datetime.now(UTC))


def rotated(worker: Worker) -> Worker:
    """Return the same home office with a new key, enrolled by rotation; its numbers begin anew."""
    heir = replace(worker, key=SoftwareKey.generate("ES256"), seq=0)
    answer = worker.post("/v1/keys/rotation", letter(worker, heir.key))
    assert answer.status_code == 201, answer.text
    return heir


def events(site: Site, worker: Worker, kind: str) -> list[object]:
    return site.browse_database(f"SELECT detail FROM event WHERE person = '{worker.subject}' AND kind = '{kind}'")


def test_the_new_key_signs_for_the_same_person_and_numbers_begin_anew(site: Site) -> None:
    worker = site.worker(name="Rotated")
    assert worker.check().status_code == 201
    heir = rotated(worker)
    assert heir.check().status_code == 201
    assert site.browse_database(f"SELECT seq FROM evidence WHERE person = '{worker.subject}'") == [1, 1]
    (detail,) = events(site, worker, "key-rotated")
    assert detail == f"of Rotated, to {heir.key.public.kid}; kept in: file, now file"
    assert site.browse_database(f"SELECT count(*) FROM event WHERE person = '{worker.subject}' AND security = 1") == [0]


def test_the_log_of_a_collector_with_rotated_retired_and_revoked_keys_has_no_defect(site: Site) -> None:
    worker = rotated(site.worker(name="Audited"))
    heir = rotated(worker)
    assert heir.upload(heir.evidence(heir.challenge())).status_code == 201
    administration.revoke_device(site.database, heir.key.public.kid, "a test", datetime.now(UTC))
    again = Worker(site.url)
    assert again.enrol(site.invite("Audited")).status_code == 201
    assert site.defects() == []
    with opened(site.database) as db:
        db.execute("UPDATE device SET replaced_at = NULL WHERE kid = ?", (worker.key.public.kid,))
    (found,) = site.defects()
    assert found.startswith("replaced: the row says never, the event in the log says 20")


def test_what_waited_under_the_old_key_is_taken_for_a_day_and_not_longer(place: Place) -> None:
    worker = place.site.worker(name="Spool")
    waiting, late = worker.evidence(), worker.evidence()
    rotated(worker)
    place.clock.ahead = timedelta(hours=23, minutes=59)
    assert worker.upload(waiting).status_code == 201
    assert worker.check().status_code == 201  # a fresh challenge for an old signature is given as well
    place.clock.ahead = timedelta(hours=24, seconds=1)
    assert reason(worker.upload(late)) == (403, "key-replaced")
    assert worker.upload(waiting).status_code == 200  # what was received stays good
    asked = worker.post("/v1/challenge", b'{"device":"%s"}' % worker.key.public.kid.encode(), "application/json")
    assert reason(asked) == (403, "key-replaced")


def test_a_lost_answer_is_given_again_even_when_the_old_key_is_over(place: Place) -> None:
    worker, new = place.site.worker(name="Lost answer"), SoftwareKey.generate()
    envelope = letter(worker, new)
    first = worker.post("/v1/keys/rotation", envelope)
    again = worker.post("/v1/keys/rotation", envelope)
    place.clock.ahead = timedelta(days=3)
    much_later = worker.post("/v1/keys/rotation", letter(worker, new))  # other bytes, the same two keys
    assert [answer.status_code for answer in (first, again, much_later)] == [201, 200, 200]
    assert first.json() == again.json() == much_later.json()
    assert (first.json()["device"], first.json()["replaces"]) == (new.public.kid, worker.key.public.kid)
    assert len(events(place.site, worker, "key-rotated")) == 1


def test_an_old_letter_wakes_no_key_up_again(site: Site) -> None:
    worker = site.worker(name="Replay")
    middle = SoftwareKey.generate()
    old_letter = letter(worker, middle)
    assert worker.post("/v1/keys/rotation", old_letter).status_code == 201
    rotated(replace(worker, key=middle))
    assert reason(worker.post("/v1/keys/rotation", old_letter)) == (403, "key-replaced")
    revoked = site.worker(name="Replay, revoked")
    new = SoftwareKey.generate()
    old_letter = letter(revoked, new)
    assert revoked.post("/v1/keys/rotation", old_letter).status_code == 201
    administration.revoke_device(site.database, new.public.kid, "a test", datetime.now(UTC))
    assert reason(revoked.post("/v1/keys/rotation", old_letter)) == (403, "key-revoked")
    woken = replace(revoked, key=new)
    assert reason(woken.upload(woken.evidence())) == (403, "key-revoked")


def test_a_second_heir_shows_that_two_hold_the_key(site: Site) -> None:
    worker = site.worker(name="Copied")
    heir = rotated(worker)
    refused = worker.post("/v1/keys/rotation", letter(worker, SoftwareKey.generate()))
    assert reason(refused) == (409, "key-replaced")
    assert "somebody may have copied it" in refused.json()["advice"]
    (detail,) = events(site, worker, "key-forked")
    assert "somebody else holds it as well" in str(detail)
    assert heir.check().status_code == 201
    page = site.browse("reader-of-forks", "viewer").get(f"{site.url}/people/{worker.subject}", timeout=20).text
    assert "Replaced key tried to name a second heir" in page


def test_two_rotations_at_once_do_not_both_get_in(site: Site) -> None:
    worker = site.worker(name="Race")
    letters = [letter(worker, SoftwareKey.generate()) for _ in range(6)]

    def send(body: bytes) -> requests.Response:
        headers = {"Content-Type": "application/jose"}
        return requests.post(f"{site.url}/v1/keys/rotation", body, headers=headers, timeout=20)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, letters))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]


def test_a_key_that_is_enrolled_already_is_nobodys_heir(site: Site) -> None:
    worker, other = site.worker(name="Thief"), site.worker(name="Owner")
    assert reason(worker.post("/v1/keys/rotation", letter(worker, other.key))) == (409, "key-in-use")
    assert other.check().status_code == 201
    assert worker.check().status_code == 201  # and its own key is as it was


def test_a_revoked_or_unknown_key_names_no_heir(site: Site) -> None:
    worker = site.worker(name="Revoked")
    administration.revoke_device(site.database, worker.key.public.kid, "a test", datetime.now(UTC))
    assert reason(worker.post("/v1/keys/rotation", letter(worker, SoftwareKey.generate()))) == (403, "key-revoked")
    stranger = Worker(site.url)
    assert reason(stranger.post("/v1/keys/rotation", letter(stranger, SoftwareKey.generate()))) == (
        403, "unknown-device",
    )  # fmt: skip


def test_a_letter_to_another_collector_is_refused(site: Site) -> None:
    worker = site.worker(name="Audience")
    body = letter(worker, SoftwareKey.generate(), "https://other.example")
    assert reason(worker.post("/v1/keys/rotation", body)) == (422, "wrong-audience")


@pytest.mark.parametrize("body", [b"", b"a.b.c", b"x" * 16_385, b"\xff" * 90])
def test_what_is_no_letter_is_refused(site: Site, body: bytes) -> None:
    answer = Worker(site.url).post("/v1/keys/rotation", body)
    assert answer.status_code in (413, 422)


def test_one_key_cannot_fill_the_disk_with_heirs(place: Place) -> None:
    worker = place.site.worker(name="Restless")
    for _ in range(10):
        worker = rotated(worker)
    refused = worker.post("/v1/keys/rotation", letter(worker, SoftwareKey.generate()))
    assert reason(refused) == (429, "slow-down")
    assert int(refused.headers["Retry-After"]) > 0
    place.clock.ahead = timedelta(days=1, minutes=1)
    assert rotated(worker).check().status_code == 201


# Revocation


def test_revocation_counts_by_the_time_of_receipt_whatever_time_is_claimed(place: Place) -> None:
    worker = place.site.worker(name="Backdated")
    before, backdated = worker.evidence(), worker.evidence(now=datetime.now(UTC) - timedelta(days=2))
    assert worker.upload(before).status_code == 201
    now = datetime.now(UTC)
    administration.revoke_device(place.site.database, worker.key.public.kid, "a test", now, " laptop\nstolen ")
    refused = worker.upload(backdated)
    assert reason(refused) == (403, "key-revoked")
    assert "new invitation" in refused.json()["advice"]
    assert "stolen" not in refused.text  # whoever holds the key must not read why
    (detail,) = events(place.site, worker, "device-revoked")
    assert detail == "of Backdated: laptop stolen"


def test_with_a_key_goes_the_one_whose_place_it_has_just_taken(place: Place) -> None:
    first = place.site.worker(name="Chain")
    second = rotated(first)
    third = rotated(second)
    heir = administration.revoke_device(place.site.database, third.key.public.kid, "a test", datetime.now(UTC))
    assert heir is None
    for worker in (first, second, third):  # the first two were still in their day of grace
        assert reason(worker.upload(worker.evidence())) == (403, "key-revoked")


def test_revoking_a_replaced_key_names_the_heir_that_still_counts(site: Site) -> None:
    worker = site.worker(name="Heir")
    heir = rotated(worker)
    found = administration.revoke_device(site.database, worker.key.public.kid, "a test", datetime.now(UTC))
    assert found is not None
    assert found.key.kid == heir.key.public.kid
    assert reason(worker.upload(worker.evidence())) == (403, "key-revoked")
    assert heir.check().status_code == 201


def test_a_new_invitation_retires_the_whole_chain(site: Site) -> None:
    first = site.worker(name="Lost")
    second = rotated(first)
    third = site.worker(name="Lost")
    for worker in (first, second):
        assert reason(worker.upload(worker.evidence())) == (403, "key-revoked")
    assert third.check().status_code == 201


# Pages


def test_the_pages_show_the_chain_the_place_of_the_key_and_why_it_was_revoked(site: Site) -> None:
    worker = site.worker(name="Shown")
    assert worker.check().status_code == 201
    heir = rotated(worker)
    reader = site.browse("reader-of-keys", "admin")
    old_page = reader.get(f"{site.url}/devices/{worker.key.public.kid}", timeout=20).text
    new_page = reader.get(f"{site.url}/devices/{heir.key.public.kid}", timeout=20).text
    assert "is taken until" in old_page
    assert f'href="/devices/{heir.key.public.kid}"' in old_page
    assert f'href="/devices/{worker.key.public.kid}"' in new_page
    assert "Kept in</dt><dd>file" in new_page
    assert "ES256" in new_page
    assert "/evidence/sha256:" in old_page
    assert "/evidence/sha256:" not in new_page
    answer = reader.post(f"{site.url}/devices/{heir.key.public.kid}/revoke", data={"reason": "<b>lost</b>"}, timeout=20)
    assert answer.status_code == 200
    for path in (f"/people/{worker.subject}", f"/devices/{heir.key.public.kid}", "/events"):
        page = reader.get(f"{site.url}{path}", timeout=20).text
        assert "&lt;b&gt;lost&lt;/b&gt;" in page
        assert "<b>lost</b>" not in page


def test_a_device_page_is_for_those_who_have_signed_in_and_for_keys_that_there_are(site: Site) -> None:
    worker = site.worker(name="Hidden")
    path = f"{site.url}/devices/{worker.key.public.kid}"
    assert requests.get(path, timeout=20).status_code == 401
    assert site.browse("curious", "viewer").get(f"{site.url}/devices/{'A' * 43}", timeout=20).status_code == 404


def test_a_reason_that_cannot_be_shown_is_refused_and_revokes_nothing(site: Site) -> None:
    worker = site.worker(name="Reasons")
    admin = site.browse("admin-with-reasons", "admin")
    for text in ("x" * 201, "a\x00b", "\u202e"):
        answer = admin.post(f"{site.url}/devices/{worker.key.public.kid}/revoke", data={"reason": text}, timeout=20)
        assert answer.status_code == 400
    assert worker.check().status_code == 201
