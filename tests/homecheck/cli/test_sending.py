"""What waits from earlier checks is sent when the next one starts, whatever becomes of that one's own results."""

from __future__ import annotations

from pathlib import Path

import pytest

from homecheck import spool
from homecheck.config import Home
from homecheck.enrolment import find
from homecheck.keys import read_key_file
from homecheck.signing import EVIDENCE, digest, sign
from tests.command_line import homecheck
from tests.homecheck.cli.test_noting import POLICY, plug_in
from tests.scripted_collector import ScriptedCollector, make_evidence, problem


@pytest.mark.parametrize(
    ("arguments", "sent"), [((), True), (("--no-upload",), False), (("--policy", "chat-only"), False)]
)
def test_what_waits_goes_first_unless_nothing_is_to_be_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sent: bool
) -> None:
    home = Home.at(tmp_path / "home")
    plug_in("Jabra", monkeypatch)
    with ScriptedCollector(policy_text=POLICY) as collector:
        homecheck(home, "enroll", "--yes", collector.invite_url)
        signer = read_key_file(home.keys / f"{find(home, 'voice').kid}.jwk")
        envelope = sign(make_evidence(signer, number=1).to_bytes(), EVIDENCE, signer)
        spool.put(home, envelope, "voice")
        collector.script("PUT", collector.receipt, problem(429, "slow-down", {"Retry-After": "1800"}))
        homecheck(home, "check", "--unattended", *arguments)
        bodies = [request.body for request in collector.sent("PUT")]
    assert (bodies[:1] == [envelope]) is sent
    assert (digest(envelope) in {one.digest for one in spool.waiting(home)}) is not sent
    assert len(spool.waiting(home)) == 1  # the check's own, or the one that was not sent
