"""One seed, the same bits: on the same device, the same thread count and the same versions."""

from __future__ import annotations

import os

import torch


def seed_everything(seed: int, device: torch.device | str) -> None:
    """Seed torch on the CPU and on the device, and refuse operations that have no fixed order.

    Call it before the first product of matrices on a GPU: cuBLAS reads its workspace setting once.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.manual_seed(seed)
    if torch.device(device).type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def rng_state(device: torch.device) -> dict[str, torch.Tensor]:
    """Return the generators' states as byte tensors; Python's and NumPy's are not used in training."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_rng_state(states: dict[str, torch.Tensor], device: torch.device) -> None:
    """Put the generators back to where `rng_state` found them."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
