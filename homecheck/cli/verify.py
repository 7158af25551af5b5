"""`homecheck verify`: is a signed file what it says it is? Offline, with keys that were pinned or are given.

The file's own header only chooses what to verify it as; then the file must be exactly that, or it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from homecheck import durable
from homecheck.appraisal import AttestationResult
from homecheck.callback import Confirmation, Heard, Request, is_confirmation, verify_confirmation
from homecheck.cli.credential_words import presented_lines
from homecheck.cli.exit_status import REFUSED
from homecheck.clock import utc_now
from homecheck.config import Home
from homecheck.credential import read_presented
from homecheck.erasure import Erasure
from homecheck.errors import DeliveryError, KeyStoreError, PolicyError, Refused, SetupError
from homecheck.evidence import Evidence
from homecheck.key_stores import read_public
from homecheck.locale.here import N_, _, said
from homecheck.observation import SessionObservation
from homecheck.policy import read_policy
from homecheck.printable import printable
from homecheck.receipt import Logged, Receipt, entry_of, verify_receipt
from homecheck.result import Request as ResultRequest
from homecheck.result import Result
from homecheck.sd_jwt import SdJwt
from homecheck.signed_note import NoteKey
from homecheck.signing import (
    CALLBACK,
    CALLBACK_ANSWER,
    CALLBACK_REQUEST,
    CREDENTIAL,
    ENROLMENT,
    ERASURE,
    EVIDENCE,
    MAX_ENVELOPE,
    OBSERVATION,
    POLICY,
    RECEIPT,
    RESULT,
    RESULT_REQUEST,
    ROTATION,
    SIGNER,
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
from homecheck.tlog_proof import TlogProof

DEVICE_SIGNS: Final = (EVIDENCE, ENROLMENT, ROTATION, CALLBACK_REQUEST, CALLBACK_ANSWER, RESULT_REQUEST)
COLLECTOR_SIGNS: Final = (RECEIPT, POLICY, RESULT, CALLBACK, CREDENTIAL, ERASURE)
RESPONDER_SIGNS: Final = (OBSERVATION,)
SIGNS: Final = {"device": DEVICE_SIGNS, "collector": COLLECTOR_SIGNS, "responder": RESPONDER_SIGNS}
NO_ENVELOPE: Final = "not-compact"  # the first thing that a photo or a text file is refused for
NO_ENVELOPE_ADVICE: Final = N_(
    "This is no file that homecheck has signed. Those end with .jws; see: homecheck check --save"
)
DEVICE_KEY_ADVICE: Final = N_(
    "Evidence is signed by the key of the computer that made it, which no collector publishes. With --receipt the"
    " collector's word for these very bytes is enough; the key itself is in the key set that the dashboard offers with"
    " each check."
)
UNCHECKED: Final = N_(
    "the signature of the device key {kid} was NOT CHECKED here, for the key is in none of the keys given. The"
    " collector checks it before it gives a receipt, and the receipt is for these very bytes"
)
BEGINNING: Final = b"ey"  # base64url of the brace and quotation mark that every header begins with
NOT_PRESENTED: Final = N_(
    "this is the holder's own copy, without a signature by its holder: anybody could have sent it"
)
NOT_PRESENTED_ADVICE: Final = N_(
    "Ask its sender to make one for you: homecheck credential present. If it is your own: homecheck credential show"
)
FRESHNESS_WORDS: Final = {
    "measured": N_("the challenge was fetched before the first measurement"),
    "signed": N_("only the signature is known to be fresh"),
    "none": N_("made offline: only the time of receipt is known"),
}
LEAST_WIDTH: Final = 13  # of the names before the lines
Line = tuple[str, str]


KINDS: Final[Mapping[str, str]] = {
    EVIDENCE: N_("evidence"),
    RECEIPT: N_("receipt"),
    RESULT: N_("result"),
    OBSERVATION: N_("observation"),
    POLICY: N_("policy"),
    ENROLMENT: N_("enrolment"),
    ROTATION: N_("rotation"),
    CALLBACK: N_("callback"),
    CALLBACK_REQUEST: N_("callback-request"),
    CALLBACK_ANSWER: N_("callback-answer"),
    RESULT_REQUEST: N_("result-request"),
    ERASURE: N_("erasure"),
}


@dataclass(frozen=True)
class KnownKey:
    """A key that signatures are checked with, where it was found, and what it may sign.

    A computer's own key makes no receipt, and a responder's no evidence: each counts for its own kinds of document.
    A key that is given with --jwks counts for all, unless the set says whose it is.
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
@click.option("--for", "audience", metavar="AUDIENCE", help="Also check that a credential was shown to AUDIENCE.")
@click.option("--nonce", metavar="TEXT", help="Also check that a credential was shown with this nonce of yours.")
@click.option(
    "--log-proof",
    "log_proof",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A later proof (.tlog-proof) that the receipt is in the collector's log.",
)
@click.option("--log-key", metavar="VKEY", help="The public key that the log must have.")
def verify(
    file: Path,
    jwks: str | None,
    receipt: Path | None,
    audience: str | None,
    nonce: str | None,
    log_proof: Path | None,
    log_key: str | None,
) -> int:
    """Check a signed file: evidence, receipt, result, credential, observation, policy, enrolment, and others.

    A receipt proves its own place in the collector's log.

    Exit status: 0 good · 3 refused, with the reason · 2 wrong usage · 1 the keys cannot be read.
    """
    known = read_jwks(jwks) if jwks else pinned_keys(Home.default())
    checked = file
    try:
        envelope = read_envelope(file)
        receipt_envelope = read_envelope(receipt) if receipt is not None else None
        if is_credential(envelope):
            lines = list(credential_lines(envelope, known, audience, nonce))
        elif audience is not None or nonce is not None:
            raise click.UsageError(_("--for and --nonce are for a credential, and this file is none"))
        elif receipt_envelope is not None and is_of_unknown_device(envelope, known):
            lines = list(vouched_lines(envelope))
        else:
            lines = list(verified_lines(envelope, known))
        if receipt_envelope is not None:
            checked = receipt or file
            lines += receipt_lines(receipt_envelope, envelope, known)
        if log_proof is not None or log_key is not None:
            checked = log_proof or receipt or file
            lines += log_lines(receipt_envelope or envelope, known, log_proof, log_key)
    except Refused as refused:
        why = said(printable(refused.message))
        click.echo(_("{file}: refused ({reason}): {why}", file=checked, reason=refused.reason, why=why), err=True)
        if refused.reason == NO_ENVELOPE:
            click.echo(_(NO_ENVELOPE_ADVICE), err=True)
        if refused.advice:
            click.echo(said(refused.advice), err=True)
        if refused.reason == "unknown-key":
            click.echo(_("Keys known here: {keys}. Give others with --jwks.", keys=_sources(known)), err=True)
            alone = checked == file and receipt is None and not is_credential(envelope)
            if alone and unverified_header(envelope)["typ"] == EVIDENCE:
                click.echo(_(DEVICE_KEY_ADVICE), err=True)
        return REFUSED
    width = max(LEAST_WIDTH, *(len(name) + 2 for name, _value in lines))
    for name, value in lines:
        click.echo(f"{name:{width}}{printable(value)}".rstrip())
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
    if typ == CREDENTIAL:
        raise Refused("not-sd-jwt", "this is a credential that was cut short: its parts end with tildes")
    if typ not in READERS:
        raise Refused("typ", f"{typ!r:.60} is no kind of document that homecheck makes")
    if typ == ENROLMENT:  # brings its own key: the signature proves that its sender has the private half
        payload, own = verify_own_key(envelope, typ)
        source = _("the document itself: possession is proven, nothing else")
        found = KnownKey(own, source)
    else:
        payload = verify_signature(envelope, typ, lookup(known, typ))
        found = known[unverified_header(envelope)["kid"]]
    described = list(READERS[typ](payload, found.key))  # a document that cannot be read is not good
    yield _("Good"), _(KINDS[typ])
    yield _("Digest"), digest(envelope)
    yield _("Signed by"), _named(found.key)
    yield _("Key from"), found.source
    yield from described
    if typ == EVIDENCE:
        yield from callback_lines(Evidence.from_bytes(payload), known)


def is_of_unknown_device(envelope: bytes, known: KnownKeys) -> bool:
    """Tell whether this is evidence by a device whose key is not known here. Raises Refused."""
    header = unverified_header(envelope)
    return header["typ"] == EVIDENCE and lookup(known, EVIDENCE)(header["kid"]) is None


def vouched_lines(envelope: bytes) -> Iterator[Line]:
    """Yield what is to be said about evidence that its receipt alone vouches for; the receipt is verified next."""
    yield _("Good"), _("evidence, by the word of its receipt")
    yield _("Digest"), digest(envelope)
    yield _("ATTENTION"), _(UNCHECKED, kid=unverified_header(envelope)["kid"][:60])


def is_credential(data: bytes) -> bool:
    """Tell whether a file is a credential: it begins like every signed document, and no other one holds a tilde."""
    return data.startswith(BEGINNING) and b"~" in data


def credential_lines(data: bytes, known: KnownKeys, audience: str | None, nonce: str | None) -> Iterator[Line]:
    """Verify what a holder has handed over, and yield what it says and what it does not. Raises Refused."""
    shown = SdJwt.parse(data)
    if shown.key_binding is None:
        raise Refused("no-key-binding", NOT_PRESENTED, NOT_PRESENTED_ADVICE)
    presented = read_presented(shown, lookup(known, CREDENTIAL), utc_now())
    shown_to = presented.binding
    if audience is not None and shown_to.audience != audience:
        raise Refused("other-audience", f"it was made for {shown_to.audience!r:.100}, not for {audience!r:.100}")
    if nonce is not None and shown_to.nonce != nonce:
        raise Refused("other-nonce", f"it was made with the nonce {shown_to.nonce!r:.100}: an old one, or for others")
    issuer = known[unverified_header(shown.jwt)["kid"]]
    yield _("Good"), _("credential, shown by its holder")
    yield _("Digest"), digest(data)
    yield _("Vouched by"), _("{issuer}, with the key {key}", issuer=presented.credential.issuer, key=_named(issuer.key))
    yield _("Key from"), issuer.source
    yield from presented_lines(presented, audience_checked=audience is not None, nonce_checked=nonce is not None)


def callback_lines(evidence: Evidence, known: KnownKeys) -> Iterator[Line]:
    """Yield what the collector's signed word about a call-back inside the evidence says, or why it does not count."""
    for envelope in filter(is_confirmation, evidence.observations):
        try:
            word = verify_confirmation(envelope, evidence.nonce, evidence.device.kid, lookup(known, CALLBACK))
        except Refused as refused:
            why = said(refused.message)
            yield _("Call-back"), _("does not count ({reason}): {why}", reason=refused.reason, why=why)
        else:
            named = {"result": said(word.result), "issuer": word.issuer, "time": to_text(word.answered_at)}
            yield _("Call-back"), _("{result}, says {issuer}: {time}, answers: {count}", **named, count=word.attempts)


def receipt_lines(receipt: bytes, envelope: bytes, known: KnownKeys) -> list[Line]:
    """Verify that the receipt is for this envelope, and return what it says. Raises Refused."""
    found = verify_receipt(receipt, digest(envelope), lookup(known, RECEIPT))
    if unverified_header(envelope)["typ"] == EVIDENCE and not is_of_unknown_device(envelope, known):
        evidence_id = Evidence.from_bytes(verify_signature(envelope, EVIDENCE, lookup(known, EVIDENCE))).id
        if found.evidence_id != evidence_id:
            raise Refused("other-envelope", f"the receipt is for evidence {found.evidence_id}, not for {evidence_id}")
    signer = known[unverified_header(receipt)["kid"]]
    named = {"receipt": digest(receipt), "key": signer.key.kid, "source": signer.source}
    return [(_("Receipt"), _("{receipt}, signed by {key} ({source})", **named)), *_receipt_lines(found)]


def log_lines(signed: bytes, known: KnownKeys, proof: Path | None, vkey: str | None) -> Iterator[Line]:
    """Verify a receipt's place in the log by a later proof, under a key that was given, or that it names itself."""
    keys = lookup(known, RECEIPT)
    logged = Receipt.from_bytes(verify_signature(signed, RECEIPT, keys)).logged
    if vkey is not None:
        key, named = NoteKey.from_vkey(vkey), _("as it was given")
    elif logged is not None:
        key, named = logged.key, _("as the receipt names it")
    else:
        raise Refused("note", "the receipt is older than the log and names no key of it: give it with --log-key")
    if logged is not None and logged.key != key:
        raise Refused("note", f"the receipt was given by another log, {logged.key.vkey}")
    yield _("Log key"), f"{key.vkey}, {named}"
    if proof is not None:
        text = read_envelope(proof).decode("utf-8", "replace")
        checkpoint = TlogProof.from_text(text).verify(entry_of(signed, keys), key)
        yield (
            _("Later proof"),
            _("good: {log} holds it as one of {count} entries", log=checkpoint.origin, count=checkpoint.size),
        )


def lookup(known: KnownKeys, typ: str) -> Callable[[str], PublicKey | None]:
    """Return the keys that may sign documents of this kind, as the verifier asks for them."""
    return lambda kid: known[kid].key if kid in known and typ in known[kid].signs else None


def read_jwks(place: str) -> dict[str, KnownKey]:
    """Return the keys of a JWK set in a file or at an address. SetupError or DeliveryError when there is none."""
    data = _fetch(place) if place.startswith(("https://", "http://")) else read_envelope(Path(place))
    try:
        found = parse_object(data)
        keys = key_set(found)
    except Refused as error:
        raise SetupError(f"{place}: no key set: {error.message}", "Give a JWK set, RFC 7517 section 5.") from None
    signers = {PublicKey.from_jwk(jwk).kid: jwk[SIGNER] for jwk in found["keys"] if SIGNER in jwk}
    return {
        kid: KnownKey(key, place, SIGNS.get(signers[kid], ()) if kid in signers else TYPES) for kid, key in keys.items()
    }


def pinned_keys(home: Home) -> dict[str, KnownKey]:
    """Return the keys that this computer knows: its own, and those pinned when it was enrolled."""
    from homecheck.cli.enrolments import readable_enrolments  # here: with --jwks nothing of the state is read

    known: dict[str, KnownKey] = {}
    for path in durable.files(home.keys, ".jwk"):
        try:
            key = read_public(path)
        except KeyStoreError as error:
            click.echo(_("This key is left out: {why}", why=said(printable(error.message))), err=True)
            continue
        known[key.kid] = KnownKey(key, _("this computer's own key, {path}", path=path), DEVICE_SIGNS)
    for enrolment in readable_enrolments(home):
        for key in enrolment.keys.values():
            known[key.kid] = KnownKey(
                key, _("pinned at enrolment in {program}", program=enrolment.program), COLLECTOR_SIGNS
            )
        if enrolment.responder_key is not None:
            key = PublicKey.from_jwk(enrolment.responder_key)
            source = _("the responder's, pinned at enrolment in {program}", program=enrolment.program)
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
    return ", ".join(sorted({found.source for found in known.values()})) or _("none")


def _evidence(payload: Verified, key: PublicKey) -> Iterator[Line]:
    evidence = Evidence.from_bytes(payload)
    if evidence.device.kid != key.kid:
        raise Refused("other-device", f"the evidence names the device key {evidence.device.kid:.60}")
    measured = list(evidence.measurements())
    failed = sum(found.failure is not None for found in measured)
    named = {"id": evidence.id, "number": evidence.seq, "software": _software(evidence)}
    yield _("Evidence"), _("{id}, number {number} of this key, made by {software}", **named)
    yield _("Measured"), _measured(evidence.started_at, evidence.finished_at)
    yield _("For"), evidence.aud or _("nobody: a private check")
    yield _("Person"), evidence.sub or _("not named")
    text = N_("{count} quantities, {failed} of them not measured; no verdict")
    yield _("Holds"), _(text, count=len(measured), failed=failed)


def _software(evidence: Evidence) -> str:
    return _("{name} {version} (as it says)", name=evidence.software.name, version=evidence.software.version)


def _measured(started_at: datetime, finished_at: datetime) -> str:
    text = N_("{start} to {end}, by the device's clock")
    return _(text, start=to_text(started_at), end=to_text(finished_at))


def _named(key: PublicKey) -> str:
    return f"{key.kid} ({key.algorithm})"


def _receipt(payload: Verified, key: PublicKey) -> Iterator[Line]:  # noqa: ARG001 - every reader is given the key
    return _receipt_lines(Receipt.from_bytes(payload))


def _receipt_lines(receipt: Receipt) -> Iterator[Line]:
    yield _("For"), _("{envelope}, evidence {id}", envelope=receipt.envelope, id=receipt.evidence_id)
    named = {"time": to_text(receipt.received_at), "issuer": receipt.issuer, "program": receipt.program}
    yield _("Received"), _("{time} by {issuer}, program {program}", **named)
    text = N_("{position} in the collector's log; freshness: {freshness}")
    yield _("Position"), _(text, position=receipt.position, freshness=said(receipt.freshness))
    yield from _logged_lines(receipt.logged)
    yield from _result_lines(receipt.result)


def _logged_lines(logged: Logged | None) -> Iterator[Line]:
    if logged is None:
        yield _("Log"), _("not proven here: the receipt is older than the log. See --log-proof")
        return
    text = N_("proven: {log} had {count} entries then")
    yield _("Log"), _(text, log=logged.checkpoint.origin, count=logged.checkpoint.size)
    yield _("Log key"), logged.key.vkey


def _result(payload: Verified, key: PublicKey) -> Iterator[Line]:  # noqa: ARG001 - every reader is given the key
    found = Result.from_bytes(payload)
    yield _("Vouched by"), found.issuer
    yield _("Program"), f"{found.program}: {found.program_title}"
    yield _("Person"), f"{found.name} ({found.subject})"
    named = {"evidence": found.evidence, "id": found.evidence_id, "key": found.device}
    yield _("Evidence"), _("{evidence}, {id}, by the device key {key}", **named)
    yield _("Measured"), _measured(found.started_at, found.finished_at)
    named = {"time": to_text(found.received_at), "freshness": said(found.freshness)}
    text = N_("{time}; freshness: {freshness} ({meaning})")
    yield _("Received"), _(text, **named, meaning=_(FRESHNESS_WORDS[found.freshness]))
    again = ", " + _("judged again (number {number})", number=found.number) if found.number else ""
    yield _("Judged"), f"{to_text(found.appraised_at)}{again}"
    yield _("Valid until"), _("{time}: then the policy wants a new check", time=to_text(found.expires_at))
    if utc_now() >= found.expires_at:
        yield _("ATTENTION"), _("this result has EXPIRED: it says nothing about today")
    for quantity, region in found.regions.items():
        yield _("Region"), f"{region} ({quantity})"
    yield from _result_lines(found.findings)


def _result_request(payload: Verified, key: PublicKey) -> Iterator[Line]:  # noqa: ARG001 - as above
    asked = ResultRequest.from_bytes(payload)
    yield _("For"), _("{collector}, challenge {nonce}", collector=asked.aud, nonce=asked.nonce)
    yield _("Asks for"), _("{what} of {evidence}", what=asked.asks, evidence=asked.evidence or _("the latest evidence"))


def _result_lines(result: AttestationResult) -> Iterator[Line]:
    yield _("Policy"), _policy_named(result.policy_name, result.policy_version, result.policy_digest)
    yield _("Verdict"), said(result.verdict.word)
    for finding in result.findings:
        yield "", f"{said(finding.verdict.word):12} {finding.quantity}: {said(finding.explanation)}"


def _policy_named(name: str, version: str, digest_: str) -> str:
    return _("{name} version {version}, {digest}", name=name, version=version, digest=digest_)


def _observation(payload: Verified, key: PublicKey) -> Iterator[Line]:  # noqa: ARG001 - every reader is given the key
    observation = SessionObservation.from_bytes(payload)
    named = {"session": observation.session, "address": observation.source}
    yield _("Session"), _("{session} from {address}", **named)
    text = N_("{start} to {end}, by the responder's clock")
    yield _("Observed"), _(text, start=to_text(observation.started_at), end=to_text(observation.finished_at))
    if observation.region is not None:
        yield _("Region"), str(observation.region) or _("not known")


def _policy(payload: Verified, key: PublicKey) -> Iterator[Line]:  # noqa: ARG001 - every reader is given the key
    record = Record(parse_object(payload), "policy")
    try:
        policy = read_policy(record.members("policy"), "policy")
    except PolicyError as error:
        raise Refused("schema", error.message) from None
    yield _("Program"), record.text("program")
    yield _("Issued"), record.text("issued_at")
    yield _("Policy"), _policy_named(policy.name, policy.version, policy.digest)


def _enrolment(payload: Verified, key: PublicKey) -> Iterator[Line]:  # noqa: ARG001 - every reader is given the key
    yield _("For"), Record(parse_object(payload), "enrolment").text("aud")


def _rotation(payload: Verified, key: PublicKey) -> Iterator[Line]:  # noqa: ARG001 - every reader is given the key
    new = PublicKey.from_jwk(Record(parse_object(payload), "rotation").members("jwk"))
    yield _("New key"), _named(new)


def _callback(payload: Verified, key: PublicKey) -> Iterator[Line]:  # noqa: ARG001 - every reader is given the key
    word = Confirmation.from_bytes(payload)
    named = {"id": word.id, "result": said(word.result), "time": to_text(word.answered_at)}
    yield _("Call-back"), _("{id}: {result}, after {count} answers, {time}", **named, count=word.attempts)
    yield _("By"), _("{issuer}, program {program}", issuer=word.issuer, program=word.program)
    yield _("Person"), word.subject
    yield _("For"), _("device key {key}, challenge {nonce}", key=word.device, nonce=word.nonce)


def _callback_request(payload: Verified, key: PublicKey) -> Iterator[Line]:  # noqa: ARG001 - as above
    asked = Request.from_bytes(payload)
    yield _("For"), _("{collector}, challenge {nonce}", collector=asked.aud, nonce=asked.nonce)


def _callback_answer(payload: Verified, key: PublicKey) -> Iterator[Line]:  # noqa: ARG001 - as above
    heard = Heard.from_bytes(payload)
    yield _("For"), _("{collector}, call-back {id}", collector=heard.aud, id=heard.id)


def _erasure(payload: Verified, key: PublicKey) -> Iterator[Line]:  # noqa: ARG001 - as above
    found = Erasure.from_bytes(payload)
    before, after = found.check()
    text = N_("everything about the person {person} in the program {program}")
    yield _("Erased"), _(text, person=found.person, program=found.program)
    yield _("By"), f"{found.issuer}, {to_text(found.erased_at)}"
    yield _("Entries"), _("{count} of the log: {entries}", count=found.count(), entries=found.entries or _("none"))
    text = N_("{log} had {before} entries before and {after} after, and only grew")
    yield _("Log"), _(text, log=after.origin, before=before.size, after=after.size)
    yield _("Log key"), found.log_key.vkey


READERS: Final[Mapping[str, Callable[[Verified, PublicKey], Iterator[Line]]]] = {
    EVIDENCE: _evidence,
    RECEIPT: _receipt,
    RESULT: _result,
    OBSERVATION: _observation,
    POLICY: _policy,
    ENROLMENT: _enrolment,
    ROTATION: _rotation,
    CALLBACK: _callback,
    CALLBACK_REQUEST: _callback_request,
    CALLBACK_ANSWER: _callback_answer,
    RESULT_REQUEST: _result_request,
    ERASURE: _erasure,
}
