"""What the collector does beside its answers goes on, whatever one turn of it runs into."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass, field
from typing import cast

import pytest

from homecheck.collector import errand as errand_module
from homecheck.collector.context import Collector
from homecheck.collector.errand import Errand, unending
from homecheck.errors import StateError


@dataclass
class Stumbling(Errand):
    """Fails at its first turn, and tells when it comes to a second one."""

    name = "stumbling"
    tick_seconds: float = 0.01
    error: Exception = field(default_factory=Exception)
    turns: int = 0
    went_on: threading.Event = field(default_factory=threading.Event)

    def tick(self) -> None:
        self.turns += 1
        if self.turns == 1:
            raise self.error
        self.went_on.set()


@pytest.mark.parametrize("error", [StateError("a full disk"), OSError("no way"), ValueError("nobody thought of it")])
def test_an_error_in_one_turn_is_logged_and_the_next_one_comes(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    errand = Stumbling(cast("Collector", None), error=error)  # it asks its collector for nothing
    with caplog.at_level(logging.ERROR, logger="homecheck.collector"):
        errand.start()
        went_on = errand.went_on.wait(60)
        errand.stop()
    assert went_on
    (record,) = caplog.records
    assert str(error) in caplog.text
    assert record.name == "homecheck.collector"


def test_at_the_end_a_turn_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging(Errand):
        name = "hanging"

        def tick(self) -> None:
            hangs.set()
            released.wait(30)

    hangs, released = threading.Event(), threading.Event()
    monkeypatch.setattr(errand_module, "PATIENCE_SECONDS", 0.05)
    one = Hanging(cast("Collector", None), tick_seconds=0.01)
    one.start()
    assert hangs.wait(30)
    ending = threading.Thread(target=one.stop)
    ending.start()
    ending.join(10)
    ended = not ending.is_alive()
    released.set()
    ending.join()
    assert ended


def test_a_chore_that_ends_by_an_error_is_logged_and_begun_again(caplog: pytest.LogCaptureFixture) -> None:
    begun: list[Collector] = []

    async def chore(collector: Collector) -> None:
        begun.append(collector)
        if len(begun) == 1:
            raise ValueError("nobody thought of it")
        await asyncio.sleep(600)

    async def watch() -> None:
        task = asyncio.create_task(unending(chore, cast("Collector", None), again_seconds=0.01))
        async with asyncio.timeout(60):
            while len(begun) < 2:
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with caplog.at_level(logging.ERROR, logger="homecheck.collector"):
        asyncio.run(watch())
    (record,) = caplog.records
    assert "nobody thought of it" in caplog.text
    assert record.getMessage() == "chore: an error that nobody expected; begun again"
