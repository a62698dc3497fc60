"""The findings of gradient flow: what each is called, what it says, and what usually helps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.gradients.samples import Layer


class FindingKind(StrEnum):
    """What samples may show."""

    VANISHING = "vanishing"
    EXPLODING = "exploding"
    DEAD = "dead"
    NON_FINITE = "non_finite"


@dataclass(frozen=True, slots=True)
class FlowFinding:
    """One thing that is wrong with a net's gradients, over the samples that showed it."""

    kind: FindingKind
    layer: str
    first_step: int
    last_step: int
    samples: int
    """How many samples showed it."""
    value: float | None
    """The worst of the numbers; none when it is not finite."""
    threshold: float | None
    say: str
    remedies: tuple[str, ...]


SATURATING = ("sigmoid", "tanh")
FULL = "float32"
GENTLER_RATE = "lower the rates of the schedule: its base_lr, or what stands for it in a phase"
WARM_UP = "begin the schedule with a linear warm-up"
CLIP = "set gradient_clip_norm, for example to 1"
SMALLER_START = 'draw smaller weights: net.init "default" or "xavier"'


def remedies(kind: FindingKind, layers: Sequence[Layer], *, precision: str) -> tuple[str, ...]:
    """Return what usually helps against a finding in a net of these layers, the likeliest first.

    `precision` is that of the training: the highest there is helps nobody who has it.
    """
    if kind is FindingKind.VANISHING:
        return _against_vanishing(layers)
    if kind is FindingKind.DEAD:
        return (
            GENTLER_RATE,
            WARM_UP,
            'use an activation that is not flat below zero: net.activation "gelu" or "silu"',
            "normalise the inputs, so that no bias has to carry them",
        )
    if kind is FindingKind.EXPLODING:
        return (CLIP, GENTLER_RATE, WARM_UP, SMALLER_START)
    gentler = (GENTLER_RATE, WARM_UP, CLIP)
    return gentler if precision == FULL else (*gentler, f'train in precision "{FULL}"')


def _against_vanishing(layers: Sequence[Layer]) -> tuple[str, ...]:
    used = {layer.activation for layer in layers}
    saturating = next((name for name in SATURATING if name in used), None)
    swap = f'replace {saturating}: net.activation "relu", "gelu" or "silu"' if saturating else None
    draw = 'draw wider weights: net.init "kaiming"' + (' ("xavier" before tanh)' if "tanh" in used else "")
    fewer = "use fewer hidden layers, or a net with normalisation or residual connections"
    return tuple(text for text in (swap, draw, fewer) if text)
