from __future__ import annotations

import time

import numpy as np
import pytest

from services.worker.evaluation.bootstrap import Interval, Measure, interval, mean_measure, resample
from services.worker.evaluation.classification import classification_measure


def means_of(values: np.ndarray) -> dict[str, Measure]:
    return {"only": mean_measure({"value": values})}


def test_the_interval_of_a_mean_is_its_standard_error_wide() -> None:
    # 0/1 values, half of each, 400 rows: standard error .5/20 = .025, so ±.049 around .5
    values = np.tile([0.0, 1.0], 200)
    found = interval(resample(means_of(values), rows=400, seed=1)["only"]["value"])
    assert found is not None
    assert found.low == pytest.approx(0.451, abs=0.006)
    assert found.high == pytest.approx(0.549, abs=0.006)


def test_whole_groups_are_drawn() -> None:
    # 400 rows in 16 groups of one value each: only groups vary, so the interval is five times as wide
    groups = np.repeat(np.arange(16), 25)
    values = (groups % 2).astype(np.float64)
    found = interval(resample(means_of(values), rows=400, seed=1, unit_N=groups)["only"]["value"])
    assert found is not None
    assert found.high - found.low == pytest.approx(5 * 0.098, abs=0.05)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    values = np.random.default_rng(0).random(500)
    first, again, other = (resample(means_of(values), rows=500, seed=s)["only"]["value"] for s in (3, 3, 4))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()
    assert len(first) == 1000


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).integers(0, 9, 50).astype(np.float64)
    whole = resample(means_of(values), rows=50, seed=3)["only"]["value"]
    monkeypatch.setattr("services.worker.evaluation.bootstrap.WEIGHTS_AT_ONCE", 50 * 7)
    assert resample(means_of(values), rows=50, seed=3)["only"]["value"].tobytes() == whole.tobytes()


def test_candidates_are_paired() -> None:
    # b is a − .01 in every row: the difference has no spread, whatever the spread of each
    a = np.random.default_rng(0).random(300)
    samples = resample({"a": mean_measure({"m": a}), "b": mean_measure({"m": a - 0.01})}, rows=300, seed=0)
    found = interval(samples["a"]["m"] - samples["b"]["m"])
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.01, 0.01))
    assert found.excludes(0.0)


def test_resamples_that_define_nothing_are_left_out_and_too_few_give_no_interval() -> None:
    assert interval(np.array([np.nan, 1.0, 1.0, 1.0])) == Interval(1.0, 1.0)
    assert interval(np.array([np.nan, np.nan, np.nan, 1.0])) is None
    assert interval(np.empty(0)) is None


def test_an_interval_is_shifted_to_the_value_that_resampling_inflates() -> None:
    values = np.linspace(0.03, 0.05, 1001)
    found = interval(values, around=0.02)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.0105, 0.0295))


def test_shuffled_labels_leave_one_half_inside_the_interval() -> None:
    rng = np.random.default_rng(5)
    labels, probabilities = rng.integers(0, 2, 1000), rng.random(1000)
    samples = resample({"x": classification_measure(labels, probabilities)}, rows=1000, seed=0)
    found = interval(samples["x"]["auroc"])
    assert found is not None
    assert not found.excludes(0.5)


def test_five_candidates_on_two_thousand_rows_take_seconds() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 2000)
    measures = {str(n): classification_measure(labels, rng.random(2000)) for n in range(5)}
    started = time.process_time()
    resample(measures, rows=2000, seed=0)
    assert time.process_time() - started < 10
