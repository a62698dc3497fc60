"""The drawings in the guide are what the code draws today."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.api.gallery import gallery
from services.api.gallery.__main__ import main
from services.api.gallery.drawings import alone
from services.api.gallery.plots import COMPOSED, FAMILIES, PLOTS, STEPS_PER_EPOCH, TOTAL_STEPS
from shared.schedules import CATALOG, PHASES, warnings
from tests.support.schedules import resolved

KEPT = Path(__file__).resolve().parents[3] / "docs" / "schedules"
DRAWN = gallery()


def test_every_schedule_is_drawn_and_all_of_them_once_together():
    assert set(DRAWN) == {*CATALOG, "all", "composed"}
    assert list(PLOTS) == list(PHASES)
    assert sorted(name for members in FAMILIES.values() for name in members) == sorted(PHASES)


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_the_kept_drawing_is_the_drawn_one(name: str):
    """If this fails after a change that is meant: python -m services.api.gallery docs."""
    assert (KEPT / f"{name}.svg").read_text(encoding="utf-8") == DRAWN[name]


def test_no_drawing_is_left_over():
    assert {path.stem for path in KEPT.glob("*.svg")} == set(DRAWN)


def test_drawing_again_writes_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.argv", ["gallery", str(tmp_path)])
    main()
    written = {path.stem: path.read_bytes() for path in (tmp_path / "schedules").iterdir()}
    assert written == {path.stem: path.read_bytes() for path in KEPT.iterdir()}


def test_the_gallery_shows_nothing_that_would_be_warned_of():
    """But that coslog begins at 0."""
    shown = [alone(name, settings) for name, plots in PLOTS.items() for settings in plots.values()]
    found = {
        (w.code, schedule["phases"][0]["name"])
        for schedule in [*shown, *COMPOSED.values()]
        for w in warnings(resolved(schedule, steps=TOTAL_STEPS, epoch=STEPS_PER_EPOCH))
    }
    assert found == {("starts_at_zero", "coslog")}
