"""What differs between two policies, requirement by requirement. A pure function: it judges nobody.

Requirements are paired by quantity, questions by id, targets by name; a quantity that stands twice is paired in order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from homecheck.policy import Policy

POLICY: Final = "policy"  # the subject of what is said once for a whole policy
# The lists of a policy, with the key that names an entry, and the name's beginning where people read it.
LISTS: Final = {
    "requirement": ("quantity", ""),
    "declaration": ("id", "declaration."),
    "target": ("name", "target "),
    "device": ("usb", "device "),
}


@dataclass(frozen=True)
class Change:
    """One thing that is not the same. None stands for what is not there.

    `key` is empty when the whole subject came or went; `before` or `after` then holds all its keys.
    """

    subject: str
    key: str
    before: str | None
    after: str | None

    @property
    def sentence(self) -> str:
        """The change in one line, e.g. ``network.download: at_least was 10, is 5``."""
        if self.key == "":
            return f"{self.subject}: new ({self.after})" if self.before is None else f"{self.subject}: no longer asked"
        if self.before is None:
            return f"{self.subject}: {self.key} is new: {self.after}"
        if self.after is None:
            return f"{self.subject}: {self.key} is gone, it was {self.before}"
        return f"{self.subject}: {self.key} was {self.before}, is {self.after}"


def difference(old: Policy, new: Policy) -> tuple[Change, ...]:
    """Return what changes from `old` to `new`, in the order of `new`, then what is gone. Empty when nothing does."""
    before, after = dict(_subjects(old)), dict(_subjects(new))
    names = [*after, *(name for name in before if name not in after)]
    return tuple(change for name in names for change in _changes(name, before.get(name), after.get(name)))


def _subjects(policy: Policy) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each part of a policy by its name, with its keys and their values as they are written in TOML."""
    members = policy.members()
    whole = {name: value for name, value in members.items() if name not in LISTS}
    yield POLICY, dict(_flat(whole))
    for kind, (key, prefix) in LISTS.items():
        seen: dict[str, int] = {}
        for entry in members.get(kind, ()):
            name = f"{prefix}{entry[key]}"
            seen[name] = seen.get(name, 0) + 1
            numbered = name if seen[name] == 1 else f"{name} ({seen[name]}.)"
            yield numbered, dict(_flat({one: value for one, value in entry.items() if one != key}))


def _flat(members: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in members.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", json.dumps(value, ensure_ascii=False)


def _changes(subject: str, old: Mapping[str, str] | None, new: Mapping[str, str] | None) -> Iterator[Change]:
    if old is None or new is None:
        yield Change(subject, "", None if old is None else _all(old), None if new is None else _all(new))
        return
    for key in [*new, *(key for key in old if key not in new)]:
        if old.get(key) != new.get(key):
            yield Change(subject, key, old.get(key), new.get(key))


def _all(keys: Mapping[str, str]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in keys.items())
