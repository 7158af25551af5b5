"""The list of troubles is complete, and nothing stands in it that is never found."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from homecheck.doctor import troubles
from homecheck.doctor.diagnosis import Trouble

LISTED = [one for area in troubles.AREAS.values() for one in area]


def test_every_trouble_stands_in_one_area_under_a_name_of_its_own() -> None:
    defined = [value for _, value in inspect.getmembers(troubles) if isinstance(value, Trouble)]
    assert sorted(one.name for one in LISTED) == sorted(one.name for one in defined)
    assert len({one.name for one in LISTED}) == len(LISTED)


def test_every_trouble_says_in_sentences_what_it_means_and_what_to_do() -> None:
    for one in LISTED:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", one.name)
        assert one.meaning.endswith("."), one
        assert len(one.fix) > 20, one


def test_every_trouble_can_be_found_by_some_examination() -> None:
    folder = Path(troubles.__file__).parent
    code = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py") if path.name != "troubles.py")
    used = set(
        re.findall(r"\b[A-Z][A-Z_]+\b", re.sub(r"from homecheck.doctor.troubles import [^)]*?\)?\n\n", "", code))
    )
    constants = {name for name, value in inspect.getmembers(troubles) if isinstance(value, Trouble)}
    assert constants <= used


def test_every_trouble_is_found_by_some_test() -> None:
    folder = Path(__file__).parent
    tests = "".join(
        path.read_text(encoding="utf-8") for path in folder.glob("test_*.py") if path.name != Path(__file__).name
    )
    for other in ("test_package.py", "homecheck/cli/test_doctor.py"):
        tests += (Path(__file__).parents[2] / other).read_text(encoding="utf-8")
    assert [one.name for one in LISTED if f'"{one.name}"' not in tests] == []
