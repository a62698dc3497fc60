"""Rates that a range test suggests, beside grids of rates: `python -m bench.range_test`.

For each setting (the film sample with `mf` and with `neumf`, SUPPORT2 with `mlp`, scikit-learn's digits) and
each role, short trainings at rates a factor of 2 apart: with a linear decay for `peak`, with the rate held
for `constant`. SUPPORT2 and digits are judged by the lowest held-out loss of four, since the best checkpoint
is what becomes a model. Films are judged by the training loss of the last tenth: after these few epochs the
ranking metrics differ less between rates than between seeds, and the held-out loss of implicit feedback
tells overconfidence from overfitting and not a good rate from a bad one.

Best is every rate whose mean over the seeds is within one standard deviation between seeds of the lowest
mean. Each seed's own test is held against the nearest of the best; exits with 1 when any suggestion is off
by more than a factor of 2.
"""

from __future__ import annotations

import argparse
import copy
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast
from uuid import UUID

import torch

from bench import digits
from services.standalone.demo.plan import Plan as Sample
from services.standalone.demo.plan import films, patients
from services.worker.child import PLANS
from services.worker.data.ingest import ingest
from services.worker.data.limits import Limits
from services.worker.nets import Net
from services.worker.training.determinism import seed_everything
from services.worker.training.loop import Rules, train
from services.worker.training.optim import make_optimizer
from services.worker.trainings.heldout import HeldOut
from services.worker.trainings.plan import Course
from services.worker.trainings.range_test import ramp, rising
from services.worker.trainings.session import Session
from shared.range_test import read, suggestions
from shared.schedules import OptimizerTraits, ResolvedSchedule, ScheduleSpec, resolve
from shared.specs.dataset import DatasetSpec
from shared.specs.ids import new_uuid
from shared.specs.job import JobSpec
from shared.specs.range_test import RangeTestSpec
from shared.storage import Storage, upload_folder

FACTOR = 2.0
EVALUATIONS = 4
GRID = tuple(1e-4 * 2.0**k for k in range(4, 14))
DECAY: dict[str, Callable[[float], dict[str, Any]]] = {
    "peak": lambda lr: {"name": "polynomial", "base_lr": lr, "power": 1.0},
    "constant": lambda lr: {"name": "constant", "base_lr": lr},
}
CPU = torch.device("cpu")
ANYWHERE = Limits(rows=10_000_000, columns=1000, expansion=1000.0)
Json = dict[str, Any]


@dataclass(frozen=True)
class Lesson:
    """One seed's training, to be begun anew as often as wanted."""

    course: Course
    held_out_loss: Callable[[], float] | None
    """None for those that are judged by their training loss."""
    weights: dict[str, torch.Tensor]

    def began(self, schedule: ResolvedSchedule) -> Course:
        """Return the course under a schedule, its net as it was made."""
        self.course.net.load_state_dict(self.weights)
        return replace(self.course, schedule=schedule)


class Setting(Protocol):
    """A training by its seed."""

    def __call__(self, seed: int) -> Lesson:
        """Return the lesson."""


@dataclass(frozen=True)
class Library:
    """Where the samples lie once they are read; what a plan asks of a session."""

    storage: Storage
    dataset: tuple[UUID, int]


def read_sample(sample: Sample, storage: Storage) -> Library:
    """Read a shipped sample as an upload is read."""
    dataset_id = new_uuid()
    for path in sample.files:
        storage.save(f"{upload_folder(dataset_id)}/{path.name}", [path.read_bytes()])
    spec = DatasetSpec.model_validate(sample.dataset)
    ingest(storage, dataset_id=dataset_id, version=1, spec=spec, limits=ANYWHERE)
    return Library(storage, (dataset_id, 1))


def of_sample(sample: Sample, library: Library, **changes: object) -> Setting:
    """Return the training that the demo starts on a sample, less its schedule, with `changes`."""

    def lesson(seed: int) -> Lesson:
        own = {"dataset": f"ds_{library.dataset[0]}", "seed": seed, "schedule": DECAY["constant"](1.0)}
        spec = JobSpec.model_validate({**sample.job, "early_stopping": None, **changes, **own})
        session = cast("Session", library)
        plan = PLANS[spec.task.name](session, spec=spec, schedule=held(1.0, spec, 1), device=CPU)
        if spec.task.name == "recommend":
            return lesson_of(plan.course, None)
        held_out = cast("HeldOut", plan.held_out)  # type: ignore[attr-defined]  # both plans have it
        return lesson_of(plan.course, lambda: held_out.loss(plan.course))

    return lesson


def of_digits(seed: int) -> Lesson:
    """Return the training of digits; what a spec says of data and net is not looked at."""
    known, asked = digits.read()
    seed_everything(seed, CPU)
    body = {
        "model": "digits",
        "dataset": f"ds_{new_uuid()}",
        "task": {"name": "diagnose", "target": "digit"},
        "net": {"name": "mlp"},
        "optimizer": digits.SGD.model_dump(),
        "schedule": DECAY["constant"](1.0),
        "seed": seed,
    }
    spec, net = JobSpec.model_validate(body), cast("Net", digits.Digits())
    batches = cast("Any", digits.Shuffled(known, seed))
    course = Course(spec, held(1.0, spec, 1), CPU, net, batches, digits.cross_entropy, samples_per_row=1)
    return lesson_of(course, lambda: digits.judged(cast("digits.Digits", net), asked)[0])


def lesson_of(course: Course, held_out_loss: Callable[[], float] | None) -> Lesson:
    return Lesson(course, held_out_loss, copy.deepcopy(course.net.state_dict()))


def held(lr: float, spec: JobSpec, steps: int, role: str = "constant") -> ResolvedSchedule:
    """Return a role's schedule at a rate."""
    return resolve(
        ScheduleSpec.parse(DECAY[role](lr)),
        total_steps=steps,
        steps_per_epoch=steps,
        optimizer=OptimizerTraits.of(spec.optimizer),
    )


def reached(lesson: Lesson, role: str, lr: float, *, steps: int) -> float:
    """Train once; return the lowest held-out or the last training loss, infinite where it is no number."""
    course = lesson.began(held(lr, lesson.course.spec, steps, role))
    seed_everything(course.spec.seed, CPU)
    points = train(
        course.net,
        batches=course.batches,
        objective=course.objective,
        optimizer=make_optimizer(course.net, course.spec.optimizer, course.schedule),
        steps=range(steps),
        rules=Rules(clip_norm=course.spec.gradient_clip_norm),
    )
    if lesson.held_out_loss is None:
        last = statistics.fmean(float(point.loss) for point in points if point.step >= 0.9 * steps)
        return last if math.isfinite(last) else math.inf
    due = {math.ceil(steps * (k + 1) / EVALUATIONS) for k in range(EVALUATIONS)}
    found = [lesson.held_out_loss() for point in points if point.step + 1 in due]
    return min((loss for loss in found if math.isfinite(loss)), default=math.inf)


def suggested(lesson: Lesson, *, steps: int) -> dict[str, float]:
    """Return the rates that a range test suggests, by role."""
    shown = {"exclude": {"schedule"}}
    body = {"job": lesson.course.spec.model_dump(mode="json", **cast("Any", shown)), "steps": steps}
    spec = RangeTestSpec.model_validate(body)
    course = lesson.began(ramp(spec, steps_per_epoch=1))
    points = [(point.lr, float(point.loss)) for point in rising(course, spec)]
    rates, losses = zip(*points, strict=True)
    reading = read(rates, losses, smoothing=spec.smoothing, stop_at=spec.stop_at)
    return {one.role: one.lr for one in suggestions(reading)}


def best_of(grid: dict[float, list[float]]) -> list[float]:
    """Return the rates whose mean is within the seeds' standard deviation of the lowest mean."""
    means = {lr: statistics.fmean(found) for lr, found in grid.items()}
    lowest = min(means, key=means.__getitem__)
    noise = statistics.stdev(grid[lowest])
    return [lr for lr, mean in means.items() if mean <= means[lowest] + noise]


def off_by(rate: float | None, best: Sequence[float]) -> float:
    """Return by which factor a rate misses the nearest of the best; infinite when none was suggested."""
    return math.inf if rate is None else min(max(rate / one, one / rate) for one in best)


def measured(name: str, setting: Setting, chosen: argparse.Namespace) -> Iterator[tuple[str, float]]:
    """Yield a line of the table for each role, with the largest factor that a seed's test is off by."""
    lessons = [setting(seed) for seed in chosen.seeds]
    tests = [suggested(lesson, steps=chosen.test_steps) for lesson in lessons]
    for role in DECAY:
        grid = {lr: [reached(one, role, lr, steps=chosen.steps) for one in lessons] for lr in GRID}
        if chosen.verbose:
            shown = (f"{lr:.2g}: {statistics.fmean(found):.4f}" for lr, found in grid.items())
            print(f"{name}, {role}: {', '.join(shown)}", file=sys.stderr)
        best, rates = best_of(grid), [test.get(role) for test in tests]
        worst = max(off_by(rate, best) for rate in rates)
        told = ", ".join("none" if rate is None else f"{rate:g}" for rate in rates)
        yield f"| {name} | {role} | {told} | {best[0]:.2g}–{best[-1]:.2g} | {worst:.2f} |", worst


def settings(storage: Storage) -> dict[str, Setting]:
    """Return what is measured, by name."""
    film, patient = films(), patients()
    of_films, of_patients = (read_sample(sample, storage) for sample in (film, patient))
    return {
        "films, mf": of_sample(film, of_films),
        "films, neumf": of_sample(film, of_films, net={"name": "neumf"}),
        "SUPPORT2, mlp": of_sample(patient, of_patients),
        "digits": of_digits,
    }


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--steps", type=int, default=200, help="of each training of the grid")
    parser.add_argument("--test-steps", type=int, default=200, help="of each range test")
    parser.add_argument("--only", nargs="+", help="settings whose names begin so")
    parser.add_argument("--verbose", action="store_true", help="show every mean of the grids")
    return parser.parse_args(given)


def main() -> int:
    """Measure and print."""
    chosen, began, worst = arguments(), time.monotonic(), 0.0
    print("| setting | role | suggested, by seed | best of the grid | off by at most |", flush=True)
    print("|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, setting in settings(Storage(Path(folder).as_uri())).items():
            if chosen.only and not name.startswith(tuple(chosen.only)):
                continue
            for line, factor in measured(name, setting, chosen):
                print(line, flush=True)
                worst = max(worst, factor)
    print(f"\noff by at most a factor of {worst:.2f}; wanted {FACTOR:g}. {time.monotonic() - began:.0f} s")
    return 0 if worst <= FACTOR else 1


if __name__ == "__main__":
    sys.exit(main())
