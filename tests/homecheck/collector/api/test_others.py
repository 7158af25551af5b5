"""Invitations, waivers, evidence, webhooks, letters and calls by the API."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from homecheck.clock import utc_now
from homecheck.collector.store import callbacks, people
from homecheck.collector.store.callbacks import Callback
from homecheck.collector.store.database import opened, transaction
from homecheck.result import verify_result
from homecheck.signing import PublicKey, digest
from homecheck.standards import standard_webhooks
from tests.desk import Desk
from tests.live_collector import PROGRAM, wait_until
from tests.mail_server import mail_server as serving_mail
from tests.people import PASSES, Worker

LIST = "/v1/admin/invite-lists"
CSV = {"Content-Type": "text/csv"}


def test_invitations_are_listed_and_an_open_one_is_taken_back(desk: Desk) -> None:
    code = desk.post("/v1/admin/invites", {"program": PROGRAM, "person": "Wrong Person"}).json()["address"]
    found = {one["person"]["name"]: one for one in pages(desk, "invites", "/v1/admin/invites", state="open")}
    assert PASSES.name not in found
    one = found["Wrong Person"]
    assert code.rpartition("/")[2] not in str(one)
    assert desk.delete(f"/v1/admin/invites/{one['id']}").status_code == 204
    assert desk.delete(f"/v1/admin/invites/{one['id']}").status_code == 404
    assert Worker(desk.site.url).enrol(code.rpartition("/")[2]).status_code == 404
    (used,) = [
        one for one in pages(desk, "invites", "/v1/admin/invites", state="used") if one["person"]["name"] == PASSES.name
    ]
    kept = desk.delete(f"/v1/admin/invites/{used['id']}")
    assert (kept.status_code, kept.json()["type"]) == (410, "/problems/invite-used")
    assert desk.events("invite-withdrawn")[0]["actor"] == "ada"
    assert desk.site.defects() == []


def pages(desk: Desk, name: str, path: str, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        answer = desk.get(path, limit="2", **query, **after).json()
        found += answer[name]
        if answer["next"] is None:
            return found
        after = {"after": answer["next"]}


def test_a_list_is_looked_at_then_sent_once(desk: Desk) -> None:
    text = "name;phone\nList One;+46 8 123 456 78\nList Two ü;\n".encode()
    look = desk.ask("POST", LIST, params={"program": PROGRAM, "dry_run": "true"}, data=text, headers=CSV)
    assert (look.json()["invited"], look.json()["people"][1]["address"]) == (0, None)
    named = {**CSV, "Idempotency-Key": "monday1"}
    sent = desk.ask("POST", LIST, params={"program": PROGRAM}, data=text, headers=named)
    assert sent.json()["invited"] == 2
    code = sent.json()["people"][1]["address"].rpartition("/")[2]
    assert Worker(desk.site.url).enrol(code).status_code == 201
    again = desk.ask("POST", LIST, params={"program": PROGRAM}, data=text, headers=named)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/list-used")
    assert len(desk.events("invited-list")[0]["token"]) == 12


def test_a_list_with_mistakes_invites_nobody_and_names_each_line(desk: Desk) -> None:
    before = desk.site.browse_database("SELECT COUNT(*) FROM invite")
    text = b"name,phone\nGood,\n=cmd(),\nBad,12\n"
    answer = desk.ask("POST", LIST, params={"program": PROGRAM}, data=text, headers=CSV)
    assert (answer.status_code, answer.json()["count"]) == (422, 2)
    assert [one["line"] for one in answer.json()["mistakes"]] == [3, 4]
    assert desk.ask("POST", LIST, params={"program": "nowhere"}, data=text, headers=CSV).status_code == 404
    assert desk.ask("POST", LIST, data=b"{}").status_code == 415
    bad = desk.ask(
        "POST", LIST, params={"program": PROGRAM}, data=b"name\nX\n", headers={**CSV, "Idempotency-Key": "a b"}
    )
    assert bad.status_code == 400
    assert desk.site.browse_database("SELECT COUNT(*) FROM invite") == before


def test_a_list_invites_only_where_its_sender_may(desk: Desk) -> None:
    reader = desk.as_somebody("reader-only", "viewer", ["read"])
    assert reader.ask("POST", LIST, data=b"name\nX\n", headers=CSV).status_code == 403
    own = desk.as_somebody("of-one-program", "reviewer", ["read", "invite"], PROGRAM)
    answer = own.ask("POST", LIST, data=b"name,program\nX,sales\n", headers=CSV)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/list-wrong")


def test_a_waiver_is_approved_listed_and_ended(desk: Desk) -> None:
    subject = desk.failing.subject
    body = {"quantity": "headset.transport", "reason": "The headset is on its way.", "until": "30d"}
    made = desk.post(f"/v1/admin/people/{subject}/waivers", body)
    assert (made.status_code, made.json()["state"], made.json()["approved_by"]) == (201, "counts", "ada")
    again = desk.post(f"/v1/admin/people/{subject}/waivers", body)
    assert (again.status_code, "already" in again.json()["detail"]) == (400, True)
    one = f"/v1/admin/waivers/{made.json()['id']}"
    assert desk.get(one).json() == made.json()
    assert [found["id"] for found in desk.get("/v1/admin/waivers", person=str(subject)).json()["waivers"]] == [
        made.json()["id"]
    ]
    person = next(row for row in desk.get("/v1/admin/people").json()["people"] if row["id"] == subject)
    assert person["verdict"] == "fail"
    assert [one["id"] for one in person["waived"]] == [made.json()["id"]]
    shown = desk.get(f"/v1/admin/people/{subject}").json()
    assert (shown["counts_as"], shown["waived"]) == (person["counts_as"], person["waived"])
    for _ in range(2):
        ended = desk.post(f"{one}/revoke", {"reason": "It came."})
        assert (ended.status_code, ended.json()["revoked_reason"]) == (200, "It came.")
    assert desk.get("/v1/admin/waivers").json() == {"waivers": [], "next": None}
    assert len(desk.get("/v1/admin/waivers", all="true").json()["waivers"]) == 1
    assert len(desk.events("waiver-revoked")) == 1


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        ({"quantity": "headset.transports"}, "headset.transports"), ({"until": "someday"}, "someday"),
        ({"until": "2y"}, "2y"), ({"until": "400d"}, "a year"), ({"reason": " "}, "reason"),
        ({"from": "2001-01-01"}, "past"),
    ],
)  # fmt: skip
def test_a_bad_waiver_is_refused_with_its_culprit(desk: Desk, change: dict[str, str], culprit: str) -> None:
    body = {"quantity": "room.noise", "reason": "A test.", "until": "9d", **change}
    answer = desk.post(f"/v1/admin/people/{desk.failing.subject}/waivers", body)
    assert answer.status_code == 400
    assert culprit in answer.json()["detail"]


def test_evidence_comes_back_byte_for_byte_with_proof_and_results(desk: Desk) -> None:
    (one,) = desk.get("/v1/admin/evidence", person=str(desk.worker.subject)).json()["evidence"]
    address = f"/v1/admin/evidence/{one['digest']}"
    envelope, receipt = desk.get(f"{address}/envelope"), desk.get(f"{address}/receipt")
    assert digest(envelope.content) == one["digest"]
    assert (envelope.headers["Content-Type"], receipt.headers["Content-Type"]) == ("application/jose",) * 2
    of_check = desk.get(f"{address}/keys").json()["keys"]
    ours = desk.ask("GET", "/v1/jwks").json()["keys"][0]["kid"]
    assert {key["kid"]: key["signer"] for key in of_check} == {
        desk.worker.key.public.kid: "device",
        ours: "collector",
    }
    keys = {key["kid"]: PublicKey.from_jwk(key) for key in of_check}
    (result,) = desk.get(address).json()["results"]  # before anybody has asked for it by itself
    assert verify_result(result.encode(), keys.get).evidence == one["digest"]
    (made,) = desk.get(f"{address}/results").json()["results"]
    assert verify_result(made["document"].encode(), keys.get).evidence == one["digest"]
    whole = desk.get(address).json()
    assert (whole["defect"], whole["observations"], whole["standings"]) == ("", [], [])
    assert desk.get(f"{address}/proof").text == desk.ask("GET", f"/v1/log/proof/{one['digest']}").text
    assert desk.get(f"/v1/admin/devices/{desk.worker.key.public.kid}").json()["checks"][0]["digest"] == one["digest"]
    assert desk.get(address.replace(one["digest"], "sha256:" + "0" * 64)).status_code == 404


def test_the_list_of_evidence_goes_back_page_by_page(desk: Desk) -> None:
    everything = desk.get("/v1/admin/evidence").json()
    first = desk.get("/v1/admin/evidence", limit="1").json()
    second = desk.get("/v1/admin/evidence", limit="1", before=str(first["next"])).json()
    assert [*first["evidence"], *second["evidence"]] == everything["evidence"][:2]
    assert desk.get("/v1/admin/evidence", program="elsewhere").json() == {"evidence": [], "next": None}


Heard = tuple[str, dict[str, str], bytes]  # path, head and body of what a receiver was told


@contextmanager
def receiver(heard: list[Heard], status: int) -> Iterator[str]:
    """Run a receiver that answers everything with a status, a redirect to /inside among them; yield its address."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append((self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/inside")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        server.server_close()


def test_a_webhook_is_added_tested_rotated_and_removed(desk: Desk) -> None:
    heard: list[Heard] = []
    with receiver(heard, 204) as url:
        made = desk.post("/v1/admin/webhooks", {"url": url, "program": PROGRAM, "kinds": ["verdict.changed"]})
        assert (made.status_code, made.json()["created_by"]) == (201, "ada")
        one = f"/v1/admin/webhooks/{made.json()['id']}"
        assert made.json()["secret"] not in desk.get(one).text
        message = desk.post(f"{one}/test")
        assert (message.status_code, message.json()["kind"]) == (202, "test")
        wait_until(lambda: bool(heard))
        _, head, body = heard[0]
        secret = made.json()["secret"]
        expected = standard_webhooks.signature(
            bytes_of(secret), head["webhook-id"], int(head["webhook-timestamp"]), body
        )
        assert head["webhook-signature"] == expected
        assert json.loads(body)["type"] == "test"
        wait_until(lambda: desk.get(f"{one}/deliveries").json()["messages"][0]["state"] == "delivered")
        (delivered,) = desk.get(f"{one}/deliveries").json()["messages"]
        assert (delivered["state"], delivered["status"]) == ("delivered", 204)
        rotated = desk.post(f"{one}/rotate").json()
        assert (rotated["secret_number"], rotated["secret"] != secret) == (2, True)
        assert desk.delete(one).status_code == 204
        assert desk.get(one).status_code == 404
        assert desk.get("/v1/admin/webhooks").json() == {"webhooks": []}
        for kind in ("webhook-added", "webhook-rotated", "webhook-removed"):
            assert len(desk.events(kind)[0]["token"]) == 12


def bytes_of(secret: str) -> bytes:
    """Return the key as a receiver reads it from what it was given."""
    return base64.b64decode(secret.removeprefix("whsec_"))


def test_a_receiver_that_redirects_is_not_followed_and_told_of(desk: Desk) -> None:
    heard: list[Heard] = []
    with receiver(heard, 307) as url:
        made = desk.post("/v1/admin/webhooks", {"url": url, "kinds": ["test"]})
        one = f"/v1/admin/webhooks/{made.json()['id']}"
        made_at = desk.post(f"{one}/test").json()["made_at"]
        wait_until(lambda: desk.get(one).json()["failing"] is not None)
        found = desk.get(one).json()
        error = "the receiver answered 307, and redirects are not followed"
        assert (found["waiting"], found["failing"]) == (1, {"since": made_at, "messages": 1, "error": error})
        assert {path for path, _, _ in heard} == {"/hook"}
        assert desk.delete(one).status_code == 204


def test_a_message_that_was_not_taken_is_sent_again(desk: Desk) -> None:
    heard: list[Heard] = []
    with receiver(heard, 204) as url:
        one = f"/v1/admin/webhooks/{desk.post('/v1/admin/webhooks', {'url': url, 'kinds': ['test']}).json()['id']}"
        message = desk.post(f"{one}/test").json()["id"]
        wait_until(lambda: desk.get(f"{one}/deliveries").json()["messages"][0]["state"] == "delivered")
        taken = desk.post(f"{one}/deliveries/{message}/resend")
        assert (taken.status_code, taken.json()["detail"]) == (400, "the receiver has taken this message")
        with opened(desk.site.database) as db, transaction(db):
            db.execute("UPDATE message SET state = 'given-up' WHERE id = ?", (message,))
        again = desk.post(f"{one}/deliveries/{message}/resend")
        assert (again.status_code, again.json()["id"], again.json()["state"]) == (202, message, "waiting")
        wait_until(lambda: len(heard) == 2)
        assert {head["webhook-id"] for _, head, _ in heard} == {message}
        assert desk.post(f"{one}/deliveries/msg_{'0' * 32}/resend").status_code == 404
        assert desk.events("webhook-resent")[0]["detail"] == message
        assert desk.delete(one).status_code == 204


def test_a_webhook_of_every_program_needs_the_right_in_all(desk: Desk) -> None:
    own = desk.as_somebody("hook-admin", "admin", program=PROGRAM)
    url = "https://receiver.example.com/x"
    assert own.post("/v1/admin/webhooks", {"url": url}).status_code == 403
    assert own.post("/v1/admin/webhooks", {"url": url, "program": "nowhere"}).status_code == 404
    made = desk.post("/v1/admin/webhooks", {"url": url}).json()
    assert (made["waiting"], made["failing"]) == (0, None)
    assert own.get("/v1/admin/webhooks").json() == {"webhooks": []}
    assert own.delete(f"/v1/admin/webhooks/{made['id']}").status_code == 404
    for body in (
        {"url": "ftp://x.example.com"},
        {"url": url, "kinds": ["two words"]},
        {"url": url, "kinds": ["evidence.recieved"]},
        {"url": url, "kinds": ["event.invited\n"]},
        {"url": "https://u:p@x.example.com"},
    ):
        assert desk.post("/v1/admin/webhooks", body).status_code == 400
    assert desk.delete(f"/v1/admin/webhooks/{made['id']}").status_code == 204


def test_the_mail_server_is_named_tried_and_changed_by_one_at_a_time(desk: Desk) -> None:
    assert desk.get("/v1/admin/mail-server").status_code == 404
    ada = {"program": PROGRAM, "person": "Ada By Mail", "email": "ada@example.com"}
    assert desk.post("/v1/admin/invite-letters", ada).json()["type"] == "/problems/no-mail-server"
    assert desk.post("/v1/admin/mail-server/test", {"address": "you@example.com"}).status_code == 409
    with serving_mail() as box:
        server = {"host": "127.0.0.1", "port": box.port, "security": "none", "sender": "IT <it@example.com>"}
        made = desk.put("/v1/admin/mail-server", server)
        assert (made.status_code, made.json()["user"]) == (200, "")
        said = desk.post("/v1/admin/mail-server/test", {"address": "you@example.com"})
        assert said.json() == {"taken": True, "error": ""}
        letter = desk.post("/v1/admin/invite-letters", ada)
        assert letter.status_code == 202
        waiting = {one["id"]: one for one in desk.get("/v1/admin/letters").json()["letters"]}
        invited = waiting[letter.json()["letter"]]["person"]["id"]
        desk.post(f"/v1/admin/people/{invited}/retire", {"reason": "will not come"})
        ended = {one["id"]: one["state"] for one in desk.get("/v1/admin/letters").json()["letters"]}
        assert ended[letter.json()["letter"]] in ("not-needed", "sent")  # by day it may have left at once
    assert desk.put("/v1/admin/mail-server", {**server, "port": 25}).status_code == 428
    changed = desk.put(
        "/v1/admin/mail-server", {**server, "port": 1, "user": "u", "password": "secret words"}, made.headers["ETag"]
    )
    assert changed.status_code == 200
    assert "secret words" not in changed.text + desk.get("/v1/admin/mail-server").text + str(
        desk.events("mail-server-set")
    )
    assert desk.put("/v1/admin/mail-server", server, made.headers["ETag"]).status_code == 412
    assert desk.post("/v1/admin/mail-server/test", {"address": "you@example.com"}).json()["taken"] is False
    # A kept password must not go to another server: whoever names one sends it again.
    half = desk.put("/v1/admin/mail-server", {**server, "user": "u"}, "*")
    assert (half.status_code, "password" in half.json()["detail"]) == (400, True)
    assert desk.events("mail-server-set")[0]["before"].startswith("127.0.0.1:")


def test_letters_are_those_of_ones_own_programs(desk: Desk) -> None:
    everybody = desk.get("/v1/admin/letters").json()["letters"]
    own = desk.as_somebody("letters-of-one", "reviewer", ["read", "invite"], PROGRAM)
    assert own.get("/v1/admin/letters").json()["letters"] == everybody
    reader = desk.as_somebody("letters-of-none", "viewer", ["read"])
    assert reader.get("/v1/admin/letters").status_code == 403


def test_a_call_that_waits_has_its_code_and_its_sound(desk: Desk) -> None:
    assert desk.get("/v1/admin/calls").json() == {"calls": []}
    assert desk.get("/v1/admin/calls/none/code.wav").status_code == 404
    now = utc_now()
    with opened(desk.site.database) as db, transaction(db):
        who = people.person(db, str(desk.worker.subject))
        assert who is not None
        kid = desk.worker.key.public.kid
        callbacks.add(db, Callback("a-call", kid, who, "nonce", "+46812345678", now, now + timedelta(hours=1)))
    (one,) = desk.get("/v1/admin/calls").json()["calls"]
    assert (one["phone"], one["person"], len(one["code"])) == ("+46812345678", PASSES.name, 6)
    sound = desk.get("/v1/admin/calls/a-call/code.wav")
    assert (sound.headers["Content-Type"], sound.content[:4]) == ("audio/wav", b"RIFF")
    assert desk.as_somebody("hears-nothing", "viewer", ["read"]).get("/v1/admin/calls").status_code == 403
