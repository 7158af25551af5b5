"""The server as a process: its line, its end, its address, TLS."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from homecheck.collector import setup
from homecheck.collector.serve import ServeSettings, serve
from homecheck.collector.store import settings
from homecheck.collector.store.database import opened
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.errors import KeyStoreError, SetupError
from tests.certificates import make_certificate
from tests.live_collector import ServerProcess, as_process, set_up
from tests.people import Worker
from tests.ports import free_port


def announced(line: str) -> None:
    pytest.fail(f"it must not serve, but is {line}")


def test_told_to_stop_it_ends_in_order_and_has_stored_what_it_took(tmp_path: Path) -> None:
    with as_process(tmp_path) as server:
        worker = server.site.worker()
        assert worker.check().status_code == 201
        assert server.stop() == 0
        assert server.site.browse_database("SELECT count(*) FROM evidence") == [1]
        assert not list(tmp_path.glob("collector.db-wal"))  # the last connection was closed in order
        server.start()
        assert worker.check().status_code == 201


def test_without_a_configured_address_it_is_where_it_listens(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "collector.db")
    setup.create(database, "Example Inc.", None, datetime.now(UTC))
    command = [sys.executable, "-m", "homecheck", "collector", "serve", "--port", "0", "--database", database.url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("listening on ").strip()
        assert requests.get(f"{url}/.well-known/homecheck", timeout=20).json()["url"] == url
        with opened(database) as db:
            assert settings.read(db).url == url  # so that `invite` prints an address that works
    finally:
        process.terminate()
        assert process.wait(20) == 0
        assert process.stdout is not None
        process.stdout.close()


def test_the_configured_address_counts_wherever_it_listens(tmp_path: Path) -> None:
    site = set_up(tmp_path, f"http://127.0.0.1:{free_port()}")
    other = f"http://127.0.0.1:{free_port()}"
    server = ServerProcess(site)
    server.start()
    try:
        document = requests.get(
            f"{site.url}/.well-known/homecheck", headers={"Host": "evil.example"}, timeout=20
        ).json()
        assert document["url"] == site.url != other
    finally:
        server.stop()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "collector.example.com", "::"])
def test_beyond_this_computer_it_serves_with_tls_or_behind_a_proxy_only(tmp_path: Path, host: str) -> None:
    site = set_up(tmp_path, "http://127.0.0.1:8861")
    with pytest.raises(SetupError, match="no TLS certificate") as caught:
        ServeSettings(site.database, host)
    assert "--behind-proxy" in caught.value.advice
    assert ServeSettings(site.database, host, behind_proxy=True).host == host


def test_a_missing_key_is_no_service(tmp_path: Path) -> None:
    site = set_up(tmp_path, f"http://127.0.0.1:{free_port()}")
    (tmp_path / "collector.keys" / "signing.jwk").unlink()
    with pytest.raises(KeyStoreError, match=r"signing\.jwk") as caught:
        serve(ServeSettings(site.database, port=0), announced)
    assert "backup" in caught.value.advice


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with as_process(tmp_path) as server:
        port = int(server.site.url.rpartition(":")[2])
        other = set_up(tmp_path / "other", "http://127.0.0.1:8861")
        with pytest.raises(SetupError, match=f"port {port}"):
            serve(ServeSettings(other.database, port=port), announced)


def test_a_file_is_served_by_one_process_and_by_the_next_when_that_was_killed(tmp_path: Path) -> None:
    with as_process(tmp_path) as server:
        with pytest.raises(SetupError, match="another process serves from this file already"):
            serve(ServeSettings(server.site.database, port=0), announced)
        server.kill()
        server.start()


def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    site = set_up(tmp_path, "https://127.0.0.1:8861")
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
    for files in ((broken, broken), (tmp_path / "none.pem", broken)):
        with pytest.raises(SetupError, match=r"\.pem"):
            serve(ServeSettings(site.database, "0.0.0.0", tls=files), announced)


def test_over_tls_the_cookie_is_bound_to_this_host_and_hsts_is_set(tmp_path: Path) -> None:
    _, certificate = make_certificate(tmp_path, "127.0.0.1")
    site = set_up(tmp_path, f"https://127.0.0.1:{free_port()}")
    server = ServerProcess(site, arguments=("--tls-cert", str(certificate), "--tls-key", str(tmp_path / "server.key")))
    server.start()
    try:
        http = requests.Session()
        http.trust_env, http.verify = False, str(certificate)
        worker = Worker(site.url, http=http)
        assert worker.enrol(site.invite("Ada")).status_code == 201
        assert worker.check().status_code == 201
        link = site.sign_in_link("ada", "admin")
        answer = http.post(link, headers={"Origin": site.url}, timeout=20, allow_redirects=False)
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-homecheck=")
        assert "Secure" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
        assert http.get(f"{site.url}/", timeout=20).status_code == 200
    finally:
        server.stop()


def test_forwarded_addresses_count_behind_a_proxy_only(tmp_path: Path) -> None:
    site = set_up(tmp_path, f"http://127.0.0.1:{free_port()}")
    for arguments, expected in (((), "127.0.0.1"), (("--behind-proxy",), "203.0.113.7")):
        server = ServerProcess(site, arguments=arguments)
        server.start()
        try:
            worker = site.worker(name=f"Behind {arguments}")
            worker.http.headers["X-Forwarded-For"] = "198.51.100.1, 203.0.113.7"
            assert worker.check().status_code == 201
            found = site.browse_database(f"SELECT source_address FROM evidence WHERE person = '{worker.subject}'")
            assert found == [expected]
        finally:
            server.stop()
