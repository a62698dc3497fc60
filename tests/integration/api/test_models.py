"""Models, versions and aliases over HTTP."""

from __future__ import annotations

import httpx
import pytest

from shared.db.engine import Database
from tests.support.training import ready_dataset, running_job

MODEL = "/v1/models/films"
ALIAS = f"{MODEL}/aliases/production"


@pytest.fixture
def two_versions(client: httpx.Client, database: Database) -> None:
    """A model with two versions, the second one better, so the alias follows it."""
    dataset = ready_dataset(database)
    for ndcg in (0.4, 0.5):
        running_job(client, database, dataset=dataset).finish(100, ndcg=ndcg)


@pytest.mark.usefixtures("two_versions")
def test_a_model_shows_its_versions_and_where_its_aliases_point(client: httpx.Client) -> None:
    model = client.get(MODEL).json()
    assert (model["versions"], model["newest_version"], model["aliases"]) == (2, 2, {"production": 2})
    assert [m["name"] for m in client.get("/v1/models").json()["data"]] == ["films"]


@pytest.mark.usefixtures("two_versions")
def test_versions_are_listed_newest_first(client: httpx.Client) -> None:
    first = client.get(f"{MODEL}/versions", params={"limit": 1}).json()
    rest = client.get(f"{MODEL}/versions", params={"after": 2}).json()
    assert [(v["version"], v["aliases"]) for v in first["data"] + rest["data"]] == [
        (2, ["production"]),
        (1, []),
    ]
    assert (first["has_more"], rest["has_more"]) == (True, False)


@pytest.mark.usefixtures("two_versions")
def test_a_version_names_its_job_its_metrics_and_its_card(client: httpx.Client) -> None:
    version = client.get(f"{MODEL}/versions/1").json()
    job = client.get(f"/v1/training_jobs/{version['job']}").json()
    assert job["model_version"] == 1
    assert (version["metric"], version["metric_value"], version["card"]["net"]) == ("ndcg@10", 0.4, "mf")


@pytest.mark.usefixtures("two_versions")
def test_an_alias_is_rolled_back_and_its_history_kept(client: httpx.Client) -> None:
    etag = client.get(ALIAS).headers["etag"]
    answer = client.put(ALIAS, json={"version": 1}, headers={"If-Match": etag})
    assert (answer.status_code, answer.json()["version"]) == (200, 1)
    assert answer.headers["etag"] != etag
    changes = client.get(f"{ALIAS}/history").json()["data"]
    assert [(c["previous_version"], c["version"], c["cause"]) for c in changes] == [
        (2, 1, "put"),
        (1, 2, "publish:better"),
        (None, 1, "publish:better"),
    ]


@pytest.mark.usefixtures("two_versions")
def test_of_two_who_saw_the_same_alias_one_is_told_that_it_moved(client: httpx.Client) -> None:
    etag = client.get(ALIAS).headers["etag"]
    answers = [client.put(ALIAS, json={"version": 1}, headers={"If-Match": etag}) for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 412]
    assert answers[1].json()["code"] == "stale_revision"


@pytest.mark.usefixtures("two_versions")
@pytest.mark.parametrize(
    ("if_match", "status"), [(None, 200), ("*", 412), ('"0"', 200), ('"1"', 412), ("1", 422)]
)
def test_a_new_alias_is_made_under_the_condition_given(
    client: httpx.Client, if_match: str | None, status: int
) -> None:
    headers = {} if if_match is None else {"If-Match": if_match}
    assert client.put(f"{MODEL}/aliases/canary", json={"version": 1}, headers=headers).status_code == status


@pytest.mark.usefixtures("two_versions")
@pytest.mark.parametrize(
    ("body", "status"), [({"version": 9}, 404), ({"version": 0}, 422), ({"version": "1"}, 422), ({}, 422)]
)
def test_an_alias_points_only_at_a_version_there_is(
    client: httpx.Client, body: dict[str, object], status: int
) -> None:
    assert client.put(ALIAS, json=body).status_code == status
    assert client.get(ALIAS).json()["version"] == 2


@pytest.mark.parametrize(
    "path", ["", "/versions", "/versions/1", "/aliases/production", "/aliases/production/history"]
)
def test_a_model_that_is_not_there_is_not_found(client: httpx.Client, path: str) -> None:
    assert client.get(f"/v1/models/nothing{path}").status_code == 404


@pytest.mark.usefixtures("two_versions")
def test_the_history_of_an_alias_is_read_in_parts(client: httpx.Client) -> None:
    history = f"{ALIAS}/history"
    first = client.get(history, params={"limit": 1}).json()
    rest = client.get(history, params={"after": first["data"][0]["revision"]}).json()
    assert [c["revision"] for c in first["data"] + rest["data"]] == [2, 1]
    assert (first["has_more"], rest["has_more"]) == (True, False)


@pytest.mark.usefixtures("two_versions")
def test_each_model_of_a_list_shows_its_own_aliases(client: httpx.Client, database: Database) -> None:
    running_job(client, database, dataset=ready_dataset(database), model="books").finish(100, ndcg=0.4)
    listed = client.get("/v1/models").json()
    assert [(m["name"], m["aliases"]) for m in listed["data"]] == [
        ("books", {"production": 1}),
        ("films", {"production": 2}),
    ]
    first = client.get("/v1/models", params={"limit": 1}).json()
    assert ([m["name"] for m in first["data"]], first["has_more"]) == (["books"], True)
    rest = client.get("/v1/models", params={"after": "books"}).json()
    assert ([m["name"] for m in rest["data"]], rest["has_more"]) == (["films"], False)
