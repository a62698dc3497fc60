"""Previews of schedules that have as many corners as steps."""

from __future__ import annotations

from services.api.previews import MAX_BREAKPOINTS, MAX_STEPS, PreviewRequest, preview


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
