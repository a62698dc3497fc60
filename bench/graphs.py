"""Tracing and drawing formulas: time of an answer, random formulas beside autograd, hostile and random input.

`python -m bench.graphs` prints one JSON object; exit status 1 when a target is missed.
"""

from __future__ import annotations

import json
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from services.api.tracing import TraceRequest, trace_drawing, trace_json, traced
from shared.errors import Refused
from shared.graphs.svg import svg
from tests.support.expressions import judged, scalar_expression, scalar_values
from tests.support.hostile_expressions import Body, cases, fuzzed

NAMES = ("x", "y", "z", "w")
FORMULAS, FUZZED = 500, 20_000
TARGETS = {"relative_error": 1e-9, "hostile_ms": 100.0, "hostile_mb": 50.0, "fuzzed_ms": 50.0}
EXAMPLES: dict[str, dict[str, Any]] = {
    "x*y+z": {"x": 7, "y": 13, "z": 19},
    "h = relu(W @ x + b); mean((h - y)**2)": {
        "W": [[0.1] * 16] * 16,
        "x": [0.5] * 16,
        "b": [0.1] * 16,
        "y": [1.0] * 16,
    },
}


def milliseconds(call: Callable[[], object], *, times: int = 1) -> float:
    """Return the median time of a call."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        found.append((time.perf_counter() - began) * 1e3)
    return statistics.median(found)


def answers() -> dict[str, dict[str, float]]:
    """Return what an example costs as JSON and as SVG."""
    found = {}
    for expression, values in EXAMPLES.items():
        body = TraceRequest(expression=expression, values=values)
        one = traced(body)
        found[expression] = {
            "trace_ms": milliseconds(lambda body=body: traced(body), times=200),  # type: ignore[misc]
            "json_ms": milliseconds(lambda one=one: trace_json(one), times=200),  # type: ignore[misc]
            "svg_ms": milliseconds(lambda body=body, one=one: svg(trace_drawing(body, one)), times=50),  # type: ignore[misc]
        }
    return found


def worst_error() -> float:
    """Return the worst relative error of a gradient over random formulas, torch's autograd as the oracle."""
    rng, worst, compared = random.Random(2024), 0.0, 0
    while compared < FORMULAS:
        expression, values = scalar_expression(rng, rng.randint(1, 5), NAMES), scalar_values(rng, NAMES)
        try:
            trace = traced(TraceRequest(expression=expression, values=values)).trace
        except Refused:
            continue
        if not trace.program.inputs():
            continue
        oracle = judged(expression, values)
        largest = (
            max(float(np.abs(e.contribution)) for e in trace.edges if e.contribution is not None)
            if trace.edges
            else 1.0
        )
        for name, index in trace.program.inputs().items():
            mine, wanted = float(trace.gradients[index]), float(oracle.gradients[name])  # type: ignore[arg-type]
            worst = max(worst, abs(mine - wanted) / max(abs(wanted), 1e-5 * largest, 1e-300))
        compared += 1
    return worst


def refused_cost(bodies: list[Body]) -> tuple[float, float, int]:
    """Return the slowest refusal in ms, the largest in MB, and how many were not refused."""
    slowest, largest, passed = 0.0, 0, 0
    for body in bodies:
        request = TraceRequest.model_validate(body)
        slowest = max(slowest, min(milliseconds(lambda r=request: _quietly(r)) for _ in range(2)))  # type: ignore[misc]
        tracemalloc.start()
        passed += _quietly(request)
        largest = max(largest, tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return slowest, largest / 1e6, passed


def _quietly(request: TraceRequest) -> bool:
    try:
        traced(request)
    except Refused:
        return False
    return True


def fuzz() -> tuple[float, int]:
    """Return the slowest of the random inputs in ms, and how many of them were formulas; a crash ends it."""
    rng, slowest, answered = random.Random(7), 0.0, 0
    for _ in range(FUZZED):
        request = TraceRequest.model_validate(fuzzed(rng))
        began = time.perf_counter()
        answered += _quietly(request)
        slowest = max(slowest, (time.perf_counter() - began) * 1e3)
    return slowest, answered


def run() -> dict[str, Any]:
    """Measure everything."""
    hostile_ms, hostile_mb, passed = refused_cost(cases())
    fuzzed_ms, answered = fuzz()
    return {
        "answers": answers(),
        "formulas": FORMULAS,
        "relative_error": worst_error(),
        "hostile": len(cases()),
        "hostile_passed": passed,
        "hostile_ms": hostile_ms,
        "hostile_mb": hostile_mb,
        "fuzzed": FUZZED,
        "fuzzed_traced": answered,
        "fuzzed_ms": fuzzed_ms,
    }


def main() -> int:
    """Print the figures; return 1 when one misses its target."""
    found = run()
    missed = [name for name, target in TARGETS.items() if found[name] > target]
    print(json.dumps({**found, "targets": TARGETS, "missed": missed}, indent=2))
    return 1 if missed or found["hostile_passed"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
