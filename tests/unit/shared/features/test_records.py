"""One encoder for columns and records: no skew between training and serving."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import Finding, Refused
from shared.features.records import RecordEncoder
from tests.support.packages import NumberColumns, TextColumns, columns, fitted_encoder

AGES = np.array([40.0, 50.0, 60.0, np.nan])
SEXES = ["f", "f", "m", None]


def small_encoder(min_frequency: int = 1) -> RecordEncoder:
    return RecordEncoder.fit({"age": AGES}, {"sex": SEXES}, transform="standard", min_frequency=min_frequency)


def findings(record: object) -> tuple[Finding, ...]:
    with pytest.raises(Refused) as refused:
        small_encoder().encode([record])  # type: ignore[list-item]
    return refused.value.findings


def as_records(numbers: NumberColumns, texts: TextColumns) -> list[dict[str, object]]:
    rows = len(next(iter(numbers.values())))
    return [
        {n: None if np.isnan(v[row]) else float(v[row]) for n, v in numbers.items()}
        | {n: v[row] for n, v in texts.items()}
        for row in range(rows)
    ]


def test_a_record_is_encoded_as_written_by_hand():
    # mean 50, standard deviation 8.16497; codes: missing 0, rare 1, unlisted 2, f 3, m 4
    encoded = small_encoder().encode([{"age": 60, "sex": "m"}, {"sex": None}])
    assert encoded.numbers_BF.round(5).tolist() == [[np.float32(1.22474), 0.0], [0.0, 1.0]]
    assert encoded.codes_BC.tolist() == [[4], [0]]
    assert encoded.numbers_BF.dtype == np.float32
    assert encoded.codes_BC.dtype == np.int64


def test_columns_and_records_give_the_same_bits():
    numbers, texts = columns(numbers=24, categories=8, rows=300, seed=9)
    encoder = fitted_encoder(numbers=24, categories=8)
    trained, served = encoder.encode_columns(numbers, texts), encoder.encode(as_records(numbers, texts))
    assert np.array_equal(trained.numbers_BF, served.numbers_BF)
    assert np.array_equal(trained.codes_BC, served.codes_BC)


def test_arrays_of_objects_are_columns_too():
    encoder = small_encoder()
    plain = encoder.encode_columns({"age": AGES}, {"sex": SEXES})
    array = encoder.encode_columns({"age": AGES}, {"sex": np.array(SEXES, dtype=object)})
    assert np.array_equal(plain.codes_BC, array.codes_BC)


def test_requests_encoded_together_are_encoded_as_alone():
    numbers, texts = columns(numbers=5, categories=3, rows=40, seed=2)
    encoder, records = fitted_encoder(numbers=5, categories=3), as_records(numbers, texts)
    parts = [encoder.read(records[:1]), encoder.read(records[1:30]), encoder.read(records[30:])]
    together = encoder.encode_rows(parts)
    assert np.array_equal(
        together.numbers_BF, np.concatenate([encoder.encode([r]).numbers_BF for r in records])
    )


def test_json_keeps_every_bit():
    numbers, texts = columns(numbers=6, categories=2, rows=100, seed=4)
    encoder = fitted_encoder(numbers=6, categories=2)
    again = RecordEncoder.from_json(encoder.to_json())
    assert again.to_json() == encoder.to_json()
    first, second = (e.encode(as_records(numbers, texts)).numbers_BF for e in (encoder, again))
    assert np.array_equal(first, second)


def test_a_left_out_column_is_missing_and_flagged():
    encoder = small_encoder()
    encoded = encoder.encode([{}])
    assert encoder.flags(encoded) == [["missing:age", "missing:sex"]]
    assert encoder.missing_share(encoded).tolist() == [1.0]


def test_flags_name_what_is_out_of_range_or_unseen():
    encoder = small_encoder()
    encoded = encoder.encode([{"age": 99, "sex": "x"}, {"age": 50, "sex": "f"}])
    assert encoder.flags(encoded) == [["out_of_range:age", "unseen:sex"], []]


def test_rare_levels_are_not_stored_and_share_a_code_with_new_ones():
    values = ["common"] * 11 + ["a rare disease"] * 10
    encoder = RecordEncoder.fit({}, {"illness": values}, transform="standard")
    assert "a rare disease" not in encoder.to_json()
    assert encoder.encode_columns({}, {"illness": values}).codes_BC.ravel().tolist() == [3] * 11 + [1] * 10
    assert encoder.encode([{"illness": "never seen"}]).codes_BC.tolist() == [[1]]


def test_a_new_level_has_its_own_code_where_no_level_was_rare():
    encoder = RecordEncoder.fit({}, {"sex": ["f"] * 11}, transform="standard")
    assert encoder.encode([{"sex": "x"}]).codes_BC.tolist() == [[2]]


def test_an_empty_text_is_missing_as_in_a_file():
    assert small_encoder().encode([{"sex": ""}]).codes_BC.tolist() == [[0]]


def test_a_column_missing_in_nearly_all_rows_is_dropped_and_still_known():
    empty = np.full(200, np.nan)
    encoder = RecordEncoder.fit(
        {"age": np.arange(200.0), "lactate": empty}, {"note": [None] * 200}, transform="standard"
    )
    assert encoder.fitted.dropped == ("lactate", "note")
    assert encoder.column_names == ("age",)
    assert encoder.encode([{"age": 3, "lactate": 2.5, "note": "x"}]).numbers_BF.shape == (1, 1)


def test_the_reference_row_holds_medians_and_commonest_levels():
    encoder = small_encoder()
    reference = encoder.reference()
    assert reference.numbers_BF == pytest.approx(np.zeros((1, 2)), abs=1e-12)
    assert reference.codes_BC.tolist() == [[3]]


@pytest.mark.parametrize(
    ("record", "loc", "message"),
    [
        ({"age": "sixty"}, "age", "wanted a finite number or null; came text"),
        ({"age": True}, "age", "wanted a finite number or null; came a boolean"),
        ({"age": [60]}, "age", "wanted a finite number or null; came a list"),
        ({"age": float("nan")}, "age", "wanted a finite number or null; came a number that is not finite"),
        ({"age": float("inf")}, "age", "wanted a finite number or null; came a number that is not finite"),
        ({"age": 10**400}, "age", "wanted a finite number or null; came a number that is not finite"),
        ({"sex": 1}, "sex", "wanted text or null; came a number"),
        ({"sex": {}}, "sex", "wanted text or null; came an object"),
        ({"weight": 70}, "weight", "unknown column; the model was not trained on it"),
    ],
)
def test_a_wrong_value_is_refused_by_place_and_kind(record: object, loc: str, message: str):
    assert findings(record) == (Finding(("records", 0, loc), message),)


def test_a_record_that_is_no_object_is_refused():
    assert findings(["age", 60]) == (Finding(("records", 0), "wanted an object; came a list"),)


def test_every_wrong_place_of_a_record_is_named_at_once():
    assert [f.loc[-1] for f in findings({"weight": 1, "age": "x", "sex": 2})] == ["weight", "age", "sex"]


def test_a_key_that_is_no_column_name_is_not_repeated():
    assert findings({"Doe, John *1950": 1})[0].loc == ("records", 0, "*")


def test_large_finite_numbers_whose_sum_overflows_are_taken():
    encoder = RecordEncoder.fit(
        {"a": np.array([1.0, 2.0]), "b": np.array([1.0, 2.0])}, {}, transform="standard"
    )
    assert np.isfinite(encoder.encode([{"a": 1.7e308, "b": 1.7e308}]).numbers_BF).all()


def test_training_columns_must_all_be_there():
    with pytest.raises(Refused) as refused:
        small_encoder().encode_columns({}, {"sex": SEXES})
    assert refused.value.findings == (Finding(("age",), "wanted this column"),)


words = st.text("abc\n0", max_size=4)
json_values = st.none() | st.booleans() | st.integers() | st.floats() | words | st.lists(words, max_size=1)
json_objects = st.dictionaries(st.sampled_from(["age", "sex", "weight", "\n"]), json_values, max_size=4)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(record=json_objects)
def test_any_json_object_is_encoded_finitely_or_refused_by_name(record: dict[str, object]):
    encoder = small_encoder()
    try:
        encoded = encoder.encode([record])
    except Refused as refused:
        places = [f.loc[:2] for f in refused.findings]
    else:
        assert np.isfinite(encoded.numbers_BF).all()
        assert 0 <= encoded.codes_BC[0, 0] <= 4
        places = [("records", 0)]
    assert set(places) == {("records", 0)}
