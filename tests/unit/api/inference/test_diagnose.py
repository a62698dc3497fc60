"""Diagnoses of a tiny net: probabilities, flags, intervals, contributions."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.inference.answers import Loaded
from services.api.inference.loading import load_package
from shared.errors import Finding, GradusError, Refused
from shared.features.archive import pack, unpack
from tests.support.packages import tiny_diagnosis

MODEL = load_package(tiny_diagnosis(numbers=4, categories=2), name="died", version=2, max_records=5)
RECORD = {"n0": 0.5, "n1": 11.0, "n2": 19.0, "n3": 33.0, "c0": "a", "c1": "b"}


def answers(*bodies: object) -> list[bytes | GradusError]:
    texts = [b if isinstance(b, bytes) else json.dumps(b).encode() for b in bodies]
    found = dict(pair for some in MODEL.answer("diagnose", texts) for pair in some)
    return [found[place] for place in range(len(bodies))]


def ask(body: object) -> dict[str, Any]:
    (answer,) = answers(body)
    assert isinstance(answer, bytes), answer
    found: dict[str, Any] = json.loads(answer)
    return found


def refusal(body: object) -> Refused:
    (answer,) = answers(body)
    assert isinstance(answer, Refused)
    return answer


def logit(probability: float) -> float:
    return math.log(probability / (1.0 - probability))


def test_an_answer_says_who_gave_it_and_that_it_is_no_medical_device():
    answer = ask({"record": RECORD})
    assert (answer["model"], answer["version"]) == ("died", 2)
    assert "not a medical device" in answer["notice"]
    assert answer["outcome"] == {"target": "died", "positive": "1", "rows": 400, "base_rate": 0.25}
    (prediction,) = answer["predictions"]
    assert 0.0 < prediction["probability"] < 1.0
    assert 0.0 <= prediction["interval"]["low"] < prediction["interval"]["high"] <= 1.0
    assert (prediction["flags"], prediction["missing_share"]) == ([], 0.0)


def with_intervals(**table: object) -> Loaded:
    package = unpack(tiny_diagnosis(numbers=4, categories=2))
    bins = {
        "method": "by hand",
        "level": 0.95,
        "edges": [],
        "low": [0.0],
        "high": [1.0],
        "rows": [60],
        **table,
    }
    blob = pack({**package.files, "intervals.json": json.dumps(bins).encode()}, package.manifest)
    return load_package(blob, name="died", version=2, max_records=5)


def first_prediction(model: Loaded) -> dict[str, Any]:
    ((_, answer),) = next(iter(model.answer("diagnose", [json.dumps({"record": RECORD}).encode()])))
    assert isinstance(answer, bytes), answer
    found: dict[str, Any] = json.loads(answer)["predictions"][0]
    return found


@pytest.mark.parametrize(
    ("low", "high", "flags"),
    [(0.0, 1.0, []), (0.0, 1e-6, ["outside_interval"]), (1.0 - 1e-6, 1.0, ["outside_interval"])],
    ids=["inside", "above", "below"],
)
def test_a_probability_outside_its_interval_is_flagged(low: float, high: float, flags: list[str]):
    prediction = first_prediction(with_intervals(low=[low], high=[high]))
    assert prediction["flags"] == flags
    assert prediction["interval"] == {"low": low, "high": high, "rows": 60}


def test_the_bounds_of_an_interval_are_inside_it():
    p = first_prediction(with_intervals())["probability"]
    assert first_prediction(with_intervals(low=[p], high=[p]))["flags"] == []


def test_the_rows_are_those_of_the_bin_of_the_score():
    p = first_prediction(with_intervals())["probability"]
    table = {"low": [0.0, 0.0], "high": [1.0, 1.0], "rows": [31, 47]}
    assert first_prediction(with_intervals(edges=[p / 2], **table))["interval"]["rows"] == 47
    assert first_prediction(with_intervals(edges=[(1 + p) / 2], **table))["interval"]["rows"] == 31


def test_flags_name_what_is_missing_unseen_or_out_of_range():
    (prediction,) = ask({"record": {**RECORD, "n0": 1e9, "n1": None, "c1": "never"}})["predictions"]
    assert prediction["flags"] == ["out_of_range:n0", "missing:n1", "unseen:c1"]
    assert prediction["missing_share"] == pytest.approx(1 / 6)


def test_records_are_answered_in_their_order_as_each_alone():
    records = [RECORD, {}, {**RECORD, "n0": -2.0}]
    together = [p["probability"] for p in ask({"records": records})["predictions"]]
    alone = [ask({"record": r})["predictions"][0]["probability"] for r in records]
    assert together == alone
    assert len(set(together)) == 3


def test_one_bad_request_does_not_touch_those_beside_it():
    good, bad, explained = answers(
        {"record": RECORD}, {"record": {"n0": "x"}}, {"record": RECORD, "explain": True}
    )
    assert isinstance(bad, Refused)
    assert isinstance(good, bytes)
    assert isinstance(explained, bytes)
    assert json.loads(good)["predictions"][0]["probability"] == pytest.approx(
        json.loads(explained)["predictions"][0]["probability"], abs=1e-7
    )


@pytest.mark.parametrize("record", [RECORD, {}, {**RECORD, "n0": None, "c0": "never", "n3": 1e6}])
def test_contributions_sum_to_the_distance_from_the_reference_in_logits(record: dict[str, object]):
    answer = ask({"record": record, "explain": True})
    (prediction,) = answer["predictions"]
    total = sum(c["contribution"] for c in prediction["contributions"])
    assert total == pytest.approx(logit(prediction["probability"]) - answer["reference_logit"], abs=1e-9)
    sizes = [abs(c["contribution"]) for c in prediction["contributions"]]
    assert sizes == sorted(sizes, reverse=True)
    assert all((c["contribution"] > 0) == (c["direction"] == "raises") for c in prediction["contributions"])


def test_the_same_question_gets_the_same_bytes():
    body = {"records": [RECORD, {}], "explain": True}
    assert answers(body) == answers(body)


ANY_SIZE = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**308), 10**308)


@given(st.dictionaries(st.sampled_from(["n0", "n1", "n2", "n3"]), ANY_SIZE))
def test_numbers_of_any_size_have_a_probability_and_contributions(numbers: dict[str, float]):
    (prediction,) = ask({"record": {**RECORD, **numbers}, "explain": True})["predictions"]
    assert 0.0 < prediction["probability"] < 1.0
    assert all(math.isfinite(c["contribution"]) for c in prediction["contributions"])


def test_contributions_come_only_when_asked_for():
    assert "contributions" not in ask({"record": RECORD, "explain": False})["predictions"][0]


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        ({}, Finding(("records",), "wanted either record or records")),
        ({"record": {}, "records": [{}]}, Finding(("records",), "wanted either record or records")),
        ({"records": []}, Finding(("records",), "wanted 1 to 5 records; came 0")),
        ({"records": [{}] * 6}, Finding(("records",), "wanted 1 to 5 records; came 6")),
        ({"records": {}}, Finding(("records",), "wanted a list; came an object")),
        ({"record": 5}, Finding(("record",), "wanted an object; came a number")),
        ({"record": {}, "explain": 1}, Finding(("explain",), "wanted a boolean; came a number")),
        ({"record": {"n0": "Jane"}}, Finding(("record", "n0"), "wanted a finite number or null; came text")),
        (
            {"records": [{}, {"c0": 4}]},
            Finding(("records", 1, "c0"), "wanted text or null; came a number"),
        ),
        (["record"], Finding((), "wanted an object; came a list")),
    ],
)
def test_a_wrong_body_is_refused_by_place_and_kind(body: object, finding: Finding):
    assert refusal(body).findings == (finding,)


def test_an_unknown_field_is_refused():
    assert refusal({"record": {}, "filter": 1}).findings[0].loc == ("filter",)


def test_a_field_that_may_be_a_value_is_not_repeated():
    assert refusal({"record": {}, "Doe, Jane *1950": 1}).findings[0].loc == ("*",)


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"record": {"n0": NaN}}', b'{"record": {"n0": 1e999}}', b"\xff"]
)
def test_what_is_not_json_is_refused(body: bytes):
    assert refusal(body).code == "invalid_json"
