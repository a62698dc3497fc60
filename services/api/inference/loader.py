"""The one thread that brings models into memory for requests that found them missing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from services.api.inference import metrics
from shared.errors import Overloaded, Unavailable

PATIENCE_SECONDS = 4.0
"""A database that falls silent holds the thread for ever, and must not hold the requests."""

T = TypeVar("T")


class Loader:
    """Works one piece after another, away from the event loop, while a bounded number of requests wait."""

    def __init__(self, *, limit: int, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._limit, self._patience_seconds = limit, patience_seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model-loader")
        self._waiting = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns; raises what it raises, and `Overloaded`.

        Raises `Unavailable` when it takes long; the work goes on then, for those who ask again.
        """
        if self._waiting >= self._limit:
            metrics.rejected.labels("overload").inc()
            raise Overloaded(f"more than {self._limit} requests wait for a model; try again later")
        self._waiting += 1
        running = asyncio.get_running_loop().run_in_executor(self._thread, work)
        running.add_done_callback(self._ended)
        try:
            return await asyncio.wait_for(asyncio.shield(running), self._patience_seconds)
        except TimeoutError:
            raise Unavailable(
                "the model is not in memory yet; try again later", code="model_loading"
            ) from None

    def stop(self) -> None:
        """Forget the work that waits; what runs is left to end by itself."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _ended(self, future: asyncio.Future[T]) -> None:
        self._waiting -= 1
        if not future.cancelled():
            future.exception()  # looked at, so that nobody is warned of one whose request has left
