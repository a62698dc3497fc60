from __future__ import annotations

import io
import re

from rich.console import Console

from services.standalone.demo.client import ServerEvent, parse_events
from services.standalone.demo.following import after
from services.standalone.demo.plan import films, key_of, patients
from services.standalone.demo.progress import Reading, display
from services.standalone.demo.story import described, nearest
from shared.specs.dataset import DatasetSpec
from shared.specs.job import JobSpec

DATASET = "ds_01900000-0000-7000-8000-000000000000"


def test_events_are_read_from_their_lines() -> None:
    lines = [
        ": ping",
        "",
        "id: 7",
        "event: point",
        'data: {"step": 7,',
        'data: "lr": 0.1}',
        "",
        "retry: 1000",
        "",
    ]
    assert list(parse_events(lines)) == [ServerEvent("point", "7", {"step": 7, "lr": 0.1})]


def test_a_point_moves_the_reading_to_the_updates_done() -> None:
    start = Reading("running", 0, 100)
    moved = after(start, ServerEvent("point", "41", {"step": 41, "lr": 0.002, "loss": 0.5}), monitor="hr@10")
    assert (moved.step, moved.figures()) == (42, "loss 0.5000  lr 2.00e-03")
    judged = after(
        moved,
        ServerEvent("evaluation", "41", {"step": 41, "metrics": {"ndcg@10": 0.25, "hr@10": 0.4}}),
        monitor="hr@10",
    )
    assert judged.figures() == "loss 0.5000  lr 2.00e-03  hr@10 0.400"


def test_without_a_terminal_progress_is_a_line_at_every_tenth() -> None:
    output = io.StringIO()
    with display(Console(file=output, width=100), "films") as shown:
        for step in range(101):
            shown.show(Reading("running", step, 100, lr=0.001, loss=1.0))
    lines = output.getvalue().splitlines()
    assert len(lines) == 11
    assert lines[1] == "  films: step 10 of 100  loss 1.0000  lr 1.00e-03"


def shown_on(console: Console, *, status: str, step: int) -> None:
    with display(console, "films") as shown:
        shown.show(Reading("running", 450, 500, lr=0.001, loss=1.0))
        for _ in range(2):
            shown.show(Reading(status, step, 500, lr=0.001, loss=1.0))


def test_without_a_terminal_a_training_that_stopped_early_says_so_once() -> None:
    output = io.StringIO()
    shown_on(Console(file=output, width=100), status="succeeded", step=450)
    assert output.getvalue().splitlines() == [
        "  films: step 450 of 500  loss 1.0000  lr 1.00e-03",
        "  films: stopped early at step 450 of 500  loss 1.0000  lr 1.00e-03",
    ]


def test_on_a_terminal_a_training_that_stopped_early_fills_its_bar() -> None:
    output = io.StringIO()
    shown_on(Console(file=output, width=120, force_terminal=True), status="succeeded", step=450)
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.getvalue()).splitlines()[-1]
    assert f"films {'━' * 24} 450/450 stopped early at step 450 of 500  loss 1.0000" in last


def test_after_the_last_step_and_before_success_the_net_is_judged_and_packed() -> None:
    assert Reading("running", 500, 500).figures() == "judging and packing"
    assert Reading("running", 499, 500).figures() == "running"
    assert Reading("queued", 0, 0).figures() == "queued"
    assert Reading("succeeded", 500, 500, metrics="auroc 0.850").figures() == "auroc 0.850"
    assert Reading("cancelled", 450, 500).where() == "step 450 of 500"


def test_numbers_of_a_patient_are_told_with_two_decimals_at_most() -> None:
    record = {"age": 62.84998, "sex": "male", "dzgroup": None, "hidden": 1.23456}
    assert described(record) == "age 62.85, sex male"
    assert described({"age": 1234567.0}) == "age 1234567"
    assert described({"age": 62}) == "age 62"


def test_a_film_is_told_with_the_films_it_is_similar_to() -> None:
    reasons = [
        {"relation": "similar to", "item": n, "title": t} for n, t in (("1", "A"), ("2", None), ("3", "C"))
    ]
    assert nearest({"item": "9", "reasons": reasons}) == "  similar to A and 2"
    assert nearest({"item": "9", "reasons": []}) == ""


def test_the_demo_asks_for_trainings_that_the_api_accepts() -> None:
    for plan in (films(), patients()):
        JobSpec.model_validate_json(as_json({**plan.job, "dataset": DATASET}))
        DatasetSpec.model_validate_json(as_json(plan.dataset))


def test_the_demo_hides_every_column_that_leaks_the_outcome() -> None:
    hidden = set(patients().job["task"]["exclude"])
    assert {"death", "d.time", "hospdead", "slos", "sfdm2", "surv2m", "surv6m", "totcst", "avtisst"} <= hidden


def test_keys_of_equal_requests_are_equal_and_of_others_are_not() -> None:
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    assert key_of({"a": 1}) != key_of({"a": 2})
    assert len(key_of("x")) <= 64


def as_json(value: object) -> str:
    import json

    return json.dumps(value)
