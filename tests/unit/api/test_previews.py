"""Previews and exact values of schedules, as JSON and as drawings."""

from __future__ import annotations

import re

import pytest

from services.api.drawing import Chart, Panel, Series, svg
from services.api.previews import (
    MAX_BREAKPOINTS,
    MAX_STEPS,
    EvaluateRequest,
    PreviewRequest,
    evaluate,
    preview,
    preview_chart,
)
from shared.errors import Refused
from shared.schedules import PHASES


def test_a_preview_of_a_million_corners_lists_the_first_and_counts_them_all():
    schedule = {"name": "cyclic", "base_lr": 0.1, "max_lr": 0.3, "step_size_up": "1st"}
    body = PreviewRequest.model_validate(
        {"schedules": [{"label": "saw", "schedule": schedule}], "total_steps": MAX_STEPS, "points": 100}
    )
    (curve,) = preview(body).curves
    assert [point.step for point in curve.breakpoints] == list(range(MAX_BREAKPOINTS))
    assert curve.breakpoints_total == MAX_STEPS + 1
    assert (curve.stats.min, curve.stats.max, len(curve.steps)) == (0.1, 0.3, 101)
    assert abs(curve.stats.mean - 0.2) < 1e-12


def preview_of(*schedules: dict[str, object], **changes: object) -> PreviewRequest:
    body = {
        "schedules": [{"label": f"no. {n}", "schedule": one} for n, one in enumerate(schedules)],
        "total_steps": 1000,
        "steps_per_epoch": 50,
        "points": 200,
    }
    return PreviewRequest.model_validate({**body, **changes})


WARM_THEN_LINE: dict[str, object] = {
    "base_lr": 0.1,
    "phases": [
        {"name": "linear", "duration": "10%", "start_factor": 0.01},
        {"name": "polynomial", "duration": "rest"},
    ],
}
CYCLED: dict[str, object] = {"name": "one_cycle", "base_lr": 0.1, "max_lr": 0.1, "momentum": {}}


def test_the_legend_holds_each_mean_and_a_mark_stands_where_a_phase_begins():
    drawn = svg(preview_chart(preview(preview_of(WARM_THEN_LINE, CYCLED)), "linear"))
    assert "no. 0 (mean 0.0501)" in drawn
    assert drawn.count("<title>no. 0: polynomial begins</title>") == 2
    assert "no. 1: one_cycle begins" not in drawn
    assert ">momentum<" in drawn


def test_feedback_is_drawn_with_a_multiplier_of_one_and_a_preview_says_so():
    plain = {"name": "cosine", "base_lr": 0.1}
    listening = {**plain, "feedback": {"name": "plateau", "monitor": "val_loss"}}
    silent, heard = preview(preview_of(plain, listening)).curves
    assert heard.lr == silent.lr
    assert [w.code for w in heard.warnings if w not in silent.warnings] == [
        "feedback_not_drawn",
        "not_checked",
    ]
    assert heard.resolved["feedback"]["mode"] == "min"


def test_warnings_stand_where_the_client_wrote_what_they_are_about():
    grouped = {"base_lr": 0.1, "groups": {"no_such": {"lr_mult": 2.0}}}
    short = {"name": "wsd", "num_warmup_steps": "0st", "num_decay_steps": "5st", **grouped}
    listed = {
        "phases": [{"name": "wsd", "duration": "rest", "num_warmup_steps": "0st", "num_decay_steps": "5st"}],
        **grouped,
        "feedback": {"name": "plateau", "monitor": "ndcg@7"},
    }
    found = [[(w.code, w.loc) for w in curve.warnings] for curve in preview(preview_of(short, listed)).curves]
    assert found == [
        [
            ("short_decay", ["schedules", 0, "schedule", "num_decay_steps"]),
            ("not_checked", ["schedules", 0, "schedule", "groups"]),
        ],
        [
            ("short_decay", ["schedules", 1, "schedule", "phases", 0, "num_decay_steps"]),
            ("feedback_not_drawn", ["schedules", 1, "schedule", "feedback"]),
            ("not_checked", ["schedules", 1, "schedule", "groups"]),
            ("not_checked", ["schedules", 1, "schedule", "feedback", "monitor"]),
        ],
    ]


def test_equal_input_is_drawn_in_equal_bytes():
    first, second = (
        svg(preview_chart(preview(preview_of(WARM_THEN_LINE, CYCLED)), "linear")) for _ in range(2)
    )
    assert first == second


def test_a_logarithmic_axis_leaves_out_what_it_cannot_hold_and_spreads_the_rest():
    schedule = {"name": "exponential", "base_lr": 1.0, "gamma": 0.1, "decay_steps": "200st"}
    dead = {"name": "constant", "base_lr": 1.0, "lr": 0.0}
    drawn = svg(preview_chart(preview(preview_of(schedule, dead)), "log"))
    assert [label for label in ("0.0001", "0.001", "0.01", "0.1") if f">{label}<" in drawn] == [
        "0.0001",
        "0.001",
        "0.01",
        "0.1",
    ]
    assert drawn.count("<polyline") == 3  # two strokes of the legend, one line


def test_every_form_of_20_lines_looks_different():
    series = [Series(str(n), [0, 1], [0, n], colour=n) for n in range(20)]
    drawn = svg(Chart("twenty", [Panel("lr", series)]))
    looks = set(
        re.findall(r'(stroke="#[0-9a-f]{6}" stroke-width="1.4"(?: stroke-dasharray="[^"]*")?)', drawn)
    )
    assert len(looks) == 20


def test_an_evaluation_says_rates_of_groups_momentum_phase_and_epoch():
    schedule = {
        "base_lr": 0.1,
        "phases": [
            {"name": "constant", "duration": "20%"},
            {"name": "one_cycle", "duration": "rest", "max_lr": 0.5, "pct_start": 0.25125, "momentum": {}},
        ],
        "groups": {"embeddings": {"lr_mult": 0.1}},
    }
    asked = {"schedule": schedule, "total_steps": 1000, "steps_per_epoch": 50}
    found = evaluate(EvaluateRequest.model_validate({**asked, "steps": [0, 199, 200, 400, 999, 5000]}))
    assert found.lr == pytest.approx([0.1, 0.1, 0.02, 0.5, 2e-6, 2e-6])
    assert found.groups["embeddings"] == pytest.approx([0.1 * rate for rate in found.lr])
    assert found.momentum == [None, None, *map(pytest.approx, (0.95, 0.85, 0.95, 0.95))]
    assert found.phase == [0, 0, 1, 1, 1, 1]
    assert found.epoch == [0, 3, 4, 8, 19, 100]


def test_twenty_schedules_of_a_million_steps_hide_no_peak_drop_or_restart():
    every = [entry.example for entry in PHASES.values()]
    body = preview_of(*every, total_steps=MAX_STEPS, steps_per_epoch=1000, points=1000)
    for curve in preview(body).curves:
        assert (min(curve.lr), max(curve.lr)) == (curve.stats.min, curve.stats.max)
        if 2 * curve.breakpoints_total + 2 <= 1000:
            assert {min(b.step, MAX_STEPS - 1) for b in curve.breakpoints} <= set(curve.steps)


COUNTS_EPOCHS: dict[str, tuple[dict[str, object], str, str]] = {
    "duration": (
        {
            "base_lr": 0.1,
            "phases": [{"name": "constant", "duration": "2ep"}, {"name": "rex", "duration": "rest"}],
        },
        "duration of constant",
        "2ep",
    ),
    "setting": ({"name": "step", "base_lr": 0.1, "step_size": "10ep"}, "step_size of step", "10ep"),
    "in a list": (
        {"name": "multistep", "base_lr": 0.1, "milestones": ["5%", "2ep"]},
        "milestones of multistep",
        "2ep",
    ),
    "in a point": (
        {"name": "piecewise", "points": [["0st", 0.1], ["1.5ep", 0.0]]},
        "points of piecewise",
        "1.5ep",
    ),
    "by default": (
        {"name": "exponential", "base_lr": 0.1, "gamma": 0.9},
        "decay_steps of exponential",
        "1ep",
    ),
}


@pytest.mark.parametrize("case", COUNTS_EPOCHS)
def test_a_length_in_epochs_needs_to_know_how_long_one_is(case: str):
    schedule, what, length = COUNTS_EPOCHS[case]
    body = preview_of({"name": "cosine", "base_lr": 0.1}, schedule, steps_per_epoch=None)
    asked = EvaluateRequest.model_validate({"schedule": schedule, "total_steps": 1000, "steps": [0]})
    for where, lay_out in ((" in schedules[1]", lambda: preview(body)), ("", lambda: evaluate(asked))):
        with pytest.raises(Refused) as caught:
            lay_out()
        (found,) = caught.value.findings
        message = f"wanted how many steps an epoch has, since {what}{where} is {length}; none came"
        assert (found.loc, found.message) == (("steps_per_epoch",), message)
    assert preview(preview_of(schedule)).curves[0].steps[-1] == 999


def test_what_counts_no_epochs_needs_no_word_of_them():
    asked = {"schedule": {"name": "cosine", "base_lr": 0.1}, "total_steps": 100, "steps": [0, 50]}
    found = evaluate(EvaluateRequest.model_validate(asked))
    assert (found.lr[0], found.epoch) == (0.1, None)
    assert evaluate(EvaluateRequest.model_validate({**asked, "steps_per_epoch": 20})).epoch == [0, 2]
