"""Whether a schedule suits its optimizer, and its feedback the metric it listens to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shared.errors import Finding
from shared.schedules.feedback import AnyFeedback
from shared.schedules.menu import AnyPhase
from shared.schedules.phase import OptimizerTraits
from shared.schedules.spec import ScheduleSpec

WARM_UPS = ("linear", "piecewise")


def optimizer_findings(spec: ScheduleSpec, optimizer: OptimizerTraits) -> Iterator[Finding]:
    """Yield what an optimizer that makes its own of the rate cannot go with."""
    if not optimizer.wants_constant:
        return
    name = optimizer.name
    for index, phase in enumerate(spec.phases):
        last = index == len(spec.phases) - 1
        if phase.name != "constant" and (last or phase.name not in WARM_UPS):
            message = f"{name} takes a constant rate, or a linear or piecewise warm-up to one"
            yield Finding(("schedule", "phases", index, "name"), f"{message}; write constant here")
    if spec.feedback is not None:
        message = f"{name} finds its own pace, which feedback would undo; leave feedback out"
        yield Finding(("schedule", "feedback"), message)
    if optimizer.one_rate:
        yield from _factor_findings(spec, name)


def _factor_findings(spec: ScheduleSpec, name: str) -> Iterator[Finding]:
    for group, params in spec.groups.items():
        if params.lr_mult not in {0.0, 1.0}:
            message = f"{name} estimates one step size for all weights; write 1, or 0 to freeze the group"
            yield Finding(("schedule", "groups", group, "lr_mult"), message)


def warm_up_findings(phases: Sequence[AnyPhase], optimizer: OptimizerTraits) -> Iterator[Finding]:
    """Yield resolved phases in which the rate falls, where it may only rise to a constant."""
    if not optimizer.wants_constant:
        return
    reached = 0.0
    for index, phase in enumerate(phases):
        corners = {step for corner in phase.corners() for step in corner.steps}
        rates = [phase.lr_at(t) for t in sorted({0, phase.steps, *corners})]
        if [reached, *rates] != sorted([reached, *rates]):
            message = f"{optimizer.name} takes a warm-up, in which the rate only rises; it falls here"
            yield Finding(("schedule", "phases", index), f"{message}: let it rise to a constant rate")
        reached = rates[-1]


def feedback_findings(feedback: AnyFeedback | None) -> Iterator[Finding]:
    """Yield what makes a schedule's feedback impossible."""
    for fault in feedback.faults() if feedback is not None else ():
        yield Finding(("schedule", "feedback", fault.field), fault.message)
