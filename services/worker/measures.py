"""How a child tells its supervisor what it measured: one line on standard output, swallowed there.

The child keeps no metrics of its own: Prometheus scrapes one process per worker, and children come and go.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from enum import StrEnum

PREFIX = "measure "


class Measure(StrEnum):
    """What a child may report; the supervisor knows the metric of each."""

    STEP_SECONDS = "step_seconds"
    EXAMPLES = "examples"
    NONFINITE = "nonfinite"
    GRADIENT_NORM = "gradient_norm"
    FOUND_VANISHING = "found_vanishing"
    FOUND_EXPLODING = "found_exploding"
    FOUND_DEAD = "found_dead"
    FOUND_NON_FINITE = "found_non_finite"
    CURVE_POINTS = "curve_points"
    CURVE_FLUSH_SECONDS = "curve_flush_seconds"
    CHECKPOINT_WRITE_SECONDS = "checkpoint_write_seconds"
    CHECKPOINT_BYTES_WRITTEN = "checkpoint_bytes_written"
    CHECKPOINT_BYTES_READ = "checkpoint_bytes_read"
    CHECKPOINT_VERIFY_FAILURES = "checkpoint_verify_failures"


@dataclass(frozen=True, slots=True)
class Measured:
    """One value a child reported."""

    name: Measure
    value: float


def report(name: Measure, value: float) -> None:
    """Tell the supervisor one value."""
    sys.stdout.write(f"{PREFIX}{json.dumps([name.value, value])}\n")
    sys.stdout.flush()


def parse(line: str) -> Measured | None:
    """Return what a line of a child reports, none when it is an ordinary line."""
    if not line.startswith(PREFIX):
        return None
    try:
        name, value = json.loads(line.removeprefix(PREFIX))
        return Measured(Measure(name), float(value))
    except (ValueError, TypeError):
        return None
