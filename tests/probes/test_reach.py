"""Reach over real sockets on loopback: what is reached, what is not, and whom that is held against."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from homecheck.appraisal import Finding, Verdict, appraise
from homecheck.errors import ProbeError
from homecheck.evidence import Evidence
from homecheck.instruments.far_end import FarEnd, server_error
from homecheck.instruments.proxies import Proxy
from homecheck.instruments.target_connection import stopped
from homecheck.instruments.target_round import Surroundings, Tried
from homecheck.locale import translator
from homecheck.measurement import CheckSetup, Measurement, Target
from homecheck.policy import MAX_PATH, WITH_PATH, parse_policy
from homecheck.remedy import FILTERED, OTHER_NETWORK, Remedy, remedy
from homecheck.report.words import cause_advice
from homecheck.signing import EVIDENCE, sign, verify
from probes.reach import Reach
from tests.certificates import Authority
from tests.forgeries import DEVICE, ENROLLED
from tests.targets import (
    HOST,
    accepts,
    answers,
    closed_port,
    over_tls,
    reads_names,
    resets,
    tcp_server,
)
from tests.ui_evidence import evidence_of

POLICY = (
    'name = "softphone"\nversion = "1"\n[[requirement]]\nquantity = "reach.phone"\nequals = true\nadvice = "Ask IT."\n'
    '[[target]]\nname = "phone"\nhost = "{host}"\nport = {port}\nprotocol = "{protocol}"\n'
)
ADDRESSES = {HOST: ["127.0.0.1"], "collector.example.com": ["127.0.0.1"], "six.example.com": ["::1"]}


def look_up(host: str, port: int) -> Sequence[tuple[Any, ...]]:
    if host not in ADDRESSES:
        raise server_error("responder_unknown", f"the name {host!r} is not known to DNS")
    family = {True: socket.AF_INET6, False: socket.AF_INET}
    return [(family[":" in one], socket.SOCK_STREAM, 6, "", (one, port)) for one in ADDRESSES[host]]


def around(trust: ssl.SSLContext | None = None, proxy: Proxy | None = None, **changes: Any) -> Surroundings:
    usual: dict[str, Any] = {
        "find_proxy": lambda _host: proxy,
        "networks": lambda: (),
        "look_up": look_up,
        "trust": lambda: trust or ssl.create_default_context(),
    }
    return Surroundings(**{**usual, **changes})


@pytest.fixture
def witness() -> Iterator[Target]:
    """The collector, which answers."""
    with tcp_server(accepts) as port:
        yield Target("collector", "collector.example.com", port, "tcp")


def reach(*targets: Target, witness: Target | None = None, **more: Any) -> list[Measurement]:
    """Measure; whatever is said about it is there in Swedish and Spanish."""
    script = more.pop("script", "")
    witnesses = () if witness is None else (witness,)
    found = list(Reach(targets, witnesses, local=True, around=around(**more), script=lambda: script).run())
    for text in (text for one in found for text in told(one)):
        assert all(translator(language).say(text) != text for language in ("sv", "es")), text
    return found


def told(found: Measurement) -> list[str]:
    causes = [found.cause.sentence] if found.cause else []
    return [*causes, *([found.failure.message, found.failure.advice] if found.failure else [])]


def phone(port: int, protocol: str = "tcp", host: str = HOST, **more: str) -> Target:
    return Target("phone", host, port, protocol, **more)


def finding(measurement: Measurement, **changes: object) -> Finding:
    """Return how the policy that has this target finds it; `changes` make another target of its name of it."""
    parts = urlsplit(str(measurement.details["target"]))
    members = {"host": parts.hostname, "port": parts.port, "protocol": parts.scheme, **changes}
    (found,) = appraise(evidence_of(measurement), parse_policy(POLICY.format(**members), "p"), "sha256:00").findings
    return found


def helps(measurement: Measurement) -> Remedy | None:
    return remedy(finding(measurement), evidence_of(measurement))


def test_a_target_that_answers_is_reached_and_its_address_told() -> None:
    with tcp_server(accepts) as port:
        (found,) = reach(phone(port))
    assert (found.quantity.name, found.value) == ("reach.phone", True)
    details = dict(found.details)
    assert details["target"] == f"tcp://{HOST}:{port}"
    assert details["vpn"] is False
    addresses = details["addresses"]
    assert isinstance(addresses, list)
    (address,) = addresses
    assert isinstance(address, dict)
    assert (address["address"], address["family"], address["reached"]) == ("127.0.0.1", "IPv4", True)
    assert finding(found).verdict is Verdict.PASS
    assert helps(found) is None


@pytest.mark.parametrize("change", [{"host": "other.example.com"}, {"port": 1}, {"protocol": "udp"}], ids=str)
def test_what_was_reached_elsewhere_is_not_what_the_policy_asks_for(change: dict[str, object]) -> None:
    with tcp_server(accepts) as port:
        (found,) = reach(phone(port))
    assert finding(found).verdict is Verdict.PASS
    assert finding(found, **change).verdict is Verdict.INCONCLUSIVE
    assert finding(found, **change).explanation == "not measured in this check"


def test_a_target_of_ipv6_alone_is_reached() -> None:
    with tcp_server(accepts, "::1") as port:
        (found,) = reach(phone(port, host="six.example.com"))
    assert found.value is True


def refused() -> Any:
    return closed_port()


@contextmanager
def cut_off() -> Iterator[int]:
    with tcp_server(resets) as port:
        yield port


@pytest.mark.parametrize(("protocol", "there"), [("tcp", refused), ("tls", cut_off)])
def test_a_target_alone_that_does_not_answer_is_a_no_that_counts_against_nobody(
    witness: Target, protocol: str, there: Any
) -> None:
    with there() as port:
        (found,) = reach(phone(port, protocol), witness=witness)
    assert found.value is False
    assert found.cause is not None
    assert found.cause.at_fault == "server"
    assert found.cause.sentence.endswith(
        "while other servers answer: it is out of order, or something on the way (router, VPN, provider) stops it"
    )
    assert finding(found).verdict is Verdict.INCONCLUSIVE
    assert helps(found) == Remedy(OTHER_NETWORK)


def test_where_nothing_else_answers_either_nothing_is_said_of_the_target() -> None:
    with closed_port() as port:
        (found,) = reach(phone(port))
    assert found.failure is not None
    assert (found.failure.code, found.failure.at_fault) == ("target_refused", "server")
    assert finding(found).verdict is Verdict.INCONCLUSIVE


def test_another_target_at_the_same_host_proves_nothing_about_the_line() -> None:
    with closed_port() as port, tcp_server(accepts) as other:
        found = reach(phone(port), Target("web", HOST, other, "tcp"))
    assert [one.value for one in found] == [None, True]


def test_a_filter_that_was_seen_at_work_is_held_against_the_home(witness: Target, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with tcp_server(reads_names(authority.server(HOST), HOST)) as port:
        (found,) = reach(phone(port, "tls"), witness=witness, trust=authority.trusted())
    assert found.value is False
    assert found.cause is not None
    assert found.cause.at_fault is None
    assert finding(found).verdict is Verdict.FAIL
    assert helps(found) == Remedy(FILTERED)
    assert cause_advice(finding(found)) == ""


def test_an_interceptor_is_told_by_name_and_not_held_against_the_person(witness: Target, tmp_path: Path) -> None:
    """It may be a security program, and may be the target's own wrong certificate: from here nobody can tell."""
    authority, shield = Authority(tmp_path), Authority(tmp_path, "Acme Web Shield")
    with tcp_server(over_tls(shield.server(HOST))) as port:
        (found,) = reach(phone(port, "tls"), witness=witness, trust=authority.trusted())
    assert found.value is False
    assert found.cause is not None
    assert "Acme Web Shield" in found.cause.sentence
    assert finding(found).verdict is Verdict.INCONCLUSIVE


def test_a_proxy_that_refuses_is_told_and_held_against_the_home(witness: Target) -> None:
    with tcp_server(answers("403 Forbidden")) as port:
        (found,) = reach(phone(443, "https"), witness=witness, proxy=Proxy("127.0.0.1", port))
    assert found.value is False
    assert found.details["proxy"] == f"127.0.0.1:{port}"
    assert found.cause is not None
    assert found.cause.at_fault == "home_link"
    assert finding(found).verdict is Verdict.FAIL
    assert cause_advice(finding(found)) == ""  # no cable mends a proxy


def test_a_script_that_chooses_a_proxy_leaves_a_web_target_undecided(witness: Target) -> None:
    with closed_port() as port:
        (web,) = reach(phone(port, "wss"), witness=witness, script="PAC")
        (sip,) = reach(phone(port, "tcp"), witness=witness, script="PAC")
    assert web.failure is not None
    assert (web.failure.code, web.failure.at_fault) == ("script_decides", "agent")
    assert sip.value is False  # which takes no proxy


def test_a_socks_proxy_leaves_a_web_target_undecided_and_is_named(witness: Target) -> None:
    with closed_port() as port:
        (web,) = reach(phone(port, "https"), witness=witness, script="SOCKS")
    assert web.failure is not None
    assert (web.failure.code, web.failure.at_fault) == ("script_decides", "agent")
    assert f"browsers here may take a SOCKS proxy to {HOST}" in web.failure.message


def test_silence_over_udp_says_neither_yes_nor_no() -> None:
    end = FarEnd("http", HOST, 3478, "", socket.AF_INET, "192.0.2.1")
    silent = ProbeError("udp_silent", "Try another network.", message="no answer to STUN over UDP", at_fault="server")
    tried = Tried(phone(3478, "udp"), {end: silent})
    probe = Reach((tried.target,))
    (quantity,) = probe.quantities
    found = probe.measured(quantity, tried, others_answer=True)
    assert found.failure is not None
    assert found.failure.code == "udp_silent"
    assert finding(found).verdict is Verdict.INCONCLUSIVE
    assert helps(found) == Remedy("Try another network.")


def test_an_ad_blockers_answer_is_held_against_the_home(witness: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ADDRESSES, HOST, ["0.0.0.0"])
    (found,) = reach(phone(443), witness=witness)
    assert found.value is False
    assert found.cause is not None
    assert found.cause.at_fault == "home_link"
    assert finding(found).verdict is Verdict.FAIL


def test_a_home_network_is_never_looked_into(witness: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ADDRESSES, HOST, ["192.168.1.1"])
    (found,) = reach(phone(443), witness=witness)
    assert found.failure is not None
    assert (found.failure.code, found.failure.at_fault) == ("target_private", "server")
    assert found.details["addresses"] == []


def test_a_home_without_ipv6_does_not_reach_a_target_that_has_nothing_else() -> None:
    """What the kernel says there, in place of a home that has no IPv6."""
    end = FarEnd("http", "six.example.com", 443, "", socket.AF_INET6, "2001:db8::1")
    lost = stopped(end, OSError(errno.ENETUNREACH, "Network is unreachable"))
    tried = Tried(phone(443, host="six.example.com"), {end: lost})
    probe = Reach((tried.target,))
    (quantity,) = probe.quantities
    found = probe.measured(quantity, tried, others_answer=True)
    assert found.value is False
    assert found.cause is not None
    assert found.cause.sentence == "six.example.com has addresses of IPv6 alone, and this home has no IPv6"
    alone = probe.measured(quantity, tried, others_answer=False)
    assert alone.failure is not None
    assert (alone.failure.code, alone.failure.at_fault) == ("no_route", "home_link")


def test_two_programs_that_mean_different_servers_by_one_name_are_told_apart() -> None:
    with tcp_server(accepts) as one, tcp_server(accepts) as other:
        found = reach(phone(one), phone(other))
    assert [(one.quantity.name, one.failure and one.failure.code) for one in found] == [
        ("reach.phone", "two_of_one_name")
    ]


@pytest.mark.parametrize("protocol", ["tcp", "udp", "tls", "https", "wss"])
def test_the_longest_target_fits_into_evidence(protocol: str) -> None:
    path = "/" + "p" * (MAX_PATH - 1) if protocol in WITH_PATH else ""
    target = Target("n" * 60, "h" * 253, 65535, protocol, path)
    (quantity,) = Reach((target,)).quantities
    found = Measurement(quantity, value=True, details={"target": target.address})
    envelope = sign(evidence_of(found).to_bytes(), EVIDENCE, DEVICE)
    again = Evidence.from_bytes(verify(envelope, EVIDENCE, ENROLLED.get))
    assert list(again.measurements()) == [found]


def test_no_target_no_quantity() -> None:
    assert Reach.for_check(CheckSetup(collector_url="https://collector.example.com")).quantities == ()


def test_collector_and_responder_are_the_witnesses() -> None:
    setup = CheckSetup(
        targets=(phone(443),), collector_url="https://collector.example.com", responder_url="http://127.0.0.1:8080/far"
    )
    probe = Reach.for_check(setup)
    assert probe.witnesses == (
        Target("collector", "collector.example.com", 443, "https"),
        Target("responder", "127.0.0.1", 8080, "tcp"),
    )
    assert [quantity.name for quantity in probe.quantities] == ["reach.phone"]
    assert not probe.local
