"""Category columns: the levels seen in training, and one code each for missing, rare and unlisted.

Levels seen fewer than `min_frequency` times are never stored: their names may identify a person. A package
can therefore not tell a rare level from a new one; both get the code of `__rare__`, which the net has learned
from rare training rows, or `__unk__` when the training rows held no rare level.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

NA, RARE, UNKNOWN = 0, 1, 2
RESERVED = ("__na__", "__rare__", "__unk__")


class CategoryColumn(BaseModel):
    """One fitted category column; the code of `levels[i]` is `3 + i`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    levels: tuple[str, ...]
    """By falling frequency in training, then by name."""
    has_rare: bool
    mode: int
    """Code of the commonest level, which stands in the reference row."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every code's name, in order."""
        return (*RESERVED, *self.levels)

    @property
    def unlisted(self) -> int:
        """Code of a level that is not listed."""
        return RARE if self.has_rare else UNKNOWN

    def codes(self) -> dict[str | None, int]:
        """Return the code of every listed value; an empty text is missing, as it is in a CSV file."""
        listed: dict[str | None, int] = {level: len(RESERVED) + i for i, level in enumerate(self.levels)}
        return {**listed, None: NA, "": NA}


def fit_category(name: str, values: Iterable[str | None], *, min_frequency: int) -> CategoryColumn:
    """Fit one column on its training values; `None` and empty text are missing."""
    counts = Counter(value for value in values if value)
    by_frequency = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    levels = tuple(level for level, count in by_frequency if count >= min_frequency)
    rare = len(levels) < len(counts)
    mode = len(RESERVED) if levels else (RARE if rare else NA)
    return CategoryColumn(name=name, levels=levels, has_rare=rare, mode=mode)
