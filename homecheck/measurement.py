"""The contract between probes and everything else: Quantity, Measurement, Probe.

A probe measures and never judges. It declares its quantities, each with unit and method, and returns each of them
exactly once: as a `Measurement` with a value, or as one with a `Failure`. A probe that cannot measure at all raises
`homecheck.errors.ProbeError`; the agent turns that into one failed measurement per quantity, signed like any other.

Words: VIM (JCGM 200) for quantity and measurement; RATS (RFC 9334) calls a measurement a Claim.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, Protocol, get_args, runtime_checkable

from homecheck.callback import Caller
from homecheck.device_list import DeviceList
from homecheck.errors import AT_FAULT, OURS, AtFault, ProbeError
from homecheck.strict_json import MAX_INTEGER

Value = float | int | str | bool
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Details = Mapping[str, Json]
Bound = Literal["at_least", "at_most"]
BOUNDS: Final[tuple[Bound, ...]] = get_args(Bound)

MAX_TEXT: Final = 500  # characters; device names are attacker-controlled and must stay short
EARLIER: Final = (
    ".earlier"  # behind a quantity's name: the levels of its earlier runs, which are asked for by themselves
)
REACH: Final = "reach."  # before a target's name: whether it is reached
SIP_PORT: Final = 5060  # RFC 3261 19.1.2
MAX_EARLIER: Final = 60  # levels of earlier runs that a measurement carries
LAST_SECOND: Final = 253_370_764_799  # of the year 9998, in Unix time: later ones have no local time everywhere


class Kind(Enum):
    """What a quantity's value is."""

    NUMBER = "number"
    TEXT = "text"
    YES_NO = "yes/no"


class Need(Enum):
    """A scarce thing that a probe uses while it runs; the agent keeps apart probes that would disturb one another."""

    MICROPHONE = "microphone"
    SPEAKER = "speaker"
    NETWORK_QUIET = "network-quiet"  # measures the network and wants nobody else on it
    NETWORK_LOAD = "network-load"  # fills the network
    PERSON = "person"  # asks somebody to do something


@dataclass(frozen=True)
class Quantity:
    """What is measured: dotted name, unit and method. A bare number has the unit ``"1"``, text and yes/no have none."""

    name: str
    unit: str
    method: str
    kind: Kind = Kind.NUMBER

    def __post_init__(self) -> None:
        if bool(self.unit) != (self.kind is Kind.NUMBER):
            raise ValueError(f"{self.name}: a number has a unit, text and yes/no have none")

    @classmethod
    def text(cls, name: str, method: str) -> Quantity:
        """Return a quantity whose value is a short text."""
        return cls(name, "", method, Kind.TEXT)

    @classmethod
    def yes_no(cls, name: str, method: str) -> Quantity:
        """Return a quantity whose value is true or false."""
        return cls(name, "", method, Kind.YES_NO)


@dataclass(frozen=True)
class Failure:
    """Why a quantity has no value: a stable code, whose doing it is, what happened, and what to do about it."""

    code: str
    at_fault: AtFault
    message: str
    advice: str

    def __post_init__(self) -> None:
        if self.at_fault not in AT_FAULT:
            raise ValueError(f"at_fault {self.at_fault!r} is none of {', '.join(AT_FAULT)}")
        for name in ("code", "message", "advice"):
            check_text(getattr(self, name), name)

    @classmethod
    def from_error(cls, error: ProbeError) -> Failure:
        """Return the failure that `error` describes."""
        return cls(error.code, error.at_fault, clean_text(error.message), clean_text(error.advice))


@dataclass(frozen=True)
class Level:
    """What an earlier run came to: when (Unix seconds), value and half width of its 95 % interval."""

    at: int
    value: float
    uncertainty: float


@dataclass(frozen=True)
class Cause:
    """Where a value arises that could be better: whose doing it is (None: that cannot be told), and one sentence for
    the person, such as "the way to your own router already varies by 41 ms".
    """

    at_fault: AtFault | None
    sentence: str

    def __post_init__(self) -> None:
        if self.at_fault not in (None, *AT_FAULT):
            raise ValueError(f"at_fault {self.at_fault!r} is none of {', '.join(AT_FAULT)}")
        check_text(self.sentence, "cause")

    @property
    def is_ours(self) -> bool:
        """Whether it is our own side's doing."""
        return self.at_fault in OURS


@dataclass(frozen=True)
class Measurement:
    """One quantity's value with its uncertainty, or its failure; exactly one of the two.

    `uncertainty` is the half width of a 95 % interval in the quantity's unit; numbers have one (0 for an exact count),
    text and yes/no have none. `details` are further JSON values for the reader; nothing is judged by them. `earlier`
    are levels of earlier runs on the same computer, oldest first: numbers alone have them, and only a policy that asks
    for several runs looks at them. `cause` says of a value where it arises, where that is known; a failure says so
    itself. `bound` says of a number that the true value may lie anywhere beyond it: a load that still grew when its
    time was over came to at least so much.

    Raises ValueError for a value that does not fit its quantity and for numbers that are not finite, so that a driver's
    NaN spoils one measurement and never the whole evidence.
    """

    quantity: Quantity
    value: Value | None = None
    uncertainty: float | None = None
    failure: Failure | None = None
    details: Details = field(default_factory=dict)
    earlier: tuple[Level, ...] = ()
    cause: Cause | None = None
    bound: Bound | None = None

    def __post_init__(self) -> None:
        name = self.quantity.name
        if self.bound is not None and (self.bound not in BOUNDS or not self.is_number):
            raise ValueError(f"{name}: bound {self.bound!r} is none of {', '.join(BOUNDS)}, or of no number")
        if (self.value is None) == (self.failure is None):
            raise ValueError(f"{name}: exactly one of value and failure")
        if self.details:
            _check_members(self.details, f"{name}: details")
        if self.earlier:
            check_earlier(self.quantity.kind, self.earlier, name)
        if self.value is not None:
            check_value(self.quantity.kind, self.value, self.uncertainty, name)
        elif self.uncertainty is not None or self.cause is not None:
            raise ValueError(f"{name}: a failure has no uncertainty and no cause beside its own")

    @property
    def is_number(self) -> bool:
        """Whether it has a value, and that is a number."""
        return self.quantity.kind is Kind.NUMBER and self.failure is None

    @classmethod
    def failed(cls, quantity: Quantity, error: ProbeError, details: Details | None = None) -> Measurement:
        """Return the measurement that says why `quantity` has no value."""
        return cls(quantity, failure=Failure.from_error(error), details=details or {})


@dataclass(frozen=True)
class Observation:
    """A signed statement by the far end about what it saw itself: a compact JWS, carried in the evidence as it is."""

    envelope: str


class Person(Protocol):
    """Somebody in front of the computer; the command line and the wizard each bring their own."""

    def tell(self, text: str) -> None:
        """Show one instruction and return at once."""

    def confirm(self, text: str) -> None:
        """Show one instruction and return when the person has said that it is done."""

    def enter(self, text: str) -> str:
        """Show one instruction and return what the person types; nothing typed is an answer too."""

    def ask(self, question: str) -> bool:
        """Return the answer to a yes-or-no question."""

    def count(self, question: str, most: int) -> int:
        """Return the answer to "how many", 0 to `most`."""


@dataclass(frozen=True)
class Target:
    """One far end that the policy names and the probe `reach` tries: protocol is tcp, udp, tls, https or wss.

    `path` is what is asked for over https and wss, `probe` what is asked over udp: stun or sip.
    """

    name: str
    host: str
    port: int
    protocol: str
    path: str = ""
    probe: str = ""

    @property
    def quantity(self) -> str:
        """The name of the quantity that tells whether it is reached."""
        return f"{REACH}{self.name}"

    @property
    def address(self) -> str:
        """Where this computer would connect to; a person agrees to exactly this, whatever the target is called."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.protocol}://{host}:{self.port}{self.path}"

    @property
    def asked_by(self) -> str:
        """What is sent over UDP: SIP at its own port, else STUN, unless the policy says."""
        return self.probe or ("sip" if self.port == SIP_PORT else "stun")


def is_reach(quantity: str) -> bool:
    """Tell whether a quantity says if a target is reached."""
    return quantity.startswith(REACH)


@dataclass(frozen=True)
class CheckSetup:
    """What one check tells its probes when they are built; every probe class takes what it needs by `for_check`."""

    person: Person | None = None  # None: unattended; what needs somebody fails with the code ``needs_person``
    responder_url: str | None = None  # base address of the far end; None: there is none
    collector_url: str | None = None  # base address of the collector; None: not enrolled
    responder_key: Mapping[str, str] | None = None  # its pinned public JWK
    nonces: tuple[str, ...] = ()  # the collectors' challenges, to be woven into what the far end signs
    method: str = "responder"  # responder, ndt7 or speedtest
    ndt7_url: str | None = None  # an ndt7 server to use instead of M-Lab's
    agreed: bool = False  # to what the service behind the method does with what it sees
    state: Path | None = None  # the folder where homecheck keeps its state
    listen_seconds: float = 10.0  # how long the room is listened to
    full_scale_spl: float | None = None  # dB SPL of a sound of 0 dBFS, as the person states it; None: not calibrated
    headset: str | None = None  # the audio endpoint to test, by id or name; None: the system's default
    targets: tuple[Target, ...] = ()  # that a policy asks for, and the person agreed to connect to
    local_targets: bool = False  # True: targets on this computer itself may be tried; the collector is there as well
    devices: DeviceList = field(default_factory=DeviceList)  # sound devices that the programs' policies list
    asked: frozenset[str] | None = None  # quantities that somebody asks for; None: whatever can be measured
    enough_mbit_s: float | None = None  # throughput beyond which no policy wants to know more; None: that is not known
    may_load: bool = True  # False: data costs money here and nobody allowed to spend it; the line is not filled
    most_bytes: int | None = None  # that one check may spend on the network, both directions together
    regions: tuple[str, ...] | None = None  # that policies speak of, by ISO 3166; None: none asks where somebody works
    declared_region: str | None = None  # from a file of answers
    caller: Caller | None = None  # the collector that has a telephone called; None: none was asked for


# For whoever lists what can be measured, with no policy at hand: a target stands for all there may be.
FOR_LISTS: Final = CheckSetup(targets=(Target("<target>", "", 0, "any"),))


@runtime_checkable
class Probe(Protocol):
    """A source of measurements. Devices and clocks come in as fields with defaults, so that a test needs no device."""

    @property
    def name(self) -> str:
        """One word; the file in `probes/` has the same."""

    @property
    def version(self) -> str:
        """Changes whenever the same home could yield other values; written into every run."""

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Everything this probe measures."""

    @property
    def needs(self) -> frozenset[Need]:
        """The scarce things this probe uses."""

    @property
    def reveals(self) -> str:
        """One sentence for the candidate: what this probe's measurements tell about them."""

    @property
    def deadline_seconds(self) -> float:
        """When the agent stops waiting and records a failure instead."""

    def run(self) -> Iterable[Measurement | Observation]:
        """Measure. Raise ProbeError when that is not possible."""


def check_value(kind: Kind, value: Value, uncertainty: float | None, name: str) -> None:
    """Raise ValueError unless `value` and `uncertainty` fit a quantity of this kind."""
    if kind is Kind.NUMBER:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{name}: {value!r} is not a number")
        if uncertainty is None or not math.isfinite(uncertainty) or uncertainty < 0:
            raise ValueError(f"{name}: a number needs an uncertainty of 0 or more, not {uncertainty!r}")
    elif uncertainty is not None:
        raise ValueError(f"{name}: {kind.value} has no uncertainty")
    elif kind is Kind.TEXT and not isinstance(value, str):
        raise ValueError(f"{name}: {value!r} is not a text")
    elif kind is Kind.YES_NO and not isinstance(value, bool):
        raise ValueError(f"{name}: {value!r} is not yes or no")
    check_json(value, name)


def check_earlier(kind: Kind, levels: tuple[Level, ...], name: str) -> None:
    """Raise ValueError unless `levels` are those of a number, few enough, in order of time, and whole."""
    if levels and kind is not Kind.NUMBER:
        raise ValueError(f"{name}: {kind.value} has no earlier levels")
    if len(levels) > MAX_EARLIER:
        raise ValueError(f"{name}: {len(levels)} earlier levels, at most {MAX_EARLIER}")
    moments = [level.at for level in levels]
    if any(type(at) is not int or not 0 <= at <= LAST_SECOND for at in moments):  # true is not 1
        raise ValueError(f"{name}: an earlier level has no time in Unix seconds")
    if moments != sorted(set(moments)):
        raise ValueError(f"{name}: the earlier levels are not in order of time")
    for level in levels:
        if type(level.uncertainty) not in (int, float):
            raise ValueError(f"{name}: earlier level: {level.uncertainty!r:.40} is no uncertainty")
        check_value(Kind.NUMBER, level.value, level.uncertainty, f"{name}: earlier level")


def check_json(value: object, name: str) -> None:
    """Raise ValueError unless `value` can be written as JSON that every reader understands alike."""
    if isinstance(value, str):
        check_text(value, name)
    elif value is None or isinstance(value, bool):
        return
    elif isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise ValueError(f"{name}: {value} is beyond 2^53")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{name}: {value} is not finite")
    elif isinstance(value, Mapping):
        _check_members(value, name)
    elif isinstance(value, list | tuple):
        for inner in value:
            check_json(inner, name)
    else:
        raise ValueError(f"{name}: {type(value).__name__} is not JSON (convert numpy values with float())")


def _check_members(members: Mapping[Any, Any], name: str) -> None:
    for key, inner in members.items():
        if not isinstance(key, str):
            raise ValueError(f"{name}: the key {key!r} is not a text")
        kind = type(inner)
        short = kind is str and len(inner) <= MAX_TEXT and inner.isascii() and "\0" not in inner
        if not short and not (kind is int and -MAX_INTEGER <= inner <= MAX_INTEGER):  # most are: no name is made
            check_json(inner, f"{name}.{key}")


def clean_text(text: str) -> str:
    """Return `text` so that `check_text` takes it: for messages and names that come from drivers and strangers."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")[:MAX_TEXT]


def check_text(text: str, name: str) -> None:
    """Raise ValueError for a text that is too long, or holds a lone surrogate or NUL, which databases cannot store."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"{name}: {len(text)} characters, at most {MAX_TEXT}")
    if "\0" in text or _LONE_SURROGATE.search(text):
        raise ValueError(f"{name}: NUL or lone surrogate in {text!r}")


_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def refuse_twice(what: str, names: Iterable[str]) -> None:
    """Raise ValueError when a name stands twice."""
    every = list(names)
    if len(set(every)) == len(every):
        return
    seen: set[str] = set()
    for name in every:
        if name in seen:
            raise ValueError(f"the {what} {name!r:.60} stands twice")
        seen.add(name)
