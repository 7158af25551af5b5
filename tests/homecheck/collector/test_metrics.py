"""What Prometheus is told is what happened; strangers are told nothing; and no secret stands in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from homecheck.collector.certificate import days_left
from homecheck.collector.metrics import Metrics, State
from homecheck.collector.metrics_access import MetricsAccess, read_network, read_token
from homecheck.collector.store.database import opened
from homecheck.errors import SetupError
from tests.certificates import make_certificate
from tests.live_collector import ServerProcess, Site, as_process, in_thread, set_up
from tests.people import FAILS, PASSES
from tests.ports import free_port
from tests.postgres import PostgresServer

Labels = tuple[tuple[str, str], ...]


def numbers(text: str) -> dict[tuple[str, Labels], float]:
    """Return every number by its name and labels, as Prometheus' own parser reads them."""
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def read(site: Site) -> dict[tuple[str, Labels], float]:
    answer = requests.get(f"{site.url}/metrics", timeout=20)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return numbers(answer.text)


def test_uploads_are_counted_by_outcome_and_reason(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        petra, filip = site.worker(PASSES), site.worker(FAILS)
        evidence = petra.evidence(petra.challenge())
        assert [petra.upload(evidence).status_code for _ in range(3)] == [201, 200, 200]
        assert filip.check().status_code == 201
        stale = petra.evidence("0" * 40)
        assert petra.upload(stale).status_code == 401
        assert petra.put(evidence.id, b"nonsense").status_code == 422
        found = read(site)
        uploads = {labels: value for (name, labels), value in found.items() if name == "homecheck_uploads_total"}
        assert uploads == {
            (("outcome", "known"), ("reason", "")): 2,
            (("outcome", "refused"), ("reason", "not-compact")): 1,
            (("outcome", "refused"), ("reason", "stale-nonce")): 1,
            (("outcome", "stored"), ("reason", "")): 2,
        }
        assert found["homecheck_challenge_failures_total", ()] == 1
        assert found["homecheck_people", (("program", "support"), ("verdict", "pass"))] == 1
        assert found["homecheck_people", (("program", "support"), ("verdict", "fail"))] == 1
        assert found["homecheck_commit_batch_sum", ()] >= 4  # two enrolments, two checks
        assert found["homecheck_commit_seconds_count", ()] == found["homecheck_commit_batch_count", ()]
        assert found["homecheck_waiting_writes", ()] == 0
        assert found["homecheck_database_up", ()] == 1
        (size,) = site.browse_database("SELECT size FROM log_state")
        assert found["homecheck_log_entries", ()] == size


def test_no_secret_and_no_address_of_a_stranger_is_in_it(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        code = site.invite("Ada Lovelace")
        requests.get(f"{site.url}/v1/invites/{code}", timeout=20)
        requests.get(f"{site.url}/invite/{code}/", timeout=20)
        requests.get(site.sign_in_link("ada", "admin"), timeout=20)
        requests.request("PROPFIND", f"{site.url}/coffee", timeout=20)
        text = requests.get(f"{site.url}/metrics", timeout=20).text
        assert code not in text
        assert "coffee" not in text
        assert "PROPFIND" not in text
        assert "Ada" not in text
        found = numbers(text)
        key: Labels = (("method", "GET"), ("route", "/v1/invites/{code}"), ("status", "200"))
        assert found["homecheck_requests_total", key] == 1
        other: Labels = (("method", "other"), ("route", "other"), ("status", "404"))
        assert found["homecheck_requests_total", other] == 1


def test_checks_that_are_overdue_and_what_was_last_done_are_told(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        site.worker(PASSES).check()
        site.invite("Nobody yet")
    later = datetime.now(UTC) + timedelta(days=31)  # the policy wants a check every 30 days
    for at, overdue in ((later - timedelta(days=2), 0), (later, 1)):
        with opened(site.database) as db:
            found = numbers(Metrics().text(State(lambda: db, at, lambda: 7)).decode())
        assert found["homecheck_overdue_rechecks", (("program", "support"),)] == overdue
        assert found["homecheck_waiting_writes", ()] == 7
        assert found["homecheck_people", (("program", "support"), ("verdict", "none"))] == 1
    (purged,) = [value for (name, labels), value in found.items() if labels == (("what", "retention"),)]
    assert abs(purged - datetime.now(UTC).timestamp()) < 300


def test_days_of_a_certificate_are_told_and_of_none_nothing(tmp_path: Path) -> None:
    site = set_up(tmp_path, "https://127.0.0.1:1")
    _, certificate = make_certificate(tmp_path, "127.0.0.1", 10)
    now = datetime.now(UTC)
    assert 9.9 < days_left(certificate, now) <= 10
    assert -1 < days_left(certificate, now + timedelta(days=10.5)) < 0
    broken = tmp_path / "broken.pem"
    broken.write_text("nonsense")
    with pytest.raises(SetupError, match="no certificate"):
        days_left(broken, now)
    with opened(site.database) as db:
        assert b"homecheck_certificate_days 9.9" in Metrics().text(State(lambda: db, now, lambda: 0, certificate))
        assert b"\nhomecheck_certificate_days " not in Metrics().text(State(lambda: db, now, lambda: 0, broken))


def test_several_processes_are_joined(tmp_path: Path) -> None:
    """As with several workers: each counts for itself, and any of them tells the sum."""
    code = (
        "from homecheck.collector.metrics import Metrics; Metrics().request('PUT', '/v1/evidence/{id}', 201, '', 0.01)"
    )
    folder = tmp_path / "joined"
    folder.mkdir()
    site = set_up(tmp_path, "http://127.0.0.1:1")
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    ask = (
        "import sys; from datetime import UTC, datetime; from homecheck.collector.metrics import Metrics, State\n"
        "from homecheck.collector.store.database import Database, opened\n"
        f"with opened(Database.at({site.database.url!r})) as db:\n"
        "    sys.stdout.buffer.write(Metrics().text(State(lambda: db, datetime.now(UTC), lambda: 0)))"
    )
    told = subprocess.run([sys.executable, "-c", ask], env=environment, check=True, capture_output=True, text=True)
    assert numbers(told.stdout)["homecheck_uploads_total", (("outcome", "stored"), ("reason", ""))] == 2


@pytest.mark.parametrize(
    ("access", "address", "authorization", "allowed"),
    [
        (MetricsAccess(), "127.0.0.1", "", True),
        (MetricsAccess(), "::1", "", True),
        (MetricsAccess(), "::ffff:127.0.0.1", "", True),
        (MetricsAccess(), "192.0.2.1", "", False),
        (MetricsAccess(), "", "", False),
        (MetricsAccess(), "192.0.2.1", "Bearer ", False),
        (MetricsAccess(loopback=False), "127.0.0.1", "", False),
        (MetricsAccess(networks=(read_network("10.1.0.0/16"),)), "10.1.2.3", "", True),
        (MetricsAccess(networks=(read_network("10.1.0.0/16"),)), "10.2.2.3", "", False),
        (MetricsAccess(networks=(read_network("10.1.0.0/16"),)), "fe80::1", "", False),
        (MetricsAccess(loopback=False, token="t" * 32), "192.0.2.1", "Bearer " + "t" * 32, True),
        (MetricsAccess(loopback=False, token="t" * 32), "192.0.2.1", "t" * 32, False),
        (MetricsAccess(loopback=False, token="t" * 32), "192.0.2.1", "Bearer ü", False),
        (MetricsAccess(loopback=False, token="t" * 32), "127.0.0.1", "", False),
    ],
)
def test_who_may_read_them(access: MetricsAccess, address: str, authorization: str, allowed: bool) -> None:
    assert access.allows(address, authorization) is allowed


@pytest.mark.parametrize("text", ["", "short", "two words that are long enough", "ü" * 30])
def test_a_token_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SetupError, match="no token"):
        read_token(file)
    with pytest.raises(SetupError, match="no token"):
        read_token(tmp_path / "none")


@contextmanager
def serving(site: Site, *arguments: str) -> Iterator[None]:
    server = ServerProcess(site, arguments=arguments)
    server.start()
    try:
        yield
    finally:
        server.stop()


def test_behind_a_proxy_a_stranger_reads_nothing_and_the_token_everything(tmp_path: Path) -> None:
    site = set_up(tmp_path, f"http://127.0.0.1:{free_port()}")
    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123456789abcdef\n")
    with serving(site, "--behind-proxy", "--metrics-token", str(token), "--metrics-from", "203.0.113.0/24"):
        url = f"{site.url}/metrics"
        # As a proxy that forgot the header would pass it on, and as one that did not.
        assert requests.get(url, timeout=20).status_code == 404
        assert requests.get(url, headers={"X-Forwarded-For": "198.51.100.7"}, timeout=20).status_code == 404
        assert requests.get(url, headers={"X-Forwarded-For": "203.0.113.7"}, timeout=20).status_code == 200
        bearer = {"Authorization": "Bearer 0123456789abcdef0123456789abcdef"}
        assert requests.get(url, headers=bearer, timeout=20).status_code == 200
        assert requests.get(url, headers={"Authorization": bearer["Authorization"][:-1]}, timeout=20).status_code == 404


def test_whichever_worker_is_asked_tells_the_sum_of_all(tmp_path: Path, server: PostgresServer) -> None:
    with as_process(tmp_path, server.new_database(tmp_path), ("--workers", "2")) as running:
        for number in range(8):  # each on connections of its own, which whoever is free takes
            assert running.site.worker(PASSES, f"Person {number}").check().status_code == 201
        for _ in range(8):
            assert read(running.site)["homecheck_uploads_total", (("outcome", "stored"), ("reason", ""))] == 8
