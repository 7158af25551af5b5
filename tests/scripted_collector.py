"""A collector on a real socket that does what a test tells it to: honest by default, hostile where a test says so.

    with ScriptedCollector() as collector:
        collector.script("PUT", Reply(500), collector.receipt)   # first an error, then the honest answer
        ...
        assert [request.method for request in collector.requests] == ["PUT", "PUT"]

The last step of a script stays in force. A step is a `Reply`, or a function that makes one from the request, or a
function that writes to the socket itself and returns None.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from homecheck.appraisal import appraise
from homecheck.evidence import Device, Evidence, ProbeRun, Software
from homecheck.keys import SoftwareKey
from homecheck.measurement import Measurement, Quantity
from homecheck.policy import Policy, parse_policy
from homecheck.receipt import Statement
from homecheck.signing import ENROLMENT, EVIDENCE, POLICY, RECEIPT, PublicKey, digest, sign, verify, verify_own_key
from homecheck.standards.rfc_3339 import to_text
from homecheck.strict_json import parse_object, serialize
from tests.small_log import SmallLog

NOW = datetime(2026, 11, 23, 20, 33, tzinfo=UTC)
CODE = "AAECAwQFBgcICQoLDA0ODw"  # base64url of the bytes 0 to 15
POLICY_TEXT = """
name = "test-policy"
version = "1"
[[requirement]]
quantity = "network.download"
at_least = 10
"""


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    handler: Any


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/jose"


Step = Reply | Callable[[Request], Reply | None]


def problem(status: int, reason: str, headers: dict[str, str] | None = None, **members: Any) -> Reply:
    """Return an RFC 9457 problem."""
    document = {
        "type": f"/problems/{reason}",
        "title": reason,
        "status": status,
        "detail": f"told: {reason}",
        **members,
    }
    return Reply(status, json.dumps(document).encode(), headers or {}, "application/problem+json")


class ScriptedCollector:
    """See above. `url` is its address, `key` its signing key, `log` its log, `received_at` its clock."""

    def __init__(self, tls: ssl.SSLContext | None = None, policy_text: str = POLICY_TEXT) -> None:
        self.key = SoftwareKey.generate()
        self.log = SmallLog()
        self.received_at = NOW  # what its receipts say
        self.policy: Policy = parse_policy(policy_text, "test")
        self.requests: list[Request] = []
        self.scripts: dict[str, list[Step]] = {}
        self.devices: dict[str, PublicKey] = {}
        self.stopped = threading.Event()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = collector._answer(Request(self.command, self.path, headers, body, self))
                if reply is None:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                headers = {
                    "Content-Length": str(len(reply.body)),
                    "Content-Type": reply.content_type,
                    "Connection": "close",
                }
                headers |= reply.headers
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST = do_PUT = do  # noqa: N815 - http.server's names

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
                return  # tests look at `requests`

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                return  # an agent that gives up breaks the connection: that is what is tested

        self.server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_address[1]}"
        self.invite_url = f"{self.url}/invite/{CODE}"

    def __enter__(self) -> ScriptedCollector:
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()

    def script(self, method: str, *steps: Step) -> None:
        """Answer requests of this method with these steps, one after the other; the last one stays."""
        self.scripts[method] = list(steps)

    def sent(self, method: str) -> list[Request]:
        """Return the requests of one method."""
        return [request for request in self.requests if request.method == method]

    def _answer(self, request: Request) -> Reply | None:
        self.requests.append(request)
        steps = self.scripts.get(request.method)
        step = (steps.pop(0) if len(steps) > 1 else steps[0]) if steps else self.honest
        return step if isinstance(step, Reply) else step(request)

    # What an honest collector answers

    def honest(self, request: Request) -> Reply:
        """Answer as the wire format says."""
        if request.path.startswith("/v1/invites/"):
            return self.invitation(request)
        if request.path == "/v1/enrolments":
            return self.enrolled(request)
        if request.path == "/v1/policies/voice":
            return Reply(200, self.signed_policy())
        if request.path == "/v1/challenge":
            return Reply(200, serialize({"nonce": "fresh", "expires_at": to_text(NOW)}), {}, "application/json")
        if request.path in ("/v1/results", "/v1/credentials"):
            return problem(404, "not-found")  # as collectors answered before there were any
        if request.path.startswith("/v1/log/consistency/"):
            first, second = map(int, request.path.split("/")[-2:])
            if second > len(self.log.leaves):
                return problem(404, "not-found")
            return Reply(200, self.log.growth(first, second), {}, "text/plain")
        return self.receipt(request)

    def invitation(self, request: Request | None = None, **changes: Any) -> Reply:
        """Return what the invitation is for."""
        members = {
            "v": 1,
            "collector": {"name": "Example Inc.", "url": self.url},
            "program": {"id": "voice", "title": "Calls in Swedish"},
            "person": {"name": "Åsa Öberg"},
            "purpose": "To see that calls sound good from your home.",
            "retention_days": 180,
            "quantities": sorted(self.policy.quantities()),
            "declarations": [],
            "expires_at": "2026-11-26T20:33:00.000Z",
            "policy": {"name": self.policy.name, "version": self.policy.version, "digest": self.policy.digest},
            **changes,
        }
        return Reply(200, serialize(members), {}, "application/json")

    def signed_policy(self, *, program: str = "voice", issued_at: datetime = NOW, signer: SoftwareKey | None = None,
                      policy: Policy | None = None) -> bytes:  # fmt: skip
        """Return the signed policy."""
        payload = {"program": program, "issued_at": to_text(issued_at), "policy": (policy or self.policy).members()}
        return sign(serialize(payload), POLICY, signer or self.key)

    def enrolled(self, request: Request, **changes: Any) -> Reply:
        """Return what a device is told when it has enrolled; the same invitation takes one key alone."""
        payload, key = verify_own_key(request.body, ENROLMENT)
        assert parse_object(payload)["aud"] == self.url
        if self.devices and key.kid not in self.devices:
            return problem(409, "invite-used")
        again = key.kid in self.devices
        self.devices[key.kid] = key
        members = {
            "v": 1,
            "device": key.kid,
            "subject": "person-17",
            "program": {"id": "voice", "title": "Calls in Swedish"},
            "collector": {"name": "Example Inc.", "url": self.url},
            "policy": self.signed_policy().decode(),
            "jwks": {"keys": [self.key.public.jwk()]},
            "responders": [],
            **changes,
        }
        return Reply(200 if again else 201, serialize(members), {}, "application/json")

    def receipt(self, request: Request, *, envelope: bytes | None = None, signer: SoftwareKey | None = None,
                typ: str = RECEIPT, status: int = 201, **changes: Any) -> Reply:  # fmt: skip
        """Return the receipt for what was sent, or a wrong one."""
        evidence = Evidence.from_bytes(verify(request.body, EVIDENCE, self.devices.get))
        name = digest(envelope or request.body)
        members: dict[str, Any] = {
            "envelope": name,
            "evidence_id": evidence.id,
            "issuer": self.url,
            "program": "voice",
            "received_at": self.received_at,
            "freshness": "none",
            "result": appraise(evidence, self.policy, name),
            **changes,
        }
        return Reply(status, sign(self.log.receipt(Statement(**members)), typ, signer or self.key))


DOWNLOAD = Quantity("network.download", "Mbit/s", "test transfer")


def make_evidence(key: SoftwareKey, *, number: int = 1, aud: str | None = None, nonce: str | None = "old") -> Evidence:
    """Return evidence that holds one measured download rate."""
    run = ProbeRun("network", "1", NOW, 1.0, (Measurement(DOWNLOAD, 48.2, 0.9),))
    return Evidence(
        id=f"01939c5f-0000-7000-8000-{number:012x}",
        aud=aud,
        iat=1_795_466_000,
        nonce=nonce,
        seq=number,
        sub="person-17",
        device=Device(key.public.kid, key.store),
        started_at=NOW,
        finished_at=NOW,
        software=Software("homecheck", "0", "3.11", "Linux"),
        runs=(run,),
    )
