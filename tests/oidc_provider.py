"""Two OpenID providers on loopback: a certified one (npm oidc-provider), and one that misbehaves as a test wants."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import requests
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.needs import missing, need_program
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
CLIENT = "homecheck"
HEADER = {"alg": "RS256", "kid": "k1"}
SECRET = "a secret of thirty-two characters"


@contextmanager
def certified(redirect: str) -> Iterator[str]:
    """Run npm's oidc-provider and yield its issuer."""
    node = need_program("node", package="nodejs")
    modules = ROOT / ".venv" / "oidc-js" / "node_modules"
    if not (modules / "oidc-provider").is_dir():
        missing("npm oidc-provider is not installed", "sh tools/setup test")
    script = modules.parent / "provider.mjs"  # modules are looked for beside the script
    script.write_bytes((ROOT / "tests" / "oidc_js" / "provider.mjs").read_bytes())
    port = free_port()
    process = subprocess.Popen(
        [node, str(script), str(port), redirect], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def type_into(browser: requests.Session, address: str, login: str) -> str:
    """Sign in on the certified provider's own pages and return the address that it sends the browser back to."""
    host = urlsplit(address).netloc
    answer = browser.get(address, timeout=20, allow_redirects=False)
    for _ in range(12):
        if answer.is_redirect:
            following = urljoin(answer.url, answer.headers["Location"])
            if urlsplit(following).netloc != host:
                return following
            answer = browser.get(following, timeout=20, allow_redirects=False)
            continue
        (action,) = re.findall(r'<form[^>]* action="([^"]+)"', answer.text)
        (prompt,) = re.findall(r'name="prompt" value="(\w+)"', answer.text)
        form = {"prompt": prompt, "login": login, "password": "x"}
        answer = browser.post(urljoin(answer.url, action), data=form, timeout=20, allow_redirects=False)
    raise AssertionError(f"the provider does not come to an end: {answer.url}")


@dataclass
class Rogue:
    """What the other provider does. It is honest unless a test changes something."""

    url: str
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"}))
    asked: dict[str, dict[str, str]] = field(default_factory=dict)  # requests by code
    token_requests: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin as an honest one."""
        self.begin_anew()

    def begin_anew(self) -> None:
        """Be honest again."""
        self.claims: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
        self.sign: Callable[[dict[str, Any], RSAKey], str] = lambda claims, key: jwt.encode(HEADER, claims, key)
        self.discovery: dict[str, Any] = {}
        self.answer: dict[str, str] = {}  # changes of what is sent back with the browser
        self.userinfo: dict[str, Any] = {"sub": "s-1", "groups": ["it"]}
        self.withheld = 0  # bytes that are promised and do not come, at the end of each answer


@contextmanager
def rogue() -> Iterator[Rogue]:
    """Run a provider whose answers a test can change."""
    port = free_port()
    state = Rogue(f"http://127.0.0.1:{port}")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/.well-known/openid-configuration":
                self._json(_discovery(state))
            elif parts.path == "/jwks":
                self._json({"keys": [state.key.as_dict(private=False)]})
            elif parts.path == "/userinfo":
                self._json(state.userinfo)
            else:
                code = f"code-{len(state.asked)}"
                state.asked[code] = query
                back = {"code": code, "state": query["state"], "iss": state.url, **state.answer}
                self.send_response(303)
                sent = urlencode({name: value for name, value in back.items() if value})
                self.send_header("Location", f"{query['redirect_uri']}?{sent}")
                self.send_header("Content-Length", "0")
                self.end_headers()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            state.token_requests.append(form)
            asked = state.asked.pop(form.get("code", ""), None)
            challenge = urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
            if asked is None or challenge.decode().rstrip("=") != asked["code_challenge"]:
                self._json({"error": "invalid_grant"}, 400)
                return
            now = int(time.time())
            claims = {
                "iss": state.url, "aud": CLIENT, "sub": "s-1", "iat": now, "exp": now + 300, "nonce": asked["nonce"],
                "groups": ["it"], "preferred_username": "ada@example.com",
            }  # fmt: skip
            token = state.sign(state.claims(claims), state.key)
            self._json({"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": token})

        def _json(self, document: dict[str, Any], status: int = 200) -> None:
            data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data) + state.withheld))
            self.end_headers()
            self.wfile.write(data)
            self.close_connection = bool(state.withheld)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _discovery(state: Rogue) -> dict[str, Any]:
    return {
        "issuer": state.url,
        "authorization_endpoint": f"{state.url}/authorize",
        "token_endpoint": f"{state.url}/token",
        "jwks_uri": f"{state.url}/jwks",
        "userinfo_endpoint": f"{state.url}/userinfo",
        "authorization_response_iss_parameter_supported": True,
        **state.discovery,
    }
