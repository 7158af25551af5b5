"""The package speedtest-cli as it is, in a process of its own that has a deadline; its JSON is read strictly.

Known faults (docs/probes/second-opinions.md): the slow start is counted in, uploads are counted at this end, its ping
is half of a connection and a request, and nobody has looked after it since April 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from homecheck.errors import ProbeError, Refused
from homecheck.instruments import child
from homecheck.instruments.far_end import LINK_ADVICE, has_default_route, server_error
from homecheck.strict_json import Record, parse_object

DEADLINE_SECONDS: Final = 75.0  # a good run takes 21
MOST_ANSWER: Final = 65_536  # bytes of JSON
MOST_MBIT_S: Final = 100_000.0
NO_PING_MS: Final = 600_000.0  # it adds an hour for every request that failed

# It states no uncertainty. The worst of 12 readings on lines whose rate was known was 27.5 % low (download) and 52.6 %
# low (upload), both at 100 Mbit/s and a round trip of 120 ms: the truth was 1/(1 - error) of what it read.
DOWNLOAD_HALF_WIDTH: Final = 1 / (1 - 0.275) - 1  # of the reading
UPLOAD_HALF_WIDTH: Final = 1 / (1 - 0.526) - 1


@dataclass(frozen=True)
class Result:
    """What it read, in Mbit/s and ms; `server` is what its list calls the server."""

    download_mbit_s: float
    upload_mbit_s: float
    ping_ms: float | None
    server: str
    bytes_received: int
    bytes_sent: int


def run(
    *,
    secure: bool = True,
    environment: Mapping[str, str] | None = None,
    deadline_seconds: float = DEADLINE_SECONDS,
    routed: Callable[[], bool] = has_default_route,
) -> Result:
    """Run it once. Raises ProbeError ``no_route`` (home_link) or ``speedtest_*`` (server)."""
    try:
        text = child.call(measure, secure, deadline_seconds=deadline_seconds, environment=environment)
    except ProbeError as error:
        if not routed():
            message = "this computer knows no way to the internet"
            raise ProbeError("no_route", LINK_ADVICE, message=message, at_fault="home_link") from None
        if error.code == "timeout":
            message = f"speedtest-cli had not finished after {deadline_seconds:.0f} s"
            raise server_error("speedtest_silent", message) from None
        raise server_error("speedtest_failed", f"speedtest-cli: {error.message}") from None
    return parse(text.encode("utf-8", "surrogatepass"))


def measure(secure: bool) -> str:
    """Be the child: run all steps of `speedtest-cli --json` and return what that prints."""
    import speedtest  # nowhere else: it changes the standard streams of the process that loads it

    tester = speedtest.Speedtest(secure=secure)
    tester.get_servers()
    tester.get_best_server()
    tester.download()
    tester.upload()
    return str(tester.results.json())


def parse(data: bytes) -> Result:
    """Return the result in what it printed. Raises ProbeError ``speedtest_answer`` or ``speedtest_zero`` (server)."""
    try:
        if len(data) > MOST_ANSWER:
            raise Refused("schema", f"{len(data)} bytes, at most {MOST_ANSWER}")
        record = Record(parse_object(data), "speedtest-cli")
        rates = [record.number(name) / 1e6 for name in ("download", "upload")]
        ping, server = record.number("ping"), record.record("server")
        names = [server.optional_text(name) for name in ("sponsor", "name")]
        counts = record.integer("bytes_received"), record.integer("bytes_sent")
    except Refused as error:
        raise server_error("speedtest_answer", f"the answer of speedtest-cli: {error.message}") from None
    if not all(0 < rate <= MOST_MBIT_S for rate in rates):
        message = f"speedtest-cli read {rates[0]:.3g} Mbit/s down and {rates[1]:.3g} up, which cannot be"
        raise server_error("speedtest_zero", message)
    ping_ms = ping if 0 < ping < NO_PING_MS else None
    return Result(rates[0], rates[1], ping_ms, ", ".join(filter(None, names))[:100], *counts)
