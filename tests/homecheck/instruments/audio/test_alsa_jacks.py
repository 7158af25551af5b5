"""Jack controls as `amixer contents` printed them on machines of others (origin: listings/ORIGIN.md)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homecheck.instruments.audio.alsa_jacks import Jacks, parse, read

LISTINGS = Path(__file__).parent / "listings"


def load(name: str) -> Jacks:
    return parse((LISTINGS / f"amixer_contents_{name}.txt").read_text(encoding="utf-8"))


def test_screens_and_jacks_whose_plug_nobody_sees_are_left_out() -> None:
    assert load("headset").occupied == {"Headphone": True, "Mic": True}


def test_a_plug_in_both_jacks_is_a_headset_and_one_with_a_microphone_alone_is_external() -> None:
    assert load("headset").microphone() == ("headset", "occupied")
    assert Jacks({"Headphone": False, "Mic": True}).microphone() == ("external", "occupied")
    assert load("headset").earpiece() == ("headphones", "occupied")


@pytest.mark.parametrize(
    ("jacks", "microphone"),
    [
        ({"Headset Mic": True, "Headphone": True}, ("headset", "occupied")),
        ({"Headset Mic": False, "Headphone": True}, ("unknown", "empty")),  # headphones without a microphone
        ({"Headphone": True}, ("unknown", "unknown")),
        ({"Line": True, "Mic": False}, ("line", "occupied")),
        ({}, ("unknown", "unknown")),
    ],
)
def test_the_microphone_has_the_jack_that_is_occupied(jacks: dict[str, bool], microphone: tuple[str, str]) -> None:
    assert Jacks(jacks).microphone() == microphone


def test_a_plug_in_a_jack_that_is_not_recorded_from_does_not_count() -> None:
    desktop = load("desktop")  # the plug is in the rear, the front is recorded from
    assert (desktop.source, desktop.occupied["Rear Mic"]) == ("Front Mic", True)
    assert desktop.microphone() == ("unknown", "empty")
    assert Jacks(desktop.occupied, "Rear Mic").microphone() == ("external", "occupied")
    assert Jacks(desktop.occupied, "Internal Mic").microphone() == ("internal", "unknown")


def test_without_amixer_or_card_nothing_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert read(9999) == Jacks()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read(0) == Jacks()


@settings(deadline=None)
@given(st.text(alphabet="numid=1,face:CARDMIXE'Jack \n;#Itemvluson", max_size=200))
def test_no_text_crashes_the_parser(text: str) -> None:
    parse(text).microphone()
    parse(f"numid=1,iface=CARD,name='Mic Jack'\n{text}").earpiece()
