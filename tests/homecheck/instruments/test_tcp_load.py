from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from aiohttp import web

from homecheck.errors import ProbeError
from homecheck.instruments.byte_bins import ByteBins
from homecheck.instruments.far_end import FarEnd
from homecheck.instruments.tcp_load import (
    Load,
    LoadRule,
    Onlooker,
    Pace,
    cpu_bound,
    cut_off,
    download,
    opened,
    upload,
)
from homecheck.responder.app import Responder
from tests.far_ends import finish, open_session, responder_thread, write_certificate
from tests.live_collector import wait_until


def load_of(cpu_share: float, ended: str = "steady") -> Load:
    assert ended in ("steady", "ceiling")
    kind = "ceiling" if ended == "ceiling" else "steady"
    return Load("download", (), 0, 0, 5.0, 4, cpu_share, "ceiling" if kind == "ceiling" else "steady", 0.0)


def filled(steps: int, count: Callable[[int], int]) -> ByteBins:
    """Bins of 50 ms; `count` tells how many bytes each has."""
    bins = ByteBins(0.0)
    for step in range(1, steps + 1):
        bins.add(count(step), step * 0.05)
    return bins


class Full(Onlooker):
    """Sees a line that is full all the time."""

    def is_full(self) -> bool:
        return True


class NeverContent(Full):
    """Always wants to see more."""

    def satisfied(self) -> bool:
        return False


class Patient(Onlooker):
    """Sees a line that is never full, and is content when it was told of the load several times."""

    def __init__(self) -> None:
        self.told = 0

    def tell(self, received: ByteBins, sending: Sequence[socket.socket]) -> None:
        self.told += 1

    def satisfied(self) -> bool:
        return self.told >= 4


full = Full()


def test_a_processor_at_its_end_is_not_a_slow_line() -> None:
    error = cpu_bound(load_of(0.85))
    assert error is not None
    assert (error.code, error.at_fault) == ("cpu_bound", "device")
    assert cpu_bound(load_of(0.5)) is None
    assert cpu_bound(load_of(0.85, "ceiling")) is None  # faster than anybody wants to know


def test_a_load_ends_when_it_is_steady_and_old_enough() -> None:
    rule = LoadRule(least_seconds=3, most_seconds=10)
    bins = filled(100, lambda _: 100_000)
    assert rule.ended(bins, 2.9, 0) is None
    assert rule.ended(bins, 3.0, 0) == "steady"
    assert LoadRule(most_seconds=5).ended(ByteBins(0.0), 5.0, 0) == "time"
    assert LoadRule(most_bytes=1000).ended(ByteBins(0.0), 0.1, 1000) == "bytes"  # money is money, however early


def test_a_load_that_still_grows_goes_on_for_a_while() -> None:
    growing = filled(120, lambda step: 1000 * step)
    assert LoadRule().ended(growing, 5.0, 0) is None
    assert LoadRule().ended(growing, 8.0, 0) == "time"


def test_a_load_that_only_scatters_ends_at_the_usual_time() -> None:
    scattered = filled(100, lambda step: 30_000 if step // 7 % 2 else 170_000)
    assert LoadRule().ended(scattered, 4.9, 0) is None
    assert LoadRule().ended(scattered, 5.0, 0) == "time"


def test_streams_join_as_long_as_the_line_is_not_full() -> None:
    rule = LoadRule(1.0, 1.0, most_seconds=20, ceiling_mbit_s=20, first_join_seconds=0.1)
    with responder_thread() as running:
        session = open_session(running.far_end)
        assert download(running.far_end, session["token"], rule, full).streams == 4
    with responder_thread() as running:
        session = open_session(running.far_end)
        fast = replace(rule, ceiling_mbit_s=100_000)
        assert download(running.far_end, session["token"], fast, Patient()).streams > 4


def test_a_load_goes_on_to_its_cap_while_its_onlooker_wants_more() -> None:
    rule = LoadRule(least_seconds=0.3, usual_seconds=0.3, most_seconds=3.0, ceiling_mbit_s=20)
    with responder_thread() as running:
        session = open_session(running.far_end)
        content = download(running.far_end, session["token"], rule, full)
        wanting = download(running.far_end, session["token"], rule, NeverContent())
    assert content.seconds < 3.0 <= wanting.seconds < 60


def test_a_load_ends_at_its_bytes() -> None:
    rule = LoadRule(least_seconds=9, most_seconds=9, most_bytes=5_000_000, ceiling_mbit_s=80)
    with responder_thread() as running:
        session = open_session(running.far_end)
        load = download(running.far_end, session["token"], rule, full)
    assert load.spent >= 5_000_000
    assert load.seconds < 5


@pytest.mark.parametrize("direction", ["download", "upload"])
def test_a_load_spends_no_more_than_it_may_however_fast_the_line_is(direction: str) -> None:
    rule = LoadRule(least_seconds=9, most_seconds=9, most_bytes=4_000_000, ceiling_mbit_s=400)
    with responder_thread() as running:
        session = open_session(running.far_end)
        load = (download if direction == "download" else upload)(running.far_end, session["token"], rule, full)
        (kept,) = list(running.responder.sessions)
        there = kept.download.total if direction == "download" else kept.upload.total
    # Beyond it: what one sweep moves, at most 50 ms of the ceiling; and what arrived during it, or still lies in the
    # send buffers over there.
    assert 4_000_000 <= load.spent <= 4_000_000 + (2_500_000 if direction == "upload" else 12_000_000)
    assert there <= 4_000_000 + (2_500_000 if direction == "upload" else 20_000_000)
    assert load.ended in ("bytes", "ceiling")
    assert load.seconds < 5


def test_a_pace_lets_through_what_it_promises_and_no_burst_after_a_pause() -> None:
    pace = Pace(1_000_000, last=0.0)
    assert pace.refill(0.01) == 10_000
    pace.allowance -= 10_000
    assert pace.refill(0.02) == pytest.approx(10_000, abs=1)
    assert pace.refill(60.0) == 50_000  # 50 ms, not a minute


@pytest.mark.parametrize("direction", ["download", "upload"])
def test_a_token_that_is_void_is_told_from_a_slow_line(direction: str) -> None:
    with responder_thread() as running:
        session = open_session(running.far_end)
        finish(running.far_end, session)
        run = download if direction == "download" else upload
        with pytest.raises(ProbeError) as raised:
            run(running.far_end, session["token"], LoadRule(least_seconds=9, most_seconds=9), full)
    assert raised.value.at_fault == "server"


def test_no_connection_stays_open_after_a_load() -> None:
    with responder_thread() as running:
        session = open_session(running.far_end)
        rule = LoadRule(least_seconds=0.5, most_seconds=0.5, ceiling_mbit_s=20)
        upload(running.far_end, session["token"], rule, full)
        (kept,) = list(running.responder.sessions)
        wait_until(lambda: kept.upload.active == 0)
        assert kept.upload.active == 0
        assert kept.upload.total > 100_000


def test_connections_that_cannot_be_opened_say_why_and_leave_none_behind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    far_end = FarEnd("http", "127.0.0.1", port, "", socket.AF_INET, "127.0.0.1")
    with pytest.raises(ProbeError) as raised, opened(far_end, 3, 1):
        pytest.fail("nobody listens there")
    assert raised.value.code == "responder_refused"


@contextmanager
def losing_every_third_handshake(folder: Path) -> Iterator[FarEnd]:
    """A far end that breaks off every third connection within its handshake, as a line that loses packets does."""
    certificate, key = write_certificate(folder, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    kept: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):  # the listener is shut down
            for number in count():
                connection, _ = listener.accept()
                if number % 3 == 0:
                    connection.close()
                else:
                    kept.append(context.wrap_socket(connection, server_side=True))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield FarEnd("https", "127.0.0.1", listener.getsockname()[1], "", socket.AF_INET, "127.0.0.1")
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join(10)
    for connection in kept:
        connection.close()


def test_a_load_goes_on_with_the_connections_that_came_about_where_they_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls.crt"))
    with losing_every_third_handshake(tmp_path) as far_end, opened(far_end, 6, 4) as sockets:
        assert len(sockets) == 4
    with losing_every_third_handshake(tmp_path) as far_end, pytest.raises(ProbeError), opened(far_end, 6, 5):
        pytest.fail("four are not enough")


class Boaster(Responder):
    """A responder that tells anything about an upload."""

    line = b""

    async def progress(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(self.line)
        return response


class FarAhead(Boaster):
    line = b'{"seconds":1e9,"bytes":1}\n'  # as bins of 50 ms these would fill the memory


class Inflated(Boaster):
    line = b'{"seconds":0.1,"bytes":9000000000000}\n'


class Talkative(Boaster):
    line = b"{" * 3_000_000


@pytest.mark.parametrize("kind", [FarAhead, Inflated])
def test_a_responder_that_boasts_of_an_upload_is_not_believed(kind: type[Boaster]) -> None:
    with responder_thread(kind) as running:
        session = open_session(running.far_end)
        with pytest.raises(ProbeError) as raised:
            upload(running.far_end, session["token"], LoadRule(least_seconds=9, most_seconds=9), full)
    assert (raised.value.code, raised.value.at_fault) == ("observation_refused", "server")


def test_a_line_without_end_about_an_upload_is_not_kept() -> None:
    rule = LoadRule(least_seconds=0.5, most_seconds=0.5, ceiling_mbit_s=20)
    with responder_thread(Talkative) as running:
        session = open_session(running.far_end)
        load = upload(running.far_end, session["token"], rule, full)
    assert load.seconds < 8
    assert load.total == 0  # nothing was told, and what was only sent does not count


def test_a_far_end_that_is_gone_before_an_upload_is_our_servers_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        far_end = FarEnd("http", "127.0.0.1", listener.getsockname()[1], "", socket.AF_INET, "127.0.0.1")
        running = threading.Event()

        def reset_all() -> None:
            while not running.is_set():
                with suppress(TimeoutError):
                    cut_off(listener.accept()[0])

        listener.settimeout(0.1)
        thread = threading.Thread(target=reset_all)
        thread.start()
        try:
            with pytest.raises(ProbeError) as raised:
                upload(far_end, "token", LoadRule(least_seconds=9, most_seconds=9), full)
        finally:
            running.set()
            thread.join()
    assert (raised.value.code, raised.value.at_fault) == ("responder_broke_off", "server")
