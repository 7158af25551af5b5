"""Proposed waivers through the API: two tokens of two people, and of the wrong ones."""

from __future__ import annotations

from typing import Any

from homecheck.clock import utc_now
from homecheck.collector import administration
from homecheck.policy import parse_policy
from tests.desk import Desk
from tests.live_collector import PROGRAM
from tests.people import POLICY_TEXT

PROPOSALS = "/v1/admin/waiver-proposals"
SPACE = f"/v1/admin/programs/{PROGRAM}"
DESCRIBED = {"title": "Support line", "purpose": "To see whether your home is ready.", "retention_days": 180}


def four_eyes(desk: Desk, wanted: bool) -> None:
    tag = desk.get(SPACE).headers["ETag"]
    answer = desk.put(SPACE, {**DESCRIBED, "four_eyes": wanted}, tag)
    assert (answer.status_code, answer.json()["four_eyes"]) == (200, wanted)


def body(quantity: str, **more: str) -> dict[str, str]:
    return {"quantity": quantity, "reason": "Waiting for a cable.", "until": "30d", **more}


def counts_as(desk: Desk) -> Any:
    return desk.get(f"/v1/admin/people/{desk.failing.subject}").json()["waived"]


def test_one_proposes_another_approves_and_nobody_else_can(desk: Desk) -> None:
    policy = parse_policy(POLICY_TEXT, "test policy")
    now = utc_now()
    administration.add_program(desk.site.database, "sales", "Sales", "To see.", 30, policy, "a test", now)
    four_eyes(desk, True)
    reviewer = desk.as_somebody("bo", "reviewer", ["read", "invite"], PROGRAM)
    viewer = desk.as_somebody("vi", "viewer", ["read"], PROGRAM)
    elsewhere = desk.as_somebody("sal", "admin", program="sales")
    person = f"/v1/admin/people/{desk.failing.subject}"
    before = counts_as(desk)

    for who, status in ((desk, 403), (reviewer, 403), (viewer, 403), (elsewhere, 404)):
        assert who.post(f"{person}/waivers", body("room.noise")).status_code == status
    assert desk.post(f"{person}/waivers", body("room.noise")).json()["type"] == "/problems/four-eyes"
    for who, status in ((viewer, 403), (elsewhere, 404)):
        assert who.post(f"{person}/waiver-proposals", body("room.noise")).status_code == status
    made = reviewer.post(f"{person}/waiver-proposals", body("room.noise"))
    assert (made.status_code, made.json()["state"], made.json()["proposed_by"]) == (201, "waiting", "bo")
    one = f"{PROPOSALS}/{made.json()['id']}"
    assert [p["id"] for p in viewer.get(PROPOSALS).json()["proposals"]] == [made.json()["id"]]
    assert elsewhere.get(PROPOSALS).json()["proposals"] == []
    assert elsewhere.get(one).status_code == 404

    for who, status in ((reviewer, 403), (viewer, 403), (elsewhere, 404)):
        assert who.post(f"{one}/approve").status_code == status
    for who, status in ((viewer, 403), (elsewhere, 404)):
        assert who.post(f"{one}/decline", {"reason": "no"}).status_code == status
    assert counts_as(desk) == before
    granted = desk.post(f"{one}/approve")
    assert (granted.status_code, granted.json()["approved_by"], granted.json()["state"]) == (201, "ada", "counts")
    assert [w["quantity"] for w in counts_as(desk)] == ["room.noise"]
    again = desk.post(f"{one}/approve")
    assert (again.status_code, "approved by ada" in again.json()["detail"]) == (400, True)
    assert desk.get(PROPOSALS).json()["proposals"] == []
    assert [p["state"] for p in desk.get(PROPOSALS, all="true").json()["proposals"]] == ["approved"]
    four_eyes(desk, False)
    assert desk.events("four-eyes")[0]["after"] == "off"


def test_an_administrator_does_not_approve_their_own_and_takes_it_back(desk: Desk) -> None:
    four_eyes(desk, True)
    person = f"/v1/admin/people/{desk.worker.subject}"
    made = desk.post(f"{person}/waiver-proposals", body("network.download")).json()
    refused = desk.post(f"{PROPOSALS}/{made['id']}/approve")
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/four-eyes")
    own = desk.as_somebody("kim", "reviewer", ["read", "invite"], PROGRAM)
    assert own.post(f"{PROPOSALS}/{made['id']}/decline", {"reason": "not mine"}).status_code == 403
    for text in ("", "x" * 201):
        assert desk.post(f"{PROPOSALS}/{made['id']}/decline", {"reason": text}).status_code == 400
    gone = desk.post(f"{PROPOSALS}/{made['id']}/decline", {"reason": "Typed the wrong name."})
    assert (gone.status_code, gone.json()["state"], gone.json()["decided_by"]) == (200, "declined", "ada")
    four_eyes(desk, False)


def test_proposals_come_page_by_page_each_once(desk: Desk) -> None:
    person = f"/v1/admin/people/{desk.worker.subject}"
    wanted = [
        desk.post(f"{person}/waiver-proposals", body(name)).json()["id"]
        for name in ("network.download", "headset.transport", "room.noise")
    ]
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = desk.get(PROPOSALS, limit="2", program=PROGRAM, **after).json()
        seen += [one["id"] for one in page["proposals"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == wanted
    assert desk.get(PROPOSALS, after="0" * 16).status_code == 400
    for one in wanted:
        assert desk.post(f"{PROPOSALS}/{one}/decline", {"reason": "enough"}).status_code == 200


def test_two_who_change_one_program_do_not_switch_four_eyes_off_unseen(desk: Desk) -> None:
    tag = desk.get(SPACE).headers["ETag"]
    four_eyes(desk, True)
    late = desk.put(SPACE, {**DESCRIBED, "title": "Late", "four_eyes": False}, tag)
    assert (late.status_code, desk.get(SPACE).json()["four_eyes"]) == (412, True)
    kept = desk.put(SPACE, DESCRIBED, desk.get(SPACE).headers["ETag"])  # without the member it stays
    assert kept.json()["four_eyes"] is True
    four_eyes(desk, False)
