"""From facts to a transport: one decision for all systems.

Order of evidence, the first that speaks decides:

1. the system says Bluetooth: bluetooth;
2. the system says virtual (also aggregate, AirPlay, network) or display: no headset;
3. a USB id in a list: what the list says (a program's own, the one that is shipped, this computer's);
4. a USB id that nobody lists: its descriptors tell telephones and cameras; words in the product name are enough for
   "wireless", never for "wired";
5. an onboard codec: wired with an occupied jack in use, else builtin;
6. anything else: unverified.

No system tells a 2.4 GHz or DECT dongle from a cord: a dongle is a plain USB sound card everywhere, and form factors
say nothing about cords (a wireless Logitech G930 calls itself "headset", a wired Blackwire 3225 nothing). Hence the
lists, and hence `unverified` instead of a guess.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final

from homecheck.device_list import DISPUTED
from homecheck.instruments.audio.endpoint import AudioEndpoint, Facts, IdentifiedBy, Transport, shown
from homecheck.instruments.audio.knowledge import Knowledge
from homecheck.instruments.audio.usb_table import UsbDevice
from homecheck.instruments.audio.usb_terminals import TELEPHONES, named
from homecheck.instruments.audio.worn import Worn, worn

_NO_HEADSET_KINDS: Final = frozenset({
    "speakerphone", "speaker", "microphone", "webcam", "conference-hub",
    "landline-adapter", "desk-phone", "voice-modem",
})  # fmt: skip
_NARROW_BAND: Final = (8000, 16000)  # Hz


@dataclass(frozen=True)
class Conclusion:
    """What the evidence allows to say about one endpoint."""

    transport: Transport
    connection: str
    headset: bool | None
    reason: str
    identified_by: IdentifiedBy
    kind: str = ""
    headset_reason: str = ""


def classify(facts: Facts, knowledge: Knowledge | None = None) -> AudioEndpoint:
    """Return the endpoint that `facts` describe, by what is shipped and what `knowledge` adds."""
    known = {field.name: getattr(facts, field.name) for field in fields(Facts)}
    conclusion = conclude(facts, knowledge or Knowledge())
    return AudioEndpoint(**known, **{field.name: getattr(conclusion, field.name) for field in fields(Conclusion)})


def conclude(facts: Facts, knowledge: Knowledge) -> Conclusion:
    """Return what `facts` prove, in the order of evidence above."""
    if facts.bus == "bluetooth":
        reason = "the system names Bluetooth as its transport"
        return _with_worn(Conclusion("bluetooth", "bluetooth", None, reason, "system"), facts, knowledge)
    if facts.bus == "virtual":
        return _no_headset("virtual", "virtual", "the system names no hardware behind it")
    if facts.bus == "display":
        return _no_headset("unverified", "display", "it belongs to a screen (HDMI or DisplayPort)")
    if facts.bus == "usb":
        return _of_usb(facts, knowledge)
    if facts.bus == "onboard":
        return _of_jack(facts, "analog", "internal")
    reason = "the system does not say how it is connected"
    if facts.bus == "other":
        reason = "it hangs on Thunderbolt, FireWire or a telephone: nothing there tells a cord"
    return _with_worn(Conclusion("unverified", facts.bus, None, reason, "nothing"), facts, knowledge)


def _of_usb(facts: Facts, knowledge: Knowledge) -> Conclusion:
    listed = knowledge.device(facts.vendor_id, facts.product_id)
    if listed is not None:
        device, origin = listed
        of_list = _of_list(facts, device, knowledge)
        # A word of this computer's own list that had a say in it is told, whoever listed the id.
        return of_list if of_list.identified_by == "local" else replace(of_list, identified_by=origin)
    found = _of_descriptors(facts) or _of_name(facts, knowledge)
    if found.transport == "unverified" and facts.input_channels == 1 and facts.native_rate in _NARROW_BAND:
        band = f"its {facts.native_rate // 1000} kHz in one channel are usual for wireless headsets and for telephones"
        found = replace(found, reason=f"{found.reason}; {band}")
    return _with_worn(found, facts, knowledge) if found.headset is None else found


def _of_list(facts: Facts, device: UsbDevice, knowledge: Knowledge) -> Conclusion:
    usb = f"USB id {facts.vendor_id}:{facts.product_id} is {shown(device.name)} ({device.kind}; {shown(device.source)})"

    def told(transport: Transport, headset: bool | None, more: str = "") -> Conclusion:
        reason = f"{usb}: {more}" if more else usb
        return Conclusion(transport, "usb", headset, reason, "shipped", device.kind, f"the list says {device.kind}")

    if device.kind == "wired":
        return told("wired", True)
    if device.kind == "wired-adapter":
        return told("wired", None, "what is plugged into it cannot be seen")
    if device.kind in ("wireless-dongle", "wireless-base-station"):
        return told("rf-dongle", True)
    if device.kind == "wireless-headset-on-usb-cable":
        return told("unverified", True, "corded only while it charges")
    if device.kind == "dock-or-onboard-codec":
        found = _of_jack(facts, "analog", "usb")
        return replace(found, reason=f"{usb}; {found.reason}", kind=device.kind)
    if device.kind in _NO_HEADSET_KINDS:
        return told("unverified", False, "not a headset")
    more = (
        "the lists of two programs disagree on it" if device.kind == DISPUTED else "one id, wired and wireless products"
    )
    return _with_worn(told("unverified", None, more), facts, knowledge)


def _of_descriptors(facts: Facts) -> Conclusion | None:
    """What a device that nobody lists says about itself in USB's own classes, where that settles what it is."""
    unknown = _unlisted(facts)
    if line := named(facts.terminals, TELEPHONES):
        reason = f"{unknown}; its USB descriptors call it {line}"
        return Conclusion("unverified", "usb", False, reason, "system", "landline-adapter", reason)
    if facts.camera:
        reason = f"{unknown}; the same USB device has a camera"
        return Conclusion("unverified", "usb", False, reason, "system", "webcam", reason)
    return None


def _of_name(facts: Facts, knowledge: Knowledge) -> Conclusion:
    unknown = _unlisted(facts)
    not_worn = worn(facts, knowledge).value is False
    if not not_worn and (found := knowledge.word("wireless_headset", facts.model)):
        reason = f"{unknown}; {found.words!r} is a wireless headset, here perhaps on its charging cable"
        return Conclusion("unverified", "usb", True, reason, found.origin, "", f"its name says {found.words!r}")
    if not not_worn and (found := knowledge.word("wireless_receiver", facts.model)):
        return Conclusion("rf-dongle", "usb", None, f"{unknown}; its name says {found.words!r}", found.origin)
    if found := knowledge.word("dock_or_adapter", facts.model):
        reason = f"{unknown}; its name says {found.words!r}: what is plugged into its jack cannot be seen"
        return Conclusion("unverified", "usb", None, reason, found.origin)
    if found := knowledge.word("wired_hint", facts.model):
        reason = f"{unknown}; its name says {found.words!r}, which is a hint and no proof of a cord"
        return Conclusion("unverified", "usb", None, reason, found.origin)
    return Conclusion("unverified", "usb", None, f"{unknown} and its name says nothing about a cord", "nothing")


def _unlisted(facts: Facts) -> str:
    if facts.vendor_id is None:
        return "the system tells no USB id"
    return f"USB id {facts.vendor_id}:{facts.product_id or '?'} is in no list"


def _of_jack(facts: Facts, plugged: str, empty: str) -> Conclusion:
    """A codec inside the computer or a dock: what matters is whether the port in use has a plug in it."""
    if facts.jack == "occupied" and facts.port == "line":
        return Conclusion("wired", plugged, False, "a plug is in the line input", "system", "", "it is a line input")
    if facts.jack == "occupied" and facts.port != "internal":
        reason = "the 3.5 mm jack in use is occupied"
        sees_headset = facts.port in ("headset", "headphones")
        why = f"the jack sees {facts.port}" if sees_headset else "the jack does not see what is plugged in"
        return Conclusion("wired", plugged, True if sees_headset else None, reason, "system", "", why)
    if facts.jack == "empty":
        return _no_headset("builtin", empty, "the 3.5 mm jack is empty")
    if facts.backend == "coreaudio" and facts.port == "unknown":
        reason = "the system's name for it does not tell the built-in microphone from the 3.5 mm jack"
        return Conclusion("unverified", "unknown", None, reason, "nothing", "", reason)
    return _no_headset("builtin", empty, "no plug is seen in the port in use")


def _no_headset(transport: Transport, connection: str, reason: str) -> Conclusion:
    return Conclusion(transport, connection, False, reason, "system", "", reason)


def _with_worn(conclusion: Conclusion, facts: Facts, knowledge: Knowledge) -> Conclusion:
    """Return the conclusion with what is known about being worn; a local list that had a say in it is named."""
    found: Worn = worn(facts, knowledge)
    by: IdentifiedBy = "local" if found.origin == "local" else conclusion.identified_by
    return replace(conclusion, headset=found.value, headset_reason=found.reason, identified_by=by)
