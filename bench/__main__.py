"""`python -m bench`: every speed figure, one after the other; exit status 1 when one misses its target."""

from __future__ import annotations

import os
import subprocess
import sys
import time

MEASUREMENTS = {
    "bench.trainer": "our trainer beside a bare torch loop",
    "bench.schedules": "previews of schedules, and the rate beside a step",
    "bench.gradients": "sampling gradient flow beside a step",
    "bench.graphs": "tracing and drawing formulas, hostile and random ones",
    "bench.digits": "schedules on digits, beside the best constant rate",
    "bench.range_test": "rates that a range test suggests, beside grids of rates",
    "bench.recbole": "NeuMF beside RecBole 1.2.1",
    "bench.diagnose": "diagnose beside the same route without a model",
    "bench.first_point": "POST to the first point",
    "bench.memory": "memory of a gateway without a model",
}
NEEDS_DATA = frozenset({"bench.recbole"})


def main() -> int:
    """Run what can be run, and say what was not."""
    missed = []
    for module, what in MEASUREMENTS.items():
        print(f"\n== {what} (python -m {module})", flush=True)
        if module in NEEDS_DATA and not os.environ.get("GRADUS_TEST_DATA"):
            print("left out: GRADUS_TEST_DATA names no folder of data sets")
            continue
        began = time.monotonic()
        status = subprocess.run([sys.executable, "-m", module], check=False).returncode
        print(f"-- {'reached' if status == 0 else 'missed'} in {time.monotonic() - began:.0f} s", flush=True)
        if status != 0:
            missed.append(what)
    print("\nmissed: " + ", ".join(missed) if missed else "\nevery target was reached")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
