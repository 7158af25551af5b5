"""Templates and how values look on a page. Everything is escaped: names of devices and people come from strangers."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from homecheck import look
from homecheck.appraisal import Verdict
from homecheck.evidence import is_observed
from homecheck.fingerprint import words
from homecheck.locale import ENGLISH, Translator
from homecheck.measurement import Json, Level, Measurement
from homecheck.numbers import with_uncertainty
from homecheck.report.limits import UNITS, better, needed
from homecheck.report.text import earlier_shown, shown
from homecheck.report.words import SEEN_BY_THE_FAR_END, SYMBOLS, fault_words, label, where_it_lies
from homecheck.standards.rfc_3339 import to_text

DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
MAX_DETAIL: Final = 2_000  # characters of one detail on a page; the envelope has it all

FRESHNESS_WORDS: Final = {
    "measured": "fresh: measured and signed after this collector's challenge",
    "signed": "signed after this collector's challenge; the measurements may be older",
    "none": "made offline: only the time of receipt is known",
}

EVENT_WORDS: Final = {
    "id-conflict": "Same evidence id, other bytes",
    "seq-repeated": "Sequence number seen twice",
    "seq-backwards": "Sequence numbers went back",
    "key-forked": "Replaced key tried to name a second heir",
    "invite-withdrawn": "Invitation withdrawn",
    "key-enrolled": "Device key enrolled",
    "key-rotated": "Device key replaced by a new one",
    "key-retired": "Device key retired by a new invitation",
    "invite-reused": "Used invitation tried again",
    "callback-used-up": "Wrong codes for a call",
    "phone-on-file": "Telephone number on file changed",
    "set-up": "Collector set up",
    "invited": "Invited",
    "program-added": "Program added",
    "policy-published": "Policy published",
    "waiver-granted": "Waiver approved",
    "waiver-revoked": "Waiver revoked",
    "waiver-proposed": "Waiver proposed",
    "waiver-declined": "Proposed waiver declined",
    "four-eyes": "Whether waivers need two people",
    "invited-list": "Invited from a list",
    "user-added": "User added",
    "user-removed": "User removed",
    "role-changed": "Role changed",
    "signed-in": "Signed in",
    "signed-out": "Signed out",
    "sign-in-failed": "Wrong password or code",
    "sign-in-slowed": "Wrong too often: not looked at for a while",
    "sign-in-refused": "Signed in elsewhere, but has no role here",
    "session-ended": "Session ended",
    "password-set": "Password set",
    "password-renewed": "Password kept in a stronger form",
    "second-factor-on": "Second factor switched on",
    "second-factor-off": "Second factor switched off",
    "recovery-code-used": "Recovery code used",
    "user-reset": "Password and second factor taken away",
    "token-added": "API token made",
    "token-revoked": "API token revoked",
    "sign-on-set": "Company sign-on set",
    "sign-on-removed": "Company sign-on removed",
    "exported": "Exported",
    "program-changed": "Program described otherwise",
    "mail-server-set": "Mail server named",
    "mail-on-file": "Mail address on file changed",
    "mail-forgotten": "Mail address forgotten",
    "letter-given-up": "Letter given up",
    "check-in-missed": "Check-in missed",
    "webhook-added": "Webhook added",
    "webhook-rotated": "Webhook given another secret",
    "webhook-removed": "Webhook removed",
    "webhook-given-up": "Message to a webhook given up",
    "webhook-resent": "Message to a webhook sent again",
    "erased": "Erased",
    "month-purged": "A month deleted",
    "log-began": "Log begun",
    "backup-made": "Backup made",
    "sign-in-link": "Sign-in link made",
    "responder-added": "Responder trusted",
    "responder-removed": "Responder no longer trusted",
    "device-revoked": "Device key revoked",
    "judged-again": "Judged again",
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
        "earlier_shown": earlier_shown,
        "level_shown": level_shown,
        "from_unix": lambda at: datetime.fromtimestamp(at, UTC),
        "moment": moment,
        "iso": to_text,
        "ago": ago,
        "skew": skew,
        "detail": detail,
        "short": short,
        "short_digests": short_digests,
        "words": words,
        "where_it_lies": where_it_lies,
        "is_observed": is_observed,
        "needed": lambda requirement: needed(requirement.limits, UNITS.get(requirement.quantity, "")),
        "better": lambda requirement: better(requirement.limits, UNITS.get(requirement.quantity, "")),
    }
    pages.globals |= {
        "symbols": {verdict.word: sign for verdict, sign in SYMBOLS.items()},
        "verdicts": [verdict.word for verdict in sorted(Verdict, reverse=True)],
        "verdict_kinds": sorted(Verdict, reverse=True),
        "fault_words": fault_words,
        "freshness_words": FRESHNESS_WORDS,
        "event_words": EVENT_WORDS,
        "seen_by_the_far_end": SEEN_BY_THE_FAR_END,
        "style": f"/static/site.css?v={static_version('site.css')}",
        **spoken(ENGLISH),  # the dashboard; pages for the invited are given another language's
    }
    return pages


def spoken(say: Translator) -> dict[str, Any]:
    """Return what a page says things with, in the translator's language."""
    return {"_": say, "say": say.say, "fill": say.fill, "plural": say.plural, "language": say.language}


def render(template: str, **values: Any) -> str:
    """Return the page."""
    return environment().get_template(template).render(**values)


@cache
def static(name: str) -> bytes:
    """Return a static file."""
    return look.static("homecheck.collector", name)


def static_version(name: str) -> str:
    """Return what changes in a file's address when the file changes, so that browsers may keep it for ever."""
    return hashlib.sha256(static(name)).hexdigest()[:12]


def quantity_label(quantity: str) -> str:
    """Return what people call a quantity; a declaration is called by its id."""
    kind, _, name = quantity.partition(".")
    return f"Declaration: {name.replace('_', ' ')}" if kind == "declaration" else label(quantity)


def level_shown(level: Level, found: Measurement) -> str:
    """Return an earlier level of a measurement as people read it."""
    return with_uncertainty(level.value, level.uncertainty, found.quantity.unit)


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


def short_digests(text: str) -> str:
    """Return a text with its digests cut off: a page shows them to be told apart, the export has them whole."""
    return DIGEST.sub(lambda found: f"{short(found[0])}…", text)
