"""Agents mind that a collector's log only grows: an honest one, one that was rewritten, one that says nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from homecheck import durable
from homecheck.cli import run
from homecheck.config import Home
from homecheck.enrolment import Enrolment, leave, read_invitation, redeem
from homecheck.exchange import new_session
from homecheck.keys import SoftwareKey, read_key_file
from homecheck.signing import EVIDENCE, sign
from homecheck.spool import put
from homecheck.strict_json import serialize
from homecheck.upload import Delivery, deliver
from homecheck.witness import contradiction
from tests.scripted_collector import NOW, Reply, Request, ScriptedCollector, make_evidence
from tests.small_log import SmallLog

HTTP = new_session({})


@dataclass
class Bench:
    """A home enrolled with a collector."""

    collector: ScriptedCollector
    home: Home
    enrolment: Enrolment
    signer: SoftwareKey
    number: int = field(default=0)

    def deliver(self) -> Delivery:
        """Send new evidence."""
        self.number += 1
        evidence = make_evidence(self.signer, number=self.number, aud=self.collector.url)
        name = put(self.home, sign(evidence.to_bytes(), EVIDENCE, self.signer), "voice", NOW)
        delivery = deliver(self.home, self.enrolment, self.signer, name, HTTP, deadline_seconds=20)
        assert delivery.status == "accepted"  # whatever the log is like: it is not the person's
        return delivery

    def asked(self) -> list[str]:
        return [one.path for one in self.collector.sent("GET") if one.path.startswith("/v1/log/")]

    @property
    def kept(self) -> Path:
        return self.home.logs / f"{self.enrolment.kid}.json"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("HOMECHECK_HOME", str(tmp_path / "home"))
    with ScriptedCollector() as collector:
        home = Home.at(tmp_path / "home")
        enrolment = redeem(read_invitation(collector.invite_url, HTTP), home, HTTP, NOW)
        yield Bench(collector, home, enrolment, read_key_file(home.keys / f"{enrolment.kid}.jwk"))


def test_the_first_checkpoint_is_kept_and_every_later_one_is_held_against_it(bench: Bench) -> None:
    for _ in range(2):
        bench.collector.log.append(b"somebody else's")
    for _ in range(3):
        delivery = bench.deliver()
        assert delivery.log is not None
        assert (delivery.log.state, delivery.log.message) == ("agrees", "")
        assert json.loads(bench.kept.read_bytes())["checkpoint"] == bench.collector.log.checkpoint()
    assert bench.asked() == ["/v1/log/consistency/3/4", "/v1/log/consistency/4/5"]


def test_a_log_that_was_rewritten_is_noticed_and_is_the_collectors_fault(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.deliver()
    before = bench.kept.read_bytes()
    bench.collector.log.leaves[0] = bytes(32)
    found = bench.deliver().log
    assert found is not None
    assert found.state == "contradicted"
    assert found.message.startswith("Example Inc. shows another log than before: the tree of 2 does not begin with")
    assert "the company's fault, not yours" in found.advice
    # What was seen first stays, and both are kept as a proof that anybody can check.
    assert bench.kept.read_bytes() == before
    proof = json.loads((bench.home.logs / f"{bench.enrolment.kid}.contradiction.json").read_bytes())
    assert [one["checkpoint"].split("\n")[1] for one in proof["checkpoints"]] == ["1", "2"]
    assert bench.deliver().log == found.__class__("contradicted", found.message.replace("of 2", "of 3"), found.advice)
    assert run(["status"]) == 0
    shown = capsys.readouterr().out
    assert "Example Inc. has shown two logs that cannot both be true. This is the company's fault, not yours" in shown
    assert str(contradiction(bench.home, bench.enrolment.kid)) in shown


def test_two_logs_of_the_same_size_cannot_both_be_true(bench: Bench) -> None:
    bench.deliver()
    bench.collector.log.leaves.clear()
    found = bench.deliver().log
    assert found is not None
    assert found.state == "contradicted"
    assert "same size have different roots" in found.message
    assert bench.asked() == []  # nothing has to be asked for that


def test_a_log_that_became_shorter_cannot_be_the_same(bench: Bench) -> None:
    for _ in range(3):
        bench.deliver()
    del bench.collector.log.leaves[:]
    bench.collector.log.append(b"another")
    found = bench.deliver().log
    assert found is not None
    assert found.state == "unproven"  # the collector cannot even make a proof from 2 to 3 entries
    while len(bench.collector.log.leaves) < 3:
        bench.deliver()
    found = bench.deliver().log
    assert found is not None
    assert found.state == "contradicted"


def begun_anew(bench: Bench, later: timedelta) -> Delivery:
    """Three deliveries; then the collector forgets them, and receives a fourth `later` by its own clock."""
    for _ in range(3):
        bench.deliver()
    del bench.collector.log.leaves[:]
    bench.collector.received_at = NOW + later
    return bench.deliver()


def test_a_new_entry_in_an_old_ones_place_is_a_contradiction_although_no_proof_is_shown(bench: Bench) -> None:
    """A backup that was put back, or a log that was cut off: it need not grow long again before it is noticed."""
    found = begun_anew(bench, timedelta(minutes=6)).log
    assert found is not None
    assert found.state == "contradicted"
    assert (
        "what it received at 2026-11-23T20:39:00.000Z is entry 0, and at 2026-11-23T20:33:00.000Z it had signed that"
        " there were 3 entries" in found.message
    )
    proof = json.loads((bench.home.logs / f"{bench.enrolment.kid}.contradiction.json").read_bytes())
    assert [one["received_at"][11:16] for one in proof["checkpoints"]] == ["20:33", "20:39"]


@pytest.mark.parametrize("later", [timedelta(minutes=4), timedelta(0), timedelta(hours=-1)])
def test_receipts_whose_times_do_not_tell_their_order_accuse_nobody(bench: Bench, later: timedelta) -> None:
    found = begun_anew(bench, later).log
    assert found is not None
    assert (found.state, "gives no proof (HTTP status 404)" in found.message) == ("unproven", True)


def test_what_an_older_version_kept_has_no_time_and_accuses_nobody(bench: Bench) -> None:
    bench.deliver()
    kept = json.loads(bench.kept.read_bytes())
    for _ in range(2):
        bench.deliver()
    newest = json.loads(bench.kept.read_bytes())
    bench.kept.write_bytes(serialize({"v": 1, "key": kept["key"], "checkpoint": newest["checkpoint"]}))
    del bench.collector.log.leaves[:]
    bench.collector.received_at = NOW + timedelta(hours=1)
    found = bench.deliver().log
    assert found is not None
    assert found.state == "unproven"


def test_another_key_of_the_log_is_noticed(bench: Bench) -> None:
    bench.deliver()
    first = bench.collector.log
    bench.collector.log = SmallLog(leaves=list(first.leaves))
    found = bench.deliver().log
    assert found is not None
    assert found.state == "contradicted"
    assert f"signed by the key {bench.collector.log.key.vkey}, and was signed by {first.key.vkey}" in found.message


def silent(_: Request) -> None:
    return None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Reply(404), "gives no proof (HTTP status 404)"),
        (silent, "connection broke"),
        (Reply(200, b"<html>Welcome to our network</html>"), "is not base64"),
        (Reply(200, b"x" * 200_000), "gives no proof (HTTP status 200)"),
    ],
)
def test_a_collector_that_shows_no_proof_is_asked_again_and_nothing_is_forgotten(
    bench: Bench, answer: Reply, why: str
) -> None:
    bench.deliver()
    before = bench.kept.read_bytes()
    bench.collector.script("GET", answer)
    found = bench.deliver().log
    assert found is not None
    assert (found.state, why in found.message) == ("unproven", True)
    assert bench.kept.read_bytes() == before
    bench.collector.scripts.clear()
    found = bench.deliver().log
    assert found is not None
    assert found.state == "agrees"
    assert bench.asked()[-1] == "/v1/log/consistency/1/3"  # from what was proven last
    assert contradiction(bench.home, bench.enrolment.kid) is None


@pytest.mark.parametrize("proof", [b"", b"AAAA\n", b"A" * 43 + b"=\n", (b"A" * 43 + b"=\n") * 70])
def test_a_proof_that_proves_something_else_is_a_contradiction(bench: Bench, proof: bytes) -> None:
    bench.deliver()
    bench.collector.script("GET", Reply(200, proof))
    found = bench.deliver().log
    assert found is not None
    assert found.state == "contradicted"


def test_an_older_receipt_whose_answer_was_lost_is_held_against_the_newer_checkpoint(bench: Bench) -> None:
    late: list[Reply] = []

    def lost(request: Request) -> Reply:
        late.append(late[0] if late else bench.collector.receipt(request))
        return Reply(500)

    bench.collector.script("PUT", lost)
    evidence = make_evidence(bench.signer, number=100, aud=bench.collector.url)
    name = put(bench.home, sign(evidence.to_bytes(), EVIDENCE, bench.signer), "voice", NOW)
    waiting = deliver(bench.home, bench.enrolment, bench.signer, name, HTTP, deadline_seconds=1.5)
    assert waiting.status == "waiting"
    bench.collector.scripts.clear()
    bench.deliver()
    newest = bench.kept.read_bytes()
    bench.collector.script("PUT", late[0])
    found = deliver(bench.home, bench.enrolment, bench.signer, name, HTTP, deadline_seconds=20)
    assert found.log is not None
    assert (found.status, found.log.state) == ("accepted", "agrees")
    assert bench.asked() == ["/v1/log/consistency/1/2"]
    assert bench.kept.read_bytes() == newest


def test_a_witness_whose_memory_is_damaged_says_so(bench: Bench) -> None:
    bench.deliver()
    bench.kept.write_bytes(bench.kept.read_bytes().replace(b"\\n1\\n", b"\\n2\\n"))
    found = bench.deliver().log
    assert found is not None
    assert found.state == "unproven"
    assert "this file is damaged" in found.message


def test_a_witness_that_cannot_write_delivers_all_the_same(bench: Bench) -> None:
    bench.home.logs.write_bytes(b"a file where the folder should be")
    found = bench.deliver().log
    assert found is not None
    assert (found.state, str(bench.home.logs) in found.message) == ("unproven", True)


def test_the_upload_command_shows_a_rewritten_log_and_succeeds(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.deliver()
    bench.collector.log.leaves[0] = bytes(32)
    evidence = make_evidence(bench.signer, number=9, aud=bench.collector.url)
    put(bench.home, sign(evidence.to_bytes(), EVIDENCE, bench.signer), "voice")
    assert run(["upload", "--output", "json"]) == 0
    (upload,) = json.loads(capsys.readouterr().out)["uploads"]
    assert (upload["status"], upload["log"]) == ("accepted", "contradicted")
    put(
        bench.home,
        sign(make_evidence(bench.signer, number=10, aud=bench.collector.url).to_bytes(), EVIDENCE, bench.signer),
        "voice",
    )
    assert run(["upload"]) == 0
    captured = capsys.readouterr()
    assert "accepted by voice" in captured.out
    assert "shows another log than before" in captured.err
    assert "the company's fault, not yours" in captured.err


def test_who_leaves_a_program_forgets_its_log(bench: Bench) -> None:
    bench.deliver()
    assert durable.read(bench.kept) is not None
    leave(bench.home, bench.enrolment)
    assert list(bench.home.logs.iterdir()) == []
