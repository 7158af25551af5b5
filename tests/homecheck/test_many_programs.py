"""One run for a hundred programs of two companies: each gets its own envelope, challenge, and what its policy names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from homecheck.collector import administration
from homecheck.collector.store.database import opened
from homecheck.collector.store.packing import unpacked
from homecheck.config import Home
from homecheck.evidence import Evidence
from homecheck.policy import parse_policy
from homecheck.signing import EVIDENCE, PublicKey, unverified_header, verify
from tests.command_line import homecheck
from tests.live_collector import Site, in_thread

PROGRAMS = 100
ASKED = ("host.memory", "host.cpu_cores", "host.os")  # in turn, so that neighbours ask for different things


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Site]]:
    with in_thread(tmp_path_factory.mktemp("one")) as one, in_thread(tmp_path_factory.mktemp("other")) as other:
        yield [one, other]


def asked(index: int) -> str:
    return ASKED[index % len(ASKED)]


def pairs(site: Site, sql: str) -> list[Any]:
    with opened(site.database) as db:
        return [tuple(row) for row in db.execute(sql)]


def known(jwk: str) -> dict[str, str]:
    return {name: value for name, value in json.loads(jwk).items() if name in ("kty", "crv", "x", "y")}


def enrol(home: Home, site: Site, index: int) -> None:
    now = datetime.now(UTC)
    limit = "at_least = 1" if asked(index) != "host.os" else 'none_of = ["none"]'
    text = f'name = "p{index}"\nversion = "1"\n[[requirement]]\nquantity = "{asked(index)}"\n{limit}\n'
    name = f"program-{index}"
    administration.add_program(site.database, name, name, "A test.", 30, parse_policy(text, "test"), "a test", now)
    address = administration.invite(site.database, name, f"Kim {index}", timedelta(hours=1), "a test", now)
    done = homecheck(home, "enroll", "--yes", address)
    assert done.status == 0, done.err


def test_each_of_a_hundred_programs_gets_its_own_and_no_more(sites: list[Site], tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    for index in range(PROGRAMS):
        enrol(home, sites[index % 2], index)
    done = homecheck(home, "check", "--unattended", "--output", "json", "--only", "host*")
    document = json.loads(done.out)
    assert (done.status, document["verdict"]) == (0, "pass")
    assert sorted(upload["program"] for upload in document["uploads"]) == sorted(
        f"program-{i}" for i in range(PROGRAMS)
    )
    assert {upload["status"] for upload in document["uploads"]} == {"accepted"}

    nonces, keys, ids = set(), set(), set()
    for site in sites:
        devices = {str(one): str(jwk) for one, jwk in pairs(site, "SELECT kid, jwk FROM device")}
        for program, packed in pairs(site, "SELECT program, envelope FROM evidence"):
            envelope = unpacked(bytes(packed))
            kid = unverified_header(envelope)["kid"]
            key = PublicKey.from_jwk(known(devices[kid]))
            evidence = Evidence.from_bytes(verify(envelope, EVIDENCE, {kid: key}.get))
            index = int(str(program).removeprefix("program-"))
            assert [found.quantity.name for found in evidence.measurements()] == [asked(index)]
            assert evidence.aud == site.url
            nonces.add(evidence.nonce)
            keys.add(kid)
            ids.add(evidence.id)
    # Nothing in them tells two companies that they have the same worker.
    assert len(nonces) == len(keys) == len(ids) == PROGRAMS
