"""One session at a responder: opened, used, and ended by the observation that the responder signs.

The observation is checked as anything else from outside: signature by the pinned key, this session, this nonce, and
counters that fit what this end saw. A responder that cannot be believed is our side's failure, never the person's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from homecheck.errors import ProbeError, Refused
from homecheck.instruments.far_end import FarEnd, call, call_for_json, checked, server_error
from homecheck.instruments.voice_path import UdpSession
from homecheck.observation import SessionObservation
from homecheck.signing import OBSERVATION, PublicKey, decode_base64url, verify
from homecheck.strict_json import Record

_WORD: Final = re.compile(r"[A-Za-z0-9_-]{8,100}")  # goes into a header and a path as it is


@dataclass(frozen=True)
class ResponderSession:
    """An open session: its secrets, and the key that its observation must be signed with."""

    far_end: FarEnd
    id: str
    token: str
    nonce: str | None
    udp: UdpSession
    key: PublicKey
    pinned: bool  # the key was known before; else it is what the responder said about itself

    @classmethod
    def open(cls, far_end: FarEnd, nonce: str | None, pinned_jwk: Mapping[str, str] | None) -> ResponderSession:
        """Open a session. Raises ProbeError (at_fault server)."""
        about = call_for_json(far_end, "GET", "/.well-known/homecheck")
        answer = call_for_json(far_end, "POST", "/v1/sessions", {"nonce": nonce})
        try:
            if about.text("role") != "responder":
                raise Refused("schema", f"{far_end.name} is no responder")
            key = PublicKey.from_jwk(pinned_jwk if pinned_jwk is not None else _texts(about.record("jwk")))
            udp = answer.record("udp")
            session_key = decode_base64url(udp.text("key"), "schema")
            udp_session = UdpSession(
                udp.integer("port", least=1), udp.integer("ssid"), session_key, udp.integer("flows")
            )
            session_id, token = _word(answer, "session"), _word(answer, "token")
        except Refused as error:
            raise server_error("responder_answer", error.message) from None
        return cls(far_end, session_id, token, nonce, udp_session, key, pinned_jwk is not None)

    def finish(self) -> tuple[str, SessionObservation]:
        """End the session and return the signed observation, as received and as read. Raises ProbeError."""
        path = f"/v1/sessions/{self.id}/finish"
        reply = checked(call(self.far_end, "POST", path, {}, token=self.token), self.far_end, path)
        try:
            return reply.body.decode("ascii"), self.read(reply.body)
        except (Refused, UnicodeDecodeError) as error:
            reason = error.message if isinstance(error, Refused) else "it is no JWS"
            raise refused_observation(self.far_end, reason) from None

    def read(self, envelope: bytes) -> SessionObservation:
        """Return the observation in `envelope`; Refused unless it is signed by our key and belongs to this session."""
        observation = SessionObservation.from_bytes(verify(envelope, OBSERVATION, {self.key.kid: self.key}.get))
        if observation.session != self.id:
            raise Refused("replayed", "the observation belongs to another session")
        if observation.nonce != self.nonce:
            raise Refused("replayed", "the observation does not carry this check's nonce")
        return observation


def refused_observation(far_end: FarEnd, reason: str) -> ProbeError:
    """Return the failure of everything that rests on an observation that cannot be believed."""
    return server_error("observation_refused", f"the observation of {far_end.name} was refused: {reason}")


def _texts(record: Record) -> dict[str, Any]:
    return {name: record.text(name) for name in record.names()}


def _word(record: Record, name: str) -> str:
    text = record.text(name)
    if not _WORD.fullmatch(text):
        raise Refused("schema", f"{record.where}: {name}: {text!r:.60} is no word of base64url")
    return text
