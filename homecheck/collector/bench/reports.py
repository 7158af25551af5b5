"""What is sent: 8 kB of evidence with 34 checks, as a home office makes it, signed by its own enrolled key."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from homecheck.evidence import Declaration, Device, Evidence, ProbeRun, Software
from homecheck.keys import SoftwareKey
from homecheck.measurement import Json, Measurement, Quantity, Value
from homecheck.signing import ENROLMENT, EVIDENCE, digest, sign
from homecheck.standards.rfc_9562 import uuid7
from homecheck.strict_json import serialize

PRESET: Final = "voice-standard"
CHECK_LASTS: Final = timedelta(seconds=41)
SOFTWARE: Final = {"name": "homecheck", "version": "1.0.0", "python": "3.11.2", "system": "Linux 6.1.0-18-amd64"}
DECLARATIONS: Final = ("quiet_workplace",)

# Probe, quantity, unit (empty: a name or yes/no), value, half width of its 95 % interval.
ROWS: Final[tuple[tuple[str, str, str, Value, float], ...]] = (
    ("host", "host.cpu_cores", "1", 8, 0.0),
    ("host", "host.cpu_ghz", "GHz", 2.8, 0.05),
    ("host", "host.cpu_load", "%", 12.4, 2.1),
    ("host", "host.memory", "GiB", 15.5, 0.0),
    ("host", "host.disk_free", "GiB", 211.7, 0.1),
    ("host", "host.os", "", "Debian GNU/Linux 12 (bookworm)", 0.0),
    ("host", "host.os_supported", "", True, 0.0),
    ("host", "host.screens", "1", 2, 0.0),
    ("host", "host.screen_width", "px", 1920, 0.0),
    ("host", "host.screen_height", "px", 1080, 0.0),
    ("security", "security.firewall", "", True, 0.0),
    ("security", "security.antivirus", "", True, 0.0),
    ("security", "security.updates_age", "days", 9.4, 0.5),
    ("link", "link.type", "", "ethernet", 0.0),
    ("link", "link.vpn", "", False, 0.0),
    ("network", "network.download", "Mbit/s", 87.31, 1.42),
    ("network", "network.upload", "Mbit/s", 23.08, 0.61),
    ("network", "network.rtt", "ms", 18.44, 0.37),
    ("network", "network.jitter", "ms", 1.93, 0.22),
    ("network", "network.pdv_p95", "ms", 4.18, 0.54),
    ("network", "network.loss", "%", 0.07, 0.05),
    ("network", "network.mos", "MOS-CQE", 4.38, 0.01),
    ("network", "network.loaded_rtt_increase", "ms", 21.6, 3.3),
    ("network", "network.udp", "", True, 0.0),
    ("network", "network.sip_alg", "", False, 0.0),
    ("headset", "headset.transport", "", "wired", 0.0),
    ("headset", "headset.identified_by", "", "list", 0.0),
    ("headset", "headset.model", "", "Jabra Evolve2 40 SE", 0.0),
    ("headset", "headset.speech_level", "dBFS", -23.7, 0.8),
    ("headset", "headset.snr", "dB", 34.2, 1.1),
    ("headset", "headset.clipping", "%", 0.0, 0.0),
    ("quiet_room", "room.noise", "dBFS(A)", -63.9, 1.2),
    ("quiet_room", "room.snr", "dB", 31.5, 1.6),
    ("quiet_room", "room.kind", "", "quiet", 0.0),
)


@dataclass(frozen=True)
class Report:
    """One signed report: its id, its bytes and their digest."""

    id: str
    envelope: bytes
    digest: str


@dataclass
class Office:
    """A home office with a key of its own; `subject` and `nonce` are what the collector has told it."""

    url: str
    key: SoftwareKey = field(default_factory=SoftwareKey.generate)
    subject: str = ""
    nonce: str = ""
    seq: int = 0

    def enrolment(self, code: str, now: datetime) -> bytes:
        """Return the signed request to enrol with an invitation."""
        members = {
            "v": 1,
            "aud": self.url,
            "iat": int(now.timestamp()),
            "invite": code,
            "jwk": self.key.public.jwk(),
            "software": SOFTWARE,
            "store": "file",
        }
        return sign(serialize(members), ENROLMENT, self.key)

    def report(self, now: datetime) -> Report:
        """Return a new report of a check that ends now."""
        self.seq += 1
        evidence = self._evidence(now)
        envelope = sign(evidence.to_bytes(), EVIDENCE, self.key)
        return Report(evidence.id, envelope, digest(envelope))

    def _evidence(self, now: datetime) -> Evidence:
        begin = now - CHECK_LASTS
        return Evidence(
            id=uuid7(int(now.timestamp() * 1000), secrets.token_bytes(10)),
            aud=self.url,
            iat=int(now.timestamp()),
            nonce=self.nonce,
            seq=self.seq,
            sub=self.subject,
            device=Device(self.key.public.kid, "file"),
            started_at=begin,
            finished_at=now,
            software=Software(**SOFTWARE),
            runs=_runs(begin),
            declarations=tuple(Declaration(name, answer=True) for name in DECLARATIONS),
        )


def _runs(begin: datetime) -> tuple[ProbeRun, ...]:
    probes = dict.fromkeys(probe for probe, *_ in ROWS)
    return tuple(
        ProbeRun(probe, "1", begin, 8.2, tuple(_measurement(*row[1:]) for row in ROWS if row[0] == probe))
        for probe in probes
    )


def _measurement(name: str, unit: str, value: Value, uncertainty: float) -> Measurement:
    method = f"as docs/quantities.md says of {name}"
    details: dict[str, Json] = {"samples": 50, "source": "measured on this computer"}
    if unit:
        return Measurement(Quantity(name, unit, method), value, uncertainty, details=details)
    kind = Quantity.yes_no if isinstance(value, bool) else Quantity.text
    return Measurement(kind(name, method), value, details=details)
