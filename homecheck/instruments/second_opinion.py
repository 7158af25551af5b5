"""Throughput by a method of others, for somebody who wants a second opinion: ndt7 or speedtest-cli.

Neither is used unless it was asked for, and neither before somebody has agreed to what its service does with what it
sees. Both say less than the responder: throughput alone, unsigned.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from homecheck.errors import ProbeError
from homecheck.instruments import mlab_locate, ndt7_client, speedtest_cli, spending, tcp_load
from homecheck.instruments.byte_bins import BIN_SECONDS
from homecheck.instruments.far_end import LINK_ADVICE
from homecheck.instruments.ndt7_client import Server
from homecheck.measurement import Details
from homecheck.standards import goodput

METHODS: Final = ("ndt7", "speedtest")
PATIENCE_SECONDS: Final = 20.0  # with servers that do not answer, as long as others are named

MLAB_NOTICE: Final = (
    "This measures against a server of M-Lab (measurementlab.net). M-Lab publishes every test for good: the internet "
    "address of this computer, the time and the results, for anybody to see."
)
OOKLA_NOTICE: Final = (
    "This measures against servers of Speedtest by Ookla, which see the internet address of this computer and keep the "
    "results. Ookla's own program says: “You may only use this Speedtest software and information generated from it "
    "for personal, non-commercial use”. A decision about employment is no such use."
)


@dataclass(frozen=True)
class Reading:
    """One direction in Mbit/s, with the half width of its 95 % interval."""

    mbit_s: float
    uncertainty: float
    details: Details
    bytes: int = 0


@dataclass(frozen=True)
class Opinion:
    """Both directions, or why there is none."""

    download: Reading | ProbeError
    upload: Reading | ProbeError


@dataclass(frozen=True)
class SecondOpinion:
    """What a check says about it. The services are fields, so that a test brings its own."""

    method: str
    ndt7_url: str | None = None  # an ndt7 server to use instead of M-Lab's
    agreed: bool = False  # to the notice
    attended: bool = False  # somebody is there
    state: Path | None = None  # the folder where runs against M-Lab are noted
    locate: Callable[[], list[Server]] = mlab_locate.nearest
    most_bytes: int | None = None  # both directions together; speedtest-cli cannot be held to it
    speedtest: Callable[[], speedtest_cli.Result] = speedtest_cli.run
    clock: Callable[[], float] = field(default=time.time)

    @property
    def url(self) -> str | None:
        """Where it begins to ask; None for speedtest-cli, which knows that itself."""
        return (self.ndt7_url or mlab_locate.URL) if self.method == "ndt7" else None

    def measure(self) -> Opinion:
        """Measure both directions. Raises ProbeError when neither can be measured."""
        if self.method not in METHODS:
            message = f"this version cannot measure by the method {self.method!r:.40}"
            raise ProbeError("no_such_method", "Use --method responder.", message=message, at_fault="agent")
        if notice(self.method, self.ndt7_url) and not self.agreed:
            raise ProbeError(
                "not_agreed",
                "Repeat the check with --yes if you agree, or use --method responder.",
                message=f"nobody has agreed to what the service behind --method {self.method} does with the results",
                at_fault="person",
            )
        return self._ndt7() if self.method == "ndt7" else self._speedtest()

    def _ndt7(self) -> Opinion:
        if self.ndt7_url is None:
            with mlab_locate.a_run(self.state, attended=self.attended, clock=self.clock):
                servers = self.locate()
        else:
            servers = [Server.at(self.ndt7_url)]
        opened = ndt7_client.open_first(servers, PATIENCE_SECONDS)
        name = opened.far_end.name
        down = spending.within(ndt7_client.DOWNLOAD_RULE, self.most_bytes, 0, share=0.5)
        download = _attempt(lambda: of_run(ndt7_client.download(opened, down), name))
        # What a failed test has spent nobody knows: at most all that it might.
        spent = down.most_bytes if isinstance(download, ProbeError) else download.bytes
        up = spending.within(ndt7_client.UPLOAD_RULE, self.most_bytes, spent, share=1.0)
        return Opinion(download, _attempt(lambda: of_run(ndt7_client.upload(opened, up), name)))

    def _speedtest(self) -> Opinion:
        result = self.speedtest()
        details: Details = {"method": "speedtest", "server": result.server, "ping_ms": result.ping_ms}
        download, upload = result.download_mbit_s, result.upload_mbit_s
        return Opinion(
            Reading(
                download,
                download * speedtest_cli.DOWNLOAD_HALF_WIDTH,
                {**details, "bytes": result.bytes_received, "counted_by": "client", "slow_start": "included"},
            ),
            Reading(
                upload,
                upload * speedtest_cli.UPLOAD_HALF_WIDTH,
                {**details, "bytes": result.bytes_sent, "counted_by": "client", "slow_start": "included"},
            ),
        )


def notice(method: str, ndt7_url: str | None) -> str | None:
    """Return what somebody has to agree to before anything is sent, or None: the own server is nobody else's."""
    if method == "speedtest":
        return OOKLA_NOTICE
    return MLAB_NOTICE if method == "ndt7" and ndt7_url is None else None


def of_run(run: ndt7_client.Ndt7Run, server: str) -> Reading:
    """Return the rate of an ndt7 test without its start. Raises ProbeError when it says nothing about the line."""
    load = run.load
    rate = goodput.estimate(load.bins, BIN_SECONDS, goodput.window_seconds((run.min_rtt_ms or 0.0) / 1e3))
    if failure := tcp_load.cpu_bound(load):
        raise failure
    if rate is None and load.ended == "bytes":
        raise spending.too_early(load.seconds, load.spent)
    if rate is None:
        message = f"{load.direction}: {load.total} bytes in {load.seconds:.1f} s, too little to tell a rate"
        raise ProbeError("stalled", LINK_ADVICE, message=message, at_fault="line")
    details: Details = {
        "method": "ndt7",
        "server": server,
        "seconds": round(load.seconds, 3),
        "bytes": load.total,
        "streams": 1,
        "ended": load.ended,
        "closed": run.closed,
        "counted_by": run.counted_by,
        "reports": run.reports,
        "min_rtt_ms": run.min_rtt_ms,
        "cpu_share": round(load.cpu_share, 3),
        "steady": rate.steady,
        "at_least": not rate.steady or load.ended in ("bytes", "ceiling"),
    }
    return Reading(rate.mbit_s, rate.uncertainty, details, load.total)


def _attempt(measure: Callable[[], Reading]) -> Reading | ProbeError:
    """Return the reading, or why there is none: the other direction is measured all the same."""
    try:
        return measure()
    except ProbeError as error:
        return error
