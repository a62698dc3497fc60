"""The one thread that predicts: requests wait in a bounded queue; what waits together is computed together.

The event loop only puts a request in and awaits its future, so a model never stops it from answering.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue

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
        self._queue: SimpleQueue[list[Waiting] | None] = SimpleQueue()
        self._queue_limit, self._batch_limit = queue_limit, batch_limit
        self._gathering: tuple[asyncio.AbstractEventLoop, list[Waiting]] | None = None
        self._entered = self._left = 0
        self._thread = threading.Thread(target=self._run, name="predictions", daemon=True)
        self._stopping = False

    @property
    def depth(self) -> int:
        """Requests that wait; each of the two counts has one thread that writes it."""
        return self._entered - self._left

    def start(self) -> None:
        """Start the thread."""
        metrics.queue_depth.set_function(lambda: self.depth)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and answer what still waits with `Unavailable`."""
        self._stopping = True
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join()
        self._turn_away()

    async def predict(self, model: Loaded, kind: str, body: bytes) -> bytes:
        """Return the answer to a body; raises `Overloaded` at once when too much waits."""
        if self._stopping:
            raise Unavailable("this server is stopping")
        if self.depth >= self._queue_limit:
            metrics.rejected.labels("overload").inc()
            raise Overloaded(f"more than {self._queue_limit} predictions wait; try again later")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes] = loop.create_future()
        self._enter(Waiting(model, kind, body, future, loop))
        return await future

    def _enter(self, waiting: Waiting) -> None:
        """Queue a request together with all others that the event loop meets in this turn.

        Put in one by one, they would be computed one by one: the thread wakes at the first (measured with 16
        connections: 1.4 requests a batch).
        """
        if self._gathering is None or self._gathering[0] is not waiting.loop:
            self._gathering = (waiting.loop, [])
            waiting.loop.call_soon(self._hand_over, self._gathering)
        self._gathering[1].append(waiting)
        self._entered += 1

    def _hand_over(self, gathered: tuple[asyncio.AbstractEventLoop, list[Waiting]]) -> None:
        if self._gathering is gathered:
            self._gathering = None
        if self._stopping:
            self._refuse(gathered[1])
        else:
            self._queue.put(gathered[1])

    def _run(self) -> None:
        pending: deque[Waiting] = deque()
        while self._fill(pending):
            batch = [pending.popleft() for _ in range(min(len(pending), self._batch_limit))]
            self._left += len(batch)
            metrics.batch_size.observe(len(batch))
            for group in _by_model(batch):
                self._compute(group)
        self._queue.put(list(pending))

    def _fill(self, pending: deque[Waiting]) -> bool:
        """Take all that waits, and wait if nothing does; false says that the thread must end."""
        while not pending or not self._queue.empty():
            gathered = self._queue.get()
            if gathered is None:
                return False
            pending.extend(gathered)
        return True

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
            self._refuse(self._queue.get() or [])

    def _refuse(self, waiting: Sequence[Waiting]) -> None:
        self._left += len(waiting)
        metrics.rejected.labels("stopping").inc(len(waiting))
        _hand_out([(one, Unavailable("this server is stopping")) for one in waiting])


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
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, settled)
        except RuntimeError:
            log.info("event loop closed before its predictions came", count=len(settled))
    counts = Counter((w.model.name, str(w.model.version), w.kind, _outcome(a)) for w, a in answers)
    for labels, count in counts.items():
        metrics.predictions.labels(*labels).inc(count)


def _outcome(answer: Answer | Exception) -> metrics.Outcome:
    if isinstance(answer, bytes):
        return "ok"
    return "refused" if isinstance(answer, GradusError) else "failed"


def _settle(answers: Sequence[tuple[Waiting, Answer | Exception]]) -> None:
    for waiting, answer in answers:
        if waiting.future.done():
            continue
        if isinstance(answer, bytes):
            waiting.future.set_result(answer)
        else:
            waiting.future.set_exception(answer)
