"""One rise and one fall over the whole phase, far below the start: super-convergence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from math import cos, pi
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from shared.schedules.momentum import Momentum, MomentumCycle, momentum_faults
from shared.schedules.phase import About, Advice, Corners, Fault, Phase, Place, Rate, short_decay

Divisor = Annotated[float, Field(ge=1.0, le=1e12)]


class OneCycleMomentum(MomentumCycle):
    """Momentum (SGD) or β₁ (Adam family) that falls on the rise of the rate and climbs on its fall."""

    base_momentum: Momentum = 0.85
    max_momentum: Momentum = 0.95


class Course(NamedTuple):
    """Where each leg ends, and the rates at 0 and at those ends."""

    ends: tuple[float, ...]
    rates: tuple[float, ...]


class OneCycle(Phase):
    """With e = pN − 1: m/v → m over [0, e], then m → m/(vw) over [e, N−1], held from N−1 on.

    Each leg is a half cosine, or a line. With `three_phase`: up over [0, e], back to m/v over [e, 2e], then
    m/v → m/(vw) over [2e, N−1]. Where e is no whole number the peak is approached, not touched.

    Boundary values: S(0) = m/v; S(pN−1) = m; S(N−1) = m/(vw). Momentum: max → base on the rise, base → max
    on the fall, max on a third leg.
    """

    about: ClassVar[About] = About(
        purpose="One long rise to a high rate and a fall far below the start: much progress in few epochs.",
        formula="m/v → m over [0, pN−1], then m → m/(vw) over [pN−1, N−1], each as A(a→b, q) = "
        "b + ½(a−b)(1 + cos πq), or as a line; three_phase: m/v → m → m/v → m/(vw)",
        latex=r"A(a,b,q)=b+\tfrac12(a-b)(1+\cos\pi q):\;A(\tfrac mv,m,\tfrac te),"
        r"\;A(m,\tfrac m{vw},\tfrac{t-e}{N-1-e}),\;e=pN-1",
        symbols={
            "m": "max_lr, by default base_lr, which plays no part beside it",
            "v": "div_factor",
            "w": "final_div_factor",
            "p": "pct_start",
            "N": "steps of the phase",
            "A": "anneal_strategy",
        },
        example={"name": "one_cycle", "base_lr": 0.01, "momentum": {}},
        boundaries=(("t = 0", "m/v"), ("t = pN − 1", "m"), ("t ≥ N − 1", "m/(vw)")),
        sources=("Smith & Topin, arXiv 1708.07120", "torch.optim.lr_scheduler.OneCycleLR"),
    )

    rate_field: ClassVar[str | None] = "max_lr"

    name: Literal["one_cycle"]
    max_lr: Rate | None = None
    """By default the schedule's `base_lr`, which plays no part beside it."""
    pct_start: Annotated[float, Field(ge=0.0, le=1.0)] = 0.3
    div_factor: Divisor = 25.0
    final_div_factor: Divisor = 1e4
    anneal_strategy: Literal["cos", "linear"] = "cos"
    three_phase: bool = False
    momentum: OneCycleMomentum | None = None

    @property
    def peak(self) -> float:
        """The highest rate of a resolved phase."""
        return self.max_lr  # type: ignore[return-value]  # settled() fills it in

    @property
    def peak_at(self) -> float:
        """The step e = pN − 1 of the peak in a resolved phase; it need not be whole."""
        return self.pct_start * self.steps - 1.0

    def faults(self, place: Place) -> Iterator[Fault]:
        """Yield what makes the phase impossible."""
        yield from super().faults(place)
        yield from momentum_faults(self.momentum, place)
        rise, last = self.pct_start * self.steps, self.steps - 1
        if rise <= 1.0:
            message = f"the rise lasts {rise:.6g} steps of {self.steps} and needs more than 1; raise it"
            yield Fault("pct_start", f"{message} or make the phase longer")
        elif rise >= self.steps:
            yield Fault("pct_start", "leaves no step for the fall; write less than 1")
        elif self.three_phase and 2.0 * self.peak_at >= last:
            message = f"rise and fall of {self.peak_at:.6g} steps each leave none of {last} for the third leg"
            yield Fault("pct_start", f"{message}; lower it or leave three_phase out")

    def advice(self, *, total_steps: int) -> Iterator[Advice]:
        """Yield what is probably not meant."""
        yield from super().advice(total_steps=total_steps)
        yield from short_decay(math.floor(self.steps - 1 - self.peak_at), name="pct_start")

    def form(self) -> str:
        """Return the legs of this one, and how they are drawn."""
        legs = "m/v → m → m/v → m/(vw)" if self.three_phase else "m/v → m → m/(vw)"
        return f"{legs}, {'half cosines' if self.anneal_strategy == 'cos' else 'lines'}"

    @cached_property
    def course(self) -> Course:
        """The ends of the legs of a resolved phase, and the values there."""
        e, last = self.peak_at, self.steps - 1
        low = self.peak / self.div_factor
        final = low / self.final_div_factor
        if self.three_phase:
            return Course((e, 2.0 * e, last), (low, self.peak, low, final))
        return Course((e, last), (low, self.peak, final))

    def _between(self, values: tuple[float, ...], t: int) -> float:
        """Return the value at t of legs that lead from one of `values` to the next."""
        ends = self.course.ends
        if t >= ends[-1]:
            return values[len(ends)]
        leg = 0 if t <= ends[0] else 1 if t <= ends[1] else 2
        begin = ends[leg - 1] if leg else 0.0
        a, b = values[leg], values[leg + 1]
        q = (t - begin) / (ends[leg] - begin)
        if self.anneal_strategy == "linear":
            return a + (b - a) * q
        return b + 0.5 * (a - b) * (1.0 + cos(pi * q))

    def lr_at(self, t: int) -> float:
        """Return the rate at t; that of the last update from there on."""
        return self._between(self.course.rates, t)

    def cycles_momentum(self) -> bool:
        """Whether the phase sets the momentum."""
        return self.momentum is not None

    def momentum_at(self, t: int) -> float | None:
        """Return the momentum at t, or none when it is left alone."""
        if self.momentum is None:
            return None
        base, high = self.momentum.base_momentum, self.momentum.max_momentum
        return self._between((high, base, high, high), t)

    def corners(self) -> tuple[Corners, ...]:
        """Return the steps around the peak, and where a third leg begins."""
        e = self.peak_at
        peak = sorted({math.floor(e), math.ceil(e)})
        third = math.ceil(2.0 * e) if self.three_phase else self.steps
        return (
            Corners(tuple(t for t in peak if 0 < t < self.steps), "peak"),
            Corners(range(third, self.steps)[:1], "third leg"),
        )
