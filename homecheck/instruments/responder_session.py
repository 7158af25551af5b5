"""One session at a responder: opened, used, and ended by the observation that the responder signs.

The observation is checked as anything else from outside: signature by the pinned key, this session, this nonce, and
counters that fit what this end saw. A responder that cannot be believed is our side's failure, never the person's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from homecheck.errors import ProbeError, Refused
from homecheck.instruments.far_end import MAX_ANSWER, FarEnd, call, call_for_json, checked, server_error
from homecheck.instruments.nat import StunOffer, port_of
from homecheck.instruments.sip_alg import SipOffer
from homecheck.instruments.voice_path import UdpSession
from homecheck.observation import MAX_NONCES, SessionObservation
from homecheck.signing import OBSERVATION, PublicKey, decode_base64url, verify
from homecheck.strict_json import Record

FLOWS: Final = 3  # that one run sends: idle, and beside each load
MOST_SSIDS: Final = 1 << 16  # an SSID has two bytes (RFC 8972 section 3)
UNKNOWN_TOKEN: Final = 401
_WORD: Final = re.compile(r"[A-Za-z0-9_-]{8,100}")  # goes into a header and a path as it is


@dataclass(frozen=True)
class ResponderSession:
    """An open session: its secrets, and the key that its observation must be signed with."""

    far_end: FarEnd
    id: str
    token: str
    nonces: tuple[str, ...]  # the collectors' challenges; none: nobody is told
    udp: UdpSession
    key: PublicKey
    pinned: bool  # the key was known before; else it is what the responder said about itself
    stun: StunOffer | None = None
    sip: SipOffer | None = None

    @classmethod
    def open(cls, far_end: FarEnd, nonces: Sequence[str], pinned_jwk: Mapping[str, str] | None) -> ResponderSession:
        """Open a session; of more than `MAX_NONCES` challenges the first ones count. Raises ProbeError."""
        woven = tuple(nonces[:MAX_NONCES])
        about = call_for_json(far_end, "GET", "/.well-known/homecheck")
        asked = {"nonce": woven[0] if woven else None, **({"also": list(woven[1:])} if woven[1:] else {})}
        answer = call_for_json(far_end, "POST", "/v1/sessions", asked)
        try:
            if about.text("role") != "responder":
                raise Refused("schema", f"{far_end.name} is no responder")
            key = PublicKey.from_jwk(pinned_jwk if pinned_jwk is not None else _texts(about.record("jwk")))
            udp_session = _udp(answer.record("udp"))
            stun, sip = StunOffer.read(about), SipOffer.read(about)
            session_id, token = _word(answer, "session"), _word(answer, "token")
        except Refused as error:
            raise server_error("responder_answer", error.message) from None
        return cls(far_end, session_id, token, woven, udp_session, key, pinned_jwk is not None, stun, sip)

    def finish(self, answered: Collection[str] = ()) -> tuple[tuple[str, ...], SessionObservation]:
        """End the session; return the observation as signed for each challenge, and as read. Raises ProbeError.

        The responder is told which of its services `answered` us, see `proven`.
        """
        path = f"/v1/sessions/{self.id}/finish"
        told = {"answered": sorted(answered)}
        most = MAX_ANSWER * max(1, len(self.nonces))
        reply = call(self.far_end, "POST", path, told, token=self.token, most=most)
        if reply.status == UNKNOWN_TOKEN:
            message = f"{self.far_end.name} does not know this measurement any more: its session ended before its time"
            raise server_error("session_ended", message)
        checked(reply, self.far_end, "/v1/sessions/…/finish")  # nobody wants to read the rest
        try:
            return self._read_all(reply.body)
        except (Refused, UnicodeDecodeError) as error:
            reason = error.message if isinstance(error, Refused) else "it is no JWS"
            raise refused_observation(self.far_end, reason) from None

    def _read_all(self, body: bytes) -> tuple[tuple[str, ...], SessionObservation]:
        """Return the envelopes, a line for each challenge, and what they say alike."""
        lines, nonces = body.split(b"\n"), self.nonces or (None,)
        if len(lines) != len(nonces):
            raise Refused("schema", f"{len(lines)} observations for {len(nonces)} challenges")
        seen = [self.read(line, nonce) for line, nonce in zip(lines, nonces, strict=True)]
        if any(replace(one, nonce=seen[0].nonce) != seen[0] for one in seen):
            raise Refused("schema", "it tells one program otherwise than another")
        return tuple(line.decode("ascii") for line in lines), seen[0]

    def read(self, envelope: bytes, nonce: str | None) -> SessionObservation:
        """Return the observation in `envelope`; Refused unless it is signed by our key, of this session and `nonce`."""
        observation = SessionObservation.from_bytes(verify(envelope, OBSERVATION, {self.key.kid: self.key}.get))
        if observation.session != self.id:
            raise Refused("replayed", "the observation belongs to another session")
        if observation.nonce != nonce:
            raise Refused("replayed", "the observation does not carry this check's nonce")
        return observation


def refused_observation(far_end: FarEnd, reason: str) -> ProbeError:
    """Return the failure of everything that rests on an observation that cannot be believed."""
    return server_error("observation_refused", f"the observation of {far_end.name} was refused: {reason}")


def _udp(record: Record) -> UdpSession:
    key = decode_base64url(record.text("key"), "schema")
    udp = UdpSession(
        port_of(record, "port"), record.integer("ssid", least=1), key, record.integer("flows", least=FLOWS)
    )
    if udp.ssid + udp.flows > MOST_SSIDS:
        raise Refused("schema", f"{record.where}: no room for {udp.flows} flows from ssid {udp.ssid} on")
    return udp


def _texts(record: Record) -> dict[str, Any]:
    return {name: record.text(name) for name in record.names()}


def _word(record: Record, name: str) -> str:
    text = record.text(name)
    if not _WORD.fullmatch(text):
        raise Refused("schema", f"{record.where}: {name}: {text!r:.60} is no word of base64url")
    return text
