"""`homecheck verify`: is a signed file what it says it is? Offline, with keys that were pinned or are given.

The file's own header only chooses what to verify it as; then the file must be exactly that, or it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from homecheck.appraisal import AttestationResult
from homecheck.cli.exit_status import REFUSED
from homecheck.config import Home
from homecheck.errors import DeliveryError, PolicyError, Refused, SetupError
from homecheck.evidence import Evidence
from homecheck.keys import read_key_file
from homecheck.observation import SessionObservation
from homecheck.policy import read_policy
from homecheck.printable import printable
from homecheck.receipt import Receipt, verify_receipt
from homecheck.signing import (
    ENROLMENT,
    EVIDENCE,
    MAX_ENVELOPE,
    OBSERVATION,
    POLICY,
    RECEIPT,
    RESULT,
    ROTATION,
    TYPES,
    PublicKey,
    Verified,
    digest,
    key_set,
    unverified_header,
    verify_own_key,
)
from homecheck.signing import verify as verify_signature
from homecheck.standards.rfc_3339 import to_text
from homecheck.strict_json import Record, parse_object

DEVICE_SIGNS: Final = (EVIDENCE, ENROLMENT, ROTATION)
COLLECTOR_SIGNS: Final = (RECEIPT, POLICY, RESULT)
RESPONDER_SIGNS: Final = (OBSERVATION,)
NO_ENVELOPE: Final = "not-compact"  # the first thing that a photo or a text file is refused for
NO_ENVELOPE_ADVICE: Final = (
    "This is no file that homecheck has signed. Those end with .jws; see: homecheck check --save"
)
Line = tuple[str, str]


@dataclass(frozen=True)
class KnownKey:
    """A key that signatures are checked with, where it was found, and what it may sign.

    A computer's own key makes no receipt, and a responder's no evidence: each counts for its own kinds of document.
    Keys that are given with --jwks count for all, since whoever gives them says so.
    """

    key: PublicKey
    source: str
    signs: tuple[str, ...] = TYPES


KnownKeys = Mapping[str, KnownKey]


@click.command(short_help="Check the signature of a file, offline.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--jwks", metavar="FILE|URL", help="The keys to check with (default: those pinned on this computer).")
@click.option(
    "--receipt",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also check that this receipt is for FILE.",
)
def verify(file: Path, jwks: str | None, receipt: Path | None) -> int:
    """Check a signed file: evidence, receipt, result, observation, policy, enrolment or rotation.

    Exit status: 0 good · 3 refused, with the reason · 2 wrong usage · 1 the keys cannot be read.
    """
    known = read_jwks(jwks) if jwks else pinned_keys(Home.default())
    checked = file
    try:
        envelope = read_envelope(file)
        lines = list(verified_lines(envelope, known))
        if receipt is not None:
            checked = receipt
            lines += receipt_lines(read_envelope(receipt), envelope, known)
    except Refused as refused:
        click.echo(f"{checked}: refused ({refused.reason}): {printable(refused.message)}", err=True)
        if refused.reason == NO_ENVELOPE:
            click.echo(NO_ENVELOPE_ADVICE, err=True)
        if refused.reason == "unknown-key":
            click.echo(f"Keys known here: {_sources(known)}. Give others with --jwks.", err=True)
        return REFUSED
    for name, value in lines:
        click.echo(f"{name:13}{printable(value)}")
    return 0


def read_envelope(file: Path) -> bytes:
    """Return a file's bytes, without reading further than an envelope may be long. SetupError names the file."""
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_ENVELOPE + 1)
    except OSError as error:
        raise SetupError(f"{file}: cannot be read: {error.strerror}") from None


def verified_lines(envelope: bytes, known: KnownKeys) -> Iterator[Line]:
    """Verify the envelope as what its header says, and yield what is to be said about it. Raises Refused."""
    typ = unverified_header(envelope)["typ"]
    if typ not in TYPES:
        raise Refused("typ", f"{typ!r:.60} is no kind of document that homecheck makes")
    if typ == ENROLMENT:  # brings its own key: the signature proves that its sender has the private half
        payload, own = verify_own_key(envelope, typ)
        source = "the document itself: possession is proven, nothing else"
        found = KnownKey(own, source)
    else:
        payload = verify_signature(envelope, typ, lookup(known, typ))
        found = known[unverified_header(envelope)["kid"]]
    described = list(READERS[typ](payload, found.key))  # a document that cannot be read is not good
    yield "Good", typ.removeprefix("homecheck-").removesuffix("+jws")
    yield "Digest", digest(envelope)
    yield "Signed by", f"{found.key.kid} ({found.key.algorithm})"
    yield "Key from", found.source
    yield from described


def receipt_lines(receipt: bytes, envelope: bytes, known: KnownKeys) -> list[Line]:
    """Verify that the receipt is for this envelope, and return what it says. Raises Refused."""
    found = verify_receipt(receipt, digest(envelope), lookup(known, RECEIPT))
    if unverified_header(envelope)["typ"] == EVIDENCE:
        evidence_id = Evidence.from_bytes(verify_signature(envelope, EVIDENCE, lookup(known, EVIDENCE))).id
        if found.evidence_id != evidence_id:
            raise Refused("other-envelope", f"the receipt is for evidence {found.evidence_id}, not for {evidence_id}")
    signer = known[unverified_header(receipt)["kid"]]
    return [("Receipt", f"{digest(receipt)}, signed by {signer.key.kid} ({signer.source})"), *_receipt_lines(found)]


def lookup(known: KnownKeys, typ: str) -> Callable[[str], PublicKey | None]:
    """Return the keys that may sign documents of this kind, as the verifier asks for them."""
    return lambda kid: known[kid].key if kid in known and typ in known[kid].signs else None


def read_jwks(place: str) -> dict[str, KnownKey]:
    """Return the keys of a JWK set in a file or at an address. SetupError or DeliveryError when there is none."""
    data = _fetch(place) if place.startswith(("https://", "http://")) else read_envelope(Path(place))
    try:
        keys = key_set(parse_object(data))
    except Refused as error:
        raise SetupError(f"{place}: no key set: {error.message}", "Give a JWK set, RFC 7517 section 5.") from None
    return {kid: KnownKey(key, place) for kid, key in keys.items()}


def pinned_keys(home: Home) -> dict[str, KnownKey]:
    """Return the keys that this computer knows: its own, and those pinned when it was enrolled."""
    from homecheck.enrolment import load_enrolments  # here: with --jwks nothing of the state is read

    known: dict[str, KnownKey] = {}
    for path in sorted(home.keys.glob("*.jwk")):
        key = read_key_file(path).public
        known[key.kid] = KnownKey(key, f"this computer's own key, {path}", DEVICE_SIGNS)
    for enrolment in load_enrolments(home):
        for key in enrolment.keys.values():
            known[key.kid] = KnownKey(key, f"pinned at enrolment in {enrolment.program}", COLLECTOR_SIGNS)
        if enrolment.responder_key is not None:
            key = PublicKey.from_jwk(enrolment.responder_key)
            source = f"the responder's, pinned at enrolment in {enrolment.program}"
            known[key.kid] = KnownKey(key, source, RESPONDER_SIGNS)
    return known


def _fetch(url: str) -> bytes:
    from homecheck.exchange import exchange, is_loopback, new_session  # here: only this needs an HTTP client

    if not url.startswith("https://") and not is_loopback(url):
        raise SetupError(f"{url}: keys are fetched over https only", "Anybody on the way could change them.")
    answer = exchange(new_session(), "GET", url)
    if answer.status != 200:
        raise DeliveryError(f"{url}: HTTP status {answer.status}", "Give the address of a JWK set, or a file.")
    return answer.body


def _sources(known: KnownKeys) -> str:
    return ", ".join(sorted({found.source for found in known.values()})) or "none"


def _evidence(payload: Verified, key: PublicKey) -> Iterator[Line]:
    evidence = Evidence.from_bytes(payload)
    if evidence.device.kid != key.kid:
        raise Refused("other-device", f"the evidence names the device key {evidence.device.kid:.60}")
    measured = list(evidence.measurements())
    failed = sum(found.failure is not None for found in measured)
    yield "Evidence", f"{evidence.id}, number {evidence.seq} of this key, made by {_software(evidence)}"
    yield "Measured", f"{to_text(evidence.started_at)} to {to_text(evidence.finished_at)}, by the device's clock"
    yield "For", evidence.aud or "nobody: a private check"
    yield "Person", evidence.sub or "not named"
    yield "Holds", f"{len(measured)} quantities, {failed} of them not measured; no verdict"


def _software(evidence: Evidence) -> str:
    return f"{evidence.software.name} {evidence.software.version} (as it says)"


def _receipt(payload: Verified, key: PublicKey) -> Iterator[Line]:  # noqa: ARG001 - every reader is given the key
    return _receipt_lines(Receipt.from_bytes(payload))


def _receipt_lines(receipt: Receipt) -> Iterator[Line]:
    yield "For", f"{receipt.envelope}, evidence {receipt.evidence_id}"
    yield "Received", f"{to_text(receipt.received_at)} by {receipt.issuer}, program {receipt.program}"
    yield "Position", f"{receipt.position} in the collector's log; freshness: {receipt.freshness}"
    yield from _result_lines(receipt.result)


def _result(payload: Verified, key: PublicKey) -> Iterator[Line]:  # noqa: ARG001 - every reader is given the key
    try:
        return _result_lines(AttestationResult.read(Record(parse_object(payload), "result")))
    except ValueError as error:
        raise Refused("schema", f"result: {error}") from None


def _result_lines(result: AttestationResult) -> Iterator[Line]:
    yield "Policy", f"{result.policy_name} version {result.policy_version}, {result.policy_digest}"
    yield "Verdict", result.verdict.word
    for finding in result.findings:
        yield "", f"{finding.verdict.word:13}{finding.quantity}: {finding.explanation}"


def _observation(payload: Verified, key: PublicKey) -> Iterator[Line]:  # noqa: ARG001 - every reader is given the key
    observation = SessionObservation.from_bytes(payload)
    yield "Session", f"{observation.session} from {observation.source}"
    yield (
        "Observed",
        f"{to_text(observation.started_at)} to {to_text(observation.finished_at)}, by the responder's clock",
    )


def _policy(payload: Verified, key: PublicKey) -> Iterator[Line]:  # noqa: ARG001 - every reader is given the key
    record = Record(parse_object(payload), "policy")
    try:
        policy = read_policy(record.members("policy"), "policy")
    except PolicyError as error:
        raise Refused("schema", error.message) from None
    yield "Program", record.text("program")
    yield "Issued", record.text("issued_at")
    yield "Policy", f"{policy.name} version {policy.version}, {policy.digest}"


def _enrolment(payload: Verified, key: PublicKey) -> Iterator[Line]:  # noqa: ARG001 - every reader is given the key
    yield "For", Record(parse_object(payload), "enrolment").text("aud")


def _rotation(payload: Verified, key: PublicKey) -> Iterator[Line]:  # noqa: ARG001 - every reader is given the key
    new = PublicKey.from_jwk(Record(parse_object(payload), "rotation").members("jwk"))
    yield "New key", f"{new.kid} ({new.algorithm})"


READERS: Final[Mapping[str, Callable[[Verified, PublicKey], Iterator[Line]]]] = {
    EVIDENCE: _evidence,
    RECEIPT: _receipt,
    RESULT: _result,
    OBSERVATION: _observation,
    POLICY: _policy,
    ENROLMENT: _enrolment,
    ROTATION: _rotation,
}
