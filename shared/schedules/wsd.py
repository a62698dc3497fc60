"""Warm up, hold, and cool down at the end: the length of the run need not be known before the end."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.schedules.floor import FlooredPhase
from shared.schedules.lengths import Span
from shared.schedules.phase import About, Advice, Corners, Fault, Place

Decay = Literal["linear", "1-sqrt", "cosine", "power", "exp"]
FORMS: dict[Decay, str] = {
    "linear": "1−y",
    "1-sqrt": "1−√y",
    "cosine": "½(1+cos πy)",
    "power": "1−y^q",
    "exp": "(r^y−r)/(1−r)",
}


class Wsd(FlooredPhase):
    """S rises in a line from f·η₀ to η₀ over a steps, holds η₀, and over the last D is η_m + (η₀−η_m)·d(y).

    y = (t−N+D)/D; d: `linear` 1−y, `1-sqrt` 1−√y, `cosine` ½(1+cos πy), `power` 1−y^q,
    `exp` (r^y−r)/(1−r). With a = 0 and D = N it is a bare cool-down.

    Boundary values: S(0) = f·η₀ (a > 0); S(a) = η₀ = S(N−D); S(N) = η_m, one step past the last update, which
    under 1-sqrt runs at .106, .025, .005 of η₀ for D = 5, 20, 100.
    """

    about: ClassVar[About] = About(
        purpose="Warm up, hold, cool down: go on from before the cool-down to train for longer.",
        formula="t < a: η₀(f + (1−f)t/a); then η₀; t > N−D: η_m + (η₀−η_m)·d(y), y = (t−N+D)/D; d: linear "
        "1−y, 1-sqrt 1−√y, cosine ½(1+cos πy), power 1−y^q, exp (r^y−r)/(1−r)",
        latex=r"\eta_m+(\eta_0-\eta_m)\,d\!\left(\frac{t-N+D}{D}\right),\quad d(y)=1-\sqrt y",
        symbols={
            "η₀": "lr",
            "η_m": "eta_min",
            "f": "start_factor",
            "a": "num_warmup_steps",
            "D": "num_decay_steps",
            "N": "steps of the phase",
            "d": "decay_type",
            "q": "decay_power",
            "r": "decay_ratio",
        },
        example={"name": "wsd", "base_lr": 0.01, "num_warmup_steps": "5%", "num_decay_steps": "20%"},
        boundaries=(("t = 0, a > 0", "f·η₀"), ("a ≤ t ≤ N−D", "η₀"), ("t = N", "η_m, one step past the end")),
        sources=(
            "Hu et al., arXiv 2404.06395",
            "Hägele et al., arXiv 2405.18392 (1-sqrt; cool-downs at several budgets)",
            "timm.scheduler.WSDLRScheduler",
        ),
    )
    may_be_zero: ClassVar[frozenset[str]] = frozenset({"num_warmup_steps"})

    name: Literal["wsd"]
    num_warmup_steps: Span
    num_decay_steps: Span
    start_factor: Annotated[float, Field(ge=0.0, le=1.0)] = 0.01
    decay_type: Decay = "1-sqrt"
    decay_power: Annotated[float, Field(gt=0.0, le=100.0)] = 0.5
    decay_ratio: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1

    @property
    def cool_at(self) -> int:
        """The step N − D from which a resolved phase cools down."""
        return self.steps - self.num_decay_steps.steps

    def fall(self) -> tuple[str, int]:
        """Return how long the phase falls."""
        return "num_decay_steps", self.num_decay_steps.steps

    def faults(self, place: Place) -> Iterator[Fault]:
        """Yield what makes the phase impossible."""
        yield from super().faults(place)
        warm, cool = self.num_warmup_steps.steps, self.num_decay_steps.steps
        if warm + cool > self.steps:
            message = f"warm-up ({warm}) and decay ({cool}) do not fit into {self.steps} steps; shorten one"
            yield Fault("num_decay_steps", message)

    def advice(self, *, total_steps: int) -> Iterator[Advice]:
        """Yield what is probably not meant."""
        yield from super().advice(total_steps=total_steps)
        for name, kind in (("decay_power", "power"), ("decay_ratio", "exp")):
            if getattr(self, name) != type(self).model_fields[name].default and self.decay_type != kind:
                yield Advice("unused_setting", name, f"{name} acts only with decay_type {kind}")

    def form(self) -> str:
        """Return the formula with its cool-down written in."""
        return f"η₀(f + (1−f)t/a), η₀, η_m + (η₀−η_m)·d(y) with d(y) = {FORMS[self.decay_type]}"

    def cooled(self, y: float) -> float:
        """Return d(y) for 0 ≤ y ≤ 1; every form has d(0) = 1 and d(1) = 0."""
        match self.decay_type:
            case "linear":
                return 1.0 - y
            case "1-sqrt":
                return 1.0 - math.sqrt(y)
            case "cosine":
                return 0.5 * (1.0 + math.cos(math.pi * y))
            case "power":
                return 1.0 - float(y**self.decay_power)
        r = self.decay_ratio
        return float(r**y - r) / (1.0 - r)

    def lr_at(self, t: int) -> float:
        """Return the warm-up, η₀, or the cool-down at t."""
        warm, cool = self.num_warmup_steps.steps, self.num_decay_steps.steps
        if t < warm:
            return self.eta0 * (self.start_factor + (1.0 - self.start_factor) * t / warm)
        if t <= self.steps - cool:
            return self.eta0
        y = min((t - self.steps + cool) / cool, 1.0)
        return self.eta_min + (self.eta0 - self.eta_min) * self.cooled(y)

    def corners(self) -> tuple[Corners, ...]:
        """Return the end of the warm-up and the start of the cool-down."""
        warm = self.num_warmup_steps.steps
        return (
            Corners(range(warm, self.steps)[: warm > 0], "warm-up ends"),
            Corners(range(self.cool_at, self.steps)[: self.cool_at > 0], "cool-down begins"),
        )
