"""What one operating system says about one sound device, and what homecheck concludes from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Final, Literal

Transport = Literal["wired", "bluetooth", "rf-dongle", "builtin", "virtual", "unverified"]
Bus = Literal["usb", "bluetooth", "onboard", "virtual", "display", "other", "unknown"]
Jack = Literal["occupied", "empty", "unknown"]
Port = Literal["headset", "headphones", "external", "line", "internal", "unknown"]
Backend = Literal["pulse", "alsa", "coreaudio", "wasapi"]
IdentifiedBy = Literal["system", "policy", "shipped", "local", "nothing"]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One endpoint as an operating system lists it, before anything is concluded.

    `bus` folds the systems' words together: ``onboard`` is PCI, HDA, SoundWire and the like, ``display`` HDMI and
    DisplayPort, ``virtual`` everything without hardware here (loopback, aggregate, AirPlay, network).
    `read_from` tells for each field that is filled where it was read, e.g. ``{"bus": "pactl device.bus=usb"}``.
    """

    id: str  # the system's own; may hold a serial number or a radio address and therefore never leaves the machine
    name: str  # as the system shows it
    backend: Backend
    bus: Bus = "unknown"
    product: str = ""  # the product's name where it is told apart from the endpoint's
    vendor_id: str | None = None  # four lower-case hexadecimal digits
    product_id: str | None = None
    native_rate: int | None = None  # Hz
    input_channels: int = 0
    output_channels: int = 0
    default_input: bool = False
    default_output: bool = False
    jack: Jack = "unknown"
    port: Port = "unknown"
    form_factor: str = ""  # the system's word for what the thing is; says nothing about a cord
    terminals: tuple[int, ...] = ()  # what its USB descriptors call its ends, e.g. 0x0402 headset
    camera: bool = False  # whether the same USB device has a video interface
    unit: str = ""  # what microphone and earpiece of one thing have in common; stays on the machine like the id
    earpiece: bool | None = None  # whether the same thing also plays sound; None: cannot be told
    muted: bool = False
    read_from: Mapping[str, str] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """The product's name, or the endpoint's where there is none."""
        return self.product or self.name

    @property
    def is_input(self) -> bool:
        """Whether something can be recorded from it."""
        return self.input_channels > 0


@dataclass(frozen=True, kw_only=True)
class AudioEndpoint(Facts):
    """An endpoint with what follows from its facts; made by `homecheck.instruments.audio.transport.classify`."""

    transport: Transport
    connection: str  # usb, analog, internal, bluetooth, virtual, display, other, unknown
    headset: bool | None  # None: cannot be told
    kind: str = ""  # the device list's word, or empty
    reason: str = ""  # why this transport, in one sentence
    headset_reason: str = ""  # why it is taken for a headset or not
    identified_by: IdentifiedBy = "nothing"  # whose word the transport and `headset` rest on


_ALWAYS_TOLD: Final = frozenset({"backend", "read_from"})
_DEFAULTS: Final = {found.name: found.default for found in fields(Facts)}


def filled(facts: Facts) -> frozenset[str]:
    """Return the names of the fields that say something, all but those that need no source."""
    told = (name for name in _DEFAULTS if name not in _ALWAYS_TOLD)
    return frozenset(name for name in told if getattr(facts, name) != _DEFAULTS[name])


def sourced(facts: Facts) -> Facts:
    """Return the facts with the sources of those fields alone that are filled."""
    told = filled(facts)
    return replace(facts, read_from={name: where for name, where in facts.read_from.items() if name in told})


def paired(found: Iterable[Facts], *, complete: bool = True) -> tuple[Facts, ...]:
    """Return the endpoints, each with whether its unit also plays sound, where the system tells what is one unit.

    Where the list is not `complete`, an earpiece that is not listed may be there all the same.
    """
    every = tuple(found)
    playing = {facts.unit for facts in every if facts.output_channels > 0}
    return tuple(
        _with_earpiece(facts, facts.unit in playing) if facts.unit and (complete or facts.unit in playing) else facts
        for facts in every
    )


def _with_earpiece(facts: Facts, plays: bool) -> Facts:
    where = f"{facts.read_from.get('unit', 'the list')}, shared by its endpoints"
    return replace(facts, earpiece=plays, read_from={**facts.read_from, "earpiece": where})


def usb_id(text: object) -> str | None:
    """Return four lower-case hexadecimal digits from ``046d``, ``0x046d`` or ``0x046d  (Name)``; None for others."""
    words = str(text or "").strip().lower().removeprefix("0x").split()
    if not words or len(words[0]) > 4 or any(digit not in "0123456789abcdef" for digit in words[0]):
        return None
    return words[0].zfill(4)


def shown(text: str) -> str:
    """Return a device's text as it may leave this computer: short and printable. Devices choose their names freely."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:120] or "unnamed"
