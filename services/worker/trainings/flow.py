"""What a recorder does with gradient flow: reads samples, tells findings, explains where a net diverged."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence

import structlog

from services.worker.measures import Measure, report
from services.worker.training.diagnostics import FlowWatch, Watchable
from services.worker.training.divergence import explained, explained_after
from services.worker.training.loop import Point
from services.worker.training.points import REMEDY
from services.worker.training.weights import told
from shared.db.gradients import FlowRows
from shared.gradients import Detector, FindingKind, FlowFinding, Sample

REMEMBERED = 256
"""Updates before a divergence that are searched for where it began."""
MEASURES = {
    FindingKind.VANISHING: Measure.FOUND_VANISHING,
    FindingKind.EXPLODING: Measure.FOUND_EXPLODING,
    FindingKind.DEAD: Measure.FOUND_DEAD,
    FindingKind.NON_FINITE: Measure.FOUND_NON_FINITE,
}


class FlowJournal:
    """The samples of one attempt, what they and those before it have shown, and its last updates."""

    def __init__(self, watch: FlowWatch) -> None:
        self.watch = watch
        self._detector = Detector(watch.layers)
        self._untold: list[FlowFinding] = []
        self._past: deque[Point] = deque(maxlen=REMEMBERED)

    def recall(self, samples: Iterable[Sample]) -> None:
        """Go on from the samples up to the checkpoint; what they show was told when it was made."""
        self._detector = Detector(self.watch.layers)
        for sample in samples:
            self._detector.observe(sample)

    def take(self, points: Sequence[Point]) -> FlowRows:
        """Return the samples among points, and keep every finding that they complete until it is told."""
        self._past.extend(points)
        samples = self.watch.read(points)
        for sample in samples:
            self._untold += self._detector.observe(sample)
        if samples and math.isfinite(samples[-1].total_norm):
            report(Measure.GRADIENT_NORM, samples[-1].total_norm)
        return FlowRows(self.watch.layers, samples)

    def tell(self) -> None:
        """Tell of what was found, once a checkpoint stands behind it or the job has ended.

        Told earlier, it would be told again by an attempt that goes on from a checkpoint before it.
        """
        for finding in self._untold:
            _tell(finding)
        self._untold = []

    def explain(self) -> str:
        """Return where the divergence began whose first broken point was the last one taken."""
        return explained(tuple(self._past), watch=self.watch, exploding_since=self._exploding_since())

    def explain_after(self, found: str) -> str:
        """Return where the divergence began that an evaluation `found` after the last point taken."""
        past, since = tuple(self._past), self._exploding_since()
        return explained_after(past, found=found, watch=self.watch, exploding_since=since)

    def explain_judging(self, found: str, *, net: Watchable, step: int) -> str:
        """Return why the best checkpoint, of `step` updates, cannot be judged or packed, and what helps."""
        exploding = self._exploding()
        reasons = [
            f"the best checkpoint, of step {step}, cannot be judged on the test part and packed: {found}",
            told(net),
            exploding.say if exploding is not None and exploding.first_step < step else None,
            REMEDY,
        ]
        return "; ".join(filter(None, reasons))

    def _exploding(self) -> FlowFinding | None:
        return next((f for f in self._detector.findings if f.kind is FindingKind.EXPLODING), None)

    def _exploding_since(self) -> int | None:
        exploding = self._exploding()
        return None if exploding is None else exploding.first_step


def _tell(finding: FlowFinding) -> None:
    report(MEASURES[finding.kind], 1)
    structlog.get_logger(__name__).warning(
        "gradient finding",
        kind=finding.kind.value,
        layer=finding.layer,
        step=finding.last_step,
        say=finding.say,
    )
