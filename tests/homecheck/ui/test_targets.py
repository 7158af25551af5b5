"""A policy's targets in the guide: told before consent, asked again when they move, shown by their names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from homecheck.clock import utc_now
from homecheck.collector import administration
from homecheck.config import Home
from homecheck.enrolment import load_enrolments, store_enrolment
from homecheck.locale import translator
from homecheck.measurement import Cause, Measurement
from homecheck.policy import parse_policy
from homecheck.report.words import label, meaning
from homecheck.ui import outcome
from homecheck.ui.pages import Pages
from homecheck.ui.sitting import Sitting
from homecheck.ui.steps import steps_for
from probes.reach import Reach
from tests.command_line import homecheck
from tests.live_collector import in_thread

TEXT = (
    'name = "calls"\nversion = "1"\n[[requirement]]\nquantity = "reach.softphone"\nequals = true\n'
    '[[target]]\nname = "softphone"\nhost = "{host}"\nport = 5061\nprotocol = "tls"\n'
)
POLICY = parse_policy(TEXT.format(host="calls.example.com"), "calls.toml")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("targets")
    with in_thread(folder) as site:
        administration.add_program(site.database, "calls", "Calls", "A test.", 30, POLICY, "a test", utc_now())
        found = Home.at(folder / "home")
        assert (
            homecheck(found, "enroll", "--yes", f"{site.url}/invite/{site.invite('Ada', program='calls')}").status == 0
        )
        yield found


@pytest.mark.parametrize(("language", "heading"), [("en", "Where this computer connects"), ("sv", "Dit ansluter")])
def test_the_first_page_tells_where_this_computer_would_connect(home: Home, language: str, heading: str) -> None:
    page = Pages(Sitting(home)).step("welcome", translator(language))
    assert heading in page
    assert "<li>calls.example.com:5061 (tls)</li>" in page


def test_a_private_trial_that_connects_nowhere_says_nothing_of_it(home: Home) -> None:
    sitting = Sitting(home)
    sitting.check_privately("voice-standard")
    assert "Where this computer connects" not in Pages(sitting).step("welcome", translator("en"))


def test_a_target_that_moves_is_asked_about_again(home: Home, tmp_path: Path) -> None:
    (enrolment,) = load_enrolments(home)
    sitting = Sitting(home)
    assert sitting.more == {}
    moved = parse_policy(TEXT.format(host="other.example.com"), "calls.toml")
    sitting.enrolments = (replace(enrolment, policy=moved),)
    assert sitting.more == {"calls": frozenset({"tls://other.example.com:5061"})}
    assert translator("es").say(label("tls://other.example.com:5061")) == "Conexión a other.example.com:5061 (tls)"
    store_enrolment(home, enrolment)


@pytest.mark.parametrize(
    ("language", "row"),
    [
        ("en", ("Reaches softphone", "no", "calls.example.com:5061 refuses connections, while other servers answer: ")),
        ("sv", ("Når softphone", "nej", "calls.example.com:5061 nekar anslutningar, medan andra servrar svarar: ")),
        (
            "es",
            ("Llega a softphone", "no", "calls.example.com:5061 rechaza las conexiones, mientras que otros servidores"),
        ),
    ],
)
def test_a_target_is_shown_by_its_name_and_why_it_is_not_reached(language: str, row: tuple[str, str, str]) -> None:
    say = translator(language)
    (quantity,) = Reach(POLICY.targets).quantities
    sentence = (
        "calls.example.com:5061 refuses connections, while other servers answer: it is out of order, or something on "
        "the way (router, VPN, provider) stops it"
    )
    (shown,) = outcome.rows((Measurement(quantity, value=False, cause=Cause("server", sentence)),), say)
    assert (shown.label, shown.value) == row[:2]
    assert shown.cause.startswith(row[2])
    assert shown.meaning == say.say(meaning("reach.softphone"))


def test_targets_are_measured_on_the_page_of_the_connection() -> None:
    assert steps_for([POLICY]) == ("connection",)
