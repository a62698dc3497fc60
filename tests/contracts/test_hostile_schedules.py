"""Schedules that are wrong, absurd or meant to harm: refused at their place, at once and in little memory.

Kinds listed by hand, and every field of every schedule filled with what no field can hold. A body goes the
way of a request, through the route's function and the error table, to the bytes of the answer.
"""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.responses import Response

from services.api.errors import answer_error
from services.api.previews import PreviewRequest
from services.api.routes.lr_schedules import preview_schedules
from shared.errors import GradusError
from shared.schedules import PHASES, ScheduleSpec

SECONDS, MEGABYTES = 0.1, 50
Body = dict[str, Any]
MARK = "drop table jobs"
"""Stands in strings of the input, and never in an answer."""


def previewed(schedule: object, **changes: object) -> Body:
    one = {"label": "a", "schedule": schedule}
    return {"schedules": [one], "total_steps": 1000, "steps_per_epoch": 50, "points": 100, **changes}


def phases(*items: Body, **changes: object) -> Body:
    return previewed({"base_lr": 0.1, "phases": [{"duration": "rest", **item} for item in items]}, **changes)


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


CONSTANT = {"name": "constant", "base_lr": 0.1}
LENGTHS = [
    *(
        "",
        "st",
        "5",
        "5 st",
        " 5st",
        "5st ",
        "5st\n",
        "-5st",
        "+5st",
        "0.5st",
        "1e3st",
        "0x10st",
        "5ST",
        "5s",
    ),
    *("５st", "٥ep", "∞ep", "nan%", "5%%", "%5", "5ep5st", "rest ", "REST", "5.ep", ".5ep", "5,5ep", "½ep"),
    *("1" * 13 + "st", "9" * 20_000 + "st", "5." + "9" * 10 + "%", "\x005st", f"5st; {MARK}", "🚀ep"),
]
RATES = [
    -0.1,
    -1e-300,
    1e31,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    "0.1",
    None,
    True,
    [],
    {},
    10**400,
]
BY_HAND: dict[str, Body] = {
    "nothing": {},
    "no schedules": previewed(CONSTANT, schedules=[]),
    "schedules that are none": previewed(CONSTANT, schedules={"label": "a"}),
    "21 schedules": previewed(CONSTANT, schedules=[{"label": "a", "schedule": CONSTANT}] * 21),
    "20,000 schedules": previewed(CONSTANT, schedules=[None] * 20_000),
    "an empty label": previewed(CONSTANT, schedules=[{"label": "", "schedule": CONSTANT}]),
    "a label of a megabyte": previewed(CONSTANT, schedules=[{"label": "x" * 2**20, "schedule": CONSTANT}]),
    "no schedule": previewed(None),
    "a schedule that is a number": previewed(0.1),
    "a schedule that is text": previewed(json.dumps(CONSTANT)),
    "a schedule that is a list": previewed([CONSTANT]),
    "an empty schedule": previewed({}),
    "a schedule without a rate": previewed({"name": "constant"}),
    "a schedule in a schedule": previewed({"schedule": CONSTANT}),
    "both forms at once": previewed({**CONSTANT, "phases": [{"name": "constant", "duration": "rest"}]}),
    "phases that are none": previewed({"base_lr": 0.1, "phases": "constant"}),
    "phases as a dict": previewed({"base_lr": 0.1, "phases": {"0": CONSTANT}}),
    "no phases": previewed({"base_lr": 0.1, "phases": []}),
    "phases of nothing": previewed({"base_lr": 0.1, "phases": [None, 1, "x", []]}),
    "65 phases": phases(*[{"name": "constant", "duration": "10st"}] * 65),
    "20,000 phases": phases(*[{"name": "constant", "duration": "1st"}] * 20_000),
    "an unknown name": phases({"name": MARK}),
    "a name of a megabyte": phases({"name": "x" * 2**20}),
    "a name that is a list": phases({"name": ["constant"]}),
    "no name": phases({}),
    "an unknown field": phases({"name": "constant", MARK: 1}),
    "20,000 unknown fields": phases({"name": "constant", **{f"f{n}": 0 for n in range(20_000)}}),
    "a phase 300 deep": phases({"name": "constant", "lr": nested(300)}),
    "a dunder": phases({"name": "constant", "__class__": "os.system"}),
    "20,000 fields of the whole": previewed({**CONSTANT, **{f"f{n}": 0 for n in range(20_000)}}),
    "20,000 groups": previewed({**CONSTANT, "groups": {f"g{n}": {"lr_mult": 0.1} for n in range(20_000)}}),
    "code for a rate": phases({"name": "constant", "lr": "__import__('os').system('id')"}),
    "an unknown feedback": previewed({**CONSTANT, "feedback": {"name": "oracle"}}),
    "groups as a list": previewed({**CONSTANT, "groups": ["body"]}),
    "a negative group": previewed({**CONSTANT, "groups": {"body": {"lr_mult": -1.0}}}),
    "a group beyond bounds": previewed({**CONSTANT, "groups": {"body": {"lr_mult": 1e7}}}),
    "a group that is a number": previewed({**CONSTANT, "groups": {"body": 0.1}}),
    "two rests": phases({"name": "constant"}, {"name": "constant"}),
    "64 rests": phases(*[{"name": "constant"}] * 64),
    "phases too short": phases({"name": "constant", "duration": "999st"}),
    "phases far too long": phases({"name": "constant", "duration": "9" * 12 + "ep"}),
    "a phase of no step": phases({"name": "linear", "duration": "0.04%"}, {"name": "constant"}),
    "no room for the rest": phases({"name": "constant", "duration": "100%"}, {"name": "constant"}),
    "previous at first": phases({"name": "cosine", "lr": "previous"}),
    "a rate beyond all floats": phases({"name": "linear", "end_factor": 1e6}, total_steps=10)
    | {"schedules": [{"label": "a", "schedule": {"name": "linear", "base_lr": 1e305, "end_factor": 1e6}}]},
    "max below base": phases({"name": "cyclic", "base_lr": 1.0, "max_lr": 0.5, "step_size_up": "2ep"}),
    "a peak whose sum overflows": phases({"name": "cyclic", "max_lr": 1e308, "step_size_up": "2ep"}),
    "a cycle of no step": phases({"name": "cyclic", "max_lr": 0.5, "step_size_up": "0st"}),
    "exp_range that grows": phases(
        {"name": "cyclic", "max_lr": 0.5, "step_size_up": "2ep", "mode": "exp_range", "gamma": 1e300}
    ),
    "one cycle without a rise": phases({"name": "one_cycle", "max_lr": 1.0, "pct_start": 0.001}),
    "one cycle of one step": phases({"name": "one_cycle", "max_lr": 1.0}, total_steps=1),
    "no third leg": phases({"name": "one_cycle", "max_lr": 1.0, "pct_start": 0.6, "three_phase": True}),
    "a warm-up over a decay": phases({"name": "wsd", "num_warmup_steps": "60%", "num_decay_steps": "60%"}),
    "1,001 milestones": phases({"name": "multistep", "milestones": ["1st"] * 1001}),
    "20,000 milestones": phases({"name": "multistep", "milestones": ["1st"] * 20_000}),
    "milestones backwards": phases({"name": "multistep", "milestones": ["9st", "8st"]}),
    "1,000 milestones at step 0": phases({"name": "multistep", "milestones": ["0st"] * 1000}),
    "20,000 points": phases({"name": "piecewise", "points": [["1st", 0.1]] * 20_000}),
    "1,000 points at one step": phases({"name": "piecewise", "points": [["1st", 0.1]] * 1000}),
    "points of three": phases({"name": "piecewise", "points": [["1st", 0.1, 0.2]]}),
    "growth by a million": phases({"name": "cosine_restarts", "T_0": "1st", "T_mult": 10**6}),
    "growth by 10^400": phases({"name": "cosine_restarts", "T_0": "1st", "T_mult": 10**400}),
    "2^1000 cycles": phases({"name": "coslog", "n_cycles": 1000}),
    "a tangent upside down": phases({"name": "tanh", "lb": 3.0, "ub": -3.0}),
}
BY_HAND |= {f"the length {text[:20]!r}": phases({"name": "constant", "duration": text}) for text in LENGTHS}
BY_HAND |= {
    f"a step size of {text[:20]!r}": phases({"name": "step", "step_size": text})
    for text in [*LENGTHS, "rest"]
}
BY_HAND |= {
    f"a base rate of {str(rate)[:20]}": previewed({"name": "constant", "base_lr": rate}) for rate in RATES
}
WHOLE: tuple[object, ...] = (0, -1, 1.5, 10**7, 10**400, "5", None, True, [], float("nan"))
BY_HAND |= {
    f"{name} of {str(value)[:20]}": previewed(CONSTANT, **{name: value})
    for name in ("total_steps", "steps_per_epoch", "points")
    for value in WHOLE
    if (name, value) != ("steps_per_epoch", None)  # the same as leaving it out
}
BY_HAND |= {
    f"a group called {name[:20]!r}": previewed({**CONSTANT, "groups": {name: {"lr_mult": 0.1}}})
    for name in ("", "A", "9", "a b", "a" * 41, "é", "__proto__", "../x", "a\x00", MARK)
}
NEVER: tuple[object, ...] = (float("nan"), {"$ref": "#"}, MARK, 10**400, nested(50), "x" * 20_000)
"""What no field of any phase can hold."""


def spoilt() -> Iterator[tuple[str, Body]]:
    """Yield every example with one field of one phase made hostile."""
    for name, entry in PHASES.items():
        whole: Any = ScheduleSpec.from_shorthand(entry.example)
        at = next(i for i, phase in enumerate(whole["phases"]) if phase["name"] == name)
        for field in entry.json_schema["properties"]:
            for kind, value in enumerate(NEVER):
                spoilt_phases = [dict(phase) for phase in whole["phases"]]
                spoilt_phases[at][field] = value
                yield f"{name}.{field} #{kind}", previewed({**whole, "phases": spoilt_phases})


GENERATED = dict(spoilt())


def answered(raw: bytes) -> Response:
    """Answer a body as the gateway does."""
    parsed: object = json.loads(raw)
    try:
        return preview_schedules(PreviewRequest.model_validate(parsed))
    except ValidationError as error:
        at_body = [{**item, "loc": ("body", *item["loc"])} for item in error.errors()]
        return answer_error(RequestValidationError(at_body, body=parsed))
    except GradusError as error:
        return answer_error(error)


def assert_refused(body: Body) -> None:
    raw = json.dumps(body).encode()
    seconds = SECONDS
    for _ in range(3):  # the best of three: the machine has other things to do
        began = time.thread_time()
        response = answered(raw)
        seconds = min(seconds, time.thread_time() - began)
        if seconds < SECONDS:
            break
    problem = json.loads(bytes(response.body))
    assert response.status_code == 422, problem
    assert problem["errors"], problem
    assert all(error["loc"] and error["message"] for error in problem["errors"])
    assert MARK not in " ".join(error["message"] for error in problem["errors"])
    assert len(response.body) < 100_000
    assert seconds < SECONDS


def peak_megabytes(body: Body) -> float:
    raw = json.dumps(body).encode()
    tracemalloc.start()
    try:
        answered(raw)
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def test_there_are_enough_of_them():
    assert len(BY_HAND) >= 150
    assert len(BY_HAND) + len(GENERATED) >= 500


@pytest.mark.parametrize("case", BY_HAND)
def test_a_hostile_schedule_is_refused_at_once_and_at_its_place(case: str):
    assert_refused(BY_HAND[case])


@pytest.mark.parametrize("name", PHASES)
def test_a_field_that_holds_what_it_cannot_is_refused(name: str):
    mine = {case: body for case, body in GENERATED.items() if case.startswith(f"{name}.")}
    assert mine
    for body in mine.values():
        assert_refused(body)


def test_none_takes_much_memory():
    heavy = {case: peak_megabytes(body) for case, body in (BY_HAND | GENERATED).items()}
    assert {case: used for case, used in heavy.items() if used >= MEGABYTES} == {}
