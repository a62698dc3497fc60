"""Learning-rate range tests: ask for one, follow it, and read which rates it suggests."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header
from starlette.responses import Response

from services.api.auth import GuardedRoute, needs
from services.api.dependencies import After, AskedBy, Limit, Parts, cursor
from services.api.negotiation import PNG, SVG
from services.api.range_tests import (
    cancel_range_test,
    list_range_tests,
    load_range_test,
    range_test_answer,
    range_test_chart,
    range_test_summary,
    submit_range_test,
)
from services.api.rendering import documented_forms, render
from services.api.schemas import Page
from services.api.schemas.range_tests import RangeTestAnswer, RangeTestSummary
from shared.specs.range_test import RangeTestSpec

router = APIRouter(prefix="/v1/lr_range_tests", tags=["range tests"], route_class=GuardedRoute)
TEST: dict[int | str, dict[str, Any]] = {
    200: {"model": RangeTestAnswer, "content": documented_forms(SVG, PNG)}
}


@router.post("", status_code=202, dependencies=[needs("train")])
def create_range_test(
    spec: RangeTestSpec, parts: Parts, asked: AskedBy, response: Response
) -> RangeTestSummary:
    """Try rates on a training for some steps while they rise; no model is published or changed."""
    answer = range_test_summary(submit_range_test(parts.submission, spec, asked))
    response.headers["Location"] = f"{router.prefix}/{answer.id}"
    response.headers["Retry-After"] = "1"
    return answer


@router.get("", dependencies=[needs("read", "train")])
def list_all(parts: Parts, limit: Limit = 20, after: After = None) -> Page[RangeTestSummary]:
    """List range tests, newest first."""
    rows = list_range_tests(parts.database, limit=limit + 1, after=cursor("lrt", after))
    return Page(data=rows[:limit], has_more=len(rows) > limit)


@router.get("/{test_id}", dependencies=[needs("read", "train")], responses=TEST)
def read_range_test(
    test_id: str, parts: Parts, accept: Annotated[str | None, Header(include_in_schema=False)] = None
) -> Response:
    """Return the loss against the rate, and which rate suits which role, as JSON, SVG or PNG."""
    test = load_range_test(parts.database, test_id=test_id)
    return render(
        accept,
        json=lambda: range_test_answer(test).model_dump_json(),
        chart=lambda: range_test_chart(test),
    )


@router.post("/{test_id}/cancel", status_code=202, dependencies=[needs("train")])
def cancel_test(test_id: str, parts: Parts) -> RangeTestSummary:
    """Ask a range test to end; what it measured so far stays."""
    return cancel_range_test(parts.database, test_id=test_id)
