"""The sweep bench asks for schedules that there are, and its table tells what the answer does."""

from __future__ import annotations

from typing import Any

import pytest

from bench.sweep import MENU, PLANS, arguments, arm_of, body_of, table
from shared.schedules import CATALOG, OptimizerTraits, resolve
from shared.specs.sweep import SweepSpec

DATASET = "ds_00000000-0000-7000-8000-000000000000"


@pytest.mark.parametrize("sample", PLANS)
def test_every_name_of_the_menu_is_a_schedule_that_the_sample_can_be_trained_under(sample: str) -> None:
    chosen = arguments([sample, *list(MENU)[:20], "--seeds", "1", "2"])
    spec = SweepSpec.model_validate(body_of(PLANS[sample](), DATASET, chosen))
    for index in range(len(spec.schedules)):
        job = spec.training(index, seed=1)
        optimizer = OptimizerTraits.of(job.optimizer)
        planned = resolve(job.schedule, total_steps=931, steps_per_epoch=49, optimizer=optimizer)
        assert max(planned.lr(t) for t in range(931)) == pytest.approx(0.005, rel=0.02)


def test_every_phase_of_the_catalogue_is_on_the_menu() -> None:
    asked = {phase["name"] for make in MENU.values() for phase in make(0.1)}
    left_out = {"piecewise"}  # written by hand for one run, so that nobody's name means one of them
    assert {e.name for e in CATALOG.values() if e.kind == "phase"} - left_out == asked


def test_a_name_may_bring_its_own_peak() -> None:
    assert arm_of("cosine@0.02", lr=0.005, weight_decay=0.0)["schedule"]["base_lr"] == 0.02
    assert arm_of("prodigy", lr=0.005, weight_decay=0.1) == {
        "label": "prodigy",
        "schedule": {"base_lr": 1.0, "phases": [{"name": "constant", "duration": "rest"}]},
        "optimizer": {"name": "prodigy", "weight_decay": 0.1},
    }
    with pytest.raises(SystemExit):
        arm_of("cosin", lr=0.005, weight_decay=0.0)


def test_the_table_puts_the_best_first_and_says_what_is_a_tie() -> None:
    figures = {"mean": 0.21, "sd": 0.01, "interval": [0.2, 0.22], "best": 0.22}
    more: dict[str, Any] = {"steps_to_target": None, "seconds": 4.25, "mean_lr": 0.005, "failed": []}
    behind = {"value": -0.01, "interval": [-0.03, 0.01]}
    rows: list[dict[str, Any]] = [
        {**figures, **more, "label": "b", "test": figures, "difference": behind, "tie_with": ["a"]},
        {
            **figures,
            **more,
            "mean": 0.22,
            "label": "a",
            "test": figures,
            "difference": None,
            "tie_with": ["b"],
        },
    ]
    lines = table({"table": rows, "metric": "auroc", "higher_is_better": True, "leader": "a"})
    assert lines[2] == "| a | 0.005 | 0.2200 ± 0.0100 | leads | 0.2100 ± 0.0100 | – | 4.2 |"
    assert lines[3].startswith("| b | 0.005 | 0.2100 ± 0.0100 | -0.0100 (-0.0300 to +0.0100), a tie |")
