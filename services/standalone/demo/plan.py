"""What the demo uploads and trains: two real sample sets, two nets, two schedules."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from services.standalone.demo.client import Json

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
KNOWN_USER = "15"
LIKED = (("260", "Star Wars: Episode IV"), ("1196", "Star Wars: Episode V"), ("2571", "The Matrix"))
"""What a person whom the model has never seen says to have liked: item id and title."""
TARGET = "death_180d"
PATIENT = 0
"""Row of the sample set whose outcome is predicted."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One training: the files it learns from, how they are read, and the job without its data set's id."""

    title: str
    files: tuple[Path, ...]
    dataset: Json
    job: Json

    @property
    def model(self) -> str:
        """Name of the model that is published."""
        return str(self.job["model"])

    @property
    def monitor(self) -> str:
        """Name of the metric that decides when to stop."""
        return str(self.job["early_stopping"]["monitor"])

    def upload_key(self) -> str:
        """Return an idempotency key that changes with the files and the way they are read."""
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in self.files]
        return key_of(self.dataset, digests)


def key_of(*parts: object) -> str:
    """Return an idempotency key of a request: equal requests have equal keys."""
    return "demo-" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def films() -> Plan:
    """Plan a recommender of films: matrix factorisation, warm-up, then a cyclic rate with Hann windows."""
    folder = SAMPLES / "movielens-latest-small"
    job: Json = {
        "model": "films",
        "task": {
            "name": "recommend",
            "feedback": "implicit",
            "evaluation": {"protocol": "leave_one_out", "k": [10]},
        },
        "net": {"name": "mf", "embedding_dim": 64, "loss": "bpr", "negatives": 1},
        "optimizer": {"name": "adamw", "weight_decay": 0.1},
        "schedule": {
            "base_lr": 0.0005,
            "phases": [
                {"name": "linear", "duration": "1ep", "start_factor": 0.01},
                {
                    "name": "cyclic",
                    "duration": "rest",
                    "base_lr": 0.0005,
                    "max_lr": 0.005,
                    "shape": "hann",
                    "mode": "triangular",
                    "step_size_up": "3ep",
                },
            ],
        },
        "batch_size": 2048,
        "epochs": 19,
        "seed": 7,
        "early_stopping": {"monitor": "ndcg@10", "patience": 5},
        "publish": {"alias": "production", "when": "always"},
    }
    dataset: Json = {"name": "MovieLens latest-small", "kind": "interactions", "format": "parquet"}
    return Plan(
        "a recommender of films", (folder / "ratings.parquet", folder / "movies.parquet"), dataset, job
    )


def patients() -> Plan:
    """Plan a diagnosis: death within 180 days of seriously ill patients, warm-up and then half a cosine."""
    folder = SAMPLES / "support2"
    job: Json = {
        "model": "death-within-180-days",
        "task": {
            "name": "diagnose",
            "target": TARGET,
            "type": "binary",
            "exclude": json.loads((folder / "leaks.json").read_text()),
        },
        "net": {"name": "mlp", "hidden": [128, 64], "dropout": 0.3, "numbers": "quantile"},
        "optimizer": {"name": "adamw", "weight_decay": 0.05},
        "schedule": {
            "base_lr": 0.002,
            "phases": [
                {"name": "linear", "duration": "5%", "start_factor": 0.01},
                {"name": "cosine", "duration": "rest"},
            ],
        },
        "batch_size": 256,
        "epochs": 20,
        "seed": 7,
        "early_stopping": {"monitor": "auroc", "patience": 6},
        "publish": {"alias": "production", "when": "always"},
    }
    dataset: Json = {"name": "SUPPORT2", "kind": "records", "format": "parquet"}
    return Plan("a diagnosis of patients", (folder / "patients.parquet",), dataset, job)
