"""A credential that must be accepted, and forged ones, each a function named after its trick with its reason.

Collector and holder are real keys; `accept` reads a presentation as somebody does who is shown it at `NOW`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from homecheck.appraisal import AttestationResult, Finding, Verdict
from homecheck.credential import Presented, issue, read_presented
from homecheck.keys import SoftwareKey
from homecheck.measurement import Cause
from homecheck.result import Result
from homecheck.sd_jwt import SdJwt, bind
from homecheck.signing import CREDENTIAL, KEY_BINDING, RESULT, base64url, sign
from tests.forgeries import DEVICE, DEVICE_P256, GENUINE, Forgery, L, N, Trick, genuine, signature_of, with_signature

COLLECTOR: Final = SoftwareKey.of(Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34))))
STRANGER: Final = SoftwareKey.of(Ed25519PrivateKey.from_private_bytes(bytes(range(3, 35))))
PINNED: Final = {COLLECTOR.public.kid: COLLECTOR.public}
HOLDER: Final = DEVICE
AUDIENCE: Final = "https://new-employer.example"
NONCE: Final = "their-nonce"

RECEIVED: Final = datetime(2026, 11, 23, 12, 1, tzinfo=UTC)
ISSUED: Final = RECEIVED + timedelta(seconds=2)
EXPIRES: Final = RECEIVED + timedelta(days=30)
NOW: Final = RECEIVED + timedelta(days=10)

DOWNLOAD: Final = Finding("network.download", Verdict.PASS, "required", "48.2 ± 0.9 Mbit/s", trust="corroborated")
AGAIN: Final = Finding("network.download", Verdict.WARN, "advisory", "worst of 5 runs: 22 Mbit/s", "Use a cable.")
ROOM: Final = Finding(
    "room.noise", Verdict.FAIL, "required", "-40 dBFS(A); at most -50 dBFS(A) needed", "Close the door.", "It echoes.",
    cause=Cause("room", "somebody speaks"),
)  # fmt: skip
DOOR: Final = Finding("declaration.door", Verdict.PASS, "required", "declared yes: Is there a door? ü")
DIGEST: Final = "sha256:" + hashlib.sha256(genuine()).hexdigest()
FINDINGS: Final = AttestationResult(DIGEST, "voice-standard", "1", "sha256:" + "1" * 64, (DOWNLOAD, AGAIN, ROOM, DOOR))
RESULT_OF_IT: Final = Result(
    issuer="https://collector.example",
    program="sales",
    program_title="Försäljning, evenings",
    subject="person-1",
    name="Åsa Öberg",
    device=HOLDER.public.kid,
    evidence_id=GENUINE.id,
    started_at=GENUINE.started_at,
    finished_at=GENUINE.finished_at,
    received_at=RECEIVED,
    appraised_at=RECEIVED,
    expires_at=EXPIRES,
    number=0,
    freshness="measured",
    findings=FINDINGS,
    regions={"network.region": "SE-AB"},
)
DETAIL_NAMES: Final = ("name", "program", "policy", "received_at", "freshness", "evidence", "region")
FINDING_NAMES: Final = ("network.download", "network.download#2", "room.noise", "declaration.door")


@dataclass
class Counted:
    """Random bytes that are the same in every run of the tests."""

    asked: int = 0

    def __call__(self, length: int) -> bytes:
        self.asked += 1
        return hashlib.sha256(self.asked.to_bytes(4, "big")).digest()[:length]


def signed_result(result: Result = RESULT_OF_IT, key: SoftwareKey = COLLECTOR) -> bytes:
    """Return the result as the collector hands it out."""
    return sign(result.to_bytes(), RESULT, key)


def issued(
    result: Result = RESULT_OF_IT, holder: SoftwareKey = HOLDER, key: SoftwareKey = COLLECTOR, at: datetime = ISSUED
) -> bytes:
    """Return the credential as its holder keeps it."""
    return issue(result, holder.public, at, lambda payload, typ: sign(payload, typ, key), Counted())


def presented(*names: str, credential: bytes | None = None, holder: SoftwareKey = HOLDER, at: datetime = NOW) -> bytes:
    """Return what is handed over when only the claims called `names` are shown."""
    kept = SdJwt.parse(issued() if credential is None else credential)
    return bind(kept.only(lambda one: one.name in names), AUDIENCE, NONCE, holder, at)


def accept(data: bytes, now: datetime = NOW) -> Presented:
    """Read a presentation as whoever is shown it."""
    return read_presented(SdJwt.parse(data), PINNED.get, now)


# What forgeries are made of

_ALL: Final[list[Forgery]] = []


def refused_as(reason: str) -> Callable[[Trick], Trick]:
    """Register a trick with the reason by which it must be refused."""

    def register(trick: Trick) -> Trick:
        _ALL.append(Forgery(trick.__name__, trick, reason))
        return trick

    return register


def forged_credentials() -> list[Forgery]:
    """Return all forgeries."""
    return list(_ALL)


def payload_of(data: bytes) -> dict[str, Any]:
    """Return the issuer's payload, unverified."""
    members: dict[str, Any] = json.loads(_decoded(data.split(b"~")[0].split(b".")[1]))
    return members


def _decoded(segment: bytes) -> bytes:
    return base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))


def spelled(array: Any) -> bytes:
    """Return a disclosure that spells anything at all."""
    return base64url(json.dumps(array).encode()).encode()


def digest_of(text: bytes) -> str:
    """Return what stands for a disclosure."""
    return base64url(hashlib.sha256(text).digest())


def assembled(
    payload: dict[str, Any], *disclosures: bytes, key: SoftwareKey = COLLECTOR, typ: str = CREDENTIAL
) -> bytes:
    """Return a presentation with this payload and these disclosures, properly signed by issuer and holder."""
    return bound(b"~".join((sign(json.dumps(payload).encode(), typ, key), *disclosures, b"")))


def bound(unbound: bytes, key: SoftwareKey = HOLDER, typ: str = KEY_BINDING, **changes: Any) -> bytes:
    """Return the SD-JWT with the holder's signature behind it; None leaves a member out."""
    members = {"iat": int(NOW.timestamp()), "aud": AUDIENCE, "nonce": NONCE, "sd_hash": digest_of(unbound), **changes}
    payload = {name: value for name, value in members.items() if value is not None}
    return unbound + sign(json.dumps(payload).encode(), typ, key)


def with_payload(*disclosures: bytes, **changes: Any) -> bytes:
    """Return a presentation whose payload has members changed; None leaves one out."""
    members = {**payload_of(issued()), **changes}
    return assembled({name: value for name, value in members.items() if value is not None}, *disclosures)


def with_finding(text: bytes, *more: bytes) -> bytes:
    """Return a presentation in which the issuer has signed the digest of `text` among the findings."""
    digests = payload_of(issued())["findings"]["_sd"]
    return with_payload(text, *more, findings={"_sd": [*digests, digest_of(text)]})


def parts(*names: str) -> list[bytes]:
    """Return the parts between the tildes of a presentation."""
    return presented(*names).split(b"~")


# --- The form ---------------------------------------------------------------------------------------------------------


@refused_as("too-large")
def larger_than_anything_we_read() -> bytes:
    return b"~" * 262_145


@refused_as("too-many")
def more_disclosures_than_any_policy_has() -> bytes:
    return b"~".join([parts()[0], *[spelled(["s", "n", 1])] * 600, b""])


@refused_as("not-sd-jwt")
def a_jwt_alone() -> bytes:
    return parts()[0]


@refused_as("no-key-binding")
def the_holders_own_copy() -> bytes:
    return issued()


@refused_as("no-key-binding")
def the_holders_signature_cut_off() -> bytes:
    return b"~".join([*parts("name")[:-1], b""])


@refused_as("disclosure")
def an_empty_disclosure() -> bytes:
    return bound(b"~".join([parts()[0], b"", b""]))


@refused_as("disclosure")
def a_disclosure_with_padding() -> bytes:
    jwt, first, *_ = parts("name")
    return bound(b"~".join([jwt, first + b"=", b""]))


@refused_as("disclosure")
def a_disclosure_in_another_alphabet() -> bytes:
    return bound(b"~".join([parts()[0], b"WyJ+Il0", b""]))


@refused_as("disclosure")
def a_disclosure_with_unused_bits_set() -> bytes:
    # 11 bytes are 14 characters and 4 bits: the last character has 2 bits that decode to nothing.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    text = base64url(b'["s","n",1]')
    second = text[:-1] + alphabet[alphabet.index(text[-1]) | 1]
    return bound(b"~".join([parts()[0], second.encode(), b""]))


@refused_as("disclosure")
def a_disclosure_beyond_ascii() -> bytes:
    return bound(b"~".join([parts()[0], "WyLü".encode(), b""]))


@refused_as("not-json")
def a_disclosure_that_is_an_object() -> bytes:
    return with_finding(spelled({"salt": "s", "name": "n", "value": 1}))


@refused_as("not-json")
def a_disclosure_with_more_behind_it() -> bytes:
    return with_finding(base64url(b'["s","n",1],"x"').encode())


@refused_as("disclosure")
def a_disclosure_of_one() -> bytes:
    return with_finding(spelled(["salt"]))


@refused_as("disclosure")
def a_disclosure_of_four() -> bytes:
    return with_finding(spelled(["salt", "name", 1, 2]))


@refused_as("disclosure")
def a_salt_that_is_a_number() -> bytes:
    return with_finding(spelled([7, "name", 1]))


@refused_as("disclosure")
def a_name_that_is_a_number() -> bytes:
    return with_finding(spelled(["salt", 7, 1]))


@refused_as("disclosure")
def a_claim_called_sd() -> bytes:
    return with_finding(spelled(["salt", "_sd", ["x"]]))


@refused_as("disclosure")
def a_claim_called_with_three_dots() -> bytes:
    return with_finding(spelled(["salt", "...", "x"]))


@refused_as("duplicate-member")
def a_disclosure_with_a_member_twice() -> bytes:
    return with_finding(base64url(b'["s","room.noise",{"verdict":"fail","verdict":"pass"}]').encode())


@refused_as("bad-number")
def a_disclosure_with_nan() -> bytes:
    return with_finding(base64url(b'["s","room.noise",NaN]').encode())


@refused_as("too-deep")
def a_disclosure_nested_deeply() -> bytes:
    return with_finding(base64url(b'["s","room.noise",' + b"[" * 100 + b"]" * 100 + b"]").encode())


@refused_as("too-deep")
def disclosures_nested_in_one_another() -> bytes:
    texts = [spelled(["salt", "end", 1])]
    for _ in range(40):
        texts.append(spelled(["salt", "inner", {"_sd": [digest_of(texts[-1])]}]))
    return with_finding(texts[-1], *texts[:-1])


# --- Digests and their places -----------------------------------------------------------------------------------------


@refused_as("disclosure-unused")
def a_claim_of_the_presenters_own() -> bytes:
    good = json.dumps(["c2FsdHNhbHRzYWx0c2FsdA", "room.noise", {"verdict": "pass"}])
    return bound(b"~".join([*parts("name")[:-1], base64url(good.encode()).encode(), b""]))


@refused_as("disclosure-unused")
def a_verdict_changed_in_a_disclosure() -> bytes:
    jwt, text, *_ = parts("room.noise")
    better = _decoded(text).replace(b'"verdict":"fail"', b'"verdict":"pass"')
    assert better != _decoded(text)
    return bound(b"~".join([jwt, base64url(better).encode(), b""]))


@refused_as("disclosure-twice")
def the_same_disclosure_twice() -> bytes:
    jwt, text, *_ = parts("name")
    return bound(b"~".join([jwt, text, text, b""]))


@refused_as("disclosure-unused")
def a_disclosure_of_another_credential() -> bytes:
    other = SdJwt.parse(issued(replace(RESULT_OF_IT, name="Somebody Else"))).disclosures[0]
    return bound(b"~".join([parts()[0], other.text.encode(), b""]))


@refused_as("digest-twice")
def a_digest_twice_in_one_place() -> bytes:
    digests = payload_of(issued())["_sd"]
    return with_payload(_sd=[*digests, digests[0]])


@refused_as("digest-twice")
def a_digest_in_two_places() -> bytes:
    payload = payload_of(issued())
    return with_payload(findings={"_sd": [*payload["findings"]["_sd"], payload["_sd"][0]]})


@refused_as("digest-twice")
def a_disclosure_that_holds_itself_again() -> bytes:
    inner = digest_of(b"x")
    text = spelled(["salt", "room.noise", {"_sd": [inner, inner]}])
    return with_finding(text)


@refused_as("sd-structure")
def a_digest_that_is_too_short() -> bytes:
    return with_payload(_sd=["abc"])


@refused_as("sd-structure")
def a_digest_that_is_a_number() -> bytes:
    return with_payload(_sd=[7])


@refused_as("sd-structure")
def digests_that_are_a_text() -> bytes:
    return with_payload(_sd="x" * 43)


@refused_as("sd-structure")
def three_dots_beside_claims() -> bytes:
    return with_payload(**{"...": digest_of(b"x")})


@refused_as("sd-structure")
def an_element_with_more_than_its_digest() -> bytes:
    return with_payload(list=[{"...": digest_of(b"x"), "also": 1}])


@refused_as("disclosure")
def an_element_in_the_place_of_a_claim() -> bytes:
    return with_finding(spelled(["salt", {"verdict": "pass"}]))


@refused_as("disclosure")
def a_claim_in_the_place_of_an_element() -> bytes:
    text = spelled(["salt", "name", 1])
    return with_payload(text, list=[{"...": digest_of(text)}])


@refused_as("sd-alg")
def digests_by_another_algorithm() -> bytes:
    return with_payload(_sd_alg="sha-512")


@refused_as("sd-alg")
def digests_by_a_broken_algorithm() -> bytes:
    return with_payload(_sd_alg="md5")


@refused_as("claim-twice")
def a_disclosed_end_of_validity() -> bytes:
    text = spelled(["salt", "exp", 4_000_000_000])
    return with_payload(text, _sd=[digest_of(text)])


@refused_as("claim-twice")
def two_claims_of_one_name() -> bytes:
    one, other = (spelled([salt, "room.noise", {}]) for salt in "ab")
    digests = payload_of(issued())["findings"]["_sd"]
    return with_payload(one, other, findings={"_sd": [*digests, digest_of(one), digest_of(other)]})


@refused_as("schema")
def an_end_of_validity_that_only_a_disclosure_has() -> bytes:
    text = spelled(["salt", "exp", 4_000_000_000])
    return with_payload(text, exp=None, _sd=[digest_of(text)])


@refused_as("schema")
def a_holder_that_only_a_disclosure_has() -> bytes:
    text = spelled(["salt", "cnf", {"jwk": STRANGER.public.jwk()}])
    return with_payload(text, cnf=None, _sd=[digest_of(text)])


# --- What it says -----------------------------------------------------------------------------------------------------


@refused_as("schema")
def a_finding_worse_than_the_verdict() -> bytes:
    better = replace(RESULT_OF_IT, findings=replace(FINDINGS, findings=(DOWNLOAD,)))
    text = next(one.text for one in SdJwt.parse(issued()).disclosures if one.name == "room.noise").encode()
    payload = payload_of(issued(better))
    return assembled({**payload, "findings": {"_sd": [*payload["findings"]["_sd"], digest_of(text)]}}, text)


@refused_as("schema")
def no_verdict() -> bytes:
    return with_payload(verdict=None)


@refused_as("schema")
def an_unknown_verdict() -> bytes:
    return with_payload(verdict="excellent")


@refused_as("schema")
def a_finding_in_the_open() -> bytes:
    digests = payload_of(issued())["findings"]["_sd"]
    return with_payload(findings={"_sd": digests, "room.noise": {"verdict": "pass"}})


@refused_as("schema")
def findings_that_are_a_list() -> bytes:
    return with_payload(findings=[])


@refused_as("schema")
def no_findings() -> bytes:
    return with_payload(findings=None)


@refused_as("schema")
def a_member_that_nobody_knows() -> bytes:
    return with_payload(note="hello")


@refused_as("schema")
def a_detail_that_nobody_knows() -> bytes:
    text = spelled(["salt", "salary", 1])
    return with_payload(text, _sd=[digest_of(text)])


@refused_as("schema")
def a_finding_without_its_explanation() -> bytes:
    return with_finding(spelled(["salt", "room.noise", {"verdict": "fail", "severity": "required"}]))


@refused_as("schema")
def a_finding_that_is_a_text() -> bytes:
    return with_finding(spelled(["salt", "room.noise", "pass"]))


@refused_as("schema")
def another_kind_of_credential() -> bytes:
    return with_payload(vct="https://credentials.example/degree")


@refused_as("schema")
def a_later_version() -> bytes:
    return with_payload(vct="homecheck-credential/2")


@refused_as("bad-key")
def a_holder_key_with_its_private_half() -> bytes:
    return with_payload(cnf={"jwk": HOLDER.jwk()})


@refused_as("bad-key")
def a_holder_key_of_low_order() -> bytes:
    return with_payload(cnf={"jwk": {"kty": "OKP", "crv": "Ed25519", "x": base64url(bytes([1, *[0] * 31]))}})


@refused_as("schema")
def a_holder_named_by_more_than_a_key() -> bytes:
    return with_payload(cnf={"jwk": HOLDER.public.jwk(), "kid": "x"})


@refused_as("schema")
def a_time_that_is_a_text() -> bytes:
    return with_payload(exp="2030-01-01")


@refused_as("schema")
def a_time_that_no_calendar_holds() -> bytes:
    return with_payload(exp=2**53)


# --- Time -------------------------------------------------------------------------------------------------------------


@refused_as("expired")
def expired_a_moment_ago() -> bytes:
    return with_payload(exp=int(NOW.timestamp()))


@refused_as("not-yet-valid")
def issued_in_the_future() -> bytes:
    return with_payload(iat=int(NOW.timestamp()) + 600)


@refused_as("not-yet-valid")
def shown_in_the_future() -> bytes:
    return bound(b"~".join([*parts()[:-1], b""]), iat=int(NOW.timestamp()) + 600)


@refused_as("binding-time")
def shown_before_it_was_issued() -> bytes:
    return bound(b"~".join([*parts()[:-1], b""]), iat=int(ISSUED.timestamp()) - 600)


# --- Who has signed ---------------------------------------------------------------------------------------------------


@refused_as("unknown-key")
def issued_by_a_stranger() -> bytes:
    return presented("name", credential=issued(key=STRANGER))


@refused_as("unknown-key")
def issued_by_its_holder() -> bytes:
    return presented("name", credential=issued(key=HOLDER))


@refused_as("typ")
def a_result_in_its_place() -> bytes:
    return assembled(payload_of(issued()), typ=RESULT)


@refused_as("typ")
def the_type_of_other_wallets() -> bytes:
    return assembled(payload_of(issued()), typ="dc+sd-jwt")


@refused_as("signature")
def a_payload_changed() -> bytes:
    jwt, *rest = parts("name")
    head, _, signature = jwt.split(b".")
    other = {**payload_of(issued()), "verdict": "pass"}
    return bound(
        b"~".join([b".".join((head, base64url(json.dumps(other).encode()).encode(), signature)), *rest[:-1], b""])
    )


@refused_as("signature")
def the_issuers_signature_with_s_plus_l() -> bytes:
    jwt, *rest = parts()
    head, body, signature = jwt.split(b".")
    raw = _decoded(signature)
    s = int.from_bytes(raw[32:], "little") + L
    forged = b".".join((head, body, base64url(raw[:32] + s.to_bytes(32, "little")).encode()))
    return bound(b"~".join([forged, *rest[:-1], b""]))


# --- The holder's signature -------------------------------------------------------------------------------------------


def unbound() -> bytes:
    """Return a presentation without its last part."""
    return b"~".join([*parts("name")[:-1], b""])


@refused_as("unknown-key")
def shown_by_somebody_else() -> bytes:
    return bound(unbound(), key=STRANGER)


@refused_as("signature")
def shown_by_somebody_else_under_the_holders_name() -> bytes:
    head = json.dumps({"alg": "EdDSA", "kid": HOLDER.public.kid, "typ": KEY_BINDING}).encode()
    body = bound(unbound()).rsplit(b".", 2)[1]
    text = base64url(head).encode() + b"." + body
    return unbound() + text + b"." + base64url(STRANGER.sign(text)).encode()


@refused_as("signature")
def shown_by_somebody_else_without_a_name() -> bytes:
    return unbound() + nameless(STRANGER, json.dumps({"iat": 1, "aud": "a", "nonce": "n", "sd_hash": "h"}).encode())


def nameless(key: SoftwareKey, payload: bytes, **header: Any) -> bytes:
    """Return a key binding whose header names no key, as other programs write it."""
    head = json.dumps({"alg": key.public.algorithm, "typ": KEY_BINDING, **header}).encode()
    text = f"{base64url(head)}.{base64url(payload)}".encode()
    return text + b"." + base64url(key.sign(text)).encode()


@refused_as("header")
def a_key_in_the_bindings_header() -> bytes:
    return unbound() + nameless(HOLDER, b"{}", jwk=HOLDER.public.jwk())


@refused_as("alg")
def a_binding_by_no_algorithm() -> bytes:
    return unbound() + nameless(HOLDER, b"{}", alg="none")


@refused_as("typ")
def evidence_in_the_place_of_a_binding() -> bytes:
    return bound(unbound(), typ="homecheck-evidence+jws")


@refused_as("typ")
def an_ordinary_jwt_in_the_place_of_a_binding() -> bytes:
    return bound(unbound(), typ="JWT")


@refused_as("other-presentation")
def a_disclosure_added_after_the_holder_signed() -> bytes:
    jwt, name, binding = parts("name")
    more = next(one.text for one in SdJwt.parse(issued()).disclosures if one.name == "evidence")
    return b"~".join([jwt, name, more.encode(), binding])


@refused_as("other-presentation")
def a_failing_finding_taken_out_after_the_holder_signed() -> bytes:
    jwt, *shown, binding = parts("room.noise", "network.download")
    return b"~".join([jwt, shown[0], binding])


@refused_as("other-presentation")
def the_order_changed_after_the_holder_signed() -> bytes:
    jwt, one, other, binding = parts("room.noise", "network.download")
    return b"~".join([jwt, other, one, binding])


@refused_as("other-presentation")
def a_binding_of_another_credential() -> bytes:
    other = presented("name", credential=issued(replace(RESULT_OF_IT, name="Somebody Else")))
    return unbound() + other.rsplit(b"~", 1)[1]


@refused_as("schema")
def a_binding_without_audience() -> bytes:
    return bound(unbound(), aud=None)


@refused_as("schema")
def a_binding_for_several() -> bytes:
    return bound(unbound(), aud=[AUDIENCE, "https://other.example"])


@refused_as("schema")
def a_binding_without_nonce() -> bytes:
    return bound(unbound(), nonce=None)


@refused_as("schema")
def a_binding_without_hash() -> bytes:
    return bound(unbound(), sd_hash=None)


@refused_as("schema")
def a_binding_that_says_more() -> bytes:
    return bound(unbound(), verdict="pass")


@refused_as("not-compact")
def two_bindings() -> bytes:
    return presented("name") + b"." + presented("name").rsplit(b"~", 1)[1]


@refused_as("signature")
def the_holders_signature_by_its_twin() -> bytes:
    """The other half of an ES256 signature fits whenever the one does."""
    good = presented("name", credential=issued(holder=DEVICE_P256), holder=DEVICE_P256)
    signature = signature_of(good)
    s = N - int.from_bytes(signature[32:], "big")
    return with_signature(good, signature[:32] + s.to_bytes(32, "big"))
