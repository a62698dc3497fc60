"""Progress of a training in a terminal: a bar with live loss and rate, or plain lines where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from shared.lifecycle import JobStatus

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

    @property
    def stopped_early(self) -> bool:
        """Whether the training succeeded before its last step."""
        return self.status == JobStatus.SUCCEEDED and self.step < self.total_steps

    def where(self) -> str:
        """Return how far the training is."""
        step = f"step {self.step} of {self.total_steps}"
        return f"stopped early at {step}" if self.stopped_early else step

    def figures(self) -> str:
        """Return loss and rate, the newest evaluation, and what follows the last step."""
        loss = "" if self.loss is None else f"loss {self.loss:.4f}"
        rate = "" if self.lr is None else f"lr {self.lr:.2e}"
        trained = self.status == JobStatus.RUNNING and 0 < self.total_steps <= self.step
        rest = "judging and packing" if trained else ""
        return "  ".join(part for part in (loss, rate, self.metrics, rest) if part) or self.status


class Display(Protocol):
    """Shows readings as they come."""

    def show(self, reading: Reading) -> None: ...  # noqa: D102


@dataclass(slots=True)
class Bar:
    """A bar that moves."""

    progress: Progress
    task: TaskID

    def show(self, reading: Reading) -> None:
        """Move the bar; a training that stopped early has no steps left, so its bar is full."""
        total, figures = reading.total_steps, reading.figures()
        if reading.stopped_early:
            total, figures = reading.step, f"{reading.where()}  {figures}"
        self.progress.update(self.task, completed=reading.step, total=total, figures=figures)


@dataclass(slots=True)
class Lines:
    """A plain line at every tenth of the way, and one where the training stopped early."""

    console: Console
    title: str
    tenth: int = -1

    def show(self, reading: Reading) -> None:
        """Print a line when another tenth is reached or none will be."""
        tenth = LINES_PER_TRAINING * reading.step // max(1, reading.total_steps)
        if reading.stopped_early:
            tenth = LINES_PER_TRAINING
        if tenth > self.tenth:
            self.tenth = tenth
            self.console.print(f"  {self.title}: {reading.where()}  {reading.figures()}", markup=False)


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
