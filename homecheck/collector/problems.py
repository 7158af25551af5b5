"""Refusals over HTTP: RFC 9457 problem documents whose `type` names one stable reason.

A reason stands in `PROBLEMS`, with its status and what it means for a reader; the page ``/problems/<reason>`` shows it.
The reasons of `homecheck.errors.Refused` (what the verifier and the parsers say) are all answered with 422.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from homecheck.errors import HomecheckError, Refused


@dataclass(frozen=True)
class Kind:
    """One reason: its HTTP status, a title for everybody, and what the other side should do."""

    status: int
    title: str
    advice: str


_MALFORMED: Final = "Update homecheck. If it stays so, send this message to the people who run this collector."

PROBLEMS: Final[Mapping[str, Kind]] = {
    # What an upload can be refused for on this side.
    "stale-nonce": Kind(
        401, "The challenge is too old or not yours", "Sign again with the nonce that comes with this answer."
    ),
    "unknown-device": Kind(403, "This device key is not enrolled here", "Enrol with a new invitation."),
    "revoked": Kind(403, "This device key was revoked", "Ask the people who invited you for a new invitation."),
    "id-conflict": Kind(
        409, "This evidence id belongs to other bytes", "Do not send it again; tell the people who run this collector."
    ),
    "too-large": Kind(413, "Too large", "Evidence has at most 262144 bytes."),
    "wrong-type": Kind(415, "Wrong media type", "Send signed documents as application/jose, others as JSON."),
    "encoded": Kind(415, "Content codings are not accepted", "Send the bytes without Content-Encoding."),
    "wrong-audience": Kind(422, "Meant for another collector", "Enrol again: this collector's address has changed."),
    "wrong-id": Kind(422, "The id inside is not the one in the address", _MALFORMED),
    "wrong-device": Kind(422, "Speaks of another device than its signer", _MALFORMED),
    "wrong-subject": Kind(422, "Speaks of another person than its signer", "Enrol with a new invitation."),
    "slow-down": Kind(429, "Too many at once", "Try again after the time in Retry-After."),
    "not-stored": Kind(503, "Cannot be stored now", "Keep it and try again after the time in Retry-After."),
    # Invitations.
    "invite-unknown": Kind(404, "No such invitation", "Check that the address is complete, or ask for a new one."),
    "invite-used": Kind(410, "This invitation was used", "Each works once, on one computer: ask for a new one."),
    "invite-expired": Kind(410, "This invitation has expired", "Ask the people who sent it for a new one."),
    "key-in-use": Kind(409, "This device key is enrolled already", "Make a new key for each invitation."),
    # The dashboard.
    "other-site": Kind(403, "Asked for by another site", "Open the page of this collector and try again there."),
    "not-allowed": Kind(403, "Your role does not allow this", "Ask an administrator."),
    "link-used": Kind(
        404, "This sign-in link does not work any more", "Ask for a new one: homecheck collector user link NAME"
    ),
    # Everything else.
    "not-found": Kind(404, "Nothing is here", "Check the address."),
    "method": Kind(405, "This address does not take that method", "See /.well-known/homecheck and the documentation."),
    "too-slow": Kind(408, "The request took too long to arrive", "Try again on a better line."),
    "bad-request": Kind(400, "The request cannot be read", _MALFORMED),
    "not-ready": Kind(503, "Not ready", "See the detail; the people who run this collector can mend it."),
    "internal": Kind(500, "Something went wrong here", "Try again later. This is no fault of yours."),
    "refused": Kind(422, "The document was refused", _MALFORMED),
}

MEDIA_TYPE: Final = "application/problem+json"


class Problem(HomecheckError):
    """A refusal on its way to the client; `extra` are further members of the document."""

    def __init__(
        self,
        reason: str,
        detail: str,
        *,
        status: int = 0,  # 0: as PROBLEMS says
        advice: str = "",
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        kind = PROBLEMS.get(reason, PROBLEMS["refused"])
        super().__init__(detail, advice or kind.advice)
        self.reason = reason
        self.status = status or kind.status
        self.title = kind.title
        self.headers = headers or {}
        self.extra = extra or {}

    @classmethod
    def of(cls, refused: Refused) -> Problem:
        """Return the problem for what the verifier or a parser refused."""
        # A name of a key that can be nobody's never reaches the list of devices; the answer is the same.
        reason = "unknown-device" if refused.reason == "unknown-key" else refused.reason
        return cls(reason, refused.message, advice=refused.advice)

    def members(self) -> dict[str, Any]:
        """Return the members of the document."""
        return {
            "type": f"/problems/{self.reason}",
            "title": self.title,
            "status": self.status,
            "detail": self.message,
            "advice": self.advice,
            **self.extra,
        }


def retry_later(reason: str, detail: str, seconds: int) -> Problem:
    """Return the problem that asks to try again after `seconds`."""
    return Problem(reason, detail, headers={"Retry-After": str(seconds)})
