"""Run one function in a fresh process, so that a driver that hangs or crashes costs one measurement and nothing else.

Native audio code is the reason: a call into PortAudio may never return, may end the process, and lists devices only
once per process. `call` starts a new interpreter, sends it the function by reference and gives back what it returns.

    value = call(record_in_child, endpoint, 10.0, deadline_seconds=20.0, on_report=print)

Both directions are pickles through pipes, nothing touches a disk. The child is `sys.executable` on every system, and
is always waited for: there is no zombie, and no process outlives the call. In homecheck as one file that executable is
homecheck itself, which becomes the child by the one argument `CHILD` (packaging/one_file.py).

Only a `ProbeError` crosses the pipe as itself. Whatever else goes wrong ends the child, and its last words on stderr
become the message, whether they are a traceback's last line or a C library's complaint.
"""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, Any, Final, TypeVar, cast

from homecheck.errors import ProbeError

T = TypeVar("T")

_BOOTSTRAP: Final = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from homecheck.instruments.child import _main; _main()"
)
CHILD: Final = "--child-of-homecheck"
_PYTHON_ERROR: Final = 1  # the exit status of an interpreter that ended with an uncaught exception

_LEFT_BEHIND_SECONDS: Final = 2.0
_FRAME: Final = struct.Struct("<BQ")  # kind, length
_REPORT: Final = 0
_ANSWER: Final = 1

_answers: IO[bytes] | None = None  # in a child: where its frames go; None in every other process


def call(
    function: Callable[..., T],
    *args: object,
    deadline_seconds: float,
    environment: Mapping[str, str] | None = None,
    on_report: Callable[[Any], None] | None = None,
    device: str = "the device",
) -> T:
    """Return ``function(*args)``, run in a new process with `environment` added to this one's.

    `function` is importable by name; its arguments and value can be pickled. `on_report` gets what the function passes
    to `report`, at once, in another thread. `device` is what messages call the thing that the function works with.

    Raises the function's own ProbeError, or one with the code ``timeout`` (ended at the deadline) or ``crashed`` (the
    process ended without an answer).
    """
    process = subprocess.Popen(
        _command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    dialogue = _Dialogue(process, pickle.dumps(sys.path) + pickle.dumps((function, args)), on_report)
    try:
        finished = dialogue.run(deadline_seconds)
    finally:
        dialogue.end()
    name = function.__name__
    if not finished:
        raise ProbeError(
            "timeout",
            "Unplug the device and plug it in again, then repeat the check.",
            message=f"{device}: no answer within {deadline_seconds:g} s ({name})",
        )
    if dialogue.answer is None:
        raise _crashed(f"{device}: {name}", process.returncode, dialogue.last_words())
    kind, value = pickle.loads(dialogue.answer)  # noqa: S301  our own child wrote it
    if kind == "probe-error":
        code, advice, message, at_fault = value
        raise ProbeError(code, advice, message=message, at_fault=at_fault)
    return cast(T, value)


def run_in_one_file() -> None:
    """Be the child in homecheck as one file, where the modules are found without the caller's search path."""
    pickle.load(sys.stdin.buffer)  # noqa: S301  our own parent wrote it
    _main()


def report(value: object) -> None:
    """Send `value` to the caller's `on_report`; does nothing outside a child."""
    if _answers is not None:
        _send(_REPORT, pickle.dumps(value))


class _Dialogue:
    """A child's three pipes, each served by a thread of its own so that none can fill up and block the others."""

    def __init__(
        self, process: subprocess.Popen[bytes], request: bytes, on_report: Callable[[Any], None] | None
    ) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.answer: bytes | None = None
        self._process, self._request, self._on_report = process, request, on_report
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr
        self._chatter = b""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._threads = [self._listener, *(threading.Thread(target=t, daemon=True) for t in (self._drain, self._write))]

    def run(self, deadline_seconds: float) -> bool:
        """Send the request; tell whether the child answered or ended within `deadline_seconds`."""
        for thread in self._threads:
            thread.start()
        self._listener.join(deadline_seconds)
        return not self._listener.is_alive()

    def end(self) -> None:
        """End the child if it still runs, and leave neither a zombie nor an open pipe."""
        if self.answer is None and not self._listener.is_alive():
            self._wait_briefly()  # it died by itself: let its own exit status be known
        self._process.kill()  # no error when it has ended already
        self._process.wait()
        for thread in self._threads:
            # A process that the child has left behind may hold a pipe open; its thread then ends with it, not with us.
            thread.join(_LEFT_BEHIND_SECONDS)

    def last_words(self) -> str:
        """Return the last line that the child wrote to stderr."""
        lines = self._chatter.decode("utf-8", "replace").replace("\0", "").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")[:300]

    def _wait_briefly(self) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)

    def _write(self) -> None:
        with suppress(OSError), self._stdin:  # a child that is gone tells why by its exit status
            self._stdin.write(self._request)

    def _listen(self) -> None:
        with self._stdout:
            while self.answer is None:
                header = self._stdout.read(_FRAME.size)
                if len(header) < _FRAME.size:
                    return
                kind, length = _FRAME.unpack(header)
                frame = self._stdout.read(length)
                if len(frame) < length:
                    return
                if kind == _ANSWER:
                    self.answer = frame
                elif self._on_report is not None:
                    self._on_report(pickle.loads(frame))  # noqa: S301  our own child wrote it

    def _drain(self) -> None:
        with self._stderr:
            self._chatter = self._stderr.read()


def _command() -> list[str]:
    if getattr(sys, "frozen", False):  # PyInstaller's mark
        return [sys.executable, CHILD]
    return [sys.executable, "-P", "-c", _BOOTSTRAP]  # -P: a pickle.py in the current folder is not to be imported


def _crashed(name: str, status: int, last_words: str) -> ProbeError:
    return ProbeError(
        "crashed",
        "Repeat the check. If it happens again, update the sound driver or use another USB port.",
        message=f"{name} ended with status {status} and no answer: {last_words or 'no last words'}",
        # An uncaught Python error is ours; a signal or an odd status is native code, which means the driver's.
        at_fault="agent" if status == _PYTHON_ERROR else "device",
    )


def _main() -> None:
    """Be the child: read one request, run it, answer once."""
    global _answers
    # Native libraries print to file descriptor 1 as they like, so the answers get a descriptor of their own.
    _answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    function, args = pickle.load(sys.stdin.buffer)  # noqa: S301  our own parent wrote it
    try:
        answer: tuple[str, object] = ("value", function(*args))
    except ProbeError as error:
        # By its fields: an exception with keyword arguments does not survive pickling by itself.
        answer = ("probe-error", (error.code, error.advice, error.message, error.at_fault))
    _send(_ANSWER, pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL))


def _send(kind: int, frame: bytes) -> None:
    assert _answers is not None
    _answers.write(_FRAME.pack(kind, len(frame)) + frame)
    _answers.flush()
