"""How long after `POST /v1/training_jobs` the first point of the curve can be read.

`python -m bench.first_point` starts an installation of its own, uploads the film sample, and asks for
one short training after the other, each when the standby child is warm again. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.support.installation import ROOT, Installation, installed

TARGET_SECONDS = 1.0
POLL_SECONDS = 0.005
REST_SECONDS = 8.0
"""Between two jobs, so that the next one finds a warm standby child: torch takes its time to import."""
FILMS = ROOT / "samples" / "movielens-latest-small"
RECORDING = {"name": "films", "kind": "interactions"}


def spec_of(dataset: str, seed: int) -> dict[str, Any]:
    """Return a short training that publishes nothing."""
    return {
        "model": "first-point",
        "dataset": dataset,
        "task": {"name": "recommend"},
        "net": {"name": "mf", "embedding_dim": 16},
        "schedule": {"name": "constant", "base_lr": 0.001},
        "batch_size": 4096,
        "epochs": 1,
        "seed": seed,
        "publish": None,
    }


def seconds_to_first_point(gradus: Installation, body: dict[str, Any]) -> float:
    """Post a job and poll its curve until it has a point."""
    began = time.perf_counter()
    job = gradus.submit(body)
    path = f"/v1/training_jobs/{job['id']}/curve"
    while not gradus.get(path)["steps"]:
        time.sleep(POLL_SECONDS)
    seconds = time.perf_counter() - began
    gradus.finished(job["id"])
    return seconds


def run(*, rounds: int) -> dict[str, Any]:
    """Measure on a fresh installation."""
    with tempfile.TemporaryDirectory() as folder, installed(Path(folder, "home")) as gradus:
        files = {path.name: path.read_bytes() for path in sorted(FILMS.glob("*.parquet"))}
        dataset = gradus.upload(RECORDING, files)["id"]
        seconds = []
        for seed in range(rounds):
            time.sleep(REST_SECONDS)
            seconds.append(seconds_to_first_point(gradus, spec_of(dataset, seed)))
    median = statistics.median(seconds)
    return {
        "what": "seconds from POST to the first point, standby child warm",
        "seconds": {"min": min(seconds), "median": median, "max": max(seconds)},
        "rounds": rounds,
        "target": {"median": TARGET_SECONDS},
        "passed": median <= TARGET_SECONDS,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    found = run(rounds=parser.parse_args().rounds)
    print(json.dumps(found, indent=2))
    return 0 if found["passed"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
