"""A sign-in page on port 8080: whoever asks for anything is sent to another host."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class SignIn(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", "http://login.hotel.example/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


server = ThreadingHTTPServer(("", 8080), SignIn)
print("ready", flush=True)
server.serve_forever()
