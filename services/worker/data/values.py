"""Columns as they were read into numbers, ids and texts, with a mask of the values that are none.

Shapes: N values; results are NumPy arrays of N, the mask `wrong` is true where a value is neither of the
wanted kind nor missing. Text may come coded as a dictionary; then only the distinct texts are looked at.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from services.worker.data.findings import NUMBER, Mask

MISSING = ("", "?", "NA", "NaN", "nan")
"""What records write for a missing value, blanks around it aside."""
ID_CHARACTERS = 256
_LARGEST_INTEGER = 2.0**53


class Numbers(NamedTuple):
    """float64[N], NaN where missing or wrong."""

    values: npt.NDArray[np.float64]
    wrong: Mask


def is_text(type_: pa.DataType) -> bool:
    """Say whether a column of this type holds text, coded or not."""
    return bool(pa.types.is_string(type_.value_type if pa.types.is_dictionary(type_) else type_))


def coded(column: pa.Array) -> pa.Array:
    """Return a column as a dictionary of its distinct values."""
    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()


def expand(values: npt.NDArray[Any], indices: pa.Array, *, missing: object) -> npt.NDArray[Any]:
    """Return per row what was found per distinct value; `missing` where the row has none."""
    padded = np.append(values, np.array([missing], dtype=values.dtype))
    return np.asarray(padded[indices.fill_null(len(values)).to_numpy(zero_copy_only=False)])


def without_missing(column: pa.Array) -> pa.Array:
    """Return a text column coded, blanks around values cut off, with null for what means missing."""
    column = coded(column)
    trimmed = pc.utf8_trim_whitespace(column.dictionary)
    known = pc.if_else(pc.is_in(trimmed, value_set=pa.array(MISSING)), pa.scalar(None, pa.string()), trimmed)
    again = known.dictionary_encode()
    return pa.DictionaryArray.from_arrays(again.indices.take(column.indices), again.dictionary)


def numbers(column: pa.Array) -> Numbers:
    """Read numbers: text in decimal or scientific notation, true and false as 1 and 0; infinite is wrong."""
    if pa.types.is_dictionary(column.type):
        found = numbers(column.dictionary)
        return Numbers(
            expand(found.values, column.indices, missing=np.nan),
            expand(found.wrong, column.indices, missing=False),
        )
    if pa.types.is_string(column.type):
        return _numbers_of_text(column)
    type_ = column.type
    if not (pa.types.is_integer(type_) or pa.types.is_floating(type_) or _is_exact(type_)):
        return Numbers(np.full(len(column), np.nan), present(column))
    return _finite(column.cast(pa.int8()) if pa.types.is_boolean(type_) else column, column)


def _is_exact(type_: pa.DataType) -> bool:
    return bool(pa.types.is_boolean(type_) or pa.types.is_decimal(type_) or pa.types.is_null(type_))


def _finite(column: pa.Array, original: pa.Array) -> Numbers:
    values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float64)
    wrong = np.isinf(values)
    return Numbers(np.where(wrong, np.nan, values), wrong & present(original))


def _numbers_of_text(texts: pa.Array) -> Numbers:
    try:
        values = texts.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    except pa.ArrowInvalid:
        return _numbers_one_by_one(texts)
    if np.isfinite(values).sum() == len(texts) - texts.null_count:
        return Numbers(values, np.zeros(len(texts), dtype=bool))
    return _numbers_one_by_one(texts)


def _numbers_one_by_one(texts: pa.Array) -> Numbers:
    """Read what is written as a number and mark the rest: Arrow's own parser gives up at the first."""
    lower = pc.utf8_lower(pc.utf8_trim_whitespace(texts))
    plain = pc.if_else(pc.equal(lower, "true"), "1", pc.if_else(pc.equal(lower, "false"), "0", lower))
    is_number = pc.fill_null(pc.match_substring_regex(plain, NUMBER), fill_value=False)
    parsed = pc.if_else(is_number, pc.ascii_ltrim(plain, "+"), pa.scalar(None, pa.string())).cast(
        pa.float64()
    )
    values = parsed.to_numpy(zero_copy_only=False).astype(np.float64)
    wrong = present(texts) & ~np.isfinite(values)
    return Numbers(np.where(wrong, np.nan, values), wrong)


def present(column: pa.Array) -> Mask:
    """Return which values are there."""
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False), dtype=bool)


def id_codes(column: pa.Array) -> tuple[pa.Array, Mask]:
    """Return ids coded as a dictionary of text, exactly as written, and which are none.

    An id is text of 1 to 256 characters without control characters, or a whole number.
    """
    column = coded(column)
    texts, is_id = _id_texts(column.dictionary)
    wrong = ~expand(is_id, column.indices, missing=False)
    once = texts.dictionary_encode()
    return pa.DictionaryArray.from_arrays(once.indices.take(column.indices), once.dictionary), wrong


def _id_texts(values: pa.Array) -> tuple[pa.Array, Mask]:
    if pa.types.is_integer(values.type):
        return values.cast(pa.string()), present(values)
    if pa.types.is_floating(values.type):
        floats = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
        whole = np.isfinite(floats) & (np.floor(floats) == floats) & (np.abs(floats) < _LARGEST_INTEGER)
        return pa.array(np.where(whole, floats, 0).astype(np.int64)).cast(pa.string()), whole
    if not pa.types.is_string(values.type):
        return pa.array([""] * len(values), pa.string()), np.zeros(len(values), dtype=bool)
    length = pc.utf8_length(values)
    fits = pc.and_(pc.greater(length, 0), pc.less_equal(length, ID_CHARACTERS))
    good = pc.and_(fits, pc.invert(pc.match_substring_regex(values, r"[\x00-\x1f\x7f]")))
    return values, np.asarray(pc.fill_null(good, fill_value=False).to_numpy(zero_copy_only=False), dtype=bool)
