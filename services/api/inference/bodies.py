"""Bodies of predictions, as the OpenAPI document shows them.

Requests of recommenders are validated by these models; `diagnose` is read by `diagnose_body.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Id = Annotated[str, Field(min_length=1, max_length=512)] | Annotated[int, Field(ge=-(2**63), lt=2**64)]
"""An outside id; a whole number is taken as its decimal text, which is how files give it."""
Ids = Annotated[tuple[Id, ...], Field(max_length=10_000, strict=False)]
Count = Annotated[int, Field(ge=1, le=1000)]
MAX_REQUESTS = 256
"""One thread predicts for all: a longer list would keep the others waiting."""


class Body(BaseModel):
    """A frozen request: unknown fields and coerced types are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class RecommendRequest(Body):
    """Items for one user: known by id, or unknown with a history, or nobody in particular."""

    user: Id | None = None
    k: Count = 10
    history: Ids = ()
    """Items met, newest last; serves users the model does not know, and counts as seen for all."""
    exclude: Ids = ()
    exclude_seen: bool = True
    explain: bool = False


class RecommendBatch(Body):
    """Several requests, answered in their order."""

    requests: Annotated[
        tuple[RecommendRequest, ...], Field(min_length=1, max_length=MAX_REQUESTS, strict=False)
    ]


class SimilarRequest(Body):
    """Items near an item."""

    item: Id
    k: Count = 10
    exclude: Ids = ()


class SimilarBatch(Body):
    """Several requests, answered in their order."""

    requests: Annotated[
        tuple[SimilarRequest, ...], Field(min_length=1, max_length=MAX_REQUESTS, strict=False)
    ]


RecommendBody = RecommendRequest | RecommendBatch
SimilarBody = SimilarRequest | SimilarBatch


class Reason(BaseModel):
    """An item of the user's history that lies near the recommended one; nearness is no cause."""

    relation: Literal["similar to"]
    item: str
    title: str | None = None
    similarity: float


class ScoredItem(BaseModel):
    """One item of an answer."""

    item: str
    score: float
    title: str | None = None
    reasons: list[Reason] | None = None


class Shortfall(BaseModel):
    """Why fewer items came than were asked for."""

    wanted: int
    came: int
    reason: str


class Ranked(BaseModel):
    """The answer to one request."""

    items: list[ScoredItem]
    fallback: Literal["history", "popular"] | None = None
    skipped: int = 0
    """Items of `history` and `exclude` that the model does not know."""
    shortfall: Shortfall | None = None


class RecommendAnswer(Ranked):
    """The answer to one `recommend` request."""

    model: str
    version: int


class RecommendAnswers(BaseModel):
    """The answer to several `recommend` requests."""

    model: str
    version: int
    results: list[Ranked]


class SimilarItems(BaseModel):
    """The answer to one of several `similar` requests; scores are cosines."""

    items: list[ScoredItem]
    skipped: int = 0
    shortfall: Shortfall | None = None


class SimilarAnswer(SimilarItems):
    """The answer to one `similar` request."""

    model: str
    version: int


class SimilarAnswers(BaseModel):
    """The answer to several `similar` requests."""

    model: str
    version: int
    results: list[SimilarItems]


class DiagnoseRequest(Body):
    """One record or several; columns that are left out count as missing."""

    record: dict[str, float | int | str | None] | None = None
    records: Annotated[list[dict[str, float | int | str | None]], Field(min_length=1)] | None = None
    explain: bool = False


class Interval(BaseModel):
    """The 95 % interval of the rate observed among validation records with a similar score."""

    low: float
    high: float
    rows: int = Field(
        description="How many validation records the interval rests on: those in this record's score bin, "
        "30 or more unless the whole validation part is smaller."
    )


class Contribution(BaseModel):
    """How far one column moved the logit from the reference record's; all of them sum to the difference."""

    column: str
    contribution: float
    direction: Literal["raises", "lowers"]


class RecordPrediction(BaseModel):
    """The prediction for one record."""

    probability: float
    interval: Interval
    flags: list[str] = Field(
        description="`out_of_range:<column>`, `missing:<column>`, `unseen:<column>`; `outside_interval` when "
        "the probability lies outside its interval: what was observed among validation records with a "
        "similar score disagrees with the model there, so give the interval more weight than the probability."
    )
    missing_share: float
    contributions: list[Contribution] | None = None


class DiagnoseAnswer(BaseModel):
    """Predictions with all that a reader needs to weigh them."""

    model: str
    version: int
    predictions: list[RecordPrediction]
    outcome: dict[str, Any]
    """What the probability speaks of (`target`, `positive`), and in whom (`rows`, `base_rate`)."""
    interval_method: str
    contribution_method: str
    reference_logit: float
    package_sha256: str
    notice: str


RECOMMEND: TypeAdapter[RecommendBody] = TypeAdapter(RecommendBody)
SIMILAR: TypeAdapter[SimilarBody] = TypeAdapter(SimilarBody)
