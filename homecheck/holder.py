"""What a person holds of the collector's word: the signed result of each check, and one credential per program.

Both are fetched with a request that the device key signs, after the receipt is there. They are kept only when they
verify under the keys that were pinned at enrolment and speak of this evidence and this device.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from homecheck import credential, durable
from homecheck.config import Home
from homecheck.credential import Credential
from homecheck.enrolment import JOSE, Enrolment, fetch_nonce
from homecheck.errors import DeliveryError, HomecheckError, Refused, StateError
from homecheck.exchange import Answer, Http, exchange, one_line
from homecheck.result import Asks, Request, Result, verify_result
from homecheck.sd_jwt import SdJwt, bind
from homecheck.signing import RESULT_REQUEST, Signer, sign

SUFFIX: Final = ".sd-jwt"
UNKNOWN: Final = "not-found"  # what a collector answers that gives no results yet
FETCH_AGAIN: Final = "Fetch it again: homecheck credential fetch"


@dataclass(frozen=True)
class Held:
    """A credential as it is kept here, and what it says."""

    program: str
    sd_jwt: SdJwt
    content: Credential

    def names(self) -> tuple[str, ...]:
        """Return what can be shown, by the names that a person chooses with: details first, then findings."""
        return tuple(one.name for one in self.sd_jwt.disclosures if one.name is not None)


def collect(home: Home, enrolment: Enrolment, signer: Signer, http: Http, now: datetime, evidence: str) -> str:
    """Fetch result and credential for evidence that was delivered; return why not, empty when both are here.

    The receipt is there already, so whatever happens here costs nothing that cannot be fetched later.
    """
    try:
        fetch_result(home, enrolment, signer, http, evidence)
        fetch_credential(home, enrolment, signer, http, now)
    except HomecheckError as error:
        return f"{error.message}. {FETCH_AGAIN} {enrolment.program}"
    return ""


def fetch_result(home: Home, enrolment: Enrolment, signer: Signer, http: Http, evidence: str | None = None) -> Result:
    """Fetch what the collector says about the evidence of this digest (or the latest), keep it, and return it.

    DeliveryError when there is none that counts, StateError when it cannot be written.
    """
    body = _ask(enrolment, signer, http, "result", evidence)
    try:
        result = verify_result(body, enrolment.keys.get)
        expected = (evidence or result.evidence, enrolment.program_id, enrolment.collector, enrolment.subject)
        if (result.evidence, result.program, result.issuer, result.subject) != expected:
            raise Refused("other-evidence", "it speaks of other evidence, program, collector or person")
    except Refused as error:
        raise _not_ours(enrolment, "result", error) from None
    durable.write(result_path(home, result.evidence), body)
    return result


def fetch_credential(home: Home, enrolment: Enrolment, signer: Signer, http: Http, now: datetime) -> Held:
    """Fetch a credential for the latest evidence, keep it in place of an older one, and return it."""
    body = _ask(enrolment, signer, http, "credential", None)
    try:
        held = _read(enrolment.program, body, enrolment, now)
        if held.content.holder.kid != signer.public.kid or held.content.issuer != enrolment.collector:
            raise Refused("other-holder", "it was made for another key, or by another collector")
    except Refused as error:
        raise _not_ours(enrolment, "credential", error) from None
    durable.write(_path(home, enrolment.program), body)
    return held


def find(home: Home, enrolment: Enrolment, now: datetime) -> Held | None:
    """Return the credential of a program; None where none is kept.

    StateError when it is damaged or no longer counts, with what to do.
    """
    path = _path(home, enrolment.program)
    data = durable.read(path)
    if data is None:
        return None
    try:
        held = _read(enrolment.program, data, enrolment, now)
        if held.content.holder.kid != enrolment.kid:
            raise Refused("other-holder", "it was made for a key that this computer no longer uses")
        return held
    except Refused as error:
        advice = error.advice if error.reason == "not-yet-valid" else f"{FETCH_AGAIN} {enrolment.program}"
        if error.reason == "expired":
            advice = "Run the check again and send it: homecheck check"
        raise StateError(f"{path}: this credential does not count: {error.message}", advice) from None


def present(
    held: Held,
    wanted: tuple[str, ...],
    audience: str,
    nonce: str,
    signer: Signer,
    enrolment: Enrolment,
    now: datetime,
) -> bytes:
    """Return what is handed over: the claims called `wanted` and no other, signed for one audience.

    It is verified as they will verify it. Refused when it would not count there, so that nobody hands over such a one.
    """
    handed_over = bind(held.sd_jwt.only(lambda one: one.name in wanted), audience, nonce, signer, now)
    credential.read_presented(SdJwt.parse(handed_over), enrolment.keys.get, now)
    return handed_over


def chosen(held: Held, patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that the patterns choose, in the order in which they are kept. Refused for one that fits none.

    A pattern is a name with ``*`` for any letters, and nobody shows less than they think for a slip of the pen.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in held.names()):
            raise Refused("nothing-chosen", f"nothing in this credential is called {pattern!r:.60}")
    return tuple(name for name in held.names() if any(fnmatchcase(name, pattern) for pattern in patterns))


def holds(home: Home, program: str) -> bool:
    """Tell whether a credential of a program is kept, good or not."""
    return _path(home, program).exists()


def forget(home: Home, program: str) -> None:
    """Delete the credential of a program."""
    durable.remove(_path(home, program))


def result_path(home: Home, evidence: str) -> Path:
    """Return where the result of the evidence of this digest is kept."""
    return home.results / f"{evidence.removeprefix('sha256:')}.jws"


def _path(home: Home, program: str) -> Path:
    return home.credentials / f"{program}{SUFFIX}"


def _read(program: str, data: bytes, enrolment: Enrolment, now: datetime) -> Held:
    """Return the credential in `data`; Refused also for what somebody has presented (RFC 9901 7.2)."""
    kept = SdJwt.parse(data)
    if kept.key_binding is not None:
        raise Refused("other-presentation", "it is what somebody has shown, not a credential of this computer")
    return Held(program, kept, credential.read(kept, enrolment.keys.get, now))


def _ask(enrolment: Enrolment, signer: Signer, http: Http, asks: Asks, evidence: str | None) -> bytes:
    request = Request(enrolment.collector, fetch_nonce(enrolment, http), asks, evidence)
    url = f"{enrolment.collector}/v1/{asks}s"
    answer = exchange(http, "POST", url, body=sign(request.to_bytes(), RESULT_REQUEST, signer), content_type=JOSE)
    if answer.status != 200:
        raise _refused(enrolment, asks, answer)
    return answer.body


def _refused(enrolment: Enrolment, asks: Asks, answer: Answer) -> DeliveryError:
    problem, host = answer.problem(), urlsplit(enrolment.collector).netloc
    if answer.status in (404, 405) and problem.reason in ("", UNKNOWN, "method"):
        return DeliveryError(f"{host} gives no {asks}s yet", "It needs a newer homecheck: tell the company.")
    return DeliveryError(f"{host} gives no {asks}: {problem.detail}", problem.advice or "Try again later.")


def _not_ours(enrolment: Enrolment, asks: Asks, error: Refused) -> DeliveryError:
    host = urlsplit(enrolment.collector).netloc
    message = f"{host} sent no {asks} that counts ({error.reason}: {one_line(error.message)})"
    return DeliveryError(message, error.advice or "It was not kept. Tell the company that invited you.")
