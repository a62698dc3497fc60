"""A curve as Server-Sent Events: what is on record, then what comes, without a gap.

One task a job watches the job's row, whoever many listen; points are read by step, and a page read at the
tip is shared. The id of an event is the step of the newest point sent, so a client that comes back with it
goes on right behind that point. Evaluations carry no id of their own: the one after `s` updates is sent
before point `s`, and a client that comes back just there gets it twice rather than never.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import isfinite
from typing import TypeVar
from uuid import UUID

import anyio.to_thread

from services.api import metrics
from services.api.presenting import job_state
from services.api.rates import planned_rate
from shared.db.curves import EvaluationRow, PointColumns, read_evaluations, read_points
from shared.db.engine import Database
from shared.db.jobs import JobRow, get_training
from shared.errors import Overloaded, Unavailable
from shared.lifecycle import TERMINAL

T = TypeVar("T")
POINT_NAMES = ("lr", "planned_lr", "loss", "grad_norm", "momentum", "effective_lr")
PAGE_POINTS = 500
POLL_SECONDS = 0.4
KEEP_ALIVE_SECONDS = 15.0
LIFE_SECONDS = 600.0
MAX_CLIENTS = 128
SHARED_PAGES = 8
READER_THREADS = 4
"""Streams read in few threads of their own, so that many listeners leave the other routes theirs."""


@dataclass(slots=True)
class Page:
    """Points with their planned rates, and evaluations, that follow a place in a curve."""

    points: PointColumns
    planned_lr: Sequence[float | None]
    evaluations: Sequence[EvaluationRow]


@dataclass(slots=True)
class Place:
    """How far a client is: the newest point and the newest evaluation it was sent."""

    point: int
    evaluation: int
    state: str = ""


@dataclass(slots=True)
class Watch:
    """One job being watched for its listeners."""

    row: JobRow
    listeners: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    pages: dict[tuple[int, int], asyncio.Future[Page]] = field(default_factory=dict)

    def note(self, row: JobRow) -> None:
        """Take the newest row, and wake the listeners when it says something new."""
        news = job_state(row) != job_state(self.row)
        self.row = row
        if news:
            self.pages.clear()
            self.changed.set()
            self.changed = asyncio.Event()


class CurveStreams:
    """All open streams of this process."""

    def __init__(self, database: Database, *, max_clients: int = MAX_CLIENTS) -> None:
        self._database, self._max_clients = database, max_clients
        self._watches: dict[UUID, Watch] = {}
        self._limiter: anyio.CapacityLimiter | None = None
        self._clients = 0
        self._closing = False

    @property
    def clients(self) -> int:
        """Return how many clients listen."""
        return self._clients

    @property
    def watched(self) -> int:
        """Return how many jobs are watched."""
        return len(self._watches)

    def close(self) -> None:
        """Ask every client to come back, elsewhere; safe to call from a signal handler."""
        self._closing = True

    async def open(self, job_id: UUID, *, after: int) -> AsyncIterator[bytes]:
        """Return the stream of a job's events behind point `after` (-1: all).

        Raises `NotFound`, and `Overloaded` when this process holds as many clients as it will.
        """
        if self._clients >= self._max_clients:
            raise Overloaded("as many curve streams are open as this server holds; try again later")
        watch = self._watches.get(job_id) or Watch(await self._in_thread(lambda: self._row(job_id)))
        return self._follow(job_id, watch, Place(after, after))

    def _row(self, job_id: UUID) -> JobRow:
        with self._database.snapshot() as cx:
            return get_training(cx, job_id=job_id)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(READER_THREADS)
        return await anyio.to_thread.run_sync(work, limiter=self._limiter)

    async def _follow(self, job_id: UUID, fresh: Watch, place: Place) -> AsyncIterator[bytes]:
        watch = self._watches.setdefault(job_id, fresh)
        self._enter(job_id, watch)
        until = time.monotonic() + LIFE_SECONDS
        try:
            while time.monotonic() < until and not self._closing:
                changed, row = watch.changed, watch.row
                ended = row.status in TERMINAL
                if not ended:
                    yield _state_event(row, place)
                async for chunk in self._drain(watch, place):
                    yield chunk
                if ended:
                    yield _state_event(row, place)
                    return
                if not await _woken(changed):
                    yield b": still here\n\n"
            yield b"event: reconnect\ndata: {}\n\n"
        finally:
            self._leave(job_id, watch)

    async def _drain(self, watch: Watch, place: Place) -> AsyncIterator[bytes]:
        """Yield pages until nothing follows; while the database is away the client waits."""
        while True:
            try:
                page = await self._page(watch, place)
            except Unavailable:
                if self._closing:
                    return
                watch.pages.clear()
                yield b": waiting for the database\n\n"
                await asyncio.sleep(1.0)
                continue
            if not page.points.steps and not page.evaluations:
                return
            yield _page_events(page)
            if page.points.steps:
                place.point = page.points.steps[-1]
            if page.evaluations:
                place.evaluation = page.evaluations[-1].step

    async def _page(self, watch: Watch, place: Place) -> Page:
        key = (place.point, place.evaluation)
        reading = watch.pages.get(key)
        if reading is None:
            point, evaluation = key
            reading = asyncio.ensure_future(
                self._in_thread(lambda: self._read_page(watch.row, point, evaluation))
            )
            while len(watch.pages) >= SHARED_PAGES:
                watch.pages.pop(next(iter(watch.pages)))
            watch.pages[key] = reading
        # Shielded: the client that began to read may leave while others wait for the same page.
        return await asyncio.shield(reading)

    def _read_page(self, row: JobRow, point: int, evaluation: int) -> Page:
        with self._database.snapshot() as cx:
            points = read_points(cx, job_id=row.id, after=point, limit=PAGE_POINTS)
            evaluations = read_evaluations(cx, job_id=row.id, after=evaluation)
            planned = planned_rate(cx, row)
        if len(points.steps) == PAGE_POINTS:  # more follow: later evaluations wait for the points before them
            evaluations = [e for e in evaluations if e.step <= points.steps[-1] + 1]
        return Page(points, planned.at(points.steps), evaluations)

    def _enter(self, job_id: UUID, watch: Watch) -> None:
        self._clients += 1
        metrics.sse_clients.inc()
        watch.listeners += 1
        if watch.task is None or watch.task.done():
            watch.task = asyncio.create_task(self._keep_watching(job_id, watch))

    def _leave(self, job_id: UUID, watch: Watch) -> None:
        self._clients -= 1
        metrics.sse_clients.dec()
        watch.listeners -= 1
        if watch.listeners == 0:
            self._watches.pop(job_id, None)
            if watch.task is not None:
                watch.task.cancel()

    async def _keep_watching(self, job_id: UUID, watch: Watch) -> None:
        while watch.row.status not in TERMINAL:
            await asyncio.sleep(POLL_SECONDS)
            if self._closing:
                watch.changed.set()
                return
            with suppress(Unavailable):
                watch.note(await self._in_thread(lambda: self._row(job_id)))


async def _woken(changed: asyncio.Event) -> bool:
    """Tell whether something changed before it was time for a sign of life."""
    try:
        await asyncio.wait_for(changed.wait(), KEEP_ALIVE_SECONDS)
    except TimeoutError:
        return False
    return True


def _state_event(row: JobRow, place: Place) -> bytes:
    state = job_state(row).model_dump_json()
    if state == place.state:
        return b""
    place.state = state
    metrics.sse_events.labels("status").inc()
    return f"event: status\ndata: {state}\n\n".encode()


def _page_events(page: Page) -> bytes:
    """Return a page as events in order of steps, each evaluation before the point of the same number."""
    points = page.points
    marked = [(e.step, 0, _evaluation_event(e)) for e in page.evaluations]
    known = (points.lr, page.planned_lr, points.loss, points.grad_norm, points.momentum)
    columns = (*known, points.effective_lr or [None] * len(points.steps))
    rows = zip(points.steps, *columns, strict=True)
    marked += [(step, 1, _point_event(step, values)) for step, *values in rows]
    metrics.sse_events.labels("point").inc(len(points.steps))
    metrics.sse_events.labels("evaluation").inc(len(page.evaluations))
    return "".join(text for _, _, text in sorted(marked)).encode()


def _point_event(step: int, values: Sequence[float | None]) -> str:
    plain = ("null" if v is None or not isfinite(v) else repr(v) for v in values)
    fields = "".join(f',"{name}":{value}' for name, value in zip(POINT_NAMES, plain, strict=True))
    return f'event: point\nid: {step}\ndata: {{"step":{step}{fields}}}\n\n'


def _evaluation_event(row: EvaluationRow) -> str:
    body = json.dumps({"step": row.step, "epoch": row.epoch, "metrics": row.metrics})
    return f"event: evaluation\ndata: {body}\n\n"
