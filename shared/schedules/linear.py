"""A straight line between two factors of the rate: the warm-up, and any other ramp."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.schedules.horizon import HorizonPhase
from shared.schedules.lengths import Span
from shared.schedules.phase import About, Advice, short_decay

Factor = Annotated[float, Field(ge=0.0, le=1e6)]


class Linear(HorizonPhase):
    """S(t) = η₀·(a + (b−a)·min(t,n)/n).

    Boundary values: S(0) = aη₀ (a = 0 is allowed and warned of: the first update does nothing); S(n) = bη₀.
    """

    about: ClassVar[About] = About(
        purpose="Ramp the rate in a straight line: the warm-up before another phase.",
        formula="η₀·(a + (b−a)·min(t,n)/n)",
        latex=r"\eta_0\,(a+(b-a)\,\min(t,n)/n)",
        symbols={
            "η₀": "lr",
            "a": "start_factor",
            "b": "end_factor",
            "n": "total_iters, by default the phase",
        },
        example={"name": "linear", "base_lr": 0.01, "start_factor": 0.01},
        boundaries=(("t = 0", "aη₀"), ("t ≥ n", "bη₀")),
        sources=("Goyal et al., arXiv 1706.02677 (warm-up)", "torch.optim.lr_scheduler.LinearLR"),
    )
    horizon_name: ClassVar[str] = "total_iters"
    reached: ClassVar[str] = "ramp ends"

    name: Literal["linear"]
    start_factor: Factor = 1.0 / 3.0
    end_factor: Factor = 1.0
    total_iters: Span | None = None

    def advice(self, *, total_steps: int) -> Iterator[Advice]:
        """Yield what is probably not meant."""
        yield from super().advice(total_steps=total_steps)
        if self.end_factor < self.start_factor:
            yield from short_decay(self.horizon, name="total_iters")

    def lr_at(self, t: int) -> float:
        """Return the line at t; its end from n on."""
        a, b, n = self.start_factor, self.end_factor, self.horizon
        if t >= n:
            return self.eta0 * b
        return self.eta0 * (a + (b - a) * t / n)

    def warm_up(self) -> int | None:
        """Return the steps of the phase when it climbs."""
        return self.steps if self.end_factor > self.start_factor else None
