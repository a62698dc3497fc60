"""The loop yields one point an update and waits for nobody."""

from __future__ import annotations

import itertools

import pytest
import torch

from services.worker.training.determinism import seed_everything
from services.worker.training.loop import Point, Rules, train
from services.worker.training.optim import make_optimizer
from services.worker.training.points import materialise
from shared.errors import Diverged
from shared.specs.optimizers import AdamParams, SgdParams
from tests.support.lessons import LESSONS, scheduled

PLAIN = Rules()


def points_of(
    lesson_name: str = "mf", *, lr: float = 0.01, steps: int = 24, rules: Rules = PLAIN
) -> list[Point]:
    seed_everything(7, "cpu")
    lesson, params = LESSONS[lesson_name], AdamParams(name="adam")
    net = lesson.net()
    schedule = scheduled({"name": "cosine", "base_lr": lr}, optimizer=params, steps=steps)
    return list(
        train(
            net,
            batches=lesson.batches(),
            objective=lesson.objective,
            optimizer=make_optimizer(net, params, schedule),
            steps=range(steps),
            rules=rules,
        )
    )


def test_points_are_numbered_by_the_updates_before_them_and_carry_the_planned_rate():
    points = points_of(lr=0.5)
    schedule = scheduled({"name": "cosine", "base_lr": 0.5}, optimizer=AdamParams(name="adam"), steps=24)
    assert [p.step for p in points] == list(range(24))
    assert [p.lr for p in points] == [schedule.lr(t) for t in range(24)]
    assert {p.momentum for p in points} == {0.9}


def test_loss_and_norm_stay_tensors_without_a_graph():
    point = points_of(steps=2)[0]
    assert point.loss.dim() == point.grad_norm.dim() == 0
    assert not point.loss.requires_grad
    assert not point.grad_norm.requires_grad


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_same_seed_gives_the_same_curve(lesson: str) -> None:
    assert materialise(points_of(lesson)) == materialise(points_of(lesson))


def test_one_update_is_made_for_each_point_taken():
    lesson, params = LESSONS["mf"], SgdParams(name="sgd")
    net = lesson.net()
    schedule = scheduled({"name": "constant", "base_lr": 0.1}, optimizer=params, steps=24)
    points = train(
        net,
        batches=lesson.batches(),
        objective=lesson.objective,
        optimizer=make_optimizer(net, params, schedule),
        steps=range(24),
    )
    before = [p.detach().clone() for p in net.parameters()]
    first = next(points)
    after = [p.detach().clone() for p in net.parameters()]
    moved = torch.stack([(a - b).square().sum() for a, b in zip(after, before, strict=True)]).sum().sqrt()
    assert moved.item() == pytest.approx(0.1 * first.grad_norm.item(), rel=1e-4)
    assert all(torch.equal(p, kept) for p, kept in zip(net.parameters(), after, strict=True))


def test_the_net_trains_again_after_it_was_judged_between_two_points():
    lesson, params = LESSONS["neumf"], SgdParams(name="sgd")
    net = lesson.net()
    schedule = scheduled({"name": "constant", "base_lr": 0.1}, optimizer=params, steps=24)
    points = train(
        net,
        batches=lesson.batches(),
        objective=lesson.objective,
        optimizer=make_optimizer(net, params, schedule),
        steps=range(24),
    )
    for _ in itertools.islice(points, 2):
        net.eval()
    assert net.training is False
    next(points)
    assert net.training is True


def test_clipping_bounds_the_step_and_records_the_true_norm():
    free, clipped = points_of("mf-explicit"), points_of("mf-explicit", rules=Rules(clip_norm=0.01))
    assert clipped[0].grad_norm.item() == free[0].grad_norm.item() > 0.01
    assert clipped[-1].loss.item() != free[-1].loss.item()


def test_bf16_follows_float32_from_afar():
    exact = materialise(points_of("neumf-explicit"))
    rough = materialise(points_of("neumf-explicit", rules=Rules(precision="bf16")))
    assert rough.loss != exact.loss
    assert rough.loss == pytest.approx(exact.loss, rel=0.05)


def test_divergence_names_the_first_bad_step():
    lesson, params = LESSONS["mf-explicit"], SgdParams(name="sgd")
    net = lesson.net()
    schedule = scheduled({"name": "constant", "base_lr": 1e4}, optimizer=params, steps=200)
    points = list(
        train(
            net,
            batches=lesson.batches(),
            objective=lesson.objective,
            optimizer=make_optimizer(net, params, schedule),
            steps=range(200),
        )
    )
    bad = next(p.step for p in points if not (torch.isfinite(p.loss) and torch.isfinite(p.grad_norm)))
    with pytest.raises(Diverged, match=f"of step {bad} is not a finite number; lower the learning rate"):
        materialise(points)
    assert materialise(points[:bad]).steps == list(range(bad))


def test_no_points_make_empty_columns():
    assert materialise([]).steps == []
