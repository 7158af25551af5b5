"""`collector device list`, and the page of a person: what each key has signed last. `collector recount`."""

from __future__ import annotations

import json
from pathlib import Path

from homecheck.collector.store.database import opened, transaction
from homecheck.config import Home
from tests.command_line import homecheck
from tests.live_collector import Site, in_thread
from tests.people import FAILS, PASSES

SECONDS = 30


def collector(site: Site, folder: Path, *arguments: str) -> str:
    found = homecheck(Home.at(folder / "home"), "collector", "--database", site.database.url, *arguments)
    assert found.status == 0, found.err
    return found.out


def test_each_key_is_listed_with_its_last_check(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        checked, unchecked = site.worker(FAILS), site.worker(PASSES)
        for _ in range(2):
            assert checked.check().status_code == 201
        last = site.browse_database("SELECT digest FROM evidence ORDER BY position DESC LIMIT 1")
        (received,) = site.browse_database("SELECT MAX(received_at) FROM evidence")
        lines = {line.split()[0]: line for line in collector(site, tmp_path, "device", "list").splitlines()}
        assert lines[checked.key.public.kid].endswith(f"last check {str(received)[:10]}: fail")
        assert lines[unchecked.key.public.kid].endswith("no check")
        listed = json.loads(collector(site, tmp_path, "device", "list", "--output", "json"))
        found = {one["kid"]: (one["last_check"], one["last_verdict"]) for one in listed}
        assert found == {checked.key.public.kid: (last[0], "fail"), unchecked.key.public.kid: (None, None)}
        browser = site.browse("ada", "viewer")
        page = browser.get(f"{site.url}/people/{checked.subject}", timeout=SECONDS).text
        assert f'last check: <a href="/evidence/{last[0]}">fail, ' in page
        assert "no check" in browser.get(f"{site.url}/people/{unchecked.subject}", timeout=SECONDS).text


def test_numbers_of_the_fleet_page_that_somebody_edited_are_named_and_counted_anew(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        assert site.worker(FAILS).check().status_code == 201
    assert site.defects() == []
    with opened(site.database) as db, transaction(db):
        db.execute("UPDATE tally SET people = 5 WHERE kind = 'link'")
    assert [one.partition(";")[0] for one in site.defects()] == ["1 of its numbers are not those of a count"]
    assert collector(site, tmp_path, "recount").startswith("1 numbers of the fleet page were wrong")
    assert site.defects() == []
    assert collector(site, tmp_path, "recount") == "all numbers are right\n"
    assert json.loads(collector(site, tmp_path, "recount", "--output", "json")) == {"wrong": 0}
