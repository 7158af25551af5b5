"""What product names tell: patterns from name_rules.toml, a file that can be changed without touching code."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from homecheck.device_list import WORD_LISTS

MACOS_LISTS: Final = ("macos_headphones", "macos_external", "macos_internal")
NameRules = Mapping[str, re.Pattern[str]]


def parse_name_rules(text: str) -> NameRules:
    """Return one pattern per list of a TOML text; ValueError names a list that is missing, unknown or no pattern."""
    lists = tomllib.loads(text)
    names = {*WORD_LISTS, *MACOS_LISTS}
    if set(lists) != names:
        raise ValueError(f"name rules: missing or unknown: {', '.join(sorted(names ^ set(lists)))}")
    return {name: _any_of(name, patterns) for name, patterns in lists.items()}


@cache
def name_rules() -> NameRules:
    """Return the rules that are shipped."""
    return parse_name_rules((files("homecheck.instruments.audio") / "name_rules.toml").read_text(encoding="utf-8"))


def _any_of(name: str, patterns: list[str]) -> re.Pattern[str]:
    try:
        return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"name rules: {name}: {error}") from None
