"""What is refused, where, and with which remedy; what is warned of, under which code."""

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from shared.errors import Refused
from shared.schedules import OptimizerTraits, ScheduleSpec, resolve, warnings

ADAM = OptimizerTraits("adam", cycles_momentum=True, momentum=0.9)
SGD = OptimizerTraits("sgd", cycles_momentum=False, momentum=0.0)


def resolved(
    schedule: object,
    *,
    steps: int = 1000,
    optimizer: OptimizerTraits = ADAM,
    groups: tuple[str, ...] | None = None,
):
    spec = ScheduleSpec.parse(schedule)
    return resolve(spec, total_steps=steps, steps_per_epoch=50, optimizer=optimizer, groups=groups)


def phases(*items: dict[str, object]) -> dict[str, object]:
    return {"base_lr": 0.1, "phases": list(items)}


def cyclic(**settings: object) -> dict[str, object]:
    return {"name": "cyclic", "base_lr": 0.1, "max_lr": 1.0, "step_size_up": "2ep", **settings}


REFUSED = {
    "phases too short": (
        phases({"name": "constant", "duration": "400st"}),
        ("phases",),
        "last 400 steps of 1000",
    ),
    "phases too long": (
        phases({"name": "constant", "duration": "900st"}, {"name": "constant", "duration": "20%"}),
        ("phases",),
        "last 1100 steps of 1000",
    ),
    "no room for the rest": (
        phases({"name": "constant", "duration": "1200st"}, {"name": "constant", "duration": "rest"}),
        ("phases",),
        "last 1200 steps of 1000",
    ),
    "nothing left for the rest": (
        phases({"name": "constant", "duration": "100%"}, {"name": "constant", "duration": "rest"}),
        ("phases", 1, "duration"),
        "0 of 1000 steps",
    ),
    "two rests": (
        phases({"name": "constant", "duration": "rest"}, {"name": "constant", "duration": "rest"}),
        ("phases", 1, "duration"),
        'only one phase may be "rest"',
    ),
    "previous in the first phase": (
        phases({"name": "constant", "duration": "rest", "lr": "previous"}),
        ("phases", 0, "lr"),
        "no phase before it",
    ),
    "no rate to work from": (
        {"phases": [{"name": "constant", "duration": "50%", "lr": 0.1}, {"name": "rex", "duration": "rest"}]},
        ("base_lr",),
        "wanted the rate that rex works from, here or as lr of the phase; none came",
    ),
    "no peak to rise to": ({"name": "one_cycle"}, ("base_lr",), "as max_lr of the phase; none came"),
    "no rate to swing from": (
        {"phases": [{"name": "cyclic", "duration": "rest", "max_lr": 0.1, "step_size_up": "1ep"}]},
        ("base_lr",),
        "as base_lr of the phase; none came",
    ),
    "max below base": (cyclic(max_lr=0.01), ("phases", 0, "max_lr"), "at least base_lr"),
    "gamma of exp_range above 1": (cyclic(mode="exp_range", gamma=1.5), ("phases", 0, "gamma"), r"\(0, 1\]"),
    "gamma of exp_range 0": (cyclic(mode="exp_range", gamma=0.0), ("phases", 0, "gamma"), r"\(0, 1\]"),
    "floor above the peak": (
        {"name": "cosine", "base_lr": 0.1, "eta_min": 0.2},
        ("phases", 0, "eta_min"),
        "must not exceed lr",
    ),
    "a rise of no step": (cyclic(step_size_up="0.01%"), ("phases", 0, "step_size_up"), "0 steps"),
    "a rate beyond all bounds": (
        {"name": "linear", "base_lr": 1e25, "end_factor": 1e6},
        ("phases", 0, "name"),
        "exceed 1e\\+30",
    ),
    "momentum upside down": (
        cyclic(momentum={"base_momentum": 0.95, "max_momentum": 0.85}),
        ("phases", 0, "momentum", "base_momentum"),
        "base_momentum must not exceed max_momentum",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_with_its_place_and_remedy(case: str):
    schedule, loc, message = REFUSED[case]
    with pytest.raises(Refused) as caught:
        resolved(schedule)
    (finding,) = caught.value.findings
    assert finding.loc == ("schedule", *loc)
    assert re.search(message, finding.message)


def test_five_percent_of_seven_steps_is_refused_not_adjusted():
    schedule = phases({"name": "linear", "duration": "5%"}, {"name": "constant", "duration": "rest"})
    with pytest.raises(Refused) as caught:
        resolved(schedule, steps=7)
    assert caught.value.findings[0].loc == ("schedule", "phases", 0, "duration")


def test_momentum_cycling_needs_an_optimizer_with_momentum():
    with pytest.raises(Refused) as caught:
        resolved(cyclic(momentum={}), optimizer=SGD)
    assert caught.value.findings[0].loc == ("schedule", "phases", 0, "momentum")
    assert "change the optimizer" in caught.value.findings[0].message


def test_a_group_that_the_net_lacks_is_refused_by_name():
    schedule = {"name": "constant", "base_lr": 0.1, "groups": {"tail": {"lr_mult": 0.1}}}
    with pytest.raises(Refused) as caught:
        resolved(schedule, groups=("body", "head"))
    assert caught.value.findings[0].loc == ("schedule", "groups", "tail")
    assert "body, head" in caught.value.findings[0].message
    assert resolved(schedule).lr(0) == 0.1


@pytest.mark.parametrize(
    ("schedule", "loc"),
    [
        ({"name": "step", "base_lr": 0.1, "step_size": 10}, ("phases", 0, "step", "step_size")),
        ({"name": "step", "base_lr": 0.1, "step_size": "rest"}, ("phases", 0, "step", "step_size")),
        ({"name": "step", "base_lr": 0.1, "step_size": "1ep", "gamma": -0.5}, ("phases", 0, "step", "gamma")),
        ({"name": "constant", "base_lr": 0.0}, ("base_lr",)),
        ({"name": "constant", "base_lr": -1.0}, ("base_lr",)),
        ({"name": "constant", "base_lr": float("nan")}, ("base_lr",)),
        ({"name": "constant", "base_lr": "0.1"}, ("base_lr",)),
        ({"name": "constant", "base_lr": 0.1, "speed": 3}, ("phases", 0, "constant", "speed")),
        ({"base_lr": 0.1, "phases": []}, ("phases",)),
        ({"base_lr": 0.1, "name": "constant", "phases": [{"name": "constant", "duration": "rest"}]}, ()),
        ({"base_lr": 0.1, "phases": [{"name": "cosine"}]}, ("phases", 0, "cosine", "duration")),
        ({"base_lr": 0.1, "phases": [{"duration": "rest"}]}, ("phases", 0)),
        (
            {"base_lr": 0.1, "phases": [{"name": "constant", "duration": "rest"}], "feedback": {}},
            ("feedback",),
        ),
        (
            {"name": "constant", "base_lr": 0.1, "groups": {"body": {"lr_mult": -1.0}}},
            ("groups", "body", "lr_mult"),
        ),
    ],
)
def test_what_cannot_be_read_is_refused_once_at_its_place(schedule: object, loc: tuple[str | int, ...]):
    with pytest.raises(ValidationError) as caught:
        ScheduleSpec.parse(schedule)
    assert [error["loc"] for error in caught.value.errors()] == [loc]


def codes(schedule: object, *, steps: int = 1000) -> list[tuple[str, tuple[str | int, ...]]]:
    return [(w.code, w.loc) for w in warnings(resolved(schedule, steps=steps))]


def at(phase: int, *field: str) -> tuple[str | int, ...]:
    return ("schedule", "phases", phase, *field)


HALF = phases({"name": "constant", "duration": "50%"}, {"name": "constant", "duration": "rest", "lr": 0.2})
WARNED = {
    "ends mid-cycle": (cyclic(), cyclic(), 1100, 1000, ("ends_mid_cycle", at(0, "duration"))),
    "jump": (
        phases(
            {"name": "constant", "duration": "50%"}, {"name": "constant", "duration": "rest", "lr": 0.201}
        ),
        HALF,
        1000,
        1000,
        ("jump_between_phases", at(1)),
    ),
    "a phase that holds the zero before it": (
        phases(
            {"name": "cosine", "duration": "50%"},
            {"name": "constant", "duration": "rest", "lr": "previous"},
        ),
        phases(
            {"name": "cosine", "duration": "50%", "eta_min": 0.01},
            {"name": "constant", "duration": "rest", "lr": "previous"},
        ),
        1000,
        1000,
        ("rate_of_zero", at(1)),
    ),
    "a horizon at zero before the end": (
        {"name": "cosine", "base_lr": 0.1, "T_max": "60%"},
        {"name": "cosine", "base_lr": 0.1, "T_max": "60%", "eta_min": 0.001},
        1000,
        1000,
        ("rate_of_zero", at(0)),
    ),
    "points at zero in the middle": (
        {"name": "piecewise", "points": [["0st", 1.0], ["400st", 0.0], ["402st", 0.0], ["500st", 1.0]]},
        {"name": "piecewise", "points": [["0st", 1.0], ["400st", 0.0], ["500st", 1.0]]},
        1000,
        1000,
        ("rate_of_zero", at(0)),
    ),
    "zero after more cycles than are looked at one by one": (
        phases(
            {**cyclic(step_size_up="5st", base_lr=0.0), "duration": "90%"},
            {"name": "constant", "duration": "rest", "lr": "previous"},
        ),
        phases({**cyclic(step_size_up="5st"), "duration": "90%"}, {"name": "constant", "duration": "rest"}),
        1000,
        1000,
        ("rate_of_zero", at(1)),
    ),
    "exp_range that does not shrink": (
        cyclic(mode="exp_range"),
        cyclic(mode="exp_range", gamma=0.999),
        1000,
        1000,
        ("unused_setting", at(0, "mode")),
    ),
    "drops before the phase": (
        {"name": "step", "base_lr": 0.1, "step_size": "2ep", "offset": "2ep"},
        {"name": "step", "base_lr": 0.1, "step_size": "2ep", "offset": "1ep"},
        1000,
        1000,
        ("begins_dropped", at(0, "offset")),
    ),
    "dead start of more cycles than are looked at one by one": (
        {"phases": [{**cyclic(base_lr=0.0, step_size_up="5st"), "duration": "rest"}]},
        cyclic(step_size_up="5st"),
        1000,
        1000,
        ("starts_at_zero", at(0)),
    ),
    "dead start": (
        {"name": "linear", "base_lr": 0.1, "start_factor": 0.0},
        {"name": "linear", "base_lr": 0.1, "start_factor": 0.001},
        1000,
        1000,
        ("starts_at_zero", at(0)),
    ),
    "short decay": (
        {"name": "cosine", "base_lr": 0.1},
        {"name": "cosine", "base_lr": 0.1},
        19,
        20,
        ("short_decay", at(0, "T_max")),
    ),
    "beyond its phase": (
        {"name": "step", "base_lr": 0.1, "step_size": "20ep"},
        {"name": "step", "base_lr": 0.1, "step_size": "19ep"},
        1000,
        1000,
        ("beyond_phase", at(0, "step_size")),
    ),
    "horizon beyond its phase": (
        {"name": "cosine", "base_lr": 0.1, "T_max": "1001st"},
        {"name": "cosine", "base_lr": 0.1, "T_max": "1000st"},
        1000,
        1000,
        ("beyond_phase", at(0, "T_max")),
    ),
    "short horizon": (
        {"name": "linear", "base_lr": 0.1, "total_iters": "9st"},
        {"name": "linear", "base_lr": 0.1, "total_iters": "10st"},
        1000,
        1000,
        ("short_horizon", at(0, "total_iters")),
    ),
    "a base beside a peak": (
        {"name": "one_cycle", "base_lr": 0.1, "max_lr": 1.0},
        {"name": "one_cycle", "max_lr": 1.0},
        1000,
        1000,
        ("unused_setting", ("schedule", "base_lr")),
    ),
    "a base beside points": (
        {"name": "piecewise", "base_lr": 0.1, "points": [["0st", 1.0]]},
        {"name": "piecewise", "points": [["0st", 1.0]]},
        1000,
        1000,
        ("unused_setting", ("schedule", "base_lr")),
    ),
    "a base that no phase works from": (
        phases(
            {"name": "constant", "duration": "50%", "lr": 0.2},
            {"name": "cosine", "duration": "rest", "lr": "previous"},
        ),
        HALF,
        1000,
        1000,
        ("unused_setting", ("schedule", "base_lr")),
    ),
    "gamma without exp_range": (
        cyclic(gamma=0.9),
        cyclic(gamma=0.9, mode="exp_range"),
        1000,
        1000,
        ("unused_setting", at(0, "gamma")),
    ),
}


@pytest.mark.parametrize("case", WARNED)
def test_every_warning_is_raised_by_one_schedule_and_not_by_its_neighbour(case: str):
    raises, does_not, steps, other_steps, warning = WARNED[case]
    assert warning in codes(raises, steps=steps)
    assert codes(does_not, steps=other_steps) == []


def test_the_warning_of_an_idle_base_says_where_the_rates_in_use_stand():
    listed = phases(
        {"name": "cyclic", "duration": "rest", "base_lr": 0.2, "max_lr": 1.0, "step_size_up": "2ep"}
    )
    points: dict[str, object] = {"name": "piecewise", "base_lr": 0.1, "points": [["0st", 1.0]]}
    for schedule, own in ((listed, "base_lr"), (points, "points")):
        (warning,) = warnings(resolved(schedule))
        part = "base_lr of the schedule plays no part"
        assert warning.message == f"{part}: every phase has a rate of its own, in its {own}; leave it out"


@pytest.mark.parametrize(
    ("written", "begin", "updates"),
    [
        (
            [
                {"name": "cosine", "duration": "50%"},
                {"name": "constant", "duration": "50%", "lr": "previous"},
            ],
            500,
            500,
        ),
        ([{"name": "constant", "duration": "100st", "lr": 0.0}, {"name": "rex", "duration": "rest"}], 0, 100),
        (  # a stretch over a border, with the first step of the climb
            [
                {"name": "constant", "duration": "100st"},
                {"name": "constant", "duration": "100st", "lr": 0.0},
                {"name": "linear", "duration": "rest", "start_factor": 0.0},
            ],
            100,
            101,
        ),
        ([{"name": "polynomial", "duration": "rest", "total_iters": "998st"}], 998, 2),
        ([{"name": "exponential", "duration": "rest", "gamma": 1e-30, "decay_steps": "10st"}], 108, 892),
    ],
    ids=["held", "from the start", "over a border", "two at the end", "too small for a double"],
)
def test_the_warning_of_a_rate_of_zero_counts_its_updates(
    written: list[dict[str, object]], begin: int, updates: int
):
    run = resolved(phases(*written))
    (warning,) = [w for w in warnings(run) if w.code == "rate_of_zero"]
    assert f"0 for {updates} updates from step {begin} on" in warning.message
    assert [t for t in range(1000) if run.lr(t) == 0.0] == list(range(begin, begin + updates))


def test_the_mid_cycle_warning_says_which_length_fits():
    (warning,) = warnings(resolved(cyclic(), steps=1100))
    assert "5.50 cycles of 200 steps" in warning.message
    assert "1200 steps hold 6 whole ones" in warning.message
