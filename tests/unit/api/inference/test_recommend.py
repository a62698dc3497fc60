"""Recommendations on a checkerboard: even users met even items, odd users odd ones, each but two."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.api.inference.loading import load_package
from shared.errors import GradusError, NotFound, Refused
from tests.support.packages import tiny_recommender

MODEL = load_package(tiny_recommender(), name="films", version=3, max_records=10)
EVERY = {f"i{n}" for n in range(12)}


def raw(body: object, kind: str = "recommend") -> bytes | GradusError:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    ((place, answer),) = next(iter(MODEL.answer(kind, [text])))
    assert place == 0
    return answer


def ask(body: object, kind: str = "recommend") -> dict[str, Any]:
    answer = raw(body, kind)
    assert isinstance(answer, bytes), answer
    found: dict[str, Any] = json.loads(answer)
    return found


def refusal(body: object, kind: str = "recommend") -> GradusError:
    answer = raw(body, kind)
    assert isinstance(answer, GradusError)
    return answer


def items(answer: dict[str, Any]) -> list[str]:
    return [item["item"] for item in answer["items"]]


def test_a_known_user_is_served_by_the_net_and_sees_nothing_seen():
    # u2 met the even items but 2 and 4
    answer = ask({"user": "u2", "k": 12})
    assert (answer["model"], answer["version"], answer["fallback"]) == ("films", 3, None)
    assert set(items(answer)) == EVERY - {"i0", "i6", "i8", "i10"}
    scores = [item["score"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)
    assert answer["items"][0]["title"] == "Film " + answer["items"][0]["item"][1:]


def test_fewer_items_than_asked_for_are_explained():
    assert ask({"user": "u2", "k": 12})["shortfall"] == {
        "wanted": 12,
        "came": 8,
        "reason": "the model knows 12 items, of which 4 are seen or excluded",
    }
    assert ask({"user": "u2", "k": 8})["shortfall"] is None


def test_seen_items_come_when_asked_for():
    assert set(items(ask({"user": "u2", "k": 12, "exclude_seen": False}))) == EVERY


def test_excluded_and_just_met_items_never_come():
    answer = ask({"user": "u2", "k": 12, "exclude": ["i1", "nothing"], "history": ["i3"]})
    assert set(items(answer)) == EVERY - {"i0", "i6", "i8", "i10", "i1", "i3"}
    assert answer["skipped"] == 1


def test_an_unknown_user_is_served_by_the_history():
    answer = ask({"user": "stranger", "history": ["i1", "i3"], "k": 4})
    assert answer["fallback"] == "history"
    assert set(items(answer)) == {"i5", "i7", "i9", "i11"}


def test_popular_items_with_score_0_fill_up_a_short_history():
    answer = ask({"history": ["i1"], "k": 11})
    assert set(items(answer)) == EVERY - {"i1"}
    near, rest = answer["items"][:5], answer["items"][5:]
    assert all(item["score"] > 0 for item in near)
    assert {item["item"] for item in rest} == {"i0", "i2", "i4", "i6", "i8", "i10"}
    assert {item["score"] for item in rest} == {0.0}


def test_items_of_a_history_that_are_unknown_are_skipped_and_counted():
    answer = ask({"history": ["gone", "i1", "gone too"], "k": 2})
    assert (answer["fallback"], answer["skipped"]) == ("history", 2)


def test_a_history_of_unknown_items_falls_back_to_popular():
    assert ask({"user": "stranger", "history": ["gone"], "k": 2})["fallback"] == "popular"


def test_nobody_in_particular_gets_the_popular_items_in_order():
    # 20 users: item n misses the users n, n−2 (mod 12) of its colour; 10 and 11 miss the fewest
    answer = ask({"k": 3})
    assert answer["fallback"] == "popular"
    assert [(item["item"], item["score"]) for item in answer["items"]] == [
        ("i10", 8.0),
        ("i11", 8.0),
        ("i0", 7.0),
    ]


def test_reasons_are_the_nearest_items_met_and_claim_only_nearness():
    answer = ask({"history": ["i1", "i3"], "k": 1, "explain": True})
    reasons = answer["items"][0]["reasons"]
    assert {r["item"] for r in reasons} == {"i1", "i3"}
    assert {r["relation"] for r in reasons} == {"similar to"}
    assert reasons[0]["similarity"] >= reasons[1]["similarity"]
    assert reasons[0]["title"].startswith("Film ")
    assert "reasons" not in ask({"history": ["i1"], "k": 1})["items"][0]


def test_a_batch_is_answered_in_its_order_as_each_alone():
    requests = [{"user": "u1", "k": 2}, {"k": 1}, {"history": ["i2"], "k": 3}, {"user": "u7", "k": 4}]
    results = ask({"requests": requests})["results"]
    alone = [{k: v for k, v in ask(r).items() if k not in ("model", "version")} for r in requests]
    assert results == alone


def test_whole_numbers_are_ids_as_their_decimal_text():
    assert ask({"user": 2, "history": [1]})["skipped"] == 1


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"k": 0}, ("k",)),
        ({"k": 1001}, ("k",)),
        ({"k": True}, ("k",)),
        ({"k": "10"}, ("k",)),
        ({"user": False}, ("user", "*")),
        ({"filter": {}}, ("filter",)),
        ({"requests": []}, ("requests",)),
        ({"requests": [{"k": 1}, {"k": -1}]}, ("requests", 1, "k")),
        ({"requests": [{"k": 1000}] * 21}, ("requests",)),
        ([], ()),
    ],
)
def test_a_wrong_body_is_refused_by_place(body: object, loc: tuple[object, ...]):
    found = refusal(body)
    assert isinstance(found, Refused)
    assert any(f.loc[: len(loc)] == loc or "*" in loc for f in found.findings)


def test_what_is_not_json_is_refused():
    assert refusal(b"{").code == "invalid_json"


def test_similar_items_share_users_and_never_include_the_item():
    answer = ask({"item": "i3", "k": 12}, "similar")
    assert set(items(answer)) == {"i1", "i5", "i7", "i9", "i11"}
    assert answer["shortfall"]["came"] == 5
    assert set(items(ask({"item": "i3", "k": 12, "exclude": ["i1"]}, "similar"))) == {"i5", "i7", "i9", "i11"}


def test_similar_answers_a_batch():
    results = ask({"requests": [{"item": "i3", "k": 1}, {"item": "i2", "k": 2}]}, "similar")["results"]
    assert [len(r["items"]) for r in results] == [1, 2]


def test_an_unknown_item_has_no_similar_ones():
    found = refusal({"requests": [{"item": "i3"}, {"item": "gone"}]}, "similar")
    assert isinstance(found, NotFound)
    assert found.findings[0].loc == ("requests", 1, "item")


def test_requests_of_several_bodies_keep_their_places():
    bodies = [b'{"k": 1}', b"[", b'{"k": 2}']
    answers = dict(pair for some in MODEL.answer("recommend", bodies) for pair in some)
    assert isinstance(answers[1], Refused)
    assert [len(json.loads(answers[n])["items"]) for n in (0, 2)] == [1, 2]  # type: ignore[arg-type]


def test_scoring_in_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch):
    body = {"requests": [{"user": f"u{n}", "k": 5} for n in range(9)]}
    whole = ask(body)
    monkeypatch.setattr("services.api.inference.recommend.MAX_PAIRS", 5)
    in_blocks = ask(body)
    assert [items(r) for r in in_blocks["results"]] == [items(r) for r in whole["results"]]
