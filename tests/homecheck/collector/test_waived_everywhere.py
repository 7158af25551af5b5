"""Somebody with a waiver stands the same way wherever their verdict is shown: pages, numbers, API and tables."""

from __future__ import annotations

import html
import io
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from homecheck.collector import export, tokens, waivers
from homecheck.collector.store import waivers as store
from homecheck.collector.store.database import opened, transaction
from homecheck.collector.store.events import By
from homecheck.collector.waivers import Asked
from tests.live_collector import PROGRAM, Site
from tests.people import FAILS, PASSES

REASON = "The new line comes in spring."
DAY = timedelta(days=1)
COUNTED = ("verdict", "counts_as", "waived", "waived_until")


@dataclass(frozen=True)
class Office:
    """A collector at which one passes and one fails, a browser and a token that see it."""

    site: Site
    browser: requests.Session
    token: str
    digest: str

    def page(self, address: str) -> str:
        answer = self.browser.get(f"{self.site.url}{address}", timeout=20)
        assert answer.status_code == 200, address
        return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", answer.text).split()))

    def api(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = requests.get(f"{self.site.url}/v1/admin/{path}", headers=headers, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def exported(self) -> dict[str, object]:
        """Return the row of who fails in the table of people; that of their check says the same."""
        row, check = self._row("people"), self._row("evidence")
        assert {name: row[name] for name in COUNTED} == {name: check[name] for name in COUNTED}
        return row

    def _row(self, table: str) -> dict[str, object]:
        file = io.BytesIO()
        with opened(self.site.database) as db:
            export.write(db, table, "jsonl", file, now=datetime.now(UTC))
        rows: list[dict[str, object]] = [json.loads(line) for line in file.getvalue().splitlines()]
        (row,) = (row for row in rows if row["name"] == FAILS.name)
        return row

    def grant(self, quantity: str, days: int = 30) -> str:
        now = datetime.now(UTC)
        with opened(self.site.database) as db, transaction(db):
            asked = Asked(PROGRAM, FAILS.name, quantity, REASON, now, now + days * DAY)
            return waivers.grant(db, asked, by=By("ada"), now=now).id


@pytest.fixture(scope="module")
def office(site: Site) -> Office:
    """On each of the engines in turn."""
    assert site.worker(PASSES).check().status_code == 201
    worker = site.worker(FAILS)
    assert worker.check().status_code == 201
    browser = site.browse("vera", "viewer")
    token = tokens.add_at_command_line(site.database, "vera", "to look", ("read",), "", DAY, "a test")
    (digest,) = site.browse_database(
        "SELECT digest FROM evidence JOIN person ON person.latest = evidence.position"
        f" WHERE person.name = '{FAILS.name}'"
    )
    return Office(site, browser, token, str(digest))


def waived_numbers(office: Office) -> list[str]:
    """Return how many are waived: above the list, of those who fail, of those who pass, and of the fleet."""
    pages = (office.page(address) for address in ("/", "/?verdict=fail", "/?verdict=pass", "/fleet"))
    return [re.findall(r"\bwaived (\d+)", page)[0] for page in pages]


def names(office: Office, address: str) -> list[str]:
    page = office.page(address)
    return [name for name in (PASSES.name, FAILS.name) if name in page]


def test_without_a_waiver_nothing_is_waived_anywhere(office: Office) -> None:
    assert waived_numbers(office) == ["0", "0", "0", "0"]
    assert names(office, "/?state=waived") == []
    for found in (office.api(f"evidence/{office.digest}"), office.api(f"people/{person_id(office)}")):
        assert (found["counts_as"], found["waived"]) == ("fail", [])
    assert (office.exported()["counts_as"], office.exported()["waived"]) == ("fail", "")


def person_id(office: Office) -> str:
    (found,) = office.site.browse_database(f"SELECT id FROM person WHERE name = '{FAILS.name}'")
    return str(found)


def test_a_part_that_is_waived_is_shown_everywhere_and_the_rest_still_fails(office: Office) -> None:
    office.grant("network.download")
    assert_everywhere(office, "fail", ["network.download"])
    page = office.page(f"/evidence/{office.digest}")
    assert page.count("fail waived until") == 1, "the finding itself says so"


def test_when_all_is_waived_it_counts_as_a_remark_everywhere_and_the_verdict_stays(office: Office) -> None:
    for quantity in FAILS.unmet[1:]:
        office.grant(quantity, days=40)
    assert_everywhere(office, "warn", list(FAILS.unmet))
    assert names(office, "/?verdict=fail") == [FAILS.name]  # lists and numbers go by the verdict, decision 65
    assert names(office, "/?verdict=warn") == []


def assert_everywhere(office: Office, counts_as: str, waived: list[str]) -> None:
    """List, person, waivers, evidence, API and table say the same; the numbers lead to who is meant."""
    row = office.exported()
    words = str(row["waived"])
    assert REASON in words
    person = f"/people/{person_id(office)}"
    for address in ("/", "/?state=waived", person, f"{person}/waivers", f"/evidence/{office.digest}"):
        page = office.page(address)
        assert words in page, address
        assert re.search(rf"counts as (. )?{counts_as}\b", page), address
    (listed,) = (one for one in office.api("people")["people"] if one["name"] == FAILS.name)
    for found in (row, listed, office.api(person[1:]), office.api(f"evidence/{office.digest}")):
        assert found["counts_as"] == counts_as
    for found in (listed, office.api(person[1:]), office.api(f"evidence/{office.digest}")):
        assert sorted(one["quantity"] for one in found["waived"]) == sorted(waived)
        assert {one["reason"] for one in found["waived"]} == {REASON}
    assert waived_numbers(office) == ["1", "1", "0", "1"]
    assert names(office, "/?state=waived") == [FAILS.name]


def test_a_waiver_that_is_over_revoked_or_for_what_is_met_is_shown_at_no_verdict(office: Office) -> None:
    with opened(office.site.database) as db, transaction(db):
        for one in store.each(db):
            waivers.revoke(db, one.id, "It came.", by=By("ada"), now=datetime.now(UTC))
    assert waived_numbers(office) == ["0", "0", "0", "0"]
    assert "waived until" not in office.page(f"/evidence/{office.digest}")
    again = office.grant("room.noise")
    assert waived_numbers(office)[0] == "1"
    past = "2026-01-01T00:00:00.000Z"
    with opened(office.site.database) as db:
        db.execute("UPDATE waiver SET expires_at = ? WHERE id = ?", (past, again))
    assert waived_numbers(office) == ["0", "0", "0", "0"]
    assert office.exported()["counts_as"] == "fail"
