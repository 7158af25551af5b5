"""Invitations: everything a person should know before anything is sent, and the key that is made for one.

The key is made and stored before the invitation is redeemed. When the answer is lost on the way, the same invitation is
redeemed again with the same key, and the collector gives the same answer; another key would be refused.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from homecheck import durable
from homecheck.config import Home
from homecheck.errors import EnrolmentError, KeyStoreError, Refused
from homecheck.exchange import Answer, Http, NoAnswer, exchange, is_loopback, one_line
from homecheck.key_stores import Store, create_key, destroy_key, read_key, store_of
from homecheck.signing import Signer
from homecheck.standards.rfc_3339 import from_text, to_text
from homecheck.strict_json import Record, parse_object, serialize

ASK_AGAIN: Final = "Ask the company that invited you for a new invitation."
WHOLE_ADDRESS: Final = (
    "Copy the whole address from the invitation, in one piece: it ends with /invite/ and 22 characters. "
    "If it is whole, ask the company that invited you."
)
NOT_OURS: Final = (
    "Compare the address with the one in the invitation. If it is the same, tell the company that invited you; "
    "a sign-in page of a hotel or guest network can also answer in its place: open any web site to see."
)

_INVITE_URL: Final = re.compile(r"(https?://[^/?#\s@]+(?:/[^?#\s]*)?)/invite/([A-Za-z0-9_-]{22})/?", re.IGNORECASE)


@dataclass(frozen=True)
class Invitation:
    """What an invitation says: who asks, what for, what would be measured, and how long it would be kept."""

    code: str
    collector: str  # address, without a slash at its end
    collector_name: str
    program_id: str
    title: str
    person: str
    purpose: str
    retention_days: int
    quantities: tuple[str, ...]
    declarations: tuple[str, ...]
    expires_at: datetime
    policy_name: str
    policy_version: str
    policy_digest: str
    connections: tuple[str, ...] = ()  # where this computer would connect to, beside the company's own servers

    def members(self) -> dict[str, Any]:
        """Return the invitation as the collector's JSON members."""
        return {
            "v": 1,
            "collector": {"name": self.collector_name, "url": self.collector},
            "program": {"id": self.program_id, "title": self.title},
            "person": {"name": self.person},
            "purpose": self.purpose,
            "retention_days": self.retention_days,
            "quantities": list(self.quantities),
            "declarations": list(self.declarations),
            "connections": list(self.connections),
            "expires_at": to_text(self.expires_at),
            "policy": {"name": self.policy_name, "version": self.policy_version, "digest": self.policy_digest},
        }

    @classmethod
    def read(cls, record: Record, code: str) -> Invitation:
        """Return the invitation in `record`; Refused with the reason ``schema`` for anything else."""
        collector, program, policy = (record.record(name) for name in ("collector", "program", "policy"))
        try:
            return cls(
                code=code,
                collector=collector.text("url").rstrip("/"),
                collector_name=one_line(collector.text("name")),
                program_id=program.text("id", max_length=64),
                title=one_line(program.text("title")),
                person=one_line(record.record("person").text("name")),
                purpose=one_line(record.text("purpose", max_length=2000)),
                retention_days=record.integer("retention_days"),
                quantities=tuple(map(one_line, record.texts("quantities"))),
                declarations=tuple(map(one_line, record.texts("declarations"))),
                expires_at=from_text(record.text("expires_at")),
                policy_name=one_line(policy.text("name")),
                policy_version=one_line(policy.text("version")),
                policy_digest=policy.text("digest"),
                connections=tuple(map(one_line, record.texts("connections"))),
            )
        except ValueError as error:
            raise Refused("schema", f"invitation: {error}") from None

    def covers(self) -> frozenset[str]:
        """Return every quantity and every connection that the person was told of."""
        declared = {f"declaration.{name}" for name in self.declarations}
        return frozenset(self.quantities) | frozenset(self.connections) | declared


def read_invitation(url: str, http: Http, home: Home | None = None) -> Invitation:
    """Return what the invitation at `url` is for; nothing about this computer is sent. Raises EnrolmentError.

    With `home`, an invitation that was redeemed from here while the answer was lost can still be read.
    """
    collector, code = split_invite_url(url)
    host = urlsplit(collector).netloc
    try:
        answer = exchange(http, "GET", f"{collector}/v1/invites/{code}")
    except NoAnswer as error:
        raise EnrolmentError(error.message, error.advice) from None
    if answer.status != 200:
        begun = _begun(home, collector, code) if home and answer.problem().reason == "invite-used" else None
        if begun is not None:
            return begun[0]
        raise refusal(answer, host)
    try:
        invitation = Invitation.read(answer.members(), code)
    except Refused as error:
        raise EnrolmentError(f"{host}: this is not a homecheck collector: {error.message}", NOT_OURS) from None
    if invitation.collector != collector:
        message = f"{host}: the collector there calls itself {one_line(invitation.collector)}"
        raise EnrolmentError(message, "The invitation does not fit its collector: tell the company that invited you.")
    return invitation


def split_invite_url(url: str) -> tuple[str, str]:
    """Return the collector's address and the invitation's code; EnrolmentError for anything else."""
    match = _INVITE_URL.fullmatch(url.strip())
    if not match:
        raise EnrolmentError(f"{one_line(url)[:120]}: this is no invitation", WHOLE_ADDRESS)
    parts = urlsplit(match[1].rstrip("/"))
    collector = f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path}"  # as it stands in every document
    if not collector.startswith("https://") and not is_loopback(collector):
        message = (
            f"{urlsplit(collector).netloc}: the invitation's address begins with http://, so others could read along"
        )
        raise EnrolmentError(message, "Ask the company that invited you for an address that begins with https://.")
    return collector, match[2]


def refusal(answer: Answer, host: str) -> EnrolmentError:
    """Return the error for an answer that is no success: what the collector said, and the next step."""
    problem = answer.problem()
    known = {
        "invite-unknown": (f"{host} does not know this invitation", WHOLE_ADDRESS),
        "invite-expired": ("This invitation is too old: its time has run out", ASK_AGAIN),
        "invite-used": (
            "This invitation has been used already",
            "Each works once. If `homecheck programs` lists the program, all is well. If not, ask for a new one.",
        ),
    }
    if problem.reason in known:
        return EnrolmentError(*known[problem.reason])
    if problem.reason:
        return EnrolmentError(f"{host} refuses: {problem.detail} ({problem.reason})", problem.advice or ASK_AGAIN)
    if answer.status >= 500:
        return EnrolmentError(f"{host} has trouble of its own (HTTP status {answer.status})", "Try again in an hour.")
    return EnrolmentError(f"{host}: this is not a homecheck collector (HTTP status {answer.status})", NOT_OURS)


# The key of an invitation


def prepare_key(invitation: Invitation, home: Home, store: Store | None = None) -> Signer:
    """Return the key for this invitation, made in `store` (None: a file) on first use; nothing is sent.

    KeyStoreError when that place cannot be used, or when the key was made in another one before.
    """
    begun = _begun(home, invitation.collector, invitation.code)
    if begun is not None:
        return _begun_key(home.keys / f"{begun[1]}.jwk", store)
    key = create_key(home.keys, store or "file")
    record = {"kid": key.public.kid, "invitation": invitation.members()}
    durable.write(_pending_path(home, invitation.collector, invitation.code), serialize(record))
    return key


def _begun_key(path: Path, store: Store | None) -> Signer:
    """Return the key that was made for an invitation; the collector may know it already, so it stays the one."""
    if store not in (None, found := store_of(path)):
        raise KeyStoreError(
            f"the key for this invitation was made before, and is kept in: {found}",
            f"Give the same command with --key {found}. For another place, ask for a new invitation.",
        )
    return read_key(path)


def forget(invitation: Invitation, home: Home, *, with_key: bool) -> None:
    """Forget that redeeming this invitation was begun; `with_key` also deletes the key made for it."""
    begun = _begun(home, invitation.collector, invitation.code)
    durable.remove(_pending_path(home, invitation.collector, invitation.code))
    if with_key and begun is not None:
        destroy_key(home.keys / f"{begun[1]}.jwk")


def _begun(home: Home, collector: str, code: str) -> tuple[Invitation, str] | None:
    """Return the invitation and the key's name, if redeeming it was begun here; a damaged note counts as none."""
    data = durable.read(_pending_path(home, collector, code))
    if data is None:
        return None
    try:
        record = Record(parse_object(data), "invitation")
        kid = record.text("kid")
        invitation = Invitation.read(record.record("invitation"), code)
    except Refused:
        return None
    return (invitation, kid) if re.fullmatch(r"[A-Za-z0-9_-]{43}", kid) else None


def _pending_path(home: Home, collector: str, code: str) -> Path:
    """Return where a begun invitation is noted; named by a hash, since the code is a secret until it is used."""
    name = hashlib.sha256(f"{collector}/invite/{code}".encode()).hexdigest()
    return home.enrolments / "begun" / f"{name}.json"
