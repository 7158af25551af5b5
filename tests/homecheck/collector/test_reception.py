"""Uploads that arrive together are taken together, and each gets its own answer whatever the others are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homecheck.collector import administration, setup
from homecheck.collector.context import Collector
from homecheck.collector.intake import Taken, Upload, take_all
from homecheck.collector.problems import Problem
from homecheck.collector.reception import Reception
from homecheck.collector.store.database import Connection, Database
from homecheck.collector.store.evidence import Kept
from homecheck.collector.store.failures import NotStored
from homecheck.errors import Refused
from homecheck.receipt import verify_receipt
from homecheck.signing import digest, key_set
from tests.live_collector import Site, in_thread
from tests.people import Worker

SECONDS = 60


@dataclass
class House:
    """A collector without a server, and a home office that is enrolled there."""

    collector: Collector
    worker: Worker

    def upload(self, change: Callable[[bytes], bytes] = bytes) -> Upload:
        """Return a new upload of the worker's, its envelope changed."""
        evidence = self.worker.evidence()
        return Upload(change(self.worker.sign(evidence)), evidence.id, "127.0.0.1", datetime.now(UTC))


@dataclass(frozen=True)
class Enrolled:
    """A database in which two home offices are enrolled; the key of the second is revoked by a test."""

    database: Database
    worker: Worker
    other: Worker


@pytest.fixture(scope="module")
def enrolled(new_database: Callable[[Path], Database], tmp_path_factory: pytest.TempPathFactory) -> Enrolled:
    folder = tmp_path_factory.mktemp("reception")
    database = new_database(folder)
    with in_thread(folder, database=database) as site:
        return Enrolled(database, site.worker(), site.worker(name="Whose key is stolen"))


@pytest.fixture
def house(enrolled: Enrolled) -> Iterator[House]:
    collector = setup.load(enrolled.database)
    collector.writer.start()
    yield House(collector, enrolled.worker)
    collector.writer.stop()
    collector.readers.close()


@dataclass
class Noted:
    """Takes uploads and notes how many came together."""

    groups: list[int] = field(default_factory=list)

    def __call__(self, collector: Collector, uploads: Sequence[Upload]) -> list[Taken]:
        self.groups.append(len(uploads))
        return take_all(collector, uploads)


def taken(reception: Reception, uploads: Sequence[Upload]) -> list[Kept | BaseException]:
    """Return what becomes of uploads that arrive at the same moment."""

    async def all_of_them() -> list[Kept | BaseException]:
        waiting = asyncio.gather(*map(reception.take, uploads), return_exceptions=True)
        return await asyncio.wait_for(waiting, SECONDS)

    return asyncio.run(all_of_them())


def forged(envelope: bytes) -> bytes:
    return envelope[:-10] + (b"AAAAAAAAAA" if not envelope.endswith(b"AAAAAAAAAA") else b"BBBBBBBBBA")


def test_what_arrives_at_the_same_moment_is_one_group_and_one_commit(house: House) -> None:
    noted = Noted()
    found = taken(Reception(house.collector, take_all=noted), [house.upload() for _ in range(5)])
    assert all(isinstance(one, Kept) and one.created for one in found), found
    assert noted.groups == [5]
    house.collector.writer.stop()  # it counts behind its answers
    assert house.collector.writer.commits == 1


def test_a_group_has_a_bound(house: House) -> None:
    noted = Noted()
    found = taken(Reception(house.collector, most=2, take_all=noted), [house.upload() for _ in range(5)])
    assert all(isinstance(one, Kept) and one.created for one in found), found
    assert noted.groups == [2, 2, 1]


def test_what_arrives_while_others_are_stored_gathers(house: House) -> None:
    noted, entered, released = Noted(), threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        entered.set()
        assert released.wait(SECONDS)

    async def one_and_then_three() -> list[Kept]:
        reception = Reception(house.collector, take_all=noted)
        held = house.collector.writer.submit(hold)
        await asyncio.to_thread(entered.wait, SECONDS)
        waiting = [asyncio.create_task(reception.take(house.upload()))]
        while not noted.groups:  # the first was alone, and was taken at once
            await asyncio.sleep(0)
        waiting += [asyncio.create_task(reception.take(house.upload())) for _ in range(3)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert noted.groups == [1]
        released.set()
        held.result(SECONDS)
        return await asyncio.wait_for(asyncio.gather(*waiting), SECONDS)

    assert all(kept.created for kept in asyncio.run(one_and_then_three()))
    assert noted.groups == [1, 3]


def test_each_of_a_group_gets_its_own_answer(house: House) -> None:
    known, new = house.upload(), house.upload()
    reception = Reception(house.collector)
    (first,) = taken(reception, [known])
    assert isinstance(first, Kept)
    other = house.worker.evidence(id=known.evidence_id)
    same_id = replace(known, envelope=house.worker.sign(other))
    stranger = Worker(house.worker.url)
    unknown = stranger.evidence()
    uploads = [
        house.upload(),
        house.upload(forged),
        known,
        same_id,
        new,
        replace(new, evidence_id=known.evidence_id),
        Upload(stranger.sign(unknown), unknown.id, "127.0.0.1", datetime.now(UTC)),
        house.upload(lambda _: b""),
        house.upload(lambda _: b"\x00.\xff.\x00"),
        house.upload(),
    ]
    found = taken(reception, uploads)
    told = [
        one.reason if isinstance(one, Refused | Problem) else (one.created, one.receipt is not None)
        for one in found
        if isinstance(one, Refused | Problem | Kept)
    ]
    assert told == [
        (True, True),
        "signature",
        (False, True),
        (False, False),
        (True, True),
        "wrong-id",
        "unknown-device",
        "not-compact",
        "base64url",
        (True, True),
    ]
    assert found[2] == Kept(first.receipt, created=False)


def test_the_same_bytes_twice_in_one_group_are_stored_once(house: House) -> None:
    upload = house.upload()
    one, other = taken(Reception(house.collector), [upload, upload])
    assert isinstance(one, Kept)
    assert isinstance(other, Kept)
    assert (one.created, other.created) == (True, False)
    assert one.receipt == other.receipt


def test_a_key_that_was_revoked_a_moment_ago_is_refused(house: House, enrolled: Enrolled) -> None:
    house, reception = replace(house, worker=enrolled.other), Reception(house.collector)
    (before,) = taken(reception, [house.upload()])
    assert isinstance(before, Kept)
    kid = house.worker.key.public.kid
    administration.revoke_device(house.collector.readers.database, kid, "a test", datetime.now(UTC), "stolen")
    after = taken(reception, [house.upload(), house.upload()])
    assert [one.reason for one in after if isinstance(one, Problem)] == ["key-revoked", "key-revoked"]


def test_what_nobody_expected_hits_the_one_that_it_is_of(house: House) -> None:
    bad = house.upload()

    def breaks(collector: Collector, uploads: Sequence[Upload]) -> list[Taken]:
        if bad in uploads:
            raise RuntimeError("a fault of ours")
        return take_all(collector, uploads)

    async def group() -> list[Kept | BaseException]:
        told: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: told.append(str(what["exception"])))
        reception = Reception(house.collector, take_all=breaks)
        waiting = asyncio.gather(*map(reception.take, [house.upload(), bad, house.upload()]), return_exceptions=True)
        found = await asyncio.wait_for(waiting, SECONDS)
        assert told == ["a fault of ours"]  # and it is in the log
        later = await asyncio.wait_for(reception.take(house.upload()), SECONDS)
        assert later.created  # the reception is still open
        return found

    found = asyncio.run(group())
    assert [type(one) for one in found] == [Kept, RuntimeError, Kept]


def test_a_database_that_is_away_is_told_to_everybody(house: House) -> None:
    def away(_: Collector, __: Sequence[Upload]) -> list[Taken]:
        raise NotStored("gone", "Start it.")

    found = taken(Reception(house.collector, take_all=away), [house.upload(), house.upload()])
    assert [type(one) for one in found] == [NotStored, NotStored]
    assert found[0] is not found[1]


def test_nothing_is_promised_when_nobody_writes_any_more(house: House) -> None:
    house.collector.writer.stop()
    found = taken(Reception(house.collector), [house.upload(), house.upload()])
    assert [type(one) for one in found] == [NotStored, NotStored]


def test_who_leaves_takes_nobody_with_them(house: House) -> None:
    async def leave() -> Kept:
        reception = Reception(house.collector)
        leaving, staying = (asyncio.create_task(reception.take(house.upload())) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        return await asyncio.wait_for(staying, SECONDS)

    assert asyncio.run(leave()).created


def test_many_at_once_over_http_have_receipts_that_verify(site: Site) -> None:
    """Real connections, a forgery between them."""
    workers = [site.worker(name=f"Together {number}") for number in range(4)]
    pinned = key_set(workers[0].get("/v1/jwks").json())

    def send(number: int) -> bool:
        worker = workers[number % 4]
        evidence = worker.evidence(worker.challenge())
        envelope = worker.sign(evidence) if number % 5 else forged(worker.sign(evidence))
        answer = worker.put(evidence.id, envelope)
        if number % 5 == 0:
            return answer.status_code == 422
        return verify_receipt(answer.content, digest(envelope), pinned.get).envelope == digest(envelope)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(send, range(40)))
    assert site.defects() == []
