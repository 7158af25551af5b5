"""show: what a file says to its reader, and nothing that does not verify."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homecheck.cli import run
from homecheck.evidence import Device, Evidence, ProbeRun, Software
from homecheck.keys import SoftwareKey, create_key_file
from homecheck.measurement import Measurement, Quantity
from homecheck.signing import EVIDENCE, sign

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DOWNLOAD = Quantity("network.download", "Mbit/s", "goodput")


def write_evidence(path: Path, key: SoftwareKey) -> None:
    evidence = Evidence(
        id="019ab000-0000-7000-8000-000000000000",
        aud=None,
        iat=1,
        nonce=None,
        seq=1,
        sub=None,
        device=Device(key.public.kid, "file"),
        started_at=NOON,
        finished_at=NOON,
        software=Software("homecheck", "0.1.0", "3.11.7", "Linux"),
        runs=(ProbeRun("network", "1", NOON, 1.0, (Measurement(DOWNLOAD, 4.5, 0.25),)),),
    )
    path.write_bytes(sign(evidence.to_bytes(), EVIDENCE, key))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOMECHECK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_evidence_of_this_computer_is_shown_with_its_values_and_judged_by_the_named_policy(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_evidence(tmp_path / "e.jws", create_key_file(home / "keys" / "device.jwk"))
    assert run(["show", str(tmp_path / "e.jws"), "--policy", "chat-only"]) == 0
    text = capsys.readouterr().out
    assert "4.50 ± 0.25 Mbit/s" in text  # chat-only wants 3, and likes 5
    assert "Chat and e-mail agent" in text


def test_json_and_page_say_the_same(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_evidence(tmp_path / "e.jws", create_key_file(home / "keys" / "device.jwk"))
    assert run(["show", str(tmp_path / "e.jws"), "--output", "json"]) == 0
    members = json.loads(capsys.readouterr().out)
    assert members["measurements"]["network.download"]["value"] == 4.5
    assert members["findings"][0]["verdict"] == "fail"  # voice-standard wants 10
    assert run(["show", str(tmp_path / "e.jws"), "--output", "html"]) == 0
    assert "at least 10 Mbit/s needed" in capsys.readouterr().out


def test_evidence_of_a_stranger_is_refused_and_nothing_of_it_is_shown(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_evidence(tmp_path / "e.jws", SoftwareKey.generate())
    assert run(["show", str(tmp_path / "e.jws")]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "unknown-key" in captured.err


def test_something_else_than_evidence_or_receipt_is_refused(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0 no envelope")
    assert run(["show", str(tmp_path / "photo.jpg")]) == 3
    told = capsys.readouterr().err
    assert "not-compact" in told
    assert "no file that homecheck has signed" in told
