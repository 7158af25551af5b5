"""Somebody's server on loopback that is told by webhooks: it answers as it is told to, and keeps what it gets."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Final

LOOPBACK: Final = (ip_network("127.0.0.0/8"),)


@dataclass
class Receiver:
    """Somebody's server: answers with the next of `statuses` (the last one for ever), keeps what it gets."""

    statuses: list[int] = field(default_factory=lambda: [200])
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    hangs: threading.Event | None = None  # until this is set
    asked: threading.Event = field(default_factory=threading.Event)  # set when there was a request
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def kinds(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.got]


@contextmanager
def receiving(receiver: Receiver, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.asked.set()
            time.sleep(receiver.delay)
            if receiver.hangs is not None:
                receiver.hangs.wait(60)
            receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status = receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0]
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}/hook?team=it"
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
