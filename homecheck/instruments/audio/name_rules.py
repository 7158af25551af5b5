"""What product names tell: patterns from name_rules.toml, a file that can be extended without touching code."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class NameRules:
    """One pattern per conclusion; the file explains each."""

    wireless_receiver: re.Pattern[str]
    wireless_headset: re.Pattern[str]
    wired_hint: re.Pattern[str]
    not_a_headset: re.Pattern[str]
    headset: re.Pattern[str]

    @classmethod
    def parse(cls, text: str) -> NameRules:
        """Return the rules in a TOML text; ValueError names a list that is missing, unknown or no pattern."""
        lists = tomllib.loads(text)
        names = {field.name for field in fields(cls)}
        if set(lists) != names:
            raise ValueError(f"name rules: missing or unknown: {', '.join(sorted(names ^ set(lists)))}")
        return cls(**{name: _any_of(name, patterns) for name, patterns in lists.items()})


@cache
def name_rules() -> NameRules:
    """Return the rules that are shipped."""
    return NameRules.parse((files("homecheck.instruments.audio") / "name_rules.toml").read_text(encoding="utf-8"))


def _any_of(name: str, patterns: list[str]) -> re.Pattern[str]:
    try:
        return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"name rules: {name}: {error}") from None
