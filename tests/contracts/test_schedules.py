"""What holds for every schedule of the catalogue."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from itertools import pairwise

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Refused
from shared.schedules import (
    CATALOG,
    PHASES,
    ResolvedSchedule,
    ScheduleSpec,
    sample_steps,
    warnings,
)
from tests.support.draws import times
from tests.support.schedules import resolved


def test_the_catalogue_holds_these_schedules():
    assert [name for name, entry in CATALOG.items() if entry.kind == "phase"] == [
        "constant",
        "step",
        "multistep",
        "exponential",
        "inverse_time",
        "linear",
        "polynomial",
        "cosine",
        "cosine_restarts",
        "cyclic",
        "one_cycle",
        "inverse_sqrt",
        "wsd",
        "flat_cosine",
        "rex",
        "coslog",
        "tanh",
        "piecewise",
    ]


@pytest.mark.parametrize("name", PHASES)
class TestEverySchedule:
    def test_its_entry_is_complete_and_plain_json(self, name: str):
        entry = CATALOG[name]
        assert entry.purpose.endswith(".")
        assert entry.formula
        assert entry.latex
        assert entry.boundaries
        named = entry.json_schema["properties"]["name"]
        assert name in named.get("enum", [named.get("const")])
        json.dumps([entry.example, entry.json_schema, entry.boundaries])

    def test_its_example_uses_it_and_can_be_run(self, name: str):
        run = resolved(CATALOG[name].example)
        assert name in {phase.name for phase in run.phases}
        assert all(math.isfinite(run.lr(t)) and run.lr(t) >= 0 for t in range(1001))

    def test_its_example_shows_it_alone_unless_its_settings_come_from_what_is_before_it(self, name: str):
        others = {phase.name for phase in resolved(CATALOG[name].example).phases} - {name}
        assert others == ({"linear"} if name == "inverse_sqrt" else set())  # whose τ is the warm-up's length

    def test_its_example_passes_its_own_json_schema(self, name: str):
        example = ScheduleSpec.from_shorthand(CATALOG[name].example)
        for phase in example["phases"]:  # type: ignore[index]
            schema = CATALOG[phase["name"]].json_schema
            jsonschema.Draft202012Validator(schema).validate(phase)

    def test_the_defaults_in_its_json_schema_can_be_written(self, name: str):
        schema = CATALOG[name].json_schema
        fields = {
            field: {**one, "$defs": schema.get("$defs", {})} for field, one in schema["properties"].items()
        }
        for one in fields.values():
            if "default" in one:
                jsonschema.Draft202012Validator(one).validate(one["default"])

    def test_with_a_rate_of_its_own_it_needs_no_base_and_heeds_none(self, name: str):
        written = CATALOG[name].example
        phase = next(one for one in resolved(written).phases if one.name == name)
        alone = {"phases": [phase.model_dump(mode="json")]}
        run, beside = (
            resolved(alone, steps=phase.steps),
            resolved({"base_lr": 0.77, **alone}, steps=phase.steps),
        )
        assert run.base_lr is None
        assert [run.lr(t) for t in range(phase.steps)] == [beside.lr(t) for t in range(phase.steps)]
        assert ("unused_setting", ("schedule", "base_lr")) in [(w.code, w.loc) for w in warnings(beside)]
        assert warnings(run) == [w for w in warnings(beside) if w.loc != ("schedule", "base_lr")]

    def test_without_any_rate_it_is_refused_where_the_base_belongs(self, name: str):
        spec = ScheduleSpec.parse(CATALOG[name].example)
        phase = next(one for one in spec.phases if one.name == name)
        own = {phase.rate_field: None} if phase.rate_field else {}
        alone = {"phases": [{**phase.model_dump(mode="json"), "duration": "rest", **own}]}
        if phase.rate_field is None:
            assert resolved(alone).base_lr is None
            return
        with pytest.raises(Refused) as caught:
            resolved(alone)
        (found,) = caught.value.findings
        assert found.loc == ("schedule", "base_lr")
        assert f"here or as {phase.rate_field} of the phase" in found.message

    def test_it_holds_its_end_for_ever(self, name: str):
        run = resolved(CATALOG[name].example)
        end = run.phases[-1].lr_at(run.phases[-1].steps)
        assert run.lr(1000) == run.lr(10**7) == end

    def test_every_step_stands_alone(self, name: str):
        """No replay: steps asked backwards, or one alone, are those asked in order."""
        run, other = resolved(CATALOG[name].example), resolved(CATALOG[name].example)
        forwards = [run.lr(t) for t in range(1000)]
        assert [other.lr(t) for t in reversed(range(1000))] == forwards[::-1]

    def test_it_survives_json_to_the_last_bit(self, name: str):
        run = resolved(CATALOG[name].example)
        again = ResolvedSchedule.model_validate(json.loads(json.dumps(run.model_dump(mode="json"))))
        assert [again.lr(t) for t in range(1001)] == [run.lr(t) for t in range(1001)]

    def test_between_two_breakpoints_it_is_monotone(self, name: str):
        run = resolved(CATALOG[name].example)
        corners = [point.step for point in run.breakpoints()]
        for left, right in pairwise(corners):
            stretch = [run.lr(t) for t in range(left, right)]
            assert stretch in (sorted(stretch), sorted(stretch, reverse=True))

    def test_along_corners_of_one_kind_it_goes_one_way(self, name: str):
        for phase in resolved(CATALOG[name].example).phases:
            for steps, _, tame, _ in phase.corners():
                for before in (0, 1) if tame else ():
                    rates = [phase.lr_at(t - before) for t in steps]
                    assert rates in (sorted(rates), sorted(rates, reverse=True))

    def test_it_repeats_itself_as_it_says(self, name: str):
        for phase in resolved(CATALOG[name].example).phases:
            cycle = phase.recurrence()
            if cycle is None:
                continue
            for t in range(phase.steps - cycle.period):
                again = cycle.floor + (phase.lr_at(t) - cycle.floor) * cycle.ratio
                assert phase.lr_at(t + cycle.period) == pytest.approx(again, rel=1e-12)

    def test_what_is_drawn_holds_the_true_extremes(self, name: str):
        run = resolved(CATALOG[name].example)
        drawn = [run.lr(t) for t in sample_steps(run, 100)]
        whole = [run.lr(t) for t in range(1000)]
        assert (min(drawn), max(drawn)) == (min(whole), max(whole))


@times(2)
@given(shares=st.lists(st.integers(1, 100), min_size=1, max_size=6), steps=st.integers(600, 5000))
def test_percentages_that_add_up_to_100_always_tile(shares: list[int], steps: int):
    """Whatever rounding each border needs, no step is lost and none has two owners."""
    whole = sum(shares)
    cuts = [round(100_000 * s / whole) / 1000 for s in shares]
    cuts[-1] = round(100 - sum(cuts[:-1]), 3)
    phases = [{"name": "constant", "duration": f"{cut}%"} for cut in cuts]
    run = resolved({"base_lr": 1.0, "phases": phases}, steps=steps)
    assert run.borders[0] == 0
    assert run.borders[-1] == steps
    assert sum(phase.steps for phase in run.phases) == steps


def test_schedules_need_neither_torch_nor_numpy():
    code = "import sys, shared.schedules; print([m for m in ('torch', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
