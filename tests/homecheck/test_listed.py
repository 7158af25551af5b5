from __future__ import annotations

from homecheck.listed import listed


def test_few_names_all_stand_there_and_of_many_the_first_ten() -> None:
    assert listed([]) == ""
    assert listed(["b", "a"]) == "b, a"
    assert listed([str(number) for number in range(10)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert listed([str(number) for number in range(103)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 93 more"
