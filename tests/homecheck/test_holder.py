"""What an agent keeps of the collector's word: nothing that is not signed, about this evidence and for this key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from homecheck.config import Home
from homecheck.credential import issue
from homecheck.enrolment import Enrolment, find
from homecheck.errors import DeliveryError, Refused, StateError
from homecheck.exchange import new_session
from homecheck.holder import Held, chosen, collect, fetch_credential, fetch_result, forget, present, result_path
from homecheck.holder import find as find_credential
from homecheck.keys import SoftwareKey, read_key_file
from homecheck.result import Result
from homecheck.sd_jwt import SdJwt, bind, verify_binding
from homecheck.signing import RECEIPT, RESULT_REQUEST, sign, verify
from homecheck.strict_json import parse_object
from tests.command_line import homecheck
from tests.credentials import DETAIL_NAMES, FINDING_NAMES, RESULT_OF_IT, Counted
from tests.scripted_collector import Reply, Request, ScriptedCollector, problem

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EVIDENCE = RESULT_OF_IT.evidence


@dataclass
class Bench:
    """An enrolled home and a collector that answers as a test tells it."""

    home: Home
    collector: ScriptedCollector
    enrolment: Enrolment
    signer: SoftwareKey

    def result(self, **changes: Any) -> Result:
        """Return the result that an honest collector would send, with members changed."""
        honest = replace(RESULT_OF_IT, issuer=self.collector.url, program="voice", subject="person-17")
        return replace(honest, **changes)

    def credential(self, result: Result | None = None, holder: SoftwareKey | None = None) -> bytes:
        """Return a credential signed by the collector."""
        key = holder or self.signer

        def by_the_collector(data: bytes, typ: str) -> bytes:
            return sign(data, typ, self.collector.key)

        return issue(result or self.result(), key.public, NOW, by_the_collector, Counted())

    def answers(self, body: Callable[[], bytes]) -> None:
        """Answer every request for a result or credential with `body`."""

        def answer(request: Request) -> Reply:
            return self.collector.honest(request) if request.path == "/v1/challenge" else Reply(200, body())

        self.collector.script("POST", answer)

    def fetch_result(self) -> Result:
        return fetch_result(self.home, self.enrolment, self.signer, new_session({}), EVIDENCE)

    def fetch_credential(self) -> Held:
        return fetch_credential(self.home, self.enrolment, self.signer, new_session({}), NOW)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    home = Home.at(tmp_path / "home")
    with ScriptedCollector() as collector:
        assert homecheck(home, "enroll", "--yes", collector.invite_url).status == 0
        enrolment = find(home, "voice")
        yield Bench(home, collector, enrolment, read_key_file(home.keys / f"{enrolment.kid}.jwk"))


def test_what_is_asked_for_is_signed_by_the_device_for_this_collector_and_fresh(bench: Bench) -> None:
    bench.answers(lambda: sign(bench.result().to_bytes(), "homecheck-result+jws", bench.collector.key))
    assert bench.fetch_result() == bench.result()
    asked = bench.collector.sent("POST")[-1]
    members = parse_object(verify(asked.body, RESULT_REQUEST, {bench.signer.public.kid: bench.signer.public}.get))
    assert members == {
        "v": 1, "aud": bench.collector.url, "nonce": "fresh", "asks": "result", "evidence": EVIDENCE,
    }  # fmt: skip
    assert result_path(bench.home, EVIDENCE).stat().st_mode & 0o777 == 0o600


WRONG_RESULTS: dict[str, Callable[[Bench], bytes]] = {
    "html": lambda bench: b"<html>Welcome</html>",
    "nothing": lambda bench: b"",
    "by a stranger": lambda bench: sign(bench.result().to_bytes(), "homecheck-result+jws", SoftwareKey.generate()),
    "by ourselves": lambda bench: sign(bench.result().to_bytes(), "homecheck-result+jws", bench.signer),
    "a receipt": lambda bench: sign(bench.result().to_bytes(), RECEIPT, bench.collector.key),
    "of somebody else": lambda bench: signed(bench, subject="person-18"),
    "of another program": lambda bench: signed(bench, program="sales"),
    "of another collector": lambda bench: signed(bench, issuer="https://other.example"),
    "of other evidence": lambda bench: signed(
        bench, findings=replace(RESULT_OF_IT.findings, evidence="sha256:" + "2" * 64)
    ),
}


def signed(bench: Bench, **changes: Any) -> bytes:
    return sign(bench.result(**changes).to_bytes(), "homecheck-result+jws", bench.collector.key)


@pytest.mark.parametrize("wrong", WRONG_RESULTS.values(), ids=WRONG_RESULTS)
def test_a_result_that_does_not_count_is_not_kept(bench: Bench, wrong: Callable[[Bench], bytes]) -> None:
    bench.answers(lambda: wrong(bench))
    with pytest.raises(DeliveryError, match="sent no result that counts"):
        bench.fetch_result()
    assert not bench.home.results.exists()


WRONG_CREDENTIALS: dict[str, Callable[[Bench], bytes]] = {
    "html": lambda bench: b"<html>Welcome</html>",
    "nothing": lambda bench: b"",
    "for another key": lambda bench: bench.credential(holder=SoftwareKey.generate()),
    "of another collector": lambda bench: bench.credential(bench.result(issuer="https://other.example")),
    "expired": lambda bench: bench.credential(bench.result(expires_at=NOW)),
    "cut short": lambda bench: bench.credential()[:-30],
    "with a claim of nobody's": lambda bench: bench.credential() + b"WyJzIiwibiIsMV0~",
    "presented already": lambda bench: bind(SdJwt.parse(bench.credential()), "me", "n", bench.signer, NOW),
}


@pytest.mark.parametrize("wrong", WRONG_CREDENTIALS.values(), ids=WRONG_CREDENTIALS)
def test_a_credential_that_does_not_count_does_not_replace_a_good_one(
    bench: Bench, wrong: Callable[[Bench], bytes]
) -> None:
    bench.answers(bench.credential)
    good = bench.fetch_credential()
    bench.answers(lambda: wrong(bench))
    with pytest.raises(DeliveryError, match="sent no credential that counts"):
        bench.fetch_credential()
    assert find_credential(bench.home, bench.enrolment, NOW) == good


def test_an_outage_is_said_and_costs_nothing_that_cannot_be_fetched_later(bench: Bench) -> None:
    bench.collector.script("POST", Reply(500))
    why = collect(bench.home, bench.enrolment, bench.signer, new_session({}), NOW, EVIDENCE)
    assert "HTTP status 500" in why
    assert why.endswith("Fetch it again: homecheck credential fetch voice")
    refusing = problem(404, "no-result", advice="Run a check first, and send it.")
    bench.collector.script("POST", bench.collector.honest, refusing)
    with pytest.raises(DeliveryError) as refused:
        bench.fetch_result()
    assert refused.value.advice == "Run a check first, and send it."


def test_an_expired_credential_says_what_to_do(bench: Bench) -> None:
    bench.answers(bench.credential)
    bench.fetch_credential()
    with pytest.raises(StateError) as expired:
        find_credential(bench.home, bench.enrolment, RESULT_OF_IT.expires_at + timedelta(seconds=1))
    assert "it expired at 2026-12-23T12:01:00.000Z" in expired.value.message
    assert expired.value.advice == "Run the check again and send it: homecheck check"


def test_one_chooses_by_names_and_patterns_and_a_slip_of_the_pen_is_noticed(bench: Bench) -> None:
    bench.answers(bench.credential)
    held = bench.fetch_credential()
    assert held.names() == (*DETAIL_NAMES, *FINDING_NAMES)
    assert chosen(held, ()) == ()
    assert chosen(held, ("room.noise", "na*")) == ("name", "room.noise")
    assert chosen(held, ("network.*",)) == ("network.download", "network.download#2")
    assert chosen(held, ("*",)) == held.names()
    with pytest.raises(Refused):
        chosen(held, ("name", "netwrok.*"))
    shown = SdJwt.parse(present(held, ("name",), "them", "n", bench.signer, bench.enrolment, NOW))
    assert [one.name for one in shown.disclosures] == ["name"]
    assert verify_binding(shown, bench.signer.public).audience == "them"


@pytest.mark.parametrize(("audience", "nonce"), [("x" * 501, "n"), ("them", "n" * 501)])
def test_what_nobody_could_read_is_not_handed_over(bench: Bench, audience: str, nonce: str) -> None:
    bench.answers(bench.credential)
    held = bench.fetch_credential()
    with pytest.raises(Refused):
        present(held, (), audience, nonce, bench.signer, bench.enrolment, NOW)


def test_a_credential_for_an_earlier_key_of_this_computer_is_to_be_fetched_again(bench: Bench) -> None:
    bench.answers(bench.credential)
    bench.fetch_credential()
    with pytest.raises(StateError, match="no longer uses") as other:
        find_credential(bench.home, replace(bench.enrolment, kid=SoftwareKey.generate().public.kid), NOW)
    assert other.value.advice == "Fetch it again: homecheck credential fetch voice"


def test_a_clock_that_is_wrong_here_is_not_the_companys_fault(bench: Bench) -> None:
    bench.answers(bench.credential)
    with pytest.raises(DeliveryError) as refused:
        fetch_credential(bench.home, bench.enrolment, bench.signer, new_session({}), NOW - timedelta(hours=1))
    assert refused.value.advice == "Check that date and time of this computer are right."


def test_what_is_forgotten_is_gone(bench: Bench) -> None:
    bench.answers(bench.credential)
    bench.fetch_credential()
    forget(bench.home, "voice")
    forget(bench.home, "voice")
    assert find_credential(bench.home, bench.enrolment, NOW) is None
