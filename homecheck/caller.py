"""The agent's side of a call-back: ask the collector for a call, and hand in the digits that were heard.

Both requests are signed by the device key and carry the check's challenge. A confirmation counts only when it is signed
by a key that was pinned at enrolment, for this challenge and this device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from homecheck import exchange as web
from homecheck.callback import Answer, Call, Heard, Request, Result, verify_confirmation
from homecheck.enrolment import JOSE, Enrolment
from homecheck.errors import AtFault, ProbeError, Refused
from homecheck.exchange import Http, NoAnswer
from homecheck.measurement import clean_text
from homecheck.signing import CALLBACK_ANSWER, CALLBACK_REQUEST, Signer, sign
from homecheck.strict_json import Record

MAX_SECONDS: Final = 3_600.0  # nobody is made to wait longer for a call
NO_NUMBER_ADVICE: Final = (
    "This is not your fault: tell the people who invited you that your telephone number is not on file. "
    "They enter it with: homecheck collector invite PROGRAM --person NAME --phone NUMBER"
)
TELL: Final = "Tell the company that invited you."


@dataclass(frozen=True)
class CollectorCaller:
    """The collector of one enrolment, for one check."""

    enrolment: Enrolment
    signer: Signer
    nonce: str
    http: Http

    def ask(self) -> Call:
        """Ask for a call and return what was promised. Raises ProbeError."""
        request = Request(self.enrolment.collector, self.nonce)
        record = self._post("/v1/callbacks", sign(request.to_bytes(), CALLBACK_REQUEST, self.signer))
        try:
            call = Call(
                record.text("id", max_length=100), record.text("ends_with", max_length=4), record.number("seconds")
            )
            if not 0 < call.seconds <= MAX_SECONDS or not call.ends_with.isdecimal():
                raise Refused("schema", "answer: no such call can be promised")
        except Refused as error:
            raise self._not_ours(error) from None
        return call

    def answer(self, call: Call, digits: str) -> Answer:
        """Hand in the digits that were heard. Raises ProbeError."""
        heard = Heard(self.enrolment.collector, self.nonce, call.id, digits)
        path = f"/v1/callbacks/{quote(call.id, safe='')}/answer"
        record = self._post(path, sign(heard.to_bytes(), CALLBACK_ANSWER, self.signer))
        try:
            left = record.integer("attempts_left")
            if record.is_null("confirmation"):
                if not record.is_null("result") or left < 1:
                    raise Refused("schema", "answer: a result without a confirmation")
                return Answer(None, left)
            envelope = record.text("confirmation", max_length=4_000)
            return Answer(self._confirmed(envelope, call), left, envelope)
        except Refused as error:
            raise self._not_ours(error) from None

    def _confirmed(self, envelope: str, call: Call) -> Result:
        found = verify_confirmation(envelope, self.nonce, self.signer.public.kid, self.enrolment.keys.get)
        if found.id != call.id:
            raise Refused("other-check", "the confirmation is of another call")
        return found.result

    def _post(self, path: str, envelope: bytes) -> Record:
        try:
            answer = web.exchange(
                self.http, "POST", f"{self.enrolment.collector}{path}", body=envelope, content_type=JOSE
            )
        except NoAnswer as error:
            raise ProbeError(
                "collector_unreachable", clean_text(error.advice), message=clean_text(error.message), at_fault="server"
            ) from None
        if answer.status not in (200, 201):
            raise _refused(answer.problem(), self._host)
        try:
            return answer.members()
        except Refused as error:
            raise self._not_ours(error) from None

    def _not_ours(self, error: Refused) -> ProbeError:
        message = f"{self._host} does not answer like a homecheck collector: {error.message}"
        return ProbeError("bad_answer", TELL, message=clean_text(message), at_fault="server")

    @property
    def _host(self) -> str:
        return urlsplit(self.enrolment.collector).netloc


def _refused(problem: web.Problem, host: str) -> ProbeError:
    """Return the failure that a refusal of the collector means."""
    at_fault: AtFault = "server"
    code, message, advice = problem.reason.replace("-", "_"), f"{host}: {problem.detail}", problem.advice or TELL
    if problem.reason == "no-number":
        advice = NO_NUMBER_ADVICE
    elif problem.reason == "slow-down":
        code, advice = "too_many_calls", "Wait until tomorrow before you run the check with a call again."
        at_fault = "person"
    elif problem.reason == "not-found":
        code, message, advice = "no_callbacks", f"{host} knows no call-backs yet: it needs a newer homecheck", TELL
    return ProbeError(code or "refused", advice, message=clean_text(message), at_fault=at_fault)
