"""`python -m services.api`: the gateway as one process; more of them behind a balancer make it wider."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from types import FrameType

import uvicorn

from services.api.main import create_app
from services.api.streams import CurveStreams
from shared.errors import Unavailable
from shared.logs import configure_logs
from shared.settings import settings

GRACE_SECONDS = 10
"""For requests that are being answered when the end comes."""
THREADS_END_SECONDS = 2.0


class Server(uvicorn.Server):
    """A server whose end begins with the streams, which would otherwise hold it to its grace."""

    def __init__(self, config: uvicorn.Config, *, streams: CurveStreams) -> None:
        super().__init__(config)
        self._streams = streams

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        self._streams.close()
        super().handle_exit(sig, frame)


def leave(status: int) -> int:
    """Return `status`, or end at once when a thread waits for a silent database: nothing else ends it."""
    until = time.monotonic() + THREADS_END_SECONDS
    others = [t for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon]
    for thread in others:
        thread.join(max(0.0, until - time.monotonic()))
    if any(thread.is_alive() for thread in others):
        sys.stdout.flush()
        os._exit(status)
    return status


def main() -> int:
    """Serve until a signal ends it; the exit status is 1 when it cannot start."""
    configure_logs(service="gateway", level=settings().log_level)
    try:
        app = create_app(settings())
    except (Unavailable, FileNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    gc.freeze()  # what stands now stays: a large answer must not have the collector walk all of it again
    server = Server(
        uvicorn.Config(
            app,
            host=settings().host,
            port=settings().port,
            loop="uvloop",
            http="httptools",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        ),
        streams=app.state.services.streams,
    )
    # The server raises the signals it took once more when it has ended, which is then no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server.run()
    return leave(0 if server.started else 1)


if __name__ == "__main__":
    sys.exit(main())
