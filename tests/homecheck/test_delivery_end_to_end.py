"""Delivery against the real collector, in a process of its own, started as its operator would start it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homecheck import spool
from homecheck.cli.local_servers import LocalServers
from homecheck.config import Home
from homecheck.enrolment import Enrolment, fetch_nonce, find, read_invitation, redeem, refresh_policy
from homecheck.errors import EnrolmentError
from homecheck.evidence import Evidence
from homecheck.exchange import new_session
from homecheck.keys import SoftwareKey, read_key_file
from homecheck.signing import EVIDENCE, sign
from homecheck.standards.rfc_9562 import uuid7
from homecheck.upload import Delivery, deliver, deliver_waiting
from tests.command_line import homecheck
from tests.ports import free_port
from tests.scripted_collector import make_evidence

PROGRAM = "voice"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServers]:
    running = LocalServers(tmp_path_factory.mktemp("servers"), "Example Inc.")
    running.url = f"http://127.0.0.1:{free_port()}"
    try:
        running.collector("init", "--url", running.url, "--name", running.name)
        running.collector("program", "add", PROGRAM, "--policy", "voice-standard")
        running.serve_collector()
        yield running
    finally:
        running.stop()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "home")


def invited(servers: LocalServers, person: str) -> str:
    return servers.collector("invite", PROGRAM, "--person", person).strip()


def enrolled(servers: LocalServers, home: Home, person: str) -> tuple[Enrolment, SoftwareKey]:
    assert homecheck(home, "enroll", "--yes", invited(servers, person)).status == 0
    enrolment = find(home, PROGRAM)
    return enrolment, read_key_file(home.keys / f"{enrolment.kid}.jwk")


def measured(enrolment: Enrolment, home: Home, signer: SoftwareKey, nonce: str | None) -> Evidence:
    now = datetime.now(UTC)
    return replace(
        make_evidence(signer, number=spool.next_seq(home, enrolment.kid), aud=enrolment.collector, nonce=nonce),
        id=uuid7(int(now.timestamp() * 1000), os.urandom(10)),
        sub=enrolment.subject,
        iat=int(now.timestamp()),
        started_at=now,
        finished_at=now,
    )


def sent(enrolment: Enrolment, home: Home, signer: SoftwareKey, evidence: Evidence) -> Delivery:
    name = spool.put(home, sign(evidence.to_bytes(), EVIDENCE, signer), enrolment.program)
    return deliver(home, enrolment, signer, name, new_session({}), deadline_seconds=20.0)


def test_evidence_made_after_a_challenge_gets_a_receipt_that_says_so(servers: LocalServers, home: Home) -> None:
    enrolment, signer = enrolled(servers, home, "Åsa Öberg")
    nonce = fetch_nonce(enrolment, new_session({}))
    delivery = sent(enrolment, home, signer, measured(enrolment, home, signer, nonce))
    assert (delivery.status, delivery.message) == ("accepted", "Example Inc. has received it.")
    assert delivery.result is not None
    assert delivery.result.freshness == "measured"
    # Of all that the policy asks for only the download rate was measured: what is missing is never a pass.
    assert delivery.result.result.verdict.word == "inconclusive"
    verdicts = {finding.quantity: finding.verdict.word for finding in delivery.result.result.findings}
    assert verdicts["network.download"] == "pass"
    envelope = (home.receipts / f"{delivery.envelope[7:]}.jws").read_bytes()
    assert delivery.envelope == "sha256:" + hashlib.sha256(envelope).hexdigest()


def test_a_challenge_of_somebody_else_is_replaced_by_a_fresh_one(servers: LocalServers, home: Home) -> None:
    enrolment, signer = enrolled(servers, home, "Stale")
    evidence = measured(enrolment, home, signer, nonce="c3RhbGU")
    delivery = sent(enrolment, home, signer, evidence)
    assert delivery.status == "accepted"
    assert delivery.result is not None
    assert (delivery.result.evidence_id, delivery.result.freshness) == (evidence.id, "measured")
    assert spool.waiting(home) == ()


def test_the_same_bytes_again_get_the_very_same_receipt(servers: LocalServers, home: Home) -> None:
    enrolment, signer = enrolled(servers, home, "Twice")
    evidence = measured(enrolment, home, signer, None)
    first = sent(enrolment, home, signer, evidence)
    second = sent(enrolment, home, signer, evidence)
    assert first.status == second.status == "accepted"
    assert first.receipt == second.receipt
    assert first.result is not None
    assert first.result.freshness == "none"


def test_other_bytes_under_the_same_id_are_set_aside(servers: LocalServers, home: Home) -> None:
    enrolment, signer = enrolled(servers, home, "Conflict")
    evidence = measured(enrolment, home, signer, None)
    assert sent(enrolment, home, signer, evidence).status == "accepted"
    for path in home.receipts.iterdir():
        path.unlink()  # as if this key had been copied to another computer
    delivery = sent(enrolment, home, signer, replace(evidence, seq=evidence.seq + 1))
    assert delivery.status == "refused"
    assert "id-conflict" in delivery.message
    assert spool.waiting(home) == ()


def test_evidence_for_another_collector_is_refused_with_its_reason(servers: LocalServers, home: Home) -> None:
    enrolment, signer = enrolled(servers, home, "Audience")
    evidence = replace(measured(enrolment, home, signer, None), aud="https://other.example")
    delivery = sent(enrolment, home, signer, evidence)
    assert delivery.status == "refused"
    assert "wrong-audience" in delivery.message
    assert [one.reason for one in spool.aside(home)] == [delivery.message]


def test_an_invitation_works_once_and_an_unknown_one_never(servers: LocalServers, home: Home, tmp_path: Path) -> None:
    address = invited(servers, "Once")
    http = new_session({})
    invitation = read_invitation(address, http)
    first = redeem(invitation, home, http, datetime.now(UTC))
    with pytest.raises(EnrolmentError, match="has been used already"):
        read_invitation(address, http)
    with pytest.raises(EnrolmentError, match="has been used already"):
        redeem(invitation, Home.at(tmp_path / "thief"), http, datetime.now(UTC))
    assert find(home, PROGRAM) == first
    with pytest.raises(EnrolmentError, match="does not know this invitation"):
        read_invitation(f"{servers.url}/invite/{'A' * 22}", http)


def test_the_policy_is_the_collectors_own(servers: LocalServers, home: Home) -> None:
    enrolment, _ = enrolled(servers, home, "Policy")
    refreshed = refresh_policy(enrolment, home, new_session({}))
    assert refreshed.policy_note == ""
    assert (refreshed.policy.name, refreshed.policy) == ("voice-standard", enrolment.policy)


def test_what_was_measured_while_the_collector_was_down_is_delivered_when_it_is_back(
    servers: LocalServers, home: Home
) -> None:
    enrolment, signer = enrolled(servers, home, "Outage")
    envelopes = [sign(measured(enrolment, home, signer, None).to_bytes(), EVIDENCE, signer) for _ in range(3)]
    names = [spool.put(home, envelope, PROGRAM) for envelope in envelopes]
    servers.stop()
    down = deliver_waiting(home, new_session({}), deadline_seconds=4.0)
    assert [delivery.status for delivery in down] == ["waiting"] * 3
    assert "nobody answers there" in down[0].message
    servers.serve_collector()
    result = homecheck(home, "upload")
    assert result.status == 0
    assert sorted(line.split(": ")[0] for line in result.out.splitlines()) == sorted(names)
