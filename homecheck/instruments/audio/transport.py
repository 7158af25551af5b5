"""From facts to a transport: one decision for all systems.

Order of evidence, the first that speaks decides:

1. the system says Bluetooth: bluetooth;
2. the system says virtual (also aggregate, AirPlay, network) or display: no headset;
3. a USB id in the table: what the table says;
4. a USB id that nobody knows: words in the product name, enough for "wireless", never for "wired";
5. an onboard codec: wired with an occupied jack in use, else builtin;
6. anything else: unverified.

No system tells a 2.4 GHz or DECT dongle from a cord: a dongle is a plain USB sound card everywhere, and form factors
say nothing about cords (a wireless Logitech G930 calls itself "headset", a wired Blackwire 3225 nothing). Hence the
table, and hence `unverified` instead of a guess.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from homecheck.instruments.audio.endpoint import AudioEndpoint, Facts, Transport
from homecheck.instruments.audio.name_rules import name_rules
from homecheck.instruments.audio.usb_table import UsbDevice, usb_table

_WORN: Final = frozenset({"headset", "headphone", "headphones", "hands-free", "earbuds"})
_NOT_WORN: Final = frozenset(
    {"webcam", "microphone", "speaker", "speakers", "internal", "handset", "tv", "computer", "portable", "car", "hifi"}
)
_NO_HEADSET_KINDS: Final = frozenset(
    {"speakerphone", "speaker", "conference-hub", "landline-adapter", "desk-phone", "voice-modem"}
)


@dataclass(frozen=True)
class Conclusion:
    """What the evidence allows to say about one endpoint."""

    transport: Transport
    connection: str
    headset: bool | None
    reason: str
    kind: str = ""


def classify(facts: Facts) -> AudioEndpoint:
    """Return the endpoint that `facts` describe."""
    known = {field.name: getattr(facts, field.name) for field in fields(Facts)}
    conclusion = conclude(facts)
    return AudioEndpoint(**known, **{field.name: getattr(conclusion, field.name) for field in fields(Conclusion)})


def conclude(facts: Facts) -> Conclusion:
    """Return what `facts` prove, in the order of evidence above."""
    if facts.bus == "bluetooth":
        return Conclusion("bluetooth", "bluetooth", _worn(facts), "the system names Bluetooth as its transport")
    if facts.bus == "virtual":
        return Conclusion("virtual", "virtual", False, "the system names no hardware behind it")
    if facts.bus == "display":
        return Conclusion("unverified", "display", False, "it belongs to a screen (HDMI or DisplayPort)")
    if facts.bus == "usb":
        return _of_usb(facts)
    if facts.bus == "onboard":
        return _of_jack(facts, "analog", "internal")
    return Conclusion("unverified", facts.bus, _worn(facts), "the system does not say how it is connected")


def _of_usb(facts: Facts) -> Conclusion:
    device = usb_table().get((facts.vendor_id or "", facts.product_id or ""))
    return _of_name(facts) if device is None else _of_table(facts, device)


def _of_table(facts: Facts, device: UsbDevice) -> Conclusion:
    usb = f"USB id {facts.vendor_id}:{facts.product_id} is {device.name} ({device.kind}; {device.source})"
    if device.kind == "wired":
        return Conclusion("wired", "usb", True, usb, device.kind)
    if device.kind == "wired-adapter":
        return Conclusion("wired", "usb", None, f"{usb}: what is plugged into it cannot be seen", device.kind)
    if device.kind in ("wireless-dongle", "wireless-base-station"):
        return Conclusion("rf-dongle", "usb", True, usb, device.kind)
    if device.kind == "wireless-headset-on-usb-cable":
        return Conclusion("unverified", "usb", True, f"{usb}: corded only while it charges", device.kind)
    if device.kind == "dock-or-onboard-codec":
        found = _of_jack(facts, "analog", "usb")
        return Conclusion(found.transport, found.connection, found.headset, f"{usb}; {found.reason}", device.kind)
    if device.kind in _NO_HEADSET_KINDS:
        return Conclusion("unverified", "usb", False, f"{usb}: not a headset", device.kind)
    return Conclusion("unverified", "usb", _worn(facts), f"{usb}: one id, wired and wireless products", device.kind)


def _of_name(facts: Facts) -> Conclusion:
    rules, worn = name_rules(), _worn(facts)
    unknown = f"USB id {facts.vendor_id or '?'}:{facts.product_id or '?'} is in no table"
    if worn is not False and (found := rules.wireless_headset.search(facts.model)):
        reason = f"{unknown}; {found.group()!r} is a wireless headset, here perhaps on its charging cable"
        return Conclusion("unverified", "usb", True, reason)
    if worn is not False and (found := rules.wireless_receiver.search(facts.model)):
        return Conclusion("rf-dongle", "usb", worn, f"{unknown}; its name says {found.group()!r}")
    if found := rules.wired_hint.search(facts.model):
        reason = f"{unknown}; its name says {found.group()!r}, which is a hint and no proof of a cord"
        return Conclusion("unverified", "usb", worn, reason)
    return Conclusion("unverified", "usb", worn, f"{unknown} and its name says nothing about a cord")


def _of_jack(facts: Facts, plugged: str, empty: str) -> Conclusion:
    """A codec inside the computer or a dock: what matters is whether the port in use has a plug in it."""
    if facts.jack == "occupied" and facts.port != "internal":
        worn = True if facts.port in ("headset", "headphones") else None
        return Conclusion("wired", plugged, worn, "the 3.5 mm jack in use is occupied")
    if facts.jack == "empty":
        return Conclusion("builtin", empty, False, "the 3.5 mm jack is empty")
    return Conclusion("builtin", empty, False, "no plug is seen in the port in use")


def _worn(facts: Facts) -> bool | None:
    """Whether the thing is worn on the head, as far as its form factor or its name tells."""
    form = facts.form_factor.lower()
    if form in _WORN:
        return True
    if form in _NOT_WORN or name_rules().not_a_headset.search(facts.model):
        return False
    return True if name_rules().headset.search(facts.model) else None
