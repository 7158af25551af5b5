"""Asking axe-core (Deque, MPL-2.0, installed by tools/setup) what a screen reader or a keyboard would miss.

It is run from beside the page, as a browser's extension is: the page's own policy forbids every script.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.needs import need

AXE: Final = Path(__file__).parents[1] / ".venv" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
RULES: Final = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# The rules beside contrast whose answer depends on size and colours; the others look at the markup.
SEEN: Final = {
    "type": "rule",
    "values": ["target-size", "link-in-text-block", "scrollable-region-focusable"],
}


@cache
def _source() -> str:
    need(AXE.is_file(), "axe-core is not installed", "sh tools/setup test, with npm")
    return AXE.read_text(encoding="utf-8")


def complaints(page: Any, rules: Mapping[str, Any] = RULES) -> list[str]:
    """Return what axe finds wrong with a page as it is shown now: rule, place, and why."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_source())
    found = page.evaluate("rules => axe.run(document, {runOnly: rules})", rules)
    assert found["passes"], "axe has looked at nothing"
    return [
        f"{one['id']}: {node['target']}: {' '.join(node['failureSummary'].split())}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
