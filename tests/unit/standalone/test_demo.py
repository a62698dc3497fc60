from __future__ import annotations

import io

from rich.console import Console

from services.standalone.demo.client import ServerEvent, parse_events
from services.standalone.demo.following import after
from services.standalone.demo.plan import films, key_of, patients
from services.standalone.demo.progress import Reading, display
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
