"""Numbers of every size, read into a column of records."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.worker.data.conversions import Conversion
from services.worker.data.times import in_milliseconds, unit_of

HUGE = st.floats(1e100, 1.7976931348623157e308, exclude_min=True)
SIZES = st.floats(-1e100, 1e100) | HUGE | HUGE.map(lambda value: -value)


@given(st.lists(SIZES | st.none(), min_size=1, max_size=20), st.booleans())
def test_a_number_of_more_than_a_hundred_digits_is_wrong_in_text_as_in_parquet(
    values: list[float | None], as_text: bool
):
    column = pa.array([None if v is None else repr(v) for v in values]) if as_text else pa.array(values)
    column = column.cast(pa.string() if as_text else pa.float64())
    read, wrong = Conversion("x", type="number", inferred=False, is_truth=False).apply(column)
    assert wrong.tolist() == [v is not None and abs(v) > 1e100 for v in values]
    assert read.to_pylist() == [v if v is not None and abs(v) <= 1e100 else None for v in values]


@pytest.mark.parametrize("values", [[1e308, 1e308], [-1.8e308], [1.6e9, 1.6e9, 1e308]])
def test_numbers_larger_than_any_time_are_none(values: list[float]):
    times = np.array(values)
    _, factor = unit_of(times)
    assert in_milliseconds(times, factor).wrong.tolist() == [abs(v) > 1e100 for v in values]
