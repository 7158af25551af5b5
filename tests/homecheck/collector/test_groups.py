"""Groups of uploads through the real writer: what is good in them is stored and told, whatever else is in there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homecheck.collector import setup
from homecheck.collector.context import Collector
from homecheck.collector.intake import Taken, Upload, take_all
from homecheck.collector.reception import Reception
from homecheck.collector.store import tally
from homecheck.collector.store.arrivals import Waiting
from homecheck.collector.store.database import Database, opened
from homecheck.collector.store.evidence import Kept, receipt_of
from homecheck.collector.store.failures import Rejected
from homecheck.collector.store.people import Person
from homecheck.receipt import verify_receipt
from homecheck.signing import digest
from tests.live_collector import Site, in_thread
from tests.people import FAILS, PASSES, Worker

SECONDS = 60
PEOPLE = 4
SIZES = (1, 8, 9, 32)  # one; what goes among other statements, and what goes by COPY; the most


@dataclass(frozen=True)
class House:
    """A collector without a server, and home offices that are enrolled there."""

    site: Site
    collector: Collector
    workers: Sequence[Worker]

    def uploads(self, number: int) -> list[Upload]:
        """Return new uploads of everybody in turn."""
        return [self.upload(self.workers[at % PEOPLE]) for at in range(number)]

    def upload(self, worker: Worker, **changes: object) -> Upload:
        """Return a new upload."""
        evidence = worker.evidence(**changes)  # type: ignore[arg-type]  # members of the evidence
        return Upload(worker.sign(evidence), evidence.id, "127.0.0.1", datetime.now(UTC))

    def check_told(self, uploads: Sequence[Upload], found: Sequence[Kept | BaseException]) -> None:
        """Assert that each was told a receipt of its own bytes, and that this is the one that is stored."""
        keys = self.collector.public_keys()
        with opened(self.collector.readers.database) as db:
            for upload, kept in zip(uploads, found, strict=True):
                name = digest(upload.envelope)
                assert isinstance(kept, Kept), kept
                assert kept.receipt is not None
                assert verify_receipt(kept.receipt, name, keys.get).envelope == name
                assert receipt_of(db, name) == kept.receipt

    def stored(self) -> int:
        """Return how much evidence is stored."""
        return int(str(self.site.browse_database("SELECT COUNT(*) FROM evidence")[0]))

    def events(self, kind: str) -> int:
        """Return how many events of a kind there are."""
        return int(str(self.site.browse_database(f"SELECT COUNT(*) FROM event WHERE kind = '{kind}'")[0]))

    def check_sound(self) -> None:
        """Assert that the log and the numbers of the fleet page are right."""
        assert self.site.defects() == []
        with opened(self.site.database) as db:
            assert tally.wrong(db) == 0


@pytest.fixture(scope="module")
def enrolled(
    new_database: Callable[[Path], Database], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Site, list[Worker]]:
    folder = tmp_path_factory.mktemp("groups")
    with in_thread(folder, database=new_database(folder)) as site:
        return site, [site.worker(FAILS if at % 2 else PASSES, f"Worker {at}") for at in range(PEOPLE)]


@pytest.fixture
def house(enrolled: tuple[Site, list[Worker]]) -> Iterator[House]:
    site, workers = enrolled
    collector = setup.load(site.database)
    receiving = replace(collector, readers=type(collector.readers)(site.database.for_uploads()))
    receiving.writer.start()
    yield House(site, receiving, workers)
    receiving.writer.stop()
    receiving.readers.close()
    collector.readers.close()


def taken(reception: Reception, uploads: Sequence[Upload]) -> list[Kept | BaseException]:
    """Return what becomes of uploads that arrive at the same moment."""

    async def all_of_them() -> list[Kept | BaseException]:
        waiting = asyncio.gather(*map(reception.take, uploads), return_exceptions=True)
        return await asyncio.wait_for(waiting, SECONDS)

    try:
        return asyncio.run(all_of_them())
    finally:
        reception.close()


def erased_meanwhile(bad: int) -> Callable[[Collector, Sequence[Upload]], list[Taken]]:
    """Return what takes uploads, of which that at the place `bad` is of somebody who is not there any more."""

    def take(collector: Collector, uploads: Sequence[Upload]) -> list[Taken]:
        found = take_all(collector, uploads)
        one = found[bad]
        assert isinstance(one, Waiting)
        gone = Person("gone", one.arrival.person.program, "Somebody")
        found[bad] = replace(one, arrival=replace(one.arrival, person=gone))
        return found

    return take


@pytest.mark.parametrize("where", ["first", "middle", "last"])
@pytest.mark.parametrize("size", SIZES)
def test_one_that_cannot_be_stored_takes_nobody_with_it(house: House, size: int, where: str) -> None:
    bad = {"first": 0, "middle": size // 2, "last": size - 1}[where]
    before, uploads = house.stored(), house.uploads(size)
    found = taken(Reception(house.collector, take_all=erased_meanwhile(bad)), uploads)
    assert isinstance(found[bad], Rejected)
    del found[bad], uploads[bad]
    house.check_told(uploads, found)
    assert house.stored() == before + size - 1
    house.check_sound()


@pytest.mark.parametrize("size", [1, 9])
@pytest.mark.parametrize("bad", [False, True])
def test_a_conflict_and_a_number_that_was_used_are_noted_beside_good_ones(house: House, size: int, bad: bool) -> None:
    known, worker = house.uploads(1)[0], house.workers[0]
    repeated = house.upload(worker, seq=worker.seq)
    same_id = house.upload(worker, id=known.evidence_id)
    more = house.uploads(size)
    uploads = [known, same_id, *more[: size // 2], repeated, known, *more[size // 2 :]]
    before = house.stored(), house.events("id-conflict"), house.events("seq-repeated")
    spoilt = house.uploads(1) if bad else []
    take = erased_meanwhile(len(uploads)) if bad else take_all
    found = taken(Reception(house.collector, most=64, take_all=take), [*uploads, *spoilt])
    if bad:
        assert isinstance(found.pop(), Rejected)
    assert found.pop(1) == Kept(None, created=False)
    del uploads[1]
    house.check_told(uploads, found)
    assert [one.created for one in found if isinstance(one, Kept)].count(False) == 1, "the same bytes, twice"
    after = house.stored(), house.events("id-conflict"), house.events("seq-repeated")
    assert tuple(now - then for now, then in zip(after, before, strict=True)) == (size + 2, 1, 1)
    house.check_sound()


def test_two_writers_that_store_the_same_group_at_once_tell_the_same_receipts(house: House) -> None:
    other = setup.load(house.site.database.for_uploads())
    other.writer.start()
    both, before = threading.Barrier(2), house.stored()

    def together(collector: Collector, uploads: Sequence[Upload]) -> list[Taken]:
        found = take_all(collector, uploads)
        both.wait(SECONDS)  # to neither of them any of it is known
        return found

    def take(collector: Collector, uploads: Sequence[Upload]) -> list[Kept | BaseException]:
        return taken(Reception(collector, take_all=together), uploads)

    rounds = [house.uploads(number) for number in (1, 8, 9, 32)]
    try:
        with ThreadPoolExecutor(2) as pool:
            for uploads in rounds:
                # the other one takes them from behind: nobody may wait for whom the other waits for
                answers = pool.submit(take, house.collector, uploads), pool.submit(take, other, uploads[::-1])
                first, second = (one.result(SECONDS) for one in answers)
                house.check_told(uploads, first)
                house.check_told(uploads, second[::-1])
                created = [{one.created for one in found if isinstance(one, Kept)} for found in (first, second)]
                assert created in ([{True}, {False}], [{False}, {True}])
    finally:
        other.writer.stop()
        other.readers.close()
    assert house.stored() == before + sum(map(len, rounds))
    house.check_sound()
