"""The telephone in the guide: a dial tone through a handset, and a call-back whose code a real collector made."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homecheck.clock import utc_now
from homecheck.collector import administration
from homecheck.collector.operators import calls
from homecheck.config import Home
from homecheck.enrolment import read_invitation, redeem
from homecheck.exchange import new_session
from homecheck.instruments.audio import AudioEndpoint
from homecheck.locale import translator
from homecheck.measurement import CheckSetup, Probe
from homecheck.policy import parse_policy
from homecheck.report.words import CONFIRMED_CALL
from probes.callback import Callback
from probes.landline import Landline
from tests.guide import Guided, guided
from tests.guide_visitor import Visitor
from tests.homecheck.ui.test_guide import send
from tests.live_collector import Site, in_thread
from tests.probes.test_landline import ADAPTER, MICROPHONE, Caller, line, tone

PHONE = "+46 8 123 456 78"
POLICY = """
name = "phone-line"
version = "1"
title = "Telephone line"

[[requirement]]
quantity = "landline.dial_tone"
one_of = ["SE", "SE/DE/ES/PH"]

[[requirement]]
quantity = "landline.callback"
equals = true
advice = "Tell us when we may call."
"""


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with in_thread(tmp_path_factory.mktemp("company")) as site:
        administration.add_program(
            site.database, "phone", "Telephone line", "", 180, parse_policy(POLICY, "policy"), "a test", utc_now()
        )
        yield site


def enrolled(company: Site, folder: Path, name: str) -> Home:
    address = administration.invite(
        company.database, "phone", name, timedelta(hours=1), "a test", datetime.now(UTC), PHONE
    )
    home, http = Home.at(folder), new_session()
    redeem(read_invitation(address, http), home, http, utc_now())
    return home


def through(setup: CheckSetup, *found: AudioEndpoint) -> list[Probe]:
    """Return the telephone's probes on a computer with these devices: a Swedish dial tone is heard, and no key."""
    heard = line(tone(425, seconds=8), *[tone(425, seconds=0.1)] * 3, person=Caller())
    return [
        Landline(setup.person, endpoints=lambda: found, record=heard, modems=tuple),
        replace(Callback.for_check(setup), endpoints=lambda: found),
    ]


def begin(guide: Guided) -> Visitor:
    visitor = Visitor(guide)
    visitor.http.headers["Accept-Language"] = "sv"
    visitor.agree()
    visitor.settled("consent")
    visitor.post("/measure/telephone")
    return visitor


def asked(visitor: Visitor) -> tuple[str, str]:
    """Return the number of what is asked now, and the panel's text."""
    panel = visitor.settled("telephone")["panel"]
    number = re.search(r'data-prompt="(\d+)"', panel)
    assert number is not None, panel
    return number[1], html.unescape(re.sub(r"<[^>]+>", " ", panel))


def answer(visitor: Visitor, text: str = "") -> None:
    visitor.post("/answer", number=asked(visitor)[0], answer=text)


def come_to_the_call(visitor: Visitor) -> str:
    """Lift the handset, press no keys, and return what is said when the company is about to call."""
    answer(visitor)
    for _ in range(3):
        assert "siffror" in asked(visitor)[1]
        answer(visitor)
    return asked(visitor)[1]


def test_an_operators_code_is_typed_and_the_company_confirms_it(company: Site, tmp_path: Path) -> None:
    home = enrolled(company, tmp_path / "home", "Åsa")
    with guided(home, lambda setup: through(setup, ADAPTER)) as guide:
        visitor = begin(guide)
        said = come_to_the_call(visitor)
        assert "numret som slutar på 78" in said
        (call,) = [one for one in calls(company.database, utc_now()) if one.callback.person.name == "Åsa"]
        assert call.code not in said
        # What is wrong with an answer stands above the question that comes back.
        answer(visitor, "12345")
        assert "Koden har sex siffror och inget annat" in asked(visitor)[1]
        wrong = f"{(int(call.code) + 1) % 1_000_000:06}"
        answer(visitor, wrong)
        assert f"{wrong} är inte koden för det här samtalet" in asked(visitor)[1]
        answer(visitor, wrong)
        assert f"{wrong} har redan prövats" in asked(visitor)[1]
        answer(visitor, call.code)
        assert not visitor.settled("telephone")["running"]
        found = visitor.get("/step/telephone")
        assert "SE/DE/ES/PH" in found
        preview = visitor.get("/step/preview")
        assert translator("sv").say(CONFIRMED_CALL) in html.unescape(preview)
        send(visitor, preview)
        visitor.settled("done")
        done = visitor.get("/step/done")
        assert "Mottaget" in done
        assert company.browse_database("SELECT verdict FROM evidence") == ["pass"]


def test_nobody_calls_and_the_guide_goes_on_and_says_what_to_do(company: Site, tmp_path: Path) -> None:
    home = enrolled(company, tmp_path / "home", "Bo")
    with guided(home, lambda setup: through(setup, MICROPHONE)) as guide:
        visitor = begin(guide)
        come_to_the_call(visitor)
        answer(visitor, "s")
        assert not visitor.settled("telephone")["running"]
        result = visitor.get("/step/result")
        assert "personen hoppade över samtalet" in result
        assert "Gör om kontrollen när du kan svara. Om ingen ringde, säg till dem som bjöd in dig." in result
        assert 'action="/measure/telephone"' in result


def test_a_computer_that_hears_no_telephone_says_so_and_still_has_the_call(company: Site, tmp_path: Path) -> None:
    home = enrolled(company, tmp_path / "home", "Cia")
    with guided(home, through) as guide:
        visitor = begin(guide)
        while "numret som slutar på 78" not in asked(visitor)[1]:
            answer(visitor)
        (call,) = [one for one in calls(company.database, utc_now()) if one.callback.person.name == "Cia"]
        answer(visitor, call.code)
        assert not visitor.settled("telephone")["running"]
        page = visitor.get("/step/telephone")
        assert "inte uppmätt: datorn har ingen mikrofon" in page
        assert "Anslut headsetet och välj det för ljud in" in page  # what to do stands beside it
        assert "lämnade koden som spelades upp där" in page
