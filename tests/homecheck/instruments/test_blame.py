"""Whose share it is: the part of the way that adds most is named, and a router that is worse than the rest is not."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from homecheck.errors import AtFault
from homecheck.instruments import blame
from homecheck.instruments.blame import Seen, Spot, Way
from homecheck.measurement import Cause


def steady(milliseconds: float, count: int = 100) -> Seen:
    """A spot whose answers hardly vary: within half a millisecond."""
    return Seen(tuple(milliseconds + 0.5 * (number % 10) / 10 for number in range(count)), count)


def varied(milliseconds: float, width: float, count: int = 100, seed: int = 1) -> Seen:
    """A spot whose answers are spread evenly over `width`."""
    source = random.Random(seed)
    return Seen(tuple(milliseconds + source.uniform(0, width) for _ in range(count)), count)


def lossy(lost: int, asked: int) -> Seen:
    return Seen((20.0,) * (asked - lost), asked)


def way(
    known: Mapping[str, Seen] | None = None, *, ours: bool = False, others: int | None = None, **named: Seen
) -> Way:
    seen = {**(known or {}), **named}
    spots: dict[Spot, Seen] = {spot: seen[spot] for spot in blame.SPOTS if spot in seen}
    return Way(spots, ours, others)


def fault(cause: Cause | None) -> AtFault | None:
    assert cause is not None
    return cause.at_fault


def test_variation_that_the_own_router_shows_too_is_the_home_links() -> None:
    cause = blame.variation(
        way(gateway=varied(2, 40), public=varied(12, 40), last=varied(18, 40), responder=varied(20, 40, 1000))
    )
    assert fault(cause) == "home_link"
    assert cause is not None
    assert cause.sentence.startswith("the way to your own router already varies by 3")  # 90 % of 40 ms are 36


def test_variation_behind_a_steady_router_is_the_lines() -> None:
    cause = blame.variation(
        way(gateway=steady(2), public=varied(12, 40), last=varied(18, 40), responder=varied(20, 40, 1000))
    )
    assert fault(cause) == "line"
    assert cause is not None
    assert "the way to your own router varies by only 0." in cause.sentence


def test_variation_beyond_the_providers_first_router_is_still_the_lines() -> None:
    found = way(gateway=steady(2), public=steady(12), last=varied(18, 40), responder=varied(20, 40, 1000))
    assert fault(blame.variation(found)) == "line"


@pytest.mark.parametrize(
    ("ours", "others", "at_fault"), [(True, None, "server"), (False, 0, None), (False, 3, "server")]
)
def test_variation_behind_the_last_router_is_ours_where_nothing_else_lies_there_or_we_were_busy(
    ours: bool, others: int | None, at_fault: AtFault | None
) -> None:
    seen = {"gateway": steady(2), "public": steady(12), "last": steady(18), "responder": varied(20, 40, 1000)}
    assert fault(blame.variation(way(seen, ours=ours, others=others))) == at_fault


def test_a_busy_responder_does_not_excuse_the_own_wifi() -> None:
    found = way(others=9, gateway=varied(2, 40), public=varied(12, 40), responder=varied(20, 40, 1000))
    assert fault(blame.variation(found)) == "home_link"


def test_a_router_that_answers_worse_than_what_lies_behind_it_proves_nothing() -> None:
    """The trap: the router's processor is busy and answers late, but passes packets on at once."""
    found = way(gateway=varied(2, 90), public=steady(12), responder=varied(20, 30, 1000), ours=False)
    cause = blame.variation(found)
    assert fault(cause) is None
    assert cause is not None
    assert "your own router" not in cause.sentence
    # The same router, seen to be steady: now it clears the home.
    cleared = way(gateway=steady(2), public=varied(12, 90), last=varied(18, 30), responder=varied(20, 30, 1000))
    assert fault(blame.variation(cleared)) == "line"


def test_a_router_that_is_a_little_worse_by_chance_still_counts() -> None:
    found = way(gateway=varied(2, 42, seed=3), public=varied(12, 40), responder=varied(20, 40, 1000))
    assert fault(blame.variation(found)) == "home_link"


def test_where_the_own_router_keeps_silent_wifi_and_line_are_not_told_apart() -> None:
    cause = blame.variation(way(public=varied(12, 40), responder=varied(20, 40, 1000)))
    assert cause == Cause(None, cause.sentence if cause else "")
    assert cause is not None
    assert cause.sentence.startswith("the way to your provider's first router already varies by")


def test_few_answers_say_nothing_about_variation() -> None:
    cause = blame.variation(way(gateway=steady(2, 14), public=varied(12, 40), responder=varied(20, 40, 1000)))
    assert fault(cause) is None  # with one steady answer more it would be the line's


def test_without_any_router_there_is_no_cause() -> None:
    assert blame.variation(way(responder=varied(20, 40, 1000))) is None
    assert blame.delay(way(responder=steady(200, 1000))) is None


def test_what_is_not_there_has_no_cause() -> None:
    calm = way(gateway=steady(1), public=steady(5), responder=steady(10, 1000))
    assert blame.variation(calm) is None
    assert blame.delay(calm) is None
    assert blame.loss(calm) is None
    assert blame.increase(calm, calm) is None


def test_where_no_part_adds_the_greater_half_nobody_is_named() -> None:
    seen = {"gateway": steady(30), "public": steady(60), "last": steady(80), "responder": steady(100, 1000)}
    assert blame.delay(way(seen)) == Cause(None, "no part of the way alone explains it")


def test_a_satellites_delay_is_the_lines_and_a_long_way_to_us_is_nobodys() -> None:
    satellite = way(gateway=steady(2), public=steady(600), last=steady(620), responder=steady(630, 1000))
    assert fault(blame.delay(satellite)) == "line"
    overseas = way(gateway=steady(2), public=steady(12), last=steady(240), responder=steady(241, 1000), ours=True)
    assert fault(blame.delay(overseas)) is None


IDLE = {"gateway": steady(2), "public": steady(12), "last": steady(18), "responder": steady(20, 1000)}


@pytest.mark.parametrize(
    ("loaded", "at_fault"),
    [
        ({"gateway": steady(302), "public": steady(312), "last": steady(318), "responder": steady(320)}, "home_link"),
        ({"gateway": steady(3), "public": steady(312), "last": steady(318), "responder": steady(320)}, "line"),
        ({"gateway": steady(3), "public": steady(13), "last": steady(19), "responder": steady(320)}, "server"),
        # The gateway is busy passing on and answers late: what lies behind it says so.
        ({"gateway": varied(2, 900), "public": steady(62), "last": steady(68), "responder": steady(70)}, None),
        # One answer a second during a load of four seconds, and one of them late.
        ({"gateway": Seen((3.0, 3.1, 3.2, 400.0), 20), "public": steady(312, 4), "responder": steady(320)}, "line"),
        # One answer a second during a load of four seconds.
        ({"gateway": steady(3, 4), "public": steady(312, 4), "responder": steady(320)}, "line"),
    ],
)
def test_a_queue_under_load_stands_where_the_delay_rises(loaded: dict[str, Seen], at_fault: AtFault | None) -> None:
    assert fault(blame.increase(way(IDLE), way(loaded, ours=True))) == at_fault


def test_a_router_that_answers_once_a_second_has_not_lost_the_packets() -> None:
    limited = way(gateway=lossy(80, 100), public=lossy(75, 100), responder=lossy(50, 1000))
    assert blame.loss(limited) is None


def test_loss_that_the_own_router_shows_alike_is_the_home_links() -> None:
    found = way(gateway=lossy(9, 100), public=lossy(10, 100), responder=lossy(100, 1000))
    assert fault(blame.loss(found)) == "home_link"


def test_loss_behind_a_router_that_answers_everything_is_the_lines() -> None:
    found = way(gateway=lossy(0, 100), public=lossy(9, 100), responder=lossy(100, 1000))
    cause = blame.loss(found)
    assert cause == Cause(
        "line",
        "the way to your own router loses only 0.0 %, the way to your provider's first router loses 9.0 %",
    )


def test_loss_of_one_in_a_hundred_is_too_little_to_clear_a_router_that_was_asked_a_hundred_times() -> None:
    assert blame.loss(way(gateway=lossy(0, 100), public=lossy(0, 100), responder=lossy(10, 1000))) is None


def test_a_part_is_named_from_the_greater_half_on() -> None:
    assert fault(blame.delay(way(gateway=steady(55), public=steady(80), responder=steady(100, 1000)))) == "home_link"
    shared = blame.delay(way(gateway=steady(45), public=steady(75), responder=steady(100, 1000)))
    assert shared == Cause(None, "no part of the way alone explains it")


def test_a_delay_of_less_than_twenty_ms_needs_no_cause() -> None:
    assert blame.delay(way(gateway=steady(1), public=steady(18), responder=steady(19, 1000))) is None
    assert fault(blame.delay(way(gateway=steady(1), public=steady(18), responder=steady(22, 1000)))) == "line"


def test_a_variation_of_less_than_three_ms_needs_no_cause() -> None:
    def home(width: float) -> Way:
        return way(gateway=varied(2, width), public=varied(9, width), responder=varied(9, width, 1000))

    assert blame.variation(home(2.5)) is None
    assert fault(blame.variation(home(4.5))) == "home_link"


def test_an_increase_of_less_than_ten_ms_needs_no_cause() -> None:
    def slower(ms: float) -> Way:
        return way(gateway=steady(2 + ms), public=steady(12 + ms), last=steady(18 + ms), responder=steady(20 + ms))

    assert blame.increase(way(IDLE), slower(9)) is None
    assert fault(blame.increase(way(IDLE), slower(12))) == "home_link"


def test_two_lost_packets_need_no_cause() -> None:
    assert blame.loss(way(gateway=lossy(0, 100), responder=lossy(2, 20))) is None
    assert blame.loss(way(gateway=lossy(0, 100), responder=lossy(3, 20))) is not None


def test_a_router_that_takes_a_moment_to_answer_still_counts() -> None:
    """Its own work on an answer takes up to a millisecond, which no interval of many answers holds."""
    assert fault(blame.delay(way(gateway=steady(30.9), public=steady(30), responder=steady(30.2, 1000)))) == "home_link"
    assert fault(blame.delay(way(gateway=steady(33), public=steady(30), responder=steady(30.2, 1000)))) is None


def test_a_part_that_reaches_the_far_end_is_ours_only_where_nothing_else_lies_there() -> None:
    seen = {"gateway": steady(2), "public": steady(3), "last": steady(4), "responder": steady(80, 1000)}
    assert fault(blame.delay(way(seen))) is None
    assert fault(blame.delay(way(seen, ours=True))) == "server"


def test_a_long_way_to_us_is_nobodys_also_where_the_providers_first_router_keeps_silent() -> None:
    assert fault(blame.delay(way(gateway=steady(2), last=steady(240), responder=steady(241, 1000)))) is None


def test_delay_behind_the_provider_is_ours_while_we_were_busy() -> None:
    seen = {"gateway": steady(2), "public": steady(12), "responder": steady(90, 1000)}
    assert fault(blame.delay(way(seen, others=3))) == "server"
    assert fault(blame.delay(way(seen, others=0))) is None


def test_being_busy_does_not_make_a_part_ours_that_may_be_the_homes() -> None:
    found = way(others=9, public=varied(12, 40), responder=varied(20, 40, 1000))
    assert fault(blame.variation(found)) is None


def test_two_answers_of_a_router_say_nothing_and_three_do() -> None:
    def home(answers: int) -> Way:
        return way(gateway=steady(50, answers), public=steady(52), responder=steady(60, 1000))

    assert fault(blame.delay(home(3))) == "home_link"
    assert fault(blame.delay(home(2))) is None


def test_without_answers_of_the_far_end_there_is_no_whole_to_share_out() -> None:
    assert blame.delay(way(gateway=steady(50), public=steady(60), responder=steady(70, 2))) is None


def test_a_router_must_have_lost_three_answers_and_given_three_to_have_lost_alike() -> None:
    whole = lossy(100, 1000)
    assert fault(blame.loss(way(gateway=lossy(3, 30), responder=whole))) == "home_link"
    assert blame.loss(way(gateway=lossy(2, 20), responder=whole)) is None
    half = lossy(500, 1000)
    assert fault(blame.loss(way(gateway=lossy(3, 6), responder=half))) == "home_link"
    assert blame.loss(way(gateway=lossy(3, 5), responder=half)) is None


def test_a_router_that_lost_less_than_half_of_the_whole_but_not_surely_less_proves_nothing() -> None:
    # 5 of 100 are 2.2 to 11.2 % (Wilson): neither half of 11 % nor surely below it.
    assert blame.loss(way(gateway=lossy(5, 100), responder=lossy(110, 1000))) is None
    assert fault(blame.loss(way(gateway=lossy(6, 100), responder=lossy(110, 1000)))) == "home_link"


def test_where_no_router_can_be_believed_the_way_as_a_whole_is_told() -> None:
    cause = blame.variation(way(gateway=varied(2, 90), responder=varied(20, 30, 1000)))
    assert cause is not None
    assert cause.sentence.startswith("the way to our server varies by 27 ms; no router")  # 90 % of 30 ms


def split(first: int, low: float, high: float) -> Seen:
    """A thousand answers, the `first` of them of `low` ms."""
    return Seen((low,) * first + (high,) * (1000 - first), 1000)


def test_the_middle_of_the_delays_is_what_counts() -> None:
    assert blame.delay(way(gateway=steady(1), responder=split(510, 19, 300))) is None
    assert blame.delay(way(gateway=steady(1), responder=split(490, 19, 300))) is not None


def test_variation_is_that_of_nine_tenths_of_the_packets() -> None:
    assert blame.variation(way(gateway=steady(1), responder=split(40, 20, 60))) is None
    assert blame.variation(way(gateway=steady(1), responder=split(60, 20, 60))) is not None
    assert blame.variation(way(gateway=steady(1), responder=split(960, 20, 60))) is None
    assert blame.variation(way(gateway=steady(1), responder=split(940, 20, 60))) is not None
