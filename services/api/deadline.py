"""A limit on waiting for a database that has fallen silent.

A server that refuses is noticed at once; one that accepts and says nothing holds its callers for ever, and
nothing in libpq ends that. So a request that waits too long is answered 503 while its thread goes on waiting,
unless the database is known to answer others: then it is only slow work, and may take its time. Waiting for
the client, who may send an upload for hours, does not count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.errors import answer_kind
from shared.errors import Unavailable

DEADLINE_SECONDS = 4.0


class Deadline:
    """Answers 503 for requests that wait longer than `seconds` while `database_answers` says no."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        applies: Callable[[Scope], bool],
        database_answers: Callable[[], bool],
        seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self.app, self.seconds = app, seconds
        self.applies, self.database_answers = applies, database_answers
        self._left_behind: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, under the limit if it applies to its address."""
        if scope["type"] != "http" or not self.applies(scope):
            await self.app(scope, receive, send)
            return
        reply, source = _Reply(send), _Source(receive)
        task = asyncio.ensure_future(self.app(scope, source.receive, reply.send))
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=self.seconds)
                held = not (task.done() or reply.started or source.waiting)
                if held and not self.database_answers():
                    reply.closed = True
                    self._leave_behind(task)
                    await answer_kind(Unavailable("the database does not answer"))(scope, receive, send)
                    return
        except asyncio.CancelledError:
            task.cancel()
            raise
        await task

    def _leave_behind(self, task: asyncio.Task[None]) -> None:
        self._left_behind.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._left_behind.discard(task)
        if not task.cancelled():
            task.exception()  # whatever came of it, its client has its answer


class _Source:
    """A `receive` that tells whether it waits for the client."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.waiting = False

    async def receive(self) -> Message:
        self.waiting = True
        try:
            return await self._receive()
        finally:
            self.waiting = False


class _Reply:
    """A `send` that can be closed: what comes too late is dropped."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = self.closed = False

    async def send(self, message: Message) -> None:
        if not self.closed:
            self.started = True
            await self._send(message)
