"""M-Lab's Locate service as its documentation shows it, and the pause that it asks for."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from homecheck.errors import ProbeError
from homecheck.instruments.mlab_locate import LAST_RUN, mind_the_pause, nearest
from homecheck.instruments.ndt7_client import Server
from tests.ndt7_servers import answering, http_answer, request
from tests.strangers import briefly, strange

NOW = 1_795_000_000.0
PATHS = ("/ndt/v7/download", "/ndt/v7/upload")


def target(machine: str) -> dict[str, Any]:
    """Return one result, as USAGE.md of m-lab/locate has it."""
    host = f"ndt-{machine}.mlab-oti.measurement-lab.org"
    query = "access_token=TOKEN&client_name=homecheck&index=0&locate_version=v2&metro_rank=0"
    urls = {f"{scheme}://{path}": f"{scheme}://{host}{path}?{query}" for scheme in ("ws", "wss") for path in PATHS}
    location = {"city": "New York", "country": "US"}
    return {"machine": f"{machine}.mlab-oti.measurement-lab.org", "hostname": host, "location": location, "urls": urls}


def http(document: object, status: int = 200) -> bytes:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    head = f"HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def failure(answer: bytes) -> ProbeError:
    with http_answer(answer) as url, pytest.raises(ProbeError) as raised:
        nearest(f"{url}/v2/nearest/ndt/ndt7")
    assert raised.value.at_fault == "server"
    return raised.value


def test_the_servers_are_those_that_the_service_names_in_its_order() -> None:
    asked: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        if head := request(connection):
            asked.append(head)
            connection.sendall(http({"results": [target("mlab3-lga05"), target("mlab1-lga04")]}))

    with answering(answer) as url:
        servers = nearest(f"{url}/v2/nearest/ndt/ndt7")
    query = "?access_token=TOKEN&client_name=homecheck&index=0&locate_version=v2&metro_rank=0"
    host = "http://ndt-mlab3-lga05.mlab-oti.measurement-lab.org"
    assert servers[0] == Server(host, PATHS[0] + query, PATHS[1] + query)
    assert len(servers) == 2
    assert asked[0].startswith(b"GET /v2/nearest/ndt/ndt7?client_name=homecheck&client_version=")
    assert b"\r\nUser-Agent: homecheck/" in asked[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        http({"error": {"type": "client", "title": "Too many requests", "status": 429}}, 429),
        http({"results": []}),
        http({}),
    ],
    ids=["204", "429", "empty-list", "no-list"],
)
def test_a_service_without_room_says_so(answer: bytes) -> None:
    assert failure(answer).code == "no_capacity"


WITHOUT_UPLOAD = {"urls": {"ws:///ndt/v7/download": "ws://a/ndt/v7/download"}}
TWO_HOSTS = {"urls": {"ws:///ndt/v7/download": "ws://a/x?y", "ws:///ndt/v7/upload": "ws://b/x?y"}}
NO_ADDRESS = {"urls": {"ws:///ndt/v7/download": "ws://[::1/x?y", "ws:///ndt/v7/upload": "ws://[::1/x?y"}}
OTHER_SCHEME = {"urls": {"ws:///ndt/v7/download": "ftp://a/x?y", "ws:///ndt/v7/upload": "ftp://a/x?y"}}


@pytest.mark.parametrize(
    "answer",
    [
        http({"error": {"type": "nearest", "title": "Failed to lookup nearest machines", "status": 500}}, 500),
        http(b"<html>"),
        http({"results": 3}),
        http({"results": [{"machine": "a"}]}),
        http({"results": [WITHOUT_UPLOAD]}),
        http({"results": [TWO_HOSTS]}),
        http({"results": [OTHER_SCHEME]}),
        http({"results": [NO_ADDRESS]}),
        "HTTP/1.1 302 x\r\nLocation: /Ü\r\n\r\n".encode("latin-1"),
        b"HTTP/1.1 302 x\r\nLocation: http://[::1\r\n\r\n",
        b"HTTP/1.1 302 x\r\nLocation: ftp://a/\r\n\r\n",
    ],
    ids=["500", "html", "no-list", "no-urls", "no-upload", "two-hosts", "ftp", "no-address", "ü", "no-url", "to-ftp"],
)
def test_an_answer_that_is_none_is_the_services_fault(answer: bytes) -> None:
    assert failure(answer).code == "locate_answer"


def test_a_redirect_is_followed_and_one_without_end_is_not() -> None:
    with (
        http_answer(http({"results": [target("a")]})) as there,
        http_answer(f"HTTP/1.1 307 x\r\nLocation: {there}/b?c=d\r\n\r\n".encode()) as here,
    ):
        assert len(nearest(f"{here}/v2")) == 1
    assert failure(b"HTTP/1.1 302 x\r\nLocation: /v2\r\n\r\n").code == "locate_answer"


def test_an_unattended_run_keeps_36_minutes_apart_from_the_last(tmp_path: Path) -> None:
    mind_the_pause(tmp_path, attended=False, clock=lambda: NOW)
    with pytest.raises(ProbeError) as raised:
        mind_the_pause(tmp_path, attended=False, clock=lambda: NOW + 35.5 * 60)
    assert (raised.value.code, raised.value.at_fault) == ("too_soon", "agent")
    assert "in 1 min," in raised.value.advice
    mind_the_pause(tmp_path, attended=False, clock=lambda: NOW + 36 * 60)


def test_a_person_need_not_wait_but_is_noted(tmp_path: Path) -> None:
    mind_the_pause(tmp_path, attended=True, clock=lambda: NOW)
    mind_the_pause(tmp_path, attended=True, clock=lambda: NOW + 60)
    with pytest.raises(ProbeError):
        mind_the_pause(tmp_path, attended=False, clock=lambda: NOW + 36 * 60)


@pytest.mark.parametrize("note", [b"", b"\xff", b"nan", b"soon", b"1e999", b"1795009999"])
def test_a_note_that_nobody_can_read_or_from_the_future_stops_nothing(tmp_path: Path, note: bytes) -> None:
    (tmp_path / LAST_RUN).write_bytes(note)
    mind_the_pause(tmp_path, attended=False, clock=lambda: NOW)
    assert (tmp_path / LAST_RUN).read_text() == "1795000000\n"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ProbeError) as raised:
        mind_the_pause(tmp_path / "file", attended=True, clock=lambda: NOW)
    assert raised.value.code == "state"
    assert "cannot" in raised.value.message


@briefly
@given(strange(json.dumps({"results": [target("mlab1-lga02")]}).encode()))
def test_any_answer_names_servers_that_can_be_asked_or_is_the_services_fault(body: bytes) -> None:
    with http_answer(http(body)) as url, suppress(ProbeError):
        for server in nearest(f"{url}/v2/nearest/ndt/ndt7"):
            assert server.origin.startswith("http://")
