from __future__ import annotations

import json
from pathlib import Path

from homecheck import spool
from homecheck.config import Home
from homecheck.enrolment import find
from homecheck.keys import SoftwareKey, read_key_file
from homecheck.signing import EVIDENCE, RECEIPT, sign
from tests.command_line import homecheck
from tests.scripted_collector import Reply, ScriptedCollector, make_evidence, problem


def enrolled(collector: ScriptedCollector, folder: Path) -> tuple[Home, str]:
    """Return a home that is enrolled, and the digest of the evidence that waits there."""
    home = Home.at(folder)
    homecheck(home, "enroll", "--yes", collector.invite_url)
    signer = read_key_file(home.keys / f"{find(home, 'voice').kid}.jwk")
    return home, spool.put(home, sign(make_evidence(signer).to_bytes(), EVIDENCE, signer), "voice")


def test_nothing_to_send_is_fine(tmp_path: Path) -> None:
    result = homecheck(Home.at(tmp_path), "upload")
    assert (result.status, result.out, result.err) == (0, "", "Nothing waits to be sent.\n")
    assert json.loads(homecheck(Home.at(tmp_path), "upload", "--output", "json").out) == {"uploads": []}


def test_what_was_accepted_is_printed_with_receipt_and_verdict(tmp_path: Path) -> None:
    with ScriptedCollector() as collector:
        home, name = enrolled(collector, tmp_path)
        result = homecheck(home, "upload")
    assert result.status == 0
    assert result.out.startswith(f"{name}: accepted by voice, verdict pass, receipt sha256:")


def test_what_was_not_accepted_is_20_with_the_reason(tmp_path: Path) -> None:
    with ScriptedCollector() as collector:
        home, name = enrolled(collector, tmp_path)
        collector.script("PUT", Reply(200))
        waits = homecheck(home, "upload")
        collector.script("PUT", problem(422, "schema"))
        refused = homecheck(home, "upload", "--output", "json")
    assert waits.status == 20
    assert waits.out == f"{name}: still waits (voice)\n"
    assert "sent no receipt that counts" in waits.err
    assert refused.status == 20
    (upload,) = json.loads(refused.out)["uploads"]
    assert (upload["evidence"], upload["status"], upload["receipt"], upload["verdict"]) == (name, "refused", None, None)
    assert homecheck(home, "upload").status == 0  # what was refused no longer waits


def test_evidence_that_was_rescued_from_a_full_disk_is_sent_from_its_file(tmp_path: Path) -> None:
    with ScriptedCollector() as collector:
        home, name = enrolled(collector, tmp_path / "home")
        rescued = tmp_path / "rescued.jws"
        rescued.write_bytes(spool.read_envelope(home, name) or b"")
        spool.remove(home, name)
        result = homecheck(home, "upload", "--from", str(rescued))
    assert result.status == 0
    assert result.out.startswith(f"{name}: accepted by voice, verdict pass")


def test_a_file_that_is_no_evidence_is_not_kept_in_evidences_place(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    key = SoftwareKey.generate()
    files = {
        "photo.jpg": (b"\xff\xd8" * 1_000_000, "no evidence"),
        "receipt.jws": (sign(b"{}", RECEIPT, key), "homecheck-receipt+jws"),
        "empty.jws": (b"", "no evidence"),
    }
    for name, (data, words) in files.items():
        (tmp_path / name).write_bytes(data)
        result = homecheck(home, "upload", "--from", str(tmp_path / name))
        assert result.status == 1
        assert f"{name}: no evidence" in result.err
        assert words in result.err
    assert (spool.waiting(home), spool.aside(home)) == ((), ())
