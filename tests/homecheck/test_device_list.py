"""Lists of devices: read strictly, merged without a guess, and words that are words."""

from __future__ import annotations

import pytest

from homecheck.device_list import DISPUTED, KINDS, DeviceList, ListedDevice, merged, read_device_list, word_pattern
from homecheck.instruments.audio.usb_table import usb_table
from homecheck.strict_json import Record


def one(kind: str, name: str = "X") -> DeviceList:
    return DeviceList((ListedDevice("dead", "beef", kind, name),))


def test_a_list_is_written_as_it_is_read() -> None:
    members = {
        "device": [{"usb": "0b0e:0e40", "kind": "wired", "name": "Jabra Evolve2 40", "source": "tested by IT"}],
        "device_names": {"wireless_receiver": ["Link 390"]},
    }
    assert read_device_list(Record(members, "x")).members() == members
    assert not read_device_list(Record({}, "x"))
    assert DeviceList().members() == {}


def test_lists_of_two_programs_that_agree_are_one_and_those_that_disagree_decide_nothing() -> None:
    assert merged([one("wired"), one("wired", "Y")]).devices == one("wired").devices
    assert [device.kind for device in merged([one("wired"), one("wireless-dongle")]).devices] == [DISPUTED]
    assert [d.kind for d in merged([one("wired"), one("wireless-dongle"), one("wired")]).devices] == [DISPUTED]
    assert not merged([])


def test_words_of_two_programs_count_both() -> None:
    both = merged([DeviceList(words={"headset": ("Abc",)}), DeviceList(words={"headset": ("Def", "Abc")})])
    assert both.words == {"headset": ("Abc", "Def")}


@pytest.mark.parametrize(
    ("name", "found"),
    [("Jabra Link 390", True), ("JABRA LINK-390a", False), ("link390", True), ("LINK_390 MS", True),
     ("Blink 390", False), ("Link 3900", False), ("Link", False)],
)  # fmt: skip
def test_a_word_is_found_in_every_spelling_and_not_inside_another(name: str, found: bool) -> None:
    pattern = word_pattern(["Link 390", "x.y*(z"])
    assert pattern is not None
    assert (pattern.search(name) is not None) is found


def test_signs_of_patterns_are_ordinary_signs() -> None:
    pattern = word_pattern(["a.c (+)"])
    assert pattern is not None
    assert pattern.search("xx a.c (+) yy")
    assert not pattern.search("abc (+)")
    assert word_pattern([]) is None


def test_every_kind_of_the_shipped_table_can_be_listed_but_those_that_leave_it_open() -> None:
    open_kinds = {"wireless-dongle?", "unknown"}
    assert {device.kind for device in usb_table().values()} - open_kinds <= set(KINDS)
