"""Progress of a training in a terminal: a bar with live loss and rate, or plain lines where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

LINES_PER_TRAINING = 10


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a training stands."""

    status: str
    step: int
    total_steps: int
    lr: float | None = None
    loss: float | None = None
    metrics: str = ""

    def figures(self) -> str:
        """Return loss and rate, and the newest evaluation."""
        loss = "" if self.loss is None else f"loss {self.loss:.4f}"
        rate = "" if self.lr is None else f"lr {self.lr:.2e}"
        return "  ".join(part for part in (loss, rate, self.metrics) if part) or self.status


class Display(Protocol):
    """Shows readings as they come."""

    def show(self, reading: Reading) -> None: ...  # noqa: D102


@dataclass(slots=True)
class Bar:
    """A bar that moves."""

    progress: Progress
    task: TaskID

    def show(self, reading: Reading) -> None:
        """Move the bar."""
        self.progress.update(
            self.task, completed=reading.step, total=reading.total_steps, figures=reading.figures()
        )


@dataclass(slots=True)
class Lines:
    """A plain line at every tenth of the way."""

    console: Console
    title: str
    tenth: int = -1

    def show(self, reading: Reading) -> None:
        """Print a line when another tenth is reached."""
        tenth = LINES_PER_TRAINING * reading.step // max(1, reading.total_steps)
        if tenth > self.tenth:
            self.tenth = tenth
            where = f"step {reading.step} of {reading.total_steps}"
            self.console.print(f"  {self.title}: {where}  {reading.figures()}", markup=False)


@contextmanager
def display(console: Console, title: str) -> Iterator[Display]:
    """Return what shows the training named `title` on this console."""
    if not console.is_terminal:
        yield Lines(console, title)
        return
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        yield Bar(progress, progress.add_task(title, total=None, figures="waiting"))
