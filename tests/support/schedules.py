"""Schedules drawn at random: every kind of phase, with settings that can be run."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from shared.schedules import ANY_OPTIMIZER, FROM_SCRATCH, ResolvedSchedule, ScheduleSpec, Start, resolve

Drawn = dict[str, Any]
RATE = st.floats(1e-6, 1.0)
FLOOR = st.sampled_from([0.0, 1e-6])
LENGTH = st.one_of(
    st.integers(1, 60).map("{}st".format),
    st.integers(1, 4).map("{}ep".format),
    st.integers(5, 100).map("{}%".format),
)
MOMENTUM = st.none() | st.fixed_dictionaries(
    {"base_momentum": st.floats(0.0, 0.8), "max_momentum": st.floats(0.8, 0.99)}
)


def _phase(name: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Drawn]:
    return st.fixed_dictionaries({"name": st.just(name), **fields})


def _percent(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map("{}%".format)


POINTS = st.dictionaries(st.integers(0, 20), st.floats(0.0, 1.0), min_size=1, max_size=12).map(
    lambda found: [[f"{5 * at}%", found[at]] for at in sorted(found)]
)
DRAWS: dict[str, st.SearchStrategy[Drawn]] = {
    "constant": _phase("constant", lr=RATE),
    "step": _phase("step", step_size=LENGTH, gamma=st.floats(0.01, 1.0), offset=LENGTH),
    "multistep": _phase(
        "multistep",
        milestones=st.lists(st.integers(2, 99), min_size=1, max_size=8).map(
            lambda found: [f"{at}%" for at in sorted(found)]
        ),
        gamma=st.floats(0.01, 1.0),
    ),
    "exponential": _phase(
        "exponential", gamma=st.floats(0.01, 1.0), decay_steps=LENGTH, staircase=st.booleans()
    ),
    "inverse_time": _phase(
        "inverse_time", decay_rate=st.floats(0.01, 100.0), decay_steps=LENGTH, staircase=st.booleans()
    ),
    "linear": _phase("linear", start_factor=st.floats(0, 1), end_factor=st.floats(0, 1)),
    "polynomial": _phase(
        "polynomial",
        lr=RATE,
        power=st.floats(0.1, 5),
        total_iters=LENGTH,
        eta_min=FLOOR,
        k_decay=st.floats(0.1, 5),
    ),
    "cosine": _phase("cosine", lr=RATE, eta_min=FLOOR, T_max=LENGTH, k_decay=st.floats(0.1, 5)),
    "cosine_restarts": _phase(
        "cosine_restarts",
        T_0=LENGTH,
        T_mult=st.integers(1, 4),
        eta_min=FLOOR,
        cycle_decay=st.floats(0.1, 1.0),
        cycle_limit=st.none() | st.integers(1, 9),
    ),
    "cyclic": _phase(
        "cyclic",
        base_lr=FLOOR,
        max_lr=RATE,
        step_size_up=LENGTH,
        step_size_down=LENGTH,
        shape=st.sampled_from(["triangular", "welch", "hann"]),
        mode=st.sampled_from(["triangular", "triangular2", "exp_range"]),
        gamma=st.floats(0.5, 1.0),
        momentum=MOMENTUM,
    ),
    "one_cycle": _phase(
        "one_cycle",
        max_lr=RATE,
        pct_start=st.floats(0.05, 0.45),
        div_factor=st.floats(1.0, 100.0),
        final_div_factor=st.floats(1.0, 1e5),
        anneal_strategy=st.sampled_from(["cos", "linear"]),
        three_phase=st.booleans(),
        momentum=MOMENTUM,
    ),
    "inverse_sqrt": _phase("inverse_sqrt", lr=RATE, timescale=st.none() | LENGTH),
    "wsd": _phase(
        "wsd",
        lr=RATE,
        num_warmup_steps=_percent(0, 40),
        num_decay_steps=_percent(5, 60),
        start_factor=st.floats(0.0, 1.0),
        decay_type=st.sampled_from(["linear", "1-sqrt", "cosine", "power", "exp"]),
        eta_min=FLOOR,
        decay_power=st.floats(0.1, 5.0),
        decay_ratio=st.floats(0.01, 0.9),
    ),
    "flat_cosine": _phase("flat_cosine", lr=RATE, pct_start=st.floats(0.0, 0.95), eta_min=FLOOR),
    "rex": _phase("rex", lr=RATE, eta_min=FLOOR),
    "coslog": _phase("coslog", lr=RATE, n_cycles=st.integers(1, 8)),
    "tanh": _phase("tanh", lr=RATE, lb=st.floats(-10, 0), ub=st.floats(0.1, 10), eta_min=FLOOR),
    "piecewise": _phase(
        "piecewise", points=POINTS, interpolation=st.sampled_from(["linear", "cosine", "step"])
    ),
}
ANY_PHASE = st.one_of(*DRAWS.values())
SCHEDULE = st.builds(
    lambda first, second, base: {
        "base_lr": base,
        "phases": [{**first, "duration": "40%"}, {**second, "duration": "rest"}],
    },
    ANY_PHASE,
    ANY_PHASE,
    RATE,
)
"""Two phases, of 40 and 60 %."""


def resolved(
    schedule: object, *, steps: int = 1000, epoch: int = 50, start: Start = FROM_SCRATCH
) -> ResolvedSchedule:
    """Return a schedule as a preview resolves it, or, from a later start, a fork."""
    spec = ScheduleSpec.parse(schedule)
    return resolve(spec, total_steps=steps, steps_per_epoch=epoch, optimizer=ANY_OPTIMIZER, start=start)


def peak(schedule: Drawn) -> float:
    """Return the highest rate that a schedule names."""
    named: list[float] = [schedule["base_lr"]]
    for phase in schedule["phases"]:
        named += [phase.get("lr", 0.0), phase.get("max_lr", 0.0)]
        named += [value for _, value in phase.get("points", ())]
    return max(named)
