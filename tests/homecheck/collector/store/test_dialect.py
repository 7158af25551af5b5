"""Statements as PostgreSQL takes them: values numbered, and lists of them as one array."""

from __future__ import annotations

import pytest

from homecheck.collector.store.dialect import numbered


@pytest.mark.parametrize(
    ("sql", "as_postgres", "values", "arranged"),
    [
        ("SELECT 1", "SELECT 1", (), []),
        ("SELECT ? WHERE a = ?", "SELECT $1 WHERE a = $2", ("x", 2), ["x", 2]),
        ("a IN (?, ?, ?)", "a = ANY($1)", ("x", "y", "z"), [["x", "y", "z"]]),
        ("a IN (?)", "a = ANY($1)", ("x",), [["x"]]),
        ("b = ? AND a IN (?, ?) AND c = ?", "b = $1 AND a = ANY($2) AND c = $3", (0, 1, 2, 3), [0, [1, 2], 3]),
        ("a IN (?, ?) OR b IN (?)", "a = ANY($1) OR b = ANY($2)", ("p", "q", "r"), [["p", "q"], ["r"]]),
        ("a NOT IN (?, ?)", "a NOT IN ($1, $2)", (1, 2), [1, 2]),
        ("(a, b) IN ((?, ?), (?, ?))", "(a, b) IN (($1, $2), ($3, $4))", (1, 2, 3, 4), [1, 2, 3, 4]),
        ("VALUES (?, ?), (?, ?)", "VALUES ($1, $2), ($3, $4)", (1, 2, 3, 4), [1, 2, 3, 4]),
        ("a IN (?, 'x')", "a IN ($1, 'x')", (1,), [1]),
    ],
)
def test_values_are_numbered_and_lists_go_as_one(
    sql: str, as_postgres: str, values: tuple[object, ...], arranged: list[object]
) -> None:
    found = numbered(sql)
    assert found.sql == as_postgres
    assert list(found.arranged(values)) == arranged
