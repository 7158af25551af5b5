"""Programs and policies by the API: added, described, published, compared, tried; two administrators at once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from homecheck.collector.api.programs import EXAMPLE
from homecheck.collector.what_if import MOST_WAITING, one_trial
from homecheck.policy import parse_policy
from tests.desk import Desk
from tests.live_collector import PROGRAM, wait_until
from tests.people import FAILS, PASSES, POLICY_TEXT

POLICY = f"/v1/admin/programs/{PROGRAM}/policy"
SALES = {
    "id": "sales", "title": "Sales line", "purpose": "To see.", "retention_days": 90, "policy": POLICY_TEXT,
}  # fmt: skip


def test_programs_show_the_policy_that_counts(desk: Desk) -> None:
    (program,) = [one for one in desk.get("/v1/admin/programs").json()["programs"] if one["id"] == PROGRAM]
    assert (program["policy"]["name"], program["policy"]["number"]) == ("test-line", 1)
    assert program["policy"]["members"]["requirement"][0]["quantity"] == "network.download"
    one = desk.get(f"/v1/admin/programs/{PROGRAM}")
    assert one.json() == program
    assert one.headers["ETag"]


def test_a_program_is_added_once_and_described_otherwise(desk: Desk) -> None:
    made = desk.post("/v1/admin/programs", SALES)
    assert (made.status_code, made.json()["policy"]["published_by"]) == (201, "ada")
    again = desk.post("/v1/admin/programs", SALES)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/exists")
    wanted = {"title": "Sales", "purpose": "To see whether it is quiet.", "retention_days": 30}
    changed = desk.put("/v1/admin/programs/sales", wanted, made.headers["ETag"])
    assert {name: changed.json()[name] for name in wanted} == wanted
    late = desk.put("/v1/admin/programs/sales", {**wanted, "title": "Other"}, made.headers["ETag"])
    assert late.status_code == 412
    assert late.headers["ETag"] == changed.headers["ETag"]
    (event,) = desk.events("program-changed")
    assert (event["before"], event["after"]) == (
        "Sales line; kept 90 days; To see.", "Sales; kept 30 days; To see whether it is quiet.",
    )  # fmt: skip
    assert desk.put("/v1/admin/programs/sales", wanted, changed.headers["ETag"]).status_code == 200
    assert len(desk.events("program-changed")) == 1
    assert desk.site.defects() == []


@pytest.mark.parametrize(
    ("change", "status", "culprit"),
    [
        ({"id": "No Spaces"}, 400, "is no id"), ({"title": " "}, 400, "title"), ({"purpose": "a\nb"}, 400, "purpose"),
        ({"retention_days": 0}, 400, "retention_days"), ({"retention_days": 3661}, 400, "retention"),
        ({"policy": "name ="}, 422, "not TOML"), ({"policy": ""}, 422, ""), ({"owner": "me"}, 400, "owner"),
    ],
)  # fmt: skip
def test_a_bad_program_is_refused_with_its_culprit(
    desk: Desk, change: dict[str, object], status: int, culprit: str
) -> None:
    answer = desk.post("/v1/admin/programs", {**SALES, "id": "bad", **change})
    assert answer.status_code == status
    assert culprit in answer.json()["detail"]
    assert desk.get("/v1/admin/programs/bad").status_code == 404


def test_a_policy_is_tried_published_and_compared(desk: Desk) -> None:
    before = desk.get(POLICY)
    assert parse_policy(before.json()["text"], "t") == parse_policy(POLICY_TEXT, "t")
    harder = POLICY_TEXT.replace("at_least = 10", "at_least = 60").replace("warn_below = 25", "warn_below = 90")
    harder = harder.replace('version = "3"', 'version = "4"')
    tried = desk.post(f"{POLICY}/try", {"text": harder}).json()
    assert (tried["people"], tried["would_fail"]) == (2, 2)
    assert {one["person"]["name"]: (one["before"], one["after"]) for one in tried["changed"]} == {
        PASSES.name: ("pass", "fail")
    }
    assert FAILS.name not in str(tried["changed"])
    assert "network.download: at_least was 10, is 60" in [one["sentence"] for one in tried["changes"]]
    assert desk.get(POLICY).json()["number"] == before.json()["number"]

    published = desk.put(POLICY, {"text": harder}, before.headers["ETag"])
    assert (published.status_code, published.json()["number"]) == (201, 2)
    late = desk.put(POLICY, {"text": POLICY_TEXT}, before.headers["ETag"])
    assert (late.status_code, late.json()["type"]) == (412, "/problems/changed-meanwhile")
    same = desk.put(POLICY, {"text": harder}, published.headers["ETag"])
    assert (same.status_code, same.json()["number"]) == (200, 2)

    numbers = [one["number"] for one in desk.get(f"/v1/admin/programs/{PROGRAM}/policies").json()["policies"]]
    assert numbers == [2, 1]
    assert desk.get(f"/v1/admin/programs/{PROGRAM}/policies/2").json()["text"] == harder
    assert desk.get(f"/v1/admin/programs/{PROGRAM}/policies/1").json()["digest"] == before.json()["digest"]
    changes = desk.get(f"/v1/admin/programs/{PROGRAM}/policies/1/2").json()["changes"]
    assert ("network.download", "at_least", "10", "60") in [
        (one["subject"], one["key"], one["before"], one["after"]) for one in changes
    ]
    (event,) = desk.events("policy-published")
    assert (event["actor"], len(event["token"])) == ("ada", 12)
    assert desk.get(f"/v1/admin/programs/{PROGRAM}/policies/3").status_code == 404
    assert desk.get("/v1/admin/programs/nowhere/policies").status_code == 404
    assert desk.site.defects() == []


def test_another_policy_under_a_version_that_was_used_is_remarked_on(desk: Desk) -> None:
    assert desk.post("/v1/admin/programs", {**SALES, "id": "alike"}).status_code == 201
    remark = 'version is "3" as in number 1 of this program'
    other = POLICY_TEXT.replace("at_most = -50", "at_most = -55")
    for text, times in ((other, 1), (POLICY_TEXT, 0), (other.replace('version = "3"', 'version = "4"'), 0)):
        remarks = desk.post("/v1/admin/programs/alike/policy/try", {"text": text}).json()["remarks"]
        assert sum(one.startswith(remark) for one in remarks) == times
    fourth = {"text": POLICY_TEXT.replace('version = "3"', 'version = "4"')}
    assert desk.put("/v1/admin/programs/alike/policy", fourth, "*").status_code == 201
    for text, times in ((other, 1), (POLICY_TEXT, 0)):  # not only what counts now has a name
        remarks = desk.post("/v1/admin/programs/alike/policy/try", {"text": text}).json()["remarks"]
        assert sum(one.startswith(remark) for one in remarks) == times


def test_a_mistake_in_a_policy_is_named_with_its_line(desk: Desk) -> None:
    wrong = POLICY_TEXT.replace("at_most = -50", "atmost = -50")
    for answer in (desk.post(f"{POLICY}/try", {"text": wrong}), desk.put(POLICY, {"text": wrong}, "*")):
        problem = answer.json()
        assert (answer.status_code, problem["type"]) == (422, "/problems/policy-wrong")
        assert "atmost" in problem["detail"]
        assert wrong.splitlines()[problem["line"] - 1] in ("[[requirement]]", 'quantity = "room.noise"', "atmost = -50")


def test_an_administrator_of_one_program_adds_no_other(desk: Desk) -> None:
    own = desk.as_somebody("of-one", "admin", program=PROGRAM)
    assert own.post("/v1/admin/programs", {**SALES, "id": "more"}).status_code == 403
    assert own.get(POLICY).status_code == 200
    assert own.get("/v1/admin/programs/sales").status_code == 404
    assert own.put("/v1/admin/programs/sales/policy", {"text": POLICY_TEXT}, "*").status_code == 404


def test_a_crowd_that_tries_policies_leaves_room_for_everybody_else(desk: Desk) -> None:
    draft = {"text": EXAMPLE}
    with ThreadPoolExecutor(50) as crowd:
        with one_trial():  # nobody else's turn comes
            asked = [crowd.submit(desk.post, f"{POLICY}/try", draft) for _ in range(50)]
            wait_until(lambda: sum(one.done() for one in asked) == 50 - MOST_WAITING)
            assert desk.get("/v1/admin/counts").status_code == 200  # pages and API still have threads
            assert sum(one.done() for one in asked) == 50 - MOST_WAITING
        statuses = Counter(one.result().status_code for one in asked)
    assert statuses == {429: 50 - MOST_WAITING, 200: MOST_WAITING}
