"""Predictions over HTTP from packages in Postgres: served, swapped, and served on without it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from services.api.main import create_app
from shared.db.aliases import set_alias
from shared.db.blobs import write_chunks
from shared.db.engine import Database
from shared.db.registry import NewVersion, Score, add_version
from shared.specs.ids import new_uuid
from tests.support.gateway import Gateway, gateway_settings, serving
from tests.support.packages import tiny_diagnosis, tiny_recommender
from tests.support.patience import until
from tests.support.rows import add_job

RECORD = {"record": {"n0": 1.0, "n1": 11.0, "c0": "a"}}


def publish(database: Database, *, model: str, task: str, package: bytes) -> int:
    """Add a version made of a package and point the production alias at it."""
    with database.begin() as cx:
        package_id: UUID = new_uuid()
        write_chunks(cx, table="package_chunk", owner_id=package_id, payload=package)
        new = NewVersion(
            model=model,
            task=task,
            job_id=add_job(cx, kind=task, model=model).id,
            dataset_id=None,
            dataset_version=None,
            score=Score(metric="auroc", value=0.8, higher_is_better=True, split_sha256="00"),
            metrics={},
            card={},
            package_id=package_id,
            package=package,
        )
        version = add_version(cx, new=new)
        set_alias(cx, model=model, alias="production", version=version, changed_by="tester", cause="put")
    return version


@dataclass(frozen=True)
class Served:
    """A client of a gateway that serves a diagnosis model and a recommender under names of one test."""

    client: httpx.Client
    database: Database
    wards: str
    films: str

    def post(self, model: str, call: str, body: object, **params: str | int) -> httpx.Response:
        return self.client.post(f"/v1/models/{model}/{call}", json=body, params=params)

    def diagnosed_by(self) -> int:
        """Return the version that answers a diagnosis, which must never fail."""
        answer = self.post(self.wards, "diagnose", RECORD).raise_for_status()
        return int(answer.json()["version"])


@pytest.fixture
def served(client: httpx.Client, database: Database) -> Served:
    mark = secrets.token_hex(4)
    made = Served(client, database, f"wards-{mark}", f"films-{mark}")
    publish(database, model=made.wards, task="diagnose", package=tiny_diagnosis())
    publish(database, model=made.films, task="recommend", package=tiny_recommender())
    return made


def test_a_diagnosis_names_its_version_and_is_not_stored(served: Served) -> None:
    answer = served.post(served.wards, "diagnose", RECORD)
    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert (body["model"], body["version"]) == (served.wards, 1)
    assert 0.0 < body["predictions"][0]["probability"] < 1.0
    assert "medical device" in body["notice"]
    assert answer.headers["cache-control"] == "no-store"


def test_a_recommendation_brings_titles(served: Served) -> None:
    body = served.post(served.films, "recommend", {"user": "u1", "k": 3}).json()
    assert len(body["items"]) == 3
    assert all(item["title"].startswith("Film ") for item in body["items"])
    assert body["fallback"] is None


def test_similar_items_are_near(served: Served) -> None:
    # Everybody who clicked an even item clicked even items only.
    body = served.post(served.films, "similar", {"item": "i2", "k": 2}).json()
    assert all(int(item["item"][1:]) % 2 == 0 for item in body["items"])
    assert len(body["items"]) == 2


def test_a_version_can_be_named_by_number_or_alias_but_not_both(served: Served) -> None:
    films = served.films
    assert served.post(films, "recommend", {}, version=1).json()["version"] == 1
    assert served.post(films, "recommend", {}, alias="production").json()["version"] == 1
    assert served.post(films, "recommend", {}, version=7).status_code == 404
    assert served.post(films, "recommend", {}, alias="staging").status_code == 404
    both = served.post(films, "recommend", {}, version=1, alias="production")
    assert (both.status_code, both.json()["errors"][0]["loc"]) == (422, ["version"])


def test_a_promoted_version_takes_over_without_a_failed_request(served: Served) -> None:
    assert served.diagnosed_by() == 1
    publish(served.database, model=served.wards, task="diagnose", package=tiny_diagnosis(seed=1))
    until(lambda: served.diagnosed_by() == 2)
    alias = f"/v1/models/{served.wards}/aliases/production"
    assert served.client.put(alias, json={"version": 1}).status_code == 200
    until(lambda: served.diagnosed_by() == 1)


def test_who_moves_an_alias_is_answered_by_its_version_from_the_next_request_on(
    database_url: str, database: Database, tmp_path: Path
) -> None:
    for seed in (0, 1):
        publish(database, model="wards", task="diagnose", package=tiny_diagnosis(seed=seed))
    app = create_app(gateway_settings(database_url, tmp_path, model_poll_seconds=3600.0))
    with serving(app) as url, Gateway(url, app, database).client() as client:
        served = Served(client, database, "wards", "none")
        assert served.diagnosed_by() == 2
        for version in (1, 2, 1):
            put = client.put("/v1/models/wards/aliases/production", json={"version": version})
            assert (put.status_code, served.diagnosed_by()) == (200, version)


def test_what_cannot_be_answered_is_refused_as_a_problem(served: Served) -> None:
    for model, call, content, status in (
        (served.wards, "diagnose", b"{", 422),
        (served.wards, "diagnose", b"", 422),
        (served.wards, "diagnose", b'{"record": {"n0": "CANARY"}}', 422),
        (served.wards, "diagnose", b'{"records": []}', 422),
        (served.wards, "diagnose", b'{"record": {"n0": 1e309}}', 422),
        (served.wards, "diagnose", b'{"record": {"n0": 1' + b"0" * 400 + b"}}", 422),
        (served.wards, "recommend", b"{}", 422),
        (served.films, "recommend", b'{"k": 0}', 422),
        ("nothing", "recommend", b"{}", 404),
    ):
        answer = served.client.post(f"/v1/models/{model}/{call}", content=content)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert "CANARY" not in answer.text


def test_numbers_of_any_size_are_answered_as_the_ends_of_the_range_are(served: Served):
    """The encoder holds what a net is given to the ends of its map; the flag says so."""
    known = {"n1": 11.0, "c0": "a"}
    sizes = [1e30, 1e200, 1.7976931348623157e308, 10**308]
    for sign in (1, -1):
        records = [{**known, "n0": sign * size} for size in sizes]
        answer = served.post(served.wards, "diagnose", {"records": records, "explain": True})
        assert answer.status_code == 200, answer.text
        found = answer.json()["predictions"]
        assert all(prediction == found[0] for prediction in found)
        assert found[0]["flags"] == ["out_of_range:n0"]
        assert 0.0 < found[0]["probability"] < 1.0
