from __future__ import annotations

import pytest

from homecheck.standards.rfc_6890 import kind, without_addresses


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.255.0.1", "private"),
        ("172.15.255.255", "public"),
        ("172.16.0.0", "private"),
        ("172.32.0.0", "public"),
        ("192.168.1.20", "private"),
        ("fd00::1", "private"),
        ("100.63.255.255", "public"),
        ("100.64.0.0", "shared"),
        ("100.127.255.255", "shared"),
        ("100.128.0.0", "public"),
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("239.255.255.250", "multicast"),
        ("ff02::1", "multicast"),
        ("223.255.255.255", "public"),
        ("8.8.8.8", "public"),
        ("2a00:1450::1", "public"),
        ("192.0.2.1", "special"),
        ("2001:db8::1", "special"),
    ],
)
def test_kinds_by_the_registries_of_rfc_6890(address: str, expected: str) -> None:
    assert kind(address) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Via: SIP/2.0/UDP 192.168.1.2:5060;branch=z9hG4bKabc", "Via: SIP/2.0/UDP <private>:5060;branch=z9hG4bKabc"),
        ("Contact: <sip:homecheck@8.8.8.8:1024>", "Contact: <sip:homecheck@<public>:1024>"),
        ("c=IN IP4 100.64.0.9", "c=IN IP4 <shared>"),
        ("c=IN IP6 2a00:1450::1", "c=IN IP6 <public>"),
        ("Contact: <sip:homecheck@[2a00:1450::1]:5060>", "Contact: <sip:homecheck@[<public>]:5060>"),
        ("a=rtpmap:0 PCMU/8000", "a=rtpmap:0 PCMU/8000"),
        ("Call-ID: 17.dead.beef@homecheck.invalid", "Call-ID: 17.dead.beef@homecheck.invalid"),
        ("at 8.8.8.8.", "at <public>."),
        ("", ""),
    ],
)
def test_addresses_in_a_text_give_way_to_their_kinds(text: str, expected: str) -> None:
    assert without_addresses(text) == expected
