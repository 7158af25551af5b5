"""The quick route answers as the router would; what is under way is bounded, and so is the head of a request."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing

import pytest
import requests
from starlette.responses import Response

from homecheck.collector.store.failures import Busy
from homecheck.collector.uploads import Gate
from tests.live_collector import Site, as_process


def test_more_than_are_taken_at_once_are_told_to_come_later() -> None:
    async def all_at_once() -> list[object]:
        gate, go_on = Gate(most=3), asyncio.Event()

        async def work() -> Response:
            await go_on.wait()
            return Response()

        waiting = [asyncio.create_task(gate.through(work)) for _ in range(10)]
        for _ in range(3):
            await asyncio.sleep(0)
        go_on.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert gate.under_way == 0
        assert (await gate.through(work)).status_code == 200  # and later they are taken
        return list(found)

    found = asyncio.run(all_at_once())
    assert sum(isinstance(one, Busy) for one in found) == 7
    assert sum(isinstance(one, Response) for one in found) == 3


def test_work_that_fails_gives_its_place_back() -> None:
    async def fail() -> Response:
        raise LookupError("gone")

    async def one() -> int:
        gate = Gate(most=1)
        for _ in range(2):
            with pytest.raises(LookupError):
                await gate.through(fail)
        return gate.under_way

    assert asyncio.run(one()) == 0


ADDRESSES = {
    "an id that is not the one inside": ("PUT", "/v1/evidence/0", 422),
    "no id": ("PUT", "/v1/evidence/", 404),
    "a part behind the id": ("PUT", "/v1/evidence/0/1", 404),
    "another method": ("POST", "/v1/evidence/0", 405),
}


@pytest.mark.parametrize(("method", "path", "status"), ADDRESSES.values(), ids=ADDRESSES)
def test_the_quick_route_takes_its_own_address_alone(site: Site, method: str, path: str, status: int) -> None:
    worker = site.worker()
    answer = requests.request(
        method,
        site.url + path,
        data=worker.sign(worker.evidence()),
        headers={"Content-Type": "application/jose"},
        timeout=20,
    )
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


CHUNKED = (
    b"PUT /v1/evidence/0 HTTP/1.1\r\nHost: a\r\nContent-Type: application/jose\r\nTransfer-Encoding: chunked\r\n\r\n"
)
HEADS = {
    "one line without end": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 400_000,
    "many lines": b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 60_000 + b"\r\n",
    "an address without end": b"GET /" + b"x" * 400_000,
    "a trailer without end": CHUNKED + b"1\r\na\r\n0\r\nX: " + b"x" * 400_000,
    "many trailers": CHUNKED + b"1\r\na\r\n0\r\n" + b"X: y\r\n" * 60_000 + b"\r\n",
    "a chunk's extension without end": CHUNKED + b"1;x=" + b"x" * 400_000,
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> object:
    with as_process(tmp_path_factory.mktemp("served")) as server:
        yield server.site.url


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_head_of_more_than_64_kib_is_refused(served: str, head: bytes) -> None:
    host, port = served.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), 20)) as sock:
        try:
            sock.sendall(head)
            answer = sock.recv(65_536)
        except ConnectionError:  # closed before all was sent, with the answer lost on the way
            answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert requests.get(f"{served}/healthz", timeout=20).status_code == 200


def test_a_head_of_nearly_64_kib_and_a_body_behind_it_are_taken(served: str) -> None:
    many = {f"X-{number}": "y" * 1000 for number in range(60)}
    with requests.Session() as http:
        for _ in range(3):  # on one connection: each head is counted by itself
            assert http.get(f"{served}/healthz", headers=many, timeout=20).status_code == 200
            refused = http.put(
                f"{served}/v1/evidence/0", data=b"x" * 200_000, timeout=20, headers={"Content-Type": "application/jose"}
            )
            assert refused.status_code == 422
