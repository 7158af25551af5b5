"""Certificates of an authority that nobody knows, shown by something between agent and collector."""

from __future__ import annotations

from pathlib import Path

import pytest

from homecheck.doctor.certificate import examine_bundle, examine_certificate
from homecheck.doctor.diagnosis import Diagnosis
from homecheck.doctor.way import Way
from tests.between import ELSEWHERE, Authority, listening, opens_tls, proxy

ANTIVIRUS = "Shield Web Antivirus Root"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


def examined(port: int, public: Path | None = None) -> Diagnosis:
    way = Way.to(f"https://{ELSEWHERE}:{port}")
    (only,) = examine_certificate(way, str(public)) if public else examine_certificate(way)
    return only


def test_what_opens_the_connection_is_called_by_its_issuers_name(tmp_path: Path) -> None:
    with listening(opens_tls(Authority(tmp_path, ANTIVIRUS).context(ELSEWHERE), 9)) as port:
        found = examined(port)
    assert (found.state, found.trouble) == ("fail", "connection-opened")
    assert repr(ANTIVIRUS) in found.message
    assert "HTTPS scanning" in found.fix


def test_an_authority_that_only_this_computer_trusts_is_named_and_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path, "Example Inc. Root")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with listening(opens_tls(authority.context(ELSEWHERE), 9)) as port:
        found = examined(port)
    assert (found.state, found.trouble) == ("warn", "private-authority")
    assert "'Example Inc. Root'" in found.message
    assert str(authority.file) in found.message


def test_a_public_authority_is_in_order_also_beside_a_file_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path, "Public Root")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    public = tmp_path / "public.pem"
    public.write_bytes(authority.file.read_bytes())
    with listening(opens_tls(authority.context(ELSEWHERE), 9)) as port:
        assert examined(port, public).state == "ok"


def test_the_variables_of_requests_are_heeded_as_the_agent_heeds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path, "Example Inc. Root")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    with listening(opens_tls(authority.context(ELSEWHERE), 9)) as port:
        assert examined(port).trouble == "private-authority"


@pytest.mark.parametrize(
    ("host", "days_ago", "trouble"),
    [(ELSEWHERE, 30, "certificate-date"), (ELSEWHERE, -30, "certificate-date"), ("127.0.0.9", 0, "certificate-name")],
    ids=["expired", "not yet valid", "for another name"],
)
def test_a_trusted_authority_does_not_make_a_wrong_certificate_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, days_ago: int, trouble: str
) -> None:
    authority = Authority(tmp_path, "Root")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with listening(opens_tls(authority.context(host, days_ago), 9)) as port:
        found = examined(port)
    assert (found.state, found.trouble) == ("fail", trouble)


def test_a_web_server_without_tls_is_said_to_be_one() -> None:
    with listening(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        assert examined(port).trouble == "no-tls"


def test_the_certificate_is_looked_at_through_the_proxy_that_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = Authority(tmp_path, ANTIVIRUS).context("collector.invalid")
    with listening(opens_tls(context, 9)) as port, listening(proxy(port), "127.0.0.1") as through:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{through}")
        (found,) = examine_certificate(Way.to("https://collector.invalid"))
    assert found.trouble == "connection-opened"
    assert repr(ANTIVIRUS) in found.message


def test_a_name_that_no_certificate_can_bear_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(proxy(9), "127.0.0.1") as through:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{through}")
        (found,) = examine_certificate(Way.to(f"https://{'a' * 80}.example"))
    assert (found.state, found.trouble) == ("fail", "no-tls")


@pytest.mark.parametrize("status", [b"403 Forbidden", b"407 Proxy Authentication Required"])
def test_a_proxy_that_lets_nobody_through_is_the_culprit(monkeypatch: pytest.MonkeyPatch, status: bytes) -> None:
    with listening(proxy(9, status), "127.0.0.1") as through:
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:secret@127.0.0.1:{through}")
        (found,) = examine_certificate(Way.to("https://collector.invalid"))
    assert (found.subject, found.trouble) == ("proxy", "proxy-refuses")
    assert status.decode() in found.message
    assert "secret" not in found.message


@pytest.mark.parametrize("content", [None, b"", b"no certificate\n"])
def test_a_file_of_authorities_that_is_none_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "authorities.pem"
    if content is not None:
        path.write_bytes(content)
    (found,) = examine_bundle({"SSL_CERT_FILE": str(path)})
    assert (found.state, found.trouble) == ("fail", "certificate-file")
    assert str(path) in found.message


def test_a_good_file_of_authorities_is_in_order_and_none_is_nothing(tmp_path: Path) -> None:
    (found,) = examine_bundle({"SSL_CERT_FILE": str(Authority(tmp_path, "Root").file)})
    assert found.state == "ok"
    assert list(examine_bundle({})) == []
