"""What a timer is given of a person's session."""

from __future__ import annotations

from pathlib import Path

from homecheck.session_environment import carried, missing


def test_proxies_are_carried_in_either_spelling_and_nothing_else() -> None:
    given = {"HTTPS_PROXY": "http://proxy:3128", "all_proxy": "socks5://proxy", "NO_PROXY": "", "LD_PRELOAD": "/x.so"}
    assert carried(given) == {"HTTPS_PROXY": "http://proxy:3128", "all_proxy": "socks5://proxy"}


def test_a_proxy_in_both_spellings_is_told_once() -> None:
    both = {"HTTPS_PROXY": "http://proxy:3128", "https_proxy": "http://proxy:3128"}
    assert list(carried(both)) == ["HTTPS_PROXY"]
    assert carried({**both, "https_proxy": "http://other:1"}) == {**both, "https_proxy": "http://other:1"}


def test_a_certificate_file_is_found_from_wherever_the_timer_starts() -> None:
    assert carried({"SSL_CERT_FILE": "ü/ca.pem"}) == {"SSL_CERT_FILE": str(Path.cwd() / "ü" / "ca.pem")}
    assert carried({"SSL_CERT_FILE": "/etc/ca.pem"}) == {"SSL_CERT_FILE": "/etc/ca.pem"}


def test_what_no_file_can_hold_is_left_out() -> None:
    assert carried({"HTTPS_PROXY": "http://\udcff", "SSL_CERT_FILE": "/a\nb"}) == {}


def test_sound_server_and_key_ring_are_where_the_session_has_them_and_only_on_linux() -> None:
    there = {Path("/run/user/7"), Path("/run/user/7/bus")}
    found = missing({}, 7, there.__contains__, "linux")
    assert found == {
        "XDG_RUNTIME_DIR": "/run/user/7",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/7/bus",
    }
    assert missing(found, 7, there.__contains__, "linux") == {}
    assert missing({}, 8, there.__contains__, "linux") == {}
    assert missing({}, 7, there.__contains__, "darwin") == {}


def test_the_language_is_carried_whichever_variable_named_it() -> None:
    assert carried({"HOMECHECK_LANG": "es_MX.UTF-8", "LANG": "sv_SE.UTF-8"}) == {"HOMECHECK_LANG": "es"}
    assert carried({"LANG": "sv_SE.UTF-8"}) == {"HOMECHECK_LANG": "sv"}
    assert carried({"LC_ALL": "C", "LANG": "sv_SE.UTF-8"}) == {}  # English is what a timer speaks anyway
    assert carried({"HOMECHECK_LANG": "en", "LANG": "sv_SE.UTF-8"}) == {"HOMECHECK_LANG": "en"}
