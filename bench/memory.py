"""Resident memory of a gateway that serves no model, after it has answered some of every cheap request.

`python -m bench.memory` prints one JSON object. It reads /proc, so it needs Linux.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from tests.support.installation import Installation, installed

TARGET_MIB = 143.0
"""150 MB."""
PATHS = (
    "/v1/training_jobs",
    "/v1/datasets",
    "/v1/models",
    "/v1/sweeps",
    "/v1/lr_range_tests",
    "/v1/lr_schedules",
    "/metrics",
    "/openapi.json",
)
TRACE = {"expression": "x*y+z", "values": {"x": 7, "y": 13, "z": 19}}
PREVIEW = {
    "schedules": [{"label": "hann", "schedule": {"name": "cosine", "base_lr": 0.1}}],
    "total_steps": 10_000,
    "steps_per_epoch": 100,
    "points": 500,
}


def gateway_pid(port: int) -> int:
    """Return the process that was started as `python -m services.api` with this port."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"services.api" in command and f"GRADUS_PORT={port}".encode() in environment:
            return int(folder.name)
    raise RuntimeError("the gateway's process was not found")


def resident_mib(pid: int) -> float:
    """Return the resident set of a process in MiB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    if found is None:
        raise RuntimeError("the process has no resident memory; it has ended")
    return int(found[1]) / 1024


def exercise(gradus: Installation) -> None:
    """Ask for a little of everything that needs no model."""
    for _ in range(20):
        for path in PATHS:
            gradus.client.get(path).raise_for_status()
    for media_type in ("application/json", "image/svg+xml"):
        headers = {"Accept": media_type}
        gradus.client.post("/v1/lr_schedules/preview", json=PREVIEW, headers=headers).raise_for_status()
    gradus.client.post("/v1/graphs/trace", json=TRACE).raise_for_status()


def draw(gradus: Installation) -> None:
    """Ask for pictures, whose libraries are loaded at the first."""
    for media_type in ("image/svg+xml", "image/png"):
        headers = {"Accept": media_type}
        gradus.client.post("/v1/graphs/trace", json=TRACE, headers=headers).raise_for_status()


def run() -> dict[str, Any]:
    """Measure a fresh gateway."""
    with tempfile.TemporaryDirectory() as folder, installed(Path(folder, "home")) as gradus:
        pid = gateway_pid(int(gradus.url.rsplit(":", 1)[1]))
        fresh = resident_mib(pid)
        exercise(gradus)
        used = resident_mib(pid)
        draw(gradus)
        drawn = resident_mib(pid)
    return {
        "what": "resident memory of a gateway without a model, MiB",
        "fresh": fresh,
        "after_requests": used,
        "after_graphs_and_png": drawn,
        "target": {"after_requests": TARGET_MIB},
        "passed": used <= TARGET_MIB,
    }


def main() -> int:
    """Measure and print."""
    found = run()
    print(json.dumps(found, indent=2))
    return 0 if found["passed"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
