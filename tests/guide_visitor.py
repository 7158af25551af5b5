"""A browser as far as HTTP goes, for tests of the guide that need no real one."""

from __future__ import annotations

import http.client
import json
import re
import time
from typing import Any

import requests

from tests.guide import Guided

SECONDS = 60.0


class Visitor:
    """A browser as far as HTTP goes: cookies, the origin of forms, redirects followed."""

    def __init__(self, guide: Guided) -> None:
        self.url = guide.url
        self.http = requests.Session()
        self.http.headers["Accept-Language"] = "en"
        assert self.http.get(guide.newest(), timeout=SECONDS).status_code == 200

    def get(self, path: str) -> str:
        return self.http.get(self.url + path, timeout=SECONDS).text

    def post(self, path: str, **fields: str) -> requests.Response:
        return self.http.post(self.url + path, data=fields, headers={"Origin": self.url}, timeout=SECONDS)

    def understand(self) -> None:
        self.post("/understood", who="company", sound="numbers")

    def agree(self) -> None:
        self.understand()
        self.post("/agree", agree="yes")

    def settled(self, name: str) -> dict[str, Any]:
        """Return what is live once nothing runs, or somebody is asked something."""
        news: dict[str, Any] = {}
        for _ in range(round(SECONDS / 0.05)):
            news = json.loads(self.get(f"/live/{name}"))
            if not news["running"] or "data-prompt" in news.get("panel", ""):
                return news
            time.sleep(0.05)
        raise AssertionError(f"{name} does not end: {news}")

    def measure(self, name: str) -> None:
        self.post(f"/measure/{name}")
        while (news := self.settled(name))["running"]:
            number = re.search(r'data-prompt="(\d+)"', news["panel"])
            assert number is not None
            self.post("/answer", number=number[1], answer="2" if 'name="answer" min' in news["panel"] else "yes")

    def measure_all(self) -> None:
        self.settled("consent")
        for name in ("computer", "connection", "headset", "room"):
            self.measure(name)
        self.post("/questions", door="yes", desk="no")


def raw(guide: Guided, path: str, **headers: str) -> tuple[int, str]:
    """Ask with exactly these headers; `requests` would correct the host."""
    connection = http.client.HTTPConnection("127.0.0.1", guide.served.gate.port, timeout=SECONDS)
    connection.putrequest("GET", path, skip_host=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text
