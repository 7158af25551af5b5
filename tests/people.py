"""Three people, as the collector meets them: one passes, one fails, and a stranger who must see nothing.

`Worker` speaks the wire format with nothing but `requests`, so that what the collector answers is tested and not our
own agent. Everything is really signed.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import requests

from homecheck.evidence import Declaration, Device, Evidence, ProbeRun, Software
from homecheck.keys import SoftwareKey
from homecheck.measurement import Failure, Measurement, Quantity
from homecheck.signing import ENROLMENT, EVIDENCE, RESULT_REQUEST, sign
from homecheck.standards.rfc_9562 import uuid7
from homecheck.strict_json import serialize

POLICY_TEXT: Final = """
name = "test-line"
version = "3"
title = "Support line"
description = "A policy for tests."

[[requirement]]
quantity = "network.download"
at_least = 10
warn_below = 25
reason = "The line also carries your screen."
source = "a hand-written number"
advice = "Plug in a network cable."

[[requirement]]
quantity = "headset.transport"
one_of = ["wired", "rf-dongle"]
warn_on = ["rf-dongle"]
reason = "Bluetooth squeezes the voice."
advice = "Use the corded headset."

[[requirement]]
quantity = "room.noise"
at_most = -50

[[declaration]]
id = "door"
question.en = "Does the room have a door that stays closed?"
must_be = true
"""

DOWNLOAD: Final = Quantity("network.download", "Mbit/s", "16 s of TCP to the responder")
TRANSPORT: Final = Quantity.text("headset.transport", "USB descriptors")
MODEL: Final = Quantity.text("headset.model", "USB descriptors")
NOISE: Final = Quantity("room.noise", "dBFS(A)", "IEC 61672-1, 10 s")


@dataclass(frozen=True)
class Character:
    """What somebody's home office measures, and what the policy above says to it: written by hand."""

    name: str
    download: float
    transport: str
    model: str
    noise: float | None  # None: there is no microphone
    door: bool
    verdict: str
    unmet: tuple[str, ...]

    def runs(self, at: datetime) -> tuple[ProbeRun, ...]:
        """Return what the probes say."""
        network = Measurement(DOWNLOAD, self.download, 0.8, details={"streams": 4, "responder": "<b>far</b>"})
        headset = (Measurement(TRANSPORT, self.transport), Measurement(MODEL, self.model))
        if self.noise is None:
            failure = Failure("no_device", "device", "no microphone is plugged in", "Plug in the headset.")
            room = Measurement(NOISE, failure=failure)
        else:
            room = Measurement(NOISE, self.noise, 1.0)
        return (
            ProbeRun("network", "1", at, 16.2, (network,)),
            ProbeRun("headset", "1", at, 0.4, headset),
            ProbeRun("quiet_room", "1", at, 10.1, (room,)),
        )


PASSES: Final = Character("Petra Pass", 48.2, "wired", "Jabra Evolve2 40", -61.0, True, "pass", ())
FAILS: Final = Character(
    "Filip Fail", 3.1, "bluetooth", "<script>alert('headset')</script>", None, False, "fail",
    ("network.download", "headset.transport", "declaration.door", "room.noise"),
)  # fmt: skip
STRANGER: Final = "nobody has invited this person"


@dataclass
class Worker:
    """A home office with a key, that speaks to one collector."""

    url: str
    character: Character = PASSES
    key: SoftwareKey = field(default_factory=SoftwareKey.generate)
    http: requests.Session = field(default_factory=requests.Session)
    subject: str | None = None
    seq: int = 0

    def enrolment(self, code: str, **changes: Any) -> bytes:
        """Return the signed request to enrol."""
        members = {
            "v": 1,
            "aud": self.url,
            "iat": int(time.time()),
            "invite": code,
            "jwk": self.key.public.jwk(),
            "software": {"name": "homecheck", "version": "1.0", "python": "3.11.2", "system": "Linux 6.1"},
            "store": "file",
        }
        return sign(serialize({**members, **changes}), ENROLMENT, self.key)

    def enrol(self, code: str) -> requests.Response:
        """Redeem an invitation and remember the subject."""
        answer = self.post("/v1/enrolments", self.enrolment(code))
        if answer.ok:
            self.subject = answer.json()["subject"]
        return answer

    def challenge(self) -> str:
        """Return a fresh nonce."""
        body = serialize({"device": self.key.public.kid})
        answer = self.post("/v1/challenge", body, "application/json")
        nonce: str = answer.json()["nonce"]
        return nonce

    def evidence(self, nonce: str | None = None, now: datetime | None = None, **changes: Any) -> Evidence:
        """Return new evidence of this home office: begun 40 s ago, as far as `now` (the device's clock) tells."""
        end = now or datetime.now(UTC)
        self.seq += 1
        begin = end - timedelta(seconds=40)
        evidence = Evidence(
            id=uuid7(int(end.timestamp() * 1000), secrets.token_bytes(10)),
            aud=self.url,
            iat=int(end.timestamp()),
            nonce=nonce,
            seq=self.seq,
            sub=self.subject,
            device=Device(self.key.public.kid, "file"),
            started_at=begin,
            finished_at=end,
            software=Software("homecheck", "1.0", "3.11.2", "Linux 6.1"),
            runs=self.character.runs(begin),
            declarations=(Declaration("door", self.character.door),),
        )
        return replace(evidence, **changes)

    def sign(self, evidence: Evidence) -> bytes:
        """Return the envelope."""
        return sign(evidence.to_bytes(), EVIDENCE, self.key)

    def upload(self, evidence: Evidence) -> requests.Response:
        """Sign and send."""
        return self.put(evidence.id, self.sign(evidence))

    def check(self) -> requests.Response:
        """Fetch a challenge, measure, sign and send."""
        return self.upload(self.evidence(self.challenge()))

    def ask(
        self, asks: str, evidence: str | None = None, *, key: SoftwareKey | None = None, **changes: Any
    ) -> requests.Response:
        """Ask for a result or credential as an agent does, with members changed where a test wants them so."""
        members = {"v": 1, "aud": self.url, "nonce": self.challenge(), "asks": asks, "evidence": evidence, **changes}
        return self.post(f"/v1/{asks}s", sign(json.dumps(members).encode(), RESULT_REQUEST, key or self.key))

    def put(self, evidence_id: str, envelope: bytes, **headers: str) -> requests.Response:
        """Send bytes as evidence."""
        return self.http.put(
            f"{self.url}/v1/evidence/{evidence_id}",
            data=envelope,
            headers={"Content-Type": "application/jose", **headers},
            timeout=20,
            allow_redirects=False,
        )

    def post(self, path: str, body: bytes, media_type: str = "application/jose") -> requests.Response:
        """Send bytes."""
        return self.http.post(
            f"{self.url}{path}",
            data=body,
            headers={"Content-Type": media_type},
            timeout=20,
            allow_redirects=False,
        )

    def get(self, path: str) -> requests.Response:
        """Fetch something."""
        return self.http.get(f"{self.url}{path}", timeout=20, allow_redirects=False)
