"""The only door for JSON from outside: what every reader understands alike comes in, all else is named and refused."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homecheck.errors import Refused
from homecheck.strict_json import MAX_DEPTH, Record, _parse_any_spelling, canonical, parse_object, serialize

REFUSED = {
    "empty": (b"", "not-json"),
    "a number": (b"7", "not-json"),
    "an array": (b"[]", "not-json"),
    "null": (b"null", "not-json"),
    "two objects": (b"{}{}", "not-json"),
    "trailing comma": (b'{"a":1,}', "not-json"),
    "single quotes": (b"{'a':1}", "not-json"),
    "comment": (b'{"a":1/* one */}', "not-json"),
    "leading zero": (b'{"a":01}', "not-json"),
    "plus sign": (b'{"a":+1}', "not-json"),
    "hexadecimal": (b'{"a":0x10}', "not-json"),
    "bare fraction": (b'{"a":.5}', "not-json"),
    "control character": (b'{"a":"\n"}', "not-json"),
    "unfinished escape": (b'{"a":"\\u12"}', "not-json"),
    "open text": (b'{"a":"', "not-json"),
    "byte order mark": (b"\xef\xbb\xbf{}", "not-json"),
    "latin-1": ('{"a":"ü"}'.encode("latin-1"), "not-utf8"),
    "utf-16": ('{"a":1}'.encode("utf-16-le"), "not-json"),
    "overlong form": (b'{"a":"\xc0\x80"}', "not-utf8"),
    "encoded surrogate": (b'{"a":"\xed\xa0\x80"}', "not-utf8"),
    "NaN": (b'{"a":NaN}', "bad-number"),
    "Infinity": (b'{"a":Infinity}', "bad-number"),
    "-Infinity": (b'{"a":-Infinity}', "bad-number"),
    "overflow": (b'{"a":1e400}', "bad-number"),
    "overflow below zero": (b'{"a":-1e400}', "bad-number"),
    "2^53+1": (b'{"a":9007199254740993}', "bad-number"),
    "-2^53-1": (b'{"a":-9007199254740993}', "bad-number"),
    "5000 digits": (b'{"a":' + b"7" * 5000 + b"}", "bad-number"),
    "member twice": (b'{"a":1,"a":1}', "duplicate-member"),
    "member twice by an escape": (b'{"a":1,"\\u0061":2}', "duplicate-member"),
    "member twice inside a list": (b'{"l":[{"a":1,"a":2}]}', "duplicate-member"),
    "empty name twice": (b'{"":1,"":2}', "duplicate-member"),
    "high surrogate alone": (b'{"a":"\\ud800"}', "lone-surrogate"),
    "low surrogate alone": (b'{"a":"\\udc00x"}', "lone-surrogate"),
    "pair the wrong way round": (b'{"a":"\\udc00\\ud800"}', "lone-surrogate"),
    "surrogate in a name": (b'{"\\ud800":1}', "lone-surrogate"),
    "surrogate deep inside": (b'{"a":[[{"b":"\\ud800"}]]}', "lone-surrogate"),
    "too deep": (b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", "too-deep"),
    "far too deep": (b'{"a":' + b"[" * 500_000, "too-deep"),
    "too deep behind a text with brackets": (b'{"x":"]]]]\\"]]","a":' + b"[" * 40 + b"]" * 40 + b"}", "too-deep"),
}


@pytest.mark.parametrize(("data", "reason"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_for_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_object(data)
    assert refused.value.reason == reason


ACCEPTED: dict[str, tuple[bytes, dict[str, Any]]] = {
    "empty object": (b"{}", {}),
    "white space": (b' \t\r\n{ "a" : 1 } ', {"a": 1}),
    "2^53": (b'{"a":9007199254740992,"b":-9007199254740992}', {"a": 2**53, "b": -(2**53)}),
    "small number": (b'{"a":1e-05,"b":-0.5}', {"a": 0.00001, "b": -0.5}),
    "zero by underflow": (b'{"a":1e-400}', {"a": 0.0}),
    "beyond the basic plane": ('{"a":"😀","b":"\\ud83d\\ude00"}'.encode(), {"a": "😀", "b": "😀"}),
    "escaped NUL": (b'{"a":"\\u0000"}', {"a": "\0"}),
    "brackets in texts": (b'{"a":"' + b"[" * 1000 + b'"}', {"a": "[" * 1000}),
    "same name on two levels": (b'{"a":{"a":1}}', {"a": {"a": 1}}),
}


@pytest.mark.parametrize(("data", "value"), ACCEPTED.values(), ids=ACCEPTED)
def test_it_is_read(data: bytes, value: dict[str, Any]) -> None:
    assert parse_object(data) == value


def test_the_deepest_allowed_nesting_is_read() -> None:
    inner = MAX_DEPTH - 1
    assert parse_object(b'{"a":' + b"[" * inner + b"]" * inner + b"}")


HOSTILE = {
    "a text of escaped quotes without an end": (b'{"a":' + b"[" * 40 + b'"' + b'\\"' * 60_000, "too-deep"),
    "brackets side by side before it": (b'{"a":[' + b"[]," * 40 + b'"' + b'\\"' * 60_000, "not-json"),
    "the last of many members twice": (
        b"{" + b",".join(b'"%d":0' % number for number in range(25_000)) + b',"x":0,"x":0}',
        "duplicate-member",
    ),
}


@pytest.mark.parametrize(("data", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_no_document_of_ordinary_size_keeps_a_processor_busy(data: bytes, reason: str) -> None:
    """Anybody may send one of these to a collector. Work that grows with the square takes ten seconds and more."""
    begun = time.process_time()
    with pytest.raises(Refused) as refused:
        parse_object(data)
    assert refused.value.reason == reason
    assert time.process_time() - begun < 2


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert parse_object(b'{"a":[' + b",".join([b"[]"] * 500) + b"]}") == {"a": [[]] * 500}


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,\\u0123456789dDeE.+- ', max_size=80).map(str.encode))
def test_whatever_comes_only_a_refusal_leaves(data: bytes) -> None:
    try:
        found = parse_object(data)
    except Refused:
        return
    assert found == json.loads(data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def outcome(parse: Callable[[bytes], Any], data: bytes) -> object:
    """Return what a parser makes of `data`; 1, 1.0 and true are told apart, and so are 0.0 and -0.0."""
    try:
        return repr(parse(data))
    except Refused as error:
        return error.reason, error.message


ODD_NUMBERS = st.sampled_from(
    [2**53, -(2**53), 2**53 + 1, -(2**53) - 1, 2**63, 2**64 - 1, 1e16, 1e-5, 1e-7, -0.0, 0.1 + 0.2, 5e-324, 1e308]
)


def nested(levels: int) -> object:
    return [nested(levels - 1)] if levels else {}


DEEP = st.integers(0, 2 * MAX_DEPTH).map(nested)
DOCUMENTS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=3),
    VALUES | ODD_NUMBERS | DEEP | st.lists(st.dictionaries(st.sampled_from("ab"), ODD_NUMBERS), max_size=2),
    max_size=4,
)
PIECES = st.sampled_from(
    [
        b'"a":1,',
        b'"a":2',
        b",",
        b"{",
        b"}",
        b"[",
        b"]",
        b" ",
        b"\\u0061",
        b"\\ud800",
        b"\\/",
        b"\xff",
        b"9" * 20,
        b"-0",
        b"e5",
    ]
)


@settings(max_examples=500, deadline=None)
@given(DOCUMENTS, st.integers(0, 400), st.integers(0, 3), PIECES | st.just(b""))
def test_the_quick_way_reads_and_refuses_as_the_slow_one_does(
    document: dict[str, Any], at: int, cut: int, piece: bytes
) -> None:
    """What orjson writes, as it is and with a piece changed: a duplicate, another spelling, a text without an end."""
    try:
        written = orjson.dumps(document)
    except orjson.JSONEncodeError:  # an integer of more than 64 bits, or half of a surrogate pair
        return
    at %= len(written)
    for data in (written, written[:at] + piece + written[at + cut :]):
        assert outcome(parse_object, data) == outcome(lambda data: _must_be_object(_parse_any_spelling(data)), data)


def _must_be_object(value: Any) -> Any:
    if not isinstance(value, dict):
        raise Refused("not-json", f"a JSON object is expected, not {type(value).__name__}")
    return value


QUICK_AND_WRONG = {
    "integer of 2^53+1": (b'{"a":9007199254740993}', "bad-number"),
    "integer of 2^53+1 in a list": (b'{"a":[0,9007199254740993]}', "bad-number"),
    "integer of -2^63": (b'{"a":-9223372036854775808}', "bad-number"),
    "33 levels": (b'{"a":' * 32 + b"{}" + b"}" * 32, "too-deep"),
}


@pytest.mark.parametrize(("data", "reason"), QUICK_AND_WRONG.values(), ids=QUICK_AND_WRONG)
def test_what_orjson_writes_the_same_again_is_refused_all_the_same(data: bytes, reason: str) -> None:
    assert orjson.dumps(orjson.loads(data)) == data
    assert outcome(parse_object, data)[0] == reason  # type: ignore[index]  # a refusal is a pair


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), st.integers() | st.text("aü")))
def test_canonical_form_does_not_depend_on_the_order_of_members(members: dict[str, Any]) -> None:
    turned = dict(reversed(members.items()))
    assert canonical(members) == canonical(turned)


def test_serialize_keeps_the_order_and_canonical_sorts() -> None:
    assert serialize({"b": 1, "a": "ü", "c": [1.5, None, True]}) == '{"b":1,"a":"ü","c":[1.5,null,true]}'.encode()
    assert canonical({"b": 1, "a": {"d": 1, "c": 2}}) == b'{"a":{"c":2,"d":1},"b":1}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_json_number_is_not_written(value: float) -> None:
    for write in (serialize, canonical):
        with pytest.raises(ValueError, match="JSON compliant"):
            write({"a": value})


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), VALUES, max_size=4))
def test_what_is_written_is_read_again(members: dict[str, Any]) -> None:
    try:
        written = serialize(members)
    except UnicodeEncodeError:  # a surrogate in an inner name: refused by UTF-8 itself
        return
    assert parse_object(written) == members


MEMBERS = {"text": "ü", "number": 1.5, "whole": 7, "yes": True, "nothing": None, "list": ["a"], "object": {"x": 1}}


def record() -> Record:
    return Record(MEMBERS, "thing")


WRONG = {
    "text for a number": (lambda found: found.text("number"), "thing: number: a text is expected"),
    "text for null": (lambda found: found.text("nothing"), "thing: nothing: a text is expected"),
    "missing": (lambda found: found.text("gone"), "thing: the key 'gone' is missing"),
    "too long": (lambda found: Record({"a": "xx"}, "it").text("a", max_length=1), "it: a: 2 characters, at most 1"),
    "NUL": (lambda found: Record({"a": "x\0"}, "it").text("a"), "it: a: holds a NUL"),
    "whole for true": (lambda found: found.integer("yes"), "thing: yes: a whole number is expected, not True"),
    "whole for a fraction": (lambda found: found.integer("number"), "thing: number: a whole number"),
    "whole too small": (lambda found: found.integer("whole", least=8), "thing: whole: 7 is not between 8"),
    "number for true": (lambda found: found.number("yes"), "thing: yes: a number is expected"),
    "number for infinity": (lambda found: Record({"a": float("inf")}, "it").number("a"), "it: a: a number"),
    "yes for one": (lambda found: Record({"a": 1}, "it").boolean("a"), "it: a: true or false is expected, not 1"),
    "scalar for a list": (lambda found: found.scalar("list"), "thing: list: a number, text, true"),
    "texts for an object": (lambda found: found.texts("object"), "thing: object: a list is expected"),
    "texts with a number": (lambda found: Record({"a": ["x", 1]}, "it").texts("a"), "it: a: a list of texts"),
    "rows that are none": (lambda found: Record({"a": [1]}, "it").rows("a", 1), "it: a: lists of 1 plain values"),
    "rows too long": (lambda found: Record({"a": [[1, 2]]}, "it").rows("a", 1), "it: a: lists of 1 plain values"),
    "scalars with a list": (lambda found: Record({"a": [[]]}, "it").scalars("a"), "it: a: a list of plain values"),
    "record for a list": (lambda found: found.record("list"), "thing.list: an object is expected, not list"),
    "records with a text": (lambda found: list(found.records("list")), r"thing.list\[0\]: an object is expected"),
    "members for a text": (lambda found: found.members("text"), "thing: text: an object is expected"),
    "no object at all": (lambda found: Record([], "it"), "it: an object is expected, not list"),
}


@pytest.mark.parametrize(("read", "message"), WRONG.values(), ids=WRONG)
def test_a_member_of_another_type_is_named(read: Any, message: str) -> None:
    with pytest.raises(Refused, match=message) as refused:
        read(record())
    assert refused.value.reason == "schema"


def test_a_member_that_nobody_read_is_refused() -> None:
    found = Record({"a": 1, "atmost": 2}, "policy.toml: room.noise")
    found.integer("a")
    with pytest.raises(Refused, match=r"policy\.toml: room\.noise: unknown key 'atmost'"):
        found.done()


def test_absent_lists_and_objects_are_empty_and_absent_texts_have_a_default() -> None:
    found = Record({}, "it")
    assert (found.texts("a"), found.scalars("a"), list(found.records("a")), found.members("a")) == ((), (), [], {})
    assert found.optional_text("a", "x") == "x"
    assert found.number_or_none("a") is None
    found.done()


def test_null_counts_as_read() -> None:
    found = Record({"a": None, "b": None}, "it")
    assert found.text_or_none("a") is None
    assert found.number_or_none("b") is None
    found.done()


def test_a_text_or_null_must_be_there() -> None:
    with pytest.raises(Refused, match="the key 'a' is missing"):
        Record({}, "it").text_or_none("a")


def test_the_reason_goes_down_to_inner_records() -> None:
    with pytest.raises(Refused) as refused:
        Record({"a": {"b": 1}}, "key", "bad-key").record("a").text("b")
    assert refused.value.reason == "bad-key"
