"""A schedule as a client writes it."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from shared.schedules.bounds import MAX_RATE, few_fields
from shared.schedules.feedback import OneFeedback
from shared.schedules.menu import OnePhase

_OF_THE_WHOLE = ("base_lr", "phases", "groups", "feedback")
AS_WRITTEN = "as_written"
"""Context of a dump in which a schedule that came as one phase is written as one again."""


class GroupParams(BaseModel):
    """What one group of parameters does differently."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    lr_mult: Annotated[float, Field(ge=0.0, le=1e6)] = 1.0
    """Constant factor on every learning rate of the group."""


GroupName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


def _at_least_one(phases: tuple[OnePhase, ...]) -> tuple[OnePhase, ...]:
    """Hold the minimum here: the built-in one counts refused phases as absent and reports them twice."""
    if not phases:
        raise PydanticCustomError("too_short", "a schedule needs at least one phase")
    return phases


class ScheduleSpec(BaseModel):  # noqa: PLW1641 - its groups are a dict, so it never had a hash
    """A base learning rate, the phases that follow one another, factors for groups, and who listens.

    `base_lr` may be left out where every phase has a rate of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    base_lr: Annotated[float, Field(gt=0.0, le=MAX_RATE)] | None = None
    phases: Annotated[
        tuple[OnePhase, ...],
        Field(max_length=64, strict=False, json_schema_extra={"minItems": 1}),
        AfterValidator(_at_least_one),
    ]
    groups: Annotated[dict[GroupName, GroupParams], BeforeValidator(few_fields)] = {}
    feedback: OneFeedback | None = None
    """Changes the rate by what validation shows; a preview knows of no validation and shows M = 1."""
    _short: bool = PrivateAttr(default=False)

    @property
    def short(self) -> bool:
        """Whether it was written as one phase, so that places in it name no phases."""
        return self._short

    def __eq__(self, other: object) -> bool:
        """Tell whether another is the same schedule, in whichever form either was written."""
        return isinstance(other, ScheduleSpec) and self.__dict__ == other.__dict__

    @classmethod
    def from_shorthand(cls, value: object) -> object:
        """Return the list form of a schedule written as one phase; anything else passes unchanged.

        Raises `PydanticCustomError` for one written in both forms at once, or in neither.
        """
        if not isinstance(value, dict) or ("phases" in value and "name" not in value):
            return value
        if "name" not in value:
            message = "wanted name, for a schedule of one phase, or phases; neither came"
            raise PydanticCustomError("no_form", message)
        if "phases" in value:
            message = "wanted either name, for a schedule of one phase, or phases; both came"
            raise PydanticCustomError("two_forms", message)
        whole: dict[str, Any] = {key: value[key] for key in _OF_THE_WHOLE if key in value}
        phase = {key: item for key, item in value.items() if key not in _OF_THE_WHOLE}
        return {**whole, "phases": [{"duration": "rest", **phase}]}

    @model_validator(mode="wrap")
    @classmethod
    def _one_phase_needs_no_list(cls, value: object, parse: ModelWrapValidatorHandler[Self]) -> Self:
        spec = parse(cls.from_shorthand(few_fields(value)))
        if isinstance(value, dict) and "name" in value:
            spec._short = True  # noqa: SLF001 - of this class
        return spec

    @model_serializer(mode="wrap")
    def _in_the_form_asked_for(
        self, dump: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        plain: dict[str, Any] = dump(self)
        if not self.short or info.context != AS_WRITTEN:
            return plain
        (phase,) = plain.pop("phases")
        return {**phase, **plain}  # both have a base_lr; one phase alone cannot be given its own

    @classmethod
    def parse(cls, value: object) -> Self:
        """Return the schedule written in plain JSON values."""
        return cls.model_validate(value)
