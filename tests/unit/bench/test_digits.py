"""The bench on digits says what does not hold."""

from __future__ import annotations

from bench.digits import CONSTANTS, DECAYS, WINDOWS, Losses, failures, judged, learn, read, schedules

LOSSES: Losses = {
    60: {**{f"constant {lr}": [0.30, 0.32] for lr in CONSTANTS}, **{name: [0.2, 0.21] for name in DECAYS}},
    1200: {f"CLR {shape}": [0.04, 0.05] for shape in WINDOWS},
}
STEPS: dict[str, list[int | None]] = {
    "constant 0.005": [800, 900],
    **{f"CLR {s}": [100] * 2 for s in WINDOWS},
}


def test_what_holds_is_not_reported() -> None:
    assert failures(LOSSES, STEPS) == []


def test_each_relation_that_does_not_hold_is_reported() -> None:
    slow = {**LOSSES[60], "rex": [0.3, 0.3]}
    apart = {**LOSSES[1200], "CLR hann": [0.14, 0.15]}
    found = failures({60: slow, 1200: apart}, {**STEPS, "CLR welch": [100, None]})
    assert [line.split(",")[0].split(":")[0] for line in found] == ["rex", "windows", "CLR welch"]


def test_a_cycle_is_whole_at_the_end_of_the_run() -> None:
    assert [schedules(t)["CLR hann"]["phases"][0]["step_size_up"] for t in (60, 200, 1200)] == [
        *("10st", "12st", "75st")
    ]


def test_a_run_of_sixty_steps_learns_digits_the_same_every_time() -> None:
    known, asked = read()
    plans = schedules(60)

    def loss(name: str) -> float:
        return judged(list(learn(known, plans[name], total=60, seed=0))[-1], asked)[0]

    assert (len(known.targets), len(asked.targets)) == (1297, 500)
    assert loss("linear") == loss("linear") < 0.3 < loss("constant 0.005")
