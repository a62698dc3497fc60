"""What every phase of a schedule is: fields as a client writes them, and a pure function of the step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import chain, repeat
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.schedules.bounds import MAX_RATE, few_fields
from shared.schedules.lengths import Duration, Length, round_half_up

Rate = Annotated[float, Field(ge=0.0, le=MAX_RATE)]


class Breakpoint(NamedTuple):
    """A step where the curve has a corner, a jump, a peak or a border."""

    step: int
    cause: str


class Corners(NamedTuple):
    """Breakpoints of one cause inside a phase, ascending; at equal distances a range, however many, says all.

    Along `tame` ones the rate goes one way only, from one to the next, and so it does over the steps just
    before each: the extremes of any stretch lie at the first and last of either in it, at its ends, or
    nowhere else. Others go up and down, are few, and are looked at one by one. Where the rate does not
    jump, the steps before need no look.
    """

    steps: Sequence[int]
    cause: str
    tame: bool = True
    jumps: bool = True


class Recurrence(NamedTuple):
    """S(t + period) = floor + (S(t) − floor)·ratio: a phase whose shape comes again and again, smaller."""

    period: int
    floor: float
    ratio: float


class Fault(NamedTuple):
    """A setting that cannot be: the field, what was wanted and came, and which item or field in it."""

    field: str
    message: str
    item: int | str | None = None


class Advice(NamedTuple):
    """A setting that can be and is probably not meant: a stable code, the field, a sentence, the item."""

    code: str
    field: str
    message: str
    item: int | None = None


@dataclass(frozen=True, slots=True)
class OptimizerTraits:
    """What a schedule must know of the optimizer: whether it has a momentum to cycle, and its own value.

    `momentum` is SGD's `momentum` or β₁ of the Adam family, and returns outside cycling phases.
    """

    name: str
    cycles_momentum: bool
    momentum: float | None = None
    wants_constant: bool = False
    """Whether it makes its own of the rate, and so takes a constant one, or a warm-up to it."""
    one_rate: bool = False
    """Whether it has one rate for all weights; a group may only be frozen."""

    @classmethod
    def of(cls, optimizer: object) -> Self:
        """Return the traits of optimizer params that carry `name` and `betas` or `momentum`."""
        name = str(getattr(optimizer, "name", type(optimizer).__name__))
        betas = getattr(optimizer, "betas", None)
        if name in {"schedule_free_adamw", "prodigy"}:
            own, one = None if betas is None else float(betas[0]), name == "prodigy"
            return cls(name=name, cycles_momentum=False, momentum=own, wants_constant=True, one_rate=one)
        if betas is not None:
            return cls(name=name, cycles_momentum=True, momentum=float(betas[0]))
        momentum = float(getattr(optimizer, "momentum", 0.0))
        return cls(name=name, cycles_momentum=momentum > 0.0, momentum=momentum)


ANY_OPTIMIZER = OptimizerTraits(name="any", cycles_momentum=True)
"""For previews, where no optimizer is named."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a phase stands in its run.

    `previous` is S of the phase before at its N, and `warm_up` its steps where it is a warm-up; none in the
    first phase.
    """

    steps: int
    steps_per_epoch: int
    base_lr: float | None
    previous: float | None
    optimizer: OptimizerTraits
    warm_up: int | None = None

    def settle(self, length: Length) -> Length:
        """Return a length inside the phase as whole steps, rounded half up."""
        exact = length.exact_steps(whole=self.steps, steps_per_epoch=self.steps_per_epoch)
        return Length.of_steps(round_half_up(exact))


@dataclass(frozen=True, slots=True)
class About:
    """What the catalogue says of a schedule."""

    purpose: str
    formula: str
    latex: str
    example: dict[str, Any]
    symbols: dict[str, str] = field(default_factory=dict)
    boundaries: tuple[tuple[str, str], ...] = ()
    """Pairs (where, value)."""
    sources: tuple[str, ...] = ()


class Phase(BaseModel):
    """One stretch of a schedule. A *resolved* phase has every length in steps and every default filled in.

    The methods from `lr_at` down are for resolved phases, and take `t`, the step inside the phase, 0 ≤ t ≤ N.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    about: ClassVar[About]
    may_be_zero: ClassVar[frozenset[str]] = frozenset()
    """Lengths that may resolve to 0 steps."""
    rate_field: ClassVar[str | None] = None
    """The setting for which the schedule's `base_lr` stands in; none where it plays no part."""

    duration: Duration

    @model_validator(mode="before")
    @classmethod
    def _only_so_many_fields(cls, value: object) -> object:
        return few_fields(value)

    @property
    def steps(self) -> int:
        """N, the steps of a resolved phase."""
        return self.duration.steps

    def settled(self, place: Place) -> Self:
        """Return the resolved phase; it works from the schedule's rate unless it has one of its own."""
        fields: dict[str, Any] = {
            name: _settled(getattr(self, name), place) for name in type(self).model_fields
        }
        fields["duration"] = Length.of_steps(place.steps)
        if self.rate_field is not None and self.own_rate() is None:
            fields[self.rate_field] = place.base_lr
        # built anew, not copied: a copy would carry along what the unresolved phase has cached
        return type(self).model_construct(**fields)  # type: ignore[return-value]  # mypy's plugin forgets Self

    def own_rate(self) -> float | str | None:
        """Return the rate the phase itself works from; none where it has none, or leaves it to `base_lr`."""
        return None if self.rate_field is None else getattr(self, self.rate_field)

    def lengths(self) -> Iterator[tuple[str, Length]]:
        """Yield the lengths inside the phase by name."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name != "duration" and isinstance(value, Length):
                yield name, value

    def in_epochs(self) -> Iterator[tuple[str, Length]]:
        """Yield the lengths that count epochs, those inside lists and pairs too, each with its field."""
        for name in type(self).model_fields:
            yield from ((name, length) for length in _lengths_in(getattr(self, name)) if length.unit == "ep")

    def form(self) -> str:
        """Return the formula this phase follows, where a schedule has several under one name."""
        return self.about.formula

    def faults(self, place: Place) -> Iterator[Fault]:
        """Yield what makes this resolved phase impossible."""
        del place
        for name, length in self.lengths():
            if length.steps == 0 and name not in self.may_be_zero:
                yield Fault(name, "resolves to 0 steps; write at least 1st")

    def advice(self, *, total_steps: int) -> Iterator[Advice]:
        """Yield what is probably not meant."""
        del total_steps
        for name, length in self.lengths():
            if length.steps > self.steps:
                yield Advice(
                    "beyond_phase", name, f"{name} is {length.steps} steps, beyond its phase of {self.steps}"
                )

    def lr_at(self, t: int) -> float:
        """Return the learning rate of the phase's update number t + 1."""
        raise NotImplementedError

    def momentum_at(self, t: int) -> float | None:
        """Return the cycled momentum, or none where this phase leaves the optimizer's own."""
        del t
        return None

    def cycles_momentum(self) -> bool:
        """Whether the phase sets the momentum."""
        return False

    def warm_up(self) -> int | None:
        """Return the steps of a phase that climbs to the rate of the next; none for any other."""
        return None

    def corners(self) -> tuple[Corners, ...]:
        """Return the breakpoints strictly inside the phase; between two neighbours the curve is monotone."""
        return ()

    def recurrence(self) -> Recurrence | None:
        """Return how the phase repeats itself; none when it does not."""
        return None

    def total(self) -> float | None:
        """Return ΣS(t) over 0 ≤ t < N in closed form; none where the corners are few, or cycles repeat."""
        return None

    def breakpoints(self) -> Iterator[Breakpoint]:
        """Yield every corner in order of steps; there may be millions."""
        return merge(*(map(Breakpoint, c.steps, repeat(c.cause)) for c in self.corners()))


def _settled(value: object, place: Place) -> object:
    """Return a field with its lengths in whole steps, those inside lists and pairs too."""
    if isinstance(value, tuple):
        return tuple(_settled(part, place) for part in value)
    return place.settle(value) if isinstance(value, Length) and value.unit != "rest" else value


class ScaledPhase(Phase):
    """A phase that scales one learning rate η₀, its `lr`."""

    rate_field: ClassVar[str | None] = "lr"

    lr: Rate | Literal["previous"] | None = None
    """η₀; by default the schedule's `base_lr`; `previous` is what the phase before reaches at its end."""

    @property
    def eta0(self) -> float:
        """η₀ of a resolved phase."""
        return self.lr  # type: ignore[return-value]  # settled() fills it in

    def settled(self, place: Place) -> Self:
        """Return the resolved phase; admission has seen to it that something lies before `previous`."""
        settled = super().settled(place)
        return settled.model_copy(update={"lr": place.previous}) if self.lr == "previous" else settled


def _lengths_in(value: object) -> Iterator[Length]:
    if isinstance(value, Length):
        yield value
    elif isinstance(value, tuple):
        yield from chain.from_iterable(map(_lengths_in, value))


def below(value: float, ceiling: float, *, name: str, ceiling_name: str) -> Iterator[Fault]:
    """Yield a fault when a floor lies above what it is the floor of."""
    if value > ceiling:
        yield Fault(name, f"must not exceed {ceiling_name}; lower it or raise {ceiling_name}")


def short_decay(steps: int, *, name: str) -> Iterator[Advice]:
    """Yield a warning for a decay of fewer than 20 steps."""
    if steps < 20:
        lasts = f"{steps} step{'s' * (steps != 1)}"
        message = f"the decay lasts {lasts}; fewer than 20 hardly differ from a drop"
        yield Advice("short_decay", name, message)
