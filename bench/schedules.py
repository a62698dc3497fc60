"""What schedules cost: a preview of 20 over a million steps, and a rate beside a step of the smallest net.

`python -m bench.schedules` prints two tables. The preview goes the way of a request, from its body to the
bytes of the answer, through the route's own function; that nothing is hidden is checked on every curve. The
rate S(t) is what the optimizer asks for before each update, and the momentum too where a phase cycles it.
"""

from __future__ import annotations

import gc
import json
import random
import statistics
import time
from collections.abc import Callable
from itertools import islice

import torch

from bench.trainer import Case, Place, our_loop
from services.api.previews import PreviewAnswer, PreviewRequest
from services.api.routes.lr_schedules import preview_schedules
from services.worker.training.determinism import seed_everything
from shared.catalog import MfParams, MlpParams
from shared.schedules import PHASES, OptimizerTraits, ScheduleSpec, resolve

TOTAL_STEPS, STEPS_PER_EPOCH, POINTS, SCHEDULES = 1_000_000, 1_000, 1_000, 20
PREVIEW_SECONDS, SHARE_OF_A_STEP = 0.2, 0.005
ROUNDS, CALLS, STEPS = 25, 20_000, 400
ADAM = OptimizerTraits("adamw", cycles_momentum=True, momentum=0.9)
SMALLEST = (
    Case("mlp without a hidden layer, batch 32", MlpParams(hidden=(), dropout=0.0), batch_size=32),
    Case("mf 8, batch 32 × 2", MfParams(embedding_dim=8), batch_size=32, negatives=1),
)
HARD: dict[str, dict[str, object]] = {
    "a peak every 2 steps": {"name": "cyclic", "base_lr": 0.001, "max_lr": 0.1, "step_size_up": "1st"},
    "10,000 peaks that shrink": {
        "name": "cyclic",
        "base_lr": 0.001,
        "max_lr": 0.1,
        "step_size_up": "50st",
        "mode": "exp_range",
        "gamma": 0.99999,
    },
}


def bodies() -> dict[str, bytes]:
    """Return requests for 20 schedules: all there are with two hard ones, and one of those 20 times over."""
    every = {name: entry.example for name, entry in PHASES.items()} | HARD
    same = {f"{n}": HARD["10,000 peaks that shrink"] for n in range(SCHEDULES)}
    return {"the whole catalogue": _body(every), "the hardest one, 20 times": _body(same)}


def _body(schedules: dict[str, dict[str, object]]) -> bytes:
    return json.dumps(
        {
            "schedules": [{"label": name, "schedule": one} for name, one in schedules.items()][:SCHEDULES],
            "total_steps": TOTAL_STEPS,
            "steps_per_epoch": STEPS_PER_EPOCH,
            "points": POINTS,
        }
    ).encode()


def preview_seconds(body: bytes, accept: str) -> list[float]:
    """Return the seconds of each round, from the bytes of a request to those of the answer."""
    gc.collect()
    gc.freeze()  # as the gateway does at its start; nor has it torch, whose objects stand here
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        preview_schedules(PreviewRequest.model_validate_json(body), accept=accept)
        found.append(time.perf_counter() - began)
    return found


def hidden(body: bytes) -> list[str]:
    """Return the labels of curves that leave out an extreme, or a breakpoint though there is room for all."""
    response = preview_schedules(PreviewRequest.model_validate_json(body), accept="application/json")
    wrong = []
    for curve in PreviewAnswer.model_validate_json(bytes(response.body)).curves:
        all_fit = 2 * curve.breakpoints_total + 2 <= POINTS
        corners = {min(b.step, TOTAL_STEPS - 1) for b in curve.breakpoints} if all_fit else set()
        extremes = (min(curve.lr), max(curve.lr)) == (curve.stats.min, curve.stats.max)
        if not extremes or not corners <= set(curve.steps):
            wrong.append(curve.label)
    return wrong


def step_seconds(case: Case) -> float:
    """Return the seconds of one step of our trainer, the median of rounds."""
    place = Place(torch.device("cpu"), "float32")
    seed_everything(7, place.device)
    loop = our_loop(case, place)
    found = []
    for _ in range(6):
        began = time.perf_counter()
        list(islice(loop, STEPS))
        found.append((time.perf_counter() - began) / STEPS)
    return statistics.median(found[1:])


def _each(call: Callable[[int], float | None], steps: list[int]) -> float:
    found = []
    for _ in range(5):
        began = time.perf_counter()
        for step in steps:
            call(step)
        found.append((time.perf_counter() - began) / len(steps))
    return statistics.median(found)


def report_previews() -> bool:
    """Print the times of previews; tell whether every median reaches the target and nothing is hidden."""
    print(f"| preview of {SCHEDULES} × {TOTAL_STEPS:,} steps, {POINTS:,} points | form | median | worst |")
    print("|---|---|---|---|")
    reached = True
    for label, body in bodies().items():
        for accept in ("application/json", "image/svg+xml"):
            found = preview_seconds(body, accept)
            median = statistics.median(found)
            print(f"| {label} | {accept} | {median * 1e3:.0f} ms | {max(found) * 1e3:.0f} ms |")
            reached &= median <= PREVIEW_SECONDS
        if missing := hidden(body):
            print("hides something: " + ", ".join(missing))
            reached = False
    return reached


def report_rates() -> bool:
    """Print what a rate costs beside one step of the smallest nets; tell whether every share is small."""
    at = random.Random(7).sample(range(TOTAL_STEPS), CALLS)
    steps = {case.label: step_seconds(case) for case in SMALLEST}
    label = min(steps, key=steps.__getitem__)
    print(f"\n| one step of {label}: {steps[label] * 1e6:.0f} µs | rate | of the step | and momentum |")
    print("|---|---|---|---|")
    reached = True
    for name, entry in PHASES.items():
        run = resolve(
            ScheduleSpec.parse(entry.example),
            total_steps=TOTAL_STEPS,
            steps_per_epoch=STEPS_PER_EPOCH,
            optimizer=ADAM,
        )
        rate, momentum = _each(run.lr, at), _each(run.momentum, at)
        share = rate / steps[label]
        print(f"| {name} | {rate * 1e6:.2f} µs | {share:.2%} | {momentum * 1e6:.2f} µs |")
        reached &= share <= SHARE_OF_A_STEP
    return reached


def main() -> int:
    """Measure, print, and tell whether both targets are reached."""
    torch.set_num_threads(1)
    return int(not (report_previews() & report_rates()))


if __name__ == "__main__":
    raise SystemExit(main())
