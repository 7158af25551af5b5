"""Throw changed bytes at every parser that reads what strangers send, guided by coverage, and count the executions.

    .venv/bin/pip install atheris
    .venv/bin/python bench/fuzz.py [SECONDS for each target] [TARGET …]

A parser may return a value or raise `Refused` (a policy `PolicyError`, a time `ValueError`); anything else is a crash,
and so is a forged signature that is accepted, a value that is written otherwise than it was read, and a disagreement
with another program: what homecheck accepts, joserfc (envelopes), sd-jwt (disclosures) and tomllib and json must read
as well, and alike. What stands behind a signature is signed anew for each input, so that the inputs get that far.
Each target runs in a process of its own, from seeds that are genuine, in a folder of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

Target = tuple[Callable[[bytes], Any], Iterable[bytes]]


def targets() -> dict[str, Target]:
    """Return what is fuzzed, each with seeds."""
    return {**_of_envelopes(), **_of_documents(), **_of_the_log(), **_of_credentials()}


def must(good: bool, what: str) -> None:
    """Crash when something does not hold that always must."""
    if not good:
        raise AssertionError(what)


def _of_envelopes() -> dict[str, Target]:
    from joserfc import jws
    from joserfc.jwk import OKPKey

    from homecheck import signing
    from homecheck.strict_json import parse_object
    from tests import forgeries

    key = signing.PublicKey.of(forgeries.DEVICE.public.key)
    theirs = OKPKey.import_key({**forgeries.DEVICE.public.jwk()})

    def genuine(envelope: bytes) -> None:
        """Refuse a forgery: only the bytes that were really signed may pass."""
        signing.verify(envelope, signing.EVIDENCE, {key.kid: key}.get)
        must(envelope == forgeries.genuine(), "a forgery was accepted")

    def sealed(data: bytes) -> None:
        """Sign any header and any payload, so that what is behind the signature is read; joserfc must agree."""
        head, _, payload = data.partition(b"\n")
        envelope = forgeries.sealed(head, payload)
        verified = signing.verify(envelope, signing.EVIDENCE, {key.kid: key}.get)
        other = jws.deserialize_compact(envelope, theirs, algorithms=["EdDSA"])
        must(verified == payload == other.payload, "joserfc reads another payload")

    def es256(data: bytes) -> None:
        """Put any bytes where the signature of a P-256 key stands."""
        envelope = forgeries.with_signature(signed_once, data)
        signing.verify(envelope, signing.EVIDENCE, forgeries.ENROLLED.get)
        must(data == once, "a signature was accepted that nobody has made")

    signed_once = forgeries.genuine_p256()
    once = forgeries.signature_of(signed_once)
    return {
        "envelope": (genuine, [forgeries.genuine()]),
        "own-key": (lambda data: signing.verify_own_key(data, signing.ENROLMENT), [forgeries.genuine()]),
        "signed-anything": (sealed, [forgeries.header() + b"\n" + forgeries.GENUINE.to_bytes()]),
        "es256-signature": (es256, [once]),
        "jwk": (
            lambda data: signing.PublicKey.from_jwk(parse_object(data)),
            [b'{"kty":"OKP","crv":"Ed25519","x":"A"}', *(serialized(one.jwk()) for one in forgeries.ENROLLED.values())],
        ),
    }


def serialized(members: Any) -> bytes:
    """Return members as JSON."""
    from homecheck.strict_json import serialize

    return serialize(members)


def _of_documents() -> dict[str, Target]:
    import json
    import tomllib

    from homecheck import callback, invitation, result, rotation, signing
    from homecheck.collector import enrolment
    from homecheck.evidence import Evidence
    from homecheck.observation import Flow, Region, SessionObservation, Transfer
    from homecheck.policy import parse_policy, read_policy
    from homecheck.receipt import Receipt, Statement
    from homecheck.strict_json import Record, parse_object
    from tests import credentials, forgeries
    from tests.people import POLICY_TEXT, Worker
    from tests.small_log import SmallLog

    def verified(data: bytes) -> signing.Verified:
        return signing.Verified(data)

    def as_written(read: Callable[[signing.Verified], Any]) -> Callable[[bytes], None]:
        """Read a payload; what it says is written and read once more, and says the same."""

        def once(data: bytes) -> None:
            found = read(verified(data))
            must(read(verified(found.to_bytes())) == found, "written otherwise than it was read")

        return once

    def strict_json(data: bytes) -> None:
        must(parse_object(data) == json.loads(data), "json reads something else")

    def toml(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        policy = parse_policy(text, "fuzz")
        must(policy.name == tomllib.loads(text)["name"], "tomllib reads another name")
        again = read_policy(policy.members(), "fuzz")
        must(again == policy and again.digest == policy.digest, "its signed form is another policy")

    old, new = forgeries.DEVICE, forgeries.DEVICE_P256
    software = {"name": "homecheck", "version": "1", "python": "3", "system": "s"}
    now = forgeries.GENUINE.started_at
    letter = rotation.request(old, new, "https://c.example", software, now)

    def rotate(data: bytes) -> None:
        """Sign any payload with the old key."""
        found = rotation.read(forgeries.sealed(head, data), old.public.kid, {old.public.kid: old.public}.get)
        must(found.key == new.public, "a key was named heir that has not agreed")

    head = forgeries.header(typ=signing.ROTATION)

    def enrol(data: bytes) -> None:
        """Sign any payload with the device's key."""
        wanted, _ = enrolment.read_document(forgeries.sealed(forgeries.header(typ=signing.ENROLMENT), data))
        must(wanted.key == forgeries.DEVICE.public, "a key was enrolled that has not signed")

    flow = Flow(0, 3, 3, map=b"\xe0")
    rates = Transfer(9, 4, (1, 2), 50, 9.5, 0.1, True, 20.1, 21.0, 0.0, (20_000,))
    seen = SessionObservation("s" * 22, "nonce", now, now, "192.0.2.1", rates, rates, (flow,), Region("US", "TX"))
    findings = credentials.FINDINGS
    said = Statement(findings.evidence, forgeries.GENUINE.id, "https://c.example", "p", now, "measured", findings)
    presets = (Path(signing.__file__).parent / "policies").glob("*.toml")
    confirmation = callback.Confirmation("i", "0" * 32, "p", "s", "d", "n", "yes", 1, now)
    evidence = forgeries.GENUINE.to_bytes()
    return {
        "json": (strict_json, [evidence]),
        "evidence": (as_written(Evidence.from_bytes), [evidence]),
        "observation": (as_written(SessionObservation.from_bytes), [seen.to_bytes()]),
        "receipt": (lambda data: Receipt.from_bytes(verified(data)), [SmallLog().receipt(said)]),
        "result": (as_written(result.Result.from_bytes), [credentials.RESULT_OF_IT.to_bytes()]),
        "result-request": (
            as_written(result.Request.from_bytes), [result.Request("a", "n", "result", None).to_bytes()],
        ),
        "callback": (as_written(callback.Confirmation.from_bytes), [confirmation.to_bytes()]),
        "rotation": (rotate, [payload_in(letter)]),
        "enrolment": (enrol, [payload_in(Worker("https://c.example", key=old).enrolment("code"))]),
        "policy": (toml, [*(one.read_bytes() for one in presets), POLICY_TEXT.encode()]),
        "signed-policy": (
            lambda data: read_policy(parse_object(data), "fuzz"),
            [b"{}", serialized(parse_policy(POLICY_TEXT, "seed").members())],
        ),
        "invitation": (lambda data: invitation.Invitation.read(Record(parse_object(data), "fuzz"), "c"), [b'{"v":1}']),
    }  # fmt: skip


def payload_in(envelope: bytes) -> bytes:
    """Return the payload of an envelope."""
    from homecheck.signing import decode_base64url

    return decode_base64url(envelope.split(b".")[1].decode())


def _of_the_log() -> dict[str, Target]:
    from homecheck.checkpoint import Checkpoint, open_checkpoint
    from homecheck.signed_note import NoteKey, open_note, sign_note
    from homecheck.tlog_proof import TlogProof
    from tests.small_log import SmallLog

    log = SmallLog()
    proof = [log.append(b'{"entry":%d}' % number) for number in range(21)][-1]
    genuine = log.checkpoint()
    texts = {genuine.partition("\n\n")[0] + "\n"}

    def text_of(data: bytes) -> str:
        return data.decode("utf-8", "surrogateescape")

    def note(data: bytes) -> None:
        """Only what the log's key has signed may be opened; signatures of others may stand beside it."""
        must(open_note(text_of(data), log.key) in texts, "a forged note was opened")

    def checkpoint(data: bytes) -> None:
        found = open_checkpoint(text_of(data), log.key)
        must(found.size == 21, "a forged checkpoint was opened")

    def signed_checkpoint(data: bytes) -> None:
        """Sign any text as the log's key would: what is no checkpoint is refused all the same."""
        text = text_of(data)
        try:
            signed = sign_note(text, log.key, log.signer)
        except ValueError:  # no text of a note
            return
        found = open_checkpoint(signed, log.key)
        must(found.text() == text or text.startswith(found.text()), "the checkpoint is spelled in two ways")
        must(Checkpoint.from_text(found.text()) == found, "written otherwise than it was read")

    def tlog_proof(data: bytes) -> None:
        """A proof that is read and verified is of the entry that it is for."""
        found = TlogProof.from_text(text_of(data))
        must(TlogProof.from_text(found.text()) == found, "written otherwise than it was read")
        found.verify(b'{"entry":20}', log.key)
        must((found.salt, found.index, found.path) == (proof.salt, proof.index, proof.path), "a forged proof was taken")

    def vkey(data: bytes) -> None:
        found = NoteKey.from_vkey(text_of(data))
        must(NoteKey.from_vkey(found.vkey) == found, "written otherwise than it was read")

    return {
        "signed-note": (note, [genuine.encode()]),
        "checkpoint": (checkpoint, [genuine.encode()]),
        "signed-checkpoint": (signed_checkpoint, [min(texts).encode()]),
        "tlog-proof": (tlog_proof, [proof.text().encode()]),
        "vkey": (vkey, [log.key.vkey.encode()]),
    }


def _of_credentials() -> dict[str, Target]:
    from jwcrypto.jwk import JWK
    from sd_jwt.verifier import SDJWTVerifier

    from homecheck.sd_jwt import SdJwt, unpack
    from homecheck.signing import CREDENTIAL, sign
    from homecheck.strict_json import parse_object
    from tests import credentials

    shown = credentials.presented("name", "room.noise")
    issuer = JWK(**credentials.COLLECTOR.public.jwk())

    def taken_apart(data: bytes) -> None:
        found = SdJwt.parse(data)
        must(found.unbound() + (found.key_binding or b"") == data, "put together otherwise than it was taken apart")

    def forged(data: bytes) -> None:
        """Only the presentation that the holder signed may be accepted."""
        credentials.accept(data)
        must(data == shown, "a forged presentation was accepted")

    def issued(data: bytes) -> None:
        """The issuer signs any payload; any disclosures follow. sd-jwt must find the same claims."""
        payload, *disclosures = data.split(b"~")
        members = parse_object(payload)
        whole = b"~".join((sign(payload, CREDENTIAL, credentials.COLLECTOR), *disclosures, b""))
        claims = unpack(members, SdJwt.parse(whole).disclosures)
        theirs = SDJWTVerifier(whole.decode(), lambda _issuer, _header: issuer).get_verified_payload()
        must(claims == theirs, "sd-jwt finds other claims")

    first, *disclosures = credentials.issued().split(b"~")
    seed = b"~".join((payload_in(first), *disclosures[:-1]))
    return {
        "sd-jwt": (taken_apart, [shown]),
        "credential": (forged, [shown]),
        "sd-jwt-issued": (issued, [seed, payload_in(first)]),
    }


ALLOWED: Final = ("Refused", "PolicyError")


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target in this process; libFuzzer ends it."""
    import atheris

    with atheris.instrument_imports(include=["homecheck"]):
        run, seeds = targets()[name]
    corpus = Path(tempfile.mkdtemp())
    for index, seed in enumerate(seeds):
        (corpus / str(index)).write_bytes(seed)

    def once(data: bytes) -> None:
        try:
            run(data)
        except Exception as error:
            if type(error).__name__ not in ALLOWED:
                raise

    atheris.Setup(["fuzz", f"-max_total_time={seconds}", "-max_len=20000", "-print_final_stats=1", str(corpus)], once)
    atheris.Fuzz()


def main(arguments: list[str]) -> int:
    """Run all targets, or those named, and print what came of each."""
    if arguments[:1] == ["--one"]:
        fuzz(arguments[1], int(arguments[2]))
        return 0
    seconds = int(arguments[0]) if arguments else 30
    names = arguments[1:] or list(targets())
    total, crashed = 0, 0
    print("| parser | executions | outcome |\n|---|---|---|")
    for name in names:
        command = [sys.executable, __file__, "--one", name, str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120, check=False)
        found = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
        executions = int(found[1]) if found else 0
        total, crashed = total + executions, crashed + (done.returncode != 0)
        print(f"| {name} | {executions} | {'no crash' if done.returncode == 0 else done.stderr[-1500:]} |", flush=True)
    print(f"\n{total} executions, {crashed} crashes")
    return min(crashed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
