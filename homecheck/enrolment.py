"""Enrolments: which collectors may ask this computer for evidence, and everything that was pinned when they were met.

    read_invitation(url)   shows who asks and what for; nothing is sent
    redeem(invitation)     proves possession of a new key, pins the collector's keys, stores its signed policy

Pinned means: receipts and policies count only when they are signed by a key that the collector named at enrolment.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from homecheck import __version__, durable, signing, spool
from homecheck.config import Home
from homecheck.errors import DeliveryError, EnrolmentError, PolicyError, Refused, StateError
from homecheck.exchange import Answer, Http, NoAnswer, exchange, is_loopback, one_line
from homecheck.invitation import ASK_AGAIN, NOT_OURS, Invitation, forget, prepare_key, read_invitation, refusal
from homecheck.key_stores import destroy_key
from homecheck.policy import Policy, read_policy
from homecheck.signing import ENROLMENT, POLICY, PublicKey, Signer, jwks, key_set, sign, unverified_header, verify
from homecheck.standards.rfc_3339 import from_text, to_text
from homecheck.strict_json import Record, parse_object, serialize

__all__ = [
    "LEFT_OUT", "Damaged", "Enrolment", "Enrolments", "Invitation", "NoChallengeError", "agree", "fetch_nonce", "find",
    "forget", "forget_retired", "leave", "load_enrolments", "prepare_key", "read_enrolments", "read_invitation",
    "redeem", "refresh_policy", "software", "store_enrolment", "with_retired",
]  # fmt: skip

JOSE: Final = "application/jose"
# How whoever goes on without a program says so.
LEFT_OUT: Final = "{program} is left out as it cannot be used just now, and the other programs go on: {why}. {advice}"

# A program's name becomes a file's name on three systems; Windows keeps some names for devices.
_PROGRAM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
_KID: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Enrolment:
    """One program that this computer takes part in.

    `program` is its name here: the collector's own `program_id`, with the collector's host behind it where two
    companies use the same one. `collector` is its address, which evidence names as `aud`. `policy_note` says why the
    stored policy is in use when the newest one could not be had; it is not stored. `agreed` names the quantities that
    the person has agreed to send, whatever a newer policy asks for. `retired` names earlier keys; each is
    kept as long as evidence waits that it signed. `purpose` and `retention_days` are what the invitation said; empty
    and None in enrolments that were made before these were kept.
    """

    program: str
    program_id: str
    title: str
    collector: str
    collector_name: str
    subject: str
    kid: str
    keys: Mapping[str, PublicKey]
    policy: Policy
    policy_envelope: str
    policy_issued_at: datetime
    responder_url: str | None
    responder_key: dict[str, str] | None
    enrolled_at: datetime
    agreed: frozenset[str]
    policy_note: str = ""
    retired: tuple[str, ...] = ()
    purpose: str = ""
    retention_days: int | None = None

    def members(self) -> dict[str, Any]:
        """Return the enrolment as it is stored."""
        responders = [{"url": self.responder_url, "jwk": self.responder_key}] if self.responder_url else []
        return {
            "v": 1,
            "name": self.program,
            "program": {"id": self.program_id, "title": self.title},
            "collector": {"name": self.collector_name, "url": self.collector},
            "subject": self.subject,
            "device": self.kid,
            "policy": self.policy_envelope,
            "jwks": jwks(self.keys),
            "responders": responders,
            "enrolled_at": to_text(self.enrolled_at),
            "agreed": sorted(self.agreed),
            "retired": list(self.retired),
            **({"purpose": self.purpose} if self.purpose else {}),
            **({} if self.retention_days is None else {"retention_days": self.retention_days}),
        }


@dataclass(frozen=True)
class Damaged:
    """An enrolment that cannot be read: what it is called here, why, and what to do."""

    program: str
    message: str
    advice: str


@dataclass(frozen=True)
class Enrolments:
    """All enrolments by name: those that can be read, and those that cannot."""

    good: tuple[Enrolment, ...]
    damaged: tuple[Damaged, ...] = ()

    def some(self) -> tuple[Enrolment, ...]:
        """Return those that can be read; StateError where none can, for that is not the same as not to be enrolled."""
        if self.damaged and not self.good:
            raise StateError(self.damaged[0].message, self.damaged[0].advice)
        return self.good


def load_enrolments(home: Home) -> tuple[Enrolment, ...]:
    """Return the enrolments that can be read, by name. StateError where there are some, and none can be read.

    Who has people to tell takes `read_enrolments` and names the others.
    """
    return read_enrolments(home).some()


def read_enrolments(home: Home) -> Enrolments:
    """Return all enrolments: one that is damaged hides no other. StateError for a folder that cannot be read."""
    good, damaged = [], []
    for path in _stored(home):
        try:
            good.append(_load(path))
        except StateError as error:
            damaged.append(Damaged(path.stem, error.message, error.advice))
    return Enrolments(tuple(good), tuple(damaged))


def find(home: Home, program: str) -> Enrolment:
    """Return the enrolment called `program`; EnrolmentError names those there are."""
    paths = {path.stem: path for path in _stored(home)}
    if program in paths:
        return _load(paths[program])
    known = ", ".join(sorted(paths))
    advice = f"Enrolled here: {known}." if known else "Enrol with the address in your invitation: homecheck enroll URL"
    raise EnrolmentError(f"{program!r:.60}: this computer is not enrolled in a program of this name", advice)


def redeem(invitation: Invitation, home: Home, http: Http, now: datetime) -> Enrolment:
    """Enrol this computer and return what was pinned. Raises EnrolmentError.

    Redeeming the same invitation again, after an answer was lost, uses the same key and gives the same enrolment.
    """
    host = urlsplit(invitation.collector).netloc
    key = prepare_key(invitation, home)
    envelope = sign(_enrolment_payload(invitation, key, now), ENROLMENT, key)
    try:
        answer = exchange(http, "POST", f"{invitation.collector}/v1/enrolments", body=envelope, content_type=JOSE)
    except NoAnswer as error:
        advice = f"{error.advice} Then give the same command again: it goes on where it stopped."
        raise EnrolmentError(error.message, advice) from None
    if answer.status not in (200, 201):
        if answer.problem().reason.startswith("invite-"):
            forget(invitation, home, with_key=True)  # this key will never be enrolled
        raise refusal(answer, host)
    enrolment = _read_answer(answer, invitation, key.public.kid, home, now)
    enrolment = replace(
        enrolment,
        retired=_retired(home, enrolment),
        purpose=invitation.purpose,
        retention_days=invitation.retention_days,
    )
    store_enrolment(home, enrolment)
    forget(invitation, home, with_key=False)
    forget_retired(home, enrolment)
    return enrolment


def refresh_policy(enrolment: Enrolment, home: Home, http: Http) -> Enrolment:
    """Return the enrolment with the collector's newest policy, stored.

    Where that cannot be had, or is not signed as it must be, the stored one stays and `policy_note` says why.
    """
    url = f"{enrolment.collector}/v1/policies/{quote(enrolment.program_id, safe='')}"
    try:
        answer = exchange(http, "GET", url)
        if answer.status != 200:
            problem = answer.problem()
            return replace(enrolment, policy_note=_stored_note(enrolment, problem.detail))
        text = answer.body.decode("ascii", "replace")
        policy, issued_at = _read_policy(text, enrolment.keys, enrolment.program_id)
    except NoAnswer as error:
        return replace(enrolment, policy_note=_stored_note(enrolment, error.message))
    except (Refused, PolicyError) as error:
        why = f"its answer is no policy that it has signed ({one_line(error.message)})"
        return replace(enrolment, policy_note=_stored_note(enrolment, why))
    if issued_at < enrolment.policy_issued_at:
        return replace(enrolment, policy_note=_stored_note(enrolment, "it sent an older one"))
    newest = replace(enrolment, policy=policy, policy_envelope=text, policy_issued_at=issued_at, policy_note="")
    if text != enrolment.policy_envelope:
        store_enrolment(home, newest)
    return newest


def agree(enrolment: Enrolment, home: Home) -> Enrolment:
    """Return the enrolment with the person's agreement to all that its newest policy asks for, stored."""
    agreed = replace(enrolment, agreed=enrolment.agreed | enrolment.policy.asks())
    store_enrolment(home, agreed)
    return agreed


def store_enrolment(home: Home, enrolment: Enrolment) -> None:
    """Replace what is stored of an enrolment: the old file or the new one is there, whatever happens."""
    durable.write(_path(home, enrolment.program), serialize(enrolment.members()))


def forget_retired(home: Home, enrolment: Enrolment) -> None:
    """Delete the enrolment's earlier keys, except those with which evidence was signed that still waits."""
    kept = [kid for kid in enrolment.retired if (home.keys / f"{kid}.jwk").exists()]
    signers = {_signer(home, one.digest) for one in spool.waiting(home)} if kept else set()
    for kid in kept:
        if kid not in signers:
            _forget_key(home, kid)


def _stored_note(enrolment: Enrolment, why: str) -> str:
    return f"{enrolment.collector_name}: no newer policy: {why.rstrip('.')}. The stored one is used."


class NoChallengeError(DeliveryError):
    """The collector answered, and gave no challenge. `status` is that of its answer."""

    def __init__(self, message: str, advice: str, status: int) -> None:
        super().__init__(message, advice)
        self.status = status

    @property
    def is_about_this_computer(self) -> bool:
        """Tell whether this computer's key gets none, and not everybody just now or whoever is in haste."""
        return 400 <= self.status < 500 and self.status != 429


def fetch_nonce(enrolment: Enrolment, http: Http) -> str:
    """Return a fresh challenge for this device. DeliveryError when none comes, NoChallengeError when none is given."""
    body = serialize({"device": enrolment.kid})
    answer = exchange(http, "POST", f"{enrolment.collector}/v1/challenge", body=body)
    host = urlsplit(enrolment.collector).netloc
    if answer.status != 200:
        problem = answer.problem()
        raise NoChallengeError(f"{host} gives no challenge: {problem.detail}", problem.advice, answer.status)
    try:
        return answer.members().text("nonce", max_length=200)
    except Refused as error:
        raise DeliveryError(f"{host} does not answer like a homecheck collector: {error.message}", NOT_OURS) from None


def leave(home: Home, enrolment: Enrolment) -> int:
    """Forget an enrolment and delete its key; returns how many results were still unsent, which are set aside."""
    unsent = [one for one in spool.waiting(home) if one.program == enrolment.program]
    for one in unsent:
        spool.set_aside(home, one.digest, f"You left the program {enrolment.program} before this was sent.")
    durable.remove(_path(home, enrolment.program))
    for kid in (enrolment.kid, *enrolment.retired):
        _forget_key(home, kid)
        durable.remove(home.logs / f"{kid}.json")
        durable.remove(home.logs / f"{kid}.contradiction.json")
    return len(unsent)


def software() -> dict[str, str]:
    """Return what this program calls itself to a collector."""
    return {
        "name": "homecheck",
        "version": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
    }


def _enrolment_payload(invitation: Invitation, key: Signer, now: datetime) -> bytes:
    return serialize(
        {
            "v": 1,
            "aud": invitation.collector,
            "iat": int(now.timestamp()),
            "invite": invitation.code,
            "jwk": key.public.jwk(),
            "software": software(),
            "store": key.store,
        }
    )


def _read_answer(answer: Answer, invitation: Invitation, kid: str, home: Home, now: datetime) -> Enrolment:
    """Return the enrolment in the collector's answer, which must be the one that the person agreed to."""
    host = urlsplit(invitation.collector).netloc
    try:
        record = answer.members()
        program_id = record.record("program").text("id", max_length=64)
        if record.text("device") != kid or program_id != invitation.program_id:
            raise Refused("schema", "the answer is for another device or another program")
        name = _local_name(home, program_id, invitation.collector)
        enrolment = _read(record, name, from_text(to_text(now)), invitation.covers())
    except (Refused, PolicyError) as error:
        message = f"{host} does not answer like a homecheck collector: {error.message}"
        raise EnrolmentError(message, "Tell the company that invited you.") from None
    if enrolment.collector != invitation.collector:
        raise EnrolmentError(f"{host} enrols for another collector, {enrolment.collector!r:.120}", NOT_OURS)
    if beyond := sorted(enrolment.policy.asks() - invitation.covers()):
        forget(invitation, home, with_key=True)
        message = f"{host} asks for more than its invitation said: {', '.join(beyond)}. You are not enrolled"
        raise EnrolmentError(message, ASK_AGAIN)
    return enrolment


def _read(record: Record, name: str, enrolled_at: datetime, agreed: frozenset[str]) -> Enrolment:
    """Return an enrolment from members that the answer and the stored file have in common. Refused, PolicyError."""
    collector, program = record.record("collector"), record.record("program")
    keys = key_set(record.members("jwks"))
    envelope = record.text("policy", max_length=signing.MAX_ENVELOPE)
    policy, issued_at = _read_policy(envelope, keys, program_id := program.text("id", max_length=64))
    responder = next(record.records("responders"), None)
    return Enrolment(
        program=name,
        program_id=program_id,
        title=one_line(program.text("title")),
        collector=collector.text("url").rstrip("/"),
        collector_name=one_line(collector.text("name")),
        subject=record.text("subject"),
        kid=_kid(record.text("device")),
        keys=keys,
        policy=policy,
        policy_envelope=envelope,
        policy_issued_at=issued_at,
        responder_url=_safe_address(responder.text("url"), collector.text("url")) if responder else None,
        responder_key=PublicKey.from_jwk(responder.members("jwk")).jwk() if responder else None,
        enrolled_at=enrolled_at,
        agreed=agreed,
    )


def _safe_address(url: str, collector: str) -> str:
    """Return the responder's address; Refused when others could read along or change what it says.

    Refused as well where a collector elsewhere names this very computer: it would have programs here asked things.
    """
    here = is_loopback(url)
    if not url.lower().startswith("https://") and not here:
        raise Refused("schema", f"responder: the address {one_line(url)[:80]!r} does not begin with https://")
    if here and not is_loopback(collector):
        raise Refused("schema", f"responder: the address {one_line(url)[:80]!r} is on this computer")
    return url


def _read_policy(envelope: str, keys: Mapping[str, PublicKey], program_id: str) -> tuple[Policy, datetime]:
    """Return the policy of a signed document and when it was issued. Refused, PolicyError."""
    record = Record(parse_object(verify(envelope.encode(), POLICY, keys.get)), "policy")
    if record.text("program") != program_id:
        raise Refused("other-program", "policy: it is for another program")
    try:
        return read_policy(record.members("policy"), "policy"), from_text(record.text("issued_at"))
    except ValueError as error:
        raise Refused("schema", f"policy: {error}") from None


def _load(path: Path) -> Enrolment:
    advice = "Move this file away and ask for a new invitation; what was measured is kept."
    try:
        record = Record(parse_object(durable.read(path) or b""), "enrolment")
        agreed = frozenset(record.texts("agreed"))
        enrolment = _read(record, record.text("name"), from_text(record.text("enrolled_at")), agreed)
        enrolment = replace(
            enrolment,
            retired=tuple(map(_kid, record.texts("retired"))),
            purpose=record.optional_text("purpose"),
            retention_days=record.integer("retention_days") if record.has("retention_days") else None,
        )
    except (Refused, PolicyError) as error:
        raise StateError(f"{path}: this file is damaged: {error.message}", advice) from None
    except ValueError as error:
        raise StateError(f"{path}: this file is damaged: {error}", advice) from None
    if enrolment.program != path.stem:
        raise StateError(f"{path}: this file is damaged: it is the enrolment {enrolment.program!r:.60}", advice)
    return enrolment


def _stored(home: Home) -> tuple[Path, ...]:
    return durable.files(home.enrolments, ".json")


def _path(home: Home, program: str) -> Path:
    return home.enrolments / f"{program}.json"


def _local_name(home: Home, program_id: str, collector: str) -> str:
    """Return what the program is called here: its own name, unless another company's program has it already."""
    if not _PROGRAM.fullmatch(program_id) or _DEVICES.fullmatch(program_id):
        raise Refused("schema", f"{program_id!r:.60} cannot be the name of a program")
    others = {one.program.lower() for one in read_enrolments(home).good if one.collector != collector}
    if program_id.lower() not in others:
        return program_id
    return f"{program_id}@{re.sub(r'[^A-Za-z0-9.-]', '_', urlsplit(collector).netloc)}"


def _retired(home: Home, enrolment: Enrolment) -> tuple[str, ...]:
    """Return the keys of an earlier enrolment in the same program, which a new invitation takes out of use."""
    if not _path(home, enrolment.program).exists():
        return ()
    return tuple(kid for kid in with_retired(home, find(home, enrolment.program)) if kid != enrolment.kid)


def with_retired(home: Home, enrolment: Enrolment) -> tuple[str, ...]:
    """Return the enrolment's own key behind those earlier ones that are still here."""
    return (*(kid for kid in enrolment.retired if (home.keys / f"{kid}.jwk").exists()), enrolment.kid)


def _forget_key(home: Home, kid: str) -> None:
    destroy_key(home.keys / f"{kid}.jwk")
    durable.remove(home.seq / kid)


def _signer(home: Home, name: str) -> str | None:
    """Return the key that an envelope in the spool names; None when it is damaged: nobody can send it."""
    try:
        envelope = spool.read_envelope(home, name)
        return unverified_header(envelope)["kid"] if envelope is not None else None
    except Refused:
        return None


def _kid(text: str) -> str:
    """Return the name of a key, which becomes the name of files; Refused for anything else."""
    if not _KID.fullmatch(text):
        raise Refused("schema", f"{text!r:.60} is no key's name")
    return text
