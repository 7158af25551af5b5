"""Every state of the guide that its pages do not show by themselves, read by axe-core on a phone and on a desk.

The state is made from beside, over HTTP; the browser only looks: all browsers see one sitting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from homecheck.config import Home
from homecheck.instruments.network_run import News
from homecheck.measurement import CheckSetup, Measurement, Observation, Probe
from homecheck.policy import parse_policy
from tests.accessibility import complaints
from tests.guide import JITTER, POLICY, Guided, Made, guided, made
from tests.guide_browser import CONTRAST, DESK, PHONE, TOO_WIDE, Visit, picture, visiting
from tests.guide_visitor import Visitor
from tests.homecheck.ui.test_guide import no_network, send

pytestmark = pytest.mark.browser
Look = Callable[..., str]


@dataclass(frozen=True)
class Held(Made):
    """A probe that goes on until it is let go."""

    go: threading.Event = field(default_factory=threading.Event)

    def run(self) -> Iterator[Measurement | Observation]:
        self.go.wait(20)
        yield from self.measurements


@pytest.fixture
def visit(chromium: Any) -> Iterator[Visit]:
    with visiting(chromium) as open_page:
        yield open_page


@contextmanager
def looking(guide: Guided, visit: Visit, locale: str) -> Iterator[Look]:
    """Give a function that looks at a page in every way there is and returns its text; nothing may be wrong."""
    page = visit(guide, locale=locale, viewport=PHONE, color_scheme="dark")
    found: list[str] = []

    def look(name: str, state: str) -> str:
        page.set_viewport_size(PHONE)
        page.emulate_media(color_scheme="dark")
        page.goto(f"{guide.url}/step/{name}")
        assert page.url.endswith(f"/{name}"), page.url
        found.extend(f"{state}: {text}" for text in [*complaints(page), *page.evaluate(TOO_WIDE)])
        picture(page, f"{locale}-{state}-phone")
        page.set_viewport_size(DESK)
        page.emulate_media(color_scheme="light")
        found.extend(f"{state}, light: {text}" for text in [*complaints(page, CONTRAST), *page.evaluate(TOO_WIDE)])
        picture(page, f"{locale}-{state}-desk")
        return str(page.inner_text("main"))

    yield look
    assert found == []


def test_what_runs_what_was_stopped_and_what_waits(home: Home, visit: Visit) -> None:
    held = Held("network", (Measurement(JITTER, 41.2, 3.0),))

    def build(setup: CheckSetup) -> list[Probe]:
        return [held if probe.name == "network" else probe for probe in made(setup)]

    with guided(home, build) as guide, looking(guide, visit, "es-ES") as look:
        visitor = Visitor(guide)
        visitor.agree()
        visitor.settled("consent")
        visitor.post("/measure/connection")
        job = guide.sitting.job
        assert job is not None
        for phase, speed in (("idle", None), ("download", 45.0), ("upload", 9.0)):
            job.live.news.extend(News(phase, at / 10, 20.0 + at, speed) for at in range(1, 20))
        assert "45,0 Mbit/s" in look("connection", "running")
        assert "Ahora mismo se está midiendo otra parte" in look("computer", "another-runs")
        held.go.set()
        visitor.settled("connection")
        assert "Máximo: 45,0 Mbit/s" in look("connection", "drawn")
        visitor.post("/measure/headset")
        visitor.settled("headset")
        visitor.post("/stop", **{"from": "headset"})
        visitor.settled("headset")
        assert "usted detuvo esta parte" in look("headset", "stopped").lower()
        visitor.measure_all()
        guide.sitting.build = partial(made, noise=None)
        visitor.measure("room")
        assert "vale lo medido antes" in look("room", "missed")
        page = visitor.get("/step/preview")
        guide.sitting.http, guide.sitting.patience_seconds = no_network(), 1.0
        send(visitor, page)
        visitor.settled("done")
        assert "Guardado en este ordenador" in look("done", "waiting")


def test_what_is_another_thing_what_the_company_wrote_and_what_it_asks_for_as_well(home: Home, visit: Visit) -> None:
    with guided(home, made) as guide:
        visitor = Visitor(guide)
        visitor.agree()
        visitor.measure_all()
        send(visitor, visitor.get("/step/preview"))
        visitor.settled("done")
    with guided(home, partial(made, transport="bluetooth")) as guide, looking(guide, visit, "sv-SE") as look:
        visitor = Visitor(guide)
        visitor.agree()
        visitor.measure_all()
        german = POLICY.replace('title = "Made for tests"', 'title = "Für Tests"\nlanguage = "de"')
        cores = '[[requirement]]\nquantity = "host.cpu_cores"\nat_least = 1\nreason = "Weil viele Programme laufen."\n'
        policy = parse_policy(f"{german}\n{cores}", "german")
        guide.sitting.enrolments = tuple(replace(one, policy=policy) for one in guide.sitting.enrolments)
        guide.sitting.shares, guide.sitting._judged = [], None
        text = look("result", "another-thing")
        assert "Något är inte som vid din första kontroll" in text
        assert "är på tyska" in text
        assert "Det begärs mer än du har gått med på" in look("consent", "more")
        visitor.post("/policy", preset="voice-landline")
        assert "Bara för dig" in look("welcome", "private")


def test_who_has_no_address_and_who_leaves(guide: Guided, chromium: Any) -> None:
    context = chromium.new_context(locale="es-ES", viewport=PHONE, color_scheme="dark")
    try:
        page = context.new_page()
        page.goto(guide.url)
        picture(page, "es-ES-refused")
        assert "Abra la dirección más reciente" in page.inner_text("main")
        assert complaints(page) == []
        visitor = Visitor(guide)
        visitor.agree()
        visitor.settled("consent")
        visitor.measure("computer")
        page.goto(guide.newest())
        page.goto(f"{guide.url}/step/computer")
        # One slip does not throw away what was measured: it takes two steps, and says what it does.
        page.click(".withdraw summary")
        assert "Se olvida todo lo medido y no se envía nada." in page.inner_text(".withdraw")
        picture(page, "es-ES-withdraw")
        assert complaints(page) == []
        page.click(".withdraw button")
        page.wait_for_url("**/step/welcome")
        assert not guide.sitting.kept.runs
        page.click("form[action='/quit'] button")
        picture(page, "es-ES-goodbye")
        assert complaints(page) == []
        assert page.evaluate(TOO_WIDE) == []
    finally:
        context.close()
