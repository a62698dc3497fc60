"""Formulas that mean harm: each is refused with its place, fast and in little memory, and none is a crash."""

from __future__ import annotations

import random
import time
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest

from services.api.tracing import TraceRequest, trace_drawing, trace_json, traced
from shared.errors import Refused
from shared.graphs.dot import dot
from shared.graphs.mermaid import mermaid
from shared.graphs.svg import svg
from tests.support.hostile_expressions import CODE, cases, fuzzed

MAX_SECONDS, MAX_BYTES = 0.1, 50 * 1024**2
FUZZED = 2000
Body = dict[str, Any]


def asked(body: Body) -> TraceRequest:
    """Return the body as the gateway has it, once its JSON and its fields' types are checked."""
    return TraceRequest.model_validate(body)


def refusal(body: Body) -> Refused:
    with pytest.raises(Refused) as caught:
        traced(asked(body))
    return caught.value


def test_there_are_enough_of_them() -> None:
    assert len(cases()) >= 300
    assert len(set(CODE)) == len(CODE)


@pytest.mark.parametrize("body", cases(), ids=range(len(cases())))
def test_a_hostile_formula_is_refused_with_its_place(body: Body) -> None:
    error = refusal(body)
    assert error.code == "refused_expression"
    assert error.findings
    for finding in error.findings:
        assert finding.loc[0] in {"expression", "values", "wrt", "seed"}
        assert 10 < len(finding.message) < 500
        if finding.loc == ("expression",) and not finding.message.startswith("wanted at most"):
            assert "column " in finding.message.split(":")[0]


@pytest.mark.parametrize("body", cases(), ids=range(len(cases())))
def test_a_refusal_does_not_repeat_a_long_stretch_of_what_was_sent(body: Body) -> None:
    text = body["expression"]
    said = " ".join([refusal(body).detail, *(f.message for f in refusal(body).findings)])
    for start in range(max(len(text) - 12, 0)):
        piece = text[start : start + 12]
        assert len(set(piece)) < 4 or piece not in said


def test_a_refusal_is_fast() -> None:
    slow = {}
    for i, body in enumerate(cases()):
        request = asked(body)
        best = min(_seconds(request) for _ in range(2))
        if best > MAX_SECONDS:
            slow[i] = best
    assert slow == {}


def _seconds(request: TraceRequest) -> float:
    began = time.perf_counter()
    with pytest.raises(Refused):
        traced(request)
    return time.perf_counter() - began


def test_a_refusal_takes_little_memory() -> None:
    requests = [asked(body) for body in cases()]
    large = {}
    tracemalloc.start()
    try:
        for i, request in enumerate(requests):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            with pytest.raises(Refused):
                traced(request)
            taken = tracemalloc.get_traced_memory()[1] - before
            if taken > MAX_BYTES:
                large[i] = taken
    finally:
        tracemalloc.stop()
    assert large == {}


def test_random_texts_are_traced_or_refused_and_never_a_crash() -> None:
    rng, answered = random.Random(1), 0
    for _ in range(FUZZED):
        body = asked(fuzzed(rng))
        with suppress(Refused):
            found = traced(body)
            answered += 1
            assert trace_json(found)
            if answered % 10 == 0:
                assert all(writer(trace_drawing(body, found)) for writer in (svg, dot, mermaid))
    assert answered > FUZZED / 100
