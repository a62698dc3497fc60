"""A recommender in memory: answers `recommend` and `similar` for one version."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError

from services.api.errors import findings_of
from services.api.inference.answers import Answer, Answers
from services.api.inference.bodies import (
    Body,
    RecommendBatch,
    RecommendRequest,
    SimilarBatch,
    SimilarRequest,
)
from services.api.inference.catalogue import Catalogue
from services.api.inference.recommend import Recommender
from services.api.inference.sessions import Net
from services.api.inference.similar import similar
from shared.errors import Finding, GradusError, Refused
from shared.features.reader import kind_of

MAX_ITEMS = 20_000
"""Items that one request body may ask for in all."""

RequestBody = TypeVar("RequestBody", bound=Body)
BatchBody = TypeVar("BatchBody", bound=Body)
Writer = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Version:
    """Which version answers."""

    name: str
    version: int
    sha256: str


class RecommenderModel:
    """Answers `recommend` and `similar` for one version."""

    kind = "recommend"

    def __init__(self, version: Version, *, net: Net, catalogue: Catalogue) -> None:
        self.name, self.version, self.sha256 = version.name, version.version, version.sha256
        self._catalogue = catalogue
        self._recommender = Recommender(net, catalogue)
        self._who = {"model": version.name, "version": version.version}

    def answer(self, kind: str, bodies: Sequence[bytes]) -> Iterator[Answers]:
        """Answer each body in turn, yielding it as soon as it is there."""
        write = self._similar if kind == "similar" else self._recommend
        for place, body in enumerate(bodies):
            yield [(place, _attempt(write, body))]

    def _recommend(self, body: bytes) -> bytes:
        asked = _parse(body, one=RecommendRequest, several=RecommendBatch)
        requests = asked.requests if isinstance(asked, RecommendBatch) else (asked,)
        _require_few([request.k for request in requests])
        results = list(self._recommender.ranked(requests))
        return self._written(results, several=isinstance(asked, RecommendBatch))

    def _similar(self, body: bytes) -> bytes:
        asked = _parse(body, one=SimilarRequest, several=SimilarBatch)
        if isinstance(asked, SimilarRequest):
            return self._written([similar(asked, catalogue=self._catalogue, loc=("item",))], several=False)
        _require_few([request.k for request in asked.requests])
        results = [
            similar(request, catalogue=self._catalogue, loc=("requests", place, "item"))
            for place, request in enumerate(asked.requests)
        ]
        return self._written(results, several=True)

    def _written(self, results: Sequence[dict[str, Any]], *, several: bool) -> bytes:
        return orjson.dumps({**self._who, "results": results} if several else {**self._who, **results[0]})


def _attempt(write: Writer, body: bytes) -> Answer:
    try:
        return write(body)
    except GradusError as error:
        return error


def _parse(body: bytes, *, one: type[RequestBody], several: type[BatchBody]) -> RequestBody | BatchBody:
    """Return one request or several; raises `Refused` naming each wrong place, never a value."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused("the body is not JSON", code="invalid_json") from None
    if type(value) is not dict:
        raise Refused("the body is wrong", findings=[Finding((), f"wanted an object; came {kind_of(value)}")])
    shape: type[RequestBody] | type[BatchBody] = several if "requests" in value else one
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        errors = error.errors(include_input=False, include_url=False)
        found = findings_of(errors, value, form=shape)
        raise Refused("the body is wrong", findings=found) from None


def _require_few(counts: Sequence[int]) -> None:
    if sum(counts) > MAX_ITEMS:
        finding = Finding(("requests",), f"wanted at most {MAX_ITEMS} items in all; came {sum(counts)}")
        raise Refused("the body asks for too much", findings=[finding])
