"""Templates and how values look on a page. Everything is escaped: names of devices and people come from strangers."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from homecheck.appraisal import Verdict
from homecheck.fingerprint import words
from homecheck.measurement import Json
from homecheck.report.limits import UNITS, better, needed
from homecheck.report.text import shown
from homecheck.report.words import FAULT_WORDS, SYMBOLS, label
from homecheck.standards.rfc_3339 import to_text

MAX_DETAIL: Final = 2_000  # characters of one detail on a page; the envelope has it all

FRESHNESS_WORDS: Final = {
    "measured": "fresh: measured and signed after this collector's challenge",
    "signed": "signed after this collector's challenge; the measurements may be older",
    "none": "made offline: only the time of receipt is known",
}

EVENT_WORDS: Final = {
    "id-conflict": "Same evidence id, other bytes",
    "seq-repeated": "Sequence number seen twice",
    "invite-reused": "Used invitation tried again",
    "set-up": "Collector set up",
    "invited": "Invited",
    "program-added": "Program added",
    "policy-published": "Policy published",
    "user-added": "User added",
    "user-removed": "User removed",
    "sign-in-link": "Sign-in link made",
    "responder-added": "Responder trusted",
    "responder-removed": "Responder no longer trusted",
    "device-revoked": "Device key revoked",
}


@cache
def environment() -> Environment:
    """Return the templates with their filters."""
    pages = Environment(
        loader=PackageLoader("homecheck.collector"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {
        "label": quantity_label,
        "shown": shown,
        "moment": moment,
        "iso": to_text,
        "ago": ago,
        "skew": skew,
        "detail": detail,
        "short": short,
        "words": words,
        "needed": lambda requirement: needed(requirement.limits, UNITS.get(requirement.quantity, "")),
        "better": lambda requirement: better(requirement.limits, UNITS.get(requirement.quantity, "")),
    }
    pages.globals |= {
        "symbols": {verdict.word: sign for verdict, sign in SYMBOLS.items()},
        "verdicts": [verdict.word for verdict in sorted(Verdict, reverse=True)],
        "faults": FAULT_WORDS,
        "freshness_words": FRESHNESS_WORDS,
        "event_words": EVENT_WORDS,
        "style": f"/static/site.css?v={static_version('site.css')}",
    }
    return pages


def render(template: str, **values: Any) -> str:
    """Return the page."""
    return environment().get_template(template).render(**values)


@cache
def static(name: str) -> bytes:
    """Return a static file."""
    return resources.files("homecheck.collector").joinpath("static", name).read_bytes()


def static_version(name: str) -> str:
    """Return what changes in a file's address when the file changes, so that browsers may keep it for ever."""
    return hashlib.sha256(static(name)).hexdigest()[:12]


def quantity_label(quantity: str) -> str:
    """Return what people call a quantity; a declaration is called by its id."""
    kind, _, name = quantity.partition(".")
    return f"Declaration: {name.replace('_', ' ')}" if kind == "declaration" else label(quantity)


def moment(at: datetime) -> str:
    """Return a time as people read it; the machine-readable one stands beside it in the page."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def ago(at: datetime, now: datetime) -> str:
    """Return how long ago something was, in one unit."""
    seconds = (now - at).total_seconds()
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now" if seconds >= 0 else "in the future"


def skew(seconds: float) -> str:
    """Return a difference between two clocks."""
    size, word = abs(seconds), "before" if seconds >= 0 else "after"
    if size < 1.5:
        return "when it arrived, to the second"
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if size >= 2 * length:
            return f"{size / length:.0f} {unit} {word} it arrived"
    return f"{size:.0f} seconds {word} it arrived"


def detail(value: Json) -> str:
    """Return one detail of a measurement as text."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_DETAIL else f"{text[:MAX_DETAIL]} … ({len(text)} characters; see the envelope)"


def short(digest: str) -> str:
    """Return the beginning of a digest, enough to tell two apart on a page."""
    return digest.removeprefix("sha256:")[:12]
