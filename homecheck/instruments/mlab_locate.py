"""M-Lab's ndt7 servers: where the nearest are (Locate API v2, m-lab/locate USAGE.md), and how often one may ask.

M-Lab is somebody else's: it publishes what it measures, and asks clients without a person to wait between runs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

from homecheck import durable
from homecheck.errors import ProbeError, Refused, StateError
from homecheck.instruments import far_end
from homecheck.instruments.far_end import Reply, server_error
from homecheck.instruments.ndt7_client import METADATA, Server
from homecheck.standards import ndt7
from homecheck.strict_json import Record, parse_object

URL: Final = "https://locate.measurementlab.net/v2/nearest/ndt/ndt7"
MOST_REDIRECTS: Final = 3
MOST_SERVERS: Final = 4  # as many as the service names
_PRINTABLE: Final = re.compile("[!-~]+")  # goes into the request line as it is
NEVER_LEFT: Final = ("home_link", "line")
LAST_RUN: Final = "mlab-last-run"  # file in the folder for state: when, in seconds since 1970


def nearest(url: str = URL) -> list[Server]:
    """Return M-Lab's nearest servers, the best first.

    Raises ProbeError ``no_capacity`` when it has none to spare (204, 429, or an empty list), ``locate_answer`` for an
    answer that is none, and as `far_end.find` and `far_end.call` do. All but a missing route are at_fault server.
    """
    reply = _get(f"{url}?{METADATA}")
    if reply.status in (204, 429):
        raise server_error("no_capacity", f"M-Lab has no server to spare now (HTTP status {reply.status})")
    if reply.status != 200:
        raise server_error("locate_answer", f"M-Lab's Locate service answers with HTTP status {reply.status}")
    scheme = "ws" if urlsplit(url).scheme == "http" else "wss"
    try:
        servers = [_server(found, scheme) for found in Record(parse_object(reply.body), "Locate").records("results")]
    except Refused as error:
        raise server_error("locate_answer", f"M-Lab's Locate service: {error.message}") from None
    if not servers:
        raise server_error("no_capacity", "M-Lab names no server")
    return servers[:MOST_SERVERS]


@contextmanager
def a_run(state: Path | None, *, attended: bool, clock: Callable[[], float]) -> Iterator[None]:
    """Note that a run begins now, and forget it again where the context could not reach M-Lab from this home at all.

    Raises ProbeError as `mind_the_pause` does.
    """
    before = _last_run(state) if state is not None else -math.inf
    mind_the_pause(state, attended=attended, clock=clock)
    try:
        yield
    except ProbeError as error:
        if state is not None and error.at_fault in NEVER_LEFT:
            with suppress(StateError):  # then the next run waits for nothing, and no longer than that
                if before == -math.inf:
                    durable.remove(state / LAST_RUN)
                else:
                    durable.write(state / LAST_RUN, f"{before:.0f}\n".encode("ascii"))
        raise


def mind_the_pause(state: Path | None, *, attended: bool, clock: Callable[[], float]) -> None:
    """Note that a run begins now. Raises ProbeError ``too_soon`` when nobody is there and the last was too recent.

    M-Lab asks clients without a person for 6 h between runs on average, and never less than 36 min.
    """
    if state is None:
        return
    now = clock()
    since = now - _last_run(state)
    if not attended and 0 <= since < ndt7.LEAST_WAIT_SECONDS:
        minutes = math.ceil((ndt7.LEAST_WAIT_SECONDS - since) / 60)
        raise ProbeError(
            "too_soon",
            f"Repeat the check in {minutes} min, or measure against your own responder: --method responder",
            message=f"the last run against M-Lab was {since / 60:.0f} min ago",
            at_fault="agent",
        )
    try:
        durable.write(state / LAST_RUN, f"{now:.0f}\n".encode("ascii"))
    except StateError as error:
        raise ProbeError("state", error.advice, message=error.message, at_fault="agent") from None


def _last_run(state: Path) -> float:
    """Return when the last run was, in seconds since 1970; one that nobody can read was long ago."""
    try:
        return float((durable.read(state / LAST_RUN) or b"").decode("ascii", "replace"))
    except (StateError, ValueError):
        return -math.inf


def _get(url: str) -> Reply:
    for _ in range(MOST_REDIRECTS + 1):
        parts = urlsplit(url)
        found = far_end.find(f"{parts.scheme}://{parts.netloc}")
        reply = far_end.call(found, "GET", f"{parts.path or '/'}?{parts.query}")
        if reply.status not in (301, 302, 303, 307, 308) or "location" not in reply.headers:
            return reply
        url = _redirected(url, reply.headers["location"])
    raise server_error("locate_answer", "M-Lab's Locate service redirects without end")


def _redirected(url: str, location: str) -> str:
    """Return where a redirect leads. Raises ProbeError for what is no address, and for another scheme: TLS stays."""
    with suppress(ValueError):
        found = urljoin(url, location)
        if _PRINTABLE.fullmatch(found) and urlsplit(found).scheme == urlsplit(url).scheme:
            return found
    raise server_error("locate_answer", f"M-Lab's Locate service redirects to {location!r:.100}")


def _server(record: Record, scheme: str) -> Server:
    urls = record.record("urls")
    texts = [urls.text(f"{scheme}://{path}", max_length=4096) for path in (ndt7.DOWNLOAD, ndt7.UPLOAD)]
    try:
        download, upload = map(urlsplit, texts)
    except ValueError:
        raise Refused("schema", "Locate: an address of a server is none") from None
    if not download.scheme == upload.scheme == scheme or download.netloc != upload.netloc:
        raise Refused("schema", "Locate: the addresses of one server do not fit together")
    origin = f"{'https' if scheme == 'wss' else 'http'}://{download.netloc}"
    return Server(origin, f"{download.path}?{download.query}", f"{upload.path}?{upload.query}")
