"""What is another thing than when somebody began, on the page of a person and by the function behind it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from homecheck.collector.course import Step
from homecheck.collector.onboarding import Change, since_onboarding
from homecheck.evidence import Device, Evidence, ProbeRun, Software
from homecheck.measurement import Failure, Measurement, Quantity
from homecheck.standards.rfc_9562 import uuid7
from tests.accessibility import complaints
from tests.guide_browser import picture
from tests.live_collector import Site, in_thread
from tests.people import PASSES

AT = datetime(2026, 3, 1, tzinfo=UTC)
MODEL = Quantity.text("headset.model", "USB descriptors")
LINK = Quantity.text("link.type", "routing table")
REGION = Quantity.text("network.region", "as the far end sees it")
MEMORY = Quantity("host.memory", "GiB", "the system's own number")
CORES = Quantity("host.cpu_cores", "1", "the system's own number")
UNPLUGGED = Failure("no_device", "device", "no headset is plugged in", "Plug it in.")
KID = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def step(week: int, *found: Measurement) -> Step:
    at = AT + timedelta(weeks=week)
    evidence = Evidence(
        uuid7(0, bytes(10)), None, 0, None, 1, None, Device(KID, "file"), at, at,
        Software("homecheck", "1.4", "3.12", "Windows 11"), (ProbeRun("p", "1", at, 1.0, found),),
    )  # fmt: skip
    return Step(f"sha256:{week}", at, evidence)


def test_headset_line_region_and_computer_are_told_with_what_told_them() -> None:
    first = step(
        0, Measurement(MODEL, "Jabra Evolve2 40"), Measurement(LINK, "ethernet"), Measurement(REGION, "SE-AB"),
        Measurement(MEMORY, 16.0, 0.0), Measurement(CORES, 8, 0.0),
    )  # fmt: skip
    last = step(
        9, Measurement(MODEL, "AirPods Pro"), Measurement(LINK, "wifi"), Measurement(REGION, "ES-M"),
        Measurement(MEMORY, 8.0, 0.0), Measurement(CORES, 8, 0.0),
    )  # fmt: skip
    found = since_onboarding([first], [first, last])
    assert found is not None
    assert found.first_at == AT
    assert found.changes == (
        Change("headset", "headset.model", "Jabra Evolve2 40", "AirPods Pro"),
        Change("line", "link.type", "ethernet", "wifi"),
        Change("region", "network.region", "SE-AB", "ES-M"),
        Change("computer", "host.memory", "16 GiB", "8 GiB"),
    )


def test_what_the_first_check_could_not_measure_is_taken_from_the_next_that_could() -> None:
    first = step(0, Measurement(MODEL, failure=UNPLUGGED))
    second, last = step(1, Measurement(MODEL, "A")), step(50, Measurement(MODEL, "B"))
    found = since_onboarding([first, second], [last])
    assert found is not None
    assert (found.first_at, found.changes) == (AT, (Change("headset", "headset.model", "A", "B"),))


def test_a_headset_that_is_not_plugged_in_today_is_not_another_one_and_one_check_is_compared_with_nothing() -> None:
    first, gone = step(0, Measurement(MODEL, "A")), step(1, Measurement(MODEL, failure=UNPLUGGED))
    found = since_onboarding([first, gone], [first, gone])
    assert found is not None
    assert found.changes == ()
    assert since_onboarding([first], [first]) is None
    assert since_onboarding([], []) is None


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with in_thread(tmp_path) as running:
        yield running


def test_the_page_of_a_person_says_what_changed_since_the_first_check_however_many_came_between(site: Site) -> None:
    worker = site.worker(PASSES)
    viewer = site.browse("vic", "viewer")
    page = f"{site.url}/people/{worker.subject}"
    worker.check()
    assert "onboarding" not in viewer.get(page, timeout=20).text
    worker.check()
    assert "Since onboarding: the same headset, line, region and computer" in viewer.get(page, timeout=20).text
    worker.character = replace(PASSES, model="<i>AirPods</i>", transport="bluetooth")
    for _ in range(31):  # more than the page draws
        assert worker.check().status_code == 201
    shown = viewer.get(page, timeout=20).text
    assert "Changed since the check before" not in shown
    (table,) = re.findall(r'<table[^>]*aria-labelledby="onboarding">.*?</table>', shown, re.DOTALL)
    words = html.unescape(re.sub(r"<[^>]+>", " ", table)).split()
    assert " ".join(words) == "Another Told by At first Now Headset Headset Jabra Evolve2 40 <i>AirPods</i>"


@pytest.mark.browser
def test_the_table_can_be_read_by_everybody_on_a_desk_and_on_a_phone(site: Site, chromium: Any) -> None:
    worker = site.worker(PASSES)
    for one in (PASSES, replace(PASSES, model="Logitech H390")):
        worker.character = one
        assert worker.check().status_code == 201
    context = chromium.new_context(viewport={"width": 1000, "height": 900})
    page = context.new_page()
    page.goto(site.sign_in_link("vic", "viewer"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site.url}/")
    page.goto(f"{site.url}/people/{worker.subject}")
    row = page.get_by_role("table", name="Changed since onboarding").get_by_role("row").last
    assert row.inner_text().split("\t") == [
        "Headset",
        "Headset",
        "Jabra Evolve2 40",
        "Logitech H390",
    ]
    for scheme, width in (("light", 1000), ("dark", 360)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        picture(page, f"person-onboarding-{scheme}-{width}")
        assert complaints(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()
