"""Models come, swap and go while requests keep being answered."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.api.inference import Inference
from services.api.inference.answers import Answers
from shared.errors import NotFound, Overloaded, Refused, Unavailable
from shared.features.archive import pack, unpack
from shared.settings import Settings
from tests.support.packages import tiny_diagnosis, tiny_recommender

BODY = json.dumps({"record": {"n0": 0.5}}).encode()
GOOD = {1: tiny_diagnosis(seed=1), 2: tiny_diagnosis(seed=2)}


def spoiled(blob: bytes) -> bytes:
    """Return a package, sealed correctly, whose goldens are another net's."""
    package, other = unpack(blob), unpack(tiny_diagnosis(seed=9))
    files = {**package.files, "goldens.safetensors": other.file("goldens.safetensors")}
    return pack(files, package.manifest)


class Registry:
    """Packages and aliases in memory, as the database would give them."""

    def __init__(self, packages: dict[tuple[str, int], bytes], aliases: dict[tuple[str, str], int]) -> None:
        self.packages, self.aliases = packages, aliases
        self.fetched: list[tuple[str, int]] = []
        self.away = False

    def fetch(self, model: str, version: int) -> bytes:
        self.fetched.append((model, version))
        if (model, version) not in self.packages:
            raise NotFound("no such version")
        return self.packages[model, version]

    def named(self) -> dict[tuple[str, str], int]:
        if self.away:
            raise Unavailable("the database does not answer")
        return dict(self.aliases)


def registry(versions: dict[int, bytes] | None = None, production: int = 1) -> Registry:
    packages = {("died", version): blob for version, blob in (versions or GOOD).items()}
    return Registry(packages, {("died", "production"): production})


@contextmanager
def running(source: Registry, **changes: object) -> Iterator[Inference]:
    settings = Settings.model_validate({"model_poll_seconds": 0.02, **changes})
    inference = Inference(settings, source.fetch, source.named)
    inference.start()
    yield inference
    inference.stop()


def answered(call: Coroutine[Any, Any, bytes]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(asyncio.run(call))
    return found


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until, "it did not happen within 10 s"
        time.sleep(0.01)


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_the_default_alias_answers_and_says_its_version():
    with running(registry()) as inference:
        assert answered(inference.diagnose("died", BODY))["version"] == 1


def test_a_version_can_be_asked_for_by_number():
    with running(registry()) as inference:
        assert answered(inference.diagnose("died", BODY, version=2))["version"] == 2


def test_a_model_published_this_moment_answers_at_once():
    source = registry()
    source.aliases.clear()
    with running(source, model_poll_seconds=60.0) as inference:
        eventually(lambda: inference.ready)
        source.aliases["died", "production"] = 1
        assert answered(inference.diagnose("died", BODY))["version"] == 1


@pytest.mark.parametrize(
    "which", [{"alias": "nobody"}, {"version": 99}], ids=["an unknown alias", "an unknown version"]
)
def test_what_does_not_exist_is_not_found(which: dict[str, Any]):
    with running(registry()) as inference, pytest.raises(NotFound):
        asyncio.run(inference.diagnose("died", BODY, **which))


def test_an_unknown_model_is_not_found_and_makes_no_metric():
    with running(registry()) as inference, pytest.raises(NotFound):
        asyncio.run(inference.diagnose("a stranger", BODY))
    assert not any(
        sample.labels.get("model") == "a stranger"
        for family in REGISTRY.collect()
        for sample in family.samples
    )


def test_a_diagnosis_model_recommends_nothing():
    source = registry()
    source.packages["films", 1] = tiny_recommender()
    with running(source) as inference:
        with pytest.raises(Refused) as refused:
            asyncio.run(inference.recommend("died", b"{}"))
        assert refused.value.code == "wrong_kind_of_model"
        assert answered(inference.recommend("films", b'{"k": 2}', version=1))["fallback"] == "popular"


def test_a_moved_alias_is_noticed_and_can_be_rolled_back():
    source = registry()
    with running(source) as inference:
        for version in (2, 1):
            source.aliases["died", "production"] = version
            eventually(lambda v=version: answered(inference.diagnose("died", BODY))["version"] == v)  # type: ignore[misc]
    assert source.fetched == [("died", 1), ("died", 2)], "a rollback finds the old version in memory"


def test_after_following_the_next_request_meets_the_version_an_alias_was_moved_to():
    source = registry()
    with running(source, model_poll_seconds=60.0) as inference:
        eventually(lambda: inference.ready)
        for version in (2, 1, 2):
            source.aliases["died", "production"] = version
            assert inference.follow(within_seconds=10.0)
            assert inference._shelf.get(("died", version)) is not None
            assert answered(inference.diagnose("died", BODY))["version"] == version


def test_following_gives_up_in_time_when_the_database_is_away():
    source = registry()
    with running(source, model_poll_seconds=60.0) as inference:
        eventually(lambda: inference.ready)
        source.away = True
        began = time.monotonic()
        assert not inference.follow(within_seconds=0.1)
        assert time.monotonic() - began < 5.0
        assert answered(inference.diagnose("died", BODY))["version"] == 1


@pytest.mark.parametrize("bad", [spoiled(GOOD[2]), GOOD[2][:-1], b""], ids=["goldens", "bytes", "nothing"])
def test_a_version_that_fails_its_check_leaves_the_old_one_serving(bad: bytes):
    source = registry({1: GOOD[1], 2: bad})
    failed = metric("gradus_model_loads_total", result="failed")
    with running(source) as inference:
        eventually(lambda: inference.ready)
        source.aliases["died", "production"] = 2
        eventually(lambda: metric("gradus_model_loads_total", result="failed") > failed)
        time.sleep(0.1)
        assert answered(inference.diagnose("died", BODY))["version"] == 1
        with pytest.raises(Unavailable, match="failed its check"):
            asyncio.run(inference.diagnose("died", BODY, version=2))
    assert source.fetched.count(("died", 2)) == 1, "bytes that failed are not fetched again at every poll"
    assert metric("gradus_model_loads_total", result="failed") == failed + 1


def test_a_first_version_that_fails_its_check_is_unavailable():
    with running(registry({1: spoiled(GOOD[1])})) as inference, pytest.raises(Unavailable):
        asyncio.run(inference.diagnose("died", BODY))


def test_predictions_go_on_while_the_database_is_away():
    source = registry()
    with running(source) as inference:
        eventually(lambda: inference.ready)
        source.away = True
        time.sleep(0.1)
        assert answered(inference.diagnose("died", BODY))["version"] == 1
        with pytest.raises(Unavailable):
            asyncio.run(inference.diagnose("unheard of", BODY))


def test_swapping_under_load_fails_no_request():
    source = registry()

    async def client(inference: Inference, until: float) -> list[int]:
        versions = []
        while time.monotonic() < until:
            answer = json.loads(await inference.diagnose("died", BODY))
            versions.append(answer["version"])
        return versions

    async def load(inference: Inference) -> list[list[int]]:
        until = time.monotonic() + 1.5
        clients = [asyncio.create_task(client(inference, until)) for _ in range(8)]
        while time.monotonic() < until:
            source.aliases["died", "production"] = 3 - source.aliases["died", "production"]
            await asyncio.sleep(0.06)
        return await asyncio.gather(*clients)

    with running(source, models_resident=1) as inference:
        eventually(lambda: inference.ready)
        runs = asyncio.run(load(inference))
    seen = [version for versions in runs for version in versions]
    assert set(seen) == {1, 2}
    assert len(seen) > 100


def test_the_least_recently_used_version_leaves_memory():
    source = registry(dict.fromkeys((1, 2, 3), GOOD[1]))
    with running(source, models_resident=2) as inference:
        for version in (1, 2, 1, 3, 1, 2):
            assert answered(inference.diagnose("died", BODY, version=version))["version"] == version
        sha = unpack(GOOD[1]).sha256[:12]
        in_memory = {v: metric("gradus_model_loaded_info", model="died", version=v, sha=sha) for v in "123"}
    assert source.fetched == [("died", 1), ("died", 2), ("died", 3), ("died", 2)]
    assert in_memory == {"1": 1.0, "2": 1.0, "3": 0.0}


class Gate:
    """Stands before a model in memory and holds every batch until it is opened."""

    def __init__(self, inference: Inference, error: Exception | None = None) -> None:
        model = inference._shelf.get(("died", 1))
        assert model is not None
        self.model, self.answer, self.error = model, model.answer, error
        self.entered, self.opened = threading.Event(), threading.Event()
        self.sizes: list[int] = []
        model.answer = self.hold  # type: ignore[method-assign]

    def hold(self, kind: str, bodies: Sequence[bytes]) -> Iterator[Answers]:
        self.entered.set()
        assert self.opened.wait(10)
        self.sizes.append(len(bodies))
        if self.error is not None:
            raise self.error
        return self.answer(kind, bodies)

    async def busy(self, inference: Inference) -> asyncio.Task[bytes]:
        """Return a request that the prediction thread is held at."""
        task = asyncio.create_task(inference.diagnose("died", BODY))
        await asyncio.to_thread(self.entered.wait, 10)
        return task


async def queued(inference: Inference, count: int) -> list[asyncio.Task[bytes]]:
    """Return requests that stand in the queue, or were turned away from it."""
    tasks = [asyncio.create_task(inference.diagnose("died", BODY)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


def test_what_waits_together_is_computed_together_and_more_than_the_queue_is_turned_away():
    async def crowd(inference: Inference) -> tuple[Gate, list[bytes | BaseException]]:
        await inference.diagnose("died", BODY)
        gate = Gate(inference)
        tasks = [await gate.busy(inference), *await queued(inference, 7)]
        gate.opened.set()
        return gate, await asyncio.gather(*tasks, return_exceptions=True)

    rejected = metric("gradus_prediction_rejected_total", reason="overload")
    with running(registry(), predict_queue=5, predict_batch=4) as inference:
        gate, came = asyncio.run(crowd(inference))
    assert sum(isinstance(answer, bytes) for answer in came) == 6
    assert sum(isinstance(answer, Overloaded) for answer in came) == 2
    assert gate.sizes == [1, 4, 1]
    assert metric("gradus_prediction_rejected_total", reason="overload") == rejected + 2


def test_a_request_whose_client_left_is_not_computed():
    async def leave(inference: Inference) -> Gate:
        await inference.diagnose("died", BODY)
        gate = Gate(inference)
        blocker, (leaver, stayer) = await gate.busy(inference), await queued(inference, 2)
        leaver.cancel()
        gate.opened.set()
        await asyncio.gather(blocker, stayer)
        return gate

    dropped = metric("gradus_prediction_rejected_total", reason="dropped")
    with running(registry()) as inference:
        gate = asyncio.run(leave(inference))
    assert gate.sizes == [1, 1]
    assert metric("gradus_prediction_rejected_total", reason="dropped") == dropped + 1


def test_a_bug_in_a_model_fails_its_requests_and_not_the_thread():
    async def break_and_go_on(inference: Inference) -> tuple[bytes | BaseException, bytes]:
        await inference.diagnose("died", BODY)
        gate = Gate(inference, error=ZeroDivisionError("our bug"))
        gate.opened.set()
        (error,) = await asyncio.gather(inference.diagnose("died", BODY), return_exceptions=True)
        gate.error = None
        return error, await inference.diagnose("died", BODY)

    with running(registry()) as inference:
        error, answer = asyncio.run(break_and_go_on(inference))
    assert isinstance(error, ZeroDivisionError)
    assert json.loads(answer)["version"] == 1


def test_what_waits_when_the_server_stops_is_unavailable():
    async def stop_in_between(inference: Inference) -> list[bytes | BaseException]:
        await inference.diagnose("died", BODY)
        gate = Gate(inference)
        tasks = [await gate.busy(inference), *await queued(inference, 2)]
        stopping = asyncio.create_task(asyncio.to_thread(inference.stop))
        await asyncio.sleep(0.05)
        late = asyncio.create_task(inference.diagnose("died", BODY))
        gate.opened.set()
        await stopping
        return await asyncio.gather(*tasks, late, return_exceptions=True)

    with running(registry(), predict_batch=1) as inference:
        first, *rest = asyncio.run(stop_in_between(inference))
    assert isinstance(first, bytes)
    assert isinstance(rest[-1], Unavailable)
    assert all(isinstance(answer, bytes | Unavailable) for answer in rest)


def test_after_stopping_requests_are_unavailable():
    with running(registry()) as inference:
        answered(inference.diagnose("died", BODY))
    with pytest.raises(Unavailable, match="stopping"):
        asyncio.run(inference.diagnose("died", BODY))


def test_outcomes_are_counted_from_zero_for_every_loaded_version():
    labels = {"model": "counted", "version": "1", "kind": "diagnose"}
    source = Registry({("counted", 1): GOOD[1]}, {("counted", "production"): 1})
    with running(source) as inference:
        eventually(
            lambda: REGISTRY.get_sample_value("gradus_predictions_total", {**labels, "outcome": "ok"}) == 0.0
        )
        answered(inference.diagnose("counted", BODY))
        with pytest.raises(Refused):
            asyncio.run(inference.diagnose("counted", b"{}"))
    found = {o: metric("gradus_predictions_total", **labels, outcome=o) for o in ("ok", "refused", "failed")}
    assert found == {"ok": 1.0, "refused": 1.0, "failed": 0.0}
