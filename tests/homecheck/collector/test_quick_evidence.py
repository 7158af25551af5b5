"""Two readers of evidence: the quick one takes nothing that the other refuses, and reads the same as it does."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecheck.collector import quick_evidence
from homecheck.collector.bench.reports import Office
from homecheck.collector.quick_evidence import read_evidence
from homecheck.errors import Refused
from homecheck.evidence import Evidence
from homecheck.signing import Verified
from homecheck.strict_json import serialize
from tests.people import FAILS, PASSES, Character, Worker


def written(character: Character) -> bytes:
    return Worker("https://collector.example", character, subject="somebody").evidence("a-nonce").to_bytes()


def of_bench() -> bytes:
    office = Office("https://collector.example", subject="somebody", nonce="a-nonce")
    return office._evidence(datetime(2026, 11, 26, 12, tzinfo=UTC)).to_bytes()


GENUINE = {"passes": written(PASSES), "fails": written(FAILS), "34 checks": of_bench()}
DOCUMENT: dict[str, Any] = json.loads(GENUINE["fails"])
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**53, 2**53 + 1, 2**70, 0.0, -0.0, 1.5, -1.5, 1e300, 1e-7, 1e16, "", "a", "blå",
    "\0", "x" * 500, "x" * 501, "ä" * 501, "number", "text", "yes/no", "room", [], [1], ["a"], {}, {"a": 1},
    {"a": {"b": 1}}, {"a": "x" * 501}, {"a": "\0"}, {"a": 2**60},
    {"code": "a", "at_fault": "room", "message": "b", "advice": "c"},
    {"at_fault": None, "sentence": "a"}, {"at_fault": "nobody", "sentence": "a"},
)  # fmt: skip


def read(reader: Any, payload: bytes) -> object:
    """Return what a reader makes of it: evidence with the types of its values, or why it is refused."""
    try:
        found = reader(Verified(payload))
    except Refused as error:
        return error.reason, error.message
    return found, repr(found)


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value in a document."""
    if place:
        yield place
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in members:
        yield from places(inner, (*place, name))


def changed(place: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
    """Yield the document with another value in one place, without it, and with one beside it."""
    for odd in (*ODD, ...):
        document = copy.deepcopy(DOCUMENT)
        holder: Any = document
        for name in place[:-1]:
            holder = holder[name]
        if odd is ...:
            del holder[place[-1]]
        else:
            holder[place[-1]] = odd
        yield document
    holder.update(beside=1) if isinstance(holder, dict) else holder.append(1)
    yield document


PLACES = {".".join(map(str, place)): place for place in places(DOCUMENT)}


@pytest.mark.parametrize("payload", GENUINE.values(), ids=GENUINE)
def test_what_an_agent_writes_is_read_quickly_and_is_the_same(payload: bytes) -> None:
    quick = quick_evidence._read(payload)
    assert quick is not None
    assert quick.to_bytes() == payload
    assert read(read_evidence, payload) == read(Evidence.from_bytes, payload)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_with_any_one_value_changed_both_say_the_same(place: tuple[Any, ...]) -> None:
    for document in changed(place):
        payload = serialize(document)
        assert read(read_evidence, payload) == read(Evidence.from_bytes, payload), payload


SPELLINGS = {
    "a member twice": lambda text: text.replace('"v":1,', '"v":1,"v":1,', 1),
    "the second of two": lambda text: text.replace('"seq":1', '"seq":9,"seq":1', 1),
    "blanks": lambda text: text.replace(":", ": "),
    "another order": lambda text: json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")),
    "escapes": lambda text: text.replace("device", "\\u0064evice"),
    "a whole number as a fraction": lambda text: text.replace('"v":1', '"v":1.0'),
    "an exponent": lambda text: text.replace('"uncertainty":0.8', '"uncertainty":8e-1'),
    "infinity": lambda text: text.replace('"uncertainty":0.8', '"uncertainty":1e999'),
    "NaN": lambda text: text.replace('"uncertainty":0.8', '"uncertainty":NaN'),
    "half a pair": lambda text: text.replace('"method":"', '"method":"\\ud800', 1),
    "something behind it": lambda text: text + "{}",
    "a mark in front": lambda text: "\ufeff" + text,
    "another version": lambda text: text.replace('"v":1', '"v":2'),
    "nothing": lambda _: "",
    "a list": lambda _: "[]",
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_with_another_spelling_both_say_the_same(spell: Any) -> None:
    text = GENUINE["passes"].decode()
    other = spell(text).encode()
    assert other != GENUINE["passes"]
    assert quick_evidence._read(other) is None
    assert read(read_evidence, other) == read(Evidence.from_bytes, other)


@given(st.data())
def test_with_a_few_bytes_changed_both_say_the_same(data: st.DataObject) -> None:
    payload = bytearray(GENUINE["fails"])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(payload) - 1))
        payload[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    assert read(read_evidence, bytes(payload)) == read(Evidence.from_bytes, bytes(payload))


def test_what_was_read_quickly_is_as_frozen_as_the_rest() -> None:
    found = next(iter(read_evidence(Verified(GENUINE["passes"])).measurements()))
    with pytest.raises(AttributeError):
        found.value = 1  # type: ignore[misc]  # that is the point
    assert (
        vars(found).keys() == vars(next(iter(Evidence.from_bytes(Verified(GENUINE["passes"])).measurements()))).keys()
    )


@pytest.mark.parametrize("number", [0.1, 87.31, 1e-5, 123456789.125, 5e-324, 1.7976931348623157e308, 1e21, 3])
def test_odd_numbers_are_read_alike(number: float) -> None:
    document = copy.deepcopy(DOCUMENT)
    document["runs"][0]["measurements"][0].update(value=number, uncertainty=number)
    payload = serialize(document)
    assert read(read_evidence, payload) == read(Evidence.from_bytes, payload)
    assert next(iter(read_evidence(Verified(payload)).measurements())).value == number
