"""What the gallery shows of each schedule: its settings side by side, over 1,000 steps of 20 epochs."""

from __future__ import annotations

from typing import Any

Settings = dict[str, Any]
TOTAL_STEPS, STEPS_PER_EPOCH = 1000, 50
WARM: Settings = {"name": "linear", "duration": "10%", "start_factor": 0.01}
WAVE: Settings = {"base_lr": 0.001, "max_lr": 0.01, "step_size_up": "2ep"}
NESTEROV = {"base_momentum": 0.85, "max_momentum": 0.95}
POINTS = [["0st", 0.001], ["10%", 0.01], ["50%", 0.01], ["80%", 0.002], ["100%", 0.0005]]

PLOTS: dict[str, dict[str, Settings]] = {
    "constant": {"lr 0.01": {}, "lr 0.005": {"lr": 0.005}},
    "step": {
        "every 5ep": {"step_size": "5ep", "gamma": 0.5},
        "every 5ep, offset 1ep": {"step_size": "5ep", "gamma": 0.5, "offset": "1ep"},
    },
    "multistep": {
        "50 % and 75 %": {"milestones": ["50%", "75%"], "gamma": 0.1},
        "30, 60 and 80 %, gamma 0.5": {"milestones": ["30%", "60%", "80%"], "gamma": 0.5},
    },
    "exponential": {
        "gamma 0.8": {"gamma": 0.8},
        "gamma 0.8, staircase": {"gamma": 0.8, "staircase": True},
        "gamma 0.5 each 5ep": {"gamma": 0.5, "decay_steps": "5ep"},
    },
    "inverse_time": {
        "rate 0.5": {"decay_rate": 0.5},
        "rate 0.5, staircase": {"decay_rate": 0.5, "staircase": True},
        "rate 2": {"decay_rate": 2.0},
    },
    "linear": {
        "⅓ → 1": {},
        "0.01 → 1 in 20 %": {"start_factor": 0.01, "total_iters": "20%"},
        "1 → 0": {"start_factor": 1.0, "end_factor": 0.0},
    },
    "polynomial": {
        "power 1": {},
        "power 2": {"power": 2.0},
        "power 0.5": {"power": 0.5},
        "power 1, k 3": {"k_decay": 3.0},
    },
    "cosine": {
        "to 0": {},
        "to 0.001": {"eta_min": 0.001},
        "k 2": {"k_decay": 2.0},
        "T_max 60 %": {"T_max": "60%", "eta_min": 0.0005},
    },
    "cosine_restarts": {
        "T_mult 1": {"T_0": "25%"},
        "T_mult 2": {"T_0": "7%", "T_mult": 2, "cycle_limit": 3, "eta_min": 0.0005},
        "cycle_decay 0.6": {"T_0": "20%", "cycle_decay": 0.6},
    },
    "cyclic": {
        "triangular": {**WAVE},
        "welch": {**WAVE, "shape": "welch"},
        "hann": {**WAVE, "shape": "hann"},
        "hann, triangular2": {**WAVE, "shape": "hann", "mode": "triangular2"},
        "welch, exp_range": {**WAVE, "shape": "welch", "mode": "exp_range", "gamma": 0.998},
    },
    "one_cycle": {
        "cos": {"max_lr": 0.01, "momentum": NESTEROV},
        "linear": {"max_lr": 0.01, "anneal_strategy": "linear"},
        "three_phase": {"max_lr": 0.01, "three_phase": True, "momentum": NESTEROV},
    },
    "inverse_sqrt": {"timescale 100st": {"timescale": "100st"}, "timescale 500st": {"timescale": "500st"}},
    "wsd": {
        kind: {"num_warmup_steps": "5%", "num_decay_steps": "40%", "decay_type": kind}
        for kind in ("linear", "1-sqrt", "cosine", "exp")
    },
    "flat_cosine": {"pct_start 0.5": {}, "pct_start 0.75": {"pct_start": 0.75}},
    "rex": {"to 0": {}, "to 0.002": {"eta_min": 0.002}},
    "coslog": {"4 cycles": {}, "3 cycles": {"n_cycles": 3}},
    "tanh": {"−7 … 3": {}, "−3 … 3": {"lb": -3.0}},
    "piecewise": {kind: {"points": POINTS, "interpolation": kind} for kind in ("linear", "cosine", "step")},
}
"""Beyond its name: every schedule that a phase can be, some settings each, scaled to a peak of 0.01."""

COMPOSED: dict[str, Settings] = {
    "warm-up, then cosine": {"base_lr": 0.01, "phases": [WARM, {"name": "cosine", "duration": "rest"}]},
    "warm-up, Hann waves, a line to 0": {
        "base_lr": 0.01,
        "phases": [
            {"name": "linear", "duration": "5%", "start_factor": 0.01, "end_factor": 0.1},
            {"name": "cyclic", "duration": "80%", **WAVE, "shape": "hann", "mode": "triangular2"},
            {"name": "polynomial", "duration": "rest", "lr": "previous"},
        ],
    },
    "warm-up, then inverse_sqrt": {
        "base_lr": 0.01,
        "phases": [WARM, {"name": "inverse_sqrt", "duration": "rest"}],
    },
}

FAMILIES: dict[str, dict[str, Settings]] = {
    "flat, in steps, or through points": {
        "constant": {},
        "step": {"step_size": "5ep", "gamma": 0.5},
        "multistep": {"milestones": ["50%", "75%"]},
        "piecewise": {"points": POINTS},
    },
    "decays without an end": {
        "exponential": {"gamma": 0.8},
        "inverse_time": {"decay_rate": 0.5},
        "inverse_sqrt": {"timescale": "100st"},
    },
    "decays to the end": {
        "linear": {"start_factor": 1.0, "end_factor": 0.0},
        "polynomial": {"power": 2.0},
        "cosine": {},
        "rex": {},
        "tanh": {},
    },
    "up or flat, then down": {
        "one_cycle": {"max_lr": 0.01},
        "wsd": {"num_warmup_steps": "5%", "num_decay_steps": "20%"},
        "flat_cosine": {"pct_start": 0.6},
    },
    "cycles": {
        "cyclic": {**WAVE, "shape": "hann"},
        "cosine_restarts": {"T_0": "25%"},
        "coslog": {},
    },
}
"""All of them in one drawing, by how they move."""
