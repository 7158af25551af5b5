from __future__ import annotations

import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homecheck.collector import keys, setup
from homecheck.collector.store.sqlite import SqliteDatabase
from homecheck.errors import KeyStoreError, SetupError

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_keys_lie_beside_the_database_for_their_owner_alone_and_move_with_it(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "here" / "collector.db")
    setup.create(database, "Example Inc.", None, NOW)
    if sys.platform != "win32":
        folder = tmp_path / "here" / "collector.keys"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] == [
            0o600
        ] * 3  # signing key, log key, challenge secret
    kid = setup.load(database).keys.signer.public.kid
    (tmp_path / "here").rename(tmp_path / "there")
    assert setup.load(SqliteDatabase(tmp_path / "there" / "collector.db")).keys.signer.public.kid == kid


def test_the_database_holds_no_secret(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "collector.db")
    made = setup.create(database, "Example Inc.", None, NOW)
    found = keys.read(tmp_path / "collector.keys")
    everything = database.path.read_bytes()
    for secret in (found.challenge_secret, found.signer.jwk()["d"].encode(), made.sign_in.rpartition("/")[2].encode()):
        assert secret not in everything


def test_set_up_never_overwrites_a_key_and_leaves_no_half_collector(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "collector.db")
    setup.create(database, "Example Inc.", None, NOW)
    kid = setup.load(database).keys.signer.public.kid
    with pytest.raises(SetupError, match="is there already"):
        setup.create(database, "Example Inc.", None, NOW)
    database.path.unlink()
    with pytest.raises(KeyStoreError, match="a key is there already"):
        setup.create(database, "Example Inc.", None, NOW)
    assert not database.path.exists()
    assert keys.read(tmp_path / "collector.keys").signer.public.kid == kid


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows keeps files by access lists")
    database = SqliteDatabase(tmp_path / "collector.db")
    setup.create(database, "Example Inc.", None, NOW)
    (tmp_path / "collector.keys" / "signing.jwk").chmod(0o644)
    with pytest.raises(KeyStoreError, match="others can read this key") as caught:
        setup.load(database)
    assert "chmod 600" in caught.value.advice


def test_a_lost_or_cut_challenge_secret_is_named(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "collector.db")
    setup.create(database, "Example Inc.", None, NOW)
    secret = tmp_path / "collector.keys" / "challenge.secret"
    secret.write_bytes(b"short")
    with pytest.raises(KeyStoreError, match="missing or damaged"):
        setup.load(database)
    secret.unlink()
    with pytest.raises(KeyStoreError, match="missing or damaged"):
        setup.load(database)


@pytest.mark.skipif(sys.platform == "win32", reason="mode bits")
@pytest.mark.parametrize("name", ["challenge.secret", "signing.jwk"])
def test_a_secret_that_others_can_read_is_not_used(tmp_path: Path, name: str) -> None:
    database = SqliteDatabase(tmp_path / "collector.db")
    setup.create(database, "Example Inc.", None, NOW)
    (tmp_path / "collector.keys" / name).chmod(0o640)
    with pytest.raises(KeyStoreError, match=f"{name}: others can read this key"):
        setup.load(database)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://Collector.Example.com/", "https://collector.example.com"),
        ("https://collector.example.com:8443", "https://collector.example.com:8443"),
        ("http://127.0.0.1:8861/", "http://127.0.0.1:8861"),
        ("http://127.0.0.2:8861", "http://127.0.0.2:8861"),  # `serve` takes it for this computer as well
        ("http://[::1]:8861", "http://[::1]:8861"),
    ],
)
def test_an_address_has_one_spelling(given: str, kept: str) -> None:
    assert setup.clean_url(given) == kept


@pytest.mark.parametrize(
    ("given", "culprit"),
    [
        ("collector.example.com", "is no address"),
        ("ftp://collector.example.com", "is no address"),
        ("https://", "is no address"),
        ("https://a:b@collector.example.com", "is no address"),
        ("https://collector.example.com/?a=b", "is no address"),
        ("https://collector.example.com/homecheck", "without a path"),
        ("http://collector.example.com", "without TLS"),
        ("https://collector.example.com:port", "port is no number"),
        ("https://[::1", "is no address"),
    ],
)
def test_what_is_no_address_of_a_collector_is_refused(given: str, culprit: str) -> None:
    with pytest.raises(SetupError, match=culprit):
        setup.clean_url(given)
