import pytest
from prometheus_client import CollectorRegistry

from services.worker.measures import Measure, Measured, parse, report
from services.worker.metrics import SweeperMetrics, WorkerMetrics


def test_what_is_reported_can_be_parsed(capsys: pytest.CaptureFixture[str]):
    report(Measure.CURVE_POINTS, 50)
    assert parse(capsys.readouterr().out) == Measured(Measure.CURVE_POINTS, 50.0)


@pytest.mark.parametrize("line", ["", "ready", '{"event": 1}', "measure", "measure [", 'measure ["x", 1]'])
def test_other_lines_are_no_measures(line: str):
    assert parse(line) is None


def test_every_measure_has_a_metric():
    metrics = WorkerMetrics(CollectorRegistry(), worker_id="w")
    for measure in Measure:
        metrics.trainer.take(Measured(measure, 1.0))


def test_every_label_set_stands_at_zero_before_anything_happened():
    """`increase()` cannot see a series that is born at 1."""
    registry = CollectorRegistry()
    WorkerMetrics(registry, worker_id="w")
    for code in ("worker_lost", "diverged", "refused"):
        labels = {"kind": "diagnose", "outcome": "failed", "error_code": code}
        assert registry.get_sample_value("gradus_jobs_finished_total", labels) == 0
    assert registry.get_sample_value("gradus_job_claims_total", {"result": "won"}) == 0
    assert registry.get_sample_value("gradus_worker_up", {"worker": "w"}) == 0


def test_a_sweeper_counts_under_the_same_names():
    registry = CollectorRegistry()
    SweeperMetrics(registry)
    assert registry.get_sample_value("gradus_job_leases_expired_total") == 0
