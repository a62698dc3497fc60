"""What a report warns of."""

from __future__ import annotations

import pytest

from services.worker.evaluation.caveats import leakage_caveats


@pytest.mark.parametrize("aurocs", [{}, {"mlp": None}, {"mlp": 0.78, "boosted_trees": 0.949}])
def test_ordinary_figures_raise_no_question(aurocs: dict[str, float | None]) -> None:
    assert leakage_caveats(aurocs) == []


def test_a_baseline_that_is_too_good_asks_for_the_column_that_leaks() -> None:
    [found] = leakage_caveats({"mlp": 0.93, "boosted_trees": 1.0, "logistic_regression": None})
    assert "1.0000" in found
    assert "does a column hold the outcome" in found
