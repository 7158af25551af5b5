"""Names, connections, proxies and sign-in pages, on real sockets."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from homecheck.doctor.route import examine_portal, examine_proxy_script, examine_route
from homecheck.doctor.way import Proxy, Way
from homecheck.errors import ProbeError
from homecheck.instruments.proxies import from_scutil
from tests.between import ELSEWHERE, listening, proxy, says
from tests.needs import need, need_program
from tests.ports import free_port

NAMES_ARE_ASKED = {"name-unknown", "name-service", "no-network"}  # which one depends on the network of the test


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_a_name_that_does_not_exist_is_said_to_be_the_trouble() -> None:
    (found,) = examine_route(Way.to("https://collector.invalid"))  # RFC 6761: never exists
    assert (found.subject, found.state) == ("name", "fail")
    assert found.trouble in NAMES_ARE_ASKED


# A network of its own, with this name service alone, and (or not) with a way to 192.0.2.1, which "the internet" is.
ALONE = """
echo nameserver 127.0.0.1 >"$1" && mount --bind "$1" /etc/resolv.conf && ip link set lo up || exit 1
[ "$2" = cut-off ] || ip route add 192.0.2.0/24 dev lo
if [ "$2" = answers ]; then "$0" tests/name_server.py known.example 127.0.0.1 0 >"$1.ready" & server=$!; fi
while [ "$2" = answers ] && ! [ -s "$1.ready" ]; do sleep 0.05; done
"$0" -c '
from homecheck.doctor.route import examine_route
from homecheck.doctor.way import Way
print(*[one.trouble for one in examine_route(Way.to("https://unknown.example"))])'
[ -z "$server" ] || kill $server
"""


@pytest.mark.parametrize(
    ("network", "trouble"), [("answers", "name-unknown"), ("silent", "name-service"), ("cut-off", "no-network")]
)
def test_an_unknown_name_a_silent_name_service_and_no_network_are_told_apart(
    tmp_path: Path, network: str, trouble: str
) -> None:
    need(sys.platform == "linux" and os.geteuid() == 0, "a network of one's own needs Linux and root", "run as root")
    need_program("ip", package="iproute2")
    done = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-c", ALONE, sys.executable, str(tmp_path / "resolv.conf"), network],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    need("Operation not permitted" not in done.stderr, "no namespace can be made", "allow CAP_SYS_ADMIN")
    assert done.stdout == f"{trouble}\n", done.stderr


def test_a_name_with_letters_that_dns_cannot_have_is_no_crash() -> None:
    (found,) = examine_route(Way.to(f"https://{'a' * 80}.example"))
    assert found.state == "fail"
    for url in (f"https://{'ü' * 80}.example", "https://collector.example:99999", "gopher://collector.example"):
        with pytest.raises(ProbeError, match="is no address"):
            Way.to(url)


def test_a_closed_port_and_an_open_one_are_told_apart() -> None:
    name, refused = examine_route(Way.to(f"https://{ELSEWHERE}:{free_port()}"))
    assert (name.state, refused.trouble) == ("ok", "no-connection")
    assert "refuses connections" in refused.message
    with socket.create_server((ELSEWHERE, 0)) as listener:
        _, answers = examine_route(Way.to(f"https://{ELSEWHERE}:{listener.getsockname()[1]}"))
    assert answers.state == "ok"


def test_a_proxy_that_is_not_there_is_the_culprit_and_no_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("https_proxy", f"http://ada:secret@127.0.0.1:{port}")
    (found,) = examine_route(Way.to("https://collector.invalid"))
    assert (found.subject, found.trouble) == ("proxy", "proxy-unreachable")
    assert f"127.0.0.1:{port}" in found.message
    assert "secret" not in repr(found)


def test_a_proxy_that_answers_is_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(proxy(9), "127.0.0.1") as port:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{port}")
        (found,) = examine_route(Way.to("https://collector.invalid"))
    assert (found.subject, found.state) == ("proxy", "ok")


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1080", "http://[::1", "http://proxy:port", "ftp://proxy"])
def test_a_proxy_that_homecheck_cannot_speak_to_is_named(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("ALL_PROXY", address)
    (found,) = examine_route(Way.to("https://collector.invalid"))
    assert found.trouble == "proxy-kind"


def test_no_proxy_is_used_for_this_computer_nor_for_what_is_excepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert Way.to("https://localhost:8443").proxy is None
    monkeypatch.setenv("NO_PROXY", ".example.com")
    assert Way.to("https://collector.example.com").proxy is None
    assert Way.to("https://collector.example.org").proxy == Proxy("http", "127.0.0.1", 9)


def test_a_proxys_password_is_unquoted_for_the_proxy_and_its_address_shows_none() -> None:
    found = Proxy.read("http://ada:p%40ss@proxy.example:3128")
    assert (found.credentials, found.shown) == ("ada:p@ss", "proxy.example:3128")


REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: http://login.hotel.example/\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "portal"),
    [
        (REDIRECT, True),
        (b"HTTP/1.1 511 Network Authentication Required\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 301 Moved\r\nLocation: https://127.0.0.2/\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", False),
        (b"SSH-2.0-OpenSSH_9.2\r\n", False),
    ],
    ids=["sent elsewhere", "RFC 6585", "to TLS on the same host", "a page of the company", "no web server"],
)
def test_a_sign_in_page_is_told_from_a_companys_own_web_server(answer: bytes, portal: bool) -> None:
    with listening(says(answer)) as port:
        found = list(examine_portal(Way.to(f"https://{ELSEWHERE}"), port))
    assert [one.trouble for one in found] == (["captive-portal"] if portal else [])


def test_nobody_on_the_port_of_web_pages_is_no_sign_in_page() -> None:
    assert list(examine_portal(Way.to(f"https://{ELSEWHERE}"), free_port())) == []


def test_this_system_sets_no_script_for_proxies() -> None:
    assert list(examine_proxy_script()) == []  # Linux tells none


def test_a_script_for_proxies_is_something_to_look_at() -> None:
    settings = "<dictionary> {\n  ProxyAutoConfigEnable : 1\n}\n"  # of macOS, scutil --proxy
    (found,) = examine_proxy_script(lambda: from_scutil(lambda _: settings))
    assert (found.state, found.trouble) == ("warn", "proxy-script")
    assert "(PAC)" in found.message


def test_a_socks_proxy_is_something_to_look_at_and_is_called_so() -> None:
    (found,) = examine_proxy_script(lambda: "SOCKS")
    assert (found.state, found.trouble) == ("warn", "proxy-script")
    assert found.message == "the system's settings name a SOCKS proxy, which homecheck does not take"
