"""Requests that wait for a model: for a while, and not without number."""

from __future__ import annotations

import asyncio
import threading

import pytest

from services.api.inference.loader import Loader
from shared.errors import NotFound, Overloaded, Unavailable


def test_what_the_work_returns_or_raises_comes_back() -> None:
    async def ask() -> int:
        loader = Loader(limit=1)
        with pytest.raises(NotFound):
            await loader.run(_nothing_there)
        found = await loader.run(lambda: 7)
        loader.stop()
        return found

    assert asyncio.run(ask()) == 7


def _nothing_there() -> int:
    raise NotFound("no such version")


def test_work_that_takes_long_is_unavailable_and_goes_on() -> None:
    released, done = threading.Event(), threading.Event()

    def slow() -> None:
        released.wait(10)
        done.set()

    async def ask() -> None:
        loader = Loader(limit=8, patience_seconds=0.05)
        with pytest.raises(Unavailable) as error:
            await loader.run(slow)
        assert error.value.code == "model_loading"
        released.set()
        await loader.run(lambda: None)
        loader.stop()

    asyncio.run(ask())
    assert done.is_set()


def test_more_requests_than_the_limit_are_turned_away_until_the_work_has_ended() -> None:
    released = threading.Event()

    async def ask() -> str:
        loader = Loader(limit=2, patience_seconds=0.05)
        for _ in range(2):
            with pytest.raises(Unavailable):
                await loader.run(lambda: released.wait(10))
        with pytest.raises(Overloaded):
            await loader.run(lambda: "too many")
        released.set()
        while True:
            try:
                answer = await loader.run(lambda: "room again")
            except Overloaded:
                await asyncio.sleep(0.01)
            else:
                loader.stop()
                return answer

    assert asyncio.run(ask()) == "room again"


def test_a_loader_that_stops_waits_for_nothing() -> None:
    released = threading.Event()

    async def ask() -> None:
        loader = Loader(limit=2, patience_seconds=0.05)
        with pytest.raises(Unavailable):
            await loader.run(lambda: released.wait(10))
        loader.stop()
        assert not released.is_set()
        released.set()
        await asyncio.sleep(0.05)

    asyncio.run(ask())
