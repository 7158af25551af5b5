"""Strict reading and one way of writing JSON: the only door through which bytes from outside become values.

The profile is RFC 8259 narrowed to what every reader understands alike (I-JSON, RFC 7493): UTF-8 without BOM, one
object (or one array, where that is asked for) and nothing after it, no member twice at any depth, no NaN or Infinity,
integers within ±2^53, no lone surrogate, at most `MAX_DEPTH` levels.

What is written exactly as `orjson` writes it, which our own documents nearly always are, is read by orjson: whatever
comes out as the same bytes again has no member twice, no other spelling and no lone surrogate in it, so depth and
integers alone are left to look at. Everything else, and so everything that is refused, goes through the slower parser.

`Record` then reads an object member by member with a type for each, and refuses what nobody asked for.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import orjson

from homecheck.errors import Refused

MAX_DEPTH: Final = 32
MAX_INTEGER: Final = 2**53


def parse_object(data: bytes) -> dict[str, Any]:
    """Return the one JSON object in `data`.

    Raises Refused with the reason ``not-utf8``, ``too-deep``, ``duplicate-member``, ``bad-number``, ``lone-surrogate``
    or ``not-json``.
    """
    value = _parse(data)
    if not isinstance(value, dict):
        raise Refused("not-json", f"a JSON object is expected, not {type(value).__name__}")
    return value


def parse_array(data: bytes) -> list[Any]:
    """Return the one JSON array in `data`; Refused as by `parse_object`."""
    value = _parse(data)
    if not isinstance(value, list):
        raise Refused("not-json", f"a JSON array is expected, not {type(value).__name__}")
    return value


def _parse(data: bytes) -> Any:
    try:
        value = orjson.loads(data)
        if orjson.dumps(value) == data and _is_in_bounds(value, MAX_DEPTH):
            return value
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        pass  # the other parser knows why
    return _parse_any_spelling(data)


def _is_in_bounds(value: Any, levels: int) -> bool:
    """Tell whether a parsed value has at most so many levels, and no integer beyond 2^53."""
    if type(value) is int:
        return -MAX_INTEGER <= value <= MAX_INTEGER
    if type(value) is dict:
        value = value.values()
    elif type(value) is not list:
        return True
    if levels == 0:
        return False
    for inner in value:
        kind = type(inner)
        if kind is int:
            if not -MAX_INTEGER <= inner <= MAX_INTEGER:
                return False
        elif (kind is dict or kind is list) and not _is_in_bounds(inner, levels - 1):
            return False
    return True


def _parse_any_spelling(data: bytes) -> Any:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("not-utf8", f"not UTF-8 at byte {error.start}") from None
    if _depth(text) > MAX_DEPTH:
        raise Refused("too-deep", f"nested more than {MAX_DEPTH} levels deep")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object_without_duplicates,
            parse_constant=_refuse_constant,
            parse_int=_integer,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        raise Refused("not-json", f"not JSON: {error.msg} at character {error.pos}") from None
    # An escape such as \ud800 is the only way to a lone surrogate, so ordinary texts skip the walk.
    if "\\u" in text and any(_has_lone_surrogate(found) for found in _texts(value)):
        raise Refused("lone-surrogate", "a text holds half of a surrogate pair")
    return value


def serialize(value: Mapping[str, Any]) -> bytes:
    """Return `value` as compact UTF-8 JSON in the order of its members; ValueError for NaN and Infinity."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def canonical(value: Mapping[str, Any]) -> bytes:
    """Return `value` as compact JSON with sorted members, for digests of things that have no bytes of their own."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode("utf-8")


class Record:
    """One object, read member by member. `where` names it in messages, `reason` is the reason of every refusal.

    `done()` refuses the members that nobody has read, so that a misspelt key is never silently ignored.
    """

    def __init__(self, value: object, where: str, reason: str = "schema") -> None:
        self.where = where
        self.reason = reason
        if type(value) is not dict and not isinstance(value, Mapping):  # the second asks slowly
            raise self._refusal(f"an object is expected, not {type(value).__name__}")
        self._value: Mapping[str, Any] = value
        self._read: set[str] = set()

    def has(self, name: str) -> bool:
        """Tell whether the member is there."""
        return name in self._value

    def is_null(self, name: str) -> bool:
        """Tell whether the member, which must be there, is null; it then counts as read."""
        if name in self._value and self._value[name] is None:
            self._read.add(name)
            return True
        return False

    def text(self, name: str, *, max_length: int = 500) -> str:
        """Return a text of at most `max_length` characters, without NUL."""
        value = self._take(name)
        if not isinstance(value, str):
            raise self._refusal(f"{name}: a text is expected, not {value!r:.60}")
        if len(value) > max_length:
            raise self._refusal(f"{name}: {len(value)} characters, at most {max_length}")
        if "\0" in value:
            raise self._refusal(f"{name}: holds a NUL character")
        return value

    def text_or_none(self, name: str, *, max_length: int = 500) -> str | None:
        """Return a text, or None where the member is null; the member itself must be there."""
        return None if self.is_null(name) else self.text(name, max_length=max_length)

    def optional_text(self, name: str, default: str = "") -> str:
        """Return a text, or `default` where the member is absent."""
        return self.text(name) if self.has(name) else default

    def integer(self, name: str, *, least: int = 0) -> int:
        """Return an integer of at least `least`; true is not 1."""
        value = self._take(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._refusal(f"{name}: a whole number is expected, not {value!r:.60}")
        if not least <= value <= MAX_INTEGER:
            raise self._refusal(f"{name}: {value} is not between {least} and 2^53")
        return value

    def number(self, name: str) -> float:
        """Return a finite number; true is not 1."""
        return self._number(name, self._take(name))

    def number_or_none(self, name: str) -> float | None:
        """Return a finite number, or None where the member is null or absent."""
        return None if self.is_null(name) or not self.has(name) else self.number(name)

    def boolean(self, name: str) -> bool:
        """Return true or false; 1 is not true."""
        value = self._take(name)
        if not isinstance(value, bool):
            raise self._refusal(f"{name}: true or false is expected, not {value!r:.60}")
        return value

    def scalar(self, name: str) -> float | int | str | bool | None:
        """Return a number, text, yes/no or null."""
        value = self._take(name)
        if value is not None and not _is_plain(value):
            raise self._refusal(f"{name}: a number, text, true, false or null is expected")
        return cast("float | int | str | bool | None", value)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts; an absent member is an empty list."""
        values = self._list(name)
        for value in values:
            if not isinstance(value, str):
                raise self._refusal(f"{name}: a list of texts is expected, found {value!r:.60}")
        return tuple(values)

    def scalars(self, name: str) -> tuple[float | int | str | bool, ...]:
        """Return a list of numbers, texts or yes/no; an absent member is an empty list."""
        values = self._list(name)
        for value in values:
            if not _is_plain(value):
                raise self._refusal(f"{name}: a list of plain values is expected, found {value!r:.60}")
        return tuple(values)

    def rows(self, name: str, width: int) -> tuple[tuple[float | int | str | bool, ...], ...]:
        """Return a list of lists of `width` numbers, texts or yes/no each; an absent member is an empty list."""
        values = self._list(name)
        for row in values:
            if not isinstance(row, list) or len(row) != width or not all(map(_is_plain, row)):
                raise self._refusal(f"{name}: lists of {width} plain values are expected, found {row!r:.60}")
        return tuple(map(tuple, values))

    def record(self, name: str) -> Record:
        """Return a member that is itself an object."""
        return Record(self._take(name), f"{self.where}.{name}", self.reason)

    def records(self, name: str) -> Iterator[Record]:
        """Return the objects of a list; an absent member is an empty list."""
        for index, value in enumerate(self._list(name)):
            yield self.inner(name, index, value)

    def inner(self, name: str, index: int, value: object) -> Record:
        """Return a value of the list `name` as an object."""
        return Record(value, f"{self.where}.{name}[{index}]", self.reason)

    def values(self, name: str) -> list[Any]:
        """Return a list as it is, for whoever looks at each value themselves; absent is empty."""
        return self._list(name)

    def members(self, name: str) -> dict[str, Any]:
        """Return a member as a plain object, for values that are shown and never judged; absent is empty."""
        value = self._take(name) if self.has(name) else {}
        if not isinstance(value, dict):
            raise self._refusal(f"{name}: an object is expected")
        return value

    def names(self) -> tuple[str, ...]:
        """Return the members' names."""
        return tuple(self._value)

    def done(self) -> None:
        """Refuse members that nobody has read."""
        if len(self._read) != len(self._value):
            unread = next(name for name in self._value if name not in self._read)
            raise self._refusal(f"unknown key {unread!r}")

    def _refusal(self, message: str) -> Refused:
        return Refused(self.reason, f"{self.where}: {message}")

    def _take(self, name: str) -> Any:
        if name not in self._value:
            raise self._refusal(f"the key {name!r} is missing")
        self._read.add(name)
        return self._value[name]

    def _list(self, name: str) -> list[Any]:
        if not self.has(name):
            return []
        value = self._take(name)
        if not isinstance(value, list):
            raise self._refusal(f"{name}: a list is expected")
        return value

    def _number(self, name: str, value: object) -> float:
        if isinstance(value, bool | str) or not _is_plain(value):
            raise self._refusal(f"{name}: a number is expected, not {value!r:.60}")
        return cast(float, value)


def _is_plain(value: object) -> bool:
    """Tell whether a value is a text, yes/no, or a number that JSON can hold; TOML knows larger ones, inf and nan."""
    if isinstance(value, str | bool):
        return True
    if isinstance(value, int):
        return abs(value) <= MAX_INTEGER
    return isinstance(value, float) and math.isfinite(value)


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]  # one pass: there may be many thousand
        raise Refused("duplicate-member", f"the member {twice!r:.60} stands twice")
    return members


def _refuse_constant(constant: str) -> None:
    raise Refused("bad-number", f"{constant} is not JSON")


def _integer(digits: str) -> int:
    # The length goes first: Python refuses to convert thousands of digits with an error of its own.
    if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
        raise Refused("bad-number", f"the integer {digits[:20]} is beyond 2^53")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Refused("bad-number", f"the number {digits[:20]} overflows")
    return number


# The closing quote is optional and nothing is given back: a text without an end is passed over once, in one stride, not
# again from each quote inside it. Unterminated texts are refused by the parser.
_TEXT_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{\]}]', re.DOTALL)


def _depth(text: str) -> int:
    """Return how deep brackets are nested, counted before parsing so that no parser can run out of stack."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    for found in _TEXT_OR_BRACKET.findall(text):
        if found in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif found in "]}":
            depth -= 1
    return deepest


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _has_lone_surrogate(text: str) -> bool:
    return any(0xD800 <= ord(character) <= 0xDFFF for character in text)
