"""What a form is told of a model's columns."""

import numpy as np

from shared.features.records import RecordEncoder


def test_a_form_learns_the_reference_and_the_range_of_a_number_and_the_levels_of_a_category():
    ages = np.array([40.0, 50.0, 60.0, np.nan])
    encoder = RecordEncoder.fit(
        {"age": ages}, {"sex": ["f", "f", "m", "f"]}, transform="standard", min_frequency=1
    )
    age, sex = encoder.describe_inputs()
    assert (age["name"], age["kind"], age["reference"]) == ("age", "number", 50.0)
    assert 40.0 <= float(str(age["low"])) < 41.0
    assert 59.0 < float(str(age["high"])) <= 60.0
    assert sex == {"name": "sex", "kind": "category", "reference": "f", "levels": ["f", "m"]}


def test_a_category_without_a_listed_level_has_no_reference():
    encoder = RecordEncoder.fit(
        {"age": np.array([1.0, 2.0])}, {"code": ["a", "b"]}, transform="standard", min_frequency=11
    )
    assert encoder.describe_inputs()[1]["reference"] is None
    assert encoder.describe_inputs()[1]["levels"] == []
