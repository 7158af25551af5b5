"""What a candidate reads instead of quantity names, verdicts and causes."""

from __future__ import annotations

from typing import Final

from homecheck.appraisal import Finding, Verdict
from homecheck.errors import AtFault

LABELS: Final = {
    "host.cpu_cores": "Processor cores",
    "host.cpu_ghz": "Processor speed",
    "host.cpu_load": "Processor load",
    "host.memory": "Memory",
    "host.disk_free": "Free disk space",
    "host.os": "Operating system",
    "host.os_supported": "Operating system still gets updates",
    "host.virtual_machine": "Runs in a virtual machine",
    "host.power": "Power supply",
    "host.screens": "Screens",
    "host.screen_width": "Screen width",
    "host.screen_height": "Screen height",
    "host.clock_offset": "Clock error",
    "security.firewall": "Firewall",
    "security.antivirus": "Antivirus",
    "security.disk_encrypted": "Disk encryption",
    "security.updates_age": "Last updates",
    "link.type": "Kind of connection",
    "link.vpn": "VPN in use",
    "link.speed": "Link speed",
    "link.wifi_signal": "Wi-Fi signal",
    "network.download": "Download speed",
    "network.upload": "Upload speed",
    "network.rtt": "Round-trip time",
    "network.rtt_p95": "Round-trip time, slowest 5 %",
    "network.jitter": "Jitter",
    "network.pdv_p95": "Delay variation, worst 5 %",
    "network.loss": "Lost packets",
    "network.loss_up": "Lost packets, sending",
    "network.loss_down": "Lost packets, receiving",
    "network.loss_burst": "Burstiness of loss",
    "network.r": "Call rating (R)",
    "network.mos": "Call quality (MOS)",
    "network.loaded_rtt_increase": "Extra delay while the line is busy",
    "network.loaded_mos": "Call quality while the line is busy (MOS)",
    "network.rpm": "Responsiveness under load",
    "network.udp": "Voice packets (UDP) get through",
    "network.nat": "Kind of NAT",
    "network.sip_alg": "Router rewrites calls (SIP ALG)",
    "network.captive_portal": "Sign-in page in the way",
    "network.region": "Region seen by the far end",
    "headset.transport": "How the headset is connected",
    "headset.connection": "Headset plug",
    "headset.model": "Headset",
    "headset.headset": "Is a headset",
    "headset.speech_level": "Speech level",
    "headset.snr": "Voice over background",
    "headset.clipping": "Distorted peaks",
    "headset.dropouts": "Gaps in the sound",
    "headset.leak": "Earpiece heard by the microphone",
    "headset.roundtrip": "Sound delay",
    "headset.processed": "Sound is processed",
    "room.noise": "Noise in the room",
    "room.snr": "Own voice over the room",
    "room.variation": "Changes in the noise",
    "room.voices": "Voices in the room",
    "room.events": "Sudden sounds",
    "room.hum": "Mains hum",
    "room.kind": "Kind of noise",
    "landline.dial_tone": "Dial tone",
    "landline.digits": "Digits pressed on the phone",
    "landline.callback": "Call-back",
    "landline.adapter": "Phone adapter",
    "place.region": "Region",
    "place.timezone": "Time zone",
}

VERDICT_WORDS: Final = {
    Verdict.PASS: "passed",
    Verdict.WARN: "passed, with a remark",
    Verdict.INCONCLUSIVE: "not decided",
    Verdict.FAIL: "not passed",
}

HEADLINES: Final = {
    Verdict.PASS: "This home office is ready.",
    Verdict.WARN: "This home office is ready. Something could be better.",
    Verdict.INCONCLUSIVE: "Not decided yet: something could not be measured well enough.",
    Verdict.FAIL: "Not ready yet: see below what to change.",
}

SYMBOLS: Final = {Verdict.PASS: "✓", Verdict.WARN: "!", Verdict.INCONCLUSIVE: "?", Verdict.FAIL: "✗"}

FAULT_WORDS: Final[dict[AtFault, str]] = {
    "device": "the computer or headset",
    "room": "the room",
    "person": "something that only you can do",
    "home_link": "the home network",
    "line": "the internet line",
    "server": "our server – this does not count against you",
    "agent": "homecheck itself – this does not count against you",
}


def label(quantity: str) -> str:
    """Return what people call a quantity; one that is not known here keeps its name."""
    return LABELS.get(quantity, quantity)


def finding_label(finding: Finding) -> str:
    """Return the label of a finding; that of a declaration is general: its explanation holds the question."""
    return "Your answer" if finding.quantity.startswith("declaration.") else label(finding.quantity)
