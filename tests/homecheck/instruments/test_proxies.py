"""Proxies that are set, from each system's own words."""

from __future__ import annotations

import urllib.request

import pytest

from homecheck.errors import ProbeError
from homecheck.instruments.proxies import (
    Proxy,
    from_registry,
    from_scutil,
    proxy_for,
    read_proxy,
    schemes_of,
    socks_alone,
    system_settings,
)


def test_only_proxies_of_web_pages_count() -> None:
    assert schemes_of({"http": "http://10.0.0.1:3128", "ftp": "http://10.0.0.1:2121", "no": "localhost"}) == ("http",)
    assert schemes_of({}) == ()


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://user:secret@proxy.example:3128")
    assert "https" in urllib.request.getproxies()
    found = system_settings()
    assert "https" in found.schemes
    assert "secret" not in repr(found)


def test_windows_names_the_address_of_a_script() -> None:
    assert from_registry({"AutoConfigURL": "http://wpad.example/proxy.pac"}) == "PAC"
    assert from_registry({}) == ""


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("<dictionary> {\n  HTTPEnable : 0\n  ProxyAutoConfigEnable : 1\n}\n", "PAC"),
        ("<dictionary> {\n  ProxyAutoConfigEnable : 0\n  ProxyAutoDiscoveryEnable : 1\n}\n", "WPAD"),
        ("<dictionary> {\n  HTTPEnable : 0\n}\n", ""),
        ("", ""),
    ],
)
def test_macos_says_whether_a_script_decides(text: str, script: str) -> None:
    assert from_scutil(lambda _: text) == script


@pytest.mark.parametrize(
    ("address", "proxy"),
    [
        ("http://proxy.example:3128", Proxy("proxy.example", 3128)),
        ("proxy.example:3128", Proxy("proxy.example", 3128)),
        ("http://proxy.example", Proxy("proxy.example", 80)),
        ("http://[2001:db8::1]:8080/", Proxy("2001:db8::1", 8080)),
        # RFC 7617 2: user-id and password of its own example, and what they come to
        (
            "http://Aladdin:open%20sesame@proxy.example:3128",
            Proxy("proxy.example", 3128, "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ),
    ],
)
def test_a_proxys_address_is_read(address: str, proxy: Proxy) -> None:
    assert read_proxy(address) == proxy
    assert "sesame" not in proxy.name


@pytest.mark.parametrize(
    "address", ["socks5://127.0.0.1:1080", "https://proxy.example", "http://", "http://proxy:high"]
)
def test_another_kind_of_proxy_is_not_guessed_at(address: str) -> None:
    with pytest.raises(ProbeError) as raised:
        read_proxy(address)
    assert (raised.value.code, raised.value.at_fault) == ("proxy_kind", "agent")


def test_encrypted_connections_take_the_proxy_that_is_set_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert proxy_for("calls.example.com") is None
    monkeypatch.setenv("http_proxy", "http://plain.example:8080")
    assert proxy_for("calls.example.com") is None
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_for("calls.example.com") == Proxy("proxy.example", 3128)
    assert proxy_for("calls.inside.example") is None
    assert proxy_for("127.0.0.1") is None


def test_a_socks_proxy_counts_where_it_stands_alone() -> None:
    # macOS: urllib writes every proxy of the settings as http, whatever it speaks.
    assert socks_alone({"socks": "http://10.0.0.1:1080"}) == "SOCKS"
    assert socks_alone({"socks": "http://10.0.0.1:1080", "https": "http://10.0.0.1:3128"}) == ""
    assert socks_alone({"no": "localhost"}) == ""


def test_the_kind_of_a_proxy_is_named_and_its_password_is_not() -> None:
    with pytest.raises(ProbeError, match="a proxy of the kind socks5, and homecheck speaks to HTTP") as raised:
        read_proxy("socks5://ada:secret@proxy.example:1080")
    assert "secret" not in raised.value.message
