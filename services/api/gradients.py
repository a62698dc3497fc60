"""A job's gradient flow for reading: samples thinned, findings made from all of them, and both drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite

from services.api.drawing import Chart, Mark, Panel, Series
from services.api.drawing.axes import usable
from services.api.schemas import FlowFindingAnswer, GradientsAnswer, LayerAnswer, RuleAnswer
from shared.db.engine import Database
from shared.db.gradients import count_samples, read_layers, read_samples
from shared.db.jobs import JobRow, get_training
from shared.gradients import Detector, FlowFinding, Layer, Sample, applicable
from shared.specs.ids import parse_id, public_id

MAX_SAMPLES = 50_000
"""Of a job with more, evenly spaced ones are read: a request must not take seconds."""
MAX_READ, MAX_SHOWN = 1_000_000, 200_000
"""Samples times layers that are read and shown: a net over records has a layer for every category."""
GREY = 7
"""In the palette of charts; few nets have so many layers that another line shares it."""
KEPT_PER_BUCKET = 3
"""At most: lowest and highest total norm, and the first that is no number."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A job's row with the samples that are shown and what all of them show."""

    row: JobRow
    layers: tuple[Layer, ...]
    samples: Sequence[Sample]
    findings: Sequence[FlowFinding]


@dataclass(slots=True)
class Thinning:
    """Keeps the samples that carry the extremes of every stretch, the two ends, and where findings began."""

    size: int
    kept: dict[int, Sample] = field(default_factory=dict)
    _bucket: list[Sample] = field(default_factory=list)
    _last: Sample | None = None

    def take(self, sample: Sample, *, needed: bool) -> None:
        """Take the next sample; a needed one is kept whatever its norm."""
        if needed or self._last is None:
            self.kept[sample.step] = sample
        self._bucket.append(sample)
        self._last = sample
        if len(self._bucket) >= self.size:
            self._settle()

    def result(self) -> list[Sample]:
        """Return what was kept, in order of steps."""
        self._settle()
        if self._last is not None:
            self.kept[self._last.step] = self._last
        return [self.kept[step] for step in sorted(self.kept)]

    def _settle(self) -> None:
        finite = [s for s in self._bucket if isfinite(s.total_norm)]
        broken = [s for s in self._bucket if not isfinite(s.total_norm)][:1]
        extremes = [f(finite, key=lambda s: s.total_norm) for f in (min, max)] if finite else []
        self.kept |= {s.step: s for s in (*extremes, *broken)}
        self._bucket = []


def load_flow(database: Database, *, job_id: str, points: int) -> Flow:
    """Read a job's gradient flow, about `points` samples of it. Raises `NotFound`."""
    with database.snapshot() as cx:
        row = get_training(cx, job_id=parse_id("job", job_id))
        layers = read_layers(cx, job_id=row.id)
        total = count_samples(cx, job_id=row.id)
        stride = -(-total // _most(MAX_SAMPLES, within=MAX_READ, layers=layers)) or 1
        points = _most(points, within=MAX_SHOWN, layers=layers)
        read = total // stride
        size = 1 if read <= points else -(-read * KEPT_PER_BUCKET // points)
        detector = Detector(layers, precision=row.spec.get("precision", "float32"))
        samples = digest(detector, read_samples(cx, job_id=row.id, stride=stride), size=size)
    return Flow(row, layers, samples, detector.findings)


def _most(samples: int, *, within: int, layers: Sequence[Layer]) -> int:
    """Return how many samples of so many layers are few enough."""
    return max(1, min(samples, within // max(1, len(layers))))


def digest(detector: Detector, samples: Iterable[Sample], *, size: int) -> list[Sample]:
    """Return samples thinned to the extremes of every `size`; the detector sees all of them."""
    thinning = Thinning(size)
    for sample in samples:
        thinning.take(sample, needed=bool(detector.observe(sample)))
    return thinning.result()


def _number(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def _rows(rows: Iterable[Sequence[float | None]]) -> list[list[float | None]]:
    return [[_number(value) for value in row] for row in rows]


def gradients_answer(flow: Flow) -> GradientsAnswer:
    """Return gradient flow as JSON shows it."""
    asked = (flow.row.spec or {}).get("gradient_flow")
    rules = applicable(flow.layers) if flow.layers else {}
    return GradientsAnswer(
        job=public_id("job", flow.row.id),
        every=asked["every"] if asked else None,
        layers=[LayerAnswer(**layer.to_json()) for layer in flow.layers],
        steps=[s.step for s in flow.samples],
        total_norm=[_number(s.total_norm) for s in flow.samples],
        gradient_norms=_rows(s.gradient_norms for s in flow.samples),
        weight_norms=_rows(s.weight_norms for s in flow.samples),
        update_ratios=_rows(s.update_ratios for s in flow.samples),
        zero_fractions=_rows(s.zero_fractions for s in flow.samples),
        findings=[FlowFindingAnswer(**asdict(f)) for f in flow.findings],
        rules=[RuleAnswer(kind=k.value, applies=w is None, why_not=w) for k, w in rules.items()],
    )


def flow_chart(flow: Flow) -> Chart:
    """Return norms and update ratios of every layer on logarithmic axes, with findings as marks."""
    steps = [s.step for s in flow.samples]
    total = Series("all", steps, [s.total_norm for s in flow.samples], look="plan", colour=GREY)
    norms = _by_layer(flow, steps, [s.gradient_norms for s in flow.samples])
    updates = _by_layer(flow, steps, [s.update_ratios for s in flow.samples])
    panels = [
        Panel("gradient norm before clipping", [total, *_visible(norms)], "log"),
        Panel("update / weight", _visible(updates), "log"),
    ]
    if any(share is not None for s in flow.samples for share in s.zero_fractions):
        shares = _by_layer(flow, steps, [s.zero_fractions for s in flow.samples])
        panels.append(Panel("share of zero outputs", [s for s in shares if s.ys[0] is not None]))
    return Chart(
        f"gradient flow of {flow.row.model or 'a job'}: {flow.row.status}, step {flow.row.step}",
        panels,
        marks=[Mark(f.first_step, f"{f.kind.value} {f.layer}") for f in flow.findings],
        notes=[f.say for f in flow.findings],
    )


def _visible(lines: Iterable[Series]) -> list[Series]:
    """Return the lines that a logarithmic axis shows; others would stand in the legend alone."""
    return [line for line in lines if any(usable(y, "log") for y in line.ys)]


def _by_layer(flow: Flow, steps: Sequence[int], rows: Sequence[Sequence[float | None]]) -> list[Series]:
    named = enumerate(flow.layers)
    return [Series(layer.name, steps, [row[at] for row in rows], colour=at) for at, layer in named]
