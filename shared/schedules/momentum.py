"""Momentum that falls while the rate rises: what cycling phases share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.schedules.phase import Fault, Place

Momentum = Annotated[float, Field(ge=0.0, lt=1.0)]


class MomentumCycle(BaseModel):
    """Momentum (SGD) or β₁ (Adam family) that falls while the rate rises (arXiv 1708.07120)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    base_momentum: Momentum = 0.8
    max_momentum: Momentum = 0.9


def momentum_faults(cycle: MomentumCycle | None, place: Place) -> Iterator[Fault]:
    """Yield what makes cycling the momentum impossible here."""
    if cycle is None:
        return
    if cycle.base_momentum > cycle.max_momentum:
        message = "base_momentum must not exceed max_momentum; lower it or raise max_momentum"
        yield Fault("momentum", message, "base_momentum")
    if not place.optimizer.cycles_momentum:
        wanted = "wants an optimizer with momentum or beta1 (adam, adamw, or sgd with momentum above 0)"
        yield Fault("momentum", f"cycling {wanted}; leave momentum out or change the optimizer")
