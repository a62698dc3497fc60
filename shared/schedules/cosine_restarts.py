"""Half cosines one after another, each beginning again at a peak."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.schedules.floor import FlooredPhase
from shared.schedules.lengths import Span
from shared.schedules.phase import About, Advice, Corners
from shared.schedules.quadrature import geometric


class CosineRestarts(FlooredPhase):
    """S(t) = η_m + ½(η₀·c^i−η_m)(1 + cos(π(t−b_i)/T_i)) in cycle i of length T_i = T_0·T_mult^i from b_i on.

    After `cycle_limit` cycles the floor η_m is held. The cycle is found by counting, never by a logarithm,
    which rounds to the cycle before at some restarts.

    Boundary values: S(b_i) = η₀·c^i, the peak, at the very step of the restart; S(b_i−1) is the lowest of
    cycle i−1.
    """

    about: ClassVar[About] = About(
        purpose="Fall along a cosine and jump back to a peak: a net worth keeping at each cycle end.",
        formula="η_m + ½(η₀·c^i−η_m)(1 + cos(π(t−b_i)/T_i)), T_i = T_0·T_mult^i",
        latex=r"\eta_m+\tfrac12(\eta_0 c^i-\eta_m)\left(1+\cos\frac{\pi(t-b_i)}{T_i}\right),"
        r"\quad T_i=T_0\,T_{mult}^{\,i}",
        symbols={
            "η₀": "lr",
            "η_m": "eta_min",
            "c": "cycle_decay",
            "i": "the cycle, below cycle_limit; η_m after it",
            "b_i": "the step at which cycle i begins",
            "T_0": "T_0",
            "T_mult": "T_mult",
        },
        example={
            "name": "cosine_restarts",
            "base_lr": 0.01,
            "T_0": "14%",
            "T_mult": 2,
            "cycle_limit": 3,
            "eta_min": 0.0001,
        },
        boundaries=(
            ("t = b_i", "η₀·c^i: a restart is at the peak"),
            ("t = b_i + T_i/2", "½(η₀·c^i+η_m)"),
            ("t ≥ end of the last cycle", "η_m"),
        ),
        sources=(
            "Loshchilov & Hutter, arXiv 1608.03983",
            "torch.optim.lr_scheduler.CosineAnnealingWarmRestarts",
            "cycle_decay, cycle_limit: timm.scheduler.CosineLRScheduler",
        ),
    )

    name: Literal["cosine_restarts"]
    T_0: Span
    T_mult: Annotated[int, Field(ge=1, le=1000)] = 1
    cycle_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    cycle_limit: Annotated[int, Field(ge=1, le=1_000_000)] | None = None

    def fall(self) -> tuple[str, int]:
        """Return how long the phase falls."""
        return "T_0", self.T_0.steps

    def advice(self, *, total_steps: int) -> Iterator[Advice]:
        """Yield what is probably not meant."""
        yield from super().advice(total_steps=total_steps)
        ends = self.ends()
        if ends[-1] > self.steps:
            begun = ends[-2] if len(ends) > 1 else 0
            yield Advice(
                "ends_mid_cycle",
                "duration",
                f"the phase ends mid-cycle, {self.steps - begun} of {ends[-1] - begun} steps into cycle "
                f"{len(ends)}; {ends[-1]} steps hold {len(ends)} whole ones",
            )
        elif ends[-1] < self.steps and ends[-1] * 100 < total_steps:
            message = f"all cycles end at step {ends[-1]} of {total_steps}; the rest runs at eta_min"
            yield Advice("short_horizon", "cycle_limit", message)
        if self.eta0 * self.cycle_decay ** (len(ends) - 1) < self.eta_min:
            yield Advice("peak_below_floor", "cycle_decay", "later cycles begin below eta_min and rise to it")

    def cycle_at(self, t: int) -> tuple[int, int, int]:
        """Return (i, t − b_i, T_i): whole numbers all through, so that a restart is never missed."""
        length = self.T_0.steps
        if self.T_mult == 1:
            return t // length, t % length, length
        cycle = 0
        while t >= length:
            t -= length
            length *= self.T_mult
            cycle += 1
        return cycle, t, length

    def lr_at(self, t: int) -> float:
        """Return the cosine of the cycle at t; the floor after the last cycle."""
        cycle, into, length = self.cycle_at(t)
        if self.cycle_limit is not None and cycle >= self.cycle_limit:
            return self.eta_min
        peak = self.eta0 * float(self.cycle_decay**cycle)
        return self.eta_min + 0.5 * (peak - self.eta_min) * (1.0 + math.cos(math.pi * into / length))

    def ends(self) -> Sequence[int]:
        """Return where each cycle ends that begins inside the phase, up to `cycle_limit` of them."""
        size = self.T_0.steps
        if self.T_mult == 1:
            count = min(-(-self.steps // size), self.cycle_limit or self.steps)
            return range(size, size * count + 1, size)
        ends = [size]
        while ends[-1] < self.steps and len(ends) != self.cycle_limit:
            size *= self.T_mult
            ends.append(ends[-1] + size)
        return tuple(ends)

    def corners(self) -> tuple[Corners, ...]:
        """Return every restart, and the end of the last cycle there may be."""
        ends = self.ends()
        inside = ends[: bisect_left(ends, self.steps)]
        restarts = inside[:-1] if len(inside) == self.cycle_limit else inside
        tame = self.T_mult == 1
        return Corners(restarts, "restart", tame), Corners(inside[len(restarts) :], "floor")

    def total(self) -> float | None:
        """Return the sum over equal cycles, of which there may be as many as half the steps.

        Σ_{p<q} cos(pθ) = ½ + sin((q−½)θ)/(2 sin(θ/2)) (Lagrange), which is 1 for a whole cycle θ = π/q.
        """
        if self.T_mult > 1:
            return None
        size, floor = self.T_0.steps, self.eta_min
        whole, rest = divmod(self.steps, size)
        limit = whole + 1 if self.cycle_limit is None else self.cycle_limit
        cycles = min(whole, limit)
        heights = self.eta0 * geometric(self.cycle_decay, cycles) - cycles * floor
        above = heights * 0.5 * (size + 1)
        if rest and cycles < limit:
            half = 0.5 * math.pi / size
            cosines = 0.5 + math.sin((2 * rest - 1) * half) / (2.0 * math.sin(half))
            above += 0.5 * (self.eta0 * self.cycle_decay**cycles - floor) * (rest + cosines)
        return self.steps * floor + above
