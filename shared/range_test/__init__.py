"""The learning-rate range test (Smith, arXiv 1506.01186): which rates to try, when to stop, what it tells."""

from __future__ import annotations

from shared.range_test.ramp import Spacing, Watch, rates, smoothed
from shared.range_test.reading import SKIPPED, Landmarks, Reading, read
from shared.range_test.suggestions import Ready, Suggestion, ready_schedules, suggestions

__all__ = [
    "SKIPPED",
    "Landmarks",
    "Reading",
    "Ready",
    "Spacing",
    "Suggestion",
    "Watch",
    "rates",
    "read",
    "ready_schedules",
    "smoothed",
    "suggestions",
]
