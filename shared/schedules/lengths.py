"""Lengths with a unit: `500st` steps, `2ep` epochs, `5%`, and `rest` for what the other phases leave."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

Unit = Literal["st", "ep", "%", "rest"]

REMEDY = "write 500st, 2ep or 5%"
_DIGITS = r"\d+(?:\.\d+)?"
_FAULTS: tuple[tuple[str, str], ...] = (
    (r"-.*", "a length cannot be negative"),
    (r"\S*\s.*", "a length is written without spaces"),
    (_DIGITS, "a length needs a unit"),
    ("(?i:st|ep|%)", "a length needs a number before its unit"),
    (_DIGITS + "(?:st|ep|%)", "a length has at most 12 digits, and 9 after the point"),
    (f"(?i:{_DIGITS}(?:st|ep)|rest)", "a unit is written in small letters"),
    (_DIGITS + r"[^\d.]+", "a length has no such unit"),
)
"""What is wrong with a text that is no length; the first that fits."""
_PATTERN = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(st|ep|%)", re.ASCII)
_SCHEMA = {
    "type": "string",
    "pattern": r"^\d{1,12}(\.\d{1,9})?(st|ep|%)$",
    "examples": ["500st", "2ep", "5%"],
}
_DURATION_SCHEMA = {
    "type": "string",
    "pattern": r"^(\d{1,12}(\.\d{1,9})?(st|ep|%)|rest)$",
    "examples": ["500st", "2ep", "5%", "rest"],
}


def round_half_up(value: Fraction) -> int:
    """Return ⌊value + ½⌋, exactly."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


@dataclass(frozen=True, slots=True)
class Length:
    """An amount and its unit. `rest` has the amount 0 and is only meant for a phase's duration."""

    amount: int | Fraction
    unit: Unit

    @classmethod
    def parse(cls, value: object, *, remedy: str = REMEDY) -> Self:
        """Return the length written in `value`; a bare number is refused, since it says no unit.

        Raises `PydanticCustomError` that says what is wrong and ends with `remedy`.
        """
        if isinstance(value, cls):
            return value
        if value == "rest":
            return cls(0, "rest")
        match = _PATTERN.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise PydanticCustomError("length", f"{_fault(value)}: {remedy}")
        amount = Fraction(match[1])
        unit: Any = match[2]
        if unit == "st" and amount.denominator != 1:
            raise PydanticCustomError("length", "a length in steps is a whole number, like 500st")
        return cls(int(amount) if unit == "st" else amount, unit)

    @classmethod
    def of_steps(cls, steps: int) -> Self:
        """Return the resolved form of a length."""
        return cls(steps, "st")

    @property
    def steps(self) -> int:
        """The whole number of steps of a resolved length."""
        if self.unit != "st":
            raise ValueError(f"a length in {self.unit} has no steps before it is resolved")
        return self.amount  # type: ignore[return-value]  # parse() and of_steps() keep steps whole

    def exact_steps(self, *, whole: int, steps_per_epoch: int) -> Fraction:
        """Return the length in steps before rounding; `whole` is what 100 % means."""
        factor = {"st": Fraction(1), "ep": Fraction(steps_per_epoch), "%": Fraction(whole, 100)}
        return self.amount * factor[self.unit]

    def __str__(self) -> str:
        """Return the length as it is written in JSON."""
        if self.unit == "rest":
            return "rest"
        amount = self.amount
        text = str(amount) if amount.denominator == 1 else format(float(amount), ".15g")
        return f"{text}{self.unit}"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate from a string and serialise to one."""
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the string in JSON Schema 2020-12."""
        return dict(_SCHEMA)


def _fault(value: object) -> str:
    """Return what is wrong with a value that is no length."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "a length needs a unit"
    if not isinstance(value, str):
        return "wanted a length as text"
    wrong = (what for form, what in _FAULTS if re.fullmatch(form, value, re.ASCII | re.DOTALL))
    return next(wrong, "a length is a number and a unit")


def _not_rest(length: Length) -> Length:
    if length.unit == "rest":
        raise PydanticCustomError("length", 'only the duration of a phase may be "rest"; ' + REMEDY)
    return length


Duration = Annotated[Length, WithJsonSchema(_DURATION_SCHEMA)]
"""Length of a phase; % is of the whole run."""
Span = Annotated[Length, AfterValidator(_not_rest), WithJsonSchema(_SCHEMA)]
"""Any other length; % is of the phase."""


def span(default: str) -> Length:
    """Return a field with a length for its default, which JSON Schema shows as it is written."""
    field: Length = Field(default=Length.parse(default), json_schema_extra={"default": default})
    return field
