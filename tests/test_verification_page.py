"""docs/verification.md promises nothing that no test proves."""

from __future__ import annotations

import re
from pathlib import Path

from tests.credentials import forged_credentials
from tests.forgeries import forgeries

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "verification.md").read_text(encoding="utf-8")


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    written = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert named - set(re.findall(r"^def (test_\w+)\(", written, re.MULTILINE)) == set()


def test_every_promise_names_a_test() -> None:
    promises = PAGE.partition("## Promises")[2].partition("## What cannot")[0]
    numbered = re.split(r"^\d+\. ", promises, flags=re.MULTILINE)[1:]
    assert [promise for promise in numbered if "`test_" not in promise] == []


def test_the_page_counts_the_forgeries_right() -> None:
    (count,) = re.findall(r"\*\*(\d+) named forgeries", PAGE)
    assert int(count) == len(forgeries())
    (count,) = re.findall(r"\*\*(\d+) forged credentials", PAGE)
    assert int(count) == len(forged_credentials())


def test_every_forgery_that_the_page_names_is_one() -> None:
    table = PAGE.partition("## The attacks, row by row")[2].partition("## Fuzzing")[0]
    last_columns = "".join(line.rpartition(" | ")[2] for line in table.splitlines() if line.startswith("| "))
    named = {name for name in re.findall(r"`(\w+)`", last_columns) if not name.startswith("test_")}
    assert len(named) > 60
    assert named - {one.name for one in forgeries()} == set()
