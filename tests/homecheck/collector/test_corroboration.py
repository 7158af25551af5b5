"""An agent and a responder that disagree, at a collector that trusts the responder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from homecheck.collector import administration
from homecheck.evidence import Evidence, ProbeRun
from homecheck.keys import SoftwareKey
from homecheck.measurement import Measurement, Quantity
from homecheck.observation import SessionObservation, Transfer
from homecheck.policy import parse_policy
from homecheck.receipt import Receipt
from homecheck.signing import OBSERVATION, RECEIPT, key_set, sign, verify
from tests.live_collector import PROGRAM, Site, in_thread
from tests.people import Worker

POLICY = """
name = "line"
version = "1"
[[requirement]]
quantity = "network.download"
at_least = 10
trust = "corroborated"
[[requirement]]
quantity = "network.upload"
at_least = 5
"""
RESPONDER = SoftwareKey.generate()
DOWNLOAD, UPLOAD = (Quantity(f"network.{name}", "Mbit/s", "by hand") for name in ("download", "upload"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with in_thread(tmp_path_factory.mktemp("collector")) as site:
        now = datetime.now(UTC)
        administration.publish_policy(site.database, PROGRAM, parse_policy(POLICY, "test policy"), "a test", now)
        administration.pin_responder(site.database, "https://far.example", RESPONDER.public, "a test", now)
        yield site


def claim(
    worker: Worker, download: float, upload: float, seen: SessionObservation | None, key: SoftwareKey = RESPONDER
) -> Evidence:
    """Return evidence of two rates, with what a responder signed under the same challenge."""
    nonce, now = worker.challenge(), datetime.now(UTC)
    rates = (Measurement(DOWNLOAD, download, 0.5), Measurement(UPLOAD, upload, 0.1))
    observed = () if seen is None else (sign(replace(seen, nonce=nonce).to_bytes(), OBSERVATION, key).decode(),)
    return worker.evidence(nonce, runs=(ProbeRun("network", "1", now, 30.0, rates),), observations=observed)


def seen(download: float, upload: float) -> SessionObservation:
    now = datetime.now(UTC)
    return SessionObservation(
        "s" * 22, None, now, now, "192.0.2.1", Transfer(rate_mbit_s=download), Transfer(rate_mbit_s=upload)
    )


def findings(worker: Worker, evidence: Evidence) -> dict[str, tuple[str, str, str]]:
    answer = worker.upload(evidence)
    assert answer.status_code == 201, answer.text
    keys = key_set(worker.get("/v1/jwks").json())
    receipt = Receipt.from_bytes(verify(answer.content, RECEIPT, keys.get))
    return {one.quantity: (one.verdict.word, one.trust, one.explanation) for one in receipt.result.findings}


def test_who_inflates_numbers_is_contradicted_and_does_not_pass(site: Site) -> None:
    worker = site.worker()
    found = findings(worker, claim(worker, 95.0, 40.0, seen(8.0, 2.0)))
    assert found == {
        "network.download": (
            "inconclusive",
            "contradicted",
            "95.00 ± 0.50 Mbit/s, but the measuring server counted 8 Mbit/s: the two contradict each other",
        ),
        "network.upload": (
            "inconclusive",
            "contradicted",
            "40.00 ± 0.10 Mbit/s, but the measuring server counted 2 Mbit/s: the two contradict each other",
        ),
    }


def test_who_says_what_the_responder_saw_passes(site: Site) -> None:
    worker = site.worker()
    found = findings(worker, claim(worker, 95.0, 40.0, seen(94.0, 40.1)))
    assert {name: one[:2] for name, one in found.items()} == {
        "network.download": ("pass", "corroborated"),
        "network.upload": ("pass", "server-observed"),
    }


def test_without_a_responder_that_the_collector_trusts_it_is_the_agents_own_word(site: Site) -> None:
    worker = site.worker()
    for evidence in (
        claim(worker, 95.0, 40.0, None),
        claim(worker, 95.0, 40.0, seen(94.0, 40.1), SoftwareKey.generate()),
        claim(worker, 95.0, 40.0, seen(1.0, 1.0), SoftwareKey.generate()),
    ):
        found = findings(worker, evidence)
        assert found["network.download"][:2] == ("inconclusive", "self-reported")
        assert found["network.upload"][:2] == ("pass", "self-reported")


def test_an_observation_of_another_check_founds_nothing(site: Site) -> None:
    worker = site.worker()
    good = claim(worker, 95.0, 40.0, seen(94.0, 40.1), RESPONDER)
    again: Any = replace(worker.evidence(worker.challenge()), runs=good.runs, observations=good.observations)
    assert findings(worker, again)["network.download"][:2] == ("inconclusive", "self-reported")


def test_the_page_shows_what_contradicts(site: Site) -> None:
    worker = site.worker()
    evidence = claim(worker, 95.0, 2.0, seen(8.0, 2.0))
    findings(worker, evidence)
    (digest,) = site.browse_database(f"SELECT digest FROM evidence WHERE id = '{evidence.id}'")
    page = site.browse("reader", "viewer").get(f"{site.url}/evidence/{digest}", timeout=20).text
    assert "<strong>contradicted</strong>: the measuring server counted 8 Mbit/s" in page
    assert "server-observed: the measuring server counted 2 Mbit/s" in page
