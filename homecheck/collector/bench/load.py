"""The senders: keep-alive HTTP/1.1 over loopback, in one loop, either as fast as answers come or at a fixed rate.

At a fixed rate a request's time runs from the moment it was due, not from when it could be sent: a collector that
stalls makes everybody wait who would have come meanwhile, and that is counted (an open loop).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from homecheck.collector.bench.reports import Report

SENDERS: Final = 512  # at a fixed rate: so many may wait for their answers at once
ANSWER_SECONDS: Final = 60.0
BROKEN: Final = 0
_END: Final = b"\r\n\r\n"


@dataclass
class Outcome:
    """What came back. `receipts` holds each acknowledged report by its digest, `seconds` how long those took."""

    receipts: dict[str, bytes] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)  # by HTTP status; BROKEN: no answer came
    elapsed: float = 0.0

    @property
    def answers(self) -> int:
        """How many reports were answered, or broke off."""
        return len(self.seconds) + self.refused.total()

    def add(self, other: Outcome) -> None:
        """Take over what another wave brought."""
        self.receipts |= other.receipts
        self.seconds += other.seconds
        self.refused += other.refused
        self.elapsed += other.elapsed


@dataclass(frozen=True)
class Address:
    """Where the collector listens."""

    host: str
    port: int

    def request(self, method: str, path: str, media_type: str, body: bytes) -> bytes:
        """Return the bytes of one request."""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
            f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode("ascii") + body

    def upload(self, report: Report) -> bytes:
        """Return the request that sends a report."""
        return self.request("PUT", f"/v1/evidence/{report.id}", "application/jose", report.envelope)


class Sender(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._buffer = b""

    @classmethod
    async def to(cls, address: Address) -> Sender:
        """Return a sender that is connected."""
        _, sender = await asyncio.get_running_loop().create_connection(cls, address.host, address.port)
        return sender

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer; every answer of the collector's has a Content-Length."""
        self._buffer += data
        head, found, body = self._buffer.partition(_END)
        if not found or len(body) < (length := _content_length(head)):
            return
        self._buffer = body[length:]
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result((int(head[9:12]), body[:length]))

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever waits."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("the collector closed the connection"))

    @property
    def open(self) -> bool:
        """Whether it can still send."""
        return self._transport is not None and not self._transport.is_closing()

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await asyncio.wait_for(self._answer, ANSWER_SECONDS)

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


async def ask(address: Address, requests: Sequence[bytes], clients: int) -> list[tuple[int, bytes]]:
    """Return the answers to `requests`, in their order."""
    answers: list[tuple[int, bytes]] = [(0, b"")] * len(requests)
    numbered = iter(enumerate(requests))

    async def work() -> None:
        sender = await Sender.to(address)
        for number, request in numbered:
            answers[number] = await sender.send(request)
        sender.close()

    await asyncio.gather(*(work() for _ in range(min(clients, len(requests)))))
    return answers


async def closed_loop(address: Address, reports: Iterable[Report], clients: int) -> Outcome:
    """Send all; each of `clients` sends the next one when it has its answer."""
    connected = [await Sender.to(address) for _ in range(clients)]
    return await _deliver(address, ((report, None) for report in reports), connected, time.perf_counter())


async def open_loop(address: Address, reports: Iterable[Report], rate: float) -> Outcome:
    """Send `rate` reports a second, whether the collector keeps up or not."""
    connected = [await Sender.to(address) for _ in range(SENDERS)]  # before any report is due: it takes a while
    begin = time.perf_counter() + 0.1
    due = ((report, begin + number / rate) for number, report in enumerate(reports))
    return await _deliver(address, due, connected, begin)


async def _deliver(
    address: Address, due: Iterator[tuple[Report, float | None]], connected: Sequence[Sender], begin: float
) -> Outcome:
    outcome = Outcome()

    async def work(sender: Sender) -> None:
        for report, moment in due:
            if moment is not None and (early := moment - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            since = time.perf_counter() if moment is None else moment
            try:
                if not sender.open:  # closed by the collector between two requests, as it may
                    sender = await Sender.to(address)
                status, body = await sender.send(address.upload(report))
            except (OSError, TimeoutError):
                status, body = BROKEN, b""
                sender.close()
            _note(outcome, report, status, body, time.perf_counter() - since)
        sender.close()

    await asyncio.gather(*map(work, connected))
    outcome.elapsed = time.perf_counter() - begin
    return outcome


def _note(outcome: Outcome, report: Report, status: int, body: bytes, seconds: float) -> None:
    if status in (200, 201):
        outcome.receipts[report.digest] = body
        outcome.seconds.append(seconds)
    else:
        outcome.refused[status] += 1


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
