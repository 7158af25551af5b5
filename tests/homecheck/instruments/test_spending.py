"""What may be spent, what was, and whether it costs money."""

from __future__ import annotations

from homecheck.errors import ProbeError
from homecheck.instruments.link_facts import LinkFacts
from homecheck.instruments.route import Route
from homecheck.instruments.spending import RESERVE_BYTES, costs, not_allowed, too_early, udp_bytes, within
from homecheck.instruments.tcp_load import LoadRule
from homecheck.instruments.voice_path import Log, Packet

RULE = LoadRule(most_bytes=400_000_000)


def test_without_a_limit_the_rule_stays() -> None:
    assert within(RULE, None, 0, share=0.5) == RULE


def test_a_load_may_take_its_share_of_what_is_left() -> None:
    assert within(RULE, 101_000_000, RESERVE_BYTES, share=0.5).most_bytes == 49_500_000
    assert within(RULE, 101_000_000, 60_000_000, share=1.0).most_bytes == 40_000_000
    assert within(RULE, 5_000_000, 60_000_000, share=1.0).most_bytes == 0
    assert within(RULE, 10_000_000_000, 0, share=1.0).most_bytes == 400_000_000


def test_packets_count_there_and_back() -> None:
    packets = (Packet(0, 0.0, 0), Packet(1, 0.02, 20, 21, 22, 23))
    log = Log(0, packets, 0, 0, 0, 0, clock_stepped=False, kernel_stamps=True)
    assert udp_bytes(log) == 3 * 172
    assert udp_bytes(None) == 0


def route_to(host: str | None) -> Route:
    if host == "nowhere.example":
        raise ProbeError("no_route", "Check the cable.", at_fault="home_link")
    return Route(host or "default route", "192.168.1.20", "wwan0", 1500, 0, ())


def test_what_costs_is_the_interface_of_the_route() -> None:
    def facts(interface: str) -> LinkFacts:
        return LinkFacts(interface, "cellular")

    assert costs("responder.example", route_to, facts) is True
    assert costs(None, route_to, lambda interface: LinkFacts(interface, "wifi")) is None
    assert costs(None, route_to, lambda interface: LinkFacts(interface, "wifi", metered=False)) is False


def test_without_a_route_nothing_is_known_to_cost() -> None:
    assert costs("nowhere.example", route_to, lambda interface: LinkFacts(interface, "cellular")) is None


def test_a_limit_for_data_that_is_too_low_is_not_the_persons_fault() -> None:
    failure = too_early(1.25, 2_000_000)
    assert (failure.code, failure.at_fault) == ("bytes_spent", "agent")
    assert "after 1.2 s" in failure.message
    assert "most_megabytes" in failure.advice


def test_homechecks_own_limit_is_not_called_the_policys() -> None:
    failure = too_early(0.3, 400_000_000)
    assert (failure.code, failure.at_fault) == ("bytes_spent", "agent")
    assert failure.message == "homecheck's own limit for data was reached after 0.3 s, too early to tell a rate"
    assert "most_megabytes" not in failure.advice


def test_data_that_costs_is_spent_when_the_person_allows_it() -> None:
    failure = not_allowed()
    assert (failure.code, failure.at_fault) == ("metered", "person")
    assert "--metered" in failure.advice
