"""Policies: the limits that an employer sets, read from TOML or from a signed document. A policy judges nothing.

What is not known here is refused: a misspelt key would otherwise be a limit that nobody checks. So are an empty policy,
limits that contradict one another, and limits for delay, jitter and loss which, all just met at once, would give a
worse call than the policy's own floor for `network.mos`.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal, cast

from homecheck.device_list import DeviceList, read_device_list
from homecheck.durations import parse_duration
from homecheck.errors import PolicyError, Refused
from homecheck.measurement import EARLIER, Target, Value, refuse_twice
from homecheck.several_runs import STATISTICS, USUAL_DAYS, USUAL_RUNS, SeveralRuns, Statistic
from homecheck.shift import Shift
from homecheck.signing import Verified
from homecheck.standards.itu_g107 import JITTER_BUFFER_MS, mos_cqe, mouth_to_ear_ms, r_factor
from homecheck.strict_json import Record, canonical, parse_object, serialize

COMPARE: Final = "Compare with: homecheck policy show voice-standard --output toml"
DecisionRule = Literal["guarded", "simple"]
Severity = Literal["required", "advisory"]
Trust = Literal["contradicted", "self-reported", "corroborated", "server-observed"]

DECISION_RULES: Final = ("guarded", "simple")
SEVERITIES: Final = ("required", "advisory")
TRUST: Final[tuple[Trust, ...]] = ("contradicted", "self-reported", "corroborated", "server-observed")  # weakest first
CAN_BE_ASKED: Final = TRUST[1:]
PROTOCOLS: Final = ("tcp", "udp", "tls", "https", "wss")
UDP_PROBES: Final = ("stun", "sip")
WITH_PATH: Final = ("https", "wss")
MOST_TARGETS: Final = 16  # a policy is no list of addresses to scan
HOST: Final = re.compile(r"[\w.:-]+")  # a name or an address; nothing that could be read as more of an address
MAX_PATH: Final = 100  # with a host's 253 characters and a method it fits into a text of evidence
TARGET_PATH: Final = re.compile(r"/[!-~]*")  # goes into a request's first line as it is
REQUIREMENT_KEYS: Final = frozenset({
    "quantity", "at_least", "at_most", "equals", "one_of", "none_of", "warn_below", "warn_above", "warn_on",
    "severity", "reason", "source", "advice", "trust", "statistic", "over", "runs_at_least", "hours",
})  # fmt: skip
LANGUAGE_TAG: Final = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")  # of BCP 47, e.g. de or pt-BR
LATEST: Final = "latest"  # the statistic of a requirement that judges the run of the moment alone
KEPT: Final = ("network.", "room.")  # the quantities whose levels are kept from run to run
MAX_TEXT: Final = 200_000  # characters; signed, it has to fit into an envelope
DEFAULT_POLICY: Final = "voice-standard"  # for whoever names none
PRESETS: Final = ("chat-only", "voice-basic", "voice-standard", "strict-wired", "voice-landline", "video-agent")
ABSENT: Final = "{name}: there is neither a policy of that name nor such a file"
UNREADABLE: Final = "{name}: cannot read the policy: {why}"
WHAT_TO_GIVE: Final = "Give the path of a policy file, or one of {presets}."


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
        if any(limit is not None for limit in numeric) and self.names():
            raise ValueError("a limit for numbers and a limit for names contradict one another")
        _refuse_disorder(self)
        _refuse_contradiction(self)

    @property
    def numeric(self) -> bool:
        """Whether there are ends of a range."""
        lower = self.at_least is not None or self.warn_below is not None
        return lower or self.at_most is not None or self.warn_above is not None

    def missed_by(self, value: float) -> bool:
        """Tell whether a number lies beyond an end that is required, whatever its uncertainty."""
        too_low = self.at_least is not None and value < self.at_least
        return too_low or (self.at_most is not None and value > self.at_most)

    def names(self) -> bool:
        """Tell whether the limits are values to be met or avoided, not ends of a range."""
        return self.equals is not None or bool(self.one_of or self.none_of or self.warn_on)


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
    runs: SeveralRuns | None = None  # None: the latest run alone counts

    def __post_init__(self) -> None:
        if self.runs is None:
            return
        if not self.quantity.startswith(KEPT):
            kept = " and ".join(f"{prefix}*" for prefix in KEPT)
            raise ValueError(f"statistic: no earlier runs are kept of it, only of {kept}")
        if self.limits.names():
            raise ValueError("statistic goes with at_least, at_most, warn_below and warn_above alone")
        if self.trust != "self-reported":
            raise ValueError(f"trust = {self.trust!r} contradicts statistic: earlier runs are always self-reported")


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
        return self.best(language)[0]

    def best(self, language: str) -> tuple[str, str]:
        """Return the same wording, and which language that is."""
        written = next((one for one in (language, "en") if self.question.get(one)), next(iter(self.question)))
        return self.question[written], written


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
    devices: DeviceList = field(default_factory=DeviceList)  # sound devices that nobody else lists
    most_megabytes: int | None = None  # that one check may spend on the network, both directions together
    language: str = ""  # in which title, reasons and advice are written (BCP 47); empty: nobody says

    def __post_init__(self) -> None:
        if self.language and not LANGUAGE_TAG.fullmatch(self.language):
            raise ValueError(f"language {self.language!r:.40} is no tag such as en, sv or pt-BR")
        if not self.requirements and not self.declarations:
            raise ValueError("the policy is empty: it would let everybody pass")
        refuse_twice("declaration", (question.id for question in self.declarations))
        refuse_twice("target", (target.name for target in self.targets))
        if len(self.targets) > MOST_TARGETS:
            raise ValueError(f"{len(self.targets)} targets, at most {MOST_TARGETS}")
        self.recheck_every()
        _refuse_bad_call(self)

    def recheck_every(self) -> timedelta:
        """Return how long evidence counts before it is due again."""
        return parse_duration(self.recheck)

    def quantities(self) -> frozenset[str]:
        """Return the names of all quantities that this policy asks for; nothing else needs to be sent.

        A name with `EARLIER` behind it stands for the levels of earlier runs.
        """
        asked = {requirement.quantity for requirement in self.requirements}
        asked |= {requirement.quantity + EARLIER for requirement in self.requirements if requirement.runs}
        return frozenset(asked | {f"declaration.{question.id}" for question in self.declarations})

    def tried(self) -> tuple[Target, ...]:
        """Return the targets that a requirement asks for; nobody connects to the others."""
        asked = {requirement.quantity for requirement in self.requirements}
        return tuple(target for target in self.targets if target.quantity in asked)

    def asks(self) -> frozenset[str]:
        """Return everything that a person has to agree to: the quantities, and where this computer would connect to."""
        return self.quantities() | {target.address for target in self.tried()}

    def members(self) -> dict[str, Any]:
        """Return the policy as plain JSON members, without what is not set."""
        return _plain(self)

    def to_bytes(self) -> bytes:
        """Return the policy as JSON: the payload of a signed policy."""
        return serialize(self.members())

    def __hash__(self) -> int:
        """Policies that are alike have one digest; what follows from a policy is kept beside it."""
        return hash(self.digest)

    @cached_property  # every upload is judged by it
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
        return parse_policy(preset_text(name_or_path), f"{name_or_path}.toml")
    path = Path(name_or_path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        advice = WHAT_TO_GIVE.format(presets=", ".join(PRESETS))
        raise PolicyError(ABSENT.format(name=name_or_path), advice) from None
    except (OSError, UnicodeDecodeError) as error:
        advice = WHAT_TO_GIVE.format(presets=", ".join(PRESETS))
        why = error.strerror if isinstance(error, OSError) else "it is not a text in UTF-8"
        raise PolicyError(UNREADABLE.format(name=name_or_path, why=why), advice) from None
    return parse_policy(text, path.name)


def preset_text(name: str) -> str:
    """Return the TOML text of one of `PRESETS` as it was written, comments included."""
    return resources.files("homecheck").joinpath("policies", f"{name}.toml").read_text(encoding="utf-8")


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
        shift = _read_shift(record.record("shift"), where) if record.has("shift") else None
        policy = Policy(
            name=record.text("name", max_length=60),
            version=record.text("version", max_length=60),
            title=record.optional_text("title"),
            decision_rule=cast(DecisionRule, _choice(record, "decision_rule", DECISION_RULES, "guarded")),
            recheck=record.optional_text("recheck", "30d"),
            requirements=tuple(_read_requirement(found, where, shift) for found in record.records("requirement")),
            declarations=tuple(_read_question(found) for found in record.records("declaration")),
            targets=tuple(_read_target(found) for found in record.records("target")),
            shift=shift,
            description=record.optional_text("description"),
            devices=read_device_list(record),
            language=record.optional_text("language"),
            most_megabytes=_read_network(record.record("network"), where) if record.has("network") else None,
        )
        record.done()
    except Refused as error:
        raise PolicyError(error.message, COMPARE) from None
    except ValueError as error:
        raise PolicyError(f"{where}: {error}") from None
    except OverflowError:
        raise PolicyError(f"{where}: a limit is too large to reckon with") from None
    return policy


def _read_requirement(record: Record, where: str, shift: Shift | None) -> Requirement:
    quantity = record.text("quantity", max_length=80)
    record.where = f"{where}: {quantity}"
    # A misspelt key is the likelier cause of whatever else is wrong: it is named first.
    if unknown := next((name for name in record.names() if name not in REQUIREMENT_KEYS), None):
        raise Refused("schema", f"{record.where}: unknown key {unknown!r}")
    try:
        requirement = Requirement(
            quantity,
            _read_limits(record),
            cast(Severity, _choice(record, "severity", SEVERITIES, "required")),
            reason=record.optional_text("reason"),
            source=record.optional_text("source"),
            advice=record.optional_text("advice"),
            trust=cast(Trust, _choice(record, "trust", CAN_BE_ASKED, "self-reported")),
            runs=_read_runs(record, shift),
        )
    except ValueError as error:
        raise Refused("schema", f"{record.where}: {error}") from None
    record.done()
    return requirement


def _read_runs(record: Record, shift: Shift | None) -> SeveralRuns | None:
    """Return the rule for several runs, or None where the latest counts."""
    statistic = _choice(record, "statistic", (LATEST, *STATISTICS), LATEST)
    given = [name for name in ("over", "runs_at_least", "hours") if record.has(name)]
    if statistic == LATEST:
        if given:
            raise ValueError(f"{given[0]} goes with statistic = {', '.join(STATISTICS)}, not with {LATEST}")
        return None
    over = record.optional_text("over", f"{USUAL_DAYS}d")
    if not re.fullmatch("[1-9][0-9]{0,3}d", over):
        raise ValueError(f"over = {over!r:.40} is no number of days; write {USUAL_DAYS}d")
    at_least = record.integer("runs_at_least", least=1) if record.has("runs_at_least") else USUAL_RUNS
    return SeveralRuns(cast(Statistic, statistic), int(over[:-1]), at_least, _read_hours(record, shift))


def _read_hours(record: Record, shift: Shift | None) -> Shift | None:
    if not record.has("hours"):
        return None
    window = record.text("hours", max_length=60)
    if shift is None:
        raise ValueError("hours needs a time zone: add [shift] with timezone and windows")
    return Shift(shift.timezone, (window,))


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
        record.optional_text("path"),
        _choice(record, "probe", UDP_PROBES, "") if record.has("probe") else "",
    )
    record.done()
    if wrong := _wrong_with(target):
        raise ValueError(f"target {target.name}: {wrong}")
    return target


def _wrong_with(target: Target) -> str:
    """Return what makes a target one that nobody can try; empty for a good one."""
    if not target.name.isprintable():
        return "the name holds what cannot be printed"
    if target.port > 65_535:
        return f"port {target.port} is above 65535"
    if not HOST.fullmatch(target.host):
        return f"host = {target.host!r:.60} is neither a name nor an address"
    if target.probe and target.protocol != "udp":
        return f"probe goes with protocol = 'udp', not with {target.protocol!r}"
    if target.path and target.protocol not in WITH_PATH:
        return f"path goes with protocol = 'https' or 'wss', not with {target.protocol!r}"
    if target.path and not (TARGET_PATH.fullmatch(target.path) and len(target.path) <= MAX_PATH):
        return f"path = {target.path!r:.60} is no path: it begins with / and has {MAX_PATH} characters at most"
    return ""


def _read_shift(record: Record, where: str) -> Shift:
    record.where = f"{where}: shift"
    timezone, windows = record.text("timezone", max_length=60), record.texts("windows")
    record.done()  # a misspelt key is named before the window that it left out
    return Shift(timezone, windows)


def _read_network(record: Record, where: str) -> int | None:
    record.where = f"{where}: network"
    most = record.integer("most_megabytes", least=1) if record.has("most_megabytes") else None
    record.done()
    return most


def _choice(record: Record, name: str, choices: Iterable[str], default: str) -> str:
    value = record.optional_text(name, default)
    if value not in choices:
        raise ValueError(f"{name} = {value!r:.40} is none of {', '.join(choices)}")
    return value


def _plain(policy: Policy) -> dict[str, Any]:
    texts = ("name", "version", "title", "description", "language")
    members: dict[str, Any] = {name: getattr(policy, name) for name in texts}
    members |= {"decision_rule": policy.decision_rule, "recheck": policy.recheck}
    members["requirement"] = [
        _without_blanks(
            {
                "quantity": requirement.quantity,
                **vars(requirement.limits),
                **_words(requirement),
                **_runs(requirement.runs),
            }
        )
        for requirement in policy.requirements
    ]
    members["declaration"] = [_without_blanks({**vars(question)}) for question in policy.declarations]
    members["target"] = [_without_blanks(vars(target)) for target in policy.targets]
    members |= policy.devices.members()
    if policy.most_megabytes is not None:
        members["network"] = {"most_megabytes": policy.most_megabytes}
    if policy.shift:
        members["shift"] = {"timezone": policy.shift.timezone, "windows": list(policy.shift.windows)}
    return _without_blanks(members)


def _words(requirement: Requirement) -> dict[str, str]:
    return {name: getattr(requirement, name) for name in ("severity", "reason", "source", "advice", "trust")}


def _runs(runs: SeveralRuns | None) -> dict[str, Any]:
    if runs is None:
        return {}
    members = {"statistic": runs.statistic, "over": f"{runs.days}d", "runs_at_least": runs.at_least}
    return {**members, "hours": runs.hours.windows[0]} if runs.hours else members


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
