"""Forged envelopes, each a function named after its trick and marked with the reason by which it must be refused.

All are made with real keys around one piece of evidence that would be accepted. `forgeries()` lists them; whatever
`accept` does with one, nothing but `homecheck.errors.Refused` may leave it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from homecheck.evidence import Declaration, Device, Evidence, ProbeRun, Software
from homecheck.keys import SoftwareKey
from homecheck.measurement import Failure, Measurement, Quantity
from homecheck.signing import EVIDENCE, RECEIPT, PublicKey, base64url, sign, verify

DEVICE: Final = SoftwareKey.of(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
DEVICE_P256: Final = SoftwareKey.of(ec.derive_private_key(0x1234567890ABCDEF, ec.SECP256R1()))
STRANGER: Final = SoftwareKey.of(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
ENROLLED: Final[dict[str, PublicKey]] = {key.public.kid: key.public for key in (DEVICE, DEVICE_P256)}

# Group orders, from RFC 8032 5.1 and SEC 2 2.4.2.
L: Final = 2**252 + 27742317777372353535851937790883648493
N: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

NOON: Final = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)
LENGTH: Final = Quantity("test.length", "m", "tape")
COLOUR: Final = Quantity.text("test.colour", "eye")
OPEN: Final = Quantity.yes_no("test.open", "eye")

GENUINE: Final = Evidence(
    id="019ab1c2-d3e4-7f01-8234-56789abcdef0",
    aud="https://collector.example",
    iat=1_795_435_200,
    nonce="challenge",
    seq=7,
    sub="person-1",
    device=Device(DEVICE.public.kid, "file"),
    started_at=NOON,
    finished_at=NOON,
    software=Software("homecheck", "1.0", "3.11.2", "Linux 6.1"),
    runs=(
        ProbeRun(
            "tape",
            "1",
            NOON,
            1.5,
            (
                Measurement(LENGTH, 1.25, 0.05, details={"reading": [1, 2.5, "ü", None, {"on": True}]}),
                Measurement(COLOUR, "blå"),
                Measurement(OPEN, failure=Failure("no_light", "room", "too dark to see", "Switch on the lamp.")),
            ),
        ),
    ),
    declarations=(Declaration("corded_phone", True),),
    observations=("aGVhZA.Ym9keQ.c2ln",),
)

Trick = Callable[[], bytes]


@dataclass(frozen=True)
class Forgery:
    """One forged envelope and the reason by which it must be refused."""

    name: str
    make: Trick
    reason: str


_ALL: list[Forgery] = []


def refused_as(reason: str) -> Callable[[Trick], Trick]:
    """Register a trick with the reason by which it must be refused."""

    def register(trick: Trick) -> Trick:
        _ALL.append(Forgery(trick.__name__, trick, reason))
        return trick

    return register


def forgeries() -> list[Forgery]:
    """Return all forgeries."""
    return list(_ALL)


def genuine() -> bytes:
    """Return the envelope that must be accepted."""
    return sign(GENUINE.to_bytes(), EVIDENCE, DEVICE)


def genuine_p256() -> bytes:
    """Return the same evidence under ES256."""
    evidence = replace(GENUINE, device=Device(DEVICE_P256.public.kid, "file"))
    return sign(evidence.to_bytes(), EVIDENCE, DEVICE_P256)


def accept(envelope: bytes) -> Evidence:
    """Read evidence as the collector does."""
    return Evidence.from_bytes(verify(envelope, EVIDENCE, ENROLLED.get))


def header(**changes: Any) -> bytes:
    """Return a header with members changed; None leaves one out."""
    members = {"alg": "EdDSA", "kid": DEVICE.public.kid, "typ": EVIDENCE, **changes}
    return json.dumps({name: value for name, value in members.items() if value is not None}).encode()


def sealed(head: bytes, payload: bytes | None = None, key: SoftwareKey = DEVICE) -> bytes:
    """Return an envelope with these exact bytes as header and payload, and a signature that fits them."""
    body = GENUINE.to_bytes() if payload is None else payload
    signing_input = f"{base64url(head)}.{base64url(body)}".encode()
    return signing_input + b"." + base64url(key.sign(signing_input)).encode()


def with_signature(envelope: bytes, signature: bytes) -> bytes:
    """Return `envelope` with another signature."""
    return envelope.rsplit(b".", 1)[0] + b"." + base64url(signature).encode()


def signature_of(envelope: bytes) -> bytes:
    """Return the decoded signature."""
    last = envelope.rsplit(b".", 1)[1]
    return base64.urlsafe_b64decode(last + b"=" * (-len(last) % 4))


def payload_of(change: Callable[[dict[str, Any]], None]) -> bytes:
    """Return the envelope, properly signed, of the genuine evidence after `change`."""
    members = json.loads(GENUINE.to_bytes())
    change(members)
    return sealed(header(), json.dumps(members).encode())


def payload_text(old: str, new: str) -> bytes:
    """Return the envelope, properly signed, of the genuine evidence with a piece of its JSON text replaced once."""
    text = GENUINE.to_bytes().decode()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
    return sealed(header(), text.replace(old, new).encode("utf-8", "surrogatepass"))


# --- The form: size, segments, alphabet, the one spelling -------------------------------------------------------------


@refused_as("too-large")
def larger_than_anything_we_read() -> bytes:
    return b"A" * 262_145


@refused_as("too-large")
def payload_padded_over_the_limit() -> bytes:
    return sealed(header(), b" " * 200_000)


@refused_as("not-compact")
def empty() -> bytes:
    return b""


@refused_as("not-compact")
def two_segments() -> bytes:
    return genuine().rsplit(b".", 1)[0]


@refused_as("not-compact")
def four_segments() -> bytes:
    return genuine() + b".AA"


@refused_as("not-compact")
def five_segments_of_encryption() -> bytes:
    return b".".join([base64url(header()).encode()] * 5)


@refused_as("not-compact")
def only_full_stops() -> bytes:
    return b"." * 1000


@refused_as("not-compact")
def flattened_json() -> bytes:
    head, body, signature = genuine().decode().split(".")
    return json.dumps({"protected": head, "payload": body, "signature": signature}).encode()


@refused_as("not-compact")
def general_json() -> bytes:
    head, body, signature = genuine().decode().split(".")
    return json.dumps({"payload": body, "signatures": [{"protected": head, "signature": signature}]}).encode()


@refused_as("base64url")
def empty_signature() -> bytes:
    return genuine().rsplit(b".", 1)[0] + b"."


@refused_as("base64url")
def empty_payload() -> bytes:
    signing_input = base64url(header()).encode() + b"."
    return signing_input + b"." + base64url(DEVICE.sign(signing_input)).encode()


@refused_as("base64url")
def empty_header() -> bytes:
    return b"." + genuine().split(b".", 1)[1]


@refused_as("base64url")
def padding_on_the_signature() -> bytes:
    return genuine() + b"=="


@refused_as("base64url")
def padding_everywhere() -> bytes:
    def padded(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data)

    signing_input = padded(header()) + b"." + padded(GENUINE.to_bytes() + b" ")
    return signing_input + b"." + padded(DEVICE.sign(signing_input))


@refused_as("base64url")
def other_alphabet() -> bytes:
    signing_input = genuine().rsplit(b".", 1)[0]
    signature = next(s for s in (signing_with_plus_or_slash(n) for n in range(50)) if s)
    return signing_input + b"." + signature


def signing_with_plus_or_slash(number: int) -> bytes | None:
    """Return a signature in standard base64 without padding, if it holds a character that base64url has not."""
    text = base64.b64encode(DEVICE.sign(bytes([number]))).rstrip(b"=")
    return text if b"+" in text or b"/" in text else None


@refused_as("base64url")
def unused_bits_set_in_the_signature() -> bytes:
    # 64 bytes are 85 characters and 2 bits: the last character has 4 bits that decode to nothing.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    text = genuine().decode()
    return (text[:-1] + alphabet[alphabet.index(text[-1]) | 1]).encode()


@refused_as("base64url")
def unused_bits_set_in_the_payload() -> bytes:
    payload = GENUINE.to_bytes()
    payload += b" " * ((1 - len(payload)) % 3)  # one byte more than a multiple of three: 4 bits decode to nothing
    body = base64url(payload)
    assert body[-1] in "AQgw"
    signing_input = f"{base64url(header())}.{body[:-1]}{chr(ord(body[-1]) + 1)}".encode()
    return signing_input + b"." + base64url(DEVICE.sign(signing_input)).encode()


@refused_as("base64url")
def length_that_no_bytes_have() -> bytes:
    return genuine() + b"AAA"


@refused_as("base64url")
def white_space_after() -> bytes:
    return genuine() + b"\n"


@refused_as("base64url")
def white_space_before() -> bytes:
    return b" " + genuine()


@refused_as("base64url")
def white_space_inside() -> bytes:
    head, rest = genuine().split(b".", 1)
    return head[:10] + b"\r\n" + head[10:] + b"." + rest


@refused_as("base64url")
def nul_after() -> bytes:
    return genuine() + b"\0"


@refused_as("base64url")
def byte_order_mark_before() -> bytes:
    return b"\xef\xbb\xbf" + genuine()


@refused_as("base64url")
def letters_that_only_look_latin() -> bytes:
    return genuine().replace(b"e", "\u0435".encode(), 1)  # CYRILLIC SMALL LETTER IE


# --- The header -------------------------------------------------------------------------------------------------------


@refused_as("duplicate-member")
def alg_twice() -> bytes:
    return sealed(b'{"alg":"none",' + header()[1:])


@refused_as("duplicate-member")
def alg_twice_once_spelled_with_an_escape() -> bytes:
    return sealed(header()[:-1] + rb', "\u0061lg": "EdDSA"}')


@refused_as("duplicate-member")
def kid_twice() -> bytes:
    return sealed(header()[:-1] + f', "kid": "{STRANGER.public.kid}"}}'.encode())


@refused_as("duplicate-member")
def typ_twice() -> bytes:
    return sealed(b'{"typ":"' + RECEIPT.encode() + b'",' + header()[1:])


@refused_as("typ")
def typ_of_another_of_our_documents() -> bytes:
    return sign(GENUINE.to_bytes(), RECEIPT, DEVICE)


@refused_as("typ")
def typ_foreign() -> bytes:
    return sealed(header(typ="JWT"))


@refused_as("typ")
def typ_in_capitals() -> bytes:
    return sealed(header(typ=EVIDENCE.upper()))


@refused_as("typ")
def typ_as_a_media_type() -> bytes:
    return sealed(header(typ="application/" + EVIDENCE))


@refused_as("typ")
def typ_empty() -> bytes:
    return sealed(header(typ=""))


@refused_as("header")
def typ_missing() -> bytes:
    return sealed(header(typ=None))


@refused_as("header")
def kid_missing() -> bytes:
    return sealed(header(kid=None))


@refused_as("unknown-key")
def kid_empty() -> bytes:
    return sealed(header(kid=""))


@refused_as("unknown-key")
def kid_of_a_stranger() -> bytes:
    return sealed(header(kid=STRANGER.public.kid), key=STRANGER)


@refused_as("signature")
def kid_of_the_device_key_of_a_stranger() -> bytes:
    return sealed(header(), key=STRANGER)


@refused_as("alg")
def kid_of_another_enrolled_device() -> bytes:
    return sealed(header(kid=DEVICE_P256.public.kid))


@refused_as("signature")
def kid_of_another_enrolled_device_and_its_algorithm() -> bytes:
    return sealed(header(kid=DEVICE_P256.public.kid, alg="ES256"))


@refused_as("unknown-key")
def kid_with_a_nul() -> bytes:
    return sealed(header(kid=DEVICE.public.kid + "\0"))


@refused_as("unknown-key")
def kid_as_a_path() -> bytes:
    return sealed(header(kid="../../../../../../../../../../../etc/passwd"))


@refused_as("unknown-key")
def kid_as_a_query() -> bytes:
    return sealed(header(kid="' OR kid LIKE '%' -- aaaaaaaaaaaaaaaaaaaaa"))


@refused_as("unknown-key")
def kid_in_other_case() -> bytes:
    return sealed(header(kid=DEVICE.public.kid.swapcase()))


@refused_as("header")
def kid_of_a_thousand_characters() -> bytes:
    return sealed(header(kid="k" * 1000))


@refused_as("too-large")
def kid_of_a_megabyte() -> bytes:
    return sealed(header(kid="k" * 1_000_000))


@refused_as("header")
def kid_a_number() -> bytes:
    return sealed(header(kid=1))


@refused_as("header")
def kid_a_list() -> bytes:
    return sealed(header(kid=[DEVICE.public.kid]))


@refused_as("header")
def jwk_of_the_attacker() -> bytes:
    return sealed(header(jwk=STRANGER.public.jwk()), key=STRANGER)


@refused_as("header")
def jwk_of_our_own_key() -> bytes:
    return sealed(header(jwk=DEVICE.public.jwk()))


@refused_as("header")
def x5u() -> bytes:
    return sealed(header(x5u="https://attacker.example/chain.pem"))


@refused_as("header")
def x5c() -> bytes:
    return sealed(header(x5c=[base64.b64encode(b"certificate").decode()]))


@refused_as("header")
def jku() -> bytes:
    return sealed(header(jku="https://attacker.example/jwks.json"))


@refused_as("header")
def crit_empty() -> bytes:
    return sealed(header(crit=[]))


@refused_as("header")
def crit_naming_alg() -> bytes:
    return sealed(header(crit=["alg"]))


@refused_as("header")
def crit_naming_what_nobody_knows() -> bytes:
    return sealed(header(crit=["exp"], exp=0))


@refused_as("header")
def b64_false() -> bytes:
    head = base64url(header(b64=False, crit=["b64"])).encode()
    body = base64url(GENUINE.to_bytes()).encode()
    raw = head + b"." + GENUINE.to_bytes()
    return head + b"." + body + b"." + base64url(DEVICE.sign(raw)).encode()


@refused_as("header")
def zip_deflate() -> bytes:
    return sealed(header(zip="DEF"))


@refused_as("header")
def cty() -> bytes:
    return sealed(header(cty="JWT"))


@refused_as("header")
def header_without_anything() -> bytes:
    return sealed(b"{}")


@refused_as("not-json")
def header_an_array() -> bytes:
    return sealed(b'["alg","kid","typ"]')


@refused_as("not-json")
def header_a_text() -> bytes:
    return sealed(b'"EdDSA"')


@refused_as("not-json")
def header_with_more_after_it() -> bytes:
    return sealed(header() + b"{}")


@refused_as("not-json")
def header_that_breaks_off() -> bytes:
    return sealed(header()[:-1])


@refused_as("bad-number")
def header_with_nan() -> bytes:
    return sealed(header()[:-1] + b', "iat": NaN}')


@refused_as("not-utf8")
def header_in_utf_16() -> bytes:
    return sealed(header().decode().encode("utf-16"))


@refused_as("not-json")
def header_with_a_byte_order_mark() -> bytes:
    return sealed(b"\xef\xbb\xbf" + header())


@refused_as("too-deep")
def header_nested_deeply() -> bytes:
    return sealed(b'{"alg":' + b"[" * 300 + b"]" * 300 + b"}")


# --- The algorithm ----------------------------------------------------------------------------------------------------


@refused_as("header")
def alg_missing() -> bytes:
    return sealed(header(alg=None))


@refused_as("base64url")
def alg_none_unsigned() -> bytes:
    return f"{base64url(header(alg='none'))}.{base64url(GENUINE.to_bytes())}.".encode()


@refused_as("alg")
def alg_none_with_any_signature() -> bytes:
    return with_signature(sealed(header(alg="none")), bytes(64))


@refused_as("alg")
def alg_none_in_mixed_case() -> bytes:
    return sealed(header(alg="nOnE"))


@refused_as("alg")
def alg_in_lower_case() -> bytes:
    return sealed(header(alg="eddsa"))


@refused_as("alg")
def alg_in_its_newer_spelling() -> bytes:
    return sealed(header(alg="Ed25519"))  # RFC 9864; one spelling is enough


@refused_as("alg")
def alg_empty() -> bytes:
    return sealed(header(alg=""))


@refused_as("header")
def alg_null() -> bytes:
    return sealed(header()[:-1].replace(b'"EdDSA"', b"null") + b"}")


def keyed_with_the_public_key(secret: bytes) -> bytes:
    """Return an envelope under HS256 whose shared secret is our public key."""
    signing_input = f"{base64url(header(alg='HS256'))}.{base64url(GENUINE.to_bytes())}".encode()
    return signing_input + b"." + base64url(hmac.digest(secret, signing_input, hashlib.sha256)).encode()


@refused_as("alg")
def hs256_with_the_raw_public_key() -> bytes:
    return keyed_with_the_public_key(DEVICE.public.key.public_bytes(Encoding.Raw, PublicFormat.Raw))


@refused_as("alg")
def hs256_with_the_public_key_in_pem() -> bytes:
    return keyed_with_the_public_key(DEVICE.public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


@refused_as("alg")
def hs256_with_the_public_jwk() -> bytes:
    return keyed_with_the_public_key(json.dumps(DEVICE.public.jwk()).encode())


@refused_as("alg")
def es256_in_the_header_over_an_ed25519_key() -> bytes:
    return sealed(header(alg="ES256"), key=DEVICE_P256)


@refused_as("alg")
def eddsa_in_the_header_over_a_p256_key() -> bytes:
    return sealed(header(kid=DEVICE_P256.public.kid))


# --- The signature ----------------------------------------------------------------------------------------------------


@refused_as("signature")
def signature_of_63_bytes() -> bytes:
    return with_signature(genuine(), signature_of(genuine())[:-1])


@refused_as("signature")
def signature_of_65_bytes() -> bytes:
    return with_signature(genuine(), signature_of(genuine()) + b"\0")


@refused_as("signature")
def signature_all_zero() -> bytes:
    return with_signature(genuine(), bytes(64))


@refused_as("signature")
def signature_with_s_plus_l() -> bytes:
    signature = signature_of(genuine())
    s = int.from_bytes(signature[32:], "little") + L
    return with_signature(genuine(), signature[:32] + s.to_bytes(32, "little"))


@refused_as("signature")
def signature_of_another_payload() -> bytes:
    other = sign(replace(GENUINE, seq=8).to_bytes(), EVIDENCE, DEVICE)
    return with_signature(genuine(), signature_of(other))


@refused_as("signature")
def payload_swapped() -> bytes:
    head, _, signature = genuine().split(b".")
    return b".".join((head, base64url(replace(GENUINE, sub="person-2").to_bytes()).encode(), signature))


@refused_as("signature")
def header_rewritten_after_signing() -> bytes:
    head, body, signature = genuine().split(b".")
    assert base64url(header()).encode() != head  # the same members, other spaces
    return b".".join((base64url(header()).encode(), body, signature))


@refused_as("signature")
def signature_over_the_decoded_bytes() -> bytes:
    return with_signature(genuine(), DEVICE.sign(GENUINE.to_bytes()))


@refused_as("signature")
def es256_twin_in_the_upper_half() -> bytes:
    signature = signature_of(genuine_p256())
    s = N - int.from_bytes(signature[32:], "big")
    return with_signature(genuine_p256(), signature[:32] + s.to_bytes(32, "big"))


@refused_as("signature")
def es256_in_der() -> bytes:
    signature = signature_of(genuine_p256())
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    return with_signature(genuine_p256(), encode_dss_signature(r, s))


@refused_as("signature")
def es256_all_zero() -> bytes:
    return with_signature(genuine_p256(), bytes(64))


@refused_as("signature")
def es256_r_zero() -> bytes:
    return with_signature(genuine_p256(), bytes(32) + signature_of(genuine_p256())[32:])


@refused_as("signature")
def es256_s_zero() -> bytes:
    return with_signature(genuine_p256(), signature_of(genuine_p256())[:32] + bytes(32))


@refused_as("signature")
def es256_r_equal_to_the_order() -> bytes:
    return with_signature(genuine_p256(), N.to_bytes(32, "big") + signature_of(genuine_p256())[32:])


@refused_as("signature")
def es256_s_equal_to_the_order() -> bytes:
    return with_signature(genuine_p256(), signature_of(genuine_p256())[:32] + N.to_bytes(32, "big"))


@refused_as("signature")
def es256_r_and_s_equal_to_the_order() -> bytes:
    return with_signature(genuine_p256(), N.to_bytes(32, "big") * 2)


# --- The payload, properly signed: a patched agent can write anything -------------------------------------------------


@refused_as("not-json")
def payload_no_json() -> bytes:
    return sealed(header(), b"hello")


@refused_as("not-json")
def payload_an_array() -> bytes:
    return sealed(header(), b"[" + GENUINE.to_bytes() + b"]")


@refused_as("not-json")
def payload_with_more_after_it() -> bytes:
    return sealed(header(), GENUINE.to_bytes() + b" {}")


@refused_as("not-json")
def payload_with_a_byte_order_mark() -> bytes:
    return sealed(header(), b"\xef\xbb\xbf" + GENUINE.to_bytes())


@refused_as("not-utf8")
def payload_in_latin_1() -> bytes:
    return sealed(header(), GENUINE.to_bytes().decode().encode("latin-1"))


@refused_as("not-utf8")
def payload_with_an_encoded_surrogate() -> bytes:
    return payload_text("blå", "\udc80")


@refused_as("too-deep")
def payload_nested_100000_levels() -> bytes:
    return sealed(header(), b'{"v":' + b"[" * 90_000 + b"]" * 90_000 + b"}")


@refused_as("too-deep")
def payload_that_opens_100000_levels_and_closes_none() -> bytes:
    return sealed(header(), b'{"v":' * 30_000)


@refused_as("duplicate-member")
def payload_member_twice() -> bytes:
    return payload_text('"seq":7', '"seq":7,"seq":8')


@refused_as("duplicate-member")
def payload_member_twice_deep_inside() -> bytes:
    return payload_text('"uncertainty":0.05', '"uncertainty":0.05,"v\\u0061lue":9.75')


@refused_as("lone-surrogate")
def payload_with_a_lone_surrogate() -> bytes:
    return payload_text("blå", "\\ud800")


@refused_as("lone-surrogate")
def payload_with_a_lone_surrogate_in_a_name() -> bytes:
    return payload_text('"reading"', '"\\udfff"')


@refused_as("bad-number")
def payload_with_nan() -> bytes:
    return payload_text("1.25", "NaN")


@refused_as("bad-number")
def payload_with_infinity() -> bytes:
    return payload_text("1.25", "-Infinity")


@refused_as("bad-number")
def payload_with_a_number_that_overflows() -> bytes:
    return payload_text("1.25", "1e400")


@refused_as("bad-number")
def payload_with_an_integer_beyond_2_53() -> bytes:
    return payload_text('"seq":7', f'"seq":{2**70}')


@refused_as("bad-number")
def payload_with_5000_digits() -> bytes:
    return payload_text('"seq":7', '"seq":' + "7" * 5000)


@refused_as("schema")
def payload_true_for_one() -> bytes:
    return payload_text('"v":1', '"v":true')


@refused_as("schema")
def payload_version_unknown() -> bytes:
    return payload_text('"v":1', '"v":2')


@refused_as("schema")
def payload_member_unknown() -> bytes:
    return payload_of(lambda members: members.update(verdict="pass"))


@refused_as("schema")
def payload_member_unknown_in_a_measurement() -> bytes:
    return payload_of(lambda members: members["runs"][0]["measurements"][0].update(verdict="pass"))


@refused_as("schema")
def payload_member_missing() -> bytes:
    return payload_of(lambda members: members.pop("aud"))


@refused_as("schema")
def payload_seq_negative() -> bytes:
    return payload_of(lambda members: members.update(seq=-1))


@refused_as("schema")
def payload_seq_a_fraction() -> bytes:
    return payload_of(lambda members: members.update(seq=7.0))


@refused_as("schema")
def payload_id_no_uuid() -> bytes:
    return payload_of(lambda members: members.update(id="1"))


@refused_as("schema")
def payload_id_in_capitals() -> bytes:
    return payload_of(lambda members: members.update(id=GENUINE.id.upper()))


@refused_as("schema")
def payload_time_in_another_zone() -> bytes:
    return payload_of(lambda members: members.update(started_at="2026-11-23T13:00:00.250+01:00"))


@refused_as("schema")
def payload_time_that_no_calendar_has() -> bytes:
    return payload_of(lambda members: members.update(started_at="2026-02-30T12:00:00.250Z"))


@refused_as("schema")
def payload_text_with_nul() -> bytes:
    return payload_of(lambda members: members.update(sub="person\0"))


@refused_as("schema")
def payload_text_too_long() -> bytes:
    return payload_of(lambda members: members["software"].update(system="x" * 501))


@refused_as("schema")
def measurement_without_uncertainty() -> bytes:
    return payload_of(lambda members: members["runs"][0]["measurements"][0].update(uncertainty=None))


@refused_as("schema")
def measurement_with_a_negative_uncertainty() -> bytes:
    return payload_of(lambda members: members["runs"][0]["measurements"][0].update(uncertainty=-0.1))


@refused_as("schema")
def measurement_whose_uncertainty_is_true() -> bytes:
    return payload_of(lambda members: members["runs"][0]["measurements"][0].update(uncertainty=True))


@refused_as("schema")
def measurement_whose_number_is_true() -> bytes:
    return payload_of(lambda members: members["runs"][0]["measurements"][0].update(value=True))


@refused_as("schema")
def measurement_whose_number_is_a_text() -> bytes:
    return payload_of(lambda members: members["runs"][0]["measurements"][0].update(value="1.25"))


@refused_as("schema")
def measurement_whose_yes_is_one() -> bytes:
    return payload_of(lambda members: members["runs"][0]["measurements"][2].update(value=1, failure=None))


@refused_as("schema")
def measurement_with_value_and_failure() -> bytes:
    return payload_of(lambda members: members["runs"][0]["measurements"][2].update(value=True))


@refused_as("schema")
def measurement_with_neither_value_nor_failure() -> bytes:
    return payload_of(lambda members: members["runs"][0]["measurements"][2].update(failure=None))


@refused_as("schema")
def measurement_of_an_unknown_kind() -> bytes:
    return payload_of(lambda members: members["runs"][0]["measurements"][1].update(kind="sound"))


@refused_as("schema")
def failure_that_blames_nobody_known() -> bytes:
    return payload_of(lambda members: members["runs"][0]["measurements"][2]["failure"].update(at_fault="candidate"))


@refused_as("schema")
def cause_that_blames_nobody_known() -> bytes:
    cause = {"at_fault": "neighbour", "sentence": "it is the neighbour's fault"}
    return payload_of(lambda members: members["runs"][0]["measurements"][0].update(cause=cause))


@refused_as("schema")
def cause_beside_a_failure() -> bytes:
    cause = {"at_fault": "server", "sentence": "it is not my fault"}
    return payload_of(lambda members: members["runs"][0]["measurements"][2].update(cause=cause))


@refused_as("schema")
def quantity_twice_in_one_run() -> bytes:
    def twice(members: dict[str, Any]) -> None:
        found = members["runs"][0]["measurements"]
        found.append({**found[0], "value": 9.75})

    return payload_of(twice)


@refused_as("schema")
def quantity_twice_in_two_runs() -> bytes:
    return payload_of(lambda members: members["runs"].append({**members["runs"][0], "probe": "tape2"}))


@refused_as("schema")
def declaration_twice() -> bytes:
    return payload_of(lambda members: members["declarations"].append({"id": "corded_phone", "answer": False}))


@refused_as("schema")
def declaration_answered_with_one() -> bytes:
    return payload_of(lambda members: members["declarations"][0].update(answer=1))


@refused_as("schema")
def runs_an_object() -> bytes:
    return payload_of(lambda members: members.update(runs={}))


@refused_as("schema")
def observation_no_text() -> bytes:
    return payload_of(lambda members: members.update(observations=[1]))


@refused_as("schema")
def observation_too_long() -> bytes:
    return payload_of(lambda members: members.update(observations=["x" * 65_537]))
