"""Keys in a TPM 2.0, against swtpm: the TPM signs, `cryptography` verifies, and another TPM is of no use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from homecheck import tpm_key
from homecheck.errors import KeyStoreError
from homecheck.key_stores import create_key, read_key, read_public, store_of
from homecheck.signing import EVIDENCE, P256_ORDER, base64url, decode_base64url, sign, verify
from homecheck.tpm_key import VARIABLE
from tests.tpm import software_tpm


@pytest.fixture(scope="module")
def tpm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with software_tpm(tmp_path_factory.mktemp("tpm")) as tcti:
        yield tcti


@pytest.fixture
def use(tpm: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(VARIABLE, tpm)
    return tpm


def the_record(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_what_a_tpm_signs_is_an_envelope_like_any_other(use: str, tmp_path: Path) -> None:
    key = create_key(tmp_path / "keys", "tpm")
    assert (key.store, key.public.algorithm) == ("tpm", "ES256")
    for number in range(12):  # of which half would have a large s: 12 lucky ones are one in 4096
        envelope = sign(b'{"number":%d}' % number, EVIDENCE, key)
        assert verify(envelope, EVIDENCE, {key.public.kid: key.public}.get) == b'{"number":%d}' % number
        assert int.from_bytes(decode_base64url(envelope.split(b".")[2].decode())[32:], "big") <= P256_ORDER // 2


def test_a_key_is_found_again_by_its_record_in_which_no_private_half_stands(use: str, tmp_path: Path) -> None:
    made = create_key(tmp_path / "keys", "tpm")
    path = the_record(tmp_path / "keys")
    assert path.name == f"{made.public.kid}.jwk"
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(path.read_text())) == {
        "kty", "crv", "x", "y", "kid", "alg", "use", "store", "tpm_private", "tpm_public",
    }  # fmt: skip
    assert (store_of(path), read_public(path).kid) == ("tpm", made.public.kid)
    again = read_key(path)
    assert again.public.kid == made.public.kid
    assert verify(sign(b"{}", EVIDENCE, again), EVIDENCE, {made.public.kid: made.public}.get) == b"{}"


def test_a_tpm_keeps_nothing_so_nothing_can_fill_it(use: str, tmp_path: Path) -> None:
    """swtpm has room for three loaded keys, and no resource manager: a fourth that stayed would be refused."""
    for key in [create_key(tmp_path / "keys", "tpm") for _ in range(4)]:
        for _ in range(2):
            assert len(key.sign(b"message")) == 64


def test_after_a_restart_the_same_tpm_still_has_the_key_and_another_one_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with software_tpm(tmp_path / "own") as tcti:
        monkeypatch.setenv(VARIABLE, tcti)
        made = create_key(tmp_path / "keys", "tpm")
    path = the_record(tmp_path / "keys")
    with software_tpm(tmp_path / "own") as tcti:
        monkeypatch.setenv(VARIABLE, tcti)
        assert read_key(path).public.kid == made.public.kid
    with software_tpm(tmp_path / "another") as tcti:
        monkeypatch.setenv(VARIABLE, tcti)
        with pytest.raises(KeyStoreError, match="belongs to another TPM, or this TPM was cleared") as refused:
            read_key(path)
    assert "Enrol again with a new invitation" in refused.value.advice
    with pytest.raises(KeyStoreError, match="does not do it: tcti:IO failure"):
        read_key(path)  # it is switched off


def test_a_tpm_with_an_owners_password_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with software_tpm(tmp_path / "tpm") as tcti:
        from tpm2_pytss import ESAPI
        from tpm2_pytss.constants import ESYS_TR

        with ESAPI(tcti) as esapi:
            esapi.hierarchy_change_auth(ESYS_TR.OWNER, b"secret")
        monkeypatch.setenv(VARIABLE, tcti)
        with pytest.raises(KeyStoreError, match="asks for its owner's password") as refused:
            create_key(tmp_path / "keys", "tpm")
    assert "ask your IT team" in refused.value.advice
    assert list((tmp_path / "keys").iterdir()) == []


@pytest.mark.parametrize("member", ["tpm_private", "tpm_public"])
@pytest.mark.parametrize("damage", [b"", b"\x00", b"\xff" * 40], ids=["empty", "one byte", "too long a length"])
def test_a_damaged_record_is_named(use: str, tmp_path: Path, member: str, damage: bytes) -> None:
    create_key(tmp_path / "keys", "tpm")
    path = the_record(tmp_path / "keys")
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, member: base64url(damage)}))
    with pytest.raises(KeyStoreError, match=r"damaged|is empty") as refused:
        read_key(path)
    assert "enrol again with a new invitation" in refused.value.advice.lower()


def test_a_record_whose_halves_are_two_keys_is_not_used(use: str, tmp_path: Path) -> None:
    for name in ("one", "other"):
        create_key(tmp_path / name, "tpm")
    one, other = (json.loads(the_record(tmp_path / name).read_text()) for name in ("one", "other"))
    path = the_record(tmp_path / "one")
    path.write_text(json.dumps({**one, "tpm_private": other["tpm_private"], "tpm_public": other["tpm_public"]}))
    with pytest.raises(KeyStoreError, match="the TPM holds another key"):
        read_key(path)


def test_a_computer_without_a_tpm_says_so_and_makes_no_key_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"device:{tmp_path / 'tpmrm0'}")
    with pytest.raises(KeyStoreError, match="tpmrm0: this computer shows no TPM") as refused:
        create_key(tmp_path / "keys", "tpm")
    assert "firmware" in refused.value.advice
    assert list((tmp_path / "keys").iterdir()) == []


def test_who_may_not_use_the_tpm_is_told_of_the_group(tmp_path: Path) -> None:
    device = tmp_path / "tpmrm0"
    device.touch(mode=0o000)
    nobody = 65534 if os.geteuid() == 0 else None  # root may open everything
    program = (
        "import sys; from homecheck import tpm_key; from homecheck.errors import KeyStoreError\n"
        "import tpm2_pytss, os\n"
        "if sys.argv[2]: os.setuid(int(sys.argv[2]))\n"
        "try: tpm_key.create({tpm_key.VARIABLE: 'device:' + sys.argv[1]})\n"
        "except KeyStoreError as error: print(error.message, error.advice)\n"
    )
    with software_tpm(tmp_path / "needed"):
        pass
    for folder in (tmp_path, *tmp_path.parents):  # pytest's own, of which there is one more beside other tests
        if folder == Path(tempfile.gettempdir()) or folder.stat().st_mode & 0o001:
            break
        folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-B", "-c", program, str(device), str(nobody or "")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "you may not use this computer's TPM" in done.stdout
    assert "usermod -aG tss" in done.stdout


def test_without_the_library_its_installation_is_named(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['tpm2_pytss'] = None\n"  # as if it were not installed
        "from homecheck import tpm_key; from homecheck.errors import KeyStoreError\n"
        "try: tpm_key.create({})\n"
        "except KeyStoreError as error: print(error.message, error.advice)\n"
    )
    done = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True, check=True)
    assert "need the package tpm2-pytss" in done.stdout
    assert "pip install 'homecheck[tpm]'" in done.stdout


def test_the_tpm_is_the_systems_own_unless_another_is_named() -> None:
    assert tpm_key._tcti({}) == "device:/dev/tpmrm0"
    assert tpm_key._tcti({VARIABLE: "swtpm:port=1"}) == "swtpm:port=1"
