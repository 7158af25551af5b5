"""People by the API: the dashboard's filters, how they are reached, retiring and erasing."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from homecheck.erasure import verify_erasure
from homecheck.signing import PublicKey
from tests.desk import Desk
from tests.live_collector import PROGRAM
from tests.people import FAILS, PASSES, Worker


def names(desk: Desk, **query: str) -> list[str]:
    return [one["name"] for one in desk.get("/v1/admin/people", **query).json()["people"]]


def test_every_filter_of_the_dashboard_is_one_here(desk: Desk) -> None:
    assert names(desk, quantity="headset.transport") == [FAILS.name]
    assert names(desk, quantity="headset.transport", outcome="inconclusive") == []
    assert len(names(desk, state="waiting")) == 5
    assert names(desk, state="overdue") == []
    assert sorted(names(desk, days="1")) == sorted([PASSES.name, FAILS.name])
    assert names(desk, hour="0", link="wifi") == []


def test_each_person_has_the_verdict_of_the_latest_check(desk: Desk) -> None:
    found = {one["name"]: one for one in desk.get("/v1/admin/people").json()["people"]}
    told = {name: (one["verdict"], one["counts_as"]) for name, one in found.items()}
    assert told[PASSES.name] == ("pass", "pass")
    assert told[FAILS.name] == ("fail", "fail")
    assert told["Person 0"] == (None, None)
    for name, expected in ((PASSES.name, "pass"), (FAILS.name, "fail"), ("Person 0", None)):
        one = desk.get(f"/v1/admin/people/{found[name]['id']}").json()
        assert (one["verdict"], one["counts_as"]) == (expected, expected), name
    passed = desk.get(f"/v1/admin/evidence/{found[PASSES.name]['latest']}").json()
    assert (passed["verdict"], passed["counts_as"]) == ("pass", "pass")


@pytest.mark.parametrize("sort", ["id", "worst", "name", "latest", "due"])
def test_pages_in_any_order_name_everybody_once(desk: Desk, sort: str) -> None:
    found, after = [], ""
    while True:
        answer = desk.get("/v1/admin/people", limit="2", sort=sort, **({"after": after} if after else {})).json()
        found += [one["name"] for one in answer["people"]]
        if answer["next"] is None:
            break
        after = answer["next"]
    checked = [PASSES.name, FAILS.name]
    everybody = checked if sort in ("latest", "due") else [*checked, *(f"Person {number}" for number in range(5))]
    assert sorted(found) == sorted(everybody)
    if sort == "worst":
        assert found[0] == FAILS.name


def test_the_next_of_another_order_is_refused(desk: Desk) -> None:
    following = desk.get("/v1/admin/people", limit="1", sort="name").json()["next"]
    answer = desk.get("/v1/admin/people", limit="1", sort="worst", after=following)
    assert answer.status_code == 400
    assert "after" in answer.json()["detail"]


def test_counts_are_those_of_the_list(desk: Desk) -> None:
    found = desk.get("/v1/admin/counts").json()
    assert found["verdicts"] == {"pass": 1, "warn": 0, "inconclusive": 0, "fail": 1, "none": 5}
    assert (found["states"]["overdue"], found["states"]["waiting"], found["states"]["lapsed"]) == (0, 5, 0)
    assert found["total"] == 7


def test_the_fleet_is_counted_by_requirement(desk: Desk) -> None:
    found = desk.get("/v1/admin/fleet", program=PROGRAM).json()
    assert (found["people"], found["verdicts"]["fail"]) == (2, 1)
    assert {one["quantity"]: one["failed"] for one in found["requirements"]}["headset.transport"] == 1
    assert desk.get("/v1/admin/fleet", program="elsewhere").json()["people"] == 0


def test_the_values_of_a_person_are_those_that_were_signed(desk: Desk) -> None:
    address = f"/v1/admin/people/{desk.worker.subject}/values"
    (check,) = desk.get(address).json()["checks"]
    values = {one["quantity"]: one for one in check["values"]}
    assert values["network.download"] == {
        "quantity": "network.download", "value": PASSES.download, "unit": "Mbit/s", "uncertainty": 0.8, "failure": None,
    }  # fmt: skip
    (one,) = desk.get(address, quantity="room.noise").json()["checks"][0]["values"]
    assert (one["value"], one["failure"]) == (PASSES.noise, None)


def checked(worker: Worker) -> str:
    """Send a check and return its digest."""
    sent = worker.check().request.body
    assert isinstance(sent, bytes)
    return f"sha256:{sha256(sent).hexdigest()}"


def test_what_changed_since_the_check_before_and_since_onboarding_is_told_as_on_the_page_of_the_person(
    desk: Desk,
) -> None:
    worker = desk.site.worker(replace(PASSES, name="Has moved on"))
    address = f"/v1/admin/people/{worker.subject}/changes"
    nothing = {"check": None, "since_check_before": None, "since_onboarding": None, "damaged": 0}
    assert desk.get(address).json() == nothing
    digests = [checked(worker)]
    alone = desk.get(address).json()
    assert alone["check"]["digest"] == digests[0]
    assert (alone["since_check_before"], alone["since_onboarding"]) == (None, None)
    for model in ("AirPods Pro", "AirPods Pro", "Logitech H390"):
        worker.character = replace(worker.character, model=model)
        digests.append(checked(worker))
    found = desk.get(address).json()
    assert (found["check"]["digest"], found["since_check_before"]["digest"]) == (digests[3], digests[2])
    assert found["since_check_before"]["changes"] == [
        {"label": "Headset", "quantity": "headset.model", "before": "AirPods Pro", "after": "Logitech H390"}
    ]
    assert found["since_onboarding"] == {
        "first_at": alone["check"]["received_at"],
        "changes": [{"kind": "headset", "quantity": "headset.model", "before": PASSES.model, "after": "Logitech H390"}],
    }


def test_contact_is_put_on_file_and_the_events_do_not_tell_it(desk: Desk) -> None:
    address = f"/v1/admin/people/{desk.worker.subject}/contact"
    before = desk.get(address)
    assert before.json() == {"phone": None, "email": None, "timezone": "", "language": ""}
    body = {
        "phone": "+46 8 123 456 78", "email": "petra@example.com", "timezone": "Europe/Stockholm", "language": "sv",
    }  # fmt: skip
    changed = desk.put(address, body, before.headers["ETag"])
    assert changed.json() == {**body, "phone": "+46812345678"}
    assert desk.get(address).headers["ETag"] == changed.headers["ETag"]
    (number,), (mail,) = desk.events("phone-on-file"), desk.events("mail-on-file")
    assert number["detail"] == "ends with 78"
    assert "petra@" not in str(mail)
    assert len(mail["token"]) == 12
    again = desk.put(address, body, changed.headers["ETag"])
    assert again.status_code == 200
    assert len(desk.events("mail-on-file")) == 1
    del body["language"]  # what knows nothing of languages leaves it as it is
    again = desk.put(address, body, changed.headers["ETag"])
    assert again.json()["language"] == "sv"
    gone = desk.put(address, {"phone": "+46812345678", "email": None}, again.headers["ETag"])
    assert gone.json()["email"] is None
    assert len(desk.events("mail-forgotten")) == 1
    assert desk.site.defects() == []


def test_two_who_change_the_same_contact_do_not_overwrite_each_other(desk: Desk) -> None:
    address = f"/v1/admin/people/{desk.failing.subject}/contact"
    seen = desk.get(address).headers["ETag"]
    assert desk.put(address, {"phone": None, "email": "first@example.com"}, seen).status_code == 200
    late = desk.put(address, {"phone": None, "email": "second@example.com"}, seen)
    assert (late.status_code, late.json()["type"]) == (412, "/problems/changed-meanwhile")
    unsaid = desk.put(address, {"phone": None, "email": "second@example.com"})
    assert (unsaid.status_code, unsaid.json()["type"]) == (428, "/problems/condition-needed")
    assert desk.get(address).json()["email"] == "first@example.com"
    weak = desk.put(address, {"phone": None, "email": "x@example.com"}, f"W/{desk.get(address).headers['ETag']}")
    assert weak.status_code == 412
    assert desk.put(address, {"phone": None, "email": "third@example.com"}, "*").status_code == 200


@pytest.mark.parametrize(
    ("body", "culprit"),
    [
        ({"phone": "call me", "email": None}, "telephone"),
        ({"phone": "", "email": None}, "telephone"),
        ({"phone": None, "email": "nobody"}, "no mail address"),
        ({"phone": None, "email": "a@example.com", "timezone": "Mars/Olympus"}, "time zone"),
        ({"phone": None, "email": "a@example.com", "language": "de"}, "'de'"),
        ({"phone": None}, "email"),
        ({"phone": None, "email": None, "fax": "1"}, "fax"),
    ],
)
def test_a_bad_contact_is_refused_and_nothing_of_it_is_kept(desk: Desk, body: object, culprit: str) -> None:
    subject = desk.site.browse_database("SELECT id FROM person WHERE name = 'Person 0'")[0]
    address = f"/v1/admin/people/{subject}/contact"
    answer = desk.put(address, body, "*")
    assert answer.status_code == 400
    assert culprit in answer.json()["detail"]
    assert desk.get(address).json() == {"phone": None, "email": None, "timezone": "", "language": ""}


def test_whoever_is_retired_sends_nothing_more_and_what_was_received_stays(desk: Desk) -> None:
    worker = desk.site.worker(name="Left the company")
    worker.check()
    open_code = desk.site.invite("Left the company")
    address = f"/v1/admin/people/{worker.subject}"
    for none in ("", " "):
        assert desk.post(f"{address}/retire", {"reason": none}).status_code == 400
    done = desk.post(f"{address}/retire", {"reason": "has left"})
    assert done.json() == {"keys": 1, "invites": 1}
    assert worker.upload(worker.evidence()).status_code == 403
    assert desk.ask("GET", f"/v1/invites/{open_code}").status_code == 404
    assert len(desk.get(address).json()["checks"]) == 1
    assert desk.post(f"{address}/retire", {"reason": "again"}).json() == {"keys": 0, "invites": 0}
    assert desk.events("device-revoked")[0]["detail"] == "of Left the company: has left"
    assert desk.site.defects() == []


def test_erasing_leaves_a_proof_that_verifies_and_nothing_else(desk: Desk) -> None:
    worker = desk.site.worker(name="Forget Me")
    worker.check()
    address = f"/v1/admin/people/{worker.subject}"
    wrong = desk.post(f"{address}/erase", {"name": "Somebody Else"})
    assert (wrong.status_code, desk.get(address).status_code) == (400, 200)
    done = desk.post(f"{address}/erase", {"name": "Forget Me"})
    assert (done.status_code, done.json()["overwritten"]) == (200, False)
    keys = {one["kid"]: PublicKey.from_jwk(one) for one in desk.ask("GET", "/v1/jwks").json()["keys"]}
    proof = verify_erasure(done.json()["proof"].encode(), keys.get)
    assert (proof.person, proof.program) == (worker.subject, PROGRAM)
    assert desk.get(address).status_code == 404
    assert desk.post(f"{address}/erase", {"name": "Forget Me"}).status_code == 404
    again, told = desk.get(f"{address}/erasure").json(), done.json()
    assert (again["program"], again["entries"], again["proof"]) == (PROGRAM, told["entries"], told["proof"])
    assert desk.as_somebody("no-eraser", "reviewer", ("read",)).get(f"{address}/erasure").status_code == 403
    assert desk.get(f"/v1/admin/people/{'A' * 22}/erasure").status_code == 404
    assert desk.get("/v1/admin/evidence", person=str(worker.subject)).json()["evidence"] == []
    (event,) = desk.events("erased")
    assert (event["actor"], len(event["token"])) == ("ada", 12)
    assert "Forget" not in str(event)
    assert desk.site.defects() == []


@pytest.mark.parametrize(
    ("query", "advice"),
    [
        ("verdict=nonsense", "One of: pass, warn, inconclusive, fail, none."),
        ("limit=0", "A number from 1 to 500."),
    ],
)
def test_a_value_that_is_not_taken_is_answered_with_those_that_are(desk: Desk, query: str, advice: str) -> None:
    answer = desk.get(f"/v1/admin/people?{query}")
    assert answer.status_code == 400
    assert answer.json()["advice"].endswith(advice)


def test_a_body_that_lacks_a_member_is_answered_with_where_its_members_stand(desk: Desk) -> None:
    answer = desk.post("/v1/admin/invites", {"program": "support"})
    assert (answer.status_code, answer.json()["detail"]) == (400, "body: the key 'person' is missing")
    assert answer.json()["advice"].startswith("What is taken here stands in /openapi.json, under ")
