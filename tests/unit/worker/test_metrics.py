"""What a worker counts of what its children report."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from services.worker.measures import Measure, Measured
from services.worker.metrics import TrainerMetrics
from shared.gradients import FindingKind


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.mark.parametrize("measure", Measure)
def test_every_measure_has_its_metric(registry: CollectorRegistry, measure: Measure) -> None:
    metrics = TrainerMetrics(registry)
    before = generate_latest(registry)
    metrics.take(Measured(measure, 2.0))
    assert generate_latest(registry) != before


def test_findings_are_counted_by_kind_alone_and_begin_at_zero(registry: CollectorRegistry) -> None:
    metrics, name = TrainerMetrics(registry), "gradus_trainer_gradient_findings_total"
    assert [registry.get_sample_value(name, {"kind": kind}) for kind in FindingKind] == [0.0] * 4
    metrics.take(Measured(Measure.FOUND_DEAD, 1))
    assert registry.get_sample_value(name, {"kind": "dead"}) == 1.0
    assert registry.get_sample_value(name, {"kind": "vanishing"}) == 0.0


def test_a_gradient_norm_falls_into_decades(registry: CollectorRegistry) -> None:
    metrics = TrainerMetrics(registry)
    metrics.take(Measured(Measure.GRADIENT_NORM, 0.5))
    bucket = "gradus_trainer_gradient_norm_bucket"
    assert [registry.get_sample_value(bucket, {"le": le}) for le in ("0.1", "1.0")] == [0.0, 1.0]
