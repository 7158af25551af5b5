"""Tracing, with routers that a script plays: who answers, who keeps silent, and how long that is waited for."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from homecheck.instruments.hops import Answer, Hop, Path, times, trace


class Routers:
    """Answers at once as `route` says: by distance an address; the greatest one is the far end, and all behind it."""

    def __init__(self, route: Mapping[int, str], far_end: int | None = None, most_answers: int = 100) -> None:
        self.route, self.far_end = route, far_end
        self.left = dict.fromkeys(range(64), most_answers)
        self.asked: list[int] = []
        self.waiting: list[Answer] = []

    def ask(self, number: int, hops: int) -> None:
        self.asked.append(hops)
        distance = hops if self.far_end is None else min(hops, self.far_end)
        address = self.route.get(distance)
        self.left[distance] -= 1
        if address is not None and self.left[distance] >= 0:
            self.waiting.append(Answer(number, address, float(distance), distance == self.far_end))

    def answers(self, seconds: float) -> list[Answer]:
        found, self.waiting = self.waiting, []
        if not found:
            time.sleep(min(seconds, 0.05))
        return found

    def close(self) -> None:
        pass


HOME = {1: "192.168.1.1", 2: "100.64.3.1", 4: "11.1.1.1", 5: "11.2.2.2", 6: "11.3.3.3"}


def test_the_way_ends_at_the_far_end_and_silent_routers_are_left_out() -> None:
    path = trace(Routers(HOME, far_end=6))
    assert [hop.distance for hop in path.routers] == [1, 2, 4, 5]
    assert path.far_end is not None
    assert (path.far_end.distance, path.far_end.address) == (6, "11.3.3.3")
    assert path.routers[0].rtts_ms == (1.0, 1.0, 1.0)


def test_gateway_first_public_and_last_router_are_found_by_distance_and_address() -> None:
    path = trace(Routers(HOME, far_end=6))
    assert path.gateway is not None
    assert path.gateway.address == "192.168.1.1"
    assert path.first_public is not None
    assert path.first_public.address == "11.1.1.1"  # 100.64.0.0/10 is none of the internet's addresses
    assert path.last is not None
    assert path.last.address == "11.2.2.2"


def test_an_ipv6_gateway_with_a_public_address_is_not_the_providers_router() -> None:
    path = Path((Hop(1, "2a02:1::1", (1.0,)), Hop(2, "2a02:2::1", (9.0,))))
    assert path.first_public is not None
    assert path.first_public.distance == 2


def test_nobody_is_asked_again_beyond_the_far_end_and_who_was_silent_only_once() -> None:
    routers = Routers(HOME, far_end=6)
    trace(routers, most_hops=20)
    assert routers.asked[:20] == list(range(1, 21))
    assert routers.asked[20:26] == [1, 2, 3, 4, 5, 6]
    assert routers.asked[26:] == [1, 2, 4, 5, 6]


def test_a_router_whose_first_answer_is_lost_is_found() -> None:
    class Forgetful(Routers):
        def ask(self, number: int, hops: int) -> None:
            if hops == 2 and 2 not in self.asked:
                self.asked.append(hops)
            else:
                super().ask(number, hops)

    assert [hop.distance for hop in trace(Forgetful(HOME, far_end=6)).routers] == [1, 2, 4, 5]


def test_a_network_in_which_nobody_answers_is_given_up_after_one_round() -> None:
    nobody = Routers({})
    assert trace(nobody, most_hops=20, seconds=0.2) == Path()
    assert nobody.asked == list(range(1, 21))


def test_a_far_end_that_keeps_silent_leaves_the_routers() -> None:
    path = trace(Routers(HOME), seconds=0.2)
    assert path.far_end is None
    assert path.last is not None
    assert path.last.distance == 6


@pytest.mark.parametrize(("most", "count"), [(100, 5), (2, 2), (0, 0)])
def test_a_router_that_answers_less_often_than_it_is_asked_gives_fewer_times(most: int, count: int) -> None:
    assert times(Routers(HOME, most_answers=most), 1, 5, 0.01, 0.05) == (1.0,) * count
