"""The guide tells, before and after sending, what is another thing than at a program's first check."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from homecheck.config import Home
from tests.guide import Guided, guided, made
from tests.guide_visitor import Visitor
from tests.homecheck.ui.test_guide import send

CHANGED = "Något är inte som vid din första kontroll den"
OTHER = "annat headset: med sladd → Bluetooth"


def check(guide: Guided) -> tuple[str, str]:
    """Measure everything, send it, and return the pages before and after, in Swedish."""
    visitor = Visitor(guide)
    visitor.post("/language", language="sv")
    visitor.agree()
    visitor.measure_all()
    result = visitor.get("/step/result")
    send(visitor, visitor.get("/step/preview"))
    visitor.settled("done")
    return result, visitor.get("/step/done")


def test_another_headset_than_at_the_first_check_is_told_where_the_result_is_read(home: Home) -> None:
    with guided(home, made) as guide:
        first = check(guide)
    assert [CHANGED in page for page in first] == [False, False]
    with guided(home, partial(made, transport="bluetooth")) as guide:
        second = check(guide)
    assert [CHANGED in page for page in second] == [True, True]
    assert [OTHER in page for page in second] == [True, True]
    assert "Det avgör ingenting i sig" in second[0]


def test_a_file_of_setups_that_nobody_can_read_costs_no_check_and_is_told(home: Home, guide: Guided) -> None:
    visitor = Visitor(guide)
    visitor.agree()
    visitor.settled("consent")
    visitor.measure("computer")
    Path(home.setups).mkdir(parents=True)  # where a file should be
    page = visitor.get("/step/result")
    assert "What would make you pass" in page
    assert "setups.json" in page
