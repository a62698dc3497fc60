"""What a column of records is taken for, rule by rule."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import pyarrow as pa
import pytest

from services.worker.data.profile import Levels, Profile, named_like_id


def inferred(name: str, *batches: Sequence[object]) -> str:
    profile = Profile(name)
    for values in batches:
        profile.add(pa.array(values))
    return profile.type()


@pytest.mark.parametrize(
    ("name", "values", "type_"),
    [
        ("age", ["63", "41.5", "?", "NA", ""], "number"),
        ("death", ["0", "1"] * 40, "number"),
        ("sex", ["male", "female", None], "category"),
        ("smoker", ["True", "FALSE", "true"], "category"),
        ("zip", ["01234", "99999"], "category"),
        ("note", [f"a note of its own {n}" for n in range(60)], "text"),
        ("letter", ["x" * 1001, "y"], "text"),
        ("icd", [f"I{n % 600}" for n in range(1200)], "category"),
        ("icd", [f"I{n}" for n in range(1200)], "text"),
        ("seen", ["2020-11-30", "2020-12-01T10:00:00Z", "?"], "time"),
        ("patient_id", [str(n) for n in range(60)], "id"),
        ("patientId", ["a", "b", "c"], "id"),
        ("admission_type_id", ["1", "2", "3"] * 40, "category"),
        ("unnamed_1", [str(n) for n in range(60)], "id"),
        ("empty", ["", "?", "NA"], "ignore"),
        ("age", [63, 41, None], "number"),
        ("encounter_id", [1, 2, 3], "id"),
        ("source_id", [1, 2] * 40, "category"),
        ("smoker", [True, False], "category"),
        ("seen", [datetime.date(2020, 1, 1)], "time"),
        ("codes", [["a", "b"], ["c"]], "ignore"),
        ("empty", [None, None], "ignore"),
    ],
)
def test_a_column_is_told_by_its_name_and_values(name: str, values: list[object], type_: str):
    assert inferred(name, values) == type_


def test_one_odd_value_in_ten_does_not_make_a_number_a_category():
    assert inferred("age", [str(n) for n in range(9)] + ["old"]) == "number"
    assert inferred("age", [str(n) for n in range(8)] + ["old", "older"]) == "category"


def test_batches_add_up():
    assert inferred("age", ["old"], [str(n) for n in range(9)]) == "number"
    assert inferred("age", ["", ""], ["1"]) == "number"


@pytest.mark.parametrize(
    "name", ["id", "patient_id", "patientId", "PATIENT ID", "encounter_nbr", "row.key", "sno"]
)
def test_names_of_ids_are_known(name: str):
    assert named_like_id(name)


@pytest.mark.parametrize("name", ["age", "fluid", "idle", "id_known", "paid", "", "d.time"])
def test_names_that_only_sound_like_ids_are_not(name: str):
    assert not named_like_id(name)


def test_levels_stop_counting_when_there_are_too_many():
    levels = Levels(most=2)
    levels.add(pa.array(["a", "b", "a", None]))
    assert (levels.distinct, dict(levels.counts)) == (2, {"a": 2, "b": 1})
    levels.add(pa.array(["c"]))
    assert levels.distinct is None
