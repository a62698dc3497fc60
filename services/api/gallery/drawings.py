"""The drawings of the gallery as SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass

from services.api.drawing import Chart, Mark, Panel, Series, svg
from services.api.gallery.plots import (
    COMPOSED,
    FAMILIES,
    PLOTS,
    STEPS_PER_EPOCH,
    TOTAL_STEPS,
    Settings,
)
from services.api.previews import PreviewAnswer, PreviewRequest, preview, preview_chart
from shared.schedules import CATALOG, ResolvedSchedule, multiplier_at
from shared.schedules.feedback import GreedyParams, PlateauParams, controller_of

PEAK, POINTS = 0.01, 300


@dataclass(frozen=True, slots=True)
class Event:
    """A change of M, as a training would have recorded it."""

    step: int
    m_after: float


def gallery() -> dict[str, str]:
    """Return every drawing by name: one for each schedule, one of all, one of schedules put together."""
    drawn = {name: _chart(name, _phases(name, plots)) for name, plots in PLOTS.items()}
    heard = {
        "plateau": _listening(PlateauParams(name="plateau", monitor="val_loss", factor=0.5, patience=2)),
        "greedy": _listening(GreedyParams(name="greedy", monitor="val_loss", factor=0.7, patience=1)),
        "manual": _rate("manual", [Event(400, 0.5), Event(700, 1.5)]),
    }
    several = {"all": _all(), "composed": _chart("Schedules put together", COMPOSED)}
    return {name: svg(chart) for name, chart in (drawn | heard | several).items()}


def _phases(name: str, plots: dict[str, Settings]) -> dict[str, Settings]:
    return {label: alone(name, settings) for label, settings in plots.items()}


def alone(name: str, settings: Settings) -> Settings:
    """Return a schedule of one phase; its rates are those of the plot, or scale a base of 0.01."""
    base = {} if {"points", "max_lr", "lr"} & settings.keys() else {"base_lr": PEAK}
    return {**base, "phases": [{"name": name, "duration": "rest", **settings}]}


def _previewed(schedules: dict[str, Settings]) -> PreviewAnswer:
    labelled = [{"label": label, "schedule": one} for label, one in schedules.items()]
    run = {"total_steps": TOTAL_STEPS, "steps_per_epoch": STEPS_PER_EPOCH, "points": POINTS}
    return preview(PreviewRequest.model_validate({"schedules": labelled, **run}))


def _chart(title: str, schedules: dict[str, Settings]) -> Chart:
    chart = preview_chart(_previewed(schedules), "linear")
    return Chart(title, chart.panels, marks=chart.marks)


def _all() -> Chart:
    """Return all schedules in one chart, a panel for each family."""
    panels = [
        Panel(family, _chart(family, {n: alone(n, s) for n, s in members.items()}).panels[0].series)
        for family, members in FAMILIES.items()
    ]
    return Chart("Every learning-rate schedule", panels)


def _listening(params: PlateauParams | GreedyParams) -> Chart:
    """Return what a controller does to a constant rate, one evaluation an epoch, beside what it hears."""
    controller, multiplier = controller_of(params), 1.0
    events, losses = [], []
    for epoch in range(1, TOTAL_STEPS // STEPS_PER_EPOCH + 1):
        losses.append(_loss(epoch))
        controller, changed = controller.observe(losses[-1], multiplier=multiplier)
        if changed is not None:
            multiplier = changed
            events.append(Event(epoch * STEPS_PER_EPOCH, multiplier))
    chart = _rate(params.name, events)
    evaluated = [STEPS_PER_EPOCH * epoch for epoch in range(1, len(losses) + 1)]
    heard = Panel("validation loss (made up)", [Series("val_loss", evaluated, losses, colour=1)])
    return Chart(params.name, [*chart.panels, heard], marks=chart.marks)


def _loss(epoch: int) -> float:
    """Return a loss that falls, stands still from the eighth epoch on and falls again for a while."""
    return 0.3 + 0.7 * math.exp(-min(epoch, 8) / 3.0) - 0.02 * min(max(epoch - 14, 0), 3)


def _rate(name: str, events: list[Event]) -> Chart:
    """Return a constant rate as planned and as multiplied by what happened."""
    (curve,) = _previewed({name: {"name": "constant", "base_lr": PEAK}}).curves
    schedule = ResolvedSchedule.model_validate(curve.resolved)
    steps = sorted({0, TOTAL_STEPS - 1, *(at for e in events for at in (e.step - 1, e.step))})
    run = [schedule.lr_of("body", t, multiplier_at(events, t)) for t in steps]
    planned = Series("planned", [0, TOTAL_STEPS - 1], [PEAK, PEAK], look="plan")
    marks = [Mark(event.step, f"M = {event.m_after:.3g}", colour=0) for event in events]
    title = f"{name}: {CATALOG[name].purpose}"
    return Chart(title, [Panel("learning rate", [planned, Series("run", steps, run)])], marks=marks)
