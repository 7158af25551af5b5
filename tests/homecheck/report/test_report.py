"""Reports show what passed, what did not, why and what to do, and take nothing that strangers wrote at its word."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

from rich.console import Console

from homecheck.appraisal import AttestationResult, appraise
from homecheck.evidence import Device, Evidence, ProbeRun, Software
from homecheck.measurement import Failure, Measurement, Quantity
from homecheck.policy import parse_policy
from homecheck.report.html import PagePart, result_page, results_page
from homecheck.report.json import result_members
from homecheck.report.text import measurements_text, result_text, shown
from homecheck.report.words import label

DOWNLOAD = Quantity("network.download", "Mbit/s", "goodput of 4 TCP streams")
MODEL = Quantity.text("headset.model", "name given by the system")
NOISE = Quantity("room.noise", "dBFS(A)", "LAeq, IEC 61672-1")
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
POLICY = parse_policy(
    """
    name = "test"
    version = "3"
    title = "Test <policy>"
    [[requirement]]
    quantity = "network.download"
    at_least = 10
    reason = "Calls share the line with the household."
    advice = "Ask the others to pause their films."
    [[requirement]]
    quantity = "room.noise"
    at_most = -40
    severity = "advisory"
    """,
    "test.toml",
)


def evidence(download: float = 8.5) -> Evidence:
    failure = Failure("needs_person", "person", "nobody was there", "Run the check again with somebody there.")
    measurements = (
        Measurement(DOWNLOAD, download, 0.25),
        Measurement(MODEL, "<script>alert('ü')</script> [bold]Å"),
        Measurement(NOISE, failure=failure),
    )
    return Evidence(
        id="019ab000-0000-7000-8000-000000000000",
        aud=None,
        iat=1,
        nonce=None,
        seq=1,
        sub=None,
        device=Device("k" * 43, "file"),
        started_at=NOON,
        finished_at=NOON + timedelta(seconds=31.24),
        software=Software("homecheck", "0.1.0", "3.11.7", "Linux"),
        runs=(ProbeRun("test", "1", NOON, 1.0, measurements),),
    )


def result(of: Evidence) -> AttestationResult:
    return appraise(of, POLICY, "sha256:" + "0" * 64)


def plain(renderable: object) -> str:
    out = io.StringIO()
    Console(file=out, width=100, no_color=True).print(renderable)
    return out.getvalue()


def test_the_text_names_what_failed_by_how_much_and_what_to_do() -> None:
    text = plain(result_text(result(evidence()), "Test"))
    assert "Not ready yet" in text
    assert "8.50 ± 0.25 Mbit/s; at least 10 Mbit/s needed" in text
    assert "Do this: Ask the others to pause their films." in text
    assert "Why it is asked: Calls share the line with the household." in text
    assert "Where it lies: something that only you can do." in text


def test_a_passing_check_gives_no_advice() -> None:
    passing = result(evidence(download=50.0))
    advice_of_download = plain(result_text(passing, "Test")).split("What to do")[1]
    assert "Download" not in advice_of_download


def test_names_from_outside_are_shown_as_they_are_and_not_as_markup() -> None:
    of = evidence()
    assert "<script>alert('ü')</script> [bold]Å" in plain(measurements_text(of))
    page = result_page(of, result(of), POLICY.title)
    assert "<script>" not in page
    assert "&lt;script&gt;alert(&#39;ü&#39;)&lt;/script&gt; [bold]Å" in page
    assert "Test &lt;policy&gt;" in page


def test_the_page_asks_for_nothing_from_outside() -> None:
    of = evidence()
    page = result_page(of, result(of), "Test")
    assert "http:" not in page
    assert "https:" not in page
    assert "src=" not in page
    assert "url(" not in page


def test_the_json_has_every_measurement_and_finding_under_its_fixed_names() -> None:
    of = evidence()
    members = json.loads(json.dumps(result_members(of, result(of), [])))
    assert members["verdict"] == "fail"
    assert members["seconds"] == 31.2
    assert members["policy"]["name"] == "test"
    assert members["measurements"]["network.download"] == {
        "value": 8.5,
        "unit": "Mbit/s",
        "uncertainty": 0.25,
        "method": "goodput of 4 TCP streams",
        "failure": None,
        "details": {},
    }
    assert members["measurements"]["room.noise"]["value"] is None
    assert members["measurements"]["room.noise"]["failure"] == {
        "code": "needs_person",
        "at_fault": "person",
        "message": "nobody was there",
        "advice": "Run the check again with somebody there.",
    }
    assert [finding["verdict"] for finding in members["findings"]] == ["fail", "warn"]


def test_a_value_is_shown_with_uncertainty_and_unit() -> None:
    assert shown(Measurement(DOWNLOAD, 123.456, 1.0)) == "123.5 ± 1.0 Mbit/s"
    assert shown(Measurement(Quantity("host.cpu_cores", "1", "count"), 8, 0)) == "8"
    assert shown(Measurement(Quantity.yes_no("link.vpn", "route"), False)) == "no"
    assert label("network.download") == "Download speed"
    assert label("stranger.thing") == "stranger.thing"


def test_the_results_of_two_programs_are_one_page_whose_title_is_the_worse() -> None:
    good, bad = evidence(download=50.0), evidence(download=1.0)
    page = results_page([PagePart(good, result(good), "Chat", preview=False), PagePart(bad, result(bad), "Voice")])
    assert page.count("<html") == page.count("</html>") == 1
    assert "<title>homecheck: not passed</title>" in page
    assert page.index("Judged by: Chat") < page.index("own judgement.") < page.index("Judged by: Voice")
    assert page.count("a preview") == 1  # the collector has judged the other one


def test_in_a_narrow_window_the_explanation_keeps_room_for_its_words() -> None:
    out = io.StringIO()
    of = evidence()
    Console(file=out, width=40, no_color=True).print(result_text(result(of), "Test"))
    assert "at least" in out.getvalue()
    assert "recommended" in out.getvalue()
    narrowest = [line.split()[-1] for line in out.getvalue().splitlines() if line.strip()]
    assert all(len(word) > 1 or not word.isalpha() for word in narrowest)  # no word is cut into letters
