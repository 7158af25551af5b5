"""The one signer and the one verifier: JWS compact serialization (RFC 7515) under a strict profile.

    envelope = BASE64URL(header) . BASE64URL(payload) . BASE64URL(signature)
    header   = {"alg": "EdDSA" | "ES256", "kid": RFC 7638 thumbprint, "typ": kind of document}, nothing else

`sign` writes an envelope once; its bytes are kept and sent as they are. `verify` returns the payload's bytes as
`Verified` or raises `Refused` with one reason; it never returns False. Sources: RFC 7515 (JWS), RFC 7518 3.4 (ES256),
RFC 8037 (EdDSA), RFC 7638 (thumbprints), RFC 8725 (best practice: fixed algorithm, explicit typing).
`verify_under` is the same for a document whose one possible key is known, and whose header may leave out the kid.
"""

from __future__ import annotations

import hashlib
from binascii import Error as NoBase64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Literal, NewType, Protocol

import pybase64
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from homecheck import libsodium
from homecheck.errors import Refused
from homecheck.strict_json import Record, canonical, parse_object, serialize

Verified = NewType("Verified", bytes)
"""Payload bytes whose signature was checked. Only `verify`, `verify_under` and `verify_own_key` make one."""

Algorithm = Literal["EdDSA", "ES256"]

EVIDENCE: Final = "homecheck-evidence+jws"
ENROLMENT: Final = "homecheck-enrolment+jws"
POLICY: Final = "homecheck-policy+jws"
RECEIPT: Final = "homecheck-receipt+jws"
RESULT: Final = "homecheck-result+jws"
OBSERVATION: Final = "homecheck-observation+jws"
ROTATION: Final = "homecheck-rotation+jws"
ROTATION_PROOF: Final = "homecheck-rotation-proof+jws"
CALLBACK: Final = "homecheck-callback+jws"
CALLBACK_REQUEST: Final = "homecheck-callback-request+jws"
CALLBACK_ANSWER: Final = "homecheck-callback-answer+jws"
RESULT_REQUEST: Final = "homecheck-result-request+jws"
ERASURE: Final = "homecheck-erasure+jws"
CREDENTIAL: Final = "homecheck-credential+sd-jwt"
KEY_BINDING: Final = "kb+jwt"  # as RFC 9901 4.3 calls it, whoever issued what is bound
TYPES: Final = (
    EVIDENCE, ENROLMENT, POLICY, RECEIPT, RESULT, OBSERVATION, ROTATION, ROTATION_PROOF, CALLBACK, CALLBACK_REQUEST,
    CALLBACK_ANSWER, RESULT_REQUEST, ERASURE, CREDENTIAL,
)  # fmt: skip

MAX_ENVELOPE: Final = 262_144  # bytes
MAX_HEADER: Final = 1_024  # bytes, decoded
SIGNATURE_LENGTH: Final = 64  # bytes, for both algorithms
KID_LENGTH: Final = 43  # characters of a SHA-256 in base64url

P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # SEC 2, 2.4.2


@dataclass(frozen=True)
class PublicKey:
    """A key that signatures are checked with; the algorithm belongs to the key, never to the envelope."""

    algorithm: Algorithm
    key: Ed25519PublicKey | ec.EllipticCurvePublicKey
    kid: str

    @classmethod
    def of(cls, key: Ed25519PublicKey | ec.EllipticCurvePublicKey) -> PublicKey:
        """Return the public key with its RFC 7638 thumbprint; Refused for a curve or point that proves nothing."""
        algorithm: Algorithm = "EdDSA" if isinstance(key, Ed25519PublicKey) else "ES256"
        _refuse_weak(key)
        return cls(algorithm, key, base64url(hashlib.sha256(canonical(_jwk_members(key))).digest()))

    @classmethod
    def from_jwk(cls, jwk: object) -> PublicKey:
        """Return the key of an OKP/Ed25519 or EC/P-256 JWK. A private member ``d`` is refused (reason ``bad-key``)."""
        record = Record(jwk, "key", "bad-key")
        if record.has("d"):
            raise Refused("bad-key", "the key holds its private half")
        kind, curve = record.text("kty"), record.text("crv")
        try:
            if (kind, curve) == ("OKP", "Ed25519"):
                return cls.of(Ed25519PublicKey.from_public_bytes(_coordinate(record, "x")))
            if (kind, curve) == ("EC", "P-256"):
                point = b"\x04" + _coordinate(record, "x") + _coordinate(record, "y")
                return cls.of(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point))
        except ValueError as error:
            raise Refused("bad-key", f"the key is no point on its curve: {error}") from None
        raise Refused("bad-key", f"keys of type {kind}/{curve} are not used here")

    def jwk(self) -> dict[str, str]:
        """Return the public JWK with kid, alg and use."""
        return {**_jwk_members(self.key), "kid": self.kid, "alg": self.algorithm, "use": "sig"}


class Signer(Protocol):
    """A private key, wherever it lives (file, keyring, TPM): it signs and tells its public half."""

    @property
    def public(self) -> PublicKey:
        """The public half."""

    @property
    def store(self) -> str:
        """Where the private half lives: file, keyring or tpm."""

    def sign(self, message: bytes) -> bytes:
        """Return the 64 raw bytes of the signature over `message`."""


KeyLookup = Callable[[str], PublicKey | None]


def sign(payload: bytes, typ: str, signer: Signer) -> bytes:
    """Return the envelope around `payload`. ES256 signatures are brought to the lower half, so that none has a twin."""
    signing_input = _header_segment(signer.public.algorithm, signer.public.kid, typ) + _encode(payload)
    signature = signer.sign(signing_input)
    if signer.public.algorithm == "ES256":
        signature = lower_half(signature)
    envelope = signing_input + b"." + _encode(signature)
    if len(envelope) > MAX_ENVELOPE:
        raise Refused("too-large", f"the envelope would have {len(envelope)} bytes, at most {MAX_ENVELOPE}")
    return envelope


def verify(envelope: bytes, typ: str, keys: KeyLookup) -> Verified:
    """Return the payload of `envelope`, a document of kind `typ`, signed by one of `keys`.

    `keys` maps a kid to the key enrolled under it, or None. Raises Refused at the first step that fails.
    """
    return _verify(envelope, typ, keys)


def verify_under(envelope: bytes, typ: str, key: PublicKey) -> Verified:
    """Return the payload of a document whose one possible `key` another signed document has named.

    Its header may leave out the kid, as other programs' key bindings do; one that stands there must be the key's.
    """
    return _verify(envelope, typ, {key.kid: key}.get, key.kid)


def _verify(envelope: bytes, typ: str, keys: KeyLookup, unnamed: str | None = None) -> Verified:
    """Verify step by step. `unnamed` is the kid that a header without one stands for; None: every header has one."""
    # 1. Size, before anything is decoded.
    if len(envelope) > MAX_ENVELOPE:
        raise Refused("too-large", f"{len(envelope)} bytes, at most {MAX_ENVELOPE}")
    # 2. and 3. Exactly three segments, each in the one spelling of its bytes.
    head, signed, signature_segment = _taken_apart(envelope)
    payload, signature = _decode_segment(signed[len(head) + 1 :]), _decode_segment(signature_segment)
    # 4. The header: three members, each a text.
    header = _header(head) if unnamed is None else _read_header(_decode_segment(head), unnamed)
    # 5. The kind of document.
    if header["typ"] != typ:
        raise Refused("typ", f"this is a {header['typ']!r:.60}; a {typ!r} is expected here")
    # 6. The key, found by exact match of its name.
    key = keys(header["kid"]) if len(header["kid"]) == KID_LENGTH else None
    if key is None:
        raise Refused("unknown-key", f"no key {header['kid']!r:.60} is enrolled here")
    # 7. The algorithm belongs to the key; the header chooses nothing.
    if header["alg"] != key.algorithm:
        raise Refused("alg", f"the key signs with {key.algorithm}, the header says {header['alg']!r:.60}")
    # 8. and 9. The signature over the received bytes.
    check_signature(key, signature, signed)
    # 10. Only now the payload is worth reading.
    return Verified(payload)


def verify_own_key(envelope: bytes, typ: str) -> tuple[Verified, PublicKey]:
    """Verify a document that carries its own public key as the member ``jwk``, and return that key as well.

    The signature proves possession of the key and nothing else; what gives the signer a right (an invitation, an older
    key) is for the caller to check.
    """
    unverified = parse_object(unverified_payload(envelope))
    key = PublicKey.from_jwk(unverified.get("jwk"))
    return verify(envelope, typ, {key.kid: key}.get), key


def unverified_header(envelope: bytes) -> Mapping[str, str]:
    """Return alg, kid and typ as the envelope claims them; good for choosing what to verify, never for believing it."""
    if len(envelope) > MAX_ENVELOPE:
        raise Refused("too-large", f"{len(envelope)} bytes, at most {MAX_ENVELOPE}")
    return _header(_taken_apart(envelope)[0])


def unverified_payload(envelope: bytes) -> bytes:
    """Return the bytes that the envelope carries, whoever signed them: for documents of one's own that were stored."""
    if len(envelope) > MAX_ENVELOPE:
        raise Refused("too-large", f"{len(envelope)} bytes, at most {MAX_ENVELOPE}")
    head, signed, _ = _taken_apart(envelope)
    return _decode_segment(signed[len(head) + 1 :])


def digest(envelope: bytes) -> str:
    """Return the one name of an envelope: ``sha256:`` and 64 hexadecimal digits over its bytes."""
    return "sha256:" + hashlib.sha256(envelope).hexdigest()


def base64url(data: bytes) -> str:
    """Return base64url without padding (RFC 7515 section 2)."""
    return _encode(data).decode("ascii")


def decode_base64url(text: str, reason: str = "base64url") -> bytes:
    """Return the bytes of `text`; Refused unless it is their one spelling."""
    return _decode_segment(text.encode("utf-8"), reason)


def lower_half(signature: bytes) -> bytes:
    """Return the ES256 signature (r ‖ s, RFC 7518 3.4) with s in the lower half of the group order.

    (r, n - s) is valid whenever (r, s) is, and anybody can compute it; one of the two is refused.
    """
    r, s = signature[:32], int.from_bytes(signature[32:], "big")
    return r + min(s, P256_ORDER - s).to_bytes(32, "big")


@lru_cache(maxsize=256)  # a collector signs every receipt under the same one
def _header_segment(algorithm: Algorithm, kid: str, typ: str) -> bytes:
    return base64url(serialize({"alg": algorithm, "kid": kid, "typ": typ})).encode() + b"."


def _taken_apart(envelope: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the header's segment, what is signed (which begins with it), and the signature's segment."""
    first, last = envelope.find(b"."), envelope.rfind(b".")
    if first == last or envelope.find(b".", first + 1) != last:  # quicker than to count in what is long
        raise Refused("not-compact", f"{envelope.count(b'.') + 1} segments between full stops; a compact JWS has 3")
    return envelope[:first], envelope[:last], envelope[last + 1 :]


@lru_cache(maxsize=1_024)  # a key's header is always the same, and looked at before it is known and behind that
def _header(segment: bytes) -> Mapping[str, str]:
    return MappingProxyType(_read_header(_decode_segment(segment)))


def _decode_segment(segment: bytes, reason: str = "base64url") -> bytes:
    """Decode base64url and demand that encoding it again gives the same text: no padding, no unused bits set."""
    if b"+" in segment or b"/" in segment or b"=" in segment:
        raise Refused(reason, "a segment holds characters of base64 that base64url has not")
    try:
        decoded = pybase64.b64decode(segment + b"=" * (-len(segment) % 4), altchars=b"-_", validate=True)
    except NoBase64:
        decoded = b""
    if not decoded:
        raise Refused(reason, "a segment is empty or holds characters outside base64url")
    if _encode(decoded) != segment:
        raise Refused(reason, "a segment is a second spelling of its bytes")
    return decoded


def _encode(data: bytes) -> bytes:
    return pybase64.urlsafe_b64encode(data).rstrip(b"=")


def _read_header(data: bytes, unnamed: str | None = None) -> dict[str, str]:
    if len(data) > MAX_HEADER:
        raise Refused("header", f"the header has {len(data)} bytes, at most {MAX_HEADER}")
    header = parse_object(data)
    if unnamed is not None:
        header.setdefault("kid", unnamed)
    if set(header) != {"alg", "kid", "typ"}:
        raise Refused("header", f"the header has the members {', '.join(header)!r:.80}; alg, kid and typ are expected")
    for name, value in header.items():
        if not isinstance(value, str):
            raise Refused("header", f"the header's {name} is not a text")
    return header


def check_signature(key: PublicKey, signature: bytes, message: bytes) -> None:
    """Raise Refused unless `signature` is the one of `key` over `message` (steps 8 and 9 of `verify`).

    Ed25519 without the cofactor, as RFC 8032 5.1.7 allows; ES256 as r ‖ s with s in the lower half.
    """
    if len(signature) != SIGNATURE_LENGTH:
        raise Refused("signature", f"the signature has {len(signature)} bytes; {SIGNATURE_LENGTH} are expected")
    try:
        if isinstance(key.key, Ed25519PublicKey):
            if not libsodium.accepts(_raw(key.key), signature, message):
                key.key.verify(signature, message)
        else:
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            if not (0 < r < P256_ORDER and 0 < s <= P256_ORDER // 2):
                raise Refused("signature", "the signature's numbers are outside the lower half of the group")
            key.key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Refused(
            "signature", "the signature does not fit: the document was changed or signed by another"
        ) from None


def _jwk_members(key: Ed25519PublicKey | ec.EllipticCurvePublicKey) -> dict[str, str]:
    """Return the members that RFC 7638 hashes, with coordinates in full length."""
    if isinstance(key, Ed25519PublicKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": base64url(_raw(key))}
    point = key.public_numbers()
    x, y = (base64url(number.to_bytes(32, "big")) for number in (point.x, point.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def _coordinate(record: Record, name: str) -> bytes:
    coordinate = decode_base64url(record.text(name, max_length=100), "bad-key")
    if len(coordinate) != 32:
        raise Refused("bad-key", f"the key's {name} has {len(coordinate)} bytes; 32 are expected")
    return coordinate


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


# Field prime and the y coordinates of the points of order 1, 2, 4 and 8 on edwards25519 (RFC 8032 5.1): under such a
# key one signature fits many messages, so its owner could deny everything. Each y has two signs, and y + p is a second
# spelling wherever it fits into 255 bits: 14 encodings in all.
_P: Final = 2**255 - 19
_Y8: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_LOW_ORDER_Y: Final = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})


def _refuse_weak(key: Ed25519PublicKey | ec.EllipticCurvePublicKey) -> None:
    if isinstance(key, Ed25519PublicKey):
        y = (int.from_bytes(_raw(key), "little") & (2**255 - 1)) % _P
        if y in _LOW_ORDER_Y:
            raise Refused("bad-key", "the key is a point of low order: one signature would fit every message")
    elif not isinstance(key.curve, ec.SECP256R1):
        raise Refused("bad-key", f"the curve {key.curve.name} is not used here")


SIGNER: Final = "signer"  # a member of ours, as RFC 7517 section 4 allows them


def key_set(jwks: object) -> dict[str, PublicKey]:
    """Return the keys of a JWK set (RFC 7517 section 5) by kid; Refused when it is empty or a kid does not fit."""
    keys = {}
    for jwk in Record(jwks, "key set", "bad-key").records("keys"):
        members = {name: jwk.text(name) for name in jwk.names()}
        key = PublicKey.from_jwk(members)
        if members.get("kid", key.kid) != key.kid:
            raise Refused("bad-key", f"the kid {members['kid']!r:.60} is not the key's thumbprint")
        keys[key.kid] = key
    if not keys:
        raise Refused("bad-key", "the key set is empty")
    return keys


def jwks(keys: Mapping[str, PublicKey], signers: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """Return `keys` as a JWK set; `signers` says by kid whose a key is: a device's, the collector's, a responder's."""
    said = ({SIGNER: signers[kid]} if kid in signers else {} for kid in keys)
    return {"keys": [{**key.jwk(), **whose} for key, whose in zip(keys.values(), said, strict=True)]}
