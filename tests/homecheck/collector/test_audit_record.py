"""Who did what, from where, with which token, before and after: recorded for every way in, and found when changed."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests

from homecheck.clock import utc_now
from homecheck.collector import administration, tokens
from homecheck.collector.audit_export import lines
from homecheck.collector.store import events as store
from homecheck.collector.store.database import opened, transaction
from homecheck.collector.store.events import By
from homecheck.policy import parse_policy
from tests.live_collector import PROGRAM, Site, in_thread
from tests.people import POLICY_TEXT


def events(site: Site, kind: str) -> list[dict[str, Any]]:
    return [event for line in lines(site.database) if (event := json.loads(line))["kind"] == kind]


def api(site: Site, token: str, path: str, **body: str) -> requests.Response:
    return requests.post(f"{site.url}{path}", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=20)


def test_each_way_in_says_who_from_where_and_with_which_token(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        browser = site.browse("ada", "admin")
        scopes = ["read", "invite", "administer"]
        token = tokens.add_at_command_line(site.database, "ada", "t", scopes, "", timedelta(days=1), "root at the desk")
        token_id = token.split("_")[1]
        browser.post(f"{site.url}/programs/support/invitations", data={"person": "By page"}, timeout=20)
        assert api(site, token, "/v1/admin/invites", program=PROGRAM, person="By token").status_code == 201
        site.invite("By command")
        invited = {one["about"]: one for one in events(site, "invited")}
        who = {name: (one["actor"], one["source_address"], one["token"]) for name, one in invited.items()}
        assert who == {
            "By page": ("ada", "127.0.0.1", ""),
            "By token": ("ada", "127.0.0.1", token_id),
            "By command": ("a test", "", ""),
        }
        worker = site.worker()
        assert api(site, token, f"/v1/admin/devices/{worker.key.public.kid}/revoke", reason="x").status_code == 200
        (revoked,) = events(site, "device-revoked")
        assert (revoked["actor"], revoked["token"], revoked["program"]) == ("ada", token_id, PROGRAM)
        page = browser.get(f"{site.url}/events?kind=device-revoked", timeout=20).text
        assert f"with the token {token_id}" in page
        assert site.defects() == []


def test_before_and_after_stand_in_the_record(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        now = utc_now()
        administration.add_user(site.database, "bo", "viewer", "root", now)
        administration.set_role(site.database, "bo", PROGRAM, "admin", "root", now)
        administration.set_role(site.database, "bo", PROGRAM, "admin", "root", now)  # nothing new, no event
        policy = parse_policy(POLICY_TEXT.replace('"3"', '"4"'), "t")
        administration.publish_policy(site.database, PROGRAM, policy, "root", now)
        administration.remove_user(site.database, "bo", "root", now)
        (changed,), (published,), (removed,) = (
            events(site, kind) for kind in ("role-changed", "policy-published", "user-removed")
        )
        assert (changed["before"], changed["after"]) == ("viewer", "viewer, admin of support")
        assert published["before"].startswith("test-line 3 sha256:")
        assert published["after"] == f"test-line 4 {policy.digest}"
        assert (removed["before"], removed["after"]) == ("viewer, admin of support", "")


def test_a_changed_column_is_found_by_the_audit(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        administration.add_user(site.database, "bo", "viewer", "root", utc_now())
        administration.set_role(site.database, "bo", "", "admin", "root", utc_now())
        assert site.defects() == []
        with closing(sqlite3.connect(site.file)) as db:
            for column in ("actor", "source_address", "token", "value_before", "value_after", "program", "detail"):
                (before,) = db.execute(f"SELECT {column} FROM event WHERE kind = 'role-changed'").fetchone()
                for value in ("else", before):
                    db.execute(f"UPDATE event SET {column} = ? WHERE kind = 'role-changed'", (value,))
                    db.commit()
                    found = "this is not what was entered into the log" in site.defects()
                    assert found is (value == "else"), column


def test_the_export_has_every_event_with_its_place_in_the_log(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        site.worker().check()
        site.browse("ö,=cmd|' /C calc'!A0".replace(" ", ""), "viewer")
        found = [json.loads(line) for line in lines(site.database)]
        assert len(found) == site.browse_database("SELECT COUNT(*) FROM event")[0]
        assert [one["position"] for one in found] == sorted(one["position"] for one in found)
        assert set(found[0]) == {
            "position", "at", "kind", "security", "actor", "source_address", "about", "detail", "program", "person",
            "token", "before", "after",
        }  # fmt: skip


def test_the_page_filters_by_kind_actor_program_and_day_and_goes_back_in_time(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        browser = site.browse("ada", "admin")
        with opened(site.database) as db, transaction(db):
            for at in range(205):
                store.note(db, utc_now(), "role-changed", By(f"desk {at}"), "ada", program=PROGRAM)

        def page(query: str) -> str:
            return browser.get(f"{site.url}/events{query}", timeout=20).text

        newest = page("?kind=role-changed")
        assert ">desk 204<" in newest
        assert ">desk 4<" not in newest
        (older,) = set(re.findall(r'href="/events\?([^"]*before=[^"]*)"', newest))
        assert ">desk 4<" in page("?" + older.replace("&amp;", "&"))
        assert "desk 9<" in page("?actor=desk+9")
        assert "desk 8<" not in page("?actor=desk+9")
        assert "Nothing of this kind" in page("?program=elsewhere")
        assert "Nothing of this kind" in page("?until=2020-01-01")
        assert "Nothing of this kind" in page("?since=2999-01-01")
        assert "Signed in" in page("?before=x&since=%27")
