"""docs/asvs.md names tests: each of them is there, and each item has one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PAGE = Path("docs/asvs.md")
TESTS = Path("tests/homecheck")


def rows() -> list[list[str]]:
    """Return the cells of the table's rows, without its head."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_each_item_has_a_test_that_is_there() -> None:
    found = rows()
    assert len(found) >= 20
    for item, level, _, _, cell in found:
        assert re.fullmatch(r"\d+\.\d+\.\d+( \d+\.\d+\.\d+)*", item), item
        assert re.fullmatch(r"[123](, [123])*", level), item
        names = re.findall(r"`([^`]+)::(test_\w+)`", cell)
        assert names, item
        assert re.sub(r"`[^`]+`", "", cell).strip() == "", item
        for file, name in names:
            tree = ast.parse((TESTS / file).read_text("utf-8"))
            assert name in {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}, f"{file}::{name}"


def test_no_item_stands_twice() -> None:
    items = [one for row in rows() for one in row[0].split()]
    assert len(set(items)) == len(items)
