"""The main job, end to end, as a newcomer, a candidate and cron would run it: commands, real servers, real sound."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import OKPKey

from homecheck.cli.local_servers import LocalServers
from tests.again import again
from tests.soundcard import SoundCard

RATE = 48000
# 1 kHz with a peak of 0.01: 20 lg(0.01 / √2) = -43.01 dB under full scale, and A-weighting is 0 dB at 1 kHz.
TONE = (0.01 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).astype(np.float32)
TONE_DBFS_A = -43.01


def homecheck(home: Path, *arguments: str, timeout: float = 150) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "homecheck", *arguments],
        env={**os.environ, "HOMECHECK_HOME": str(home), "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServers]:
    running = LocalServers(tmp_path_factory.mktemp("servers"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def candidate(servers: LocalServers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the state of somebody who was invited and has enrolled."""
    home = tmp_path_factory.mktemp("candidate")
    done = homecheck(home, "enroll", servers.invite("support", "voice-standard", "Ada Å"), "--yes")
    assert done.returncode == 0, done.stderr
    return home


def check(home: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Return exit status and JSON document of an unattended check."""
    done = homecheck(home, "check", "--unattended", "--output", "json", *arguments)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@again
def test_the_demo_measures_this_machine_and_its_collector_takes_and_judges_the_evidence(
    sound_card: SoundCard, tmp_path: Path
) -> None:
    with sound_card.playing_into("wired", TONE, RATE):
        done = homecheck(fresh(tmp_path), "demo", "--output", "json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    measured = result["measurements"]
    assert [upload["status"] for upload in result["uploads"]] == ["accepted"]
    assert result["uploads"][0]["receipt"].startswith("sha256:")
    assert measured["headset.transport"]["value"] == "wired"
    assert measured["network.udp"]["value"] is True
    assert measured["network.loss"]["value"] == pytest.approx(0, abs=0.5)
    assert measured["room.kind"]["value"] == "steady"
    assert result["verdict"] in ("pass", "warn", "inconclusive", "fail")
    assert "Dashboard: http://127.0.0.1:" in done.stderr


def fresh(folder: Path) -> Path:
    """Return a path that a test has not used before, which may be repeated."""
    made = folder / f"time {len(list(folder.iterdir())) + 1}"
    made.mkdir()
    return made


@again
def test_a_sound_of_known_level_and_a_named_device_come_out_right_and_signed(
    servers: LocalServers, candidate: Path, sound_card: SoundCard, tmp_path: Path
) -> None:
    saved = fresh(tmp_path) / "evidence.jws"
    with sound_card.playing_into("wired", TONE, RATE):
        part = ("--only", "quiet_room", "--listen", "5s")
        status, result = check(candidate, "--only", "headset", *part, "--save", str(saved))
    assert status == 11  # the network was not measured: not decided
    assert result["measurements"]["headset.transport"]["value"] == "wired"
    noise = result["measurements"]["room.noise"]
    assert noise["value"] == pytest.approx(TONE_DBFS_A, abs=0.1)
    assert noise["unit"] == "dBFS(A)"
    # The saved bytes are the evidence that the receipt names, and an independent library verifies them.
    key = next(json.loads(path.read_text()) for path in (candidate / "keys").glob("*.jwk") if path.stem != "device")
    del key["d"]
    with pytest.warns(SecurityWarning, match="9864"):  # the newer name of the algorithm is not understood everywhere
        verified = jws.deserialize_compact(saved.read_bytes(), OKPKey.import_key(key), algorithms=["EdDSA"])
    evidence = json.loads(verified.payload)
    assert evidence["aud"] == servers.url
    assert evidence["device"]["kid"] == key["kid"]
    names = {found["quantity"] for run in evidence["runs"] for found in run["measurements"]}
    assert "headset.transport" in names
    # The person is told everything; what the policy does not ask for is not sent.
    assert result["measurements"]["headset.model"]["value"] == "Plantronics Blackwire 3225 Series"
    assert "headset.model" not in names
    assert set(result["uploads"][0]["quantities"]) == names
    done = homecheck(candidate, "verify", str(saved))
    assert done.returncode == 0, done.stderr


def test_a_collector_that_is_down_leaves_the_evidence_waiting_and_it_is_sent_later(
    servers: LocalServers, candidate: Path
) -> None:
    servers.stop_newest()
    done = homecheck(candidate, "check", "--unattended", "--output", "json", "--only", "host")
    assert done.returncode == 20, done.stderr
    assert json.loads(done.stdout)["uploads"][0]["status"] == "waiting"
    waiting = json.loads(homecheck(candidate, "status", "--output", "json").stdout)["waiting"]
    assert len(waiting) == 1
    servers.serve_collector()
    sent = homecheck(candidate, "upload", "--output", "json")
    assert sent.returncode == 0, sent.stderr
    uploads = json.loads(sent.stdout)["uploads"]
    assert [(upload["status"], upload["evidence"]) for upload in uploads] == [("accepted", waiting[0]["evidence"])]


def test_without_any_sound_the_check_goes_on_and_says_what_is_missing(tmp_path: Path) -> None:
    private = (
        "--policy",
        "voice-standard",
        "--skip",
        "network",
        "--skip",
        "security",
    )  # this machine's firewall is its own
    done = homecheck(tmp_path, "check", "--unattended", *private)
    assert done.returncode == 11, done.stderr
    assert "Nothing is sent" not in done.stdout
    assert "Private check: nothing was sent." in done.stdout
    # A microphone that certainly is not there, whatever this machine has.
    status, result = check(tmp_path, *private, "--headset", "Nobody's headset")
    assert (status, result["verdict"]) == (11, "inconclusive")
    sound = {name: m for name, m in result["measurements"].items() if name.startswith(("headset.", "room."))}
    assert len(sound) == 19
    for measured in sound.values():
        assert measured["value"] is None
        assert measured["failure"]["code"] in ("no_device", "device_not_found")
        assert measured["failure"]["at_fault"] == "device"
        assert measured["failure"]["advice"].startswith("Plug")
    unmet = {finding["quantity"]: finding["verdict"] for finding in result["findings"]}
    assert (unmet["headset.transport"], unmet["room.kind"]) == ("inconclusive", "inconclusive")
    assert result["measurements"]["host.memory"]["value"] > 0  # the others are measured all the same


def test_a_tampered_file_is_refused_with_the_reason(candidate: Path, tmp_path: Path) -> None:
    saved = tmp_path / "evidence.jws"
    check(candidate, "--only", "host", "--policy", "chat-only", "--save", str(saved))
    header, payload, signature = saved.read_text().split(".")
    swapped = "A" if payload[100] != "A" else "B"
    saved.write_text(f"{header}.{payload[:100]}{swapped}{payload[101:]}.{signature}")
    done = homecheck(candidate, "verify", str(saved))
    assert done.returncode == 3
    assert "signature" in done.stdout + done.stderr


def test_nothing_but_one_json_document_is_on_stdout(candidate: Path) -> None:
    done = homecheck(candidate, "check", "--unattended", "--output", "json", "--only", "host", "--no-upload")
    document, end = json.JSONDecoder().raw_decode(done.stdout)
    assert done.stdout[end:].strip() == ""
    assert document["uploads"][0]["status"] == "none"
    assert "This computer: done" in done.stderr


def test_wrong_usage_is_exit_status_2(tmp_path: Path) -> None:
    assert homecheck(tmp_path, "check", "--listen", "soon").returncode == 2
    assert homecheck(tmp_path, "check", "--policy", "chat-only", "--program", "x").returncode == 2


def test_a_policy_with_a_misspelt_key_is_named_with_file_and_key(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('name = "p"\nversion = "1"\n[[requirement]]\nquantity = "room.noise"\natmost = -40\n')
    done = homecheck(tmp_path, "check", "--unattended", "--policy", str(policy))
    assert done.returncode == 1
    assert "policy.toml: room.noise: unknown key 'atmost'" in done.stderr


def test_what_was_received_is_shown_with_the_collectors_judgement(
    candidate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(candidate, "--only", "host")
    receipt = max((candidate / "receipts").glob("*.receipt.jws"), key=lambda path: path.stat().st_mtime)
    evidence = receipt.with_name(receipt.name.replace(".receipt", ""))
    for file in (receipt, evidence):
        done = homecheck(candidate, "show", str(file), "--output", "json")
        assert done.returncode == 0, done.stderr
        shown = json.loads(done.stdout)
        assert shown["policy"]["name"] == "voice-standard"
        assert shown["evidence"].removeprefix("sha256:") == evidence.stem
    monkeypatch.setenv("HOMECHECK_LANG", "sv")
    assert ", Röstagent, standard, version 1" in homecheck(candidate, "show", str(receipt)).stdout  # the preset's title


def test_what_a_newer_policy_asks_for_beyond_the_agreement_is_said_and_not_sent(
    servers: LocalServers, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    modest = '[[requirement]]\nquantity = "host.memory"\nat_least = 0.1\n'
    policy.write_text(f'name = "growing"\nversion = "1"\n{modest}')
    home = tmp_path / "home"
    enrolled = homecheck(home, "enroll", servers.invite("growing", str(policy), "Bo"), "--yes")
    assert enrolled.returncode == 0, enrolled.stderr
    policy.write_text(
        f'name = "growing"\nversion = "2"\n{modest}[[requirement]]\nquantity = "host.os"\nnone_of = ["x"]\n'
    )
    servers.collector("program", "policy", "growing", "--policy", str(policy))
    done = homecheck(home, "check", "--unattended", "--output", "json", "--only", "host")
    result = json.loads(done.stdout)
    assert "now asks for more than you agreed to: Operating system" in done.stderr
    assert result["uploads"][0]["quantities"] == ["host.memory"]
    assert result["measurements"]["host.os"]["value"]
    assert done.returncode == 11  # what was not sent is not decided, and never passed


def test_in_two_programs_each_gets_its_own_evidence_with_an_observation_for_its_own_challenge(
    servers: LocalServers, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('name = "udp"\nversion = "1"\n[[requirement]]\nquantity = "network.udp"\nequals = true\n')
    for program in ("first", "second"):
        assert homecheck(tmp_path, "enroll", servers.invite(program, str(policy), "Cleo"), "--yes").returncode == 0
    status, result = check(tmp_path, "--only", "network")
    assert status == 0, result["measurements"]["network.udp"]
    assert [(upload["program"], upload["verdict"]) for upload in result["uploads"]] == [
        ("first", "pass"),
        ("second", "pass"),
    ]
    kept = [path for path in (tmp_path / "receipts").glob("*.jws") if ".receipt" not in path.name]
    challenges = {}
    for path in kept:
        evidence = payload(path.read_text())
        (observation,) = evidence["observations"]
        challenges[evidence["device"]["kid"]] = (evidence["nonce"], payload(observation)["nonce"])
    assert len(challenges) == 2
    assert all(asked == answered for asked, answered in challenges.values())
    assert len({answered for _, answered in challenges.values()}) == 2


def payload(envelope: str) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(base64.urlsafe_b64decode(envelope.split(".")[1] + "=="))
    return members
