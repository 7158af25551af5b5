"""The contract between probes and everything else: Quantity, Measurement, Probe.

A probe measures and never judges. It declares its quantities, each with unit and method, and returns each of them
exactly once: as a `Measurement` with a value, or as one with a `Failure`. A probe that cannot measure at all raises
`homecheck.errors.ProbeError`; the agent turns that into one failed measurement per quantity, signed like any other.

Words: VIM (JCGM 200) for quantity and measurement; RATS (RFC 9334) calls a measurement a Claim.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol, runtime_checkable

from homecheck.errors import AT_FAULT, AtFault, ProbeError
from homecheck.strict_json import MAX_INTEGER

Value = float | int | str | bool
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Details = Mapping[str, Json]

MAX_TEXT: Final = 500  # characters; device names are attacker-controlled and must stay short


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
class Measurement:
    """One quantity's value with its uncertainty, or its failure; exactly one of the two.

    `uncertainty` is the half width of a 95 % interval in the quantity's unit; numbers have one (0 for an exact count),
    text and yes/no have none. `details` are further JSON values for the reader; nothing is judged by them.

    Raises ValueError for a value that does not fit its quantity and for numbers that are not finite, so that a driver's
    NaN spoils one measurement and never the whole evidence.
    """

    quantity: Quantity
    value: Value | None = None
    uncertainty: float | None = None
    failure: Failure | None = None
    details: Details = field(default_factory=dict)

    def __post_init__(self) -> None:
        name = self.quantity.name
        if (self.value is None) == (self.failure is None):
            raise ValueError(f"{name}: exactly one of value and failure")
        check_json(self.details, f"{name}: details")
        if self.value is not None:
            check_value(self.quantity.kind, self.value, self.uncertainty, name)
        elif self.uncertainty is not None:
            raise ValueError(f"{name}: a failure has no uncertainty")

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


@dataclass(frozen=True)
class Target:
    """One far end that the policy names and the probe `reach` tries: protocol is tcp, udp, tls, https or wss."""

    name: str
    host: str
    port: int
    protocol: str


@dataclass(frozen=True)
class CheckSetup:
    """What one check tells its probes when they are built; every probe class takes what it needs by `for_check`."""

    person: Person | None = None  # None: unattended; what needs somebody fails with the code ``needs_person``
    responder_url: str | None = None  # base address of the far end; None: there is none
    responder_key: Mapping[str, str] | None = None  # its pinned public JWK
    nonce: str | None = None  # the collector's challenge, to be woven into what the far end signs
    method: str = "responder"  # responder, ndt7 or speedtest
    listen_seconds: float = 10.0  # how long the room is listened to
    headset: str | None = None  # the audio endpoint to test, by id or name; None: the system's default
    targets: tuple[Target, ...] = ()


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
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ValueError(f"{name}: the key {key!r} is not a text")
            check_json(inner, f"{name}.{key}")
    elif isinstance(value, list | tuple):
        for inner in value:
            check_json(inner, name)
    else:
        raise ValueError(f"{name}: {type(value).__name__} is not JSON (convert numpy values with float())")


def clean_text(text: str) -> str:
    """Return `text` so that `check_text` takes it: for messages and names that come from drivers and strangers."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")[:MAX_TEXT]


def check_text(text: str, name: str) -> None:
    """Raise ValueError for a text that is too long, or holds a lone surrogate or NUL, which databases cannot store."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"{name}: {len(text)} characters, at most {MAX_TEXT}")
    if "\0" in text or any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise ValueError(f"{name}: NUL or lone surrogate in {text!r}")


def refuse_twice(what: str, names: Iterable[str]) -> None:
    """Raise ValueError when a name stands twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"the {what} {name!r:.60} stands twice")
        seen.add(name)
