"""Private keys: a file that only its owner can read, made once and never overwritten."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from homecheck.errors import KeyStoreError, Refused
from homecheck.keys import SoftwareKey, create_key_file, open_key_file, read_key_file
from homecheck.signing import base64url
from tests.forgeries import DEVICE, DEVICE_P256, STRANGER
from tests.needs import need

BOTH = pytest.mark.parametrize("key", [DEVICE, DEVICE_P256], ids=["EdDSA", "ES256"])


def test_a_key_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)  # even where nothing is masked
    try:
        create_key_file(tmp_path / "keys" / "device.jwk")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys" / "device.jwk").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_a_key_is_read_as_it_was_made(tmp_path: Path, algorithm: str) -> None:
    made = create_key_file(tmp_path / "key", "EdDSA" if algorithm == "EdDSA" else "ES256")
    read = read_key_file(tmp_path / "key")
    assert read.public == made.public
    assert read.public.algorithm == algorithm
    assert read.store == "file"


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    made = create_key_file(tmp_path / "key")
    with pytest.raises(KeyStoreError, match="a key is there already"):
        create_key_file(tmp_path / "key")
    assert read_key_file(tmp_path / "key").public == made.public


def test_a_key_is_made_on_first_use_and_kept(tmp_path: Path) -> None:
    assert open_key_file(tmp_path / "key").public == open_key_file(tmp_path / "key").public


def _open(path: Path) -> str:
    return open_key_file(path).public.kid


def test_processes_that_start_together_use_one_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        kids = pool.map(_open, [tmp_path / "key"] * 12, chunksize=1)
    assert len(set(kids)) == 1


def test_a_key_that_another_process_is_about_to_write_is_waited_for(tmp_path: Path) -> None:
    key = create_key_file(tmp_path / "whole")
    (tmp_path / "key").touch(mode=0o600)  # as O_EXCL leaves it for a moment
    writing = threading.Timer(0.2, (tmp_path / "key").write_bytes, [(tmp_path / "whole").read_bytes()])
    writing.start()
    assert read_key_file(tmp_path / "key").public == key.public
    writing.join()


def test_a_missing_key_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreError, match="there is no key") as missing:
        read_key_file(tmp_path / "key")
    assert str(tmp_path / "key") in missing.value.message
    assert missing.value.advice


@pytest.mark.skipif(sys.platform == "win32", reason="Windows guards the file by an access list")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_key_that_others_can_reach_is_not_used(tmp_path: Path, mode: int) -> None:
    create_key_file(tmp_path / "key")
    (tmp_path / "key").chmod(mode)
    with pytest.raises(KeyStoreError, match="others can read this key") as refused:
        read_key_file(tmp_path / "key")
    assert "chmod 600" in refused.value.advice


DAMAGED = {
    "empty": b"",
    "half": json.dumps(DEVICE.jwk()).encode()[:40],
    "no json": b"key",
    "a public key": json.dumps(DEVICE.public.jwk()).encode(),
    "halves of two keys": json.dumps({**DEVICE.jwk(), "d": STRANGER.jwk()["d"]}).encode(),
    "short": json.dumps({**DEVICE.jwk(), "d": base64url(bytes(31))}).encode(),
    "zero on P-256": json.dumps({**DEVICE_P256.jwk(), "d": base64url(bytes(32))}).encode(),
    "beyond the order of P-256": json.dumps({**DEVICE_P256.jwk(), "d": base64url(b"\xff" * 32)}).encode(),
    "not utf-8": b"\xff\xfe",
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_key_is_refused_by_its_file_name(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "key").write_bytes(data)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(KeyStoreError) as refused:
        read_key_file(tmp_path / "key")
    assert refused.value.message.startswith(str(tmp_path / "key"))


def test_a_key_cannot_be_made_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyStoreError, match="cannot write the key"):
        create_key_file(tmp_path / "file" / "key")


def test_a_full_disk_leaves_no_half_of_a_key(tmp_path: Path) -> None:
    """A process that may not write a byte to any file (RLIMIT_FSIZE) stands for the disk."""
    need(sys.platform != "win32", "no limits on file size here", "run on Linux or macOS")
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from homecheck.keys import create_key_file; from homecheck.errors import KeyStoreError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "try: create_key_file(Path(sys.argv[1]))\n"
        "except KeyStoreError as error: print(error.message)\n"
    )
    command = [sys.executable, "-B", "-c", program, str(tmp_path / "key")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert "cannot write the key" in done.stdout
    assert not (tmp_path / "key").exists()


@BOTH
def test_a_private_key_comes_back_from_its_jwk(key: SoftwareKey) -> None:
    again = SoftwareKey.from_jwk(dict(key.jwk()))
    assert again.public == key.public
    assert again.jwk() == key.jwk()


def test_es256_signatures_are_64_raw_bytes_that_cryptography_accepts() -> None:
    signature = DEVICE_P256.sign(b"message")
    assert len(signature) == 64
    public = DEVICE_P256.public.key
    assert isinstance(public, EllipticCurvePublicKey)
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    public.verify(der, b"message", ec.ECDSA(hashes.SHA256()))


def test_another_curve_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        SoftwareKey.of(ec.generate_private_key(ec.SECP256K1()))
    assert refused.value.reason == "bad-key"


def test_two_new_keys_differ() -> None:
    assert SoftwareKey.generate().public.kid != SoftwareKey.generate().public.kid
