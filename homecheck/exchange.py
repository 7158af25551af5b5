"""One exchange over HTTP with a server that nobody trusts: bounded time, bounded size, no redirect, no second try.

`requests` bounds the wait for each piece of an answer, not for the whole; a server that sends one byte a second would
hold the agent for hours. So the exchange runs in a thread of its own and is given up when its time is over.
"""

from __future__ import annotations

import os
import queue
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from socket import gaierror
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import urllib3

from homecheck import __version__, loopback
from homecheck.errors import DeliveryError, Refused
from homecheck.strict_json import Record, parse_object

Http = requests.Session

CONNECT_SECONDS: Final = 5.0
REQUEST_SECONDS: Final = 30.0
MAX_ANSWER: Final = 1_048_576  # bytes; the largest honest answer is a receipt with its findings, a few ten thousand
PROBLEM: Final = "application/problem+json"

_UNTRUSTED: Final = (
    "Do not try to get round this. Check that the computer's date is right. A filter or antivirus program may be "
    "reading the connection: try another network. If it stays so, tell the company that invited you. If your IT "
    "department gave you a certificate file, set SSL_CERT_FILE to its path."
)
_OUR_SIDE: Final = "Check that other web sites open. If they do, it is the company's server: try again later."


class NoAnswer(DeliveryError):
    """There was no complete answer. The message names who is to blame as far as that can be known."""


@dataclass(frozen=True)
class Answer:
    """An answer as it came: status, headers (names in lower case) and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def members(self) -> Record:
        """Return the body's JSON object; Refused when it is none."""
        return Record(parse_object(self.body), "answer")

    def problem(self) -> Problem:
        """Return what the server says went wrong; without an RFC 9457 document only the status is known."""
        if self.content_type == PROBLEM:
            try:
                return Problem.read(self.members())
            except Refused:
                pass  # a broken problem document says no more than none
        return Problem("", f"HTTP status {self.status}")


@dataclass(frozen=True)
class Problem:
    """An RFC 9457 problem: the reason is the last part of its type; nonce where a fresh challenge comes with it."""

    reason: str
    detail: str
    advice: str = ""
    nonce: str | None = None

    @classmethod
    def read(cls, record: Record) -> Problem:
        """Return the problem in `record`; Refused when a member is not a text."""
        return cls(
            one_line(record.optional_text("type").rpartition("/")[2]),
            one_line(record.optional_text("detail") or record.optional_text("title")),
            one_line(record.optional_text("advice")),
            record.text("nonce") if record.has("nonce") else None,
        )


def new_session(environment: Mapping[str, str] = os.environ) -> Http:
    """Return a session that says who asks, honours SSL_CERT_FILE and proxies, and keeps no cookies of anybody."""
    session = requests.Session()
    session.headers.clear()
    session.headers.update({"User-Agent": f"homecheck/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"})
    session.auth = _no_credentials  # else requests sends what stands in ~/.netrc for this host
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    if bundle := environment.get("SSL_CERT_FILE"):
        session.verify = bundle
    return session


def exchange(
    http: Http,
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    content_type: str = "application/json",
    seconds: float = REQUEST_SECONDS,
) -> Answer:
    """Send one request and return the answer, whatever its status. Takes at most `seconds`. Raises NoAnswer."""
    box: queue.SimpleQueue[Answer | Exception | None] = queue.SimpleQueue()

    def work() -> None:
        outcome: Answer | Exception | None = None
        try:
            outcome = _exchange(http, method, url, body, content_type, seconds)
        # RequestException is an OSError; urllib3's own errors come out while the body is read.
        except (OSError, ValueError, urllib3.exceptions.HTTPError, NoAnswer) as error:
            outcome = error
        finally:
            box.put(outcome)

    # A daemon: an answer that never ends must not keep the program from ending.
    threading.Thread(target=work, name=f"{method} {url}", daemon=True).start()
    try:
        outcome = box.get(timeout=seconds)
    except queue.Empty:
        outcome = requests.Timeout()
    if isinstance(outcome, Answer):
        return outcome
    if isinstance(outcome, NoAnswer):
        raise outcome
    raise no_answer(url, outcome, seconds) from None


def no_answer(url: str, error: Exception | None, seconds: float) -> NoAnswer:
    """Return the error that a person can act on: name, certificate, refusal or time, and whose it is."""
    host = _named(url)
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return NoAnswer(f"{host}: its certificate is not valid: {cause.verify_message}.", _UNTRUSTED)
    for cause in causes:
        if isinstance(cause, gaierror):
            return NoAnswer(f"{host}: no computer of this name can be found from here.", _OUR_SIDE)
        if isinstance(cause, ConnectionRefusedError):
            return NoAnswer(f"{host}: nobody answers there (connection refused).", _OUR_SIDE)
    for cause in causes:
        if isinstance(cause, ssl.SSLError | requests.exceptions.SSLError):
            return NoAnswer(f"{host}: no secure connection is possible: {one_line(str(cause))}", _UNTRUSTED)
        if isinstance(cause, requests.Timeout | TimeoutError | urllib3.exceptions.TimeoutError):
            return NoAnswer(f"{host}: no complete answer within {seconds:.0f} seconds.", _OUR_SIDE)
        if isinstance(cause, requests.exceptions.ProxyError):
            advice = "Check the proxy that HTTPS_PROXY names, or ask your IT department."
            return NoAnswer(f"{host}: the proxy of this network does not let us through.", advice)
    if isinstance(error, OSError) and "CA certificate bundle" in str(error):
        return NoAnswer(f"SSL_CERT_FILE: {one_line(str(error))}", "Correct SSL_CERT_FILE, or remove it.")
    return NoAnswer(f"{host}: the connection broke: {one_line(str(error))}", _OUR_SIDE)


def is_loopback(url: str) -> bool:
    """Tell whether `url` is on this computer; what is no address is nowhere."""
    try:
        return loopback.is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def _named(url: str) -> str:
    """Return what messages call a server: its host and port; all of an address that has none."""
    try:
        return urlsplit(url).netloc or url
    except ValueError:
        return one_line(url)[:100]


def one_line(text: str) -> str:
    """Return foreign text as one short printable line: no control characters, nothing that moves the cursor."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:300]


def _exchange(http: Http, method: str, url: str, body: bytes | None, content_type: str, seconds: float) -> Answer:
    headers = {"Content-Type": content_type} if body is not None else {}
    with http.request(
        method,
        url,
        data=body,
        headers=headers,
        # A proxy elsewhere cannot know what listens on this computer.
        proxies={"no_proxy": urlsplit(url).hostname or ""} if is_loopback(url) else None,
        timeout=(min(CONNECT_SECONDS, seconds), seconds),
        allow_redirects=False,
        stream=True,
        verify=http.verify,  # said here, SSL_CERT_FILE comes before REQUESTS_CA_BUNDLE
    ) as response:
        declared = response.headers.get("Content-Length", "")
        content = _bounded(response, url)
        if declared.isdecimal() and len(content) < int(declared):
            raise NoAnswer(f"{urlsplit(url).netloc}: the answer was cut short.", _OUR_SIDE)
        return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, content)


def _bounded(response: requests.Response, url: str) -> bytes:
    content = bytearray()
    for piece in response.raw.stream(16_384, decode_content=False):
        content += piece
        if len(content) > MAX_ANSWER:
            advice = "Check the address; if it is right, tell the company that invited you."
            raise NoAnswer(f"{urlsplit(url).netloc}: the answer does not end; this is no homecheck collector.", advice)
    return bytes(content)


def _causes(error: object) -> Iterator[BaseException]:
    """Yield an error and everything it was made from, however requests and urllib3 have wrapped it."""
    seen: set[int] = set()
    queued = [error]
    while queued:
        one = queued.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            queued += [getattr(one, "reason", None), one.__cause__, one.__context__, *one.args]


def _no_credentials(request: Any) -> Any:
    return request
