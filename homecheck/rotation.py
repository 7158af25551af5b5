"""A rotation: the document by which a new device key takes the place of an old one.

    typ homecheck-rotation+jws, signed by the old key         {v, aud, iat, jwk, store, software, proof}
    proof: typ homecheck-rotation-proof+jws, by the new key   {v, aud, iat, replaces}

The outer signature gives the right: whoever holds the old key names its heir. The proof shows that the heir exists and
agrees, for this very old key and this collector; without it one could claim a key that is somebody else's, and with a
proof that was made for another key or another collector one cannot either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homecheck.errors import Refused
from homecheck.signing import ROTATION, ROTATION_PROOF, KeyLookup, PublicKey, Signer, sign, verify
from homecheck.strict_json import Record, parse_object, serialize

VERSION: Final = 1
MAX_PROOF: Final = 4_096  # characters
SOFTWARE: Final = ("name", "version", "python", "system")


@dataclass(frozen=True)
class Rotation:
    """A rotation whose two signatures fit. `aud` is the collector that it is meant for."""

    aud: str
    key: PublicKey
    store: str
    software: str


def request(old: Signer, new: Signer, aud: str, software: Mapping[str, str], now: datetime) -> bytes:
    """Return the signed document by which `new` takes the place of `old` at the collector `aud`."""
    head = {"v": VERSION, "aud": aud, "iat": int(now.timestamp())}
    proof = sign(serialize({**head, "replaces": old.public.kid}), ROTATION_PROOF, new)
    heir = {"jwk": new.public.jwk(), "store": new.store, "software": dict(software), "proof": proof.decode()}
    return sign(serialize({**head, **heir}), ROTATION, old)


def read(envelope: bytes, old: str, keys: KeyLookup) -> Rotation:
    """Return the rotation of the key called `old`, which must be the signer. Refused with one reason."""
    record = Record(parse_object(verify(envelope, ROTATION, lambda kid: keys(kid) if kid == old else None)), "rotation")
    _check_version(record)
    record.integer("iat")
    aud, store, proof = record.text("aud"), record.text("store"), record.text("proof", max_length=MAX_PROOF)
    software = record.record("software")
    named = [software.text(name, max_length=100) for name in SOFTWARE]
    key = PublicKey.from_jwk(record.members("jwk"))  # which refuses keys that would sign everything
    record.done()
    software.done()
    _check_proof(proof, key, old, aud)
    return Rotation(aud, key, store, "{} {} (Python {}, {})".format(*named))


def _check_proof(proof: str, key: PublicKey, old: str, aud: str) -> None:
    """Refuse a proof that the new key has not made for this rotation."""
    if key.kid == old:
        raise Refused("same-key", "rotation: the new key is the old one")
    payload = verify(proof.encode("utf-8"), ROTATION_PROOF, {key.kid: key}.get)
    record = Record(parse_object(payload), "rotation.proof")
    _check_version(record)
    record.integer("iat")
    meant = (record.text("replaces"), record.text("aud"))
    record.done()
    if meant != (old, aud):
        raise Refused("other-proof", "rotation: its proof was made for another key or another collector")


def _check_version(record: Record) -> None:
    if record.integer("v") != VERSION:
        raise Refused("schema", f"{record.where}: this version of the format is not known here")
