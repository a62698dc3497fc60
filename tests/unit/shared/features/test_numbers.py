"""Number columns against values written by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.features.numbers import (
    COMPARE_ROWS,
    CORNERS,
    LARGEST_NUMBER,
    MAX_KNOTS,
    STANDARD_LIMIT,
    NumberTable,
    fit_number,
    too_large,
)

NAN = float("nan")


def encoded(values: list[float], training: list[float], transform: str = "standard") -> list[list[float]]:
    column = fit_number("x", np.array(training), transform)  # type: ignore[arg-type]
    rows = NumberTable([column]).encode(np.array(values).reshape(-1, 1))
    return [[round(v, 5) for v in row] for row in rows.inputs_BF.tolist()]


def test_standard_scores_are_distances_from_the_mean_in_standard_deviations():
    # mean 3, standard deviation 2
    assert encoded([1.0, 3.0, 7.0], [1.0, 5.0, 1.0, 5.0]) == [[-1.0], [0.0], [2.0]]


def test_standard_scores_end_at_ten_standard_deviations():
    assert encoded([-1e300, 1e300], [1.0, 5.0]) == [[-10.0], [10.0]]


def test_a_constant_column_scores_zero():
    assert encoded([4.0, 9.0], [4.0, 4.0, 4.0]) == [[0.0], [0.0]]


def test_quantile_scores_are_the_normal_quantiles_of_middle_ranks():
    # four values: middle ranks 1/8, 3/8, 5/8, 7/8; between two knots a straight line
    assert encoded([10.0, 20.0, 30.0, 40.0, 25.0], [10.0, 20.0, 30.0, 40.0], "quantile") == [
        [-1.15035],
        [-0.31864],
        [0.31864],
        [1.15035],
        [0.0],
    ]


def test_equal_values_share_one_middle_rank():
    # three zeros and a one: ranks 3/8 and 7/8, as uniform scores −0.25 and 0.75
    assert encoded([0.0, 1.0], [0.0, 0.0, 0.0, 1.0], "uniform") == [[-0.25], [0.75]]


def test_quantile_scores_stay_flat_beyond_the_training_range():
    low, high = encoded([-1e9, 1e9], [10.0, 20.0, 30.0, 40.0], "quantile")
    assert (low, high) == ([-1.15035], [1.15035])


def test_a_missing_value_becomes_the_median_and_raises_its_indicator():
    assert encoded([NAN, 3.0], [1.0, 3.0, 5.0, NAN], "uniform") == [[0.0, 1.0], [0.0, 0.0]]


def test_a_column_that_was_never_missing_has_no_indicator():
    column = fit_number("x", np.array([1.0, 2.0]), "standard")
    rows = NumberTable([column]).encode(np.array([[NAN]]))
    assert rows.inputs_BF.tolist() == [[0.0]]
    assert rows.absent_BN.tolist() == [[True]]


def test_values_outside_the_training_percentiles_are_marked():
    column = fit_number("x", np.linspace(0.0, 1000.0, 1001), "standard")
    assert (column.low, column.high) == pytest.approx((1.0, 999.0))
    marked = NumberTable([column]).encode(np.array([[0.5], [1.0], [999.0], [999.5], [NAN]])).outside_BN
    assert marked.ravel().tolist() == [True, False, False, True, False]


def test_a_long_column_keeps_at_most_128_knots_and_stays_near_the_normal_scores():
    draw = np.random.default_rng(3)
    column = fit_number("x", draw.normal(size=20_000), "quantile")
    assert len(column.knots) <= MAX_KNOTS
    values = np.linspace(-2.0, 2.0, 41)
    scores = NumberTable([column]).encode(values.reshape(-1, 1)).inputs_BF.ravel()
    assert np.abs(scores - values).max() < 0.1


def test_small_and_large_batches_are_encoded_to_the_same_bits():
    draw = np.random.default_rng(5)
    columns = [
        fit_number("a", draw.normal(size=500), "quantile"),
        fit_number("b", draw.integers(0, 3, 500).astype(float), "quantile"),
        fit_number("c", np.full(500, 2.0), "quantile"),
        fit_number("d", draw.exponential(size=500), "standard"),
    ]
    table = NumberTable(columns)
    values = np.stack(
        [draw.normal(size=200), draw.integers(-1, 5, 200), np.full(200, 2.0), draw.normal(size=200)], 1
    )
    whole = table.encode(values).inputs_BF
    assert len(values) > COMPARE_ROWS
    assert np.array_equal(np.concatenate([table.encode(row[None]).inputs_BF for row in values]), whole)


def test_no_number_columns_give_an_empty_block():
    assert NumberTable([]).encode(np.empty((3, 0))).inputs_BF.shape == (3, 0)


def test_a_constant_whose_mean_is_off_by_its_last_bit_scores_zero_too():
    constant = [0.1] * 7
    assert np.std(constant) > 0
    assert encoded([0.1, 0.2], constant) == [[0.0], [0.0]]


def test_the_last_bit_of_one_value_among_many_does_not_make_a_spread():
    many = [1e17] * 9_999
    assert encoded([1e17, 1e17 + 16, -1e300], [*many, 1e17 + 16]) == [[0.0]] * 3


def test_values_too_near_to_zero_for_their_squares_are_zeros():
    assert encoded([0.0, 1e-200, 5e-324], [0.0, 1e-200, 5e-324]) == [[0.0]] * 3
    assert encoded([0.0, 5e-324, 1.0], [0.0, 5e-324, 1.0, 1.0], "uniform") == [[-0.5], [-0.5], [0.5]]


def test_a_hundred_digits_are_the_most_a_column_may_hold():
    values = np.array([NAN, 0.0, LARGEST_NUMBER, -LARGEST_NUMBER, 1.01e100, -1.8e308, np.inf])
    assert too_large(values).tolist() == [False, False, False, False, True, True, True]


PLACES = st.floats(-LARGEST_NUMBER, LARGEST_NUMBER) | st.sampled_from(
    [0.0, 1.0, 1.0 + 2**-52, 1e17, 1e17 + 16, 5e-324, 1e-308, 1e-100, LARGEST_NUMBER, -LARGEST_NUMBER]
)
ANYTHING = st.floats(allow_nan=True, allow_infinity=False)


@given(
    training=st.lists(PLACES | st.just(NAN), min_size=1, max_size=40).filter(lambda v: not np.isnan(v).all()),
    asked=st.lists(ANYTHING, min_size=1, max_size=COMPARE_ROWS + 2),
    transform=st.sampled_from(sorted(CORNERS)),
)
def test_no_column_and_no_request_gives_a_net_anything_but_small_numbers(
    training: list[float], asked: list[float], transform: str
):
    column = fit_number("x", np.array(training), transform)  # type: ignore[arg-type]
    rows = NumberTable([column]).encode(np.array([*training, *asked]).reshape(-1, 1))
    assert np.isfinite(rows.inputs_BF).all()
    assert np.abs(rows.inputs_BF).max() <= STANDARD_LIMIT
