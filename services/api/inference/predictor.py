"""The one thread that predicts: requests wait in a bounded queue; what waits together is computed together.

The event loop only puts a request in and awaits its future, so a model never stops it from answering.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from services.api.inference import metrics
from services.api.inference.answers import Answer, Loaded
from shared.errors import GradusError, Overloaded, Unavailable
from shared.logs import logger

log = logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """One request in the queue."""

    model: Loaded
    kind: str
    body: bytes
    future: asyncio.Future[bytes]
    loop: asyncio.AbstractEventLoop
    arrived: float = field(default_factory=time.perf_counter)


class Predictor:
    """A prediction thread with its queue."""

    def __init__(self, *, queue_limit: int, batch_limit: int) -> None:
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._queue_limit, self._batch_limit = queue_limit, batch_limit
        self._thread = threading.Thread(target=self._run, name="predictions", daemon=True)
        self._stopping = False

    def start(self) -> None:
        """Start the thread."""
        metrics.queue_depth.set_function(self._queue.qsize)
        self._thread.start()

    def stop(self) -> None:
        """Answer what waits with `Unavailable` and end the thread."""
        self._stopping = True
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join()
        self._turn_away()

    async def predict(self, model: Loaded, kind: str, body: bytes) -> bytes:
        """Return the answer to a body; raises `Overloaded` at once when too much waits."""
        if self._stopping:
            raise Unavailable("this server is stopping")
        if self._queue.qsize() >= self._queue_limit:
            metrics.rejected.labels("overload").inc()
            raise Overloaded(f"more than {self._queue_limit} predictions wait; try again later")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes] = loop.create_future()
        self._queue.put(Waiting(model, kind, body, future, loop))
        return await future

    def _run(self) -> None:
        while (batch := self._next_batch()) is not None:
            metrics.batch_size.observe(len(batch))
            for group in _by_model(batch):
                self._compute(group)

    def _next_batch(self) -> list[Waiting] | None:
        """Wait for a request and take all that wait with it; `None` says that the thread must end."""
        batch: list[Waiting] = []
        waiting = self._queue.get()
        while waiting is not None:
            batch.append(waiting)
            if len(batch) >= self._batch_limit:
                return batch
            try:
                waiting = self._queue.get_nowait()
            except Empty:
                return batch
        if batch:
            self._queue.put(None)
        return batch or None

    def _compute(self, group: Sequence[Waiting]) -> None:
        """Compute one model's requests and hand the answers out as they come."""
        start = time.perf_counter()
        for waiting in group:
            metrics.queue_seconds.observe(start - waiting.arrived)
        left = dict(enumerate(group))
        model, kind = group[0].model, group[0].kind
        try:
            for answers in model.answer(kind, [waiting.body for waiting in group]):
                _hand_out([(left.pop(place), answer) for place, answer in answers])
        except Exception as error:  # the thread outlives a bug; its requests answer 500
            log.error("prediction failed", model=model.name, version=model.version, exc_info=error)
            _hand_out([(waiting, error) for waiting in left.values()])
        metrics.compute_seconds.labels(model.name).observe(time.perf_counter() - start)

    def _turn_away(self) -> None:
        """Answer whatever still waits."""
        while not self._queue.empty():
            waiting = self._queue.get()
            if waiting is not None:
                metrics.rejected.labels("stopping").inc()
                _hand_out([(waiting, Unavailable("this server is stopping"))])


def _by_model(batch: Iterable[Waiting]) -> list[list[Waiting]]:
    """Return the requests of each model and kind together, leaving out those whose client left."""
    groups: dict[tuple[int, str], list[Waiting]] = {}
    for waiting in batch:
        if waiting.future.cancelled():
            metrics.rejected.labels("dropped").inc()
        else:
            groups.setdefault((id(waiting.model), waiting.kind), []).append(waiting)
    return list(groups.values())


def _hand_out(answers: Sequence[tuple[Waiting, Answer | Exception]]) -> None:
    """Count answers and settle their futures, with one call into each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Waiting, Answer | Exception]]] = {}
    for waiting, answer in answers:
        by_loop.setdefault(waiting.loop, []).append((waiting, answer))
        _count(waiting, answer)
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, settled)
        except RuntimeError:
            log.info("event loop closed before its predictions came", count=len(settled))


def _count(waiting: Waiting, answer: Answer | Exception) -> None:
    outcome = (
        "ok" if isinstance(answer, bytes) else "refused" if isinstance(answer, GradusError) else "failed"
    )
    model = waiting.model
    metrics.predictions.labels(model.name, str(model.version), waiting.kind, outcome).inc()


def _settle(answers: Sequence[tuple[Waiting, Answer | Exception]]) -> None:
    for waiting, answer in answers:
        if waiting.future.done():
            continue
        if isinstance(answer, bytes):
            waiting.future.set_result(answer)
        else:
            waiting.future.set_exception(answer)
