"""Where in the text of a policy a mistake stands.

A mistake is named by requirement and key; whoever edits the text looks for a line. TOML's own errors carry one. Of the
others the line is found by looking for these names in the text, as a person would: the key within the requirement that
is named, else the requirement, else the key at the top. Where nothing is found there is no line: none is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

_TOLD: Final = re.compile(r"\(at line (\d{1,6}), column \d+\)$")
_COUNTED: Final = re.compile(r"\b([a-z_]+)\[(\d+)\]")  # declaration[0]: an entry that has no name yet
_END: Final = "(at end of document)"
_NAME: Final = re.compile(r"""^\s*(?:quantity|id|name|usb)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_KEY: Final = re.compile(r"""^\s*["']?([A-Za-z0-9_-]+)["']?\s*[=.]""")
_HEADER: Final = re.compile(r"^\s*\[")


def line_of(text: str, message: str) -> int | None:
    """Return the line, counted from 1, that `message` of a PolicyError about `text` speaks of, or None."""
    lines = text.split("\n")  # as TOML counts them
    if told := _TOLD.search(message):
        return int(told[1]) if 0 < int(told[1]) <= len(lines) else None
    if message.endswith(_END):
        return len(text.rstrip("\n").split("\n"))
    blocks = _blocks(lines)
    for block in blocks[1:]:
        named = next((line for line in block if (found := _NAME.match(lines[line])) and _says(message, found)), None)
        if named is not None:
            return _key_in(lines, (line for line in block if line != named), message, named) + 1
    tables = [block for block in blocks[1:] if _word(message, _header(lines, block))]
    if counted := _COUNTED.search(message):
        alike = [block for block in blocks[1:] if _header(lines, block) == counted[1]]
        tables = alike[int(counted[2]) :][:1]
    within = [line for block in tables for line in block]
    at = _key_in(lines, within or blocks[0], message, within[0] if within else -1)
    return at + 1 if at >= 0 else None


def _blocks(lines: Sequence[str]) -> list[range]:
    """Return the lines of the top, then of each table from its header on."""
    begins = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    return [range(begin, end) for begin, end in pairwise([0, *begins, len(lines)])]


def _header(lines: Sequence[str], block: range) -> str:
    return lines[block[0]].strip().strip("[]")


def _says(message: str, found: re.Match[str]) -> bool:
    return _word(message, found[1] or found[2] or "")


def _key_in(lines: Sequence[str], block: Iterable[int], message: str, otherwise: int) -> int:
    """Return the line of the first key in the block that the message names."""
    for line in block:
        if (key := _KEY.match(lines[line])) and _word(message, key[1]):
            return line
    return otherwise


def _word(message: str, name: str) -> bool:
    """Tell whether `message` holds `name` as a word of its own."""
    return bool(name) and bool(re.search(rf"(?<![\w.]){re.escape(name)}(?![\w]|\.\w)", message))
