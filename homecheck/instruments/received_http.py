"""An HTTP answer that has already been received, for the standard library's parser, which wants to read it itself."""

from __future__ import annotations

import http.client
import io


class _Received:
    """Bytes in the shape that http.client reads from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self._data)


def response_in(data: bytes) -> http.client.HTTPResponse:
    """Return the answer in `data`, of which nothing has been parsed yet."""
    return http.client.HTTPResponse(_Received(data))  # type: ignore[arg-type]  # it only calls makefile
