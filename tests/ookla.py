"""A server that answers as speedtest.net and its servers do, as far as speedtest-cli asks; and their proxy."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

CONFIG: Final = """<?xml version="1.0" encoding="UTF-8"?>
<settings>
<client ip="192.0.2.7" lat="59.33" lon="18.06" isp="Example" isprating="3.7" rating="0" country="SE" loggedin="0"/>
<server-config threadcount="4" ignoreids="" notonmap="" forcepingid="" preferredserverid=""/>
<download testlength="{seconds}" initialtest="250K" mintestsize="250K" threadsperurl="4"/>
<upload testlength="{seconds}" ratio="5" initialtest="0" mintestsize="32K" threads="2" maxchunksize="512K"
 maxchunkcount="50" threadsperurl="4"/>
</settings>
"""
SERVERS: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<settings><servers>'
    '<server url="http://{host}:{port}/speedtest/upload.php" lat="59.3" lon="18.0" name="Stockholm" country="Sweden"'
    ' cc="SE" sponsor="Åkerö Bredband" id="7" host="{host}:{port}" /></servers></settings>'
)
BLOCK: Final = bytes(65536)


@dataclass
class Ookla:
    """What it answers, by path, instead of what is right; and which paths were asked."""

    instead: dict[str, bytes | None] = field(default_factory=dict)  # None: silence
    asked: list[str] = field(default_factory=list)
    host: str = "127.0.0.1"
    port: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def environment(self) -> dict[str, str]:
        """What makes speedtest-cli come here with every name of the internet."""
        return {"http_proxy": f"http://{self.host}:{self.port}", "no_proxy": ""}


@contextmanager
def ookla(
    instead: Mapping[str, bytes | None] | None = None, *, host: str = "127.0.0.1", seconds: int = 1
) -> Iterator[Ookla]:
    """Run it on `host`, with tests of `seconds`.

    `instead` has the answers that are wrong, by name: `config`, `servers`, `latency`, `random` or `upload`.
    """
    state = Ookla(dict(instead or {}), host=host)

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            name = re.sub(r".*/(speedtest-)?([a-z]+).*", r"\2", path)
            state.asked.append(name)
            if name in state.instead:
                self._answer_instead(state.instead[name])
            elif name == "random":
                self._send_random(path)
            else:
                pages = {
                    "config": CONFIG.format(seconds=seconds).encode(),
                    "servers": SERVERS.format(host=host, port=state.port).encode(),
                    "latency": b"test=test\n",
                }
                self._send(pages.get(name, b""), 200 if name in pages else 404)

        def do_POST(self) -> None:
            state.asked.append("upload")
            if "upload" in state.instead:
                self._answer_instead(state.instead["upload"])
                return
            left = int(self.headers["Content-Length"])
            while left > 0 and (data := self.rfile.read(min(left, len(BLOCK)))):
                left -= len(data)
            self._send(b"size=500000", 200)

        def _send_random(self, path: str) -> None:
            pixels = int(path.rpartition("x")[2].removesuffix(".jpg"))
            size = 2 * pixels * pixels  # as the real pictures, within a fifth
            self.send_response(200)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            for _ in range(size // len(BLOCK)):
                self.wfile.write(BLOCK)
            self.wfile.write(BLOCK[: size % len(BLOCK)])

        def _answer_instead(self, answer: bytes | None) -> None:
            if answer is None:
                state.over.wait(20)
            else:
                self._send(answer, 200)

        def _send(self, body: bytes, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def handle(self) -> None:
            with suppress(OSError):  # speedtest-cli drops connections when its time is over
                super().handle()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            return

    with ThreadingHTTPServer((host, 0), Handler) as server:
        server.daemon_threads = True
        state.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield state
        finally:
            state.over.set()
            server.shutdown()
            thread.join()
