"""Policies: the limits that an employer sets, read from TOML or from a signed document. A policy judges nothing.

What is not known here is refused: a misspelt key would otherwise be a limit that nobody checks. So are an empty policy,
limits that contradict one another, and limits for delay, jitter and loss which, all just met at once, would give a
worse call than the policy's own floor for `network.mos`.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal, cast

from homecheck.durations import parse_duration
from homecheck.errors import PolicyError, Refused
from homecheck.measurement import Target, Value, refuse_twice
from homecheck.shift import Shift
from homecheck.signing import Verified
from homecheck.standards.itu_g107 import JITTER_BUFFER_MS, mos_cqe, mouth_to_ear_ms, r_factor
from homecheck.strict_json import Record, canonical, parse_object, serialize

COMPARE: Final = "Compare with: homecheck policy show voice-standard --output toml"
DecisionRule = Literal["guarded", "simple"]
Severity = Literal["required", "advisory"]
Trust = Literal["self-reported", "corroborated", "server-observed"]

DECISION_RULES: Final = ("guarded", "simple")
SEVERITIES: Final = ("required", "advisory")
TRUST: Final = ("self-reported", "corroborated", "server-observed")  # from weakest to strongest
PROTOCOLS: Final = ("tcp", "udp", "tls", "https", "wss")
MAX_TEXT: Final = 200_000  # characters; signed, it has to fit into an envelope
DEFAULT_POLICY: Final = "voice-standard"  # for whoever names none
PRESETS: Final = ("chat-only", "voice-basic", "voice-standard", "strict-wired", "voice-landline", "video-agent")


@dataclass(frozen=True)
class Limits:
    """What a value must be (the first six) and what is only remarked on (`warn_*`)."""

    at_least: float | None = None
    at_most: float | None = None
    equals: Value | None = None
    one_of: tuple[Value, ...] = ()
    none_of: tuple[Value, ...] = ()
    warn_below: float | None = None
    warn_above: float | None = None
    warn_on: tuple[Value, ...] = ()

    def __post_init__(self) -> None:
        if not any(value not in (None, ()) for value in vars(self).values()):
            raise ValueError("no limit is set")
        numeric = (self.at_least, self.at_most, self.warn_below, self.warn_above)
        named = (self.equals is not None, bool(self.one_of), bool(self.none_of), bool(self.warn_on))
        if any(limit is not None for limit in numeric) and any(named):
            raise ValueError("a limit for numbers and a limit for names contradict one another")
        _refuse_disorder(self)
        _refuse_contradiction(self)


def _refuse_disorder(limits: Limits) -> None:
    """Raise ValueError unless at_least < warn_below <= warn_above < at_most, as far as they are set."""
    order = ("at_least", "warn_below", "warn_above", "at_most")
    given = [(name, getattr(limits, name)) for name in order if getattr(limits, name) is not None]
    for (lower, low), (upper, high) in pairwise(given):
        if low > high:
            raise ValueError(f"{lower} = {low:g} and {upper} = {high:g} contradict one another")


def _refuse_contradiction(limits: Limits) -> None:
    if limits.equals is not None and (limits.one_of or limits.none_of):
        raise ValueError("equals contradicts one_of and none_of")
    if both := set(limits.one_of) & set(limits.none_of):
        raise ValueError(f"{min(map(repr, both))} stands in one_of and in none_of")
    if limits.one_of and (outside := set(limits.warn_on) - set(limits.one_of)):
        raise ValueError(f"warn_on {min(map(repr, outside))} is not allowed by one_of")
    if never := set(limits.warn_on) & set(limits.none_of):
        raise ValueError(f"{min(map(repr, never))} stands in warn_on and in none_of")


@dataclass(frozen=True)
class Requirement:
    """One limit on one quantity, with the reason a candidate is given and the source an auditor is given."""

    quantity: str
    limits: Limits
    severity: Severity = "required"
    reason: str = ""
    source: str = ""
    advice: str = ""
    trust: Trust = "self-reported"


@dataclass(frozen=True)
class Question:
    """A declaration that the policy asks for: wording per language, and the answer that is needed (None: any)."""

    id: str
    question: Mapping[str, str]
    must_be: bool | None = None
    severity: Severity = "required"
    reason: str = ""

    def wording(self, language: str) -> str:
        """Return the question in `language`, else in English, else in the first language there is."""
        return self.question.get(language) or self.question.get("en") or next(iter(self.question.values()))


@dataclass(frozen=True)
class Policy:
    """The limits of one program, with the rule by which a value near a limit is decided."""

    name: str
    version: str
    title: str
    decision_rule: DecisionRule
    recheck: str
    requirements: tuple[Requirement, ...]
    declarations: tuple[Question, ...] = ()
    targets: tuple[Target, ...] = ()
    shift: Shift | None = None
    description: str = ""

    def __post_init__(self) -> None:
        if not self.requirements and not self.declarations:
            raise ValueError("the policy is empty: it would let everybody pass")
        refuse_twice("declaration", (question.id for question in self.declarations))
        refuse_twice("target", (target.name for target in self.targets))
        self.recheck_every()
        _refuse_bad_call(self)

    def recheck_every(self) -> timedelta:
        """Return how long evidence counts before it is due again."""
        return parse_duration(self.recheck)

    def quantities(self) -> frozenset[str]:
        """Return the names of all quantities that this policy asks for; nothing else needs to be sent."""
        asked = {requirement.quantity for requirement in self.requirements}
        return frozenset(asked | {f"declaration.{question.id}" for question in self.declarations})

    def members(self) -> dict[str, Any]:
        """Return the policy as plain JSON members, without what is not set."""
        return _plain(self)

    def to_bytes(self) -> bytes:
        """Return the policy as JSON: the payload of a signed policy."""
        return serialize(self.members())

    @property
    def digest(self) -> str:
        """The policy's name for machines: SHA-256 over its members in canonical order, however it was written."""
        return "sha256:" + hashlib.sha256(canonical(self.members())).hexdigest()

    @classmethod
    def from_bytes(cls, payload: Verified) -> Policy:
        """Return the policy in a verified payload; PolicyError names what is wrong."""
        return read_policy(parse_object(payload), "policy")


def load_policy(name_or_path: str) -> Policy:
    """Return the preset called `name_or_path`, or the policy in the TOML file of that path."""
    if name_or_path in PRESETS:
        text = resources.files("homecheck").joinpath("policies", f"{name_or_path}.toml").read_text(encoding="utf-8")
        return parse_policy(text, f"{name_or_path}.toml")
    path = Path(name_or_path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        advice = f"Give the path of a policy file, or one of {', '.join(PRESETS)}."
        why = error.strerror if isinstance(error, OSError) else "it is not a text in UTF-8"
        raise PolicyError(f"{name_or_path}: cannot read the policy: {why}", advice) from None
    return parse_policy(text, path.name)


def parse_policy(text: str, where: str) -> Policy:
    """Return the policy in a TOML text. PolicyError reads ``where: requirement: what is wrong``."""
    advice = COMPARE
    if len(text) > MAX_TEXT:
        raise PolicyError(f"{where}: {len(text)} characters, at most {MAX_TEXT}", advice)
    try:
        return read_policy(tomllib.loads(text), where)
    except ValueError as error:  # TOMLDecodeError, and the one of Python for integers of thousands of digits
        raise PolicyError(f"{where}: not TOML: {error}", advice) from None
    except RecursionError:
        raise PolicyError(f"{where}: nested too deep for a policy", advice) from None


def read_policy(members: Mapping[str, Any], where: str) -> Policy:
    """Return the policy of these members, which TOML and signed JSON have in common."""
    try:
        record = Record(members, where)
        policy = Policy(
            name=record.text("name", max_length=60),
            version=record.text("version", max_length=60),
            title=record.optional_text("title"),
            decision_rule=cast(DecisionRule, _choice(record, "decision_rule", DECISION_RULES, "guarded")),
            recheck=record.optional_text("recheck", "30d"),
            requirements=tuple(_read_requirement(found, where) for found in record.records("requirement")),
            declarations=tuple(_read_question(found) for found in record.records("declaration")),
            targets=tuple(_read_target(found) for found in record.records("target")),
            shift=_read_shift(record.record("shift")) if record.has("shift") else None,
            description=record.optional_text("description"),
        )
        record.done()
    except Refused as error:
        raise PolicyError(error.message, COMPARE) from None
    except ValueError as error:
        raise PolicyError(f"{where}: {error}") from None
    except OverflowError:
        raise PolicyError(f"{where}: a limit is too large to reckon with") from None
    return policy


def _read_requirement(record: Record, where: str) -> Requirement:
    quantity = record.text("quantity", max_length=80)
    record.where = f"{where}: {quantity}"
    try:
        requirement = Requirement(
            quantity,
            _read_limits(record),
            cast(Severity, _choice(record, "severity", SEVERITIES, "required")),
            reason=record.optional_text("reason"),
            source=record.optional_text("source"),
            advice=record.optional_text("advice"),
            trust=cast(Trust, _choice(record, "trust", TRUST, "self-reported")),
        )
    except ValueError as error:
        record.done()  # a misspelt key is the likelier cause: name it first
        raise Refused("schema", f"{record.where}: {error}") from None
    record.done()
    return requirement


def _read_limits(record: Record) -> Limits:
    return Limits(
        at_least=record.number_or_none("at_least"),
        at_most=record.number_or_none("at_most"),
        equals=record.scalar("equals") if record.has("equals") else None,
        one_of=_some(record, "one_of"),
        none_of=_some(record, "none_of"),
        warn_below=record.number_or_none("warn_below"),
        warn_above=record.number_or_none("warn_above"),
        warn_on=_some(record, "warn_on"),
    )


def _some(record: Record, name: str) -> tuple[Value, ...]:
    """Return a list of values that is not empty, if the key is there: an empty list would allow or forbid nothing."""
    values = record.scalars(name)
    if record.has(name) and not values:
        raise ValueError(f"{name} is empty")
    return values


def _read_question(record: Record) -> Question:
    wordings = record.record("question")
    question = Question(
        record.text("id", max_length=60),
        {language: wordings.text(language) for language in wordings.names()},
        record.boolean("must_be") if record.has("must_be") else None,
        cast(Severity, _choice(record, "severity", SEVERITIES, "required")),
        record.optional_text("reason"),
    )
    if not question.question:
        raise ValueError(f"declaration {question.id}: the question has no wording")
    record.done()
    return question


def _read_target(record: Record) -> Target:
    target = Target(
        record.text("name", max_length=60),
        record.text("host", max_length=253),
        record.integer("port", least=1),
        _choice(record, "protocol", PROTOCOLS, "tcp"),
    )
    if target.port > 65_535:
        raise ValueError(f"target {target.name}: port {target.port} is above 65535")
    record.done()
    return target


def _read_shift(record: Record) -> Shift:
    timezone, windows = record.text("timezone", max_length=60), record.texts("windows")
    record.done()  # a misspelt key is named before the window that it left out
    return Shift(timezone, windows)


def _choice(record: Record, name: str, choices: Iterable[str], default: str) -> str:
    value = record.optional_text(name, default)
    if value not in choices:
        raise ValueError(f"{name} = {value!r:.40} is none of {', '.join(choices)}")
    return value


def _plain(policy: Policy) -> dict[str, Any]:
    members: dict[str, Any] = {name: getattr(policy, name) for name in ("name", "version", "title", "description")}
    members |= {"decision_rule": policy.decision_rule, "recheck": policy.recheck}
    members["requirement"] = [
        _without_blanks({"quantity": requirement.quantity, **vars(requirement.limits), **_words(requirement)})
        for requirement in policy.requirements
    ]
    members["declaration"] = [_without_blanks({**vars(question)}) for question in policy.declarations]
    members["target"] = [vars(target) for target in policy.targets]
    if policy.shift:
        members["shift"] = {"timezone": policy.shift.timezone, "windows": list(policy.shift.windows)}
    return _without_blanks(members)


def _words(requirement: Requirement) -> dict[str, str]:
    return {name: getattr(requirement, name) for name in ("severity", "reason", "source", "advice", "trust")}


def _without_blanks(members: Mapping[str, Any]) -> dict[str, Any]:
    """Drop what is not set; a tuple becomes a list. False and 0 are set."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in members.items()
        if value is not None and value != "" and value != () and value != []
    }


def _refuse_bad_call(policy: Policy) -> None:
    """Raise ValueError when a line that just meets every limit gives a call below the policy's own floor for MOS.

    The call is G.711 with packet loss concealment over the delay that ITU-T G.107 would see: half the round trip, plus
    packetisation, plus the jitter buffer of an ordinary softphone, or a deeper one if the jitter limit asks for it.
    """
    limits = {requirement.quantity: requirement.limits for requirement in policy.requirements}
    floor = limits.get("network.mos", Limits(at_least=0)).at_least
    rtt = limits.get("network.rtt", Limits(at_least=0)).at_most
    if not floor or rtt is None:
        return
    jitter = max(
        (limits[name].at_most or 0.0 for name in ("network.jitter", "network.pdv_p95") if name in limits), default=0.0
    )
    loss = limits["network.loss"].at_most or 0.0 if "network.loss" in limits else 0.0
    delay = mouth_to_ear_ms(rtt, jitter_buffer_ms=max(jitter, JITTER_BUFFER_MS))
    mos = mos_cqe(r_factor(one_way_delay_ms=delay, loss_pct=loss))
    if mos < floor:
        raise ValueError(
            f"network.mos: at_least = {floor:g}, but round trip {rtt:g} ms, jitter {jitter:g} ms and loss {loss:g} %, "
            f"each just allowed, give MOS {mos:.2f}"
        )
