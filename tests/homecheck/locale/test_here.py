"""Which language is spoken on this computer, and how numbers, forms for several things and dates come out in it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homecheck.locale import translator
from homecheck.locale.here import wanted, windows_language


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"HOMECHECK_LANG": "sv"}, "sv"),
        ({"HOMECHECK_LANG": "es-MX"}, "es"),
        ({"HOMECHECK_LANG": "SV_SE.UTF-8", "LC_ALL": "es_ES.UTF-8"}, "sv"),
        ({"HOMECHECK_LANG": "en", "LANG": "sv_SE.UTF-8"}, "en"),
        ({"HOMECHECK_LANG": "de", "LANG": "sv_SE.UTF-8"}, "en"),  # what was asked for is not there: no third language
        ({"HOMECHECK_LANG": "", "LANG": "sv_SE.UTF-8"}, "sv"),
        ({"LC_ALL": "C", "LANG": "sv_SE.UTF-8"}, "en"),  # a script that wants C gets English
        ({"LC_ALL": "", "LC_MESSAGES": "es_AR", "LANG": "sv_SE.UTF-8"}, "es"),
        ({"LANG": "sv"}, "sv"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "svenska"}, "en"),
        ({"LANG": "../../etc/passwd"}, "en"),
    ],
)
def test_homecheck_lang_comes_first_then_posix_in_its_order(environment: dict[str, str], language: str) -> None:
    assert wanted(environment) == language


@pytest.mark.parametrize(("tag", "language"), [("sv_SE", "sv"), ("es_MX", "es"), ("de_DE", "en"), ("", "en")])
def test_the_language_of_windows_counts_where_the_environment_names_none(tag: str, language: str) -> None:
    assert wanted({}, lambda: tag) == language
    assert wanted({"LANG": "es_ES"}, lambda: tag) == "es"


@pytest.mark.skipif(sys.platform == "win32", reason="there the answer depends on the user's settings")
def test_other_systems_have_no_such_language() -> None:
    assert windows_language() == ""


@pytest.mark.parametrize(
    ("language", "count", "text"),
    [
        ("en", 1, "How long it is kept there: one day."),
        ("en", 0, "How long it is kept there: 0 days."),
        ("sv", 1, "Hur länge det sparas där: en dag."),
        ("sv", 180, "Hur länge det sparas där: 180 dagar."),
        ("es", 1, "Cuánto tiempo se guarda allí: un día."),
        ("es", 180, "Cuánto tiempo se guarda allí: 180 días."),
        ("es", 1_000_000, "Cuánto tiempo se guarda allí: 1000000 días."),  # CLDR has a form of its own for millions
    ],
)
def test_the_number_of_things_chooses_the_form(language: str, count: int, text: str) -> None:
    say = translator(language)
    assert say.plural("How long it is kept there: one day.", "How long it is kept there: {count} days.", count) == text


def test_names_are_put_in_as_they_are_even_when_they_are_words_of_ours() -> None:
    say = translator("sv")
    assert say.fill("Not sent to {company}.", company="yes") == "Inte skickat till yes."
    assert say.fill("about {usual} MB", usual=3.5) == "ungefär 3,5 MB"


def test_a_text_of_a_stranger_that_only_resembles_one_of_ours_is_left_alone() -> None:
    for text in ("Call us and 3 more", "version 2 of it", "Acme, since 1990", "This home is ready.", "Use it in 5 s"):
        assert translator("sv").say(text) == text


def test_a_known_sentence_behind_a_name_is_translated() -> None:
    text = "eth0: the driver does not tell its speed"
    assert translator("sv").say(text) == "eth0: drivrutinen anger inte dess hastighet"


@pytest.mark.parametrize(("language", "text"), [("en", "02 January 2026"), ("sv", "2026-01-02"), ("es", "02/01/2026")])
def test_a_day_is_written_as_the_language_does(language: str, text: str) -> None:
    assert translator(language).date(datetime(2026, 1, 2, tzinfo=UTC)) == text


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_without_the_letters_gets_them_all_the_same_and_nothing_crashes(
    tmp_path: Path, encoding: str
) -> None:
    environment = {**os.environ, "HOMECHECK_LANG": "sv", "HOMECHECK_HOME": str(tmp_path), "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "homecheck", "status"]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=120, check=True)
    assert "Väntar på att skickas: 0" in done.stdout.decode("utf-8")


def command(folder: Path, *words: str) -> str:
    environment = {**os.environ, "HOMECHECK_LANG": "sv", "HOMECHECK_HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "homecheck", *words], env=environment, capture_output=True, timeout=120, check=False
    )
    return done.stdout.decode() + done.stderr.decode()


def test_json_and_what_is_parsed_is_not_in_the_persons_language(tmp_path: Path) -> None:
    # click's words come by LANGUAGE, which the programs inherit whose words homecheck reads.
    told = command(tmp_path, "doctor", "--output", "json")
    assert '"message": "nothing waits to be sent"' in told
    assert '"subject": "packages"' in told


def test_whoever_runs_servers_reads_english_even_when_something_is_wrong(tmp_path: Path) -> None:
    told = command(tmp_path, "collector", "invite", "--database", f"sqlite:///{tmp_path}/none.db")
    assert "Usage: homecheck collector invite" in told
    assert "Error: give either --person NAME or --csv FILE" in told


def test_a_wrong_option_is_told_in_swedish_by_click_and_by_us(tmp_path: Path) -> None:
    told = command(tmp_path, "check", "--listen", "soon")
    assert "Fel: Ogiltigt värde för '--listen': 'soon' är ingen tidslängd; skriv 10s, 30m, 12h eller 7d" in told
    assert "Användning: homecheck check" in told
