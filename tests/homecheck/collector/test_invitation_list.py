"""Lists of people as spreadsheets write them, and as people spoil them."""

from __future__ import annotations

import codecs
import resource
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecheck.collector.invitation_list import MOST_LINES, InvitationList, read

PROGRAMS = ("support", "sales")
GOOD = "name,email,phone,program,language\r\nÅsa Öberg,asa@example.com,+46 8 123 456 78,support,sv\r\n"
QUOTED = "\r\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in GOOD.strip().split("\r\n"))
ASA = ("Åsa Öberg", "asa@example.com", "+46812345678", "support", "sv")


def listed(text: str | bytes, default: str = "support") -> InvitationList:
    return read(text.encode() if isinstance(text, str) else text, PROGRAMS, default)


def people(found: InvitationList) -> list[tuple[str, ...]]:
    assert found.wrong == (), found.wrong
    return [(one.name, one.email, one.phone, one.program, one.language) for one in found.entries]


def mistakes(text: str | bytes, default: str = "support") -> list[str]:
    found = listed(text, default)
    assert found.entries == ()
    assert found.count_wrong == len(found.wrong)
    return [one.sentence for one in found.wrong]


@pytest.mark.parametrize(
    "data",
    [
        GOOD.encode(),
        codecs.BOM_UTF8 + GOOD.encode(),
        codecs.BOM_UTF16_LE + GOOD.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + GOOD.encode("utf-16-be"),
        GOOD.encode("utf-16-le"),
        GOOD.encode("utf-16-be"),
        GOOD.replace(",", ";").encode(),
        GOOD.replace(",", "\t").encode(),
        codecs.BOM_UTF16_LE + GOOD.replace(",", "\t").encode("utf-16-le"),  # Excel's "Unicode text"
        b"sep=;\r\n" + GOOD.replace(",", ";").encode(),
        GOOD.replace("\r\n", "\n").encode(),
        GOOD.replace("\r\n", "\r\n\r\n").encode(),
        GOOD.upper().split("\r\n")[0].encode() + b"\r\n" + GOOD.split("\r\n")[1].encode(),
        QUOTED.encode(),
        GOOD.replace("\r\n", ",,\r\n").encode(),
        GOOD.replace("Åsa Öberg", "  A\u030asa   O\u0308berg ").encode(),  # as macOS writes names
    ],
    ids=[
        "utf-8", "mark", "utf-16-le-mark", "utf-16-be-mark", "utf-16-le", "utf-16-be", "semicolons", "tabs",
        "excel-unicode-text", "excel-sep", "unix", "blank-lines", "capitals", "quotes", "empty-columns", "decomposed",
    ],
)  # fmt: skip
def test_a_list_is_read_however_a_spreadsheet_wrote_it(data: bytes) -> None:
    assert people(listed(data)) == [ASA]


def test_columns_stand_in_any_order_and_only_the_name_is_needed() -> None:
    assert people(listed("phone;name\n+46 8 123 456 78;Bo\n;Ann-Marie O'Neil\n")) == [
        ("Bo", "", "+46812345678", "support", ""), ("Ann-Marie O'Neil", "", "", "support", ""),
    ]  # fmt: skip
    assert people(listed("name\nBo\n")) == [("Bo", "", "", "support", "")]


def test_quoted_cells_hold_delimiters_quotes_and_line_ends_and_lines_are_counted_through_them() -> None:
    found = listed('name,email\n"Berg, Bo ""B.""",b@example.com\n"Two\nlines",t@example.com\n,x@example.com\n')
    assert [one.sentence for one in found.wrong] == ["line 5: '' is no name"]
    assert people(listed('name\n"Berg, Bo ""B."""\n"Two\nlines"\n')) == [
        ('Berg, Bo "B."', "", "", "support", ""), ("Two lines", "", "", "support", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the list names nobody"),
        ("name\n", "the list names nobody"),
        ("Bo Berg,bo@example.com\n", "line 1: the column 'bo berg' is not known; there are name, email"),
        ("name,e-mail\nBo,b@example.com\n", "line 1: the column 'e-mail' is not known; did you mean email?"),
        ("name,name\nBo,Bo\n", "line 1: the column name stands there twice"),
        ("email\nb@example.com\n", "line 1: a header line with the column name is needed"),
        ("name\nBo,and more\n", "line 2: more cells than the header has names: 'and more'"),
        ("name,phone\nBo,08 123\n", "line 2: telephone: '08 123' is no international telephone number"),
        ("name,program\nBo,nowhere\n", "line 2: program: there is no 'nowhere'; there are: sales, support"),
        ("name,email\nBo,bo at example\n", "line 2: email: 'bo at example' is no e-mail address"),
        ("name,language\nBo,Swedish please\n", "line 2: language: 'Swedish please' is no language"),
        ("name\nBo\n\nANN\nbo\n", "line 5: name: 'bo' stands in line 2 already"),
        ("name\n" + "x" * 201 + "\n", "line 2: 'xxx"),
        ("name\nBo\x07\n", "line 2: 'Bo\\x07' is no name"),
        ("name\n=cmd|' /C calc'!A0\n", "line 2: name: \"=cmd|' /C calc'!A0\" would be calculated"),
        ("name\n+46 8 1\n", "line 2: name: '+46 8 1' would be calculated"),
        ("name\n@SUM(A1)\n", "line 2: name: '@SUM(A1)' would be calculated"),
        ("name,email\nBo,-2+3@example.com\n", "line 2: email: '-2+3@example.com' would be calculated"),
        ('name\n"Bo\nAnn\n', "line 3: no CSV: unexpected end of data; is a quotation mark missing?"),
        ('name\n"Bo" Berg\n', "line 2: no CSV"),
        (b"name\nB\xf6 Berg\n", "line 2: not in UTF-8; save the list as"),
        (b"name\nBo\nB\0\n", "line 3: a character that no text has"),
        (b"PK\x03\x04\x14\0\x06\0[Content_Types].xml", "a character that no text has"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(text: str | bytes, sentence: str) -> None:
    (found,) = mistakes(text)
    assert sentence in found


def test_of_very_many_programs_some_are_named() -> None:
    programs = [f"line-{number:03}" for number in range(100)]
    (one,) = read(b"name,program\nBo,nowhere\n", programs).wrong
    assert one.sentence.endswith("there are: " + ", ".join(programs[:10]) + ", 90 more")


def test_a_list_without_a_program_anywhere_says_so() -> None:
    assert mistakes("name\nBo\n", default="") == [
        "line 2: no program is named, neither here nor for the whole list"
    ]  # fmt: skip


def test_every_wrong_line_is_counted_and_the_first_are_shown() -> None:
    found = listed("name,phone\n" + "".join(f"Person {one},{one}\n" for one in range(200)) + "Good,\n")
    assert (found.entries, len(found.wrong), found.count_wrong) == ((), 50, 200)
    assert found.wrong[0].line == 2


def test_the_same_name_in_another_program_is_another_person() -> None:
    assert len(people(listed("name,program\nBo,support\nBo,sales\n"))) == 2


def test_a_hundred_thousand_lines_are_read_in_bounded_memory_and_one_more_is_refused() -> None:
    lines = "".join(f"Jürgen Müller {one},j{one}@example.com,+4930{one:07},sales,de\r\n" for one in range(MOST_LINES))
    data = ("name,email,phone,program,language\r\n" + lines).encode()
    before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    found = listed(data)
    used, seconds = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, time.process_time() - begin
    assert len(found.entries) == MOST_LINES
    assert found.entries[-1].line == MOST_LINES + 1
    assert used * (1 if sys.platform == "darwin" else 1024) < 200e6
    assert seconds < 60
    assert mistakes(data + b"One More,,,sales,de\r\n") == [
        f"line {MOST_LINES + 2}: more than {MOST_LINES} people; divide the list"
    ]  # fmt: skip


@given(
    st.binary(max_size=300) | st.text(max_size=300).map(lambda text: b"name,phone\n" + text.encode("utf-8", "replace"))
)
def test_whatever_bytes_come_a_list_is_good_or_says_what_is_wrong(data: bytes) -> None:
    found = listed(data)
    assert bool(found.entries) != bool(found.wrong)
