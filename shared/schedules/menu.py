"""The schedules there are: one file and one word in this union each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic import BaseModel, Field

from shared.schedules.constant import Constant
from shared.schedules.cosine import Cosine
from shared.schedules.cosine_restarts import CosineRestarts
from shared.schedules.coslog import Coslog
from shared.schedules.cyclic import Cyclic
from shared.schedules.exponential import Exponential
from shared.schedules.feedback import FeedbackParams, GreedyParams, ManualParams, PlateauParams
from shared.schedules.flat_cosine import FlatCosine
from shared.schedules.inverse_sqrt import InverseSqrt
from shared.schedules.inverse_time import InverseTime
from shared.schedules.linear import Linear
from shared.schedules.multistep import Multistep
from shared.schedules.one_cycle import OneCycle
from shared.schedules.phase import About, Phase
from shared.schedules.piecewise import Piecewise
from shared.schedules.polynomial import Polynomial
from shared.schedules.rex import Rex
from shared.schedules.step import Step
from shared.schedules.tanh import Tanh
from shared.schedules.wsd import Wsd

AnyPhase = (
    Constant
    | Step
    | Multistep
    | Exponential
    | InverseTime
    | Linear
    | Polynomial
    | Cosine
    | CosineRestarts
    | Cyclic
    | OneCycle
    | InverseSqrt
    | Wsd
    | FlatCosine
    | Rex
    | Coslog
    | Tanh
    | Piecewise
)

OnePhase = Annotated[AnyPhase, Field(discriminator="name")]


@dataclass(frozen=True, slots=True)
class Entry:
    """One way to set a rate; `example` is a whole schedule, `json_schema` that of the phase or the feedback.

    Of `manual` both are those of the body that asks for it.
    """

    name: str
    kind: str
    """`phase` or `feedback`."""
    purpose: str
    formula: str
    latex: str
    symbols: dict[str, str]
    boundaries: tuple[tuple[str, str], ...]
    sources: tuple[str, ...]
    example: dict[str, Any]
    json_schema: dict[str, Any]


def _named(params: type[Phase] | type[FeedbackParams], kind: str) -> Entry:
    name, *_ = get_args(params.model_fields["name"].annotation)
    return _entry(name, kind, params.about, params)


def _entry(name: str, kind: str, about: About, params: type[BaseModel]) -> Entry:
    return Entry(
        name=name,
        kind=kind,
        purpose=about.purpose,
        formula=about.formula,
        latex=about.latex,
        symbols=about.symbols,
        boundaries=about.boundaries,
        sources=about.sources,
        example=about.example,
        json_schema=params.model_json_schema(mode="validation"),
    )


PHASES: dict[str, Entry] = {entry.name: entry for entry in (_named(p, "phase") for p in get_args(AnyPhase))}
CATALOG: dict[str, Entry] = PHASES | {
    "plateau": _named(PlateauParams, "feedback"),
    "greedy": _named(GreedyParams, "feedback"),
    "manual": _entry("manual", "feedback", ManualParams.about, ManualParams),
}
