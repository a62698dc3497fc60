"""What the samples of a training show, taken one by one in the order of their steps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from shared.gradients.kinds import FULL, FindingKind, FlowFinding, remedies
from shared.gradients.rules import DEAD_SHARE, VANISHED_RATIO, Seen, look
from shared.gradients.samples import Layer, Sample
from shared.gradients.tracks import NEEDED, RunningMedian, Track


class Detector:
    """Takes samples and remembers what they show."""

    def __init__(self, layers: Sequence[Layer], *, precision: str = FULL) -> None:
        self._layers, self._precision = tuple(layers), precision
        self._median = RunningMedian()
        self._tracks: dict[tuple[FindingKind, str], Track] = {}

    def observe(self, sample: Sample) -> tuple[FlowFinding, ...]:
        """Take the next sample; return the findings that it completes for the first time."""
        new, broken = [], {seen.key: seen for seen in look(self._layers, sample, median=self._median.value)}
        for key, track in self._tracks.items():
            if key not in broken:
                track.rest()
        for key, seen in broken.items():
            track = self._tracks.setdefault(key, Track(NEEDED.get(seen.kind, 1)))
            if track.take(seen, sample.step) and track.worst is not None:
                new.append(self._finding(track.worst, track))
        self._median.add(sample.total_norm)
        return tuple(new)

    @property
    def findings(self) -> tuple[FlowFinding, ...]:
        """Everything found so far, by first step."""
        found = [self._finding(t.worst, t) for t in self._tracks.values() if t.worst is not None]
        return tuple(sorted(found, key=lambda f: (f.first_step, f.kind, f.layer)))

    def _finding(self, worst: Seen, track: Track) -> FlowFinding:
        return FlowFinding(
            kind=worst.kind,
            layer=worst.layer,
            first_step=track.first_step,
            last_step=track.last_step,
            samples=track.samples,
            value=worst.value if math.isfinite(worst.value) else None,
            threshold=worst.threshold,
            say=_say(worst, track),
            remedies=remedies(worst.kind, self._layers, precision=self._precision),
        )


def find(layers: Sequence[Layer], samples: Iterable[Sample]) -> tuple[FlowFinding, ...]:
    """Return what all samples of a training, in the order of their steps, show."""
    detector = Detector(layers)
    for sample in samples:
        detector.observe(sample)
    return detector.findings


def _say(worst: Seen, track: Track) -> str:
    """Return a finding as one sentence with its layer, steps, number and threshold."""
    when = f"step {track.first_step}"
    if track.last_step != track.first_step:
        when = f"steps {track.first_step} to {track.last_step} ({track.samples} samples)"
    return {
        FindingKind.VANISHING: f"the gradient of {worst.layer} fell to {worst.value:.1e} of the last "
        f"layer's (threshold {VANISHED_RATIO:.0e}) in {when}: the first layers hardly learn",
        FindingKind.EXPLODING: f"the gradient norm reached {worst.value:.3g} (threshold "
        f"{worst.threshold or 0:.3g}) in {when}, most of it in {worst.layer}",
        FindingKind.DEAD: f"{worst.value:.1%} of the outputs of {worst.layer} were zero (threshold "
        f"{DEAD_SHARE:.0%}) in {when}: it passes almost no gradient",
        FindingKind.NON_FINITE: f"the gradient was not a finite number in {when}, first in {worst.layer}",
    }[worst.kind]
