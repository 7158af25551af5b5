from __future__ import annotations

import pytest

from homecheck.responder.proofs import Proofs
from homecheck.responder.sessions import families


def test_what_somebody_had_answers_from_is_proven_for_an_hour() -> None:
    seconds = 1000.0
    proofs = Proofs(lambda: seconds)
    assert proofs.proven() == []
    proofs.note(["udp"])
    seconds += 1800
    proofs.note(["sip", "what a newer agent may say"])
    assert proofs.proven() == ["sip", "udp"]
    seconds += 1800
    assert proofs.proven() == ["sip", "udp"]
    seconds += 0.5
    assert proofs.proven() == ["sip"]


@pytest.mark.parametrize(
    ("source", "family"),
    [
        ("203.0.113.9", ["ipv4"]),
        ("::ffff:203.0.113.9", ["ipv4"]),
        ("2001:db8::1", ["ipv6"]),
        ("fe80::1%eth0", ["ipv6"]),
        ("127.0.0.1", []),
        ("::1", []),
        ("", []),
    ],
)
def test_the_family_of_an_agent_is_that_of_its_address(source: str, family: list[str]) -> None:
    assert families(source) == family
