"""What agent and responder agree on beyond SIP: whose an INVITE is, and how it comes back.

Everything in an INVITE may be rewritten on its way but the part of Call-ID before the @, so that part is the proof:

    Call-ID: SSID.NONCE.MAC@homecheck.invalid       MAC: HMAC-SHA-256 of "sip SSID.NONCE" by the session's key, 16 bytes

The answer's body is the datagram as it arrived, compressed and in base64, so that nothing on the way back recognizes an
address in it, and so that it fits: padding takes no room. One that does not fit is answered with its SHA-256.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import zlib
from dataclasses import dataclass
from typing import Final

from homecheck.standards import rfc_3261

INVITE_LENGTH: Final = 1200  # bytes; passes every path without being cut to pieces
_LARGEST: Final = 4096  # bytes that an answer may unfold to
_DIGEST: Final = b"sha256 "
_MAC_LENGTH: Final = 16


@dataclass(frozen=True)
class Arrived:
    """An INVITE as it arrived: its digest, and the datagram itself where it came back."""

    digest: str
    datagram: bytes | None

    @classmethod
    def of(cls, datagram: bytes) -> Arrived:
        """Return what is known of a datagram at hand."""
        return cls(hashlib.sha256(datagram).hexdigest(), datagram)


def call_id(ssid: int, nonce: str, key: bytes) -> str:
    """Return the Call-ID of an INVITE; `nonce` is a word without dots."""
    return f"{ssid}.{nonce}.{_mac(ssid, nonce, key)}@homecheck.invalid"


def ssid_of(call_id: str) -> int | None:
    """Return the session that a Call-ID claims, before anything is verified; None when it is none of ours."""
    ssid = call_id.partition(".")[0]
    return int(ssid) if ssid.isascii() and ssid.isdecimal() and len(ssid) < 6 else None


def is_authentic(call_id: str, key: bytes) -> bool:
    """Tell whether a Call-ID was made with the session's `key`."""
    ssid, nonce, mac = (*call_id.partition("@")[0].split("."), "", "", "")[:3]
    expected = _mac(int(ssid), nonce, key) if ssid_of(call_id) is not None else ""
    return bool(expected) and hmac.compare_digest(mac.encode("utf-8", "replace"), expected.encode())


def answer(datagram: bytes) -> bytes:
    """Return the 180 to an INVITE that shows how it arrived, no longer than it. Raises rfc_3261.BadMessage."""
    whole = rfc_3261.ringing(datagram, base64.b64encode(zlib.compress(datagram, 9)))
    if len(whole) <= len(datagram):
        return whole
    return rfc_3261.ringing(datagram, _DIGEST + hashlib.sha256(datagram).hexdigest().encode())


def read(reply: bytes, call_id: str) -> Arrived | None:
    """Return what an answer says about the INVITE with this Call-ID; None for any other datagram."""
    try:
        if not reply.startswith(b"SIP/2.0 180 ") or _left(rfc_3261.call_id(reply)) != _left(call_id):
            return None
        body = rfc_3261.body_of(reply)
        if body.startswith(_DIGEST):
            return Arrived(body.removeprefix(_DIGEST).decode("ascii"), None)
        unfold = zlib.decompressobj()
        datagram = unfold.decompress(base64.b64decode(body, validate=True), _LARGEST)
        return Arrived.of(datagram) if unfold.eof and _left(rfc_3261.call_id(datagram)) == _left(call_id) else None
    except (rfc_3261.BadMessage, binascii.Error, zlib.error, ValueError):
        return None


def _left(call_id: str) -> str:
    return call_id.partition("@")[0]


def _mac(ssid: int, nonce: str, key: bytes) -> str:
    return hmac.digest(key, f"sip {ssid}.{nonce}".encode("utf-8", "replace"), "sha256")[:_MAC_LENGTH].hex()
