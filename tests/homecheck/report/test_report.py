"""Reports show what passed, what did not, why and what to do, and take nothing that strangers wrote at its word."""

from __future__ import annotations

import html
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from homecheck.appraisal import AttestationResult, Finding, Verdict, appraise
from homecheck.evidence import Device, Evidence, ProbeRun, Software
from homecheck.keys import SoftwareKey
from homecheck.measurement import Cause, Failure, Json, Level, Measurement, Quantity
from homecheck.observation import Flow, Region, SessionObservation, Transfer
from homecheck.policy import parse_policy
from homecheck.report.html import PagePart, result_page, results_page
from homecheck.report.json import result_members
from homecheck.report.text import along_text, measurements_text, result_text, shown, spent_shown
from homecheck.report.words import LABELS, MEANINGS, cause_advice, label, meaning
from homecheck.signing import OBSERVATION, sign

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


def evidence(download: float = 8.5, cause: Cause | None = None) -> Evidence:
    failure = Failure("needs_person", "person", "nobody was there", "Run the check again with somebody there.")
    measurements = (
        Measurement(DOWNLOAD, download, 0.25, cause=cause),
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


def plain(renderable: object, width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width, no_color=True).print(renderable)
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


def test_where_nothing_was_measured_no_empty_table_is_shown() -> None:
    assert "Measured" in plain(measurements_text(evidence()))
    assert plain(measurements_text(replace(evidence(), runs=()))).strip() == ""


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
        "cause": None,
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


def test_what_goes_along_of_earlier_checks_is_shown_before_it_is_sent() -> None:
    of = evidence()
    run, noon = of.runs[0], int(NOON.timestamp())
    levels = (Level(noon - 172_800, 8.25, 0.5), Level(noon - 86_400, 51.0, 2.0))
    of = replace(of, runs=(replace(run, measurements=(Measurement(DOWNLOAD, 8.5, 0.25, earlier=levels),)),))
    words = "with 2 earlier checks and their times: 8.25 to 51 Mbit/s, since 2026-11-21"
    assert words in " ".join(plain(measurements_text(of)).split())
    assert words in result_page(of, result(of), "Test")
    assert "earlier check" not in plain(measurements_text(evidence()))


@pytest.mark.parametrize(("spent", "words"), [(74_300_000, "74"), (350_000, "0.3"), (9_960_000, "10.0")])
def test_the_page_says_how_much_data_the_check_has_used(spent: int, words: str) -> None:
    of = evidence()
    used = Measurement(DOWNLOAD, 8.5, 0.25, details={"spent_bytes": spent})
    of = replace(of, runs=(replace(of.runs[0], measurements=(used,)),))
    assert spent_shown(of) == f"Used {words} MB of data."
    assert f"Used {words} MB of data." in result_page(of, result(of), "Test")
    assert spent_shown(evidence()) == ""


@pytest.mark.parametrize("spent", [True, "9", None, [1]])
def test_a_number_of_bytes_that_is_none_is_not_shown(spent: Any) -> None:
    of = evidence()
    used = Measurement(DOWNLOAD, 8.5, 0.25, details={"spent_bytes": spent})
    assert spent_shown(replace(of, runs=(replace(of.runs[0], measurements=(used,)),))) == ""


def test_earlier_levels_have_a_name_for_people() -> None:
    assert label("network.rtt.earlier") == "Round-trip time, of earlier checks too, with their times"


def test_a_value_that_failed_says_where_it_lies_and_is_not_called_unmeasured() -> None:
    of = evidence(cause=Cause("home_link", "the way to your own router already slows down by <41 ms>"))
    text = " ".join(plain(result_text(result(of), "Test")).split())
    assert "not passed: 8.50 ± 0.25 Mbit/s" in text
    assert "Where it lies: the home network: the way to your own router already slows down by <41 ms>." in text
    assert "Why it is asked: Calls share the line" in text
    page = result_page(of, result(of), "Test")
    assert "the home network: the way to your own router already slows down by &lt;41 ms&gt;." in page


def test_a_value_that_our_server_spoilt_is_shown_as_not_decided_and_not_counted() -> None:
    of = evidence(cause=Cause("server", "our server was busy"))
    text = " ".join(plain(result_text(result(of), "Test")).split())
    assert "not decided: 8.50 ± 0.25 Mbit/s" in text
    assert "our server – this does not count against you: our server was busy." in text
    assert "Ask the others to pause their films." not in text


def test_a_cause_that_names_nobody_is_a_sentence_alone() -> None:
    of = evidence(cause=Cause(None, "no part of the way alone explains it"))
    assert "Where it lies: no part of the way alone explains it." in plain(result_text(result(of), "Test"))


def test_advice_fits_the_cause_and_the_policys_own_comes_after_it() -> None:
    sentence = "the way to your own router already varies by 36 ms"
    at_home = plain(result_text(result(evidence(cause=Cause("home_link", sentence))), "Test"))
    flat = " ".join(at_home.split())
    assert "Do this: It arises between this computer and your router: plug in a network cable" in flat
    assert "What helps in general: Ask the others to pause their films." in flat
    line = evidence(cause=Cause("line", sentence))
    assert "show this result to your internet provider" in " ".join(plain(result_text(result(line), "Test")).split())
    page = result_page(line, result(line), "Test")
    assert page.index("show this result to") < page.index("What helps in general: Ask the others")


def test_what_our_server_spoilt_gets_no_advice_about_the_home() -> None:
    of = evidence(cause=Cause("server", "the way to our server slows down"))
    text = " ".join(plain(result_text(result(of), "Test")).split())
    assert "This is not your fault." in text
    assert "What helps in general" not in text


def test_a_queue_in_front_of_a_busy_line_is_mended_at_home_wherever_it_stands() -> None:
    finding = Finding("network.loaded_mos", Verdict.FAIL, "required", "1.7", cause=Cause("line", "it stands there"))
    assert cause_advice(finding) == ""
    assert cause_advice(replace(finding, quantity="network.mos"))


@pytest.mark.parametrize("name", ["network.jitter", "network.pdv_p95", "network.r", "network.mos", "network.rpm"])
def test_a_name_from_engineering_is_explained_beside_its_value(name: str) -> None:
    of = with_network(Measurement(Quantity(name, "1", "a standard"), 4.0, 0.1))
    words = meaning(name)
    assert words
    assert words in " ".join(plain(measurements_text(of), width=400).split())
    assert words in html.unescape(result_page(of, result(of), "Test"))


def test_only_known_quantities_are_explained() -> None:
    assert MEANINGS.keys() <= LABELS.keys()


def test_all_that_goes_along_is_shown_before_it_is_sent() -> None:
    """Causes, details and what the far end saw; a stranger's words steer nothing."""
    details: dict[str, Json] = {"address": "192.168.1.1", "hops": {"n": 2}}
    found = Measurement(DOWNLOAD, 50.0, 1.0, details=details, cause=Cause("line", "it is narrow there"))
    seen = SessionObservation(
        "s", None, NOON, NOON, "203.0.113.9", Transfer(bytes=36_100_000), Transfer(bytes=4_200_000),
        (Flow(0, received=3, map=b"\xe0"), Flow(1, received=1, map=b"\x80")), Region("SE", "AB"),
    )  # fmt: skip
    signed = sign(seen.to_bytes(), OBSERVATION, SoftwareKey.generate()).decode()
    of = replace(with_network(found), observations=(signed, "no.envelope"))
    text = " ".join(plain(along_text(of)).split())
    assert "Download speed: address: 192.168.1.1, hops: {n: 2}" in text
    assert "203.0.113.9, SE-AB; 36.1 MB to you, 4.2 MB and 4 voice packets from you." in text
    assert "(11 characters that this version cannot read.)" in text
    assert "it is narrow there" in plain(measurements_text(of))
    assert "it is narrow there" in result_page(of, result(of), "Test")


def test_evidence_without_details_has_nothing_else_that_goes_along() -> None:
    assert plain(along_text(evidence())).strip() == ""


def with_network(found: Measurement) -> Evidence:
    return replace(evidence(), runs=(ProbeRun("network", "1", NOON, 1.0, (found,)),))
