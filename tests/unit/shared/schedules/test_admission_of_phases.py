"""What each schedule refuses and warns of on its own account, where, and with which remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from shared.errors import Refused
from shared.schedules import OptimizerTraits, ResolvedSchedule, ScheduleSpec, resolve, warnings

ADAM = OptimizerTraits("adam", cycles_momentum=True, momentum=0.9)
PLAIN_SGD = OptimizerTraits("sgd", cycles_momentum=False, momentum=0.0)


def resolved(
    phase: Mapping[str, object], *, steps: int = 1000, optimizer: OptimizerTraits = ADAM
) -> ResolvedSchedule:
    own = "max_lr" in phase or "points" in phase
    spec = ScheduleSpec.parse(phase if own else {"base_lr": 0.1, **phase})
    return resolve(spec, total_steps=steps, steps_per_epoch=50, optimizer=optimizer)


def restarts(**settings: object) -> dict[str, object]:
    return {"name": "cosine_restarts", "T_0": "100st", **settings}


def one_cycle(**settings: object) -> dict[str, object]:
    return {"name": "one_cycle", "max_lr": 1.0, **settings}


def wsd(**settings: object) -> dict[str, object]:
    return {"name": "wsd", "num_warmup_steps": "5%", "num_decay_steps": "20%", **settings}


def piecewise(*points: tuple[str, float], **settings: object) -> dict[str, object]:
    return {"name": "piecewise", "points": [list(point) for point in points], **settings}


FLOORED: dict[str, Mapping[str, object]] = {
    "polynomial": {},
    "cosine_restarts": {"T_0": "10%"},
    "wsd": {"num_warmup_steps": "5%", "num_decay_steps": "20%"},
    "flat_cosine": {},
    "rex": {},
    "tanh": {},
}
REFUSED: dict[str, tuple[Mapping[str, object], int, tuple[str | int, ...], str]] = {
    "a milestone at step 0": (
        {"name": "multistep", "milestones": ["0st", "5ep"]},
        1000,
        ("milestones", 0),
        "leave it out",
    ),
    "milestones out of order": (
        {"name": "multistep", "milestones": ["5ep", "10ep", "9ep"]},
        1000,
        ("milestones", 2),
        "in order",
    ),
    "stairs of no step": (
        {"name": "exponential", "gamma": 0.9, "decay_steps": "0.01%"},
        1000,
        ("decay_steps",),
        "at least 1st",
    ),
    "a cycle of no step": (restarts(T_0="0st"), 1000, ("T_0",), "at least 1st"),
    "a timescale of 0": ({"name": "inverse_sqrt", "timescale": "0st"}, 1000, ("timescale",), "at least 1st"),
    "a rise of exactly 1 step": (one_cycle(pct_start=0.1), 10, ("pct_start",), "needs more than 1"),
    "a rise of a third of 3": (one_cycle(pct_start=1 / 3), 3, ("pct_start",), "needs more than 1"),
    "a rise below 1 step": (one_cycle(pct_start=0.1), 5, ("pct_start",), "lasts 0.5 steps of 5"),
    "no rise": (one_cycle(pct_start=0.0), 1000, ("pct_start",), "needs more than 1"),
    "no fall": (one_cycle(pct_start=1.0), 1000, ("pct_start",), "write less than 1"),
    "no third leg": (one_cycle(pct_start=0.51, three_phase=True), 100, ("pct_start",), "third leg"),
    "momentum upside down": (
        one_cycle(momentum={"base_momentum": 0.96}),
        1000,
        ("momentum", "base_momentum"),
        "^base_momentum must not exceed max_momentum; lower it or raise max_momentum$",
    ),
    "warm-up and decay longer than the phase": (
        wsd(num_warmup_steps="81%"),
        1000,
        ("num_decay_steps",),
        r"warm-up \(810\) and decay \(200\) do not fit into 1000",
    ),
    "no cool-down": (wsd(num_decay_steps="0st"), 1000, ("num_decay_steps",), "at least 1st"),
    "a tangent that rises": ({"name": "tanh", "lb": 3.0, "ub": 3.0}, 1000, ("lb",), "below ub"),
    "coslog4 with five cycles": ({"name": "coslog4", "n_cycles": 5}, 1000, ("n_cycles",), "write coslog"),
    "points that go back": (
        piecewise(("0st", 1.0), ("50%", 0.5), ("499st", 0.1)),
        1000,
        ("points", 2),
        "at step 499, not after",
    ),
    "two points at one step": (piecewise(("1ep", 1.0), ("50st", 0.5)), 1000, ("points", 1), "drop one"),
}
REFUSED |= {
    f"a floor above the peak of {name}": (
        {"name": name, "eta_min": 0.11, **more},
        1000,
        ("eta_min",),
        "must not exceed lr",
    )
    for name, more in FLOORED.items()
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_with_its_place_and_remedy(case: str):
    phase, steps, loc, message = REFUSED[case]
    with pytest.raises(Refused) as caught:
        resolved(phase, steps=steps)
    (finding,) = caught.value.findings
    assert finding.loc == ("schedule", "phases", 0, *loc)
    assert re.search(message, finding.message)


def test_the_neighbours_of_what_is_refused_are_run():
    assert resolved(one_cycle(pct_start=0.11), steps=10).lr(0) == pytest.approx(0.04)
    assert resolved(one_cycle(pct_start=0.49, three_phase=True), steps=100).lr(99) == pytest.approx(4e-6)
    assert resolved(wsd(num_warmup_steps="80%")).lr(1000) == 0.0
    assert resolved({"name": "coslog4", "n_cycles": 4}).lr(0) == 0.0


def test_one_cycle_cannot_cycle_a_momentum_that_is_not_there():
    with pytest.raises(Refused) as caught:
        resolved(one_cycle(momentum={}), optimizer=PLAIN_SGD)
    assert caught.value.findings[0].loc == ("schedule", "phases", 0, "momentum")
    assert resolved(one_cycle(), optimizer=PLAIN_SGD).momentum(0) is None


@pytest.mark.parametrize(
    ("phase", "loc"),
    [
        ({"name": "multistep", "milestones": []}, ("milestones",)),
        ({"name": "multistep", "milestones": ["30st", 60]}, ("milestones", 1)),
        ({"name": "multistep", "milestones": ["30st"] * 1001}, ("milestones",)),
        ({"name": "multistep", "milestones": "30st"}, ("milestones",)),
        ({"name": "exponential", "gamma": 1.01}, ("gamma",)),
        ({"name": "exponential", "gamma": 0.0}, ("gamma",)),
        ({"name": "exponential"}, ("gamma",)),
        ({"name": "exponential", "gamma": 0.9, "staircase": 1}, ("staircase",)),
        ({"name": "inverse_time", "decay_rate": 0.0}, ("decay_rate",)),
        ({"name": "polynomial", "power": -1.0}, ("power",)),
        (restarts(T_mult=0), ("T_mult",)),
        (restarts(T_mult=1.5), ("T_mult",)),
        (restarts(cycle_decay=1.5), ("cycle_decay",)),
        (restarts(cycle_limit=0), ("cycle_limit",)),
        (one_cycle(div_factor=0.5), ("div_factor",)),
        (one_cycle(anneal_strategy="tanh"), ("anneal_strategy",)),
        (one_cycle(momentum={"max_momentum": 1.0}), ("momentum", "max_momentum")),
        (wsd(decay_type="log"), ("decay_type",)),
        (wsd(decay_ratio=1.0), ("decay_ratio",)),
        ({"name": "flat_cosine", "pct_start": 1.0}, ("pct_start",)),
        ({"name": "coslog", "n_cycles": 0}, ("n_cycles",)),
        ({"name": "rex", "eta_min": -0.1}, ("eta_min",)),
        ({"name": "tanh", "ub": float("inf")}, ("ub",)),
        (piecewise(), ("points",)),
        (piecewise(("10st", -1.0)), ("points", 0, 1)),
        ({"name": "piecewise", "points": [["10st"]]}, ("points", 0, 1)),
        ({"name": "piecewise", "points": [[10, 0.1]]}, ("points", 0, 0)),
        ({"name": "piecewise", "points": {"10st": 0.1}}, ("points",)),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_place(phase: Mapping[str, object], loc: tuple[str | int, ...]):
    with pytest.raises(ValidationError) as caught:
        ScheduleSpec.parse({"base_lr": 0.1, **phase})
    assert [error["loc"] for error in caught.value.errors()] == [("phases", 0, phase["name"], *loc)]


WARNED: dict[
    str, tuple[Mapping[str, object], int, Mapping[str, object], int, tuple[str, tuple[str | int, ...]]]
] = {
    "a milestone at the end": (
        {"name": "multistep", "milestones": ["5ep", "100%"]},
        1000,
        {"name": "multistep", "milestones": ["5ep", "999st"]},
        1000,
        ("beyond_phase", ("milestones", 1)),
    ),
    "stairs that never come": (
        {"name": "exponential", "gamma": 0.5, "decay_steps": "20ep", "staircase": True},
        1000,
        {"name": "exponential", "gamma": 0.5, "decay_steps": "20ep"},
        1000,
        ("beyond_phase", ("decay_steps",)),
    ),
    "inverse stairs that never come": (
        {"name": "inverse_time", "decay_rate": 0.5, "decay_steps": "20ep", "staircase": True},
        1000,
        {"name": "inverse_time", "decay_rate": 0.5, "decay_steps": "19ep", "staircase": True},
        1000,
        ("beyond_phase", ("decay_steps",)),
    ),
    "a short line": (
        {"name": "polynomial"},
        19,
        {"name": "polynomial"},
        20,
        ("short_decay", ("total_iters",)),
    ),
    "a line beyond its phase": (
        {"name": "polynomial", "total_iters": "21ep"},
        1000,
        {"name": "polynomial", "total_iters": "20ep"},
        1000,
        ("beyond_phase", ("total_iters",)),
    ),
    "a line over at once": (
        {"name": "polynomial", "total_iters": "99st", "eta_min": 0.01},
        10_000,
        {"name": "polynomial", "total_iters": "100st", "eta_min": 0.01},
        10_000,
        ("short_horizon", ("total_iters",)),
    ),
    "an end in the middle of a cycle": (
        restarts(),
        1050,
        restarts(),
        1000,
        ("ends_mid_cycle", ("duration",)),
    ),
    "an end in the middle of a longer cycle": (
        restarts(T_mult=2),
        1000,
        restarts(T_mult=2),
        1500,
        ("ends_mid_cycle", ("duration",)),
    ),
    "no end of the last cycle there may be": (
        restarts(cycle_limit=11),
        1050,
        restarts(cycle_limit=10, eta_min=0.001),
        1050,
        ("ends_mid_cycle", ("duration",)),
    ),
    "a cycle beyond its phase": (
        restarts(T_0="1001st"),
        1000,
        restarts(T_0="1000st"),
        1000,
        ("beyond_phase", ("T_0",)),
    ),
    "short cycles": (restarts(T_0="10st"), 1000, restarts(T_0="20st"), 1000, ("short_decay", ("T_0",))),
    "cycles over at once": (
        restarts(T_0="33st", cycle_limit=3),
        10_000,
        restarts(T_0="50st", cycle_limit=2, eta_min=0.001),
        10_000,
        ("short_horizon", ("cycle_limit",)),
    ),
    "cycles that sink below their floor": (
        restarts(cycle_decay=0.5, eta_min=0.001),
        1000,
        restarts(cycle_decay=0.5, eta_min=0.0001),
        1000,
        ("peak_below_floor", ("cycle_decay",)),
    ),
    "a short fall of one cycle": (
        one_cycle(pct_start=0.5),
        39,
        one_cycle(pct_start=0.5),
        40,
        ("short_decay", ("pct_start",)),
    ),
    "a short cool-down": (
        wsd(num_decay_steps="19st"),
        1000,
        wsd(num_decay_steps="20st"),
        1000,
        ("short_decay", ("num_decay_steps",)),
    ),
    "a power that acts on nothing": (
        wsd(decay_power=2.0),
        1000,
        wsd(decay_power=2.0, decay_type="power"),
        1000,
        ("unused_setting", ("decay_power",)),
    ),
    "a ratio that acts on nothing": (
        wsd(decay_ratio=0.2, decay_type="linear"),
        1000,
        wsd(decay_ratio=0.2, decay_type="exp"),
        1000,
        ("unused_setting", ("decay_ratio",)),
    ),
    "a short flat cosine": (
        {"name": "flat_cosine"},
        38,
        {"name": "flat_cosine"},
        40,
        ("short_decay", ("pct_start",)),
    ),
    "a short rex": ({"name": "rex"}, 19, {"name": "rex"}, 20, ("short_decay", ("duration",))),
    "a short tangent": ({"name": "tanh"}, 19, {"name": "tanh"}, 20, ("short_decay", ("duration",))),
    "a point beyond its phase": (
        piecewise(("0st", 1.0), ("1001st", 0.1)),
        1000,
        piecewise(("0st", 1.0), ("1000st", 0.1)),
        1000,
        ("beyond_phase", ("points", 1)),
    ),
    "points over at once": (
        piecewise(("0st", 1.0), ("99st", 0.1)),
        10_000,
        piecewise(("0st", 1.0), ("100st", 0.1)),
        10_000,
        ("short_horizon", ("points",)),
    ),
    "points that fall at once": (
        piecewise(("0st", 1.0), ("50%", 1.0), ("519st", 0.1)),
        1000,
        piecewise(("0st", 1.0), ("50%", 1.0), ("519st", 0.1), interpolation="step"),
        1000,
        ("short_decay", ("points",)),
    ),
}


def codes(phase: Mapping[str, object], steps: int) -> list[tuple[str, tuple[str | int, ...]]]:
    return [(w.code, w.loc[3:]) for w in warnings(resolved(phase, steps=steps))]


@pytest.mark.parametrize("case", WARNED)
def test_every_warning_is_raised_by_one_schedule_and_not_by_its_neighbour(case: str):
    raises, steps, does_not, other_steps, warning = WARNED[case]
    assert warning in codes(raises, steps)
    assert codes(does_not, other_steps) == []


def test_cycles_too_short_to_be_followed_are_warned_of():
    """The first of n cycles lasts N/(2ⁿ − 1) steps."""
    assert ("short_cycle", ("n_cycles",)) in codes({"name": "coslog", "n_cycles": 8}, 1000)
    assert codes({"name": "coslog", "n_cycles": 7}, 1000) == [("starts_at_zero", ())]


def test_the_mid_cycle_warning_says_which_length_fits():
    (warning,) = warnings(resolved(restarts(T_mult=2), steps=1000))
    assert "300 of 800 steps into cycle 4" in warning.message
    assert "1500 steps hold 4 whole ones" in warning.message
