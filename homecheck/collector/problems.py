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
    "key-revoked": Kind(
        403,
        "This computer's key does not count any more",
        "What was received before stays good. To go on, ask the people who invited you for a new invitation. If you "
        "have enrolled another computer, use that one; if it was not you, tell them.",
    ),
    "key-replaced": Kind(
        403,
        "A newer key has taken the place of this one",
        "If this computer was restored from a backup or copied, ask the people who invited you for a new invitation. "
        "If you did not change the key yourself, tell them: somebody may have copied it.",
    ),
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
    "too-fast": Kind(429, "This computer asks too often", "Try again after the time in Retry-After."),
    "not-stored": Kind(503, "Not possible at the moment", "Keep it and try again after the time in Retry-After."),
    # Call-backs.
    "no-number": Kind(
        409, "No telephone number is on file", "The people who invited you must enter it; then run the check again."
    ),
    "callback-not-asked": Kind(403, "This program asks for no call-back", "Nothing to do: the check goes on without."),
    "callback-unknown": Kind(404, "No such call-back", "Run the check again; it asks for a new call."),
    "callback-over": Kind(410, "This call-back is over", "Run the check again; it asks for a new call."),
    # Results and credentials.
    "no-result": Kind(404, "No result of that evidence is here", "Run a check first, and send it."),
    "damaged": Kind(500, "What is stored here was changed", "Tell the people who run this collector."),
    "result-expired": Kind(410, "The result is too old", "Run a new check; its result can be carried again."),
    # Invitations.
    "invite-unknown": Kind(404, "No such invitation", "Check that the address is complete, or ask for a new one."),
    "invite-used": Kind(410, "This invitation was used", "Each works once, on one computer: ask for a new one."),
    "invite-expired": Kind(410, "This invitation has expired", "Ask the people who sent it for a new one."),
    "key-in-use": Kind(409, "This device key is enrolled already", "Give the command again: it makes a new key."),
    "list-used": Kind(
        409, "This list was sent already", "Each address is shown once. Who lost theirs is invited anew, by name."
    ),
    # The dashboard.
    "policy-same": Kind(400, "Nothing would change", "Change something first."),
    "policy-conflict": Kind(
        409, "Somebody else has published a policy meanwhile", "See the difference; publish again."
    ),
    "other-site": Kind(403, "Asked for by another site", "Open the page of this collector and try again there."),
    "not-allowed": Kind(403, "Your role does not allow this", "Ask an administrator."),
    "link-used": Kind(
        404, "This sign-in link does not work any more", "Ask for a new one: homecheck collector user link NAME"
    ),
    "sign-in-failed": Kind(
        403, "Signing in failed", "Try again, or ask for a link: homecheck collector user link NAME"
    ),
    "guessing": Kind(
        429, "Too many wrong attempts", "Wait, or sign in with a link: homecheck collector user link NAME"
    ),
    "not-yourself": Kind(
        403, "Your password is needed for this", "Type your present password, or sign in anew with a link."
    ),
    "sign-on-failed": Kind(403, "Company sign-on failed", "Try again; if it stays so, tell an administrator."),
    "no-role": Kind(403, "You have no role here", "Ask an administrator of this collector for one."),
    # The administration API.
    "no-token": Kind(
        401, "An API token is needed", "Send the header Authorization: Bearer, with a token that begins with hck_."
    ),
    "token-refused": Kind(
        401,
        "This API token does not count",
        "It is unknown, revoked or too old: make a new one on your account's page.",
    ),
    "beyond-reach": Kind(
        403, "Nobody gives a right that they have not", "Ask somebody whose role, and whose token, has that right."
    ),
    "four-eyes": Kind(
        403, "Somebody else must approve it", "Propose it; another administrator of this program approves or declines."
    ),
    "own-account": Kind(409, "Not for your own account", "Ask another administrator, or use the command line."),
    "exists": Kind(409, "There is one of this name already", "Choose another name, or change the one that is there."),
    "no-mail-server": Kind(409, "No mail server was named yet", "Name one: PUT /v1/admin/mail-server."),
    "changed-meanwhile": Kind(
        412, "Somebody else has changed it meanwhile", "Get it again, look at it, and send your change with its ETag."
    ),
    "policy-wrong": Kind(422, "The policy has a mistake", "Correct it in the line that is named."),
    "list-wrong": Kind(422, "The list has mistakes", "Correct the lines that are named; nobody was invited."),
    "condition-needed": Kind(
        428, "Say which state you change", "Get it first, and send its ETag in the header If-Match."
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

# What somebody who opens an invitation in their browser can be told: it is in the catalogues of `homecheck.locale`.
TO_THE_INVITED: Final = ("invite-unknown", "invite-used", "invite-expired", "not-found", "not-stored", "internal")

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
        extra: Mapping[str, Any] | None = None,
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
