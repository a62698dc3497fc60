"""Sweeps of schedules on the shipped samples, through a whole installation: `python -m bench.sweep`.

`python -m bench.sweep films constant linear cosine@0.02 --lr 0.005 --epochs 19 --seeds 1 2 3` uploads the
film sample (`patients`: SUPPORT2), asks for one sweep, waits, and prints its table as Markdown with its
sentence. Nets and optimizers are the demo's, without early stopping, so that every schedule has the same
steps. A name is one of those that `films --list` shows, at the peak of `--lr` unless `@` gives its own;
`--out` keeps the whole answer as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from services.standalone.demo.plan import Plan, films, patients
from tests.support.installation import Installation, installed

Json = dict[str, Any]
PLANS: dict[str, Callable[[], Plan]] = {"films": films, "patients": patients}
APART = ("schedule", "seed", "early_stopping", "publish")
ENDED = {"succeeded", "failed", "cancelled"}
POLL_SECONDS = 1.0
WARM_UP = {"name": "linear", "duration": "5%", "start_factor": 0.01}
FLAT_OPTIMIZERS = {"schedule_free": {"name": "schedule_free_adamw"}, "prodigy": {"name": "prodigy"}}


def phase(name: str, **params: object) -> list[Json]:
    return [{"name": name, "duration": "rest", **params}]


def cycles(shape: str, peak: float) -> list[Json]:
    """Return four cycles between a tenth of the peak and the peak."""
    return phase("cyclic", base_lr=peak / 10, max_lr=peak, shape=shape, step_size_up="12.5%")


MENU: dict[str, Callable[[float], list[Json]]] = {
    "constant": lambda _: phase("constant"),
    "step": lambda _: phase("step", step_size="33%", gamma=0.3),
    "multistep": lambda _: phase("multistep", milestones=["50%", "75%"], gamma=0.1),
    "exponential": lambda _: phase("exponential", gamma=0.01, decay_steps="100%"),
    "inverse_time": lambda _: phase("inverse_time", decay_rate=9.0, decay_steps="100%"),
    "linear": lambda _: phase("polynomial", power=1.0),
    "polynomial": lambda _: phase("polynomial", power=2.0),
    "cosine": lambda _: phase("cosine"),
    "warmup_cosine": lambda _: [WARM_UP, *phase("cosine")],
    "cosine_restarts": lambda _: phase("cosine_restarts", T_0="25%"),
    "cyclic_triangular": lambda peak: cycles("triangular", peak),
    "cyclic_welch": lambda peak: cycles("welch", peak),
    "cyclic_hann": lambda peak: cycles("hann", peak),
    "one_cycle": lambda peak: phase("one_cycle", max_lr=peak),
    "inverse_sqrt": lambda _: [WARM_UP, *phase("inverse_sqrt")],
    "wsd": lambda _: phase("wsd", num_warmup_steps="5%", num_decay_steps="20%"),
    "flat_cosine": lambda _: phase("flat_cosine"),
    "rex": lambda _: phase("rex"),
    "coslog": lambda _: phase("coslog"),
    "tanh": lambda _: phase("tanh"),
    "schedule_free": lambda _: [WARM_UP, *phase("constant")],
    "prodigy": lambda _: phase("constant"),
}


def arm_of(asked: str, *, lr: float, weight_decay: float) -> Json:
    """Return the arm that a name, or a name with a peak behind `@`, asks for."""
    name, _, given = asked.partition("@")
    if name not in MENU:
        raise SystemExit(f"no schedule {name}; wanted one of {', '.join(MENU)}")
    peak = float(given) if given else 1.0 if name == "prodigy" else lr
    arm: Json = {"label": asked, "schedule": {"base_lr": peak, "phases": MENU[name](peak)}}
    if name in FLAT_OPTIMIZERS:
        arm["optimizer"] = {**FLAT_OPTIMIZERS[name], "weight_decay": weight_decay}
    return arm


def body_of(plan: Plan, dataset: str, chosen: argparse.Namespace) -> Json:
    """Return the sweep asked for."""
    training = {key: value for key, value in plan.job.items() if key not in APART}
    if chosen.epochs:
        training["epochs"] = chosen.epochs
    decay = float(plan.job["optimizer"].get("weight_decay", 0.0))
    return {
        "job": {**training, "dataset": dataset},
        "schedules": [arm_of(name, lr=chosen.lr, weight_decay=decay) for name in chosen.schedules],
        "seeds": chosen.seeds,
        "target": {"metric": plan.monitor, "value": chosen.target} if chosen.target is not None else None,
    }


def swept(gradus: Installation, plan: Plan, chosen: argparse.Namespace) -> Json:
    """Upload the sample, ask for the sweep, and return it when every training has ended."""
    files = {path.name: path.read_bytes() for path in plan.files}
    dataset = gradus.upload(plan.dataset, files)["id"]
    answer = gradus.client.post("/v1/sweeps", json=body_of(plan, dataset, chosen))
    if answer.status_code != 202:
        raise SystemExit(f"the sweep was refused: {answer.text}")
    path, shown = answer.headers["location"], ""
    while True:
        seen = gradus.get(path)
        if set(seen["counts"]) <= ENDED:
            return seen
        told = f"{seen['progress']:.0%} {seen['counts']}, {seen['eta_seconds']} s left"
        if told != shown:
            print(told, file=sys.stderr, flush=True)
        shown = told
        time.sleep(POLL_SECONDS)


def table(sweep: Json) -> list[str]:
    """Return the table in Markdown, the best mean first."""
    sign = -1.0 if sweep["higher_is_better"] else 1.0
    rows = sorted(sweep["table"], key=lambda r: (r["mean"] is None, sign * (r["mean"] or 0.0)))
    metric = sweep["metric"]
    lines = [
        f"| schedule | mean LR | {metric}, validation | behind the leader | {metric}, test | to target | s |",
        "|---|---|---|---|---|---|---|",
    ]
    return [*lines, *(_line(row, sweep) for row in rows)]


def _line(row: Json, sweep: Json) -> str:
    found = row["difference"]
    if found is None:
        behind = "leads" if row["label"] == sweep["leader"] else "–"
    else:
        ends = found["interval"] and f" ({found['interval'][0]:+.4f} to {found['interval'][1]:+.4f})"
        behind = f"{found['value']:+.4f}{ends or ''}{', a tie' if row['tie_with'] else ''}"
    steps = "–" if row["steps_to_target"] is None else f"{row['steps_to_target']:.0f} steps"
    failed = "".join(f", seed {f['seed']} {f['code']}" for f in row["failed"])
    cells = [
        row["label"] + failed,
        f"{row['mean_lr']:.3g}",
        *(_figures(row), behind, _figures(row["test"]), steps),
        "–" if row["seconds"] is None else f"{row['seconds']:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def _figures(figures: Json) -> str:
    if figures["mean"] is None:
        return "–"
    return f"{figures['mean']:.4f}" + ("" if figures["sd"] is None else f" ± {figures['sd']:.4f}")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sample", choices=PLANS)
    parser.add_argument("schedules", nargs="*", help="names, each with @peak or without")
    parser.add_argument("--list", action="store_true", help="show the names and leave")
    parser.add_argument("--lr", type=float, default=0.005, help="peak of those without one of their own")
    parser.add_argument("--epochs", type=int, help="the demo's when left out")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--target", type=float, help="value of the validation metric that counts as reached")
    parser.add_argument("--slots", type=int, default=1, help="trainings at once")
    parser.add_argument("--out", type=Path, help="file for the whole answer")
    return parser.parse_args(given)


def main() -> int:
    """Sweep and print."""
    chosen = arguments()
    if chosen.list or not chosen.schedules:
        print("\n".join(MENU))
        return 0
    plan, began = PLANS[chosen.sample](), time.monotonic()
    slots = str(chosen.slots)
    with (
        tempfile.TemporaryDirectory() as folder,
        installed(Path(folder, "home"), GRADUS_SLOTS=slots, GRADUS_STANDBY_CHILDREN=slots) as gradus,
    ):
        sweep = swept(gradus, plan, chosen)
    epochs, trainings = sweep["spec"]["job"]["epochs"], sweep["trainings"]
    wall = time.monotonic() - began
    print(f"{plan.title}, {epochs} epochs of {sweep['steps_per_epoch']} steps, seeds {sweep['seeds']}:\n")
    print("\n".join(table(sweep)))
    print(f"\n{sweep['sentence']}\n\n{trainings} trainings in {wall:.0f} s, {wall / trainings:.1f} s each.")
    if chosen.out:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(json.dumps(sweep, indent=1))
    return 0 if sweep["counts"].get("succeeded") == trainings else 1


if __name__ == "__main__":
    sys.exit(main())
