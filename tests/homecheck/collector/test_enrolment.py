from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from homecheck.collector import administration
from homecheck.collector.store.people import Person
from homecheck.csv_safe import is_formula
from homecheck.errors import SetupError
from homecheck.keys import SoftwareKey
from homecheck.policy import read_policy
from homecheck.signing import ENROLMENT, EVIDENCE, POLICY, PublicKey, base64url, key_set, sign, verify
from homecheck.strict_json import parse_object, serialize
from tests.live_collector import Site, in_thread
from tests.office import Clock
from tests.people import Worker


def reason(answer: requests.Response) -> str:
    return str(answer.json()["type"].rpartition("/")[2])


def test_an_invitation_enrols_one_key_and_tells_it_everything_to_pin(site: Site) -> None:
    worker = Worker(site.url)
    responder = SoftwareKey.generate()
    administration.pin_responder(site.database, "https://far.example", responder.public, "a test", datetime.now(UTC))
    answer = worker.enrol(site.invite("Ada Lovelace"))
    administration.remove_responder(site.database, "https://far.example", "a test", datetime.now(UTC))
    assert answer.status_code == 201
    document = answer.json()
    assert document["v"] == 1
    assert document["device"] == worker.key.public.kid
    assert document["program"] == {"id": "support", "title": "Support line"}
    assert document["collector"] == {"name": "Example Inc.", "url": site.url}
    assert document["responders"] == [{"url": "https://far.example", "jwk": responder.public.jwk()}]
    payload = parse_object(verify(document["policy"].encode(), POLICY, key_set(document["jwks"]).get))
    assert read_policy(payload["policy"], "policy").name == "test-line"
    assert "Lovelace" not in document["subject"]
    assert len(document["subject"]) == 22  # 128 random bits


def test_a_lost_answer_can_be_asked_for_again_and_another_key_cannot(site: Site) -> None:
    code = site.invite("Ben")
    worker = Worker(site.url)
    first, second = worker.enrol(code), worker.enrol(code)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    thief = Worker(site.url)
    refused = thief.enrol(code)
    assert (refused.status_code, reason(refused)) == (409, "invite-used")
    (event,) = site.browse_database(
        f"SELECT detail FROM event WHERE kind = 'invite-reused' AND person = '{worker.subject}'"
    )
    assert event == "a second key tried to use the invitation of Ben"
    looked_at = worker.get(f"/v1/invites/{code}")
    assert (looked_at.status_code, reason(looked_at)) == (410, "invite-used")
    assert site.browse_database(f"SELECT kid FROM device WHERE person = '{worker.subject}'") == [worker.key.public.kid]


def test_two_keys_that_use_one_invitation_at_once_do_not_both_get_in(site: Site) -> None:
    code = site.invite("Race")
    workers = [Worker(site.url) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda worker: worker.enrol(code), workers))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]


def test_an_invitation_ends(tmp_path: Path) -> None:
    clock = Clock()
    with in_thread(tmp_path, clock=clock) as site:
        code = site.invite("Late", timedelta(hours=72))
        clock.ahead = timedelta(hours=72)
        worker = Worker(site.url)
        for answer in (worker.get(f"/v1/invites/{code}"), worker.enrol(code)):
            assert (answer.status_code, reason(answer)) == (410, "invite-expired")
        # One that was used in time stays what it is: the answer may be asked for again.
        code = administration.invite(
            site.database, "support", "Late", timedelta(hours=1), "a test", clock()
        ).rpartition("/")[2]
        assert worker.enrol(code).status_code == 201
        clock.ahead += timedelta(hours=2)
        assert worker.enrol(code).status_code == 200


@pytest.mark.parametrize("code", ["A" * 22, "A", "ü", "%00", "..%2f..%2fetc%2fpasswd", "' OR 1=1 --"])
def test_a_guessed_code_opens_nothing(site: Site, code: str) -> None:
    worker = Worker(site.url)
    answer = worker.get(f"/v1/invites/{code}")
    assert answer.status_code == 404
    assert reason(answer) in ("invite-unknown", "not-found")
    assert reason(worker.enrol(code)) == "invite-unknown"


def test_a_code_is_stored_as_a_hash_alone(site: Site) -> None:
    code = site.invite("Hidden")
    everything = site.everything()
    assert code.encode() not in everything
    assert b"Hidden" in everything


def test_a_new_invitation_for_the_same_name_retires_the_lost_key_and_keeps_what_it_signed(site: Site) -> None:
    first = site.worker(name="Åsa  Öberg")
    assert first.check().status_code == 201
    code = site.invite("Åsa Öberg")
    assert first.check().status_code == 201  # invited again, and still at the old computer
    second = Worker(site.url)
    assert second.enrol(code).status_code == 201
    assert first.subject == second.subject
    refused = first.upload(first.evidence())
    assert (refused.status_code, reason(refused)) == (403, "key-revoked")
    assert "when a new invitation was used" in refused.json()["detail"]
    assert "use that one" in refused.json()["advice"]
    assert second.check().status_code == 201
    of_person = f"WHERE person = '{first.subject}'"
    assert site.browse_database(f"SELECT count(*) FROM evidence {of_person}") == [3]
    assert site.browse_database(f"SELECT about FROM event {of_person} AND kind = 'key-retired'") == [
        first.key.public.kid
    ]
    assert second.enrol(code).status_code == 200  # the answer was lost: nothing more is retired
    assert second.check().status_code == 201


def test_one_key_is_enrolled_once(site: Site) -> None:
    worker = site.worker(name="Twice")
    answer = worker.enrol(site.invite("Twice, other program"))
    assert (answer.status_code, reason(answer)) == (409, "key-in-use")


def test_an_enrolment_proves_possession_of_the_key_inside(site: Site) -> None:
    worker, other = Worker(site.url), SoftwareKey.generate()
    code = site.invite("Forged")
    members = parse_object(verify(worker.enrolment(code), ENROLMENT, {worker.key.public.kid: worker.key.public}.get))
    stolen = {**members, "jwk": other.public.jwk()}
    assert reason(worker.post("/v1/enrolments", sign(serialize(stolen), ENROLMENT, worker.key))) == "unknown-device"
    assert reason(worker.post("/v1/enrolments", sign(serialize(members), EVIDENCE, worker.key))) == "typ"
    private = {**members, "jwk": worker.key.jwk()}
    assert reason(worker.post("/v1/enrolments", sign(serialize(private), ENROLMENT, worker.key))) == "bad-key"
    tampered = bytearray(worker.enrolment(code))
    tampered[-10] = ord("A") if tampered[-10] != ord("A") else ord("B")
    assert reason(worker.post("/v1/enrolments", bytes(tampered))) in ("signature", "base64url")
    assert (
        reason(worker.post("/v1/enrolments", worker.enrolment(code, aud="https://other.example"))) == "wrong-audience"
    )
    assert reason(worker.post("/v1/enrolments", worker.enrolment(code, more=1))) == "schema"
    # After all of this the invitation is still good for its owner.
    assert worker.enrol(code).status_code == 201


def test_a_key_of_low_order_is_not_enrolled(site: Site) -> None:
    # The identity of edwards25519 (RFC 8032 5.1): the signature R = identity, S = 0 fits every message under it.
    identity = b"\x01" + bytes(31)
    with pytest.raises(Exception, match="low order"):
        PublicKey.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": base64url(identity)})
    worker = Worker(site.url)
    weak = {"kty": "OKP", "crv": "Ed25519", "x": base64url(identity)}
    envelope = worker.enrolment(site.invite("Weak"), jwk=weak)
    head, payload, _ = envelope.split(b".")
    forged = b".".join((head, payload, base64url(identity + bytes(32)).encode()))
    assert reason(worker.post("/v1/enrolments", forged)) == "bad-key"


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\x00b", "\u202e"])
def test_a_name_that_cannot_be_shown_is_not_invited(site: Site, name: str) -> None:
    with pytest.raises(SetupError, match="is no name"):
        site.invite(name)


def test_an_invitation_to_no_program_names_those_that_there_are(site: Site) -> None:
    with pytest.raises(SetupError, match="there are: support"):
        site.invite("Ada", program="sales")


def test_no_id_of_a_person_looks_like_a_formula() -> None:
    ids = [Person.new("support", "Ada").id for _ in range(2_000)]  # of ids by chance alone 31 would
    assert len(set(ids)) == 2_000
    assert not any(is_formula(one) for one in ids)
    assert {len(one) for one in ids} == {22}
