"""Points brought to the host, with the rate that an optimizer made of its own."""

from __future__ import annotations

import torch

from services.worker.training.loop import Point
from services.worker.training.points import materialise


def point(step: int, effective: torch.Tensor | float | None) -> Point:
    loss, norm = torch.tensor(0.5), torch.tensor(1.0)
    return Point(step=step, lr=0.1, loss=loss, grad_norm=norm, momentum=None, effective_lr=effective)


def test_an_effective_rate_kept_on_the_device_comes_along_to_the_last_bit():
    rates = [1e-6 / 3, 2e-6 / 3]
    columns = materialise([point(t, torch.tensor(r, dtype=torch.float64)) for t, r in enumerate(rates)])
    assert columns.effective_lr == rates


def test_one_that_the_host_knows_is_taken_as_it_is_and_none_stays_none():
    assert materialise([point(0, 0.25)]).effective_lr == [0.25]
    assert materialise([point(0, None), point(1, None)]).effective_lr == [None, None]
    assert materialise([]).effective_lr == []


def test_the_first_points_keep_all_their_columns():
    columns = materialise([point(0, 0.1), point(1, 0.2)])
    assert columns.head(1).effective_lr == [0.1]
