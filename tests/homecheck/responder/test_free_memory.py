from __future__ import annotations

import ctypes
import socket
import ssl
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from homecheck.responder.free_memory import Watch
from tests.far_ends import responder_process, write_certificate

CONNECTIONS = 300
GLIBC = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim")


def test_memory_is_given_back_when_a_hundred_have_closed_since() -> None:
    watch, seen = Watch(), []
    for opened, connections in ((50, 50), (500, 500), (500, 401), (500, 400), (500, 399), (600, 400), (650, 450)):
        watch.opened = opened
        seen.append(watch.see(connections))
    assert seen == [False, False, False, True, False, True, False]


def test_connections_that_came_and_went_between_two_looks_count() -> None:
    watch = Watch()
    watch.opened = 300
    assert watch.see(0)
    assert not watch.see(0)


@pytest.mark.skipif(not GLIBC, reason="the C library of this system gives memory back itself, or cannot")
def test_what_three_hundred_tls_connections_took_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    context = ssl.create_default_context(cafile=str(files[0]))
    with responder_process(tmp_path, f"--tls-cert={files[0]}", f"--tls-key={files[1]}") as running:
        far_end = running.far_end
        process = psutil.Process(running.process.pid)
        before = process.memory_info().rss
        with ExitStack() as opened:
            for _ in range(CONNECTIONS):
                plain = socket.create_connection(("127.0.0.1", far_end.port), timeout=30)
                opened.enter_context(context.wrap_socket(plain, server_hostname="127.0.0.1"))
            taken = process.memory_info().rss - before
        deadline = time.monotonic() + 20
        while process.memory_info().rss - before > 0.5 * taken and time.monotonic() < deadline:
            time.sleep(0.2)
        kept = process.memory_info().rss - before
    assert taken > CONNECTIONS * 64 * 1024  # each has a buffer of that size
    assert kept <= 0.5 * taken
