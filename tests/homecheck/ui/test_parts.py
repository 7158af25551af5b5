"""The parts of the guide that need no server: what is kept, the live graph, the steps, the dialogue, the questions."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from homecheck.agent import Collected
from homecheck.errors import ProbeError
from homecheck.evidence import ProbeRun
from homecheck.instruments.network_run import News
from homecheck.locale import translator
from homecheck.measurement import CheckSetup, Failure, Measurement, Quantity
from homecheck.policy import PRESETS, load_policy
from homecheck.ui.dialogue import BrowserPerson, Prompt, fits
from homecheck.ui.graph import HEIGHT, LEFT, WIDTH, graph, nice_top
from homecheck.ui.kept import Kept
from homecheck.ui.live import loudness, share_of_meter
from homecheck.ui.outcome import rows, together
from homecheck.ui.sitting import installed_probes
from homecheck.ui.spending import may_load
from homecheck.ui.steps import COMPUTER, CONNECTION, MEASURING, asked_of, probes_of, steps_for
from homecheck.ui.understanding import mistaken, questions
from tests.guide import JITTER, LINK, MEMORY, Made

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
ASKED = frozenset({"network.jitter", "host.memory"})
DELAY = Quantity("network.rtt", "ms", "a method")
FAILED = Failure("no_device", "device", "nothing", "Repeat.")


def collected(minutes: int, *measurements: Measurement, observations: tuple[str, ...] = ()) -> Collected:
    at = AT + timedelta(minutes=minutes)
    return Collected(at, at, (ProbeRun("network", "1", at, 30.0, measurements),), observations)


def value_kept(*checks: Collected) -> object:
    kept = Kept()
    for check in checks:
        kept = kept.with_runs(check, ASKED)
    return kept.runs["network"].run.measurements[0].value


def test_of_equal_runs_the_newest_counts_however_nice_the_others_are() -> None:
    nice, newest = (collected(at, Measurement(JITTER, value, 1.0)) for at, value in ((0, 3.0), (5, 50.0)))
    assert value_kept(nice, newest) == 50.0


def test_a_run_that_measured_less_does_not_replace_one_that_measured_more() -> None:
    good = collected(0, Measurement(JITTER, 3.0, 1.0))
    assert value_kept(good, collected(5, Measurement(JITTER, failure=FAILED))) == 3.0
    assert value_kept(collected(0, Measurement(JITTER, failure=FAILED)), good) == 3.0


def test_a_run_that_the_far_end_vouches_for_counts_more() -> None:
    # Not a call's confirmation, whose type is in its header: so it is taken for the measuring server's.
    seen = collected(0, Measurement(JITTER, 3.0, 1.0), observations=("e30.e30.e30",))
    kept = Kept().with_runs(seen, ASKED).with_runs(collected(5, Measurement(JITTER, 9.0, 1.0)), ASKED)
    assert kept.collected().observations == ("e30.e30.e30",)
    assert kept.counts == {"network": 2}


def test_what_is_kept_ends_when_its_last_run_ended_and_nothing_is_no_check() -> None:
    kept = Kept().with_runs(collected(0, Measurement(JITTER, 3.0, 1.0)), ASKED)
    assert kept.collected().finished_at == AT + timedelta(seconds=30)
    with pytest.raises(ValueError, match="nothing was measured"):
        Kept().collected()


def test_what_one_cause_has_kept_from_being_measured_is_told_once() -> None:
    lost = (Measurement(JITTER, failure=FAILED), Measurement(MEMORY, 8.0, 0.0), Measurement(DELAY, failure=FAILED))
    told = [(row.label, row.advice) for row in together(rows(lost, translator("en")))]
    assert told == [("Jitter, Round-trip time", "Repeat."), ("Memory", "")]


def test_why_the_newest_run_does_not_count_is_kept_until_one_counts_again() -> None:
    good, bad = Measurement(JITTER, 3.0, 1.0), Measurement(JITTER, failure=FAILED)
    kept = Kept().with_runs(collected(0, good), ASKED).with_runs(collected(5, bad), ASKED)
    assert kept.missed["network"].measurements == (bad,)
    assert kept.with_runs(collected(9, good), ASKED).missed == {}


def test_the_graph_sets_the_phases_one_after_the_other() -> None:
    drawn = graph([News("idle", 1.0, 20.0), News("idle", 2.0, 40.0), News("download", 2.0, 80.0, 45.0)])
    assert (drawn.phase, drawn.delay.top, drawn.speed.top, drawn.delay.seconds) == ("download", 100, 50, 4.0)
    idle, download = drawn.delay.lines
    assert idle.points.split()[0] == f"{LEFT + (WIDTH - LEFT) * 0.25:.1f},{HEIGHT * 0.8:.1f}"
    assert download.points == f"{WIDTH}.0,{HEIGHT * 0.2:.1f}"
    assert drawn.best == {"download": 45.0, "upload": 0.0}


def test_a_graph_of_nothing_and_of_a_line_without_replies_is_empty() -> None:
    assert graph([]).speed.lines == graph([News("idle", 1.0, None)]).delay.lines == ()


@pytest.mark.parametrize(("value", "top"), [(0, 10), (0.3, 0.5), (1, 1), (41.2, 50), (99, 100), (501, 1000)])
def test_the_axis_ends_at_a_number_that_reads_well(value: float, top: float) -> None:
    assert nice_top(value) == pytest.approx(top)


@pytest.mark.parametrize(
    ("level", "word", "share"),
    [(-120, "quiet", 0), (-46, "quiet", 34), (-30, "good", 57), (-5, "loud", 93), (3, "loud", 100)],
)
def test_the_meter_has_a_word_for_every_level(level: float, word: str, share: int) -> None:
    assert (loudness(level), share_of_meter(level)) == (word, share)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_quantity_that_a_preset_asks_for_has_a_step_with_its_probe(preset: str) -> None:
    policy = load_policy(preset)
    asked, probes = asked_of([policy]), installed_probes(CheckSetup())
    reached = [
        probe for step in MEASURING if step.name in steps_for([policy]) for probe in probes_of(step, probes, asked)
    ]
    offered = {quantity.name for probe in reached for quantity in probe.quantities}
    known = {quantity.name for probe in probes for quantity in probe.quantities}
    assert {name for name in asked if name in known} <= offered
    assert len({probe.name for probe in reached}) == len(reached)


def test_the_kind_of_connection_is_read_where_it_tells_what_mends_the_line_and_else_left_alone() -> None:
    link, network = Made("link", (Measurement(LINK, "wifi"),)), Made("network", (Measurement(JITTER, 41.0, 1.0),))
    assert probes_of(CONNECTION, [link, network], frozenset({"network.jitter"})) == [link, network]
    assert probes_of(CONNECTION, [link, network], frozenset({"host.memory"})) == []


def test_nobody_is_asked_for_data_where_no_probe_fills_the_line() -> None:
    away = CheckSetup(responder_url="https://far.example", asked=frozenset({"network.jitter"}))
    (network,) = (probe for probe in installed_probes(away) if probe.name == "network")
    nobody = BrowserPerson(lambda: None)
    nobody.stop()  # whoever asks is told that there is nobody
    assert may_load(away, [network], nobody)


def test_a_strangers_probe_runs_with_those_of_the_computer() -> None:
    stranger = Made("plants", (Measurement(MEMORY, 1.0, 0.0),))
    assert probes_of(COMPUTER, [stranger], ASKED) == [stranger]


def test_chat_needs_neither_headset_nor_room() -> None:
    steps = steps_for([load_policy("chat-only")])
    assert "headset" not in steps
    assert "room" not in steps
    assert "telephone" in steps_for([load_policy("voice-landline")])


def test_who_waits_for_an_answer_is_freed_when_the_person_stops() -> None:
    person, ended = BrowserPerson(lambda: None), []

    def wait() -> None:
        with pytest.raises(ProbeError, match="you stopped this part"):
            person.ask("Really?")
        ended.append(True)

    thread = threading.Thread(target=wait)
    thread.start()
    for _ in range(1000):
        if person.prompt is not None:
            break
        threading.Event().wait(0.01)
    person.stop()
    thread.join(10)
    assert ended == [True]
    with pytest.raises(ProbeError, match="you stopped"):
        person.confirm("Once more?")


def test_what_is_said_with_a_question_stands_above_it_and_what_was_said_earlier_does_not() -> None:
    now = [100.0]
    person = BrowserPerson(lambda: None, clock=lambda: now[0])

    def asked(text: str) -> Prompt:
        thread = threading.Thread(target=person.enter, args=(text,))
        thread.start()
        for _ in range(1000):
            if person.prompt is not None and person.prompt.text == text:
                break
            threading.Event().wait(0.01)
        prompt = person.prompt
        assert prompt is not None
        person.answer(prompt.number, "1")
        thread.join(10)
        return prompt

    person.tell("Please be silent now …")
    now[0] += 4.0
    assert asked("Ready?").before == ()
    person.tell("123456 is not the code.")
    person.tell("You can try once more.")
    assert asked("Type the code.").before == ("123456 is not the code.", "You can try once more.")
    assert asked("Type the code again.").before == ()


@pytest.mark.parametrize(
    ("kind", "given", "good"),
    [
        ("ask", "yes", True), ("ask", "no", True), ("ask", "", False), ("ask", "maybe", False),
        ("count", "0", True), ("count", "9", True), ("count", "10", False), ("count", "-1", False),
        ("count", "", False),
        ("count", "²", False), ("confirm", "", True), ("enter", "", True), ("enter", "Sverige", True),
    ],
)  # fmt: skip
def test_only_an_answer_of_its_kind_is_taken(kind: str, given: str, good: bool) -> None:
    assert fits(Prompt(1, kind, "?", most=9), given) is good  # type: ignore[arg-type]


def test_who_is_checked_by_nobody_is_asked_other_questions() -> None:
    company, private = questions(private=False), questions(private=True)
    assert mistaken(company, {"who": "company", "sound": "numbers"}) == ()
    assert mistaken(private, {"who": "company", "sound": "numbers"}) == ("who",)
    assert mistaken(private, {}) == ("who", "sound")
