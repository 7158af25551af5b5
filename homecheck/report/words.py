"""What a candidate reads instead of quantity names, verdicts and causes."""

from __future__ import annotations

from typing import Final

from homecheck.appraisal import Finding, Verdict
from homecheck.errors import AtFault
from homecheck.locale import ENGLISH, Translator
from homecheck.measurement import EARLIER, REACH, is_reach
from homecheck.policy import Policy

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
    "link.metered": "Data costs money",
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
    "network.gateway_rtt": "Round trip to your router",
    "network.first_hop_rtt": "Round trip to your provider",
    "network.dns_time": "Time to look up a name",
    "network.collector_rtt": "Round trip to the hiring company's server",
    "network.ipv4": "IPv4 works",
    "network.ipv6": "IPv6 works",
    "network.cgnat": "Provider shares one address among customers (CGNAT)",
    "network.http_proxy": "Proxy in the way",
    "network.region": "Region seen by the far end",
    "network.tls_intercepted": "Encrypted connections are opened on their way",
    "headset.transport": "How the headset is connected",
    "headset.connection": "Headset plug",
    "headset.model": "Headset",
    "headset.headset": "Is a headset",
    "headset.identified_by": "Whose word the headset rests on",
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

WITH_EARLIER: Final = "{name}, of earlier checks too, with their times"

# What a name that people do not know from home stands for, in one sentence.
MEANINGS: Final = {
    "security.firewall": "Whether something filters what comes in from the network.",
    "security.antivirus": "Whether a program against viruses runs. Linux has none of its own.",
    "security.disk_encrypted": "Whether nobody can read the disks after taking them out.",
    "security.updates_age": "How long ago the system was updated; virus definitions do not count.",
    "link.wifi_signal": "The nearer to 0, the better: -50 is strong, -80 is weak.",
    "network.rtt": "How long a packet needs to the measuring server and back.",
    "network.rtt_p95": "One packet in twenty needs longer than this.",
    "network.jitter": "How unevenly voice packets arrive, on average.",
    "network.pdv_p95": "One voice packet in twenty comes later than the fastest by more than this.",
    "network.loss_burst": "1: packets are lost one by one; more: several in a row, which is heard sooner.",
    "network.r": "Calculated from delay and loss: 93 is as good as a telephone gets, below 70 many are dissatisfied.",
    "network.mos": "How people would rate a call, from 1 (bad) to 4.4 (as good as a telephone gets).",
    "network.loaded_rtt_increase": "How much later voice packets come while somebody fills the line.",
    "network.loaded_mos": "The same rating while somebody fills the line.",
    "network.rpm": "How often a minute something can go back and forth while somebody fills the line.",
    "network.udp": "Calls use this kind of packet; some firewalls stop it.",
    "network.nat": "How your router shares its address; calls have trouble with address-and-port-dependent alone.",
    "network.sip_alg": "Yes: your router changes the calls of programs and desk phones that use SIP.",
    "network.captive_portal": "Yes: a page of a hotel or guest network wants a sign-in first.",
    "network.dns_time": "How long it takes until the address behind a name is known.",
    "network.ipv4": "The older of the two kinds of internet address; one of the two is enough.",
    "network.ipv6": "The newer of the two kinds of internet address; one of the two is enough.",
    "network.http_proxy": "Yes: something fetches web pages on behalf of this computer.",
    "place.region": "The country, or state and country, that you said you work in.",
    "landline.callback": "Yes: you answered a call to the number on file and handed in the code that was played there.",
    "network.tls_intercepted": "Yes: a security program or the network reads what is meant to be secret.",
}

REACHES: Final = "Whether a server that the work needs can be reached from here."

# What to try first where the cause of a value that did not pass is known.
CAUSE_ADVICE: Final[dict[AtFault, str]] = {
    "home_link": (
        "It arises between this computer and your router: plug in a network cable, or move nearer to the router; if "
        "there is a cable, try another one."
    ),
    "line": (
        "It arises behind your router, so a cable or another place at home is unlikely to help: show this result to "
        "your internet provider."
    ),
}
# A queue in front of a busy line is mended at home, by the router or by pausing the load, wherever it stands.
BUSY_LINE: Final = ("network.loaded_rtt_increase", "network.loaded_mos")

# What the far end signs, and what goes along with any quantity of the network.
CONFIRMED_CALL: Final = (
    "What the hiring company's server said about the call to your telephone goes along, signed by it: yes or no, when, "
    "and after how many answers."
)
SEEN_BY_THE_FAR_END: Final = (
    "What the measuring server saw itself goes along, signed by it: your internet address with its region, and how "
    "much data and how many packets it counted."
)

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


# The same of the telephone, whose line is another one.
TELEPHONE_LINE: Final = "the telephone line, or the way from it to this computer"


def fault_words(quantity: str, at_fault: AtFault) -> str:
    """Return where the cause lies that a quantity could not be measured, as people read it."""
    return TELEPHONE_LINE if at_fault == "line" and quantity.startswith("landline.") else FAULT_WORDS[at_fault]


def where_it_lies(finding: Finding, say: Translator = ENGLISH) -> str:
    """Return where the cause of a finding lies, as people read it; empty where that is not known.

    It is the cause of what could not be measured, or of a measured value that did not pass.
    """
    if finding.at_fault is not None:
        return say.say(fault_words(finding.quantity, finding.at_fault))
    if finding.cause is None:
        return ""
    sentence, at_fault = say.say(finding.cause.sentence), finding.cause.at_fault
    return f"{say.say(FAULT_WORDS[at_fault])}: {sentence}" if at_fault else sentence


def found_words(finding: Finding, policy: Policy | None, say: Translator) -> str:
    """Return what was found, as people read it; a policy's question in their language, where the policy has it."""
    text = say.say(finding.explanation)
    questions = policy.declarations if policy else ()
    question = next((one for one in questions if finding.quantity == f"declaration.{one.id}"), None)
    return text if question is None else text.replace(question.wording("en"), question.wording(say.language))


def cause_advice(finding: Finding) -> str:
    """Return what to try first where a value did not pass and its cause is the home's link or the line, else nothing.

    The policy's own advice is written for whatever cause there may be; it comes after this.
    """
    if finding.cause is None or finding.cause.at_fault is None or finding.quantity in BUSY_LINE:
        return ""
    if is_reach(finding.quantity):  # no cable and no provider mends a filter
        return ""
    return CAUSE_ADVICE.get(finding.cause.at_fault, "")


def label(quantity: str) -> str:
    """Return what people call a quantity, or a connection that they agree to; one that is not known keeps its name."""
    if quantity.endswith(EARLIER):
        return WITH_EARLIER.format(name=label(quantity.removesuffix(EARLIER)))
    if "://" in quantity:
        return f"Connection to {where_to(quantity)}"
    if is_reach(quantity):
        return f"Reaches {quantity.removeprefix(REACH)}"
    return LABELS.get(quantity, quantity)


def where_to(address: str) -> str:
    """Return an address such as ``tls://calls.example.com:443`` as people read it."""
    protocol, _, where = address.partition("://")
    return f"{where} ({protocol})"


def meaning(quantity: str) -> str:
    """Return what a quantity's name stands for, in a sentence; empty where the name says it."""
    return REACHES if is_reach(quantity) else MEANINGS.get(quantity, "")


def finding_label(finding: Finding) -> str:
    """Return the label of a finding; that of a declaration is general: its explanation holds the question."""
    return "Your answer" if finding.quantity.startswith("declaration.") else label(finding.quantity)
