"""A guided check outlasts its program: what was measured is offered to the next guide, and to nobody else."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from homecheck import history, spool
from homecheck.config import Home
from homecheck.enrolment import load_enrolments
from homecheck.evidence import ProbeRun
from homecheck.measurement import Failure, Level, Measurement
from homecheck.signing import digest
from homecheck.ui.kept import Kept, KeptRun
from homecheck.ui.unfinished import Unfinished, load, store
from tests.guide import JITTER, MEMORY, guided, made
from tests.guide_visitor import Visitor
from tests.homecheck.ui.test_guide import no_network, send, shown_envelope
from tests.live_collector import Site

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
UNPLUGGED = Failure("no_device", "device", "no headset – ingen 🎧", "Plug it in.")
RUN = ProbeRun(
    "network", "3", AT, 30.25,
    (
        Measurement(JITTER, 1e-05, 3.0, details={"streams": [1, None, "ü"]}, earlier=(Level(1_700_000_000, 4.0, 1.0),)),
        Measurement(MEMORY, failure=UNPLUGGED),
    ),
)  # fmt: skip
FULL = Unfinished(
    AT, ("a", "b"), None, "Kopfhörer “WH”", {"door": True, "desk": False}, {"voice": ("nonce", AT)}, True,
    Kept({"network": KeptRun(RUN, ("e30.e30.e30",))}, {"network": 3}),
)  # fmt: skip


def test_it_comes_back_as_it_was_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    assert load(home, AT) is None
    store(home, FULL)
    assert load(home, AT + timedelta(hours=23)) == FULL
    if sys.platform != "win32":
        assert stat.S_IMODE(home.sitting.stat().st_mode) == 0o600


@pytest.mark.parametrize("hours", [24, 300, -24])
def test_after_a_day_or_by_a_clock_that_is_days_off_it_is_forgotten(tmp_path: Path, hours: int) -> None:
    home = Home.at(tmp_path)
    store(home, FULL)
    assert load(home, AT + timedelta(hours=hours)) is None
    assert not home.sitting.exists()


def test_a_clock_that_was_set_back_a_little_costs_nothing(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    store(home, FULL)
    assert load(home, AT - timedelta(minutes=3)) == FULL


def changed(members: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> bytes:
    change(members)
    return json.dumps(members).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(v=2),
        lambda m: m.pop("answers"),
        lambda m: m.update(answers={"door": "yes"}),
        lambda m: m.update(agreed_at="yesterday"),
        lambda m: m["runs"][0].update(times=0),
        lambda m: m["runs"][0]["run"]["measurements"][0].update(value=None),
        lambda m: m["runs"][0]["run"]["measurements"].append(m["runs"][0]["run"]["measurements"][0]),
    ],
)
def test_what_was_damaged_is_forgotten_as_a_whole(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    home = Home.at(tmp_path)
    store(home, FULL)
    home.sitting.write_bytes(changed(json.loads(home.sitting.read_bytes()), change))
    assert load(home, AT) is None
    assert not home.sitting.exists()


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[]", b'{"v":1}'])
def test_what_is_no_such_file_is_forgotten(tmp_path: Path, data: bytes) -> None:
    home = Home.at(tmp_path)
    home.sitting.write_bytes(data)
    assert load(home, AT) is None


# --- From one guide to the next.


@pytest.fixture
def left_half_way(home: Home) -> str:
    """Somebody measured two parts, answered, chose a headset, and closed everything; return the value of one."""
    with guided(home, made) as guide:
        visitor = Visitor(guide)
        visitor.agree()
        visitor.settled("consent")
        visitor.post("/headset", headset="Jabra")
        visitor.measure("computer")
        visitor.measure("connection")
        visitor.measure("connection")
        visitor.post("/questions", door="yes", desk="no")
        assert "is kept on this computer until" in visitor.post("/quit").text
    return "41.2"


def test_a_new_guide_offers_what_was_measured_and_goes_on_with_it(home: Home, left_half_way: str) -> None:
    with guided(home, made) as guide:
        visitor = Visitor(guide)
        welcome = visitor.get("/")
        assert "You have begun already" in welcome
        assert "Measured so far: This computer, Internet connection." in welcome
        # Until the person says so nothing of it is used: nothing can be seen, measured or sent.
        assert left_half_way not in visitor.get("/step/result")
        assert guide.sitting.judged() == []
        visitor.post("/measure/room")
        assert guide.sitting.job is None
        visitor.post("/go-on")
        visitor.settled("consent")
        visitor.post("/begin-anew")  # of a second tab that shows the question still
        assert home.sitting.exists()
        assert "<h1>Headset</h1>" in visitor.get("/")
        connection = visitor.get("/step/connection")
        assert left_half_way in connection
        assert "Measured 2 times" in connection
        assert guide.sitting.headset == "Jabra"
        assert guide.sitting.answers == {"door": True, "desk": False}
        visitor.measure("headset")
        visitor.measure("room")
        page = visitor.get("/step/preview")
        send(visitor, page)
        visitor.settled("done")
        assert "Received" in visitor.get("/step/done")
        envelope = shown_envelope(page)
        assert [path.read_bytes() for path in home.receipts.glob("*.jws")].count(envelope) == 1
        assert not home.sitting.exists()
        assert "is kept on this computer until" not in visitor.post("/quit").text
    with guided(home, made) as again:
        assert "You have begun already" not in Visitor(again).get("/")


@pytest.mark.usefixtures("left_half_way")
def test_who_begins_anew_has_it_forgotten_with_its_levels_and_no_others(home: Home) -> None:
    before = history.load(home).runs
    assert before
    later = history.PastRun(
        int(datetime.now(UTC).timestamp()) + 60, "network", "1", history.Source(), {"x": Level(1, 1.0, 0.0)}
    )
    with guided(home, made) as guide:
        # A check by the command line in between is none of the guide's business.
        run = ProbeRun("network", "1", datetime.now(UTC) + timedelta(minutes=5), 1.0, (Measurement(JITTER, 5.0, 1.0),))
        history.append(home, history.load(home), [run], later.source, datetime.now(UTC))
        visitor = Visitor(guide)
        assert "You have begun already" not in visitor.post("/begin-anew").text
        assert not home.sitting.exists()
        assert [past.levels["network.jitter"].value for past in history.load(home).runs] == [5.0]
        visitor.post("/go-on")
        assert guide.sitting.agreed_at is None


@pytest.mark.usefixtures("left_half_way")
def test_who_agrees_once_more_instead_begins_with_nothing(home: Home) -> None:
    with guided(home, made) as guide:
        visitor = Visitor(guide)
        visitor.agree()
        visitor.settled("consent")
        assert guide.sitting.kept.runs == {}
        assert not home.sitting.exists()


@pytest.mark.usefixtures("left_half_way")
def test_who_goes_on_and_then_withdraws_leaves_nothing(home: Home) -> None:
    with guided(home, made) as guide:
        visitor = Visitor(guide)
        visitor.post("/go-on")
        visitor.settled("consent")
        visitor.post("/withdraw")
        assert not home.sitting.exists()
        assert history.load(home).runs == ()
        assert guide.sitting.judged() == []


@pytest.mark.usefixtures("left_half_way")
def test_what_was_measured_for_one_company_is_never_offered_for_two(home: Home, company: Site) -> None:
    (first,) = load_enrolments(home)
    home.enrolments.joinpath(f"{first.program}.json").unlink()
    with guided(home, made) as guide:
        assert "Just for you" in Visitor(guide).get("/")
        assert guide.sitting.offered is None
    assert not home.sitting.exists()


def test_a_trial_for_nobody_is_kept_as_a_trial_for_nobody(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "nobody")
    with guided(home, made, http=no_network()) as guide:
        visitor = Visitor(guide)
        visitor.post("/policy", preset="chat-only")
        visitor.post("/understood", who="me", sound="numbers")
        visitor.post("/agree", agree="yes")
        visitor.measure("computer")
    with guided(home, made, http=no_network()) as guide:
        visitor = Visitor(guide)
        visitor.post("/go-on")
        assert guide.sitting.private
        assert guide.sitting.preset == "chat-only"
        assert "nothing was sent, and nothing will be" in visitor.get("/step/result")


def test_what_the_spool_holds_is_not_offered_a_second_time(home: Home) -> None:
    with guided(home, made) as guide:
        visitor = Visitor(guide)
        visitor.agree()
        visitor.measure_all()
        page = visitor.get("/step/preview")
        guide.sitting.http, guide.sitting.patience_seconds = no_network(), 2.0
        send(visitor, page)
        visitor.settled("done")
        assert len(spool.waiting(home)) == 1
        assert not home.sitting.exists()


def test_what_the_spool_cannot_take_stays_offered(home: Home) -> None:
    with guided(home, made) as guide:
        visitor = Visitor(guide)
        visitor.agree()
        visitor.measure_all()
        page = visitor.get("/step/preview")
        notes = home.spool / f"{digest(shown_envelope(page)).removeprefix('sha256:')}.json"
        notes.mkdir(parents=True)  # as good as a disk that is full: the file cannot be written
        send(visitor, page)
        visitor.settled("done")
        assert "Kept on this computer, not sent yet" in visitor.get("/step/done")
        assert spool.waiting(home) == ()
    with guided(home, made) as guide:
        assert "You have begun already" in Visitor(guide).get("/")


def test_a_folder_that_takes_no_file_costs_no_check_and_is_told(home: Home) -> None:
    home.sitting.mkdir()  # nothing can be put in its place
    with guided(home, made) as guide:
        visitor = Visitor(guide)
        visitor.agree()
        visitor.settled("consent")
        visitor.measure("computer")
        page = visitor.get("/step/computer")
        assert "16 GiB" in page
        assert "sitting.json: cannot write this file" in page
        visitor.post("/questions", door="yes", desk="no")
        assert guide.sitting.is_done("questions")
        assert "is kept on this computer until" not in visitor.post("/quit").text
