"""The cyclical learning rate: a ramp, bent by a window, scaled by an amplitude."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar, Literal, Self

from shared.schedules.lengths import Span
from shared.schedules.momentum import MomentumCycle, momentum_faults
from shared.schedules.phase import About, Advice, Corners, Fault, Phase, Place, Rate, Recurrence

Shape = Literal["triangular", "welch", "hann"]
Mode = Literal["triangular", "triangular2", "exp_range"]


def window(shape: Shape, s: float) -> float:
    """Return g(s) for the half-ramp s ∈ [0, 1]; every window has g(0) = 0 and g(1) = 1.

    For s = 1 − |2u−1| they are the triangular, Welch (1 − (2u−1)²) and Hann (sin² πu) windows, u ∈ [0, 1].
    """
    if shape == "triangular":
        return s
    if shape == "welch":
        return s * (2.0 - s)
    return math.sin(0.5 * math.pi * s) ** 2


def _rise_peak(shape: Shape, a: float) -> float:
    """Return s of the highest point of a rise under exp_range, where a = up·|ln γ| > 0."""
    if shape == "triangular":
        return min(1.0, 1.0 / a)
    if shape == "welch":
        return ((a + 1.0) - math.sqrt(a * a + 1.0)) / a
    return 2.0 / math.pi * math.atan(math.pi / a)


class Cyclic(Phase):
    """S(t) = base + (max−base)·g(s)·A, with P = up + down, k = ⌊t/P⌋, p = t − kP, s = p/up or (P−p)/down.

    g: `triangular` s, `welch` s(2−s), `hann` sin²(πs/2). A: `triangular` 1, `triangular2` 2^(−k),
    `exp_range` γ^t with t the step of the phase. Momentum runs against it: max_m − (max_m−base_m)·g(s)·A.

    Boundary values: S(kP) = base; S(up) = max (`exp_range`: base + (max−base)·γ^up); `triangular2` halves the
    amplitude each cycle.
    """

    about: ClassVar[About] = About(
        purpose="Swing between two rates, so that no single one has to be tuned.",
        formula="base + (max−base)·g(s)·A; g: triangular s, welch s(2−s), hann sin²(πs/2); "
        "A: triangular 1, triangular2 2^(−k), exp_range γ^t",
        latex=r"\eta_b+(\eta_{max}-\eta_b)\,g(s)\,A",
        symbols={
            "base": "base_lr, by default the schedule's",
            "max": "max_lr",
            "P": "step_size_up + step_size_down",
            "k": "⌊t/P⌋, the cycle",
            "s": "p/up while rising, (P−p)/down while falling, with p = t − kP",
            "g": "shape",
            "A": "mode",
            "γ": "gamma",
        },
        example={
            "name": "cyclic",
            "base_lr": 0.001,
            "max_lr": 0.006,
            "step_size_up": "2ep",
            "shape": "hann",
            "mode": "triangular2",
        },
        boundaries=(
            ("t = kP", "base"),
            ("t = up", "max (exp_range: base + (max−base)·γ^up)"),
            ("t = up + P, triangular2", "base + (max−base)/2"),
        ),
        sources=(
            "Smith, arXiv 1506.01186 (WACV 2017)",
            "momentum: Smith & Topin, arXiv 1708.07120",
            "torch.optim.lr_scheduler.CyclicLR",
        ),
    )

    rate_field: ClassVar[str | None] = "base_lr"

    name: Literal["cyclic"]
    base_lr: Rate | None = None
    max_lr: Rate
    step_size_up: Span
    step_size_down: Span | None = None
    shape: Shape = "triangular"
    mode: Mode = "triangular"
    gamma: float = 1.0
    momentum: MomentumCycle | None = None

    @property
    def up(self) -> int:
        """Steps of a rise in a resolved phase."""
        return self.step_size_up.steps

    @property
    def down(self) -> int:
        """Steps of a fall in a resolved phase."""
        return self.step_size_down.steps  # type: ignore[union-attr]  # settled() fills it in

    @property
    def floor(self) -> float:
        """base_lr of a resolved phase."""
        return self.base_lr  # type: ignore[return-value]  # settled() fills it in

    def settled(self, place: Place) -> Self:
        """Return the resolved phase; the fall lasts as long as the rise by default."""
        phase = super().settled(place)
        down = phase.step_size_down or phase.step_size_up
        return phase.model_copy(update={"step_size_down": down})

    def faults(self, place: Place) -> Iterator[Fault]:
        """Yield what makes the phase impossible."""
        for fault in super().faults(place):
            if not (fault.field == "step_size_down" and self.up == 0):  # it may only follow step_size_up
                yield fault
        if self.max_lr < self.floor:
            yield Fault("max_lr", "must be at least base_lr; raise it or lower base_lr")
        if self.mode == "exp_range" and not 0.0 < self.gamma <= 1.0:
            yield Fault("gamma", "must lie in (0, 1] with mode exp_range, e.g. 0.999")
        yield from momentum_faults(self.momentum, place)

    def advice(self, *, total_steps: int) -> Iterator[Advice]:
        """Yield what is probably not meant."""
        yield from super().advice(total_steps=total_steps)
        period = self.up + self.down
        if self.steps % period:
            whole = max(1, round(self.steps / period))
            yield Advice(
                "ends_mid_cycle",
                "duration",
                f"the phase ends mid-cycle after {self.steps / period:.2f} cycles of {period} steps; "
                f"{whole * period} steps hold {whole} whole ones",
            )
        if self.gamma != 1.0 and self.mode != "exp_range":
            yield Advice("unused_setting", "gamma", "gamma acts only with mode exp_range")
        if self.gamma == 1.0 and self.mode == "exp_range":
            yield Advice(
                "unused_setting", "mode", "with gamma 1 exp_range is triangular; write less, e.g. 0.999"
            )

    @cached_property
    def ramps(self) -> tuple[int, int, int]:
        """Steps of the rise, of the fall and of both in a resolved phase."""
        return self.up, self.down, self.up + self.down

    def swing(self, t: int) -> float:
        """Return g(s)·A ∈ [0, 1] at t."""
        up, down, period = self.ramps
        cycle, p = divmod(t, period)
        s = p / up if p <= up else (period - p) / down
        g = window(self.shape, s)
        if self.mode == "triangular":
            return g
        if self.mode == "triangular2":
            return math.ldexp(g, -cycle)
        return g * float(self.gamma**t)

    def form(self) -> str:
        """Return the formula with its window and its amplitude written in."""
        g = {"triangular": "s", "welch": "s(2−s)", "hann": "sin²(πs/2)"}[self.shape]
        amplitude = {"triangular": "", "triangular2": "·2^(−k)", "exp_range": "·γ^t"}[self.mode]
        return f"base + (max−base)·{g}{amplitude}"

    def lr_at(self, t: int) -> float:
        """Return base + (max−base)·g(s)·A."""
        floor = self.floor
        return floor + (self.max_lr - floor) * self.swing(t)

    def cycles_momentum(self) -> bool:
        """Whether the phase sets the momentum."""
        return self.momentum is not None

    def momentum_at(self, t: int) -> float | None:
        """Return max_m − (max_m−base_m)·g(s)·A, or none when momentum is left alone."""
        if self.momentum is None:
            return None
        high = self.momentum.max_momentum
        return high - (high - self.momentum.base_momentum) * self.swing(t)

    def corners(self) -> tuple[Corners, ...]:
        """Return the end of every cycle and the peak of every rise."""
        period = self.up + self.down
        peaks = (*self._early_peak(), self.up)
        ends = Corners(range(period, self.steps, period), "cycle ends", jumps=False)
        return ends, *(Corners(range(peak, self.steps, period), "peak", jumps=False) for peak in peaks)

    def recurrence(self) -> Recurrence:
        """Return the cycle, and by what each is smaller than the one before."""
        period = self.up + self.down
        ratios = {"triangular": 1.0, "triangular2": 0.5, "exp_range": float(self.gamma**period)}
        return Recurrence(period, self.floor, ratios[self.mode])

    def _early_peak(self) -> tuple[int, ...]:
        """Return the steps around the highest point of a rise that `exp_range` moves before its end."""
        if self.mode != "exp_range" or self.gamma >= 1.0:
            return ()
        s = _rise_peak(self.shape, self.up * -math.log(self.gamma))
        at = s * self.up
        return tuple(t for t in sorted({math.floor(at), math.ceil(at)}) if 0 < t < self.up)
