"""Contributions of functions whose Shapley values are known by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.api.inference.shapley import Explainer, Row

Array = NDArray[Any]


def explained(
    function: Callable[[Array, Array], Array],
    numbers: list[float],
    codes: list[int],
    *,
    owner: list[int],
    columns: int,
) -> dict[int, float]:
    row = Row(np.array(numbers, dtype=np.float32), np.array(codes, dtype=np.int64))
    reference = Row(np.zeros_like(row.numbers), np.zeros_like(row.codes))

    def logits(numbers_BF: Array, codes_BC: Array) -> Array:
        return function(numbers_BF.astype(np.float64), codes_BC)

    explainer = Explainer(logits, reference=reference, owner_F=np.array(owner), numbers=columns)
    return explainer.contributions(row, logit=float(logits(row.numbers[None], row.codes[None])[0]))


def test_a_sum_gives_each_column_its_own_term():
    found = explained(lambda x, c: 2 * x[:, 0] - x[:, 1] + c[:, 0], [3, 5], [4], owner=[0, 1], columns=2)
    assert found == pytest.approx({0: 6.0, 1: -5.0, 2: 4.0})


def test_a_product_is_shared_equally():
    found = explained(lambda x, c: x[:, 0] * c[:, 0], [3], [4], owner=[0], columns=1)
    assert found == pytest.approx({0: 6.0, 1: 6.0})


def test_a_column_and_its_missing_indicator_move_together():
    # input 1 is the indicator of column 0; their interaction must not be split
    found = explained(lambda x, _: x[:, 0] * x[:, 1] + x[:, 2], [2, 3, 1], [], owner=[0, 0, 1], columns=2)
    assert found == pytest.approx({0: 6.0, 1: 1.0})


def test_columns_at_the_reference_contribute_nothing():
    assert explained(lambda x, _: x.sum(1), [0, 7], [], owner=[0, 1], columns=2) == pytest.approx({1: 7.0})
    assert explained(lambda x, _: x.sum(1), [0, 0], [], owner=[0, 1], columns=2) == {}


def test_any_function_is_shared_out_completely():
    draw = np.random.default_rng(1)
    weights = draw.normal(size=(6, 6))
    values = draw.normal(size=6).tolist()

    def tangled(x: Array, c: Array) -> Array:
        return np.asarray(np.sin(x @ weights).prod(axis=1) + np.tanh(x.sum(1)) * (1 + c[:, 0]))

    found = explained(tangled, values, [2], owner=list(range(6)), columns=6)
    whole = tangled(np.array([values], dtype=np.float32).astype(np.float64), np.array([[2]]))[0]
    none = tangled(np.zeros((1, 6)), np.array([[0]]))[0]
    assert sum(found.values()) == pytest.approx(whole - none, abs=1e-12)
