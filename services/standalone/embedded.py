"""What the embedded servers have in common: a folder of their own, one process, and how it ends."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from services.standalone.errors import CannotStart
from services.standalone.process import Launch, ServerProcess, take_folder


@dataclass(slots=True)
class EmbeddedServer(ABC):
    """A server that keeps everything under `folder` and ends with the process that started it.

    It listens on a Unix socket in a private folder; with `port` on 127.0.0.1 instead, asking for a password.
    """

    program_name: ClassVar[str]
    start_seconds: ClassVar[float]
    harder: ClassVar[Sequence[int]] = (signal.SIGKILL,)
    """Signals to one that does not stop when asked to."""

    folder: Path
    port: int | None = None
    log: Path | None = None
    _server: ServerProcess | None = field(default=None, init=False)

    def start(self) -> None:
        """Start, on what an earlier start left in the folder. Raises `InUse` or `CannotStart`."""
        self.folder = self.folder.absolute()
        with take_folder(self.folder) as lock:
            self._server = ServerProcess(self._prepared(), self._log)
            self._server.spawn(inherit=[lock])
            self._server.wait_until(self._ready, within_seconds=self.start_seconds)

    def stop(self) -> None:
        """Stop at once and cleanly: clients are cut off, what was acknowledged is on disk."""
        if self._server is not None:
            self._server.stop(harder=self.harder)

    def running(self) -> bool:
        """Tell whether the server's process lives."""
        return self._server is not None and self._server.running()

    @property
    def status(self) -> int | None:
        """Exit status of a server that ended, negative for a signal."""
        return None if self._server is None else self._server.status

    @property
    def pid(self) -> int:
        """Process id of the server; raises `CannotStart` before the first start."""
        if self._server is None:
            raise CannotStart(f"{self.program_name} is not running")
        return self._server.pid

    @property
    def _log(self) -> Path:
        return self.log or self.folder / "server.log"

    @abstractmethod
    def _prepared(self) -> Launch:
        """Return how to start the program, once its folder, which is ours now, holds what it needs."""

    @abstractmethod
    def _ready(self) -> bool:
        """Tell whether the server answers."""
