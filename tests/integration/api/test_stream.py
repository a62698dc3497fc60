"""A curve as it grows: events without a gap, whoever comes back when."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from services.api import streams
from shared.db.engine import Database
from tests.support.gateway import Gateway
from tests.support.patience import until
from tests.support.training import TrainedJob, running_job


@dataclass(frozen=True)
class Event:
    """One event as a browser would dispatch it."""

    name: str
    id: str | None
    body: dict[str, Any]


def events(answer: httpx.Response) -> Iterator[Event]:
    name, number, body = "message", None, ""
    for line in answer.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "id":
            number = value
        elif field == "data":
            body = value
        elif not line and body:
            yield Event(name, number, json.loads(body))
            name, number, body = "message", None, ""


def follow(
    client: httpx.Client, job: TrainedJob, *, after: int | None = None, most: int = 10**9
) -> list[Event]:
    """Read a job's stream to its end, or to the first `most` points."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    found: list[Event] = []
    points = 0
    with client.stream("GET", f"/v1/training_jobs/{job.id}/curve/stream", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for event in events(answer):
            found.append(event)
            points += event.name == "point"
            if points >= most:
                break
    return found


def steps(found: list[Event]) -> list[int]:
    return [e.body["step"] for e in found if e.name == "point"]


@pytest.fixture
def job(client: httpx.Client, database: Database) -> TrainedJob:
    """A running job of 100 steps that has done none."""
    return running_job(client, database)


def test_a_finished_job_is_told_whole_and_the_stream_ends(client: httpx.Client, job: TrainedJob) -> None:
    job.progress(0, 100)
    job.evaluation(100, **{"ndcg@10": 0.5})
    job.finish(100)
    found = follow(client, job)
    assert steps(found) == list(range(100))
    assert [e.id for e in found if e.name == "point"] == [str(t) for t in range(100)]
    assert found[-1].name == "status"
    assert found[-1].body["status"] == "succeeded"
    first = next(e for e in found if e.name == "point").body
    assert (first["loss"], first["planned_lr"], first["momentum"]) == (1.0, 0.1, None)


def test_an_evaluation_stands_before_the_point_of_its_number(client: httpx.Client, job: TrainedJob) -> None:
    job.progress(0, 40)
    job.evaluation(20, **{"ndcg@10": 0.1})
    job.progress(40, 100)
    job.evaluation(100, **{"ndcg@10": 0.2})
    job.finish(100)
    order = [(e.name, e.body["step"]) for e in follow(client, job) if e.name != "status"]
    assert order.index(("evaluation", 20)) == order.index(("point", 20)) - 1
    assert order[-1] == ("evaluation", 100)


def test_a_client_that_comes_back_goes_on_right_behind_its_last_point(
    client: httpx.Client, job: TrainedJob
) -> None:
    job.progress(0, 100)
    job.finish(100)
    assert steps(follow(client, job, after=41)) == list(range(42, 100))
    assert steps(follow(client, job, after=99)) == []


def test_a_running_job_is_followed_as_it_grows(
    gateway: Gateway, client: httpx.Client, job: TrainedJob
) -> None:
    found: list[Event] = []
    reader = threading.Thread(target=lambda: found.extend(follow(client, job)))
    reader.start()
    until(lambda: gateway.app.state.services.streams.clients == 1)
    for first in range(0, 100, 10):
        job.progress(first, first + 10)
        time.sleep(0.1)
    job.finish(100)
    reader.join(timeout=15)
    assert steps(found) == list(range(100))
    shown = [e.body["status"] for e in found if e.name == "status"]
    assert (shown[0], shown[-1]) == ("running", "succeeded")


def test_reconnecting_again_and_again_loses_and_repeats_nothing(
    client: httpx.Client, job: TrainedJob
) -> None:
    def write() -> None:
        for first in range(0, 100, 5):
            job.progress(first, first + 5)
        job.finish(100)

    writing = threading.Thread(target=write)
    writing.start()
    seen: list[int] = []
    while not seen or seen[-1] < 99:
        seen += steps(follow(client, job, after=seen[-1] if seen else None, most=7))
    writing.join()
    assert seen == list(range(100))


def test_a_job_asked_to_stop_says_so_at_once(client: httpx.Client, job: TrainedJob) -> None:
    with client.stream("GET", f"/v1/training_jobs/{job.id}/curve/stream") as answer:
        told = events(answer)
        assert next(told).body["status"] == "running"
        client.post(f"/v1/training_jobs/{job.id}/cancel")
        assert next(told).body["status"] == "cancelling"


def test_many_clients_are_told_the_same_by_one_watch(
    gateway: Gateway, client: httpx.Client, job: TrainedJob
) -> None:
    job.progress(0, 50)
    found: list[list[Event]] = [[] for _ in range(6)]
    readers = [threading.Thread(target=lambda mine=mine: mine.extend(follow(client, job))) for mine in found]
    for reader in readers:
        reader.start()
    curve_streams = gateway.app.state.services.streams
    until(lambda: curve_streams.clients == 6)
    assert curve_streams.watched == 1
    job.progress(50, 100)
    job.finish(100)
    for reader in readers:
        reader.join(timeout=15)
    assert [steps(mine) for mine in found] == [list(range(100))] * 6
    until(lambda: curve_streams.clients == 0)
    assert curve_streams.watched == 0


def test_a_silent_stream_gives_signs_of_life(
    client: httpx.Client, job: TrainedJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE_SECONDS", 0.1)
    with client.stream("GET", f"/v1/training_jobs/{job.id}/curve/stream") as answer:
        assert any(line.startswith(":") for line in answer.iter_lines())


def test_a_long_stream_asks_its_client_to_come_back(
    client: httpx.Client, job: TrainedJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LIFE_SECONDS", 0.0)
    assert [e.name for e in follow(client, job)] == ["reconnect"]


def test_more_clients_than_this_process_holds_are_turned_away(
    gateway: Gateway, client: httpx.Client, job: TrainedJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.app.state.services.streams, "_max_clients", 0)
    answer = client.get(f"/v1/training_jobs/{job.id}/curve/stream")
    assert (answer.status_code, answer.json()["code"]) == (429, "overloaded")


@pytest.mark.parametrize("last", ["x", "-2", "99999999999999999999"])
def test_a_last_event_id_that_is_none_is_refused(client: httpx.Client, job: TrainedJob, last: str) -> None:
    answer = client.get(f"/v1/training_jobs/{job.id}/curve/stream", headers={"Last-Event-ID": last})
    assert answer.status_code == 422
    assert [one["loc"] for one in answer.json()["errors"]] == [["Last-Event-ID"]]
