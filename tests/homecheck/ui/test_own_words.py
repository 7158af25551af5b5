"""What a company wrote itself, in a language that the person may not read: the guide marks it and says which it is."""

from __future__ import annotations

import html
from collections.abc import Iterator

import pytest

from homecheck.clock import utc_now
from homecheck.collector import administration
from homecheck.config import Home
from homecheck.enrolment import read_invitation, redeem
from homecheck.exchange import new_session
from homecheck.policy import parse_policy
from tests.guide import guided, made
from tests.guide_visitor import Visitor
from tests.live_collector import Site

PROGRAM = "german"
POLICY = """
name = "german"
version = "1"
title = "Kundendienst"
language = "de"

[[requirement]]
quantity = "host.memory"
at_least = 64
reason = "Das Telefonprogramm ist groß."
advice = "Rufen Sie uns an, wir schicken Ihnen Speicher."

[[requirement]]
quantity = "reach.microphone"
equals = true

[[requirement]]
quantity = "network.jitter"
at_most = 30

[[target]]
name = "microphone"
host = "calls.example.invalid"
port = 443

[[declaration]]
id = "desk"
question.de = "Steht der Tisch still?"
must_be = true
"""


@pytest.fixture(scope="module")
def hiring(company: Site) -> Site:
    policy = parse_policy(POLICY, "german policy")
    administration.add_program(company.database, PROGRAM, "Hotline", "To see.", 180, policy, "a test", utc_now())
    return company


@pytest.fixture(scope="module")
def reader(hiring: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """Return somebody who reads Swedish, has measured computer and connection, and answered no."""
    home, http = Home.at(tmp_path_factory.mktemp("reader")), new_session()
    invitation = f"{hiring.url}/invite/{hiring.invite('Eva', program=PROGRAM)}"
    redeem(read_invitation(invitation, http), home, http, utc_now())
    with guided(home, made) as guide:
        visitor = Visitor(guide)
        visitor.post("/language", language="sv")
        visitor.agree()
        visitor.settled("consent")
        visitor.measure("computer")
        visitor.measure("connection")
        visitor.post("/questions", desk="no")
        yield visitor


def test_reasons_and_advice_of_a_company_are_marked_with_their_language(reader: Visitor) -> None:
    page = html.unescape(reader.get("/step/result"))
    assert '<span lang="de">Das Telefonprogramm ist groß.</span>' in page
    assert 'Vad som hjälper i allmänhet: <span lang="de">Rufen Sie uns an, wir schicken Ihnen Speicher.</span>' in page
    assert 'svarade nej, ja krävs: <span lang="de">Steht der Tisch still?</span>' in page
    assert "Det som företaget har skrivit självt (skäl och råd) är på tyska." in page


def test_the_preview_marks_the_question_as_well(reader: Visitor) -> None:
    assert 'Ditt svar: <span lang="de">Steht der Tisch still?</span></th><td>Nej</td>' in reader.get("/step/preview")


def test_a_target_that_is_called_like_a_word_of_ours_keeps_its_name(reader: Visitor) -> None:
    assert "Når microphone" in reader.get("/step/result")


def test_a_cable_is_advised_where_nobody_asked_for_the_kind_of_connection_and_that_is_not_sent(reader: Visitor) -> None:
    assert "Använd en nätverkskabel i stället för wifi" in reader.get("/step/result")
    assert "wifi" not in reader.get("/step/preview")
    assert "wifi" not in reader.get("/step/connection")
