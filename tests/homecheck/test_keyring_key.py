"""Keys in the system's keyring, against GNOME Keyring on a D-Bus of its own. Each step runs in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from homecheck.signing import EVIDENCE, PublicKey, verify
from tests.secret_service import desktop, without_desktop

CREATE = "key = create_key(folder, 'keyring'); print(json.dumps({**key.public.jwk(), 'store': key.store}))"
SIGN = "print(sign(b'{}', EVIDENCE, read_key(next(folder.iterdir()))).decode())"
DESTROY = "destroy_key(next(folder.iterdir()))"
# What was stored under our service, read past homecheck by the library alone.
LOOK = "import keyring; print(keyring.get_password('homecheck', next(folder.iterdir()).stem))"
SPOIL = "import keyring; keyring.set_password('homecheck', next(folder.iterdir()).stem, {!r})"


def run(environment: dict[str, str], folder: Path, *steps: str) -> str:
    """Run steps in a new process; returns what it printed, or its error's message and advice."""
    program = (
        "import json, sys; from pathlib import Path\n"
        "from homecheck.errors import KeyStoreError; from homecheck.signing import EVIDENCE, sign\n"
        "from homecheck.key_stores import create_key, destroy_key, read_key\n"
        "folder = Path(sys.argv[1])\ntry:\n"
        + "".join(f"    {step}\n" for step in steps)
        + "except KeyStoreError as error: print(f'{error.message} | {error.advice}')\n"
    )
    command = [sys.executable, "-B", "-c", program, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def signed_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with desktop(tmp_path_factory.mktemp("desk")) as environment:
        yield environment


def test_a_key_in_the_keyring_signs_and_leaves_no_trace_in_any_file(signed_in: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    made = json.loads(run(signed_in, folder, CREATE))
    assert made.pop("store") == "keyring"
    (record,) = folder.iterdir()
    assert json.loads(record.read_text()) == {**made, "store": "keyring"}  # no "d"
    assert record.stat().st_mode & 0o777 == 0o600
    public = PublicKey.from_jwk(made)
    envelope = run(signed_in, folder, SIGN).encode()  # another process: it came out of the keyring
    assert verify(envelope, EVIDENCE, {public.kid: public}.get) == b"{}"
    assert json.loads(run(signed_in, folder, LOOK))["kid"] == public.kid


def test_a_destroyed_key_is_gone_from_the_keyring(signed_in: dict[str, str], tmp_path: Path) -> None:
    keep, bring_back = (
        "kept = next(folder.iterdir()); data = kept.read_bytes()",
        "kept.write_bytes(data); kept.chmod(0o600)",
    )
    made, left, said = run(
        signed_in, tmp_path / "keys", CREATE, keep, DESTROY, "print(len(list(folder.iterdir())))", bring_back, SIGN
    ).splitlines()
    assert json.loads(made)["store"] == "keyring"
    assert left == "0"
    assert f"does not hold the key {json.loads(made)['kid']}" in said
    assert "Sign in as the user who enrolled" in said


@pytest.mark.parametrize("secret", ["no json", '{"kty":"OKP","crv":"Ed25519","d":"AA"}'])
def test_what_is_no_key_in_the_keyring_is_named(signed_in: dict[str, str], tmp_path: Path, secret: str) -> None:
    said = run(signed_in, tmp_path / "keys", CREATE, SPOIL.format(secret), SIGN)
    assert "in the keyring is damaged" in said


def test_another_key_under_the_name_is_not_used(signed_in: dict[str, str], tmp_path: Path) -> None:
    other = "other = create_key(folder / 'other', 'keyring').public.kid"
    swap = "import keyring; name = next(folder.glob('*.jwk')).stem"
    put = "keyring.set_password('homecheck', name, keyring.get_password('homecheck', other))"
    said = run(signed_in, tmp_path / "keys", CREATE, other, swap, put, "read_key(folder / f'{name}.jwk')")
    assert "holds another key under the name" in said


def test_without_a_desktop_no_key_is_made_and_none_is_put_elsewhere(tmp_path: Path) -> None:
    said = run(without_desktop(tmp_path / "home"), tmp_path / "keys", CREATE)
    assert "no keyring that is open (found: fail)" in said
    assert "--key file" in said
    assert list((tmp_path / "keys").iterdir()) == []


@pytest.mark.parametrize("backend", ["keyring.backends.null.Keyring", "keyring.backends.fail.Keyring"])
def test_a_keyring_that_keeps_nothing_is_none(tmp_path: Path, backend: str) -> None:
    environment = {**without_desktop(tmp_path / "home"), "PYTHON_KEYRING_BACKEND": backend}
    assert "no keyring that is open" in run(environment, tmp_path / "keys", CREATE)
    assert list((tmp_path / "keys").iterdir()) == []


def test_a_locked_keyring_says_how_to_go_on(tmp_path: Path) -> None:
    with desktop(tmp_path / "desk", unlocked=False) as environment:
        said = run(environment, tmp_path / "keys", CREATE)
    assert "the keyring refuses" in said
    assert "unlock the keyring" in said
    assert list((tmp_path / "keys").iterdir()) == []


def test_without_the_library_its_installation_is_named(tmp_path: Path) -> None:
    said = run(without_desktop(tmp_path / "home"), tmp_path / "keys", "sys.modules['keyring'] = None", CREATE)
    assert "need the package keyring" in said
    assert "pip install 'homecheck[keyring]'" in said
