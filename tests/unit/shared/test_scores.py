"""Which way a metric is better, said in one place."""

from __future__ import annotations

import pytest

from shared.errors import Refused
from shared.scores import has_relative_threshold, higher_is_better


@pytest.mark.parametrize("name", ["ndcg@10", "hr@1", "auroc", "auprc", "coverage@10", "mrr@10", "recall@20"])
def test_more_is_better(name: str) -> None:
    assert higher_is_better(name)
    assert not has_relative_threshold(name)


@pytest.mark.parametrize("name", ["loss", "val_loss", "log_loss", "brier", "ece", "rmse", "mae"])
def test_less_is_better_for_what_is_like_a_loss(name: str) -> None:
    assert not higher_is_better(name)
    assert has_relative_threshold(name)


def test_an_unknown_metric_is_refused_with_the_known_ones():
    with pytest.raises(Refused, match=r"wanted one of .*ndcg"):
        higher_is_better("beauty")
