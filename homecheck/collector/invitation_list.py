"""A list of people to be invited, as a spreadsheet writes it: CSV with a header line.

Spreadsheets write UTF-8 with and without a byte order mark, and UTF-16; commas, semicolons and tabs. Which it is, the
header line tells, whose names are known; nothing is guessed from the rest. A list is taken whole or not at all: every
line that is wrong is named with its number. A cell that a spreadsheet would calculate with is refused.

Name and telephone number are stored. E-mail address and language are not, unless a letter of ours goes there: they are
handed back beside the invitation's address, for whoever sends it.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from homecheck.collector.enrolment import clean_name, clean_number
from homecheck.csv_safe import is_formula
from homecheck.errors import SetupError
from homecheck.listed import listed

COLUMNS: Final = ("name", "email", "phone", "program", "language")
DELIMITERS: Final = (",", ";", "\t")
MOST_LINES: Final = 100_000
MOST_BYTES: Final = 16 * 1_048_576
MOST_SHOWN: Final = 50  # lines that are wrong; all are counted
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_SEPARATOR: Final = re.compile(r"sep=(.)\r?\n")  # what Excel writes, and heeds, in front of a header
_EMAIL: Final = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,255}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One person to be invited, from one line of the list."""

    line: int
    name: str
    email: str
    phone: str
    program: str
    language: str


@dataclass(frozen=True)
class Wrong:
    """What is wrong in one line; line 0 is the whole list."""

    line: int
    message: str

    @property
    def sentence(self) -> str:
        """The mistake with its line."""
        return f"line {self.line}: {self.message}" if self.line else self.message


@dataclass(frozen=True)
class InvitationList:
    """What a list says. It is good when nothing is `wrong`; `count_wrong` counts those that are not shown as well."""

    entries: tuple[Entry, ...]
    wrong: tuple[Wrong, ...]
    count_wrong: int


class _Bad(Exception):
    """Nothing else of the list can be read."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.wrong = Wrong(line, message)


def read(data: bytes, programs: Collection[str], default: str = "") -> InvitationList:
    """Read a list. `programs` are those that there are; `default` is that of lines that name none."""
    wrong: list[Wrong] = []
    entries: list[Entry] = []
    count, seen = 0, dict[tuple[str, str], int]()
    try:
        for line, cells in _rows(_text(data)):
            if len(entries) + count >= MOST_LINES:
                raise _Bad(line, f"more than {MOST_LINES} people; divide the list")
            try:
                entry = _entry(line, cells, programs, default)
                _refuse_twice(entry, seen)
                entries.append(entry)
            except ValueError as error:
                count += 1
                if len(wrong) < MOST_SHOWN:
                    wrong.append(Wrong(line, str(error)))
        if not entries and not count:
            raise _Bad(0, "the list names nobody")
    except _Bad as bad:
        return InvitationList((), (*wrong, bad.wrong), count + 1)
    return InvitationList(tuple(entries) if not count else (), tuple(wrong), count)


def _text(data: bytes) -> str:
    """Return the list as text."""
    if len(data) > MOST_BYTES:
        raise _Bad(0, f"{len(data)} bytes; at most {MOST_BYTES} are taken")
    mark, coding = next(((mark, coding) for mark, coding in _MARKS if data.startswith(mark)), (b"", _unmarked(data)))
    try:
        text = data[len(mark) :].decode(coding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _Bad(line, "not in UTF-8; save the list as “CSV UTF-8”") from None
    if "\0" in text:
        raise _Bad(text[: text.index("\0")].count("\n") + 1, "a character that no text has; save the list as CSV")
    return text


def _unmarked(data: bytes) -> str:
    """Return the coding of a list without a mark: a header's letters have a zero beside each in UTF-16."""
    if data[1:2] == b"\0" and data[:1] != b"\0":
        return "utf-16-le"
    return "utf-16-be" if data[:1] == b"\0" and data[1:2] != b"\0" else "utf-8"


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each line that is not empty, with its number and its cells by column."""
    offset = 0
    if written := _SEPARATOR.match(text):
        text, offset = text[written.end() :], 1
    header, _, _ = text.partition("\n")
    delimiter = written[1] if written else _delimiter(header)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] = []
    begin = 1
    try:
        for cells in reader:
            line, begin = begin + offset, reader.line_num + 1  # a quoted cell may hold several lines
            if not columns:
                columns = _columns([cell.strip().casefold() for cell in cells], line)
            elif any(cell.strip() for cell in cells):
                yield line, _by_column(columns, cells)
    except csv.Error as error:
        raise _Bad(reader.line_num + offset, f"no CSV: {error}; is a quotation mark missing?") from None


def _delimiter(header: str) -> str:
    """Return what parts the names in the header: the sign with which most of them are names that we know."""

    def known(sign: str) -> int:
        names = (name.strip().strip('"').casefold() for name in header.split(sign))
        return sum(name in COLUMNS for name in names)

    return max(DELIMITERS, key=known)


def _columns(names: Sequence[str], line: int) -> list[str]:
    while names and not names[-1]:
        names = names[:-1]  # spreadsheets write empty columns at the end
    for name in names:
        if name not in COLUMNS:
            near = get_close_matches(name, COLUMNS, n=1)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(COLUMNS)}"
            raise _Bad(line, f"the column {name!r:.40} is not known; {meant}")
        if names.count(name) > 1:
            raise _Bad(line, f"the column {name} stands there twice")
    if "name" not in names:
        raise _Bad(line, "a header line with the column name is needed, for example: name,email,phone")
    return list(names)


def _by_column(columns: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    # A row of another length than the header is told as such later, by the column that has no name.
    more = [cell for cell in cells[len(columns) :] if cell.strip()]
    found = dict(zip(columns, cells, strict=False))
    return {**found, "": more[0]} if more else found


def _entry(line: int, cells: dict[str, str], programs: Collection[str], default: str) -> Entry:
    """Return the person of one line. ValueError says what is wrong with it."""
    if extra := cells.get(""):
        raise ValueError(f"more cells than the header has names: {extra!r:.40}")
    for column in ("name", "email", "program", "language"):
        if is_formula(cells.get(column, "")):
            raise ValueError(f"{column}: {cells[column]!r:.40} would be calculated by a spreadsheet")
    return Entry(
        line,
        _said(clean_name, cells.get("name", "")),
        _matching(cells, "email", _EMAIL, "no e-mail address"),
        _said(clean_number, cells.get("phone", "")),
        _program(cells.get("program", "").strip() or default, programs),
        _matching(cells, "language", _LANGUAGE, "no language; write en, sv or es"),
    )


def _said(clean: Callable[[str], str], text: str) -> str:
    try:
        return clean(text)
    except SetupError as error:
        raise ValueError(error.message) from None


def _matching(cells: dict[str, str], column: str, form: re.Pattern[str], otherwise: str) -> str:
    text = cells.get(column, "").strip()
    if text and not (form.fullmatch(text) and text.isprintable()):
        raise ValueError(f"{column}: {text!r:.40} is {otherwise}")
    return text


def _program(name: str, programs: Collection[str]) -> str:
    if not name:
        raise ValueError("no program is named, neither here nor for the whole list")
    if name not in programs:
        raise ValueError(f"program: there is no {name!r:.60}; there are: {listed(sorted(programs)) or 'none yet'}")
    return name


def _refuse_twice(entry: Entry, seen: dict[tuple[str, str], int]) -> None:
    key = (entry.program, entry.name.casefold())
    if (first := seen.setdefault(key, entry.line)) != entry.line:
        raise ValueError(f"name: {entry.name!r:.60} stands in line {first} already; the same name is the same person")
