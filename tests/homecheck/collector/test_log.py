"""The log over HTTP: checkpoints and proofs that anybody can check, in a growing log and beside uploads."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from homecheck.checkpoint import Checkpoint, open_checkpoint
from homecheck.collector import setup
from homecheck.collector.audit import Trusted, audit
from homecheck.collector.store.database import opened
from homecheck.errors import Refused
from homecheck.receipt import Receipt, entry_of
from homecheck.signed_note import NoteKey, from_base64
from homecheck.signing import RECEIPT, KeyLookup, digest, key_set, verify
from homecheck.standards.rfc_6962 import verify_consistency
from homecheck.tlog_proof import TlogProof
from tests.live_collector import Site, in_thread
from tests.needs import need_program
from tests.people import FAILS, Worker

PAGE = Path(__file__).parents[3] / "docs" / "log.md"


def key_of(worker: Worker) -> NoteKey:
    """Return the log's key as the collector names it."""
    return NoteKey.from_vkey(worker.get("/.well-known/homecheck").json()["log"]["key"])


def pinned(worker: Worker) -> KeyLookup:
    return key_set(worker.get("/v1/jwks").json()).get


def checkpoint_of(worker: Worker) -> Checkpoint:
    answer = worker.get("/v1/log/checkpoint")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    return open_checkpoint(answer.text, key_of(worker))


def grown(worker: Worker, first: Checkpoint, second: Checkpoint) -> None:
    answer = worker.get(f"/v1/log/consistency/{first.size}/{second.size}")
    assert answer.status_code == 200
    path = [from_base64(line) for line in answer.text.splitlines()]
    verify_consistency(first.size, second.size, path, first.root, second.root)


def test_every_receipt_proves_its_place_and_every_checkpoint_begins_with_the_ones_before(site: Site) -> None:
    worker = site.worker(name="Grower")
    seen = [checkpoint_of(worker)]
    for _ in range(5):
        receipt = worker.check()
        assert receipt.status_code == 201
        logged = Receipt.from_bytes(verify(receipt.content, RECEIPT, pinned(worker))).logged
        assert logged is not None
        assert logged.key == key_of(worker)
        assert logged.proof.index == seen[-1].size  # the next place, and nobody else is here
        seen += [logged.checkpoint]
        assert checkpoint_of(worker) == logged.checkpoint
    for number, second in enumerate(seen):
        for first in seen[: number + 1]:
            grown(worker, first, second)


def test_a_later_proof_is_asked_for_by_the_digest_of_the_evidence(site: Site) -> None:
    worker = site.worker(name="Later")
    evidence = worker.evidence()
    envelope = worker.sign(evidence)
    receipt = worker.put(evidence.id, envelope).content
    for _ in range(3):
        assert worker.check().status_code == 201
    proof = TlogProof.from_text(worker.get(f"/v1/log/proof/{digest(envelope)}").text)
    found = proof.verify(entry_of(receipt, pinned(worker)), key_of(worker))
    assert found == checkpoint_of(worker)
    with pytest.raises(Refused, match="not in this log"):
        proof.verify(entry_of(worker.check().content, pinned(worker)), key_of(worker))


@pytest.mark.parametrize(
    "path",
    [
        "proof/sha256:" + "0" * 64,
        "proof/x",
        "proof/%00",
        "consistency/0/1",
        "consistency/2/1",
        "consistency/1/999999",
        "consistency/01/2",
        "consistency/-1/2",
        "consistency/a/b",
        "consistency/%D9%A1/2",
        "consistency/1/" + "9" * 5000,
        "consistency/1",
    ],
)
def test_what_the_log_does_not_hold_is_not_found(site: Site, path: str) -> None:
    answer = site.worker(name="Curious").get(f"/v1/log/{path}")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


def test_events_and_receipts_that_arrive_together_make_one_log(tmp_path: Path) -> None:
    """Uploads go through the writer's thread, invitations through other connections; all is audited meanwhile."""
    with in_thread(tmp_path) as site:
        workers = [site.worker(name=f"Worker {number}") for number in range(4)]
        collector = setup.load(site.database)
        trusted = Trusted(collector.public_keys(), collector.log.key)
        over = threading.Event()

        def watch() -> list[int]:
            sizes = []
            while not over.is_set():
                with opened(site.database) as db:
                    found = audit(db, trusted)
                assert found.defects == ()
                sizes.append(found.size)
            return sizes

        def send(worker: Worker) -> list[requests.Response]:
            return [worker.upload(worker.evidence()) for _ in range(15)]

        with ThreadPoolExecutor(6) as pool:
            watching = pool.submit(watch)
            sending = [pool.submit(send, worker) for worker in workers]
            for number in range(15):
                site.invite(f"Guest {number}")
            answers = [answer for one in sending for answer in one.result()]
            over.set()
            sizes = watching.result()
        assert {answer.status_code for answer in answers} == {201}
        assert sizes == sorted(sizes)
        with opened(site.database) as db:
            found = audit(db, trusted)
        assert found.defects == ()
        assert (found.counts["receipt"], found.size) == (60, 60 + 2 + 8 + 15)  # set-up, program, workers, invitations


def test_what_an_upload_leaves_behind_when_it_fails_is_no_hole_in_the_log(tmp_path: Path) -> None:
    with in_thread(tmp_path) as site:
        worker = site.worker()
        first = worker.evidence()
        assert worker.upload(first).status_code == 201
        assert worker.upload(worker.evidence(id=first.id)).status_code == 409
        assert worker.upload(worker.evidence("stale")).status_code == 401
        assert worker.upload(worker.evidence()).status_code == 201
        collector = setup.load(site.database)
        with opened(site.database) as db:
            found = audit(db, Trusted(collector.public_keys(), collector.log.key))
        assert (found.defects, found.counts["receipt"]) == ((), 2)


def test_node_verifies_evidence_receipt_and_place_with_nothing_of_ours(site: Site, tmp_path: Path) -> None:
    """The screen of JavaScript that docs/log.md shows to auditors: JWS, statement, leaf, path and checkpoint."""
    need_program("node", package="nodejs")
    (screen,) = re.findall(r"^```js\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / "verify_receipt.mjs").write_text(screen, encoding="utf-8")
    worker = site.worker(FAILS, name="Node")
    evidence = worker.evidence()
    envelope = worker.sign(evidence)
    receipt = worker.put(evidence.id, envelope).content
    (tmp_path / "evidence.jws").write_bytes(envelope)
    (tmp_path / "jwks.json").write_text(json.dumps(worker.get("/v1/jwks").json()), encoding="utf-8")

    def node(receipt: bytes, proof: bytes = b"") -> subprocess.CompletedProcess[str]:
        (tmp_path / "receipt.jws").write_bytes(receipt)
        (tmp_path / "later.tlog-proof").write_bytes(proof)
        names = ["evidence.jws", "receipt.jws", "jwks.json", *(["later.tlog-proof"] if proof else [])]
        command = ["node", "verify_receipt.mjs", *names]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = node(receipt)
    assert done.returncode == 0, done.stderr
    said = Receipt.from_bytes(verify(receipt, RECEIPT, pinned(worker)))
    assert said.logged is not None
    assert json.loads(done.stdout) == {
        "verdict": "fail",
        "index": said.position,
        "size": said.logged.checkpoint.size,
        "key": key_of(worker).vkey,
    }
    for _ in range(2):
        other = worker.check()
    later = worker.get(f"/v1/log/proof/{digest(envelope)}").content
    done = node(receipt, later)
    assert (done.returncode, json.loads(done.stdout)["size"]) == (0, checkpoint_of(worker).size)
    assert node(other.content).returncode == 1  # the receipt of another check
    assert "not in the log" in node(receipt, later.replace(b"\nindex ", b"\nindex 1")).stderr
    assert "checkpoint" in node(receipt, later.replace(b"\n\n127", b"\n\n128")).stderr
