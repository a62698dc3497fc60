"""What is trained: a corner of each sample data set, and six small specs that use every net and schedule."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[2]
FILMS, USERS, PATIENTS = 300, 300, 2000


def write_ratings(folder: Path) -> Path:
    """Write the ratings of the first users and the most rated films, so that an evaluation is a blink."""
    table = pq.read_table(next(ROOT.joinpath("samples").rglob("ratings.parquet"))).to_pydict()
    user, item, rating, moment = (table[name] for name in list(table)[:4])
    counts: dict[Any, int] = {}
    for one in item:
        counts[one] = counts.get(one, 0) + 1
    kept = set(sorted(counts, key=lambda one: (-counts[one], one))[:FILMS])
    rows = [row for row in zip(user, item, rating, moment, strict=True) if row[1] in kept and row[0] <= USERS]
    return _write(folder / "ratings.csv", ("user", "item", "rating", "timestamp"), rows)


def write_patients(folder: Path) -> Path:
    """Write the first patients with a few columns that were known on admission."""
    columns = ["age", "sex", "dzgroup", "num.co", "meanbp", "hrt", "resp", "temp", "crea", "hospdead"]
    table = pq.read_table(next(ROOT.joinpath("samples").rglob("patients.parquet")))
    chosen = table.select([name for name in columns if name in table.column_names]).slice(0, PATIENTS)
    rows = list(zip(*(column.to_pylist() for column in chosen.columns), strict=True))
    return _write(folder / "patients.csv", tuple(chosen.column_names), rows)


def specs(films: str, patients: str) -> list[dict[str, Any]]:
    """Return six training jobs of a few seconds each."""
    warm = {"name": "linear", "duration": "10%", "start_factor": 0.1}
    cyclic = {"name": "cyclic", "duration": "rest", "base_lr": 1e-3, "max_lr": 1e-2, "step_size_up": "60st"}
    nets: list[dict[str, Any]] = [
        {
            "net": {"name": "mf", "embedding_dim": 16},
            "schedule": {"name": "constant", "base_lr": 0.01},
            "optimizer": {"name": "adam"},
        },
        {
            "net": {"name": "mf", "embedding_dim": 32, "loss": "bpr"},
            "schedule": {"base_lr": 1e-3, "phases": [warm, {**cyclic, "shape": "hann"}]},
        },
        {
            "net": {"name": "neumf", "embedding_dim": 8, "hidden": [16, 8]},
            "schedule": {"name": "step", "base_lr": 0.01, "step_size": "2ep", "gamma": 0.5},
        },
        {
            "net": {"name": "neumf", "embedding_dim": 8, "hidden": [16, 8], "dropout": 0.2},
            "schedule": {"name": "cosine", "base_lr": 0.005},
            "optimizer": {"name": "sgd", "momentum": 0.9, "nesterov": True},
        },
    ]
    recommend: dict[str, Any] = {
        "dataset": films,
        "task": {"name": "recommend"},
        "batch_size": 256,
        "epochs": 6,
    }
    diagnose: dict[str, Any] = {
        "dataset": patients,
        "task": {"name": "diagnose", "target": "hospdead"},
        "batch_size": 32,
        "epochs": 12,
    }
    records: list[dict[str, Any]] = [
        {"net": {"name": "mlp", "hidden": [32, 16]}, "schedule": {"name": "cosine", "base_lr": 0.003}},
        {
            "net": {"name": "mlp", "hidden": [32], "numbers": "standard"},
            "schedule": {"base_lr": 1e-3, "phases": [warm, {**cyclic, "shape": "triangular"}]},
            "gradient_clip_norm": 1.0,
        },
    ]
    jobs = [{**recommend, **one} for one in nets] + [{**diagnose, **one} for one in records]
    return [{"model": f"chaos-{number}", "seed": number, **job} for number, job in enumerate(jobs)]


def _write(path: Path, header: tuple[str, ...], rows: list[Any]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path
