"""Lower the rate when a metric has stopped getting better."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import ClassVar, Literal

from shared.schedules.feedback.rules import Factor, FeedbackParams, NotNegative, State
from shared.schedules.phase import About


class PlateauParams(FeedbackParams):
    """Multiply M by `factor` after more than `patience` evaluations without a better one."""

    about: ClassVar[About] = About(
        purpose="Lower the rate each time a validation metric has stopped getting better.",
        formula="M ← max(M·factor, min_factor) when more than patience evaluations brought nothing better",
        latex=r"M \leftarrow \max(M\cdot f,\, M_{min})",
        symbols={
            "M": "the multiplier of the planned rate",
            "f": "factor",
            "M_min": "min_factor",
            "better": "v < best − threshold (min), v > best + threshold (max); rel: best·(1 ∓ threshold)",
        },
        example={
            "name": "constant",
            "base_lr": 0.01,
            "feedback": {"name": "plateau", "monitor": "val_loss", "factor": 0.5, "patience": 3},
        },
        boundaries=(
            ("before any evaluation", "M = 1"),
            ("patience 2, factor ½, a metric that never changes", "M = 1 1 1 ½ ½ ½ ¼ ¼ after each"),
            ("first change", "at evaluation patience + 1 after the best one"),
        ),
        sources=("torch.optim.lr_scheduler.ReduceLROnPlateau (there threshold_mode is rel by default)",),
    )

    name: Literal["plateau"]
    factor: Factor = 0.1
    threshold: NotNegative = 1e-4
    min_factor: NotNegative = 0.0


@dataclass(frozen=True, slots=True)
class Plateau:
    """A plateau controller between two evaluations."""

    params: PlateauParams
    best: float | None = None
    bad: int = 0
    cooling: int = 0

    def observe(self, value: float, *, multiplier: float) -> tuple[Plateau, float | None]:
        """Return the next controller and the new M, none when it stays; a value that is no number is skipped.

        Plateau(patience=0, factor=½).observe(1.0) keeps M; the same value once more halves it.
        """
        if not isfinite(value):
            return self, None
        seen, params = self._counted(value), self.params
        if seen.bad <= params.patience:
            return seen, None
        rested = replace(seen, bad=0, cooling=params.cooldown)
        return rested, params.lowered(multiplier)

    def _counted(self, value: float) -> Plateau:
        better = self.params.is_better(value, self.best)
        seen = replace(self, best=value, bad=0) if better else replace(self, bad=self.bad + 1)
        return replace(seen, cooling=self.cooling - 1, bad=0) if self.cooling else seen

    def to_json(self) -> State:
        """Return the state as plain JSON values."""
        return {"best": self.best, "bad": self.bad, "cooling": self.cooling}

    @classmethod
    def from_json(cls, params: PlateauParams, state: State) -> Plateau:
        """Return the controller that `to_json` gave, under these settings."""
        return cls(params, **state)
