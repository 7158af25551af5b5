"""Asking the router, played by a socket on loopback."""

from __future__ import annotations

import socket
import threading
import time

from homecheck.instruments.nat_pmp import outer_address


def test_a_router_that_loses_the_first_question_is_asked_again() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as router:
        router.bind(("127.0.0.1", 0))
        router.settimeout(5)

        def answer() -> None:
            router.recvfrom(64)
            _, agent = router.recvfrom(64)
            router.sendto(bytes.fromhex("0080000000000e10646401 02"), agent)

        thread = threading.Thread(target=answer)
        thread.start()
        assert outer_address("127.0.0.1", router.getsockname()[1], seconds=5.0) == "100.100.1.2"
        thread.join()


def test_a_router_that_does_not_know_it_is_not_waited_for_long() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as router:
        router.bind(("127.0.0.1", 0))
        began = time.monotonic()
        assert outer_address("127.0.0.1", router.getsockname()[1], seconds=0.3) is None
        assert time.monotonic() - began < 5
    assert outer_address("127.0.0.1", 9, seconds=0.3) is None  # nobody listens


def test_a_router_that_has_no_address_to_tell_is_asked_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as router:
        router.bind(("127.0.0.1", 0))
        router.settimeout(5)
        asked = []

        def answer() -> None:
            while (question := router.recvfrom(64))[0]:
                asked.append(question)
                router.sendto(bytes.fromhex("0080000300000e1000000000"), question[1])  # result 3: network failure

        thread = threading.Thread(target=answer)
        thread.start()
        assert outer_address("127.0.0.1", router.getsockname()[1], seconds=0.5) is None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(b"", router.getsockname())
        thread.join()
    assert len(asked) == 1
