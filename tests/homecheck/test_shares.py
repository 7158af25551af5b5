"""One measurement for several companies: the far end vouches for it to each of them, and to none for another."""

from __future__ import annotations

import io
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from homecheck.agent import Collected, collect
from homecheck.appraisal import Finding
from homecheck.cli.terminal import PlainProgress
from homecheck.collector import administration
from homecheck.collector.store import findings
from homecheck.collector.store.database import opened
from homecheck.config import Home
from homecheck.enrolment import fetch_nonce, load_enrolments
from homecheck.exchange import new_session
from homecheck.handover import hand_over
from homecheck.instruments.tcp_load import LoadRule
from homecheck.observation import nonce_of
from homecheck.policy import Policy, parse_policy
from homecheck.shares import agreed_of, enough_of, judge, observed_for, program_share, setup_for, targets_of
from probes.network import Network
from tests.again import again
from tests.command_line import homecheck
from tests.far_ends import InThread, responder_thread
from tests.live_collector import Site, in_thread

LOAD = LoadRule(least_seconds=2.0, most_seconds=3.0, ceiling_mbit_s=60)
POLICY = 'name = "p"\nversion = "1"\n[[requirement]]\nquantity = "{quantity}"\nat_least = 1\ntrust = "corroborated"\n'
ASKED = {"one": "network.download", "two": "network.upload", "three": "network.download"}


def enrol(home: Home, site: Site, responder: InThread, program: str) -> None:
    now = datetime.now(UTC)
    policy = parse_policy(POLICY.format(quantity=ASKED[program]), "test")
    administration.pin_responder(site.database, responder.url, responder.key.public, "a test", now)
    administration.add_program(site.database, program, program, "A test.", 30, policy, "a test", now)
    address = administration.invite(site.database, program, "Kim", timedelta(hours=1), "a test", now)
    done = homecheck(home, "enroll", "--yes", address)
    assert done.status == 0, done.err


def test_one_run_is_corroborated_at_every_company_whose_responder_it_used(tmp_path: Path) -> None:
    home, http = Home.at(tmp_path / "home"), new_session()
    with ExitStack() as running:
        near, far = (running.enter_context(responder_thread()) for _ in range(2))
        sites = [running.enter_context(in_thread(folder(tmp_path, name))) for name in ASKED]
        for site, responder, program in zip(sites, (near, near, far), ASKED, strict=True):
            enrol(home, site, responder, program)
        enrolments = sorted(load_enrolments(home), key=lambda one: list(ASKED).index(one.program))
        shares = [replace(program_share(one, home), nonce=fetch_nonce(one, http)) for one in enrolments]
        nonces = {one.program: share.nonce for one, share in zip(enrolments, shares, strict=True) if share.nonce}
        setup = setup_for(home, enrolments, [one.policy for one in enrolments], nonces, None)
        # The third company has another responder, to which the word of this one is a stranger's.
        assert setup.nonces == (nonces["one"], nonces["two"])
        probe = replace(Network.for_check(setup), voice_seconds=1.5, load=LOAD)
        collected = measured(probe)
        assert len(collected.observations) == 2
        verdicts = {}
        for enrolment, share in zip(enrolments, shares, strict=True):
            own = observed_for(share, collected, called=False)
            assert [nonce_of(text) for text in own.observations] == [share.nonce] * (enrolment.program != "three")
            sent = hand_over(home, http, judge(share, own, ()), enrolment, print)
            assert sent.delivery is not None
            assert sent.delivery.result is not None
            verdicts[enrolment.program] = sent.delivery.result.result.verdict.word
        assert verdicts == {"one": "pass", "two": "pass", "three": "inconclusive"}
        trust = [[one.trust for one in newest_findings(site)] for site in sites]
    assert trust == [["corroborated"], ["server-observed"], ["self-reported"]]


@again
def measured(probe: Network) -> Collected:
    collected = collect([probe], PlainProgress(Console(file=io.StringIO())))
    found = {one.quantity.name: one for run in collected.runs for one in run.measurements}
    assert [found[name].failure for name in ("network.download", "network.upload")] == [None, None]
    return collected


def newest_findings(site: Site) -> tuple[Finding, ...]:
    """Return what was found in the one check that there is, as it was signed."""
    with opened(site.database) as db:
        (position,) = db.execute("SELECT position FROM evidence").fetchone()
        return findings.newest(db, position).findings


def folder(parent: Path, name: str) -> Path:
    made = parent / name
    made.mkdir()
    return made


TARGETS = (
    'name = "{name}"\nversion = "1"\n[[requirement]]\nquantity = "reach.phone"\nequals = true\n'
    '[[target]]\nname = "phone"\nhost = "{host}"\nport = 443\nprotocol = "tls"\n'
    '[[target]]\nname = "spare"\nhost = "spare.example.com"\nport = 443\nprotocol = "tls"\n'
)


def asking(host: str) -> Policy:
    return parse_policy(TARGETS.format(name="p", host=host), "test")


def test_only_targets_that_are_asked_for_are_connected_to_and_each_once() -> None:
    policies = [asking("calls.example.com"), asking("calls.example.com"), asking("other.example.com")]
    assert [one.host for one in targets_of([], policies)] == ["calls.example.com", "other.example.com"]


def test_a_program_reaches_what_the_person_agreed_to_and_loopback_only_from_loopback(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    (tmp_path / "site").mkdir()
    with in_thread(tmp_path / "site") as site:
        policy, now = asking("calls.example.com"), datetime.now(UTC)
        administration.add_program(site.database, "calls", "Calls", "A test.", 30, policy, "a test", now)
        address = administration.invite(site.database, "calls", "Kim", timedelta(hours=1), "a test", now)
        assert homecheck(home, "enroll", "--yes", address).status == 0
    (enrolment,) = load_enrolments(home)
    setup = setup_for(home, [enrolment], [enrolment.policy], {}, None)
    assert [one.address for one in setup.targets] == ["tls://calls.example.com:443"]
    assert setup.local_targets
    moved = replace(enrolment, policy=asking("other.example.com"), collector="https://collector.example.com")
    setup = setup_for(home, [moved], [moved.policy], {}, None)
    assert setup.targets == ()
    assert not setup.local_targets
    # What another program's target of this name came to is not sent to a company that has moved its own.
    assert agreed_of(enrolment) == {"reach.phone"}
    assert agreed_of(moved) == frozenset()
    # One company on this computer does not open it to another.
    assert not setup_for(home, [enrolment, moved], [enrolment.policy, moved.policy], {}, None).local_targets
    assert not setup_for(home, [], [policy], {}, None).local_targets


SPEED = 'name = "p"\nversion = "1"\n[[requirement]]\nquantity = "network.{name}"\n{limits}\n'


@pytest.mark.parametrize(
    ("limits", "enough"),
    [
        ((("download", "at_least = 10\nwarn_below = 50"), ("upload", "at_least = 5")), 200.0),
        ((("download", "at_least = 10"),), 100.0),
        ((("download", "at_least = 10"), ("download", "at_most = 900")), None),
        ((("download", "equals = 100"),), None),
        ((("rtt", "at_most = 100"),), None),
    ],
)
def test_a_line_is_filled_until_every_limit_is_decided(
    limits: tuple[tuple[str, str], ...], enough: float | None
) -> None:
    policies = [parse_policy(SPEED.format(name=name, limits=text), "test") for name, text in limits]
    assert enough_of(policies) == enough
