"""Changing the key of an enrolment, against the real collector: whenever it stops, one key counts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homecheck import spool
from homecheck.collector import administration
from homecheck.config import Home
from homecheck.enrolment import Enrolment, find, read_invitation, redeem
from homecheck.errors import EnrolmentError, KeyStoreError
from homecheck.evidence import Evidence
from homecheck.exchange import new_session
from homecheck.key_change import begun_rotation, rotate
from homecheck.key_stores import read_key
from homecheck.signing import EVIDENCE, Signer, sign
from homecheck.upload import Delivery, deliver, deliver_waiting
from tests.live_collector import PROGRAM, Site, in_thread
from tests.people import Worker
from tests.scripted_collector import ScriptedCollector, problem


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with in_thread(tmp_path_factory.mktemp("collector")) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "home")


def enrolled(site: Site, home: Home, person: str) -> Enrolment:
    http = new_session({})
    return redeem(read_invitation(f"{site.url}/invite/{site.invite(person)}", http, home), home, http, now())


def now() -> datetime:
    return datetime.now(UTC)


def signer_of(home: Home, enrolment: Enrolment) -> Signer:
    return read_key(home.keys / f"{enrolment.kid}.jwk")


def evidence(home: Home, enrolment: Enrolment, nonce: str | None = None) -> Evidence:
    """Return new evidence with the key's next number."""
    worker = Worker(enrolment.collector, key=signer_of(home, enrolment), subject=enrolment.subject)  # type: ignore[arg-type]  # any signer does
    return worker.evidence(nonce, seq=spool.next_seq(home, enrolment.kid))


def put(home: Home, enrolment: Enrolment, nonce: str | None = None) -> str:
    """Measure and sign with the key of the enrolment, and let it wait."""
    envelope = sign(evidence(home, enrolment, nonce).to_bytes(), EVIDENCE, signer_of(home, enrolment))
    return spool.put(home, envelope, enrolment.program)


def check(home: Home, enrolment: Enrolment) -> Delivery:
    name = put(home, enrolment)
    return deliver(home, enrolment, signer_of(home, enrolment), name, new_session({}), deadline_seconds=20.0)


def key_files(home: Home) -> list[str]:
    return sorted(path.stem for path in home.keys.iterdir())


def test_the_new_key_signs_from_then_on_and_the_old_one_is_deleted(site: Site, home: Home) -> None:
    before = enrolled(site, home, "Changed")
    assert check(home, before).status == "accepted"
    after = rotate(before, home, new_session({}), now())
    assert after.kid != before.kid
    assert find(home, PROGRAM) == after
    assert key_files(home) == [after.kid]
    assert [path.name for path in home.seq.iterdir() if path.suffix != ".lock"] == []
    delivery = check(home, after)
    assert delivery.status == "accepted"
    assert spool.next_seq(home, after.kid) == 2  # it began at 1


def test_what_waits_under_the_old_key_is_sent_and_then_the_old_key_goes(site: Site, home: Home) -> None:
    before = enrolled(site, home, "Waiting")
    put(home, before)
    put(home, before, nonce="c3RhbGU")  # the collector asks to have this one signed again, by the same key
    after = rotate(before, home, new_session({}), now())
    put(home, after)
    assert key_files(home) == sorted([before.kid, after.kid])
    assert [delivery.status for delivery in deliver_waiting(home, new_session({}))] == ["accepted"] * 3
    assert key_files(home) == [after.kid]
    kids = site.browse_database(f"SELECT kid FROM evidence WHERE person = '{before.subject}' ORDER BY position")
    assert kids == [before.kid, before.kid, after.kid]


def test_several_changes_keep_every_key_that_is_still_needed(site: Site, home: Home) -> None:
    one = enrolled(site, home, "Thrice")
    put(home, one)
    two = rotate(one, home, new_session({}), now())
    put(home, two)
    three = rotate(two, home, new_session({}), now())
    assert key_files(home) == sorted([one.kid, two.kid, three.kid])
    assert [delivery.status for delivery in deliver_waiting(home, new_session({}))] == ["accepted"] * 2
    assert key_files(home) == [three.kid]


def test_a_lost_answer_is_asked_for_again_with_the_same_bytes(home: Home) -> None:
    with ScriptedCollector() as collector:
        http = new_session({})
        before = redeem(read_invitation(collector.invite_url, http, home), home, http, now())
        collector.script("POST", lambda request: None, problem(503, "not-stored"), problem(404, ""))
        for _ in range(3):
            with pytest.raises(EnrolmentError) as failed:
                rotate(before, home, http, now())
            assert "The old key counts until the change is complete" in failed.value.advice
            assert find(home, "voice") == before
        begun = begun_rotation(before, home)
        assert begun is not None
        answer = json.dumps({"v": 1, "device": begun.new, "replaces": begun.old}).encode()
        collector.script("POST", collector.invitation())  # any other JSON is no answer
        with pytest.raises(EnrolmentError, match="does not answer like a homecheck collector"):
            rotate(before, home, http, now())
        from tests.scripted_collector import Reply

        collector.script("POST", Reply(200, answer, {}, "application/json"))
        after = rotate(before, home, http, now())
        sent = {request.body for request in collector.sent("POST") if request.path == "/v1/keys/rotation"}
    assert after.kid == begun.new
    assert sent == {begun.envelope}
    assert key_files(home) == [after.kid]


def test_a_change_that_can_never_succeed_is_forgotten_and_the_reason_is_passed_on(site: Site, home: Home) -> None:
    before = enrolled(site, home, "Revoked")
    administration.revoke_device(site.database, before.kid, "a test", now())
    with pytest.raises(EnrolmentError, match="key-revoked") as refused:
        rotate(before, home, new_session({}), now())
    assert "new invitation" in refused.value.advice
    assert key_files(home) == [before.kid]
    assert begun_rotation(before, home) is None


def test_evidence_under_a_key_whose_time_is_over_is_set_aside_with_advice(site: Site, home: Home) -> None:
    before = enrolled(site, home, "Too late")
    name = put(home, before)
    administration.revoke_device(site.database, before.kid, "a test", now())
    (delivery,) = deliver_waiting(home, new_session({}))
    assert (delivery.status, delivery.envelope) == ("refused", name)
    assert "key-revoked" in delivery.message
    assert "ask the people who invited you for a new invitation" in delivery.advice
    assert spool.waiting(home) == ()
    assert len(spool.aside(home)) == 1


def test_a_change_that_was_begun_for_one_place_is_not_completed_in_another(home: Home) -> None:
    with ScriptedCollector() as collector:
        http = new_session({})
        before = redeem(read_invitation(collector.invite_url, http, home), home, http, now())
        collector.script("POST", problem(503, "not-stored"))
        with pytest.raises(EnrolmentError):
            rotate(before, home, http, now(), "file")
        with pytest.raises(KeyStoreError, match="a change to a key kept in file was begun before"):
            rotate(before, home, http, now(), "tpm")


def test_after_a_new_invitation_a_change_that_was_begun_before_is_forgotten(home: Home) -> None:
    with ScriptedCollector() as collector:
        http = new_session({})
        before = redeem(read_invitation(collector.invite_url, http, home), home, http, now())
        collector.script("POST", problem(503, "not-stored"))
        with pytest.raises(EnrolmentError):
            rotate(before, home, http, now())
        collector.scripts.clear()
        collector.devices.clear()
        after = redeem(read_invitation(collector.invite_url, http, home), home, http, now())
        assert begun_rotation(after, home) is None
    assert key_files(home) == [after.kid]


KILLED = """
import os, signal, sys
from pathlib import Path
from homecheck.clock import utc_now
from homecheck.config import Home
from homecheck.enrolment import find
from homecheck.exchange import new_session
from homecheck.key_change import rotate

STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "socket.connect", "socket.__new__"}

def run(root, number):
    '''Rotate, and die before the step `number`: at any file that is touched or connection that is made.'''
    count = 0
    def watch(event, arguments):
        nonlocal count
        if event not in STEPS or (event == "open" and root not in str(arguments[0])):
            return
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1
    home, http = Home.at(Path(root)), new_session({})
    enrolment = find(home, "support")
    sys.addaudithook(watch)
    rotate(enrolment, home, http, utc_now())

for number, root in enumerate(sys.argv[1:]):
    child = os.fork()  # this process has one thread, so a fork is all there is
    if child == 0:
        run(root, number)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print("killed" if os.WIFSIGNALED(status) else "done")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_kill_minus_9_at_every_step_leaves_a_key_that_counts_and_the_change_can_be_completed(
    site: Site, tmp_path: Path
) -> None:
    homes = [Home.at(tmp_path / f"home{number}") for number in range(26)]
    before = [enrolled(site, home, f"Killed {number}") for number, home in enumerate(homes)]
    waiting = [put(home, enrolment) for home, enrolment in zip(homes, before, strict=True)]
    command = [sys.executable, "-B", "-c", KILLED, *(str(home.root) for home in homes)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    ended = done.stdout.split()
    steps = ended.index("done")  # from here on it was over before it could be killed
    assert ended == ["killed"] * steps + ["done"] * (len(homes) - steps)
    assert steps >= 15, "the steps are not counted any more"
    named_new = 0
    for home, old, name in list(zip(homes, before, waiting, strict=True))[: steps + 1]:
        # 1. The key that the enrolment names signs evidence that is taken, and what waited is taken too.
        now_named = find(home, PROGRAM)
        named_new += now_named.kid != old.kid
        assert check(home, now_named).status == "accepted"
        assert [one.envelope for one in deliver_waiting(home, new_session({})) if one.status == "accepted"] == [name]
        # 2. The same command again completes the change; no second one is ever begun where the first had gone out.
        after = rotate(now_named, home, new_session({}), now()) if now_named.kid == old.kid else now_named
        assert check(home, after).status == "accepted"
        heirs = site.browse_database(f"SELECT kid FROM device WHERE replaces = '{old.kid}'")
        assert heirs == [after.kid]
        deliver_waiting(home, new_session({}))
        assert old.kid not in key_files(home)
    assert 0 < named_new < steps  # it was killed on either side of the step that counts
    assert site.browse_database("SELECT count(*) FROM event WHERE kind IN ('key-forked', 'seq-repeated')") == [0]
