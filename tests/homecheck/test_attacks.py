"""What a hostile collector, and whoever writes its policies and receipts, tries with the agent."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homecheck.appraisal import AttestationResult, Finding, Verdict, appraise
from homecheck.cli.console import SafeConsole
from homecheck.errors import PolicyError, Refused
from homecheck.evidence import Evidence
from homecheck.exchange import Answer
from homecheck.observation import Flow, SessionObservation
from homecheck.policy import parse_policy, read_policy
from homecheck.receipt import Receipt, Statement
from homecheck.report.text import result_text
from homecheck.signing import Verified
from homecheck.standards.rfc_3339 import from_text
from homecheck.strict_json import serialize
from tests.people import FAILS, POLICY_TEXT, Worker
from tests.small_log import SmallLog

HEAD = 'name = "x"\nversion = "1"\n[[requirement]]\nquantity = "network.rtt"\n'
NOON = from_text("2026-11-23T12:00:00.000Z")
DIGEST = "sha256:" + "0" * 64
STEERS = "\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b31m\u202eevil\r"

BOMBS = {
    "lists in lists": "a = " + "[" * 100_000,
    "tables in tables": "a = " + "{a = " * 5_000 + "1" + "}" * 5_000,
    "a dotted key of 3000 parts": "name" + ".a" * 3_000 + " = 1",
    "an integer of 5000 digits": HEAD + "at_most = " + "9" * 5_000,
    "an integer of 400 digits": HEAD + "at_most = " + "9" * 400,
    "the same as a name": HEAD + "equals = " + "9" * 400,
    "not a number": HEAD + "equals = nan",
    "infinity in a list": HEAD + "one_of = [inf]",
    "a limit that no formula takes": HEAD + 'at_most = 1e308\n[[requirement]]\nquantity = "network.mos"\nat_least = 1',
    "a million characters": HEAD + "at_most = 5\n#" + "a" * 1_000_000,
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_policy_bomb_is_refused_as_a_policy(text: str) -> None:
    with pytest.raises(PolicyError, match=r"bomb\.toml: "):
        parse_policy(text, "bomb.toml")


def result(**changes: Any) -> AttestationResult:
    members = {"quantity": "network.rtt", "verdict": Verdict.WARN, "severity": "advisory", "explanation": "300 ms"}
    return AttestationResult(DIGEST, "p", "1", DIGEST, (Finding(**{**members, **changes}),))


def receipt_of(found: AttestationResult) -> Verified:
    evidence_id = "019ab1c2-d3e4-7f01-8234-56789abcdef0"
    return Verified(SmallLog().receipt(Statement(DIGEST, evidence_id, "https://c.example", "p", NOON, "none", found)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"severity": "deadly"}, "'deadly' is not known"),
        ({"at_fault": "astrology"}, "'astrology' is not known"),
        ({"trust": "blind"}, "'blind' is not known"),
        ({"verdict": Verdict.FAIL}, "remarked on at most"),
    ],
)
def test_a_receipt_whose_findings_no_page_could_show_or_that_contradict_themselves_is_refused(
    changes: dict[str, Any], reason: str
) -> None:
    assert Receipt.from_bytes(receipt_of(result())).result == result()
    with pytest.raises(Refused, match=reason):
        Receipt.from_bytes(receipt_of(result(**changes)))


def test_what_a_stranger_wrote_does_not_steer_the_terminal() -> None:
    out = io.StringIO()
    found = result(explanation=STEERS, advice=STEERS, reason=STEERS)
    SafeConsole(file=out, highlight=False, width=200).print(result_text(found, STEERS))
    text = out.getvalue()
    assert "evil" in text
    assert not set(text) & set("\x1b\x07\x9b\u202e\r")


def test_colours_of_our_own_stay() -> None:
    out = io.StringIO()
    SafeConsole(file=out, force_terminal=True, color_system="standard", no_color=False).print("[red]red[/red]")
    assert out.getvalue() == "\x1b[31mred\x1b[0m\n"


def test_the_reason_in_a_problem_document_does_not_steer_the_terminal_either() -> None:
    document = {"type": f"/problems/{STEERS}", "detail": STEERS, "advice": STEERS}
    problem = Answer(403, {"content-type": "application/problem+json"}, json.dumps(document).encode()).problem()
    assert all(text.isprintable() for text in (problem.reason, problem.detail, problem.advice))


# Documents of the right shape with anything in any place: only a refusal may leave.

WORKER = Worker("http://127.0.0.1:1", FAILS)
POLICY = parse_policy(POLICY_TEXT, "p")
EVIDENCE = WORKER.evidence("nonce")
GENUINE = {
    "evidence": (EVIDENCE.to_bytes(), Evidence.from_bytes),
    "receipt": (receipt_of(appraise(EVIDENCE, POLICY, DIGEST)), Receipt.from_bytes),
    "observation": (
        SessionObservation("s" * 10, "n", NOON, NOON, "192.0.2.1", udp=(Flow(0, 2, 2, map=b"\xc0"),)).to_bytes(),
        SessionObservation.from_bytes,
    ),
}
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "number", "A" * 600, "\x1b", "ü"]),
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.just([]),
    st.just({}),
    st.just([{}]),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, found in inner:
        yield from places(found, (*path, name))


def with_changes(members: Any, changes: list[tuple[tuple[Any, ...], Any]]) -> Any:
    for (*way, last), value in changes:
        place = members
        try:
            for step in way:
                place = place[step]
            place[last] = copy.deepcopy(value)  # the next change may go into it
        except (LookupError, TypeError):
            continue  # an earlier change took this place away
    return members


@pytest.mark.parametrize("name", GENUINE)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_stands_where_only_a_refusal_leaves(name: str, data: st.DataObject) -> None:
    genuine, read = GENUINE[name]
    members = json.loads(genuine)
    changes = st.lists(st.tuples(st.sampled_from(list(places(members))), ANYTHING), min_size=1, max_size=3)
    try:
        found = read(Verified(serialize(with_changes(members, data.draw(changes)))))
        if isinstance(found, Evidence):
            Receipt.from_bytes(receipt_of(appraise(found, POLICY, DIGEST)))  # what follows is readable, too
    except Refused:
        pass


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_stands_in_a_policy_only_a_refusal_leaves(data: st.DataObject) -> None:
    members = POLICY.members()
    changes = st.lists(st.tuples(st.sampled_from(list(places(members))), ANYTHING), min_size=1, max_size=3)
    try:
        policy = read_policy(with_changes(json.loads(json.dumps(members)), data.draw(changes)), "policy")
        assert policy.digest
        Receipt.from_bytes(receipt_of(appraise(EVIDENCE, policy, DIGEST)))
    except (Refused, PolicyError):
        pass
