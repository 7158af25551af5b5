"""The responder's ndt7 as clients of all kinds find it: the specification's rules, M-Lab's own client, strangers."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from homecheck.instruments.far_end import call, find
from homecheck.responder.limits import Limits
from homecheck.responder.ndt7 import check_request
from homecheck.standards import ndt7
from tests.again import again
from tests.far_ends import responder_process
from tests.live_collector import wait_until
from tests.ndt7_servers import ndt7_responder, official_client
from tests.strangers import thoroughly

SECONDS = 2.5  # long enough for the largest messages, also when the machine stands still for a second of it
# Time alone ends a test here: a quick machine moves the usual 2 GB over loopback in less than it.
QUICK = Limits(ndt7_seconds=SECONDS, ndt7_bytes=10**12, ndt7_tests=3, ndt7_tests_per_source=2)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ndt7_responder(QUICK) as url:
        yield url


@pytest.fixture(scope="module")
def patient_url() -> Iterator[str]:
    with ndt7_responder(Limits(ndt7_seconds=10.0)) as url:
        yield url


def talk(url: str, talk: Callable[[ClientWebSocketResponse], Awaitable[Any]]) -> Any:
    """Open a WebSocket with a client of others, and return what `talk` returns."""

    async def run() -> Any:
        async with (
            ClientSession() as session,
            session.ws_connect(url, protocols=[ndt7.SUBPROTOCOL], max_msg_size=2**25) as channel,
        ):
            assert channel.protocol == ndt7.SUBPROTOCOL
            return await talk(channel)

    return asyncio.run(run())


def handshake(url: str, path: str, subprotocol: str | None = ndt7.SUBPROTOCOL, connection: str = "Upgrade") -> bytes:
    """Send an opening handshake as bytes, and return the head of the answer."""
    with opened(url, path, subprotocol, connection) as sock:
        return sock.recv(4096)


def opened(
    url: str, path: str, subprotocol: str | None = ndt7.SUBPROTOCOL, connection: str = "Upgrade"
) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    lines = [f"GET {path} HTTP/1.1", "Host: a", f"Connection: {connection}", "Upgrade: websocket"]
    lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: DOdm+5/Cm3WwvhfcAlhJoQ=="]
    lines += [] if subprotocol is None else [f"Sec-WebSocket-Protocol: {subprotocol}"]
    sock = socket.create_connection((host, int(port)), timeout=60)
    sock.sendall("\r\n".join([*lines, "", ""]).encode())
    return sock


async def everything(channel: ClientWebSocketResponse) -> tuple[list[tuple[int, Any]], int | None]:
    """Return all messages, each with its type, and the code of the close; of binary ones only how long they are.

    All of what loopback carries in this time would be some GB.
    """
    messages: list[tuple[int, Any]] = []
    async for message in channel:
        is_binary = message.type is WSMsgType.BINARY
        messages.append((int(message.type), range(len(message.data)) if is_binary else message.data))
    return messages, channel.close_code


@pytest.fixture(scope="module")
def downloaded(url: str) -> tuple[list[tuple[int, Any]], int | None]:
    found: tuple[list[tuple[int, Any]], int | None] = talk(f"{url}{ndt7.DOWNLOAD}", everything)
    return found


def texts(messages: list[tuple[int, Any]]) -> list[dict[str, Any]]:
    return [json.loads(data) for kind, data in messages if kind == WSMsgType.TEXT]


def test_a_download_is_random_messages_of_growing_powers_of_two(
    downloaded: tuple[list[tuple[int, Any]], int | None],
) -> None:
    sizes = [len(data) for kind, data in downloaded[0] if kind == WSMsgType.BINARY]
    assert sizes[:17] == [2**13] * 17
    assert sizes[17] == 2**14
    assert max(sizes) == 2**20
    assert all(later in (size, 2 * size) for size, later in pairwise(sizes))


def test_a_download_ends_with_its_summary_and_a_close(downloaded: tuple[list[tuple[int, Any]], int | None]) -> None:
    messages, code = downloaded
    assert code == 1000
    assert messages[-1][0] == WSMsgType.TEXT
    reports = texts(messages)
    assert 2 <= len(reports) <= SECONDS / ndt7.REPORT_SECONDS + 3
    last = reports[-1]
    assert last["AppInfo"]["NumBytes"] == sum(len(data) for kind, data in messages if kind == WSMsgType.BINARY)
    assert SECONDS * 1e6 <= last["AppInfo"]["ElapsedTime"] < 3 * SECONDS * 1e6
    assert (last["Origin"], last["Test"]) == ("server", "download")


def test_every_report_names_both_ends_and_what_the_kernel_knows(
    downloaded: tuple[list[tuple[int, Any]], int | None],
) -> None:
    for report in texts(downloaded[0]):
        assert report["ConnectionInfo"]["Client"].startswith("127.0.0.1:")
        assert report["ConnectionInfo"]["Server"].startswith("127.0.0.1:")
        assert "UUID" not in report["ConnectionInfo"]  # M-Lab's alone
        assert all(isinstance(value, int) for value in report["TCPInfo"].values())
        assert report["TCPInfo"]["ElapsedTime"] == report["AppInfo"]["ElapsedTime"]
    last = texts(downloaded[0])[-1]
    assert last["TCPInfo"]["BytesSent"] >= last["TCPInfo"]["BytesAcked"] > 0.5 * last["AppInfo"]["NumBytes"]


def test_an_upload_is_counted_and_told_while_it_runs(url: str) -> None:
    async def upload(channel: ClientWebSocketResponse) -> tuple[int, list[tuple[int, Any]], int | None]:
        reading = asyncio.create_task(everything(channel))
        sent = 0
        for size in (2**10, 2**13, 2**24):  # the least, the first and the greatest
            await channel.send_bytes(bytes(size))
            sent += size
        return sent, *await reading

    sent, messages, code = talk(f"{url}{ndt7.UPLOAD}", upload)
    reports = texts(messages)
    assert code == 1000
    assert {kind for kind, _ in messages} == {WSMsgType.TEXT}
    assert reports[0]["AppInfo"]["NumBytes"] < sent
    assert reports[-1]["AppInfo"]["NumBytes"] == sent
    assert sent < reports[-1]["TCPInfo"]["BytesReceived"] < 1.01 * sent
    assert 5 <= len(reports) <= SECONDS / ndt7.REPORT_SECONDS + 3


def test_a_client_may_end_an_upload_and_send_measurements_of_its_own(patient_url: str) -> None:
    async def upload(channel: ClientWebSocketResponse) -> float:
        began = time.monotonic()
        await channel.send_str('{"AppInfo": {"ElapsedTime": 1, "NumBytes": 2}}')
        await channel.send_bytes(bytes(8192))
        await channel.close()
        return time.monotonic() - began

    assert talk(f"{patient_url}{ndt7.UPLOAD}", upload) < 8  # of the 10 s that it might take


@pytest.mark.parametrize(
    ("path", "payload"), [(ndt7.DOWNLOAD, bytes(8192)), (ndt7.UPLOAD, bytes(1023)), (ndt7.UPLOAD, bytes(2**24 + 1))]
)
def test_who_breaks_the_rules_is_cut_short(patient_url: str, path: str, payload: bytes) -> None:
    async def break_them(channel: ClientWebSocketResponse) -> float:
        began = time.monotonic()
        with suppress(ConnectionError):
            await channel.send_bytes(payload)
            await everything(channel)
        return time.monotonic() - began

    assert talk(f"{patient_url}{path}", break_them) < 8  # of the 10 s that it might take


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 101),
        ("?client_name=ndt7-js&client_name=again&empty=&bare&%C3%BC=%2F", 101),
        (f"?a={'b' * 4094}", 101),
        (f"?a={'b' * 4095}", 400),
        ("?a=%zz", 400),
        ("?a=%ff", 400),
    ],
    ids=["none", "odd", "longest", "too-long", "no-escape", "not-utf8"],
)
def test_the_query_is_looked_at(url: str, query: str, status: int) -> None:
    assert handshake(url, ndt7.UPLOAD + query).startswith(f"HTTP/1.1 {status} ".encode())


def test_without_the_subprotocol_there_is_no_test(url: str) -> None:
    for subprotocol in (None, "net.measurementlab.ndt.v6"):
        answer = handshake(url, ndt7.DOWNLOAD, subprotocol)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"net.measurementlab.ndt.v7 is missing" in answer
    answer = handshake(url, ndt7.UPLOAD, f"chat, {ndt7.SUBPROTOCOL}")
    assert b"Sec-WebSocket-Protocol: net.measurementlab.ndt.v7\r\n" in answer


def test_a_plain_request_is_told_what_is_spoken_here(url: str) -> None:
    assert b"ndt7 speaks WebSocket" in handshake(url, ndt7.DOWNLOAD, connection="keep-alive")


def test_compression_is_not_agreed_to(url: str) -> None:
    with opened(url, f"{ndt7.UPLOAD}", f"{ndt7.SUBPROTOCOL}\r\nSec-WebSocket-Extensions: permessage-deflate") as sock:
        answer = sock.recv(4096)
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"deflate" not in answer


def test_the_places_are_few_and_one_address_has_fewer(url: str) -> None:
    with ExitStack() as stack:
        for _ in range(QUICK.ndt7_tests_per_source):
            assert stack.enter_context(opened(url, ndt7.UPLOAD)).recv(4096).startswith(b"HTTP/1.1 101 ")
        answer = handshake(url, ndt7.DOWNLOAD)
    assert answer.startswith(b"HTTP/1.1 429 ")
    assert b"Retry-After: 13\r\n" in answer
    assert b"from this address" in answer


def test_places_of_everybody_together_are_few() -> None:
    with ndt7_responder(Limits(ndt7_tests=1, ndt7_tests_per_source=2)) as url, opened(url, ndt7.UPLOAD) as first:
        assert first.recv(4096).startswith(b"HTTP/1.1 101 ")
        assert b"too many ndt7 tests are running" in handshake(url, ndt7.UPLOAD)


def test_clients_that_stall_or_vanish_give_their_places_back() -> None:
    with ndt7_responder(Limits(ndt7_seconds=0.2, ndt7_tests_per_source=2)) as url:
        stalled = opened(url, ndt7.DOWNLOAD)  # reads nothing, not even the answer
        vanished = opened(url, ndt7.UPLOAD)
        vanished.recv(100)
        vanished.close()
        wait_until(lambda: taken(url))
        assert taken(url)  # the vanished one's place
        give_up = time.monotonic() + 60
        time.sleep(0.2 + 13 - 10)
        while sum(taken(url) for _ in range(2)) < 2:
            assert time.monotonic() < give_up, "the stalled client keeps its place"
            time.sleep(0.1)
        stalled.close()
        assert call(find(url), "GET", "/healthz").status == 200


def taken(url: str) -> bool:
    return handshake(url, ndt7.UPLOAD).startswith(b"HTTP/1.1 101 ")


def test_without_the_option_there_is_no_ndt7() -> None:
    with ndt7_responder(QUICK, ndt7=False) as url:
        assert call(find(url), "GET", ndt7.DOWNLOAD).status == 404


def test_the_responder_ends_at_once_and_in_order_while_tests_run(tmp_path: Path) -> None:
    with responder_process(tmp_path, "--ndt7") as responder:
        with opened(responder.url, ndt7.DOWNLOAD) as stalled, opened(responder.url, ndt7.UPLOAD) as idle:
            assert idle.recv(4096).startswith(b"HTTP/1.1 101 ")
            assert stalled.recv(10_000)
            assert psutil.Process(responder.process.pid).memory_info().rss < 200e6
            began = time.monotonic()
            responder.process.send_signal(signal.SIGTERM)
            try:
                assert responder.process.wait(20) == 0
            except subprocess.TimeoutExpired:
                pytest.fail("it still runs")
        assert time.monotonic() - began < 8  # of the 10 s that a download goes on


@again
def test_m_labs_own_client_gets_a_right_answer() -> None:
    with ndt7_responder(Limits(ndt7_seconds=0.8, ndt7_bytes=10**10)) as url:
        found = official_client(url.removeprefix("http://"), "ws")
    assert (found["errors"], found["code"]) == ([], 0)
    for name, counter in (("download", "BytesAcked"), ("upload", "BytesReceived")):
        server, client = found[name]["LastServerMeasurement"], found[name]["LastClientMeasurement"]
        assert server["Test"] == name
        assert server["TCPInfo"][counter] > 0
        assert client["NumBytes"] > 0
    download = found["download"]
    server_rate = 8 * download["LastServerMeasurement"]["TCPInfo"]["BytesAcked"] / 1e6
    server_rate /= download["LastServerMeasurement"]["TCPInfo"]["ElapsedTime"] / 1e6
    # Its last own count is up to a quarter of a second old, and loopback is no steady line.
    assert 0.5 < download["LastClientMeasurement"]["MeanClientMbps"] / server_rate < 2


@thoroughly
@given(st.text("%%%%0CcfF3&=aü \udc80", max_size=30))
def test_any_query_is_url_encoded_utf_8_or_refused(query: str) -> None:
    request = make_mocked_request("GET", f"{ndt7.DOWNLOAD}?{query}", {"Sec-WebSocket-Protocol": ndt7.SUBPROTOCOL})
    try:
        check_request(request)
    except web.HTTPBadRequest:
        assert "%" in query
