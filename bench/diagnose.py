"""What the model costs a `diagnose` request: its rate and p99 against a route of the same server without it.

`python -m bench.diagnose` prints one JSON object. 24 numbers and 8 categories, one record a request,
16 connections; rounds of both routes alternate, and the ratio is the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.diagnose_server import MODEL
from bench.load import Load, Target, generator, measure
from shared.db.tokens import new_token
from tests.support.packages import columns, tiny_diagnosis

NUMBERS, CATEGORIES, HIDDEN = 24, 8, (128, 64)
CONNECTIONS, RECORDS = 16, 64
MIN_RATIO, MAX_P99_RATIO = 0.6, 3.0
ROUTES = {"constant": "/v1/bench/constant", "diagnose": f"/v1/models/{MODEL}/diagnose"}


def request_bodies() -> list[bytes]:
    """Return bodies of one record each, with a tenth of half the columns missing."""
    numbers, texts = columns(numbers=NUMBERS, categories=CATEGORIES, rows=RECORDS, seed=1)
    return [
        json.dumps(
            {
                "record": {
                    **{n: None if v[row] != v[row] else round(float(v[row]), 4) for n, v in numbers.items()},
                    **{n: v[row] for n, v in texts.items()},
                }
            }
        ).encode()
        for row in range(RECORDS)
    ]


@contextmanager
def running_server(token: str) -> Iterator[int]:
    """Run the bench's gateway in its own process while the block runs, and yield its port."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        held.close()
        package = Path(folder, "package.zip")
        package.write_bytes(tiny_diagnosis(numbers=NUMBERS, categories=CATEGORIES, hidden=HIDDEN))
        command = [sys.executable, "-m", "bench.diagnose_server", str(port), token, str(package)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        try:
            yield port
        finally:
            server.terminate()
            server.wait(timeout=20)


def wait_until_it_answers(targets: dict[str, Target]) -> None:
    """Return when every route has answered 200, within 30 seconds."""
    until = time.monotonic() + 30
    for target in targets.values():
        url, head = (
            f"http://127.0.0.1:{target.port}{target.path}",
            {"Authorization": f"Bearer {target.token}"},
        )
        while True:
            try:
                if httpx.post(url, content=target.bodies[0], headers=head).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            if time.monotonic() > until:
                raise TimeoutError(f"{target.path} did not answer 200 within 30 s")
            time.sleep(0.1)


def run(*, rounds: int, seconds: int) -> dict[str, Any]:
    """Return the rounds of both routes, their ratios, and whether the targets hold."""
    token, bodies = new_token().text, request_bodies()
    found: dict[str, list[Load]] = {name: [] for name in ROUTES}
    with running_server(token) as port:
        targets = {name: Target(port, path, token, bodies) for name, path in ROUTES.items()}
        wait_until_it_answers(targets)
        for target in targets.values():
            measure(target, connections=CONNECTIONS, seconds=1)
        for number in range(rounds):
            for name in sorted(ROUTES, reverse=bool(number % 2)):
                found[name].append(measure(targets[name], connections=CONNECTIONS, seconds=seconds))
    return summary(found)


def summary(found: dict[str, list[Load]]) -> dict[str, Any]:
    """Return medians over paired rounds."""
    pairs = list(zip(found["diagnose"], found["constant"], strict=True))
    ratio = statistics.median(d.requests_per_second / c.requests_per_second for d, c in pairs)
    p99_ratio = statistics.median(d.p99_ms / c.p99_ms for d, c in pairs)
    medians = {
        name: {
            field: round(statistics.median(getattr(load, field) for load in loads), 3)
            for field in ("requests_per_second", "p50_ms", "p99_ms")
        }
        for name, loads in found.items()
    }
    errors = sum(load.errors for loads in found.values() for load in loads)
    return {
        "bench": "diagnose",
        "generator": generator(),
        "connections": CONNECTIONS,
        "rounds": len(pairs),
        **medians,
        "errors": errors,
        "rate_ratio": round(ratio, 3),
        "p99_ratio": round(p99_ratio, 3),
        "targets": {"rate_ratio": f">= {MIN_RATIO}", "p99_ratio": f"<= {MAX_P99_RATIO}"},
        "met": ratio >= MIN_RATIO and p99_ratio <= MAX_P99_RATIO and errors == 0,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=4)
    asked = parser.parse_args()
    found = run(rounds=asked.rounds, seconds=asked.seconds)
    print(json.dumps(found, indent=2))
    return 0 if found["met"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
