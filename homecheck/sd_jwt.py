"""Selective disclosure for JWTs (RFC 9901): claims that their holder shows or holds back, one by one.

    SD-JWT      = issuer's JWT ~ disclosure ~ … ~ disclosure ~
    SD-JWT+KB   = the same, and behind the last tilde the holder's key binding
    disclosure  = BASE64URL(["salt", "name", value]), or without a name for an element of an array
    key binding = a JWT {"iat", "aud", "nonce", "sd_hash"} signed by the holder's key, which the issuer's JWT names

The issuer's JWT holds the SHA-256 of each disclosure under ``_sd``, among decoys that stand for nothing. Here are the
form and the processing of section 7.1; what the claims mean is for `homecheck.credential`. Each part has one spelling
and every refusal has one reason, as in `homecheck.signing`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from homecheck.errors import Refused
from homecheck.signing import (
    KEY_BINDING,
    MAX_ENVELOPE,
    PublicKey,
    Signer,
    base64url,
    decode_base64url,
    sign,
    verify_under,
)
from homecheck.strict_json import MAX_DEPTH, Record, parse_array, parse_object, serialize

MAX_DISCLOSURES: Final = 512  # shown at once; a policy has some ten requirements
SALT_BYTES: Final = 16  # RFC 9901 9.3: 128 bits
ALGORITHM: Final = "sha-256"  # and no other: RFC 9901 4.1.1
RESERVED: Final = ("_sd", "...")
_DIGEST: Final = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 bytes in base64url

Random = Callable[[int], bytes]


@dataclass(frozen=True)
class Disclosure:
    """One claim that can be shown: `text` is what travels, `name` is None for an element of an array."""

    text: str
    name: str | None
    value: Any

    @classmethod
    def of(cls, salt: bytes, name: str, value: Any) -> Disclosure:
        """Return the disclosure of a claim."""
        array = json.dumps([base64url(salt), name, value], ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return cls(base64url(array.encode("utf-8")), name, value)

    @classmethod
    def read(cls, text: str) -> Disclosure:
        """Return the disclosure that `text` spells; Refused with the reason ``disclosure``, or the JSON reader's."""
        parts = parse_array(decode_base64url(text, "disclosure"))
        if len(parts) not in (2, 3) or not all(isinstance(part, str) for part in parts[:-1]):
            raise Refused("disclosure", "a disclosure is not a list of salt, name and value")
        name = parts[1] if len(parts) == 3 else None
        if name in RESERVED:
            raise Refused("disclosure", f"a disclosure calls its claim {name!r}, which RFC 9901 keeps for itself")
        return cls(text, name, parts[-1])

    @property
    def digest(self) -> str:
        """What stands for it in the issuer's JWT: over the text as it travels (RFC 9901 4.2.3)."""
        return _hash(self.text.encode("ascii"))


@dataclass(frozen=True)
class SdJwt:
    """An SD-JWT taken apart; nothing in it is verified. `key_binding` is None where the holder has signed nothing."""

    jwt: bytes
    disclosures: tuple[Disclosure, ...]
    key_binding: bytes | None = None

    @classmethod
    def parse(cls, data: bytes) -> SdJwt:
        """Take `data` apart; Refused where it is no SD-JWT in compact form."""
        if len(data) > MAX_ENVELOPE:
            raise Refused("too-large", f"{len(data)} bytes, at most {MAX_ENVELOPE}")
        jwt, *texts = data.split(b"~")
        if not texts:
            raise Refused("not-sd-jwt", "there is no tilde in it; an SD-JWT has one behind each of its parts")
        *shown, binding = texts
        if len(shown) > MAX_DISCLOSURES:
            raise Refused("too-many", f"{len(shown)} disclosures, at most {MAX_DISCLOSURES}")
        if any(not part.isascii() for part in shown):
            raise Refused("disclosure", "a disclosure holds characters outside base64url")
        disclosures = tuple(Disclosure.read(part.decode("ascii")) for part in shown)
        return cls(jwt, disclosures, binding or None)

    def unbound(self) -> bytes:
        """Return the SD-JWT without the holder's key binding: the bytes that the binding speaks of."""
        return b"".join(part + b"~" for part in (self.jwt, *(one.text.encode("ascii") for one in self.disclosures)))

    def only(self, wanted: Callable[[Disclosure], bool]) -> SdJwt:
        """Return the same with the disclosures that are `wanted`, and no key binding."""
        return SdJwt(self.jwt, tuple(filter(wanted, self.disclosures)))


@dataclass(frozen=True)
class Binding:
    """What the holder has signed: this choice of claims, for whom, with their nonce, when by the holder's clock."""

    audience: str
    nonce: str
    made_at: datetime


def hide(claims: Mapping[str, Any], room: int, random: Random) -> tuple[list[str], list[Disclosure]]:
    """Return `room` digests, sorted, of which as many are decoys as there are no `claims`, and the disclosures.

    Sorting leaves no trace of the order in which claims were given (RFC 9901 4.2.4.1); decoys are hashes of random
    bytes (4.2.5).
    """
    if len(claims) > room:
        raise ValueError(f"{len(claims)} claims in {room} places")
    disclosures = [Disclosure.of(random(SALT_BYTES), name, value) for name, value in claims.items()]
    decoys = [_hash(random(32)) for _ in range(room - len(claims))]
    return sorted([*(one.digest for one in disclosures), *decoys]), disclosures


def unpack(payload: Mapping[str, Any], disclosures: Sequence[Disclosure]) -> dict[str, Any]:
    """Return the claims of a payload with every disclosure in the place of its digest (RFC 9901 7.1, steps 3 to 5).

    Refused: ``sd-alg``, ``disclosure-twice``, ``digest-twice``, ``disclosure-unused``, ``claim-twice``, ``disclosure``
    (in a place where it does not belong), ``sd-structure``, ``too-deep``.
    """
    if payload.get("_sd_alg", ALGORITHM) != ALGORITHM:
        raise Refused("sd-alg", f"digests by {payload['_sd_alg']!r:.40} are not known here, only {ALGORITHM}")
    by_digest = {one.digest: one for one in disclosures}
    if len(by_digest) != len(disclosures):
        raise Refused("disclosure-twice", "the same disclosure stands twice")
    unpacking = _Unpacking(by_digest)
    claims: dict[str, Any] = unpacking.value(payload, 1)
    if unpacking.used != set(by_digest):
        raise Refused("disclosure-unused", "a disclosure is none that the issuer has signed")
    claims.pop("_sd_alg", None)
    return claims


@dataclass
class _Unpacking:
    """One walk through a payload: digests that were met, and those whose disclosure was used."""

    by_digest: Mapping[str, Disclosure]
    seen: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)

    def value(self, value: Any, depth: int) -> Any:
        """Return `value` with disclosures in place. Each may bring further levels, so depth is counted here again."""
        if depth > MAX_DEPTH:
            raise Refused("too-deep", f"with its disclosures nested more than {MAX_DEPTH} levels deep")
        if isinstance(value, dict):
            return self._object(value, depth)
        return self._array(value, depth) if isinstance(value, list) else value

    def _object(self, value: Mapping[str, Any], depth: int) -> dict[str, Any]:
        if "..." in value:
            raise Refused("sd-structure", "the key '...' stands where no element of an array is")
        claims = {name: self.value(inner, depth + 1) for name, inner in value.items() if name != "_sd"}
        digests = value.get("_sd", [])
        if not isinstance(digests, list):
            raise Refused("sd-structure", "_sd is not a list of digests")
        for found in filter(None, map(self._take, digests)):
            if found.name is None:
                raise Refused("disclosure", "the disclosure of an element stands in the place of a claim")
            if found.name in claims:
                raise Refused("claim-twice", f"the claim {found.name!r:.60} is there already")
            claims[found.name] = self.value(found.value, depth + 1)
        return claims

    def _array(self, elements: list[Any], depth: int) -> list[Any]:
        kept = []
        for element in elements:
            if not (isinstance(element, dict) and "..." in element):
                kept.append(self.value(element, depth + 1))
                continue
            if len(element) != 1:
                raise Refused("sd-structure", "more stands beside the key '...' of an element")
            if (found := self._take(element["..."])) is not None:
                if found.name is not None:
                    raise Refused("disclosure", "the disclosure of a claim stands in the place of an element")
                kept.append(self.value(found.value, depth + 1))
        return kept

    def _take(self, digest: object) -> Disclosure | None:
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise Refused("sd-structure", f"{digest!r:.60} is no digest")
        if digest in self.seen:
            raise Refused("digest-twice", "the same digest stands twice")
        self.seen.add(digest)
        if digest in self.by_digest:
            self.used.add(digest)
        return self.by_digest.get(digest)


def bind(shown: SdJwt, audience: str, nonce: str, signer: Signer, now: datetime) -> bytes:
    """Return the SD-JWT+KB: what is shown, signed by its holder for one audience (RFC 9901 4.3)."""
    unbound = shown.unbound()
    members = {"iat": int(now.timestamp()), "aud": audience, "nonce": nonce, "sd_hash": _hash(unbound)}
    bound = unbound + sign(serialize(members), KEY_BINDING, signer)
    if len(bound) > MAX_ENVELOPE:
        raise Refused("too-large", f"the presentation would have {len(bound)} bytes, at most {MAX_ENVELOPE}")
    return bound


def verify_binding(shown: SdJwt, holder: PublicKey) -> Binding:
    """Return what the holder has signed; Refused unless it is about exactly these bytes (RFC 9901 7.3, step 5)."""
    if shown.key_binding is None:
        raise Refused("no-key-binding", "nothing shows that whoever hands it in holds the key that it was issued to")
    record = Record(parse_object(verify_under(shown.key_binding, KEY_BINDING, holder)), "key binding")
    made_at = moment(record, "iat")
    binding = Binding(record.text("aud"), record.text("nonce"), made_at)
    if record.text("sd_hash") != _hash(shown.unbound()):
        raise Refused("other-presentation", "the holder's signature is about another choice of disclosures")
    record.done()
    return binding


def moment(record: Record, name: str) -> datetime:
    """Return a NumericDate (RFC 7519 2) in whole seconds; Refused for one that no calendar holds."""
    seconds = record.integer(name)
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise Refused(record.reason, f"{record.where}: {name}: {seconds} is no time") from None


def _hash(data: bytes) -> str:
    return base64url(hashlib.sha256(data).digest())
