"""The foreground: start, look after every part, tell a story meanwhile, and stop at Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console

from services.standalone.installation import Installation, running_installation
from shared.errors import GradusError
from shared.settings import Settings

TEND_SECONDS = 0.2
STORY_END_SECONDS = 5.0


class Story(Protocol):
    """What happens in a running installation besides serving; it looks at `stopping` between its steps."""

    def tell(self, installation: Installation, console: Console, stopping: threading.Event) -> None: ...  # noqa: D102


@dataclass(slots=True)
class Teller:
    """A story in a thread of its own; the thread that started the servers must stay with them."""

    story: Story
    stopping: threading.Event
    error: GradusError | None = None
    _thread: threading.Thread = field(init=False)

    def start(self, installation: Installation, console: Console) -> None:
        """Begin to tell."""
        self._thread = threading.Thread(target=self._tell, args=(installation, console), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait a moment until the story has noticed that it is over."""
        self._thread.join(STORY_END_SECONDS)

    def _tell(self, installation: Installation, console: Console) -> None:
        try:
            self.story.tell(installation, console, self.stopping)
        except GradusError as error:
            if not self.stopping.is_set():
                self.error = error
                self.stopping.set()


def serve(settings: Settings, *, story: Story | None) -> int:
    """Run an installation until a signal; return the exit status. Raises what kept it from serving."""
    console = Console(highlight=False, soft_wrap=True)
    teller = None

    def say(text: str) -> None:
        console.print(text, markup=False)

    with _stop_signals() as stopping:
        say("starting Gradus …")
        with running_installation(settings, say=say, stopping=stopping) as installation:
            _introduce(installation, say)
            if story:
                teller = Teller(story, stopping)
                teller.start(installation, console)
            while not stopping.wait(TEND_SECONDS):
                installation.household.tend()
            if teller:
                teller.end()
            say("stopping …")
    if teller and teller.error:
        raise teller.error
    say("stopped")
    return 0


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """Return an event that Ctrl-C and SIGTERM set, also while something is still starting."""
    stopping = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda _number, _frame: stopping.set())
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _introduce(installation: Installation, say: Callable[[str], None]) -> None:
    lines = {
        "dashboard": f"{installation.address}/",
        "API": f"{installation.address}/v1, described at {installation.address}/docs",
        "admin key": f"cat {installation.home.admin_key}",
        "logs": str(installation.home.logs),
    }
    for name, value in lines.items():
        say(f"  {name:<10} {value}")
    say("Ctrl-C stops everything.")
