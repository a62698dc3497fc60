"""What a journal of gradient flow says where the best checkpoint cannot be judged."""

from __future__ import annotations

import pytest
import torch

from services.worker.nets import Net
from services.worker.training.diagnostics import FlowWatch
from services.worker.trainings.flow import FlowJournal
from shared.gradients import Sample
from tests.support.lessons import LESSONS

FOUND = "the scores of records are not all finite numbers"
REMEDY = "lower the learning rate, add warm-up or clip the gradient"


@pytest.fixture
def net() -> Net:
    net = LESSONS["mlp"].net()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(-2.0)
    return net


def journal_of(net: Net, totals: dict[int, float]) -> FlowJournal:
    """Return a journal that recalls samples, made after so many steps, with these norms."""
    journal = FlowJournal(FlowWatch(net, parameters=list(net.parameters()), every=50))
    layers = len(journal.watch.layers)
    journal.recall(
        Sample(
            step=step,
            total_norm=total,
            gradient_norms=[0.0] * (layers - 1) + [total],
            weight_norms=[1.0] * layers,
            update_ratios=[0.1] * layers,
            zero_fractions=[0.0] * layers,
        )
        for step, total in totals.items()
    )
    return journal


def test_it_names_the_checkpoint_the_scores_and_the_largest_weight(net: Net):
    journal = journal_of(net, {0: 1.0, 50: 2.0})
    assert journal.explain_judging(FOUND, net=net, step=60) == (
        f"the best checkpoint, of step 60, cannot be judged on the test part and packed: {FOUND}; "
        f"its weights are finite, the largest of them, 2, in {journal.watch.layers[0].name}; {REMEDY}"
    )


def test_gradients_that_had_exploded_before_it_are_part_of_the_reason(net: Net):
    journal = journal_of(net, {0: 1.0, 50: 5e3, 100: 7e3})
    exploded = (
        "the gradient norm reached 7e+03 (threshold 1e+03) in steps 50 to 100 (2 samples), most of it in head"
    )
    assert f"; {exploded}; {REMEDY}" in journal.explain_judging(FOUND, net=net, step=60)


def test_gradients_that_exploded_after_it_are_none(net: Net):
    journal = journal_of(net, {0: 1.0, 50: 5e3})
    assert "the gradient norm" not in journal.explain_judging(FOUND, net=net, step=50)
