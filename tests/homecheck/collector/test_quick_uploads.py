"""Uploads that go the short way are answered, counted and written down as on the long one, whatever happens to them."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import socket
import sqlite3
import struct
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from homecheck.collector import app, body
from homecheck.collector.bounded_http import BoundedHttp
from homecheck.collector.metrics import Metrics
from homecheck.collector.quick_uploads import MOST_BYTES, QuickUploads, proxies, sender
from homecheck.collector.reception import Reception
from homecheck.collector.store.writer import Writer
from homecheck.collector.uploads import Gate
from homecheck.collector.watch import Watch
from homecheck.signing import RECEIPT, key_set, verify
from tests.live_collector import Site, in_thread, wait_until
from tests.people import Worker

SECONDS = 20
ODD = "X-Odd: 1\r\n"  # a line that takes a request the long way


@dataclass
class House:
    """A collector that counts which way uploads go, and a home office that is enrolled there."""

    site: Site
    worker: Worker
    lines: list[dict[str, Any]]
    metrics: Metrics
    long_way: list[str] = field(default_factory=list)

    def request(self, more: str = "", envelope: bytes | None = None, evidence_id: str | None = None) -> bytes:
        """Return the bytes of an upload of new evidence."""
        evidence = self.worker.evidence()
        envelope = self.worker.sign(evidence) if envelope is None else envelope
        head = (
            f"PUT /v1/evidence/{evidence_id or evidence.id} HTTP/1.1\r\nHost: a\r\nUser-Agent: b\r\nAccept: */*\r\n"
            f"Connection: keep-alive\r\nContent-Type: application/jose\r\nContent-Length: {len(envelope)}\r\n{more}\r\n"
        )
        return head.encode() + envelope

    def connect(self) -> socket.socket:
        """Return a connection to the collector."""
        host, port = self.site.url.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), SECONDS)

    def answer(self, *pieces: bytes) -> Answer:
        """Return the answer to a request that arrives in pieces."""
        with self.connect() as sock:
            send(sock, *pieces)
            return read(sock, b"")[0]


@dataclass(frozen=True)
class Answer:
    """One answer: status, the lines of its head in order, and its body."""

    status: int
    lines: tuple[str, ...]
    body: bytes

    @property
    def reason(self) -> str:
        """Why it was refused."""
        kind: str = json.loads(self.body)["type"]
        return kind.rpartition(":")[2].rpartition("/")[2]


def send(sock: socket.socket, *pieces: bytes) -> None:
    for number, piece in enumerate(pieces):
        if number:
            time.sleep(0.05)
        sock.sendall(piece)


def read(sock: socket.socket, rest: bytes) -> tuple[Answer, bytes]:
    """Return the next answer, and what came behind it."""
    while b"\r\n\r\n" not in rest:
        rest += received(sock)
    head, _, rest = rest.partition(b"\r\n\r\n")
    status, *lines = head.decode("ascii").split("\r\n")
    (length,) = (int(line.partition(": ")[2]) for line in lines if line.startswith("content-length: "))
    while len(rest) < length:
        rest += received(sock)
    return Answer(int(status.split()[1]), tuple(lines), rest[:length]), rest[length:]


def received(sock: socket.socket) -> bytes:
    data = sock.recv(65_536)
    assert data, "the collector closed the connection"
    return data


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    with serving(tmp_path, monkeypatch) as made:
        yield made


@contextmanager
def serving(folder: Path, monkeypatch: pytest.MonkeyPatch, **how: Any) -> Iterator[House]:
    lines: list[dict[str, Any]] = []
    long_way: list[str] = []
    evidence = app.Machine.evidence

    async def noted(machine: app.Machine, request: Any) -> Any:
        long_way.append(request.path_params["id"])
        return await evidence(machine, request)

    monkeypatch.setattr(app.Machine, "evidence", noted)
    watch = Watch(tell=lines.append)
    with in_thread(folder, watch=watch, **how) as site:
        yield House(site, site.worker(), lines, watch.metrics, long_way)


@contextmanager
def connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[weakref.ref[BoundedHttp], threading.Event]]]:
    """Yield the collector's ends of the connections that are made from now on, and when each was lost."""
    made: list[tuple[weakref.ref[BoundedHttp], threading.Event]] = []
    begin, end = BoundedHttp.connection_made, BoundedHttp.connection_lost

    def connection_made(self: BoundedHttp, transport: Any) -> None:
        begin(self, transport)
        made.append((weakref.ref(self), threading.Event()))

    def connection_lost(self: BoundedHttp, exc: Exception | None) -> None:
        end(self, exc)
        for one, lost in made:
            if one() is self:
                lost.set()

    with monkeypatch.context() as patch:
        patch.setattr(BoundedHttp, "connection_made", connection_made)
        patch.setattr(BoundedHttp, "connection_lost", connection_lost)
        yield made


@contextmanager
def locked(site: Site) -> Iterator[None]:
    """Let nobody write into the database."""
    db = sqlite3.connect(site.file, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        db.close()


def without_date_and_length(lines: tuple[str, ...]) -> list[str]:
    return [re.sub("^(date|content-length): .*", r"\1", line) for line in lines]


def test_the_answer_is_the_one_of_the_long_way(house: House) -> None:
    short, long = house.answer(house.request()), house.answer(house.request(ODD))
    assert len(house.long_way) == 1
    assert short.status == long.status == 201
    assert without_date_and_length(short.lines) == without_date_and_length(long.lines)
    assert "content-type: application/jose" in short.lines
    keys = key_set(house.worker.get("/v1/jwks").json())
    for answer in (short, long):
        assert verify(answer.body, RECEIPT, keys.get)
    wait_until(lambda: sum(line["method"] == "PUT" for line in house.lines) == 2)
    one, other = ({**line, "path": "", "ms": 0} for line in house.lines if line["method"] == "PUT")
    assert one == other == {"method": "PUT", "path": "", "status": 201, "ms": 0, "source": "127.0.0.1", "reason": ""}
    labels = {"outcome": "stored", "reason": ""}
    assert house.metrics.registry.get_sample_value("homecheck_uploads_total", labels) == 2


@pytest.mark.parametrize("cut", [10, 60, 250, 300, 1_000, -1])
def test_an_upload_may_arrive_in_pieces(house: House, cut: int) -> None:
    request = house.request()
    assert house.answer(request[:cut], request[cut:]).status == 201
    assert house.long_way == []


def test_what_is_not_stored_anew_gets_the_answer_that_it_had(house: House) -> None:
    request = house.request()
    first, again = house.answer(request), house.answer(request)
    assert (first.status, again.status, again.body) == (201, 200, first.body)

    evidence = house.worker.evidence()
    assert house.worker.upload(evidence).status_code == 201
    other = house.worker.sign(replace(evidence, seq=evidence.seq + 1))
    conflict = house.answer(house.request(envelope=other, evidence_id=evidence.id))
    assert (conflict.status, conflict.reason) == (409, "id-conflict")

    forged = house.answer(house.request(envelope=house.worker.sign(house.worker.evidence())[:-4] + b"AAAA"))
    assert (forged.status, forged.reason) == (422, "signature")
    assert len(house.long_way) == 3


def test_requests_behind_one_another_are_answered_in_order(house: House) -> None:
    with house.connect() as sock:
        send(sock, house.request() + b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" + house.request())
        rest, found = b"", []
        for _ in range(3):
            answer, rest = read(sock, rest)
            found.append((answer.status, "content-type: application/jose" in answer.lines))
    assert found == [(201, True), (200, False), (201, True)]


def test_one_connection_serves_upload_after_upload(house: House) -> None:
    with house.connect() as sock:
        for _ in range(5):
            send(sock, house.request())
            answer, rest = read(sock, b"")
            assert (answer.status, rest) == (201, b"")
    assert house.long_way == []


def test_who_sends_too_slowly_is_told_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "SECONDS", 0.3)
    answer = house.answer(house.request()[:-1])
    assert (answer.status, answer.reason) == (408, "too-slow")
    assert "connection: close" in answer.lines
    wait_until(lambda: any(line["method"] == "PUT" for line in house.lines))
    # All of the time, not only that of the long way; the loop's clock may be a little behind when it begins to wait.
    assert [line["ms"] > 150 for line in house.lines if line["method"] == "PUT"] == [True]
    monkeypatch.undo()
    assert house.answer(house.request()).status == 201  # the others are not held up


def test_who_leaves_in_the_middle_is_written_down_as_one_who_left(house: House) -> None:
    with house.connect() as sock:
        send(sock, house.request()[:-1])
        time.sleep(0.1)
    wait_until(lambda: any(line["method"] == "PUT" for line in house.lines))
    assert [line["status"] for line in house.lines if line["method"] == "PUT"] == [400]


def test_what_came_whole_is_stored_although_its_sender_has_gone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    submit_all = Writer.submit_all

    def later(writer: Writer, work: Any, items: Any) -> Any:
        go_on.wait(SECONDS)
        return submit_all(writer, work, items)

    monkeypatch.setattr(Writer, "submit_all", later)
    sock = house.connect()
    send(sock, house.request())
    sock.close()
    go_on.set()
    wait_until(lambda: any(line["method"] == "PUT" for line in house.lines))
    assert [line["status"] for line in house.lines if line["method"] == "PUT"] == [201]
    assert house.site.browse_database("SELECT COUNT(*) FROM evidence") == [1]
    assert house.answer(house.request()).status == 201


@pytest.mark.parametrize("more", ["", ODD])
def test_who_waits_when_the_collector_stops_and_its_patience_ends_is_told_so(
    house: House, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    with connections(monkeypatch) as made, house.connect() as sock, locked(house.site):
        send(sock, house.request(more))
        wait_until(lambda: bool(made) and made[0][0]().cycle is not None)  # type: ignore[union-attr]
        connection = made[0][0]()
        assert connection is not None

        async def stop() -> None:  # as uvicorn's Server.shutdown does
            connection.shutdown()
            await asyncio.sleep(0.1)
            for task in connection.tasks:
                task.cancel()

        asyncio.run_coroutine_threadsafe(stop(), connection.loop).result(SECONDS)
        answer, _ = read(sock, b"")
    assert (answer.status, answer.reason) == (503, "not-stored")
    assert b"the collector is being stopped" in answer.body
    assert "connection: close" in answer.lines


def test_an_upload_that_is_stored_when_the_collector_stops_gets_its_receipt(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connections(monkeypatch) as made, house.connect() as sock:
        with locked(house.site):
            send(sock, house.request())
            wait_until(lambda: bool(made) and made[0][0]().cycle is not None)  # type: ignore[union-attr]
            connection = made[0][0]()
            assert connection is not None
            connection.loop.call_soon_threadsafe(connection.shutdown)
            time.sleep(0.1)
        answer, rest = read(sock, b"")
        assert (answer.status, rest, sock.recv(1)) == (201, b"", b"")
    assert "connection: close" in answer.lines


@pytest.mark.parametrize("more", ["", ODD])
def test_a_connection_ends_without_a_search_for_garbage(
    house: House, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    gc.collect()
    gc.disable()
    try:
        with connections(monkeypatch) as made:
            assert house.answer(house.request(more)).status == 201
            ((connection, lost),) = made
            assert lost.wait(SECONDS)
            wait_until(lambda: connection() is None)
            assert connection() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("more", ["", ODD])
def test_who_leaves_with_several_requests_open_leaves_no_trace_of_an_error(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, more: str
) -> None:
    forged = house.request(more, house.worker.sign(house.worker.evidence())[:-4] + b"AAAA")
    with connections(monkeypatch) as made:
        for _ in range(8):
            with house.connect() as sock:
                send(sock, forged * 4)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # leave without a word
        wait_until(lambda: len(made) == 8)
        assert all(lost.wait(SECONDS) for _, lost in made)
    assert house.answer(house.request(more)).status == 201
    assert [record.getMessage() for record in caplog.records] == []


def test_who_comes_when_too_much_is_under_way_goes_where_that_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gate, "is_full", lambda _: True)
    assert house.answer(house.request()).status == 201  # a moment later there was room
    assert len(house.long_way) == 1


def test_behind_a_proxy_the_sender_is_the_one_that_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forwarded = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nVia: 1.1 Caddy\r\n"
    with serving(tmp_path, monkeypatch, behind_proxy=True) as house:
        assert house.answer(house.request(forwarded)).status == 201
        assert house.site.browse_database("SELECT source_address FROM evidence") == ["192.0.2.7"]
        assert [line["source"] for line in house.lines if line["method"] == "PUT"] == ["192.0.2.7"]
        assert house.long_way == []


def test_without_a_proxy_nobody_chooses_an_address(house: House) -> None:
    assert house.answer(house.request("X-Forwarded-For: 192.0.2.7\r\n")).status == 201
    assert house.site.browse_database("SELECT source_address FROM evidence") == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("client", "line", "expected"),
    [
        ("10.0.0.1", b"192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", b"192.0.2.7, 10.0.0.2", "192.0.2.7"),
        ("10.0.0.1", b"203.0.113.9, 192.0.2.7", "192.0.2.7"),  # what stands before comes from the sender itself
        ("198.51.100.1", b"192.0.2.7", "198.51.100.1"),  # no proxy of ours
    ],
)
def test_a_sender_behind_proxies(client: str, line: bytes, expected: str) -> None:
    scope = {"type": "http", "client": (client, 1), "scheme": "http", "headers": [(b"x-forwarded-for", line)]}
    assert sender(scope, proxies("10.0.0.0/8")) == expected
    assert sender(scope, None) == client
    assert scope["client"] == (client, 1)


LENGTH, KIND = (b"content-length", b"10"), (b"content-type", b"application/jose")
PLAIN = ((b"host", b"a"), LENGTH, KIND)
ID = b"01930000-0000-7000-8000-000000000000"
HEADS: dict[str, tuple[bytes, tuple[tuple[bytes, bytes], ...], bool]] = {
    "as agents send it": (ID, PLAIN, True),
    "kept alive": (ID, (*PLAIN, (b"connection", b"Keep-Alive")), True),
    "of the most bytes": (ID, ((b"content-length", b"%d" % MOST_BYTES), KIND), True),
    "of more": (ID, ((b"content-length", b"%d" % (MOST_BYTES + 1)), KIND), False),
    "without a length": (ID, (KIND,), False),
    "of no bytes": (ID, ((b"content-length", b"0"), KIND), False),
    "of less than none": (ID, ((b"content-length", b"-1"), KIND), False),
    "of two lengths": (ID, (*PLAIN, LENGTH), False),
    "in chunks": (ID, (*PLAIN, (b"transfer-encoding", b"chunked")), False),
    "compressed": (ID, (*PLAIN, (b"content-encoding", b"gzip")), False),
    "of another type": (ID, (LENGTH, (b"content-type", b"application/json")), False),
    "of a type with a parameter": (ID, (LENGTH, (b"content-type", b"application/jose; a=b")), False),
    "of two types": (ID, (*PLAIN, KIND), False),
    "that ends the connection": (ID, (*PLAIN, (b"connection", b"close")), False),
    "that asks first": (ID, (*PLAIN, (b"expect", b"100-continue")), False),
    "that wants another protocol": (ID, (*PLAIN, (b"upgrade", b"websocket")), False),
    "for an address with a question": (ID + b"?a=b", PLAIN, False),
    "for an escaped address": (b"%30", PLAIN, False),
    "for a longer address": (ID + b"/a", PLAIN, False),
    "for no address": (b"", PLAIN, False),
}


@pytest.mark.parametrize(("name", "lines", "is_quick"), HEADS.values(), ids=HEADS)
def test_what_is_not_usual_goes_the_long_way(
    name: bytes, lines: tuple[tuple[bytes, bytes], ...], is_quick: bool
) -> None:
    uploads = QuickUploads(cast(Reception, None), Gate(), Watch(Metrics()), cast(Callable[..., Any], None), False)
    url = b"/v1/evidence/" + name
    assert uploads.path(url, lines) == (url.decode() if is_quick else None)


@pytest.mark.parametrize("secure", [True, False])
def test_browsers_are_told_of_tls_where_there_is_tls(secure: bool) -> None:
    uploads = QuickUploads(cast(Reception, None), Gate(), Watch(Metrics()), cast(Callable[..., Any], None), secure)
    head = uploads.head([(b"date", b"now")], 3, keep_alive=not secure)
    assert (b"strict-transport-security: max-age=31536000; includeSubDomains\r\n" in head) is secure
    assert head.endswith(b"connection: close\r\n\r\n") is secure
    assert head.startswith(b"HTTP/1.1 201 Created\r\ndate: now\r\ncontent-length: 3\r\ncontent-type: application/jose")
