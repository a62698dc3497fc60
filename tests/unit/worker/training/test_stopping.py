"""Early stopping: patience counts evaluations since the best."""

from __future__ import annotations

import json
import math

import pytest

from services.worker.training.stopping import Stopping
from shared.errors import Refused


def after(start: Stopping, values: list[float]) -> Stopping:
    for step, value in enumerate(values, start=1):
        start = start.observe(value, step=step)
    return start


def test_an_unknown_metric_is_refused_with_the_known_ones():
    with pytest.raises(Refused, match=r"wanted one of .*ndcg"):
        Stopping("beauty", patience=2)


def test_it_stops_when_patience_runs_out():
    stopping = after(Stopping("auroc", patience=2), [0.5, 0.7, 0.6])
    assert not stopping.should_stop
    assert stopping.observe(0.7, step=4).should_stop
    assert (stopping.best, stopping.best_step) == (0.7, 2)


def test_a_better_value_renews_patience():
    stopping = after(Stopping("rmse", patience=2), [1.0, 1.1, 0.9, 1.0])
    assert (stopping.best, stopping.best_step, stopping.bad) == (0.9, 3, 1)
    assert stopping.improved_at(3)
    assert not stopping.improved_at(4)


def test_a_gain_must_exceed_min_delta():
    stopping = after(Stopping("auroc", patience=5, min_delta=0.01), [0.70, 0.705, 0.72])
    assert (stopping.best, stopping.best_step) == (0.72, 3)


def test_what_is_not_a_number_is_never_the_best():
    stopping = after(Stopping("auroc", patience=2), [math.nan, 0.6, math.nan])
    assert (stopping.best, stopping.bad) == (0.6, 1)


def test_without_patience_it_only_remembers_the_best():
    stopping = after(Stopping("auroc"), [0.9] + [0.1] * 50)
    assert not stopping.should_stop
    assert stopping.best_step == 1


def test_its_state_survives_strict_json():
    stopping = after(Stopping("auroc", patience=3), [0.5, math.nan])
    assert Stopping.from_json(json.loads(json.dumps(stopping.to_json(), allow_nan=False))) == stopping
