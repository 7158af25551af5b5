"""Users and tokens by the API: nobody makes anybody, or anything, that reaches further than themselves."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from homecheck.clock import utc_now
from homecheck.collector import administration
from homecheck.collector.api.routes import OPERATIONS
from homecheck.policy import parse_policy
from tests.desk import EVERY_SCOPE, Desk
from tests.live_collector import PROGRAM
from tests.people import POLICY_TEXT

USERS = "/v1/admin/users"
TOKENS = "/v1/admin/tokens"


def test_a_new_user_signs_in_once_with_the_link_in_the_answer(desk: Desk) -> None:
    made = desk.post(USERS, {"name": "bo@example.com", "programs": {PROGRAM: "reviewer"}})
    assert made.status_code == 201
    assert (made.json()["everywhere"], made.json()["programs"]) == (None, {PROGRAM: "reviewer"})
    browser = requests.Session()
    browser.headers["Origin"] = desk.site.url
    assert browser.post(made.json()["sign_in"], timeout=20).status_code == 200
    assert browser.get(f"{desk.site.url}/programs/{PROGRAM}", timeout=20).status_code == 200
    assert browser.post(made.json()["sign_in"], timeout=20).status_code == 404
    again = desk.post(USERS, {"name": "bo@example.com"})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/exists")
    assert desk.events("user-added")[0]["after"] == f"reviewer of {PROGRAM}"
    assert desk.events("sign-in-link")[0]["about"] == "bo@example.com"


def test_roles_are_replaced_whole_and_without_any_nothing_is_left(desk: Desk) -> None:
    browser = desk.site.browse("cy", "viewer")
    own = desk.token_of("cy", ["read"])
    seen = desk.get(f"{USERS}/cy")
    changed = desk.put(f"{USERS}/cy", {"programs": {PROGRAM: "auditor"}}, seen.headers["ETag"])
    assert changed.json() == {"name": "cy", "everywhere": None, "programs": {PROGRAM: "auditor"}}
    assert desk.put(f"{USERS}/cy", {"everywhere": "admin"}, seen.headers["ETag"]).status_code == 412
    assert desk.put(f"{USERS}/cy", {"everywhere": "admin"}).status_code == 428
    assert {one["about"] for one in desk.events("role-changed")} == {"cy"}
    assert desk.put(f"{USERS}/cy", {}, changed.headers["ETag"]).status_code == 200
    assert browser.get(f"{desk.site.url}/", timeout=20).status_code == 401  # the session has ended
    answer = requests.get(f"{desk.site.url}/v1/admin/people", headers={"Authorization": f"Bearer {own}"}, timeout=20)
    assert answer.status_code == 403


def test_a_removed_user_is_out_at_once(desk: Desk) -> None:
    browser = desk.site.browse("dee", "admin")
    assert desk.delete(f"{USERS}/dee").status_code == 204
    assert browser.get(f"{desk.site.url}/", timeout=20).status_code == 401
    assert desk.delete(f"{USERS}/dee").status_code == 404
    assert desk.get(f"{USERS}/dee").status_code == 404


def test_nobody_changes_their_own_account(desk: Desk) -> None:
    for answer in (desk.put(f"{USERS}/ada", {"everywhere": "viewer"}, "*"), desk.delete(f"{USERS}/ada")):
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/own-account")
    assert desk.get(f"{USERS}/ada").json()["everywhere"] == "admin"


def test_a_narrow_token_gives_no_role_beyond_its_scopes(desk: Desk) -> None:
    narrow = Desk(desk.site, desk.token_of("ada", ["administer"]), desk.worker, desk.failing)
    made = narrow.post(USERS, {"name": "way-out", "everywhere": "admin"})
    assert (made.status_code, made.json()["type"]) == (403, "/problems/beyond-reach")
    desk.site.sign_in_link("eve", "viewer")
    assert narrow.put(f"{USERS}/eve", {"programs": {PROGRAM: "viewer"}}, "*").status_code == 403
    assert desk.get(f"{USERS}/way-out").status_code == 404
    assert desk.get(f"{USERS}/eve").json()["everywhere"] == "viewer"


@pytest.mark.parametrize(
    ("body", "culprit"),
    [
        ({"name": "no spaces"}, "no name of a user"), ({"name": "x", "everywhere": "king"}, "king"),
        ({"name": "x", "programs": {"nowhere": "viewer"}}, "nowhere"),
        ({"name": "x", "programs": {"": "admin"}}, "name"),
        ({"name": "x", "programs": []}, "programs"), ({}, "name"), ({"name": "x", "role": "admin"}, "role"),
    ],
)  # fmt: skip
def test_a_bad_user_is_refused_with_its_culprit(desk: Desk, body: object, culprit: str) -> None:
    before = len(desk.get(USERS).json()["users"])
    answer = desk.post(USERS, body)
    assert answer.status_code == 400
    assert culprit in answer.json()["detail"]
    assert len(desk.get(USERS).json()["users"]) == before


def test_users_are_for_administrators_of_everything(desk: Desk) -> None:
    own = desk.as_somebody("fay", "admin", program=PROGRAM)
    asked = (
        own.get(USERS), own.post(USERS, {"name": "x"}), own.get(f"{USERS}/ada"), own.put(f"{USERS}/ada", {}, "*"),
        own.delete(f"{USERS}/ada"), own.get("/v1/admin/mail-server"), own.put("/v1/admin/mail-server", {}),
    )  # fmt: skip
    assert {answer.status_code for answer in asked} == {403}


def test_a_token_makes_another_that_reaches_no_further_and_lasts_no_longer(desk: Desk) -> None:
    made = desk.post(TOKENS, {"label": "nightly", "scopes": ["read"], "days": 300})
    assert made.status_code == 201
    own = {one["label"]: one for one in desk.get(TOKENS).json()["tokens"]}
    assert own["nightly"]["expires_at"] <= own["t"]["expires_at"]
    assert made.json()["token"] not in desk.get(TOKENS).text
    child = Desk(desk.site, made.json()["token"], desk.worker, desk.failing)
    assert child.get("/v1/admin/people").status_code == 200
    assert child.get("/v1/admin/events").status_code == 403
    assert child.post(TOKENS, {"label": "more", "scopes": ["read"]}).status_code == 403
    of_one = Desk(desk.site, desk.token_of("ada", ["read", "administer"], PROGRAM), desk.worker, desk.failing)
    for body in ({"label": "x", "scopes": ["watch"], "program": PROGRAM}, {"label": "x", "scopes": ["read"]}):
        answer = of_one.post(TOKENS, body)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/beyond-reach")
    assert of_one.post(TOKENS, {"label": "x", "scopes": ["read"], "program": PROGRAM}).status_code == 201
    event = desk.events("token-added")[0]
    assert (event["actor"], event["token"] != "") == ("ada", True)


def test_a_revoked_token_counts_no_more_and_revoking_twice_is_no_error(desk: Desk) -> None:
    made = desk.post(TOKENS, {"label": "short", "scopes": ["read"]}).json()
    assert [desk.delete(f"{TOKENS}/{made['id']}").status_code for _ in range(2)] == [204, 204]
    child = Desk(desk.site, made["token"], desk.worker, desk.failing)
    assert child.get("/v1/admin/people").status_code == 401
    assert len([one for one in desk.events("token-revoked") if one["about"] == made["id"]]) == 1


def test_a_narrow_token_revokes_itself_and_no_other_of_its_owner(desk: Desk) -> None:
    wide = desk.get(TOKENS).json()["tokens"][-1]["id"]
    of_one = desk.token_of("ada", ["read", "administer"], PROGRAM)
    for text in (desk.token_of("ada", ["read"]), of_one):
        narrow = Desk(desk.site, text, desk.worker, desk.failing)
        answer = narrow.delete(f"{TOKENS}/{wide}")
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/beyond-reach")
        assert desk.get("/v1/admin/counts").status_code == 200
        assert narrow.delete(f"{TOKENS}/{text.split('_')[1]}").status_code == 204
        assert narrow.get("/v1/admin/counts").status_code == 401


def test_tokens_of_others_are_for_administrators_of_everything(desk: Desk) -> None:
    viewer = desk.as_somebody("gil", "viewer", ["read"])
    assert viewer.get(TOKENS, owner="ada").status_code == 404
    of_ada = desk.get(TOKENS).json()["tokens"][0]["id"]
    assert viewer.delete(f"{TOKENS}/{of_ada}").status_code == 404
    (of_gil,) = desk.get(TOKENS, owner="gil").json()["tokens"]
    assert desk.delete(f"{TOKENS}/{of_gil['id']}").status_code == 204
    assert viewer.get("/v1/admin/people").status_code == 401


@pytest.mark.parametrize(
    ("body", "culprit"),
    [
        ({"label": " ", "scopes": ["read"]}, "label"), ({"label": "x", "scopes": []}, "scopes"),
        ({"label": "x", "scopes": ["everything"]}, "everything"),
        ({"label": "x", "scopes": ["read"], "days": 367}, "year"),
        ({"label": "x", "scopes": ["read"], "program": "nowhere"}, "nowhere"), ({"label": "x"}, "scopes"),
        ({"label": "x", "scopes": "read"}, "scopes"),
    ],
)  # fmt: skip
def test_a_bad_token_is_refused_with_its_culprit(desk: Desk, body: object, culprit: str) -> None:
    before = len(desk.get(TOKENS).json()["tokens"])
    answer = desk.post(TOKENS, body)
    assert answer.status_code == 400
    assert culprit in answer.json()["detail"]
    assert len(desk.get(TOKENS).json()["tokens"]) == before


def of_this_program(desk: Desk) -> dict[str, str]:
    """Return what stands in addresses, all of it of the program that `desk` administers."""
    (check, *_) = desk.get("/v1/admin/evidence").json()["evidence"]
    person = f"/v1/admin/people/{check['person']['id']}"
    wanted = {"quantity": "network.download", "reason": "why", "until": "9d"}
    return {
        "id": check["person"]["id"], "digest": check["digest"], "kid": check["device"], "program": PROGRAM,
        "invite": desk.get("/v1/admin/invites", state="open").json()["invites"][0]["id"],
        "waiver": desk.post(f"{person}/waivers", wanted).json()["id"],
        "proposal": desk.post(f"{person}/waiver-proposals", {**wanted, "quantity": "room.noise"}).json()["id"],
        "webhook": desk.post("/v1/admin/webhooks", {"url": "https://x.example.com", "program": PROGRAM}).json()["id"],
        "token": desk.get(TOKENS).json()["tokens"][-1]["id"], "name": "ada", "number": "1", "old": "1", "new": "1",
        "call": "x", "message": "msg_" + "0" * 32,
    }  # fmt: skip


def test_whoever_administers_another_program_reaches_nothing_of_this_one(desk: Desk) -> None:
    policy = parse_policy(POLICY_TEXT, "test policy")
    administration.add_program(desk.site.database, "away", "Away", "To see.", 30, policy, "a test", utc_now())
    admin = desk.as_somebody("admin-away", "admin", program="away")
    tokens = (admin.token, desk.token_of("ada", EVERY_SCOPE, "away"))  # and a token of who may do all, for there alone
    ids, named = of_this_program(desk), 0
    for text in tokens:
        other = Desk(desk.site, text, desk.worker, desk.failing)
        for one in OPERATIONS:
            if "{" in one.path:
                body: Any = {"data": one.example} if isinstance(one.example, str) else {"json": one.example}
                answer = other.ask(one.method, one.path.format(**ids), **body, headers={"If-Match": "*"})
                assert answer.status_code in (403, 404), (one.name, answer.status_code, answer.text)
                named += 1
        for path in ("people", "evidence", "invites", "waivers", "waiver-proposals", "letters", "calls", "webhooks"):
            found = other.get(f"/v1/admin/{path}").json()
            assert [rows for rows in found.values() if rows] == [], path
    assert named > 60
    assert desk.get("/v1/admin/counts").status_code == 200
    for path in (f"waiver-proposals/{ids['proposal']}/decline", f"waivers/{ids['waiver']}/revoke"):
        assert desk.post(f"/v1/admin/{path}", {"reason": "end of the test"}).status_code == 200  # both still there
    assert desk.delete(f"/v1/admin/webhooks/{ids['webhook']}").status_code == 204


def test_a_token_that_may_invite_and_nothing_else_invites(desk: Desk) -> None:
    inviting = desk.as_somebody("inviter", "reviewer", ("invite",), PROGRAM)
    assert inviting.post("/v1/admin/invites", {"program": PROGRAM, "person": "Nina New"}).status_code == 201
    assert inviting.get("/v1/admin/people").status_code == 403
    assert inviting.get(f"/v1/admin/people/{desk.worker.subject}").status_code == 403
    elsewhere = inviting.post("/v1/admin/invites", {"program": "nowhere", "person": "Nina New"})
    assert (elsewhere.status_code, elsewhere.json()["type"]) == (404, "/problems/not-found")
