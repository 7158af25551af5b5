"""What would make somebody pass: for each finding that did not pass, the cheapest change that is likely to mend it.

A remedy is one sentence to act on, chosen by what was found: a cable helps against jitter only where the check came
over Wi-Fi, quiet companions only where voices were heard. What costs nothing comes first. Where nothing fits, the
policy's own advice stands. Pure: from the finding and the other values of the same evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from homecheck.appraisal import Finding, Verdict
from homecheck.errors import OURS
from homecheck.evidence import Evidence
from homecheck.measurement import Value, is_reach

# Measured beside what is asked for: what mends a connection depends on whether it is Wi-Fi. It fills no line.
BESIDE: Final[Mapping[str, tuple[str, ...]]] = {"link": ("network.", "reach.")}
Values = Mapping[str, Value]
Rule = tuple[Callable[[Finding, Values], bool], str]


@dataclass(frozen=True)
class Remedy:
    """What to change, and whether it is for the person to change anything at all."""

    change: str
    ours: bool = False


NOTHING: Final = (
    "You need not change anything: this was our side, and it does not count against you. Measure again a little later."
)
AGAIN: Final = "Measure this once more: the value lies so near the limit that one measurement cannot decide it."
NOT_ALL: Final = "Measure this once more: one measurement could not show all of it."
RUN_IT: Final = "Do this part: it has not been measured in this check."
CABLE: Final = "Use a network cable instead of Wi-Fi: plug it into the router and into this computer."
NEARER: Final = "Move nearer to the router, or use a network cable."
VPN: Final = "Switch the VPN off while you work, if it is your own."
PROVIDER: Final = "Show this result to your internet provider: the trouble arises behind your router."
QUIET_LINE: Final = (
    "Pause downloads, streaming, games and cloud backups at home, also on other devices, and measure again."
)
BUSY_LINE: Final = (
    "Pause big downloads and uploads while you take calls, or switch on the “smart queue” (SQM) in your router."
)
FIXED_LINE: Final = "Use a fixed line instead of the mobile network."
CORD: Final = "Plug in a headset with a cable (USB or round plug), and choose it on the headset page."
WEAR_ONE: Final = "Use a headset: a microphone on the table or in the computer hears the room."
NEAR_MOUTH: Final = "Put the microphone at the corner of your mouth, a finger's breadth away, and speak as on a call."
LOWER_MIC: Final = "Turn the microphone's level (also called gain or boost) down in the sound settings."
LOWER_EAR: Final = "Turn the headset's volume down a little: the microphone hears the earpiece."
UNPROCESSED: Final = "Turn off noise suppression and sound effects for this microphone in its program or settings."
OWN_PORT: Final = "Plug the headset directly into the computer, without a hub, and close other programs."
CLOSE_DOOR: Final = "Close the door and windows and ask others at home to be quiet while you measure and work."
AWAY_FROM_HUM: Final = "Move the headset's cable away from chargers and power supplies, or unplug the charger once."
STEADY_NOISE: Final = "Switch off fans, ventilation and machines nearby, and close the window."
QUIETER_ROOM: Final = "Go to a quieter room, or a quieter hour, and measure again."
CLOSE_PROGRAMS: Final = "Close programs that you do not need, and measure again."
FREE_DISK: Final = "Delete or move files that you do not need, and empty the bin."
UPDATE: Final = "Install the system's updates, restart the computer, and measure again."
CHARGER: Final = "Plug the charger in."
CLOCK: Final = "Let the system set date and time by itself, in the settings for date and time."
SCREEN: Final = "Connect another screen, or a larger one."
OTHER_COMPUTER: Final = "This computer is too weak for this: ask the company which computers it accepts."
FIREWALL: Final = "Switch the system's firewall on."
ANTIVIRUS: Final = "Switch the system's virus protection on."
ENCRYPT: Final = "Switch disk encryption on (BitLocker, FileVault or LUKS)."
FILTERED: Final = (
    "Switch off VPNs, ad blockers and family filters and measure again. Or try once over another network, such as your "
    "phone's: if it works there, your router or provider stops this connection."
)
OTHER_NETWORK: Final = (
    "Try once over another network, such as your phone's, with VPNs switched off. If it works there, your router, VPN "
    "or provider stops this connection; if not, tell the people who asked for the check: it is not your fault."
)
OTHER_ANSWER: Final = (
    "The company needs another answer here. If your answer was a slip, answer again; else talk to the company."
)
ANSWER: Final = "Answer this question."


def _is(quantity: str, value: Value) -> Callable[[Finding, Values], bool]:
    return lambda _finding, values: values.get(quantity) == value


def _runs(*systems: str) -> Callable[[Finding, Values], bool]:
    return lambda _finding, values: str(values.get("host.os", "")).startswith(systems)


def _at_fault(side: str) -> Callable[[Finding, Values], bool]:
    return lambda finding, _values: finding.cause is not None and finding.cause.at_fault == side


def _always(_finding: Finding, _values: Values) -> bool:
    return True


def _too_much(finding: Finding, _values: Values) -> bool:
    return "at most" in finding.explanation


# In the order in which they are tried: what costs nothing first. Both Wi-Fi and a busy home can make any of these.
_LINE: Final[tuple[Rule, ...]] = (
    (_at_fault("line"), PROVIDER),
    (_is("link.type", "wifi"), CABLE),
    (_is("link.vpn", True), VPN),
    (_is("link.type", "cellular"), FIXED_LINE),
    (_always, QUIET_LINE),
)
_BUSY: Final[tuple[Rule, ...]] = ((_always, BUSY_LINE),)
_ROOM: Final[tuple[Rule, ...]] = (
    (_is("room.kind", "voices"), CLOSE_DOOR),
    (_is("room.kind", "hum"), AWAY_FROM_HUM),
    (_is("room.kind", "steady"), STEADY_NOISE),
    (_is("room.kind", "events"), CLOSE_DOOR),
    (_always, QUIETER_ROOM),
)
_RULES: Final[Mapping[str, tuple[Rule, ...]]] = {
    **{
        f"network.{name}": _LINE
        for name in (
            "download", "upload", "rtt", "rtt_p95", "jitter", "pdv_p95", "loss", "loss_up", "loss_down", "loss_burst",
            "r", "mos",
        )
    },
    "network.loaded_rtt_increase": _BUSY,
    "network.loaded_mos": _BUSY,
    "network.rpm": _BUSY,
    "network.tls_intercepted": ((_is("link.vpn", True), VPN),),
    "link.type": ((_is("link.type", "wifi"), CABLE), (_is("link.type", "cellular"), FIXED_LINE)),
    "link.wifi_signal": ((_always, NEARER),),
    "link.vpn": ((_always, VPN),),
    "link.speed": ((_is("link.type", "wifi"), CABLE),),
    "headset.transport": ((_always, CORD),),
    "headset.connection": ((_always, CORD),),
    "headset.headset": ((_always, WEAR_ONE),),
    "headset.speech_level": ((_too_much, LOWER_MIC), (_always, NEAR_MOUTH)),
    "headset.snr": ((_always, NEAR_MOUTH),),
    "headset.clipping": ((_always, LOWER_MIC),),
    "headset.leak": ((_always, LOWER_EAR),),
    "headset.dropouts": ((_always, OWN_PORT),),
    "headset.processed": ((_always, UNPROCESSED),),
    **{f"room.{name}": _ROOM for name in ("noise", "kind", "snr", "variation")},
    "room.voices": ((_always, CLOSE_DOOR),),
    "room.events": ((_always, CLOSE_DOOR),),
    "room.hum": ((_always, AWAY_FROM_HUM),),
    "host.cpu_load": ((_always, CLOSE_PROGRAMS),),
    "host.disk_free": ((_always, FREE_DISK),),
    "host.os_supported": ((_always, UPDATE),),
    "host.power": ((_always, CHARGER),),
    "host.clock_offset": ((_always, CLOCK),),
    **{f"host.{name}": ((_always, SCREEN),) for name in ("screens", "screen_width", "screen_height")},
    **{f"host.{name}": ((_always, OTHER_COMPUTER),) for name in ("cpu_cores", "cpu_ghz", "memory")},
    "security.firewall": ((_always, FIREWALL),),
    "security.antivirus": ((_runs("Windows", "macOS"), ANTIVIRUS),),  # Linux has none of its own to switch on
    "security.disk_encrypted": ((_always, ENCRYPT),),
    "security.updates_age": ((_always, UPDATE),),
}  # fmt: skip
SENTENCES: Final = tuple(
    value for name, value in sorted(globals().items()) if name.isupper() and isinstance(value, str)
)

_ONCE_MORE: Final = {"uncertainty": AGAIN, "it may be better": NOT_ALL, "it may be worse": NOT_ALL}


def is_needed_for(probe: str, asked: Iterable[str]) -> bool:
    """Tell whether a probe is needed to know what mends something that is asked for, whether it is asked for or not."""
    return any(name.startswith(BESIDE.get(probe, ())) for name in asked)


def remedy(finding: Finding, evidence: Evidence) -> Remedy | None:
    """Return the cheapest change for a finding; None for one that passed, or where nobody knows one."""
    if finding.verdict is Verdict.PASS:
        return None
    if is_reach(finding.quantity) and (found := _of_a_target(finding)) is not None:
        return found
    if finding.at_fault == "agent" and finding.advice:  # what homecheck lacks, and who can give it
        return Remedy(finding.advice, ours=True)
    if finding.at_fault in OURS or (finding.cause is not None and finding.cause.is_ours):
        return Remedy(NOTHING, ours=True)
    if finding.at_fault is not None:  # it could not be measured: what stopped it says what helps
        declared = finding.quantity.startswith("declaration.")
        return Remedy(ANSWER) if declared else _or_none(finding.advice)
    values = {one.quantity.name: one.value for one in evidence.measurements() if one.value is not None}
    if finding.quantity.startswith("declaration."):
        return Remedy(OTHER_ANSWER)
    if finding.quantity not in values:
        return Remedy(RUN_IT)
    if finding.verdict is Verdict.INCONCLUSIVE:
        again = next((change for words, change in _ONCE_MORE.items() if words in finding.explanation), "")
        return _or_none(again or finding.advice)
    for applies, change in _RULES.get(finding.quantity, ()):
        if applies(finding, values):
            return Remedy(change)
    return _or_none(finding.advice)


def _of_a_target(finding: Finding) -> Remedy | None:
    """Return what helps where a target is not reached: nobody knows yet whether it is the target or the home."""
    if finding.at_fault is not None:
        return _or_none(finding.advice)
    if finding.cause is None:
        return None
    return Remedy(OTHER_NETWORK if finding.cause.is_ours else FILTERED)


def _or_none(advice: str) -> Remedy | None:
    return Remedy(advice) if advice else None
