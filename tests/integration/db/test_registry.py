from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from shared.db.aliases import alias_versions, get_alias, list_alias_changes, list_aliases, set_alias
from shared.db.engine import Connection, Database
from shared.db.job_writes import Finished, finish
from shared.db.registry import get_model, get_version, list_models, list_versions, read_package
from shared.errors import NotFound, Refused, StaleRevision
from shared.specs.job import Publish
from tests.support.rows import a_result, add_dataset, add_job, claim_one, progress_to


def train(
    cx: Connection,
    *,
    ndcg: float = 0.4,
    split: str = "split-1",
    **changes: Any,  # noqa: ANN401 - goes on to `a_result`
) -> Finished:
    """Run a whole job of the model `films` and return what it became."""
    dataset_id = changes.pop("dataset_id", None)
    job = add_job(cx, dataset_id=dataset_id)
    fence = claim_one(cx).fence
    result = a_result(job, ndcg=ndcg, split=split, **changes)
    return finish(cx, job_id=job.id, fence=fence, progress=progress_to(10), result=result)


def production(cx: Connection) -> int:
    return alias_versions(cx)["films", "production"]


def test_versions_of_a_model_are_numbered_from_one(database: Database):
    with database.begin() as cx:
        assert [train(cx).model_version for _ in range(3)] == [1, 2, 3]
        assert [row.version for row in list_versions(cx, name="films")] == [3, 2, 1]
        assert [row.version for row in list_versions(cx, name="films", limit=1, after=3)] == [2]
        (model,) = list_models(cx)
        assert (model.name, model.versions, model.newest_version) == ("films", 3, 3)
        assert get_model(cx, name="films").task == "recommend"


def test_what_does_not_exist_is_not_found(database: Database):
    with database.begin() as cx:
        for read in (
            lambda: get_model(cx, name="none"),
            lambda: list_versions(cx, name="none"),
            lambda: get_version(cx, name="none", version=1),
            lambda: read_package(cx, name="none", version=1),
        ):
            with pytest.raises(NotFound):
                read()


def test_a_model_keeps_its_task(database: Database):
    with database.begin() as cx:
        train(cx)
        job = add_job(cx, kind="diagnose")
        fence = claim_one(cx).fence
    with pytest.raises(Refused, match="does the task recommend"), database.begin() as cx:
        finish(cx, job_id=job.id, fence=fence, progress=progress_to(10), result=a_result(job))
    with database.begin() as cx:
        assert get_model(cx, name="films").versions == 1


class TestPublishing:
    def test_the_first_version_is_published(self, database: Database):
        with database.begin() as cx:
            train(cx)
            assert production(cx) == 1

    def test_a_better_one_takes_the_alias(self, database: Database):
        with database.begin() as cx:
            train(cx, ndcg=0.40)
            assert train(cx, ndcg=0.41).publication == "alias production points at version 2"
            assert production(cx) == 2

    def test_a_worse_or_equal_one_does_not_and_says_why(self, database: Database):
        with database.begin() as cx:
            train(cx, ndcg=0.40)
            assert train(cx, ndcg=0.40).publication == (
                "alias production stays at version 1: ndcg@10 is 0.4, which is not better than 0.4"
            )
            assert production(cx) == 1

    def test_a_metric_that_should_fall_is_better_when_lower(self, database: Database):
        with database.begin() as cx:
            train(cx, ndcg=0.40, higher_is_better=False)
            train(cx, ndcg=0.41, higher_is_better=False)
            assert production(cx) == 1
            train(cx, ndcg=0.39, higher_is_better=False)
            assert production(cx) == 3

    def test_one_that_could_not_be_measured_is_never_better(self, database: Database):
        with database.begin() as cx:
            train(cx, ndcg=0.40, higher_is_better=False)
            job = add_job(cx)
            unmeasured = a_result(job, ndcg=0.0, higher_is_better=False)
            unmeasured = replace(unmeasured, version=replace(unmeasured.version, metrics={}))
            fence = claim_one(cx).fence
            done = finish(cx, job_id=job.id, fence=fence, progress=progress_to(10), result=unmeasured)
            assert done.publication == (
                "alias production stays at version 1: the test part gives the new one no ndcg@10"
            )

    def test_another_split_is_not_comparable(self, database: Database):
        with database.begin() as cx:
            train(cx, ndcg=0.40)
            assert train(cx, ndcg=0.99, split="split-2").publication == (
                "alias production stays at version 1: "
                "not comparable, since the metric, the data set or the split differ"
            )

    def test_another_data_set_is_not_comparable(self, database: Database):
        with database.begin() as cx:
            train(cx, ndcg=0.40, dataset_id=add_dataset(cx))
            train(cx, ndcg=0.99, dataset_id=add_dataset(cx))
            assert production(cx) == 1

    def test_always_means_always(self, database: Database):
        with database.begin() as cx:
            train(cx, ndcg=0.40)
            train(cx, ndcg=0.10, publish=Publish(alias="production", when="always"))
            assert production(cx) == 2

    def test_a_job_may_publish_nothing(self, database: Database):
        with database.begin() as cx:
            assert train(cx, publish=None).publication == "not published: the job asked for no alias"
            assert alias_versions(cx) == {}


class TestAliases:
    def test_every_change_is_a_new_revision_on_record(self, database: Database):
        with database.begin() as cx:
            train(cx)
            train(cx)
            moved = set_alias(
                cx, model="films", alias="production", version=2, changed_by="ann", cause="promote"
            )
            set_alias(cx, model="films", alias="production", version=1, changed_by="bob", cause="rollback")
            changes = list_alias_changes(cx, model="films", alias="production")
        assert moved.revision == 2
        assert [(c.revision, c.previous_version, c.version, c.changed_by, c.cause) for c in changes] == [
            (3, 2, 1, "bob", "rollback"),
            (2, 1, 2, "ann", "promote"),
            (1, None, 1, "tester", "publish:better"),
        ]

    def test_pointing_it_where_it_points_changes_nothing(self, database: Database):
        with database.begin() as cx:
            train(cx)
            same = set_alias(cx, model="films", alias="production", version=1, changed_by="a", cause="b")
            assert same.revision == 1
            assert len(list_alias_changes(cx, model="films")) == 1

    def test_a_stale_revision_is_refused(self, database: Database):
        with database.begin() as cx:
            train(cx)
            train(cx)
            move = partial(set_alias, cx, model="films", alias="production", changed_by="a", cause="b")
            move(version=2, expected_revision=1)
            with pytest.raises(StaleRevision):
                move(version=1, expected_revision=1)

    def test_revision_zero_means_a_new_alias(self, database: Database):
        with database.begin() as cx:
            train(cx)
            create = partial(set_alias, cx, model="films", version=1, changed_by="a", cause="b")
            assert create(alias="candidate", expected_revision=0).revision == 1
            with pytest.raises(StaleRevision):
                create(alias="candidate", expected_revision=0)
            assert [one.alias for one in list_aliases(cx, model="films")] == ["candidate", "production"]

    def test_a_version_that_does_not_exist_is_not_found(self, database: Database):
        with database.begin() as cx:
            train(cx)
            with pytest.raises(NotFound):
                set_alias(cx, model="films", alias="production", version=9, changed_by="a", cause="b")
            assert get_alias(cx, model="films", alias="nothing") is None
