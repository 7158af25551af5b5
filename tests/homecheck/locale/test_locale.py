"""Catalogues: every message in every language, the same values in it, and texts from elsewhere found again."""

from __future__ import annotations

import importlib.util
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from homecheck.appraisal import appraise
from homecheck.errors import ProbeError
from homecheck.instruments.blame import NAMES
from homecheck.locale import LANGUAGES, SOURCE, catalogue, elsewhere, preferred, translator
from homecheck.measurement import Measurement, Quantity
from homecheck.numbers import with_uncertainty
from homecheck.policy import parse_policy
from probes.callback import LAST_TRY, WRONG
from probes.landline import OTHER_KEYS
from tests.guide import JITTER, LINK, MEMORY
from tests.ui_evidence import evidence_of

ROOT = Path(__file__).parents[3]
OTHERS = [language for language in LANGUAGES if language != SOURCE]
PLACE = re.compile(r"\{\w+(?:![rsa])?\}|%\(\w+\)s")


@pytest.fixture(scope="module")
def messages() -> ModuleType:
    """The tool that collects messages; it is no part of the package."""
    spec = importlib.util.spec_from_file_location("messages", ROOT / "tools" / "messages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["messages"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def collected(messages: ModuleType) -> set[object]:
    """Every message that there is now; collecting them takes a second."""
    return set(messages.messages())


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_translated_and_none_is_stale_or_fuzzy(
    messages: ModuleType, collected: set[object], language: str
) -> None:
    stored = messages.read(language)
    known = {message.id: message for message in stored if message.id}
    remedy = "run: .venv/bin/python tools/messages.py, then translate what is empty in the .po files"
    assert collected - set(known) == set(), remedy
    assert set(known) - collected == set(), f"stale: {remedy}"
    assert [text for text, message in known.items() if not all(forms(message.string)) or message.fuzzy] == [], remedy


def forms(string: str | tuple[str, ...]) -> tuple[str, ...]:
    """The forms of a translation: one, or as many as its language has for numbers."""
    return string if isinstance(string, tuple) else (string,)


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_holds_the_same_values_as_its_source(messages: ModuleType, language: str) -> None:
    for message in messages.read(language):
        for number, string in enumerate(forms(message.string)) if message.id else ():
            source = forms(message.id)[min(number, 1)] if isinstance(message.id, tuple) else message.id
            assert set(PLACE.findall(source)) == set(PLACE.findall(string)), message.id


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_installed_is_compiled_from_what_translators_wrote(messages: ModuleType, language: str) -> None:
    written = {message.id: message.string for message in messages.read(language) if message.id}
    say, remedy = translator(language), "run: .venv/bin/python tools/messages.py"
    single = {text: string for text, string in written.items() if isinstance(text, str)}
    assert {text: say(text) for text in single} == single, remedy
    for text, string in written.items():
        if isinstance(text, tuple):
            assert {catalogue(language).ngettext(text[0], text[1], count) for count in (1, 2, 1_000_000)} == set(
                string
            ), remedy


@pytest.mark.parametrize("language", OTHERS)
def test_a_sentence_is_never_left_in_english(messages: ModuleType, language: str) -> None:
    same = [m.id for m in messages.read(language) if m.id and m.id == m.string]
    assert [text for text in same if PLACE.sub("", str(text)).count(" ") > 2] == []


def test_a_finding_is_read_in_swedish_with_its_numbers() -> None:
    policy = parse_policy(
        'name="p"\nversion="1"\n[[requirement]]\nquantity="network.jitter"\nat_most=30.5\n'
        '[[requirement]]\nquantity="host.memory"\nat_least=2\n[[requirement]]\nquantity="link.type"\none_of=["ethernet"]',
        "p",
    )
    say = translator("sv")
    found = appraise(
        evidence_of(Measurement(JITTER, 41.2, 3.0), Measurement(MEMORY, 16.0, 0.0), Measurement(LINK, "wifi")),
        policy, "sha256:00",
    )  # fmt: skip
    assert [say.say(one.explanation) for one in found.findings] == [
        "41,2 ± 3,0 ms; högst 30,5 ms krävs",
        "16 GiB",
        "wifi; kabel krävs",
    ]


def test_a_failure_is_read_in_spanish_with_the_name_of_the_device_as_it_is() -> None:
    error = ProbeError("device_busy", "Repeat the check.", message="Jabra 2.1: another program is using it (-9985)")
    failed = Measurement.failed(Quantity("room.noise", "dBFS(A)", "m"), error)
    assert failed.failure is not None
    text = translator("es").say(f"could not be measured: {failed.failure.message}")
    assert text == "no se pudo medir: Jabra 2.1: otro programa lo está usando (-9985)"


@pytest.mark.parametrize(
    ("text", "swedish"),
    [
        ("Please stay silent for 10 seconds: the microphone listens to the room.",
         "Var tyst i 10 sekunder: mikrofonen lyssnar på rummet."),
        (OTHER_KEYS.format(keys="1 key"),
         "Datorn hörde 1 knapp, men inte de här siffrorna en efter en. Det händer lätt. Lägg på och lyft luren igen. "
         "Du får andra siffror. Redo att försöka en gång till?"),
        (LAST_TRY.format(digits="123456"), "123456 är inte koden för det här samtalet. Du kan försöka en gång till."),
        (WRONG.format(digits="123456", left=2),
         "123456 är inte koden för det här samtalet. Du kan försöka 2 gånger till."),
        ("Jabra Link 370 played 2 beeps, heard: 1; it may not be what is worn",
         "Jabra Link 370 spelade 2 pip, hört: 1; det är kanske inte det som bärs"),
        ("the reading was only 2.2 dB louder than the silence before it: the room is about as loud as your voice",
         "läsningen var bara 2,2 dB högre än tystnaden före den: rummet är ungefär lika högljutt som din röst"),
        ("the computer stood still for 1.2 s during the measurement", "datorn stod stilla i 1,2 s under mätningen"),
        ("the reading was no louder than the silence before it", "läsningen var inte högre än tystnaden före den"),
    ],
)  # fmt: skip
def test_what_is_counted_or_compared_is_read_in_swedish_as_a_whole(text: str, swedish: str) -> None:
    assert translator("sv").say(text) == swedish


def test_a_name_stays_a_name_whatever_else_the_word_means() -> None:
    say = translator("sv")
    assert say.say("Reaches microphone") == "Når microphone"
    assert say("To {company}, for {title}", company="Line", title="Voice agent, standard").startswith("Till Line, för")


def test_what_no_pattern_fits_stays_as_it_is() -> None:
    assert translator("sv").say("Something that nobody has translated.") == "Something that nobody has translated."
    assert translator("sv").say("") == ""
    assert translator("sv").say("x; at least " * 400 + "needed") == "x; at least " * 400 + "needed"


def test_a_cause_on_the_way_is_read_in_swedish() -> None:
    text = f"{NAMES['gateway']} already varies by 41 ms"
    assert translator("sv").say(text) == "redan vägen till din egen router varierar med 41 ms"


@pytest.mark.parametrize(
    ("wished", "language"),
    [
        ("sv-SE,sv;q=0.9,en;q=0.8", "sv"), ("es-419", "es"), ("de-DE,es;q=0.4,en;q=0.3", "es"), ("", "en"),
        ("sv;q=0,es;q=0.1", "es"), ("sv;q=x, es", "es"), ("*;q=0.5", "en"), (",;=," * 200, "en"), ("de", "en"),
        ("EN-gb, sv;q=0.9", "en"),
    ],
)  # fmt: skip
def test_the_browsers_wish_is_followed_as_far_as_there_is_a_catalogue(wished: str, language: str) -> None:
    assert preferred(wished) == language


def test_numbers_units_and_times_are_written_as_the_language_does() -> None:
    value = with_uncertainty(48.213, 0.93, "Mbit/s")
    assert translator("sv").say(value) == "48,21 ± 0,93 Mbit/s"
    assert translator("es").say("3.5 days") == "3,5 días"
    assert translator("en").say(value) == value
    moment = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
    local = moment.astimezone()
    assert translator("sv").time(moment) == f"2026-01-{local.day:02} {local.hour:02}:{local.minute:02}"
    assert translator("en").time(moment).startswith(f"{local.day:02} January 2026")


def test_every_short_pattern_is_still_a_message(collected: set[object]) -> None:
    assert set(elsewhere.SHORT) - collected == set()
