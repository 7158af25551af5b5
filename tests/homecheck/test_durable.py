from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from homecheck import durable, spool
from homecheck.config import Home
from homecheck.enrolment import load_enrolments
from homecheck.errors import StateError
from homecheck.upload import stored_receipts


def test_line_feeds_and_every_other_byte_stay_what_they_are(tmp_path: Path) -> None:
    data = bytes(range(256)) + b"\r\n\n\x1a"
    durable.write(tmp_path / "ü ä" / "file", data)
    assert durable.read(tmp_path / "ü ä" / "file") == data


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what a descriptor stands for")
def test_the_content_is_on_disk_before_the_name_and_the_name_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced, sync = tmp_path / "file", [], os.fsync
    path.write_bytes(b"old")

    def observe(descriptor: int) -> None:
        where = Path(f"/proc/self/fd/{descriptor}").resolve()
        synced.append((where.suffix if where.is_file() else where, path.read_bytes()))
        assert where.is_dir() or where.read_bytes() == b"new"
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", observe)  # nothing else tells that the disk was asked
    durable.write(path, b"new")
    assert synced == [(durable.TEMPORARY, b"old"), (tmp_path, b"new")]


def test_the_old_content_stays_when_the_new_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    path.mkdir(parents=True)  # a folder where the file should be: the last step, the rename, fails
    (path / "inside").write_bytes(b"old")
    with pytest.raises(StateError, match="file: cannot write this file") as caught:
        durable.write(path, b"new")
    assert "Free some disk space" in caught.value.advice
    assert (path / "inside").read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"")
    with pytest.raises(StateError) as caught:
        durable.write(tmp_path / "keys" / "a", b"x")
    assert str(tmp_path / "keys") in caught.value.message


def test_what_is_not_there_reads_as_none_and_removes_as_done(tmp_path: Path) -> None:
    assert durable.read(tmp_path / "missing") is None
    durable.remove(tmp_path / "missing")
    durable.remove(tmp_path / "no folder" / "missing")


@pytest.mark.skipif(
    sys.platform == "win32", reason="a folder cannot be read as a file there either, but says it otherwise"
)
def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot read this file: Is a directory"):
        durable.read(tmp_path)


def test_files_are_those_of_the_folder_alone_in_order(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", "c.jwk"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "begun.json").mkdir()  # a folder is no file, whatever it is called
    assert [path.name for path in durable.files(tmp_path, ".json")] == ["a.json", "b.json"]
    assert durable.files(tmp_path / "nowhere") == ()


@contextmanager
def as_a_stranger(folder: Path) -> Iterator[None]:
    """Be somebody to whom `folder` is closed; root is nobody's stranger, so it becomes another user for a while."""
    mode, root = folder.stat().st_mode, os.geteuid() == 0
    folder.chmod(0o700 if root else 0)
    if root:
        os.seteuid(65_534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(mode)


@pytest.mark.skipif(sys.platform == "win32", reason="its mode bits say nothing")
def test_a_folder_that_is_somebody_elses_is_named_and_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    """As after `sudo homecheck check`: whoever is enrolled must not be told that they are not."""
    home = Home.at(tmp_path)
    asked: dict[Path, Callable[[], object]] = {
        home.enrolments: lambda: load_enrolments(home),
        home.spool: lambda: spool.waiting(home),
        home.receipts: lambda: stored_receipts(home, ()),
    }
    for folder, ask in asked.items():
        durable.make_folder(folder)
        with as_a_stranger(folder), pytest.raises(StateError, match=f"{folder}: cannot read this folder") as told:
            ask()
        assert "sudo" in told.value.advice
