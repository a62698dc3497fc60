"""What a client reads of what pydantic found."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from services.api.errors import findings_of
from services.api.inference.bodies import RecommendRequest
from services.api.wording import OF_PATTERN
from shared.lifecycle import JobStatus
from shared.specs.dataset import DatasetSpec
from shared.specs.fork import ForkSpec
from shared.specs.ids import new_uuid
from shared.specs.job import JobSpec
from shared.specs.range_test import RangeTestSpec
from shared.specs.sweep import SweepSpec

ROOT = Path(__file__).resolve().parents[3]
COSINE = {"name": "cosine", "base_lr": 0.1}
TRAINING: dict[str, Any] = {
    "model": "films",
    "dataset": f"ds_{new_uuid()}",
    "task": {"name": "recommend"},
    "net": {"name": "mf"},
}


def found(spec: type[BaseModel], body: dict[str, Any]) -> list[tuple[list[str | int], str]]:
    """Return the places and messages of what is wrong with a body."""
    with pytest.raises(ValidationError) as caught:
        spec.model_validate(body)
    return [(list(one.loc), one.message) for one in findings_of(caught.value.errors(), body, form=spec)]


def in_job(**changes: object) -> tuple[list[str | int], str]:
    """Return the one thing that is wrong with a training so changed."""
    (one,) = found(JobSpec, {**TRAINING, "schedule": COSINE, **changes})
    return one


def test_an_unknown_schedule_is_answered_at_its_name_with_those_near_it() -> None:
    place, message = in_job(schedule={"name": "cosin", "base_lr": 0.1})
    assert place == ["schedule", "name"]
    assert message.startswith("wanted one of constant, step, ")
    assert message.endswith("; did you mean cosine or flat_cosine?")
    phases = [{"name": "linear", "duration": "1ep"}, {"name": "qqqqq", "duration": "rest"}]
    place, message = in_job(schedule={"base_lr": 0.1, "phases": phases})
    assert place == ["schedule", "phases", 1, "name"]
    assert "did you mean" not in message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("plateau", "plateau goes under feedback"),
        ("greedy", "greedy goes under feedback"),
        ("manual", "manual is asked of a job that runs: POST /v1/training_jobs/{id}/lr_events"),
    ],
)
def test_what_is_no_phase_is_sent_where_it_belongs(name: str, message: str) -> None:
    assert in_job(schedule={"name": name, "base_lr": 0.1}) == (["schedule", "name"], message)


def test_a_phase_is_no_feedback() -> None:
    place, message = in_job(schedule={**COSINE, "feedback": {"name": "cosine"}})
    assert (place, message) == (["schedule", "feedback", "name"], "cosine goes under phases")
    assert in_job(net={"name": "neuMF"})[1] == "wanted one of mf, neumf, mlp; did you mean neumf?"


def test_a_phase_without_a_name_is_asked_for_it() -> None:
    wanted = (["schedule", "phases", 0, "name"], "this field is required")
    assert in_job(schedule={"base_lr": 0.1, "phases": [{"duration": "rest"}]}) == wanted


def test_a_schedule_that_is_no_object_is_answered_with_one() -> None:
    wanted = 'wanted an object such as {"name": "cosine", "base_lr": 0.01}'
    assert in_job(schedule="cosine") == (["schedule"], wanted)
    phases = {"base_lr": 0.1, "phases": ["cosine"]}
    wanted = 'wanted an object such as {"name": "cosine", "duration": "rest"}'
    assert in_job(schedule=phases) == (["schedule", "phases", 0], wanted)
    assert in_job(task="recommend") == (["task"], "wanted an object")


def test_ids_and_names_are_asked_for_in_words() -> None:
    assert in_job(dataset="films") == (["dataset"], "wanted the id of a data set, ds_ and a UUID")
    assert in_job(model="Films")[1].startswith("wanted at most 64 of a-z, 0-9")
    wanted = "wanted last, best or the id of a checkpoint, ckpt_ and a UUID"
    assert found(ForkSpec, {"checkpoint": "newest"}) == [(["checkpoint"], wanted)]


def test_every_pattern_has_its_words() -> None:
    files = [*(ROOT / "shared").rglob("*.py"), *(ROOT / "services" / "api").rglob("*.py")]
    used = {p for f in files for p in re.findall(r'pattern=r"([^"]+)"', f.read_text(encoding="utf-8"))}
    assert len(used) >= 10
    assert used == set(OF_PATTERN)


def test_what_stands_beside_a_job_is_not_looked_for_in_it() -> None:
    body = {"job": {**TRAINING, "seed": 3, "schedule": COSINE}}
    told = {tuple(place): message for place, message in found(SweepSpec, {**body, "schedules": []})}
    assert "seeds stands beside job" in told["job", "seed"]
    assert "schedules beside job" in told["job", "schedule"]
    ((place, message),) = found(RangeTestSpec, body)
    assert place == ["job", "schedule"]
    assert "a range test makes its own" in message


PUBLISH = 'wanted an object or "never"'
LR = 'wanted a number or "previous"'


@pytest.mark.parametrize(
    ("body", "place", "message"),
    [
        ({"publish": "yes"}, ["publish"], PUBLISH),
        ({"publish": 3}, ["publish"], PUBLISH),
        ({"publish": []}, ["publish"], PUBLISH),
        ({"publish": "nevr"}, ["publish"], PUBLISH + "; did you mean never?"),
        ({"publish": {"when": "sometimes"}}, ["publish", "when"], "wanted one of always, better"),
        ({"publish": {"alies": "x"}}, ["publish", "alies"], "no such field; did you mean alias?"),
        ({"schedule": {**COSINE, "lr": "before"}}, ["schedule", "lr"], LR),
        ({"schedule": {**COSINE, "lr": [1]}}, ["schedule", "lr"], LR),
        ({"schedule": {**COSINE, "lr": {}}}, ["schedule", "lr"], LR),
        ({"schedule": {**COSINE, "lr": -1}}, ["schedule", "lr"], "wanted at least 0"),
        (
            {"schedule": {"phases": [{"name": "cosine", "duration": "rest", "lr": "previos"}]}},
            ["schedule", "phases", 0, "lr"],
            LR + "; did you mean previous?",
        ),
    ],
)
def test_a_value_that_takes_several_forms_is_told_once_at_its_field(
    body: dict[str, Any], place: list[str | int], message: str
) -> None:
    assert found(ForkSpec, body) == [(place, message)]


@pytest.mark.parametrize(
    ("user", "message"),
    [
        (True, "wanted text or a whole number"),
        (1.5, "wanted text or a whole number"),
        ([1], "wanted text or a whole number"),
        ("", "wanted at least 1 character"),
        (2**64, "wanted less than 18446744073709551616"),
    ],
)
def test_an_id_is_text_or_a_whole_number(user: object, message: str) -> None:
    assert found(RecommendRequest, {"user": user}) == [(["user"], message)]
    assert found(RecommendRequest, {"history": ["a", user]}) == [(["history", 1], message)]


@pytest.mark.parametrize(
    ("changes", "place", "near"),
    [
        ({"epoch": 3}, ["epoch"], "epochs"),
        ({"net": {"name": "mf", "embeding_dim": 3}}, ["net", "embeding_dim"], "embedding_dim"),
        ({"task": {"name": "diagnose", "target": "died", "exlude": []}}, ["task", "exlude"], "exclude"),
        ({"task": {"name": "recommend", "feedbak": "explicit"}}, ["task", "feedbak"], "feedback"),
        ({"schedule": {**COSINE, "eta_mn": 0}}, ["schedule", "eta_mn"], "eta_min"),
        ({"schedule": {"name": "cosine", "base_Ir": 0.1}}, ["schedule", "base_Ir"], "base_lr"),
        ({"schedule": {**COSINE, "grups": {}}}, ["schedule", "grups"], "groups"),
        (
            {"schedule": {**COSINE, "groups": {"head": {"lr_mul": 1}}}},
            ["schedule", "groups", "head", "lr_mul"],
            "lr_mult",
        ),
        (
            {"schedule": {"name": "one_cycle", "max_lr": 0.1, "momentum": {"base_momentm": 0.8}}},
            ["schedule", "momentum", "base_momentm"],
            "base_momentum",
        ),
        (
            {"schedule": {"base_lr": 0.1, "phases": [{"name": "cosine", "duratoin": "1ep"}]}},
            ["schedule", "phases", 0, "duratoin"],
            "duration",
        ),
    ],
)
def test_a_field_that_is_not_there_is_answered_with_those_near_it(
    changes: dict[str, Any], place: list[str | int], near: str
) -> None:
    told = {tuple(at): message for at, message in found(JobSpec, {**TRAINING, **changes})}
    assert told[tuple(place)].startswith("no such field; did you mean ")
    assert near in told[tuple(place)]


def test_what_a_phase_does_not_share_with_its_schedule_is_not_offered_to_it() -> None:
    phases = [{"name": "cosine", "duration": "rest", "grups": {}}]
    assert in_job(schedule={"base_lr": 0.1, "phases": phases})[1] == "no such field"
    assert in_job(qqqqq=1) == (["qqqqq"], "no such field")


@pytest.mark.parametrize("schedule", [{}, {"base_lr": 0.1}, {"nmae": "cosine", "base_lr": 0.1}])
def test_a_schedule_in_neither_form_is_told_both(schedule: dict[str, Any]) -> None:
    wanted = "wanted name, for a schedule of one phase, or phases; neither came"
    assert in_job(schedule=schedule) == (["schedule"], wanted)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("-3ep", "a length cannot be negative: write 500st or 2ep"),
        (300, "a length needs a unit: write 500st or 2ep"),
        ("300", "a length needs a unit: write 500st or 2ep"),
        ("5%", "how much longer to train is written as 500st or 2ep"),
        ("rest", "how much longer to train is written as 500st or 2ep"),
    ],
)
def test_a_fork_is_offered_only_the_lengths_that_it_takes(steps: object, message: str) -> None:
    assert found(ForkSpec, {"steps": steps}) == [(["steps"], message)]


class Menus(BaseModel):
    """A field for every way to ask for one of several, and for a number or a length within limits."""

    level: Literal["module", "layer", "op"] = "layer"
    status: JobStatus = JobStatus.QUEUED
    only: Literal["never"] = "never"
    three: Literal[1, 2, 3] = 1
    share: Annotated[float, Field(ge=0, lt=1)] = 0
    count: Annotated[int, Field(gt=0, le=2**31)] = 1
    name: Annotated[str, Field(min_length=1)] = "x"
    hidden: Annotated[list[int], Field(max_length=2)] = []
    flag: bool = False


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"level": "foo"}, "wanted one of module, layer, op"),
        ({"level": "layers"}, "wanted one of module, layer, op; did you mean layer?"),
        ({"level": 3}, "wanted one of module, layer, op"),
        (
            {"status": "paussed"},
            "wanted one of queued, running, paused, succeeded, failed, cancelled; did you mean paused?",
        ),
        ({"only": "always"}, "wanted never"),
        ({"three": 4}, "wanted one of 1, 2, 3"),
        ({"share": -1}, "wanted at least 0"),
        ({"share": 1}, "wanted less than 1"),
        ({"share": "much"}, "wanted a number"),
        ({"count": 0}, "wanted more than 0"),
        ({"count": 2**32}, "wanted at most 2147483648"),
        ({"count": 1.5}, "wanted a whole number"),
        ({"name": ""}, "wanted at least 1 character"),
        ({"name": 7}, "wanted text"),
        ({"hidden": [1, 2, 3]}, "wanted at most 2 items"),
        ({"flag": "maybe"}, "wanted true or false"),
    ],
)
def test_a_menu_is_told_whole_and_a_limit_in_our_words(body: dict[str, Any], message: str) -> None:
    assert found(Menus, body) == [([*body], message)]


@pytest.mark.parametrize("value", [{"type": "number"}, 7, None])
def test_the_type_of_a_column_is_asked_for_with_those_there_are(value: object) -> None:
    body = {"name": "ward", "kind": "records", "columns": {"a": value}}
    ((place, message),) = found(DatasetSpec, body)
    assert place == ["columns", "a"]
    assert "one of id, number, category, time, text, ignore, as in" in message
    assert '{"age": "number"}' in message
