"""What a hostile, capable outsider tries with a collector; each of these once worked, or very nearly."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest
import requests
import uvicorn

from homecheck.collector import administration, intake, setup
from homecheck.collector.app import application
from homecheck.collector.body import MAX_ENROLMENT
from homecheck.collector.serve import AnnouncingServer
from homecheck.collector.store.database import Readers
from homecheck.collector.store.programs import Responder
from homecheck.evidence import MAX_OBSERVATIONS, Declaration, Device, Evidence, ProbeRun, Software
from homecheck.keys import SoftwareKey
from homecheck.measurement import Failure, Measurement, Quantity
from homecheck.observation import SessionObservation
from homecheck.policy import Question, parse_policy
from homecheck.signing import OBSERVATION, PublicKey, sign
from homecheck.slow_clients import SlowClients
from tests.live_collector import ServerProcess, Site, as_process, in_thread, set_up, wait_until
from tests.people import POLICY_TEXT, Worker
from tests.ports import free_port

EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with in_thread(tmp_path_factory.mktemp("collector")) as running:
        yield running


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with as_process(tmp_path_factory.mktemp("served")) as running:
        yield running


def connected(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=20)


def taken(sock: socket.socket, piece: bytes, most: int, pause: float = 0.0) -> int:
    """Send until the other side has had enough or `most` bytes are out; return how many those were."""
    sent = 0
    try:
        while sent < most:
            sock.sendall(piece)
            sent += len(piece)
            time.sleep(pause)
    except OSError:
        pass
    return sent


def is_closed(sock: socket.socket) -> bool:
    try:
        return sock.recv(65_536) == b""
    except ConnectionError:
        return True


# Clocks and numbers


@pytest.mark.parametrize(
    ("started_at", "finished_at"), [(EARLIEST, LATEST), (LATEST, EARLIEST)], ids=["ten millennia", "backwards"]
)
def test_a_check_of_ten_thousand_years_is_taken_and_proves_nothing(
    site: Site, started_at: datetime, finished_at: datetime
) -> None:
    worker = site.worker()
    evidence = worker.evidence(worker.challenge(), started_at=started_at, finished_at=finished_at)
    answer = worker.upload(evidence)
    assert answer.status_code == 201
    freshness = site.browse_database(f"SELECT freshness FROM evidence WHERE id = '{evidence.id}'")
    assert freshness == ["signed"]


@pytest.mark.parametrize("iat", [0, 2**53])
def test_the_device_may_believe_in_any_year_and_its_page_still_opens(site: Site, iat: int) -> None:
    worker = site.worker()
    evidence = worker.evidence(worker.challenge(), iat=iat, id=f"00000000-0000-7000-8000-{iat:012x}"[:36], seq=2**53)
    assert worker.upload(evidence).status_code == 201
    (digest,) = site.browse_database(f"SELECT digest FROM evidence WHERE id = '{evidence.id}'")
    http = site.browse(f"viewer{iat}", "viewer")
    assert http.get(f"{site.url}/evidence/{digest}", timeout=20).status_code == 200


# Forms and heads


def test_a_form_of_many_fields_is_refused_and_no_error_of_ours(site: Site) -> None:
    fields = "&".join(f"field{number}=1" for number in range(30))
    address = f"{site.url}/programs/support/invitations"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    insider = site.browse("inviter", "admin")
    assert insider.post(address, data=fields, headers=form, timeout=20).status_code == 400
    assert requests.post(address, data=fields, headers=form, timeout=20).status_code == 401


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET /"], ids=["headers", "address"])
def test_a_head_without_end_is_not_kept_in_memory(served: ServerProcess, start: bytes) -> None:
    piece = b"X-Filler: " + b"a" * 60_000 + b"\r\n" if start.endswith(b"\n") else b"a" * 60_000
    with connected(served.site.url) as sock:
        sock.sendall(start)
        # Buffers of the kernel take a few megabytes on both ends, the collector not one.
        assert taken(sock, piece, 64_000_000) < 32_000_000


def test_a_head_that_arrives_with_the_end_of_a_long_body_is_heard(served: ServerProcess) -> None:
    body = b"a" * 100_000
    first = b"POST /v1/challenge HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
    with connected(served.site.url) as sock:
        sock.sendall(first + body + b"GET /v1/jwks HTT")
        time.sleep(0.2)  # so that the second request comes in two pieces
        sock.sendall(b"P/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answers = b"".join(iter(lambda: sock.recv(65_536), b""))
    assert answers.count(b"HTTP/1.1 ") == 2
    assert b"HTTP/1.1 200 " in answers


@pytest.mark.parametrize("host", ["[", "a/v1/", "a?b", "a#b", "::1", "evil.example"])
def test_a_host_header_changes_nothing(site: Site, host: str) -> None:
    with connected(site.url) as sock:
        sock.sendall(f"GET /nowhere HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: sock.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"text/html" in answer
    assert host.encode() not in answer.partition(b"\r\n\r\n")[2] or len(host) == 1


def test_an_enrolment_is_small_and_a_large_one_is_not_even_parsed(site: Site) -> None:
    answer = Worker(site.url).post("/v1/enrolments", b"a" * (MAX_ENROLMENT + 1))
    assert answer.status_code == 413


# Slow clients


@contextmanager
def served_in_thread(folder: Path, slow_clients: SlowClients, public: str = "") -> Iterator[Site]:
    """Serve as `collector serve` does, from a thread: with another patience, or for another address."""
    site = set_up(folder, f"http://127.0.0.1:{free_port()}")
    loaded = setup.load(site.database)
    config = uvicorn.Config(
        application(replace(loaded, url=public or loaded.url)),
        port=int(site.url.rpartition(":")[2]), http="h11", lifespan="on", ws="none", log_config=None, access_log=False,
    )  # fmt: skip
    server = AnnouncingServer(config, lambda: None, slow_clients)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        yield site
    finally:
        server.should_exit = True
        thread.join(20)


def test_who_never_ends_a_request_is_cut_off(tmp_path: Path) -> None:
    with served_in_thread(tmp_path, SlowClients(head_seconds=1.0, exchange_seconds=1.0)) as site:
        silent, half, unread = (connected(site.url) for _ in range(3))
        half.sendall(b"GET /healthz HT")
        unread.sendall(b"PUT /v1/evidence/x HTTP/1.1\r\nHost: a\r\nContent-Type: application/jose\r\n")
        unread.sendall(b"Content-Length: 100\r\n\r\n")  # and never a byte of it
        for sock in (silent, half, unread):
            with sock:
                assert is_closed(sock)
        assert requests.get(f"{site.url}/healthz", timeout=20).status_code == 200


def test_a_body_that_goes_on_after_the_answer_is_not_heard_for_ever(tmp_path: Path) -> None:
    with served_in_thread(tmp_path, SlowClients(head_seconds=1.0)) as site, connected(site.url) as sock:
        sock.sendall(b"POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b"400\r\n" + b"a" * 1024 + b"\r\n"
        assert taken(sock, piece, 1_500_000, pause=0.01) < 1_500_000  # that would be 15 s


def test_a_crowd_that_says_nothing_makes_room_for_those_who_ask(tmp_path: Path) -> None:
    with served_in_thread(tmp_path, SlowClients(most_waiting=20)) as site:
        crowd = [connected(site.url) for _ in range(60)]
        try:
            wait_until(lambda: len(select.select(crowd, [], [], 0)[0]) == 40)  # closed: there is nothing else to read
            assert len(select.select(crowd, [], [], 0)[0]) == 40
            assert requests.get(f"{site.url}/healthz", timeout=20).status_code == 200
        finally:
            for sock in crowd:
                sock.close()


class Connection:
    """What `SlowClients` sees of one of uvicorn's."""

    def __init__(self, cycle: Any = None, unsent: int = 0) -> None:
        self.cycle, self.transport, self.unsent, self.aborted = cycle, self, unsent, False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.aborted = True


def test_an_answer_that_is_still_being_fetched_has_the_longer_time() -> None:
    now = [0.0]
    clients = SlowClients(head_seconds=20, exchange_seconds=120, clock=lambda: now[0])
    fetching, idle = Connection(unsent=100_000), Connection()
    for now[0] in (0.0, 21.0):
        clients.cut_off([fetching, idle])
    assert (fetching.aborted, idle.aborted) == (False, True)
    now[0] = 121.0
    clients.cut_off([fetching])
    assert fetching.aborted


class Cycle:
    """One of uvicorn's requests that waits for its answer."""

    def __init__(self, *, more_body: bool) -> None:
        self.response_complete, self.more_body = False, more_body


def test_of_too_many_those_go_who_have_not_said_all_however_new_they_are() -> None:
    now = [0.0]
    clients = SlowClients(most_open=2, clock=lambda: now[0])
    asked, half, silent = Connection(Cycle(more_body=False)), Connection(Cycle(more_body=True)), Connection()
    clients.cut_off([asked])
    now[0] = 5.0  # the collector itself stood still
    late = Connection(Cycle(more_body=False))
    clients.cut_off([asked, half, silent, late])
    assert [one.aborted for one in (asked, half, silent, late)] == [False, True, True, False]


# What one key, or nobody at all, can use up


def test_visitors_who_come_and_go_use_up_no_files(tmp_path: Path) -> None:
    site = set_up(tmp_path, f"http://127.0.0.1:{free_port()}")
    readers = Readers(site.database)
    readers()
    before = psutil.Process().num_fds() if hasattr(psutil.Process, "num_fds") else 0
    for _ in range(30):
        thread = threading.Thread(target=readers)
        thread.start()
        thread.join()
    after = psutil.Process().num_fds() if hasattr(psutil.Process, "num_fds") else 0
    readers.close()
    assert after - before < 5


def test_questions_about_readiness_leave_room_for_evidence(tmp_path: Path) -> None:
    with in_thread(tmp_path, max_waiting=3) as site:
        worker = site.worker()
        with ThreadPoolExecutor(30) as crowd:
            asked = [crowd.submit(requests.get, f"{site.url}/readyz", timeout=20) for _ in range(60)]
            assert worker.check().status_code == 201
            assert {one.result().status_code for one in asked} == {200}


def test_one_key_cannot_fill_the_disk_with_evidence(tmp_path: Path) -> None:
    now = [datetime.now(UTC)]
    with in_thread(tmp_path, clock=lambda: now[0]) as site:
        worker, other = site.worker(), site.worker(name="Another One")
        statuses = [worker.upload(worker.evidence()).status_code for _ in range(intake.MOST_IN_A_SPAN)]
        assert set(statuses) == {201}
        refused = worker.upload(worker.evidence())
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= intake.SPAN.total_seconds()
        assert other.check().status_code == 201
        now[0] += timedelta(seconds=int(refused.headers["Retry-After"]) + 1)
        assert worker.upload(worker.evidence()).status_code == 201


def test_one_key_cannot_fill_the_disk_with_conflicts(site: Site) -> None:
    worker = site.worker()
    evidence = worker.evidence()
    assert worker.upload(evidence).status_code == 201
    for number in range(30):  # other bytes each time
        assert worker.upload(replace(evidence, iat=number)).status_code == 409
    kid = worker.key.public.kid
    about = site.browse_database(f"SELECT about FROM event WHERE kind = 'id-conflict' AND actor = '{kid}'")
    stored = site.browse_database(f"SELECT digest FROM evidence WHERE kid = '{kid}'")
    assert len(about) == 20
    assert set(about) == set(stored)  # so that its page shows them


def test_ten_thousand_observations_are_refused(site: Site) -> None:
    worker = site.worker()
    answer = worker.upload(worker.evidence(observations=("a",) * (MAX_OBSERVATIONS + 1)))
    assert answer.status_code == 422
    assert worker.upload(worker.evidence(observations=("a",) * MAX_OBSERVATIONS)).status_code == 201


# Replay


def test_an_observation_without_a_challenge_is_nobodys() -> None:
    key, now = SoftwareKey.generate(), datetime.now(UTC)
    worker = Worker("http://127.0.0.1:1")
    observation = sign(SessionObservation("a" * 22, None, now, now, "192.0.2.1").to_bytes(), OBSERVATION, key)
    responder = Responder("https://far.example", PublicKey.from_jwk(key.public.jwk()), now)
    check, _ = intake.check_observation(observation.decode(), worker.evidence(None), [responder])
    assert check.responder == "https://far.example"
    assert "challenge" in check.defect


# Pages


HOSTILE = "\"'><img src=x onerror=alert(1)>{{7*111111111}}<script>"


def hostile_evidence(worker: Worker, responder: SoftwareKey) -> Evidence:
    """Return evidence with a tag in everything that may be a text."""
    nonce, now = worker.challenge(), datetime.now(UTC)
    failure = Failure(HOSTILE, "device", HOSTILE, HOSTILE)
    measurements = (
        Measurement(Quantity(HOSTILE, HOSTILE, HOSTILE), 1.0, 0.5, details={HOSTILE: [HOSTILE, {HOSTILE: None}]}),
        Measurement(Quantity.text("headset.transport", HOSTILE), HOSTILE, details={"a": HOSTILE}),
        Measurement(Quantity("network.download", HOSTILE, HOSTILE), failure=failure),
    )
    seen = SessionObservation(HOSTILE, nonce, now, now, HOSTILE).to_bytes()
    return worker.evidence(
        nonce,
        device=Device(worker.key.public.kid, HOSTILE),
        software=Software(HOSTILE, HOSTILE, HOSTILE, HOSTILE),
        runs=(ProbeRun(HOSTILE, HOSTILE, now, 1.0, measurements),),
        declarations=(Declaration(HOSTILE, answer=True),),
        observations=(sign(seen, OBSERVATION, responder).decode(), HOSTILE),
    )


def test_no_text_of_anybody_becomes_part_of_a_page(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        now, responder = datetime.now(UTC), SoftwareKey.generate()
        policy = parse_policy(POLICY_TEXT.replace("The line also carries your screen.", "<script>"), "p")
        policy = replace(
            policy, title=HOSTILE, description=HOSTILE,
            declarations=(Question("door", {"en": HOSTILE}, must_be=True, reason=HOSTILE),),
        )  # fmt: skip
        administration.add_program(site.database, "hostile", HOSTILE, HOSTILE, 180, policy, HOSTILE, now)
        administration.pin_responder(site.database, "https://far.example/" + HOSTILE, responder.public, HOSTILE, now)
        worker = Worker(site.url)
        software = {"name": HOSTILE, "version": HOSTILE, "python": HOSTILE, "system": HOSTILE}
        code, unused = (site.invite(HOSTILE, program="hostile") for _ in range(2))
        answer = worker.post("/v1/enrolments", worker.enrolment(code, software=software, store=HOSTILE))
        assert answer.status_code == 201
        worker.subject = answer.json()["subject"]
        evidence = hostile_evidence(worker, responder)
        assert worker.upload(evidence).status_code == 201
        assert worker.upload(replace(evidence, iat=1)).status_code == 409  # an event
        (name,) = site.browse_database("SELECT digest FROM evidence")
        http = site.browse("ada", "admin")
        for path in (
            "/", "/?name=" + HOSTILE, f"/people/{worker.subject}", f"/evidence/{name}", "/programs",
            "/programs/hostile", "/events", f"/invite/{unused}", "/people/" + quote(HOSTILE, safe=""),
            "/problems/" + quote(HOSTILE, safe=""), "/sign-in/" + quote(HOSTILE, safe=""),
        ):  # fmt: skip
            page = http.get(f"{site.url}{path}", timeout=20)
            assert page.headers["Content-Type"] == "text/html; charset=utf-8"
            assert "<img src=x" not in page.text, path
            assert "<script" not in page.text, path
            assert "777777777" not in page.text, path
        for part in ("envelope", "receipt"):
            download = http.get(f"{site.url}/evidence/{name}/{part}", timeout=20)
            assert download.headers["Content-Type"] == "application/jose"
            assert download.headers["X-Content-Type-Options"] == "nosniff"
            assert download.headers["Content-Disposition"].startswith('attachment; filename="')


def test_over_tls_the_session_cookie_cannot_leave_by_another_way(tmp_path: Path) -> None:
    public = "https://collector.example"
    with served_in_thread(tmp_path, SlowClients(), public) as site:
        address = site.sign_in_link("ada", "admin")
        for _ in range(3):  # a scanner of mail opens it first, and again
            assert requests.get(address, timeout=20).status_code == 200
            assert requests.head(address, timeout=20).status_code == 200
        answer = requests.post(address, headers={"Origin": public}, timeout=20, allow_redirects=False)
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-homecheck=")
        parts = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"secure", "httponly", "path=/", "samesite=lax"} <= parts
        assert not any(part.startswith("domain") for part in parts)
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
        assert requests.post(address, headers={"Origin": public}, timeout=20).status_code == 404
