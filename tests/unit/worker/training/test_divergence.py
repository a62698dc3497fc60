"""Where a divergence began, told from the last updates."""

from __future__ import annotations

import math

import pytest
import torch

from services.worker.training.diagnostics import FlowWatch
from services.worker.training.divergence import Onset, explained, explained_after, onset_of
from services.worker.training.loop import Point
from tests.support.lessons import LESSONS

REMEDY = "lower the learning rate, add warm-up or clip the gradient"
NAN, INF = math.nan, math.inf


@pytest.fixture
def watch() -> FlowWatch:
    """A watch over tables.0, body.0, body.1 and head of an MLP; all but the table with a bias."""
    net = LESSONS["mlp"].net()
    return FlowWatch(net, parameters=list(net.parameters()), every=None)


def point(
    step: int, layers: tuple[float, float, float, float], *, loss: float = 1.0, lr: float = 0.5
) -> Point:
    """Return a point whose gradients have these norms: of the weights; biases have none."""
    table, *weights = layers
    each = torch.tensor([table, *(value for weight in weights for value in (weight, 0.0))])
    total = torch.linalg.vector_norm(each)
    return Point(step, lr, torch.tensor(loss), total, None, each)


def test_a_norm_that_rose_before_is_where_it_began(watch: FlowWatch):
    calm = [point(t, (0.0, 0.0, 3.0, 4.0)) for t in range(20)]
    rising = [point(20, (0.0, 3e3, 4e3, 0.0), lr=0.7), point(21, (0.0, 1e9, 0.0, 0.0), lr=0.8)]
    message = explained([*calm, *rising, point(22, (NAN,) * 4, loss=NAN)], watch=watch)
    assert message == (
        "the loss of step 22 is not a finite number; it began at step 20, where the gradient norm was 5e+03, "
        f"1000 times the usual, most of it in body.1, at learning rate 0.7; {REMEDY}"
    )


def test_a_gradient_that_overflowed_on_its_way_back_names_the_layer_nearest_to_the_loss(watch: FlowWatch):
    message = explained([point(0, (1.0,) * 4), point(1, (NAN, NAN, INF, 2.0))], watch=watch)
    assert message == (
        "the gradient norm of step 1 is not a finite number; it began in body.1, whose gradient overflowed "
        f"first, at learning rate 0.5; {REMEDY}"
    )


def test_one_update_that_was_too_large_is_named_with_its_rate(watch: FlowWatch):
    flow = [point(7, (0.0, 0.6, 0.8, 0.0), lr=1e30), point(8, (NAN,) * 4, loss=INF)]
    assert explained(flow, watch=watch) == (
        "the loss of step 8 is not a finite number; it began with the update of step 7 at learning rate "
        f"1e+30, whose gradient of norm 1 was largest in body.1; {REMEDY}"
    )


def test_a_first_loss_that_is_no_number_blames_the_start(watch: FlowWatch):
    message = explained([point(0, (NAN,) * 4, loss=NAN)], watch=watch)
    assert "it began at once: the inputs or the first weights are too large" in message


def test_what_exploded_before_the_remembered_updates_began_there(watch: FlowWatch):
    flow = [point(t, (0.0, 2e3, 0.0, 0.0)) for t in range(300, 310)]
    end = point(310, (NAN,) * 4, loss=NAN)
    assert "it began at step 40, where" in explained([*flow, end], watch=watch, exploding_since=40)
    calm = [point(t, (0.0, 1.0, 0.0, 0.0)) for t in range(290, 300)]
    assert "it began at step 300, where" in explained([*calm, *flow, end], watch=watch, exploding_since=40)


@pytest.mark.parametrize(
    ("norms", "onset"),
    [
        ([], None),
        ([1.0] * 10, None),
        ([1.0] * 10 + [101.0], Onset(10, 1.0)),
        ([1.0] * 10 + [100.0], None),
        ([1.0] * 10 + [500.0] + [1.0] * 4, Onset(10, 1.0)),
        ([1.0] * 10 + [500.0] + [1.0] * 5, None),
        ([1.0] * 10 + [500.0] + [1.0] * 5 + [200.0, 300.0], Onset(16, 1.0)),
        ([1.0, 500.0], None),
        ([1001.0, 2000.0], Onset(0, None)),
        ([1.0] * 10 + [200.0] * 100, Onset(10, 1.0)),
    ],
)
def test_an_onset_is_the_first_norm_that_was_too_large_without_five_calm_ones_after(
    norms: list[float], onset: Onset | None
):
    """Above 1,000 at once, or above a hundred times the median of those that were not too large."""
    assert onset_of(norms) == onset


FOUND = "the predicted ratings are not all finite numbers"


def test_what_an_evaluation_found_began_with_the_last_update(watch: FlowWatch):
    flow = [point(6, (0.0, 0.1, 0.2, 0.0)), point(7, (0.0, 0.6, 0.8, 0.0), lr=1e30)]
    assert explained_after(flow, found=FOUND, watch=watch) == (
        f"{FOUND}; it began with the update of step 7 at learning rate 1e+30, "
        f"whose gradient of norm 1 was largest in body.1; {REMEDY}"
    )
    assert explained_after([], found=FOUND, watch=watch) == f"{FOUND}; {REMEDY}"


def test_what_an_evaluation_found_began_where_norms_rose(watch: FlowWatch):
    calm = [point(t, (0.0, 0.0, 3.0, 4.0)) for t in range(20)]
    flow = [*calm, point(20, (0.0, 3e3, 4e3, 0.0), lr=0.7)]
    message = explained_after(flow, found=FOUND, watch=watch)
    assert message.startswith(f"{FOUND}; it began at step 20, where the gradient norm was 5e+03, 1000 times")
    assert "it began at step 4, where" in explained_after(
        flow[20:], found=FOUND, watch=watch, exploding_since=4
    )
