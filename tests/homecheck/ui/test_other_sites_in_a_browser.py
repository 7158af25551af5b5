"""A page of somebody else in the browser that is signed in to the guide: it reads nothing and changes nothing.

It is served from another port of 127.0.0.1, so the browser takes both for the same site and sends our cookie along.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.guide import Guided
from tests.guide_browser import DESK, agree, visiting

pytestmark = pytest.mark.browser

# Each way tells what came of it: what it could read, or why not.
PAGE = """<!DOCTYPE html>
<title>Win a headset</title>
<form id="form" method="post" action="GUIDE/withdraw" target="frame"></form>
<iframe name="frame"></iframe><iframe id="inside" src="GUIDE/step/result"></iframe>
<script>
const guide = "GUIDE";
const read = async (path, options) => {
  try {
    const answer = await fetch(guide + path, {credentials: "include", ...options});
    return answer.type + ":" + (await answer.text()).length;
  } catch (error) { return "refused"; }
};
const heard = (what, events) => new Promise(done => {
  for (const event of events) what.addEventListener(event, () => done(event));
});
const script = new Promise(done => {
  const one = document.createElement("script");
  one.src = guide + "/live/headset";
  one.onload = () => done("ran"); one.onerror = () => done("refused");
  document.head.append(one);
});
const image = new Promise(done => {
  const one = new Image();
  one.onload = () => done("shown"); one.onerror = () => done("refused");
  one.src = guide + "/static/favicon.svg";
});
document.getElementById("form").submit();
window.outcome = (async () => ({
  read: await read("/step/result", {}),
  blind: await read("/step/result", {mode: "no-cors"}),
  withdraw: await read("/withdraw", {method: "POST", mode: "no-cors", body: "x=1"}),
  send: await read("/send", {method: "POST", body: new URLSearchParams({digests: ""})}),
  json: await read("/quit", {method: "POST", headers: {"Content-Type": "application/json"}, body: "{}"}),
  script: await script,
  image: await image,
  events: await heard(new EventSource(guide + "/live/headset", {withCredentials: true}), ["open", "error"]),
  socket: await heard(new WebSocket(guide.replace("http", "ws") + "/live/headset"), ["open", "error"]),
}))();
</script>
"""


@contextmanager
def somebody_elses(guide: Guided) -> Iterator[str]:
    """Serve the page from another port of this computer."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = PAGE.replace("GUIDE", guide.url).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_a_page_of_another_site_reads_nothing_and_changes_nothing(guide: Guided, chromium: Any) -> None:
    with visiting(chromium) as visit, somebody_elses(guide) as address:
        page = visit(guide, locale="en-GB", viewport=DESK)
        agree(page)
        agreed_at = guide.sitting.agreed_at
        other = page.context.new_page()
        answers: list[tuple[str, int]] = []
        other.on("response", lambda answer: answers.append((answer.url.removeprefix(guide.url), answer.status)))
        other.goto(address)
        outcome = other.evaluate("window.outcome")
        assert set(outcome.values()) <= {"refused", "error"}, outcome
        frames = [frame for frame in other.frames if frame.url.startswith(guide.url)]
        assert all("homecheck" not in frame.content() for frame in frames)
        assert {status for path, status in answers if path in ("/withdraw", "/send", "/quit")} <= {403}
        assert ("/withdraw", 403) in answers, "the form came, with our cookie, and was refused"
        assert guide.sitting.agreed_at == agreed_at
        assert guide.thread.is_alive()
        page.reload()
        assert "This computer" in page.inner_text("h1")
