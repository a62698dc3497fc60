"""The guide shows what the product draws today."""

from __future__ import annotations

import json
import re

import pytest

from bench.graph_pictures import FOLDER, PICTURES, drawn
from services.api.tracing import TraceRequest, trace_json, traced
from shared.graphs.operations import FUNCTIONS

GUIDE = (FOLDER.parent / "graphs.md").read_text()


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_of_the_guide_is_what_the_product_draws(name: str) -> None:
    assert (FOLDER / name).read_text() == drawn(PICTURES[name]), (
        "python -m bench.graph_pictures writes it anew"
    )
    assert f"graphs/{name}" in GUIDE


def test_the_requests_of_the_guide_can_be_traced_and_give_what_it_says() -> None:
    bodies = [
        json.loads(block) for block in re.findall(r"```json\n(\{\"expression\".*?\})\n```", GUIDE, re.DOTALL)
    ]
    answers = [json.loads(trace_json(traced(TraceRequest.model_validate(body)))) for body in bodies]
    assert len(answers) >= 2
    for answer in answers:
        for variable in answer["variables"].values():
            assert f"`{variable['chain_rule']}`" in GUIDE


def test_the_guide_names_every_function() -> None:
    text = re.sub(r"```.*?```", "", GUIDE.split("## Graph of a trained net")[0], flags=re.DOTALL)
    named = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`([^`]+)`", text))))
    assert set(FUNCTIONS) - named == set()
