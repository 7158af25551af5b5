"""`homecheck verify`: 0 and what was verified, or 3 and the reason; offline, by the keys that were pinned."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from homecheck.appraisal import AttestationResult, Finding, Verdict
from homecheck.cli import run
from homecheck.evidence import Device
from homecheck.keys import SoftwareKey, create_key_file, write_key_file
from homecheck.observation import SessionObservation
from homecheck.policy import load_policy
from homecheck.receipt import Statement
from homecheck.result import Request
from homecheck.signing import (
    ENROLMENT,
    EVIDENCE,
    OBSERVATION,
    POLICY,
    RECEIPT,
    RESULT_REQUEST,
    ROTATION,
    base64url,
    digest,
    jwks,
    sign,
)
from homecheck.strict_json import serialize
from homecheck.tlog_proof import TlogProof
from tests.credentials import RESULT_OF_IT as RESULT_OF_A_HOME
from tests.credentials import issued, signed_result
from tests.forgeries import (
    DEVICE,
    DEVICE_P256,
    ENROLLED,
    GENUINE,
    NOON,
    STRANGER,
    Forgery,
    forgeries,
    genuine,
    genuine_p256,
)
from tests.small_log import SALT, SmallLog, first_version

COLLECTOR = STRANGER
ENVELOPE = genuine()
RESULT_OF_IT = AttestationResult(
    digest(ENVELOPE), "mine", "1", "sha256:" + "1" * 64, (Finding("network.rtt", Verdict.FAIL, "required", "300 ms"),)
)
SAID = Statement(digest(ENVELOPE), GENUINE.id, "https://collector.example", "sales", NOON, "measured", RESULT_OF_IT)
RECEIPT_OF_IT = SmallLog().receipt(SAID)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state of its own, without keys; the environment is the only way in."""
    monkeypatch.setenv("HOMECHECK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_bytes(serialize(jwks({key.public.kid: key.public for key in (DEVICE, COLLECTOR)})))
    return path


def write(tmp_path: Path, envelope: bytes, name: str = "document.jws") -> str:
    (tmp_path / name).write_bytes(envelope)
    return str(tmp_path / name)


def verify(*args: str) -> int:
    return run(["verify", *args])


def test_good_evidence_is_described(tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(write(tmp_path, ENVELOPE), "--jwks", str(keys)) == 0
    out = capsys.readouterr().out
    assert "Good         evidence" in out
    assert digest(ENVELOPE) in out
    assert f"{DEVICE.public.kid} (EdDSA)" in out
    assert "3 quantities, 1 of them not measured; no verdict" in out


def test_es256_evidence_is_good_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(serialize(jwks({DEVICE_P256.public.kid: DEVICE_P256.public})))
    assert verify(write(tmp_path, genuine_p256()), "--jwks", str(path)) == 0
    assert "(ES256)" in capsys.readouterr().out


# What cannot be refused before its header is read is refused as what the header claims; typ then is another document.
ANOTHER_READING = {"typ_of_another_of_our_documents": "schema", "larger_than_anything_we_read": "too-large"}


@pytest.mark.parametrize("forgery", forgeries(), ids=lambda forgery: forgery.name)
def test_a_forgery_is_refused_with_status_3_and_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], forgery: Forgery
) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(serialize(jwks(ENROLLED)))
    assert verify(write(tmp_path, forgery.make()), "--jwks", str(path)) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"refused ({ANOTHER_READING.get(forgery.name, forgery.reason)})" in captured.err
    assert "document.jws" in captured.err


def observation() -> bytes:
    seen = SessionObservation("session-1", "challenge", NOON, NOON, "192.0.2.7")
    return sign(seen.to_bytes(), OBSERVATION, COLLECTOR)


def signed_policy() -> bytes:
    members = {"program": "sales", "issued_at": "2026-11-23T12:00:00.000Z"}
    return sign(serialize({**members, "policy": load_policy("voice-standard").members()}), POLICY, COLLECTOR)


DOCUMENTS: dict[str, tuple[Callable[[], bytes], list[str]]] = {
    "receipt": (
        lambda: sign(RECEIPT_OF_IT, RECEIPT, COLLECTOR),
        ["0 in the collector's log", "Verdict      fail", "fail         network.rtt: 300 ms", "program sales"],
    ),
    "result": (
        lambda: signed_result(key=COLLECTOR),
        [
            "Vouched by   https://collector.example",
            "Program      sales: Försäljning, evenings",
            "Person       Åsa Öberg (person-1)",
            f"Evidence     {digest(ENVELOPE)}",
            "freshness: measured (the challenge was fetched before the first measurement)",
            "Valid until  2026-12-23T12:01:00.000Z",
            "Region       SE-AB (network.region)",
            "Policy       voice-standard version 1, sha256:1111",
            "Verdict      fail",
            "fail         room.noise: -40 dBFS(A); at most -50 dBFS(A) needed",
        ],
    ),
    "result-request": (
        lambda: sign(Request("https://c.example", "n", "credential", None).to_bytes(), RESULT_REQUEST, DEVICE),
        ["Asks for     credential of the latest evidence"],
    ),
    "observation": (observation, ["session-1 from 192.0.2.7"]),
    "policy": (signed_policy, ["voice-standard version 1", "Program      sales"]),
    "rotation": (lambda: sign(serialize({"jwk": COLLECTOR.public.jwk()}), ROTATION, DEVICE), [COLLECTOR.public.kid]),
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_every_kind_of_document_is_verified_as_what_it_is(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    make, expected = DOCUMENTS[kind]
    assert verify(write(tmp_path, make()), "--jwks", str(keys)) == 0
    out = capsys.readouterr().out
    assert f"Good         {kind}" in out
    for text in expected:
        assert text in out


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_document_whose_content_is_none_is_refused(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    envelope = sign(b'{"hello":"world"}', f"homecheck-{kind}+jws", COLLECTOR)
    assert verify(write(tmp_path, envelope), "--jwks", str(keys)) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "refused (schema)" in captured.err or "refused (bad-key)" in captured.err


def test_an_enrolment_proves_possession_of_its_own_key(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = SoftwareKey.generate()
    payload = serialize({"jwk": new.public.jwk(), "aud": "https://collector.example"})
    assert verify(write(tmp_path, sign(payload, ENROLMENT, new)), "--jwks", str(keys)) == 0
    assert "possession is proven, nothing else" in capsys.readouterr().out


def test_evidence_that_names_another_device_key_is_refused(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lying = replace(GENUINE, device=Device(COLLECTOR.public.kid, "file"))
    assert verify(write(tmp_path, sign(lying.to_bytes(), EVIDENCE, DEVICE)), "--jwks", str(keys)) == 3
    assert "refused (other-device)" in capsys.readouterr().err


def test_an_expired_result_is_good_and_says_that_it_counts_no_more(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = replace(RESULT_OF_A_HOME, expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert verify(write(tmp_path, signed_result(old, COLLECTOR)), "--jwks", str(keys)) == 0
    assert "ATTENTION    this result has EXPIRED: it says nothing about today" in capsys.readouterr().out


@pytest.mark.parametrize("data", [b"a letter ~ with a tilde", bytes(range(256)) * 9, b"ey~~", b"ey" + b"~" * 900])
def test_a_file_with_a_tilde_is_no_credential_for_that(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str], data: bytes
) -> None:
    assert verify(write(tmp_path, data), "--jwks", str(keys)) == 3
    assert capsys.readouterr().out == ""


def test_a_credential_that_was_cut_short_is_named_as_such(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(write(tmp_path, issued(key=COLLECTOR).split(b"~")[0]), "--jwks", str(keys)) == 3
    assert "refused (not-sd-jwt): this is a credential that was cut short" in capsys.readouterr().err


# --- With a receipt ---------------------------------------------------------------------------------------------------


def test_a_receipt_for_this_file_is_good(tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    receipt = write(tmp_path, sign(RECEIPT_OF_IT, RECEIPT, COLLECTOR), "receipt.jws")
    assert verify(write(tmp_path, ENVELOPE), "--receipt", receipt, "--jwks", str(keys)) == 0
    out = capsys.readouterr().out
    assert "Good         evidence" in out
    assert "Verdict      fail" in out


OTHER = "sha256:" + "2" * 64
WRONG_RECEIPTS: dict[str, tuple[Statement, SoftwareKey, str]] = {
    "for another envelope": (replace(SAID, envelope=OTHER), COLLECTOR, "other-envelope"),
    "for another id": (replace(SAID, evidence_id=GENUINE.id[:-1] + "1"), COLLECTOR, "other-envelope"),
    "by an unknown key": (SAID, SoftwareKey.generate(), "unknown-key"),
}


@pytest.mark.parametrize("wrong", WRONG_RECEIPTS)
def test_a_receipt_that_is_not_for_this_file_is_refused(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    said, signer, reason = WRONG_RECEIPTS[wrong]
    path = write(tmp_path, sign(SmallLog().receipt(said), RECEIPT, signer), "receipt.jws")
    assert verify(write(tmp_path, ENVELOPE), "--receipt", path, "--jwks", str(keys)) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"receipt.jws: refused ({reason})" in captured.err


def collectors_keys(tmp_path: Path) -> str:
    path = tmp_path / "published.json"  # as GET /v1/jwks has them: no device's key is among them
    path.write_bytes(serialize(jwks({COLLECTOR.public.kid: COLLECTOR.public})))
    return str(path)


def test_evidence_is_good_by_its_receipt_with_the_keys_that_a_collector_publishes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    receipt = write(tmp_path, sign(RECEIPT_OF_IT, RECEIPT, COLLECTOR), "receipt.jws")
    assert verify(write(tmp_path, ENVELOPE), "--receipt", receipt, "--jwks", collectors_keys(tmp_path)) == 0
    out = capsys.readouterr().out
    assert "Good         evidence, by the word of its receipt" in out
    assert f"the signature of the device key {DEVICE.public.kid} was NOT CHECKED here" in out
    assert "Verdict      fail" in out


@pytest.mark.parametrize("wrong", ["for another envelope", "by an unknown key"])
def test_a_receipt_vouches_for_no_other_evidence_and_only_a_known_collectors_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    said, signer, reason = WRONG_RECEIPTS[wrong]
    path = write(tmp_path, sign(SmallLog().receipt(said), RECEIPT, signer), "receipt.jws")
    assert verify(write(tmp_path, ENVELOPE), "--receipt", path, "--jwks", collectors_keys(tmp_path)) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"receipt.jws: refused ({reason})" in captured.err


def test_evidence_that_was_changed_is_not_good_by_the_receipt_of_the_genuine_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    receipt = write(tmp_path, sign(RECEIPT_OF_IT, RECEIPT, COLLECTOR), "receipt.jws")
    changed = ENVELOPE[:-3] + (b"AAA" if ENVELOPE[-3:] != b"AAA" else b"BBB")
    assert verify(write(tmp_path, changed), "--receipt", receipt, "--jwks", collectors_keys(tmp_path)) == 3
    assert "receipt.jws: refused (other-envelope)" in capsys.readouterr().err


def test_evidence_alone_is_not_good_with_a_collectors_keys_and_it_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(write(tmp_path, ENVELOPE), "--jwks", collectors_keys(tmp_path)) == 3
    assert "With --receipt the collector's word for these very bytes is enough" in capsys.readouterr().err


# --- Its place in the log ---------------------------------------------------------------------------------------------


def test_a_receipt_proves_its_place_in_the_log_and_names_the_logs_key(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = SmallLog(leaves=[bytes(32)] * 5)
    receipt = write(tmp_path, sign(log.receipt(SAID), RECEIPT, COLLECTOR), "receipt.jws")
    assert verify(write(tmp_path, ENVELOPE), "--receipt", receipt, "--jwks", str(keys)) == 0
    out = capsys.readouterr().out
    assert "Position     5 in the collector's log" in out
    assert "Log          proven: collector.example/log had 6 entries then" in out
    assert f"Log key      {log.key.vkey}" in out


def test_a_receipt_whose_place_is_not_proven_is_refused(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The collector signs, with its own key, that something is in the log which is not."""
    log = SmallLog()
    payload = log.receipt(SAID).replace(b'"program":"sales"', b'"program":"other"')
    receipt = write(tmp_path, sign(payload, RECEIPT, COLLECTOR), "receipt.jws")
    assert verify(write(tmp_path, ENVELOPE), "--receipt", receipt, "--jwks", str(keys)) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "receipt.jws: refused (log-proof): entry 0 of collector.example/log" in captured.err


def later(tmp_path: Path, log: SmallLog, entry: bytes, name: str = "later.tlog-proof") -> str:
    """Write the proof of an entry in a log that has grown by two behind it."""
    log.append(entry)
    leaf = log.leaves[-1]
    log.leaves += [b"1" * 32, b"2" * 32]
    path = (b"1" * 32, b"2" * 32) if len(log.leaves) == 3 else ()
    assert leaf == log.leaves[0]
    (tmp_path / name).write_text(TlogProof(SALT, 0, path, log.checkpoint()).text(), encoding="utf-8")
    return str(tmp_path / name)


def test_a_later_proof_is_good_for_its_receipt_alone(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = SmallLog()
    old = sign(first_version(SAID, 0), RECEIPT, COLLECTOR)
    other = sign(first_version(replace(SAID, program="other"), 0), RECEIPT, COLLECTOR)
    proof = later(tmp_path, log, old)
    arguments = ["--jwks", str(keys), "--log-proof", proof]
    receipt = write(tmp_path, old, "receipt.jws")
    assert verify(receipt, *arguments, "--log-key", log.key.vkey) == 0
    out = capsys.readouterr().out
    assert "Log          not proven here: the receipt is older than the log" in out
    assert "Later proof  good: collector.example/log holds it as one of 3 entries" in out
    assert verify(write(tmp_path, ENVELOPE), "--receipt", receipt, *arguments, "--log-key", log.key.vkey) == 0
    capsys.readouterr()
    for wrong, reason in (
        ([receipt, *arguments], "(note): the receipt is older than the log and names no key"),
        ([receipt, *arguments, "--log-key", SmallLog().key.vkey], "(note): the note is not signed by"),
        ([receipt, *arguments, "--log-key", "key"], "(note)"),
        ([write(tmp_path, other, "other.jws"), *arguments, "--log-key", log.key.vkey], "(log-proof): entry 0"),
        ([receipt, "--jwks", str(keys), "--log-proof", receipt, "--log-key", log.key.vkey], "(log-proof): this is no"),
        ([write(tmp_path, ENVELOPE), *arguments], "(typ)"),
    ):
        assert verify(*wrong) == 3
        captured = capsys.readouterr()
        assert captured.out == ""
        assert reason in captured.err


def test_a_log_that_must_have_a_certain_key_is_held_to_it(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = SmallLog()
    receipt = write(tmp_path, sign(log.receipt(SAID), RECEIPT, COLLECTOR), "receipt.jws")
    assert verify(receipt, "--jwks", str(keys), "--log-key", log.key.vkey) == 0
    assert f"Log key      {log.key.vkey}, as it was given" in capsys.readouterr().out
    assert verify(receipt, "--jwks", str(keys), "--log-key", SmallLog().key.vkey) == 3
    assert f"the receipt was given by another log, {log.key.vkey}" in capsys.readouterr().err


# --- Where the keys come from -----------------------------------------------------------------------------------------


def test_without_any_key_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(write(tmp_path, ENVELOPE)) == 3
    err = capsys.readouterr().err
    assert "refused (unknown-key)" in err
    assert "Keys known here: none. Give others with --jwks." in err


def test_this_computers_own_evidence_needs_no_key_set(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_key_file(home / "keys" / f"{DEVICE.public.kid}.jwk", DEVICE)
    create_key_file(home / "keys" / "other.jwk")
    assert verify(write(tmp_path, ENVELOPE)) == 0
    assert "this computer's own key" in capsys.readouterr().out


def enrol_in_sales(home: Path) -> None:
    (home / "enrolments").mkdir(parents=True)
    enrolment = {
        "v": 1,
        "name": "sales",
        "program": {"id": "sales", "title": "Sales"},
        "collector": {"name": "Example", "url": "https://collector.example"},
        "subject": "person-1",
        "device": DEVICE.public.kid,
        "policy": signed_policy().decode(),
        "jwks": jwks({COLLECTOR.public.kid: COLLECTOR.public}),
        "responders": [],
        "enrolled_at": "2026-11-23T12:00:00.000Z",
    }
    (home / "enrolments" / "sales.json").write_bytes(serialize(enrolment))


def test_the_collectors_keys_are_those_pinned_at_enrolment(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enrol_in_sales(home)
    assert verify(write(tmp_path, sign(RECEIPT_OF_IT, RECEIPT, COLLECTOR))) == 0
    assert "pinned at enrolment in sales" in capsys.readouterr().out


def test_this_computers_own_key_makes_no_receipt(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever has the device key could otherwise write the verdict that the collector is to give."""
    write_key_file(home / "keys" / f"{DEVICE.public.kid}.jwk", DEVICE)
    forged = write(tmp_path, sign(RECEIPT_OF_IT, RECEIPT, DEVICE), "receipt.jws")
    for arguments in ([forged], [write(tmp_path, ENVELOPE), "--receipt", forged]):
        assert verify(*arguments) == 3
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "receipt.jws: refused (unknown-key)" in captured.err


@pytest.mark.parametrize("signer", ["device", "somebody"])
def test_a_key_of_a_checks_own_set_signs_what_is_its_owners_to_sign_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], signer: str
) -> None:
    """The set that a dashboard offers with a check holds the key of the device: that would make its own verdict."""
    keys = tmp_path / "check.jwks.json"
    both = {key.public.kid: key.public for key in (DEVICE, COLLECTOR)}
    keys.write_bytes(serialize(jwks(both, {DEVICE.public.kid: signer, COLLECTOR.public.kid: "collector"})))
    forged = write(tmp_path, sign(RECEIPT_OF_IT, RECEIPT, DEVICE), "receipt.jws")
    for arguments in ([forged], [write(tmp_path, ENVELOPE), "--receipt", forged]):
        assert verify(*arguments, "--jwks", str(keys)) == 3
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "receipt.jws: refused (unknown-key)" in captured.err
    genuine = write(tmp_path, sign(RECEIPT_OF_IT, RECEIPT, COLLECTOR), "receipt.jws")
    assert verify(write(tmp_path, ENVELOPE), "--receipt", genuine, "--jwks", str(keys)) == 0
    assert ("NOT CHECKED" in capsys.readouterr().out) is (signer == "somebody")


def test_a_collectors_pinned_key_makes_no_evidence(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enrol_in_sales(home)
    evidence = replace(GENUINE, device=Device(COLLECTOR.public.kid, "file"))
    assert verify(write(tmp_path, sign(evidence.to_bytes(), EVIDENCE, COLLECTOR))) == 3
    assert "refused (unknown-key)" in capsys.readouterr().err


BAD_SETS: dict[str, Any] = {
    "no json": b"keys",
    "empty": b'{"keys":[]}',
    "private": serialize({"keys": [DEVICE.jwk()]}),
    "wrong kid": serialize({"keys": [{**DEVICE.public.jwk(), "kid": "x" * 43}]}),
}


@pytest.mark.parametrize("data", BAD_SETS.values(), ids=BAD_SETS)
def test_a_bad_key_set_is_named_and_is_no_verdict_on_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes
) -> None:
    (tmp_path / "jwks.json").write_bytes(data)
    assert verify(write(tmp_path, ENVELOPE), "--jwks", str(tmp_path / "jwks.json")) == 1
    assert "jwks.json: no key set" in capsys.readouterr().err


@contextmanager
def serving(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/jwks"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_keys_can_be_fetched(tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(200, keys.read_bytes()) as url:
        assert verify(write(tmp_path, ENVELOPE), "--jwks", url) == 0
    assert url in capsys.readouterr().out


def test_a_collector_without_keys_is_no_verdict_on_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(404, b"") as url:
        assert verify(write(tmp_path, ENVELOPE), "--jwks", url) == 1
    assert "HTTP status 404" in capsys.readouterr().err


def test_keys_are_not_fetched_over_an_open_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(write(tmp_path, ENVELOPE), "--jwks", "http://collector.example/v1/jwks") == 1
    assert "over https only" in capsys.readouterr().err


@pytest.mark.parametrize("args", [[], ["gone.jws"], ["--jwks"], ["a", "b"]])
def test_wrong_usage_is_2(args: list[str]) -> None:
    assert verify(*args) == 2


def test_a_strangers_text_cannot_move_the_cursor(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shouting = replace(GENUINE, sub="\x1b[2J\x1b[1;1HGood\u202e")
    assert verify(write(tmp_path, sign(shouting.to_bytes(), EVIDENCE, DEVICE)), "--jwks", str(keys)) == 0
    assert "\x1b" not in (out := capsys.readouterr().out)
    assert "\u202e" not in out


def test_the_header_alone_decides_nothing(tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head, body, signature = ENVELOPE.split(b".")
    claimed = json.dumps({"alg": "EdDSA", "kid": DEVICE.public.kid, "typ": RECEIPT}).encode()
    forged = b".".join((base64url(claimed).encode(), body, signature))
    assert forged != b".".join((head, body, signature))
    assert verify(write(tmp_path, forged), "--jwks", str(keys)) == 3
    assert "refused (signature)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        ("sv", ["Bra            underlag", "Innehåller     3 storheter, varav 1 inte mätta; inget omdöme"]),
        ("es", ["Bien         pruebas", "Contiene     3 magnitudes, 1 de ellas sin medir; sin veredicto"]),
    ],
)
def test_it_is_told_in_the_readers_language(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, language: str,
    lines: list[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("HOMECHECK_LANG", language)
    assert verify(write(tmp_path, ENVELOPE), "--jwks", str(keys)) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line not in shown] == []


def test_one_damaged_key_hides_no_other(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "keys").mkdir(parents=True)
    write_key_file(home / "keys" / f"{DEVICE.public.kid}.jwk", DEVICE)
    (home / "keys" / "0.jwk").write_text("{")
    assert verify(write(tmp_path, ENVELOPE)) == 0
    shown = capsys.readouterr()
    assert "this computer's own key" in shown.out
    assert "0.jwk" in shown.err
