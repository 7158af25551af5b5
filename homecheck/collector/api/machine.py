"""The routes of agents and of machines that watch, described. They are served by `app`; a test holds both together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from homecheck.collector.api.operation import (
    DIGEST,
    INTEGER,
    KID,
    PROGRAM_ID,
    TEXT,
    Json,
    Method,
    Parameter,
    lists,
    moment,
    nullable,
    objects,
    takes,
    text,
)
from homecheck.collector.body import (
    JOSE,
    JSON,
    MAX_CALLBACK,
    MAX_ENROLMENT,
    MAX_REQUEST,
    MAX_ROTATION,
    SD_JWT,
)
from homecheck.signing import MAX_ENVELOPE

PLAIN: Final = "text/plain"
SIGNED_BY: Final = "The body is a JWS in compact form, signed by the device's key; that is how it is known who asks."


@dataclass(frozen=True)
class Machine:
    """One route. `refusals` are reasons of `problems`; `open_ended` tells that a parser may name more of 422."""

    method: Method
    path: str
    name: str
    summary: str
    answer: Json
    media_type: str = JSON
    parameters: tuple[Parameter, ...] = ()
    body: Json | None = None
    body_type: str = JOSE
    statuses: tuple[int, ...] = (200,)
    refusals: tuple[str, ...] = ()
    description: str = ""
    example: Json | str | None = None
    secured: bool = False


def _jws(most: int) -> Json:
    """Return the schema of a signed document of at most so many bytes."""
    return {"type": "string", "pattern": r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$", "maxLength": most}


_JWK: Final = {
    "type": "object",
    "properties": {"kty": TEXT, "crv": TEXT, "x": TEXT, "y": TEXT, "kid": TEXT, "alg": TEXT, "use": TEXT},
    "required": ["kty"],
    "additionalProperties": True,
}
_JWKS: Final = objects(keys=lists(_JWK))
_RESPONDER: Final = objects(url=TEXT, jwk=_JWK)
_WHO: Final = objects(name=TEXT, url=TEXT)
_PROGRAM: Final = objects(id=TEXT, title=TEXT)
_ENROLLED: Final = objects(
    v=INTEGER, device=TEXT, subject=TEXT, program=_PROGRAM, collector=_WHO, policy=TEXT, jwks=_JWKS,
    responders=lists(_RESPONDER),
)  # fmt: skip
_INVITE: Final = objects(
    v=INTEGER, collector=_WHO, program=_PROGRAM, person=objects(name=TEXT), purpose=TEXT, retention_days=INTEGER,
    quantities=lists(TEXT), declarations=lists(TEXT), connections=lists(TEXT), expires_at=moment(),
    policy=objects(name=TEXT, version=TEXT, digest=TEXT),
)  # fmt: skip
_ROWS: Final = lists({"type": "object"})
_STORED: Final = objects(
    v=INTEGER, issuer=TEXT, as_of=moment(), person={"type": "object"}, more=nullable(TEXT),
    program=objects(id=TEXT, title=TEXT, purpose=TEXT, retention_days=INTEGER),
    **dict.fromkeys(
        (
            "devices", "invitations", "calls", "letters", "concerns", "waivers", "events", "checks", "findings",
            "results",
        ),
        _ROWS,
    ),
)  # fmt: skip
_CHALLENGED: Final = objects(nonce=TEXT, expires_at=moment())
_BODY: Final = ("too-large", "wrong-type", "encoded", "too-slow", "refused", "slow-down", "not-stored")
_DEVICE: Final = (*_BODY, "unknown-device", "key-revoked", "wrong-audience")
_SIZE: Final = text(r"^[1-9][0-9]{0,17}$", 18)

MACHINE: Final = (
    Machine(
        "GET", "/.well-known/homecheck", "describeCollector", "Who this collector is, and where its parts are",
        objects(
            v=INTEGER, role={"const": "collector"}, name=TEXT, url=TEXT, jwks_uri=TEXT, responders=lists(_RESPONDER),
            log=objects(key=TEXT, url=TEXT),
        ),
    ),
    Machine("GET", "/v1/jwks", "showCollectorKeys", "The keys that policies, receipts and results bear", _JWKS),
    Machine(
        "GET", "/v1/invites/{code}", "describeInvite", "What an invitation is for, before anything is sent", _INVITE,
        parameters=(Parameter("code", "path", "The code at the end of an invitation's address.", text(most=100)),),
        refusals=("invite-unknown", "invite-used", "invite-expired"),
    ),
    Machine(
        "POST", "/v1/enrolments", "enrol", "Enrol a device key by an invitation", _ENROLLED, body=_jws(MAX_ENROLMENT),
        statuses=(201, 200), refusals=(*_BODY, "wrong-audience", "invite-unknown", "invite-used", "invite-expired",
                                       "key-in-use"),
        description="The body (homecheck-enrolment+jws) is signed by the new key itself. The same again is answered "
        "with 200, where the first answer was lost.",
    ),
    Machine(
        "GET", "/v1/policies/{program}", "showSignedPolicy", "The policy that counts now, signed", TEXT, JOSE,
        (PROGRAM_ID,), refusals=("not-found",),
    ),
    Machine(
        "POST", "/v1/challenge", "challenge", "A fresh challenge for a device that is enrolled", _CHALLENGED,
        body=takes({"device": {**KID, "description": "The key's thumbprint (RFC 7638)."}}), body_type=JSON,
        refusals=(*_BODY, "bad-request", "unknown-device", "key-revoked", "key-replaced"),
        example={"device": "A" * 43},
    ),
    Machine(
        "PUT", "/v1/evidence/{id}", "sendEvidence", "Send evidence; the answer is its receipt", TEXT, JOSE,
        (Parameter("id", "path", "The id of the evidence, a UUIDv7.", text(most=100)),), body=_jws(MAX_ENVELOPE),
        statuses=(201, 200),
        refusals=(*_DEVICE, "key-replaced", "stale-nonce", "id-conflict", "wrong-id", "wrong-device", "wrong-subject"),
        description=f"{SIGNED_BY} homecheck-evidence+jws. The same bytes again: 200 and the same receipt. The same id "
        "with other bytes: 409. A stale challenge: 401, with a fresh one in `nonce`.",
    ),
    Machine(
        "POST", "/v1/keys/rotation", "rotateKey", "Put a new device key in the place of the one that signs",
        objects(v=INTEGER, device=TEXT, replaces=TEXT, accepted_until=moment()), body=_jws(MAX_ROTATION),
        statuses=(201, 200), refusals=(*_DEVICE, "key-replaced", "stale-nonce", "key-in-use"),
        description=f"{SIGNED_BY} homecheck-rotation+jws.",
    ),
    Machine(
        "POST", "/v1/callbacks", "askForCall", "Ask to be called, to prove a telephone line",
        objects(id=TEXT, ends_with=TEXT, expires_at=moment(), seconds={"type": "number"}), body=_jws(MAX_CALLBACK),
        statuses=(201, 200), refusals=(*_DEVICE, "key-replaced", "stale-nonce", "no-number", "callback-not-asked"),
        description=SIGNED_BY,
    ),
    Machine(
        "POST", "/v1/callbacks/{id}/answer", "answerCall", "Hand in the digits that were heard",
        objects(result=nullable(TEXT), attempts_left=INTEGER, confirmation=nullable(TEXT)),
        parameters=(Parameter("id", "path", "The id of the call-back.", text(most=100)),), body=_jws(MAX_CALLBACK),
        refusals=(*_DEVICE, "key-replaced", "callback-unknown", "callback-over"), description=SIGNED_BY,
    ),
    Machine(
        "POST", "/v1/results", "showResult", "The signed result of one's own evidence, for third parties", TEXT, JOSE,
        body=_jws(MAX_REQUEST), refusals=(*_DEVICE, "key-replaced", "stale-nonce", "no-result", "damaged"),
        description=SIGNED_BY,
    ),
    Machine(
        "POST", "/v1/credentials", "issueCredential", "The same as a credential (SD-JWT, RFC 9901)", TEXT, SD_JWT,
        body=_jws(MAX_REQUEST),
        refusals=(*_DEVICE, "key-replaced", "stale-nonce", "no-result", "damaged", "result-expired"),
        description=SIGNED_BY,
    ),
    Machine(
        "POST", "/v1/stored", "showStored", "Everything that is stored about the person whose device asks", _STORED,
        body=_jws(MAX_REQUEST), refusals=(*_DEVICE, "key-replaced", "stale-nonce", "no-result"), description=SIGNED_BY,
    ),
    Machine(
        "GET", "/v1/log/checkpoint", "showCheckpoint", "The log's newest checkpoint, a signed note (C2SP)", TEXT, PLAIN
    ),
    Machine(
        "GET", "/v1/log/proof/{digest}", "showLogProof", "The proof that the log holds a receipt", TEXT, PLAIN,
        (Parameter("digest", "path", "The digest of the envelope.", DIGEST),), refusals=("not-found",),
    ),
    Machine(
        "GET", "/v1/log/consistency/{first}/{second}", "showConsistency", "The proof that the log only grew", TEXT,
        PLAIN,
        (
            Parameter("first", "path", "A size that the log has had.", _SIZE),
            Parameter("second", "path", "A later one.", _SIZE),
        ),
        refusals=("not-found",),
    ),
    Machine("GET", "/healthz", "isAlive", "The event loop turns", objects(status={"const": "ok"})),
    Machine(
        "GET", "/readyz", "isReady", "Evidence could be taken now: a write was committed, the keys were read",
        objects(status={"const": "ready"}), refusals=("not-ready", "slow-down", "not-stored"),
    ),
    Machine(
        "GET", "/metrics", "showMetrics", "Numbers for Prometheus, to those who may read them", TEXT, PLAIN,
        refusals=("not-found",), secured=True,
        description="Answered to this computer, to networks and to a token that the operator named; to others nothing "
        "is here.",
    ),
    Machine("GET", "/openapi.json", "showOpenapi", "This document", {"type": "object"}),
)  # fmt: skip
