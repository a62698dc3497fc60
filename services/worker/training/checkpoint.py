"""Everything needed to go on to the last bit: weights, optimizer, generators, batches, the caller's state.

The format is safetensors with one JSON text in its metadata; nothing is pickled. Names of tensors:
`net/<parameter>`, `optimizer/<parameter>/<moment>`, `rng/<device>`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from services.worker.training.determinism import rng_state, set_rng_state
from services.worker.training.loop import Batches
from services.worker.training.optim import SteppedOptimizer
from shared.errors import Conflict

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A checkpoint in memory: `step` updates are done; `tensors` are copies on the CPU."""

    step: int
    tensors: dict[str, Tensor]
    batches: dict[str, int]
    extra: dict[str, Any]
    """The caller's own state as JSON: early stopping, last_event_seq, …"""


def _live(net: nn.Module, optimizer: SteppedOptimizer) -> dict[str, Tensor]:
    """Return by name the very tensors that training writes into: weights, buffers and moments."""
    tensors = {f"net/{name}": tensor for name, tensor in net.state_dict().items()}
    for name, parameter in net.named_parameters():
        for key, tensor in optimizer.state_of(parameter).items():
            tensors[f"optimizer/{name}/{key}"] = tensor
    return tensors


def capture(
    net: nn.Module, *, optimizer: SteppedOptimizer, batches: Batches, step: int, extra: dict[str, Any]
) -> Snapshot:
    """Return a copy of all that decides the updates after `step`; training may go on at once.

    The weights are those to judge and to publish, which an optimizer may hold apart from those it trains.
    """
    with optimizer.averaged():
        tensors = {name: t.detach().to("cpu", copy=True) for name, t in _live(net, optimizer).items()}
    states = rng_state(optimizer.parameters[0].device)
    tensors |= {f"rng/{name}": state.clone() for name, state in states.items()}
    return Snapshot(step=step, tensors=tensors, batches=batches.state(), extra=extra)


def to_bytes(snapshot: Snapshot) -> bytes:
    """Return a snapshot as one safetensors blob."""
    state = {
        "format": FORMAT,
        "step": snapshot.step,
        "batches": snapshot.batches,
        "extra": snapshot.extra,
    }
    return save_tensors(snapshot.tensors, metadata={"gradus": json.dumps(state, allow_nan=False)})


def digest(blob: bytes) -> str:
    """Return the SHA-256 of a blob in hexadecimal."""
    return sha256(blob).hexdigest()


def from_bytes(blob: bytes, *, sha256_hex: str | None = None) -> Snapshot:
    """Return the snapshot in a blob. Raises `Conflict` when the blob is not whole or not a checkpoint."""
    if sha256_hex is not None and digest(blob) != sha256_hex:
        raise Conflict("the checkpoint is damaged; its SHA-256 differs from the recorded one", code="damaged")
    try:
        tensors = load_tensors(blob)
        state = json.loads(_metadata(blob)["gradus"])
        if state["format"] != FORMAT:
            raise Conflict(f"the checkpoint has format {state['format']}; wanted {FORMAT}", code="damaged")
        return Snapshot(state["step"], tensors, state["batches"], state["extra"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise Conflict("the blob is not a checkpoint of this product", code="damaged") from error


def _metadata(blob: bytes) -> dict[str, str]:
    """Return the metadata of a safetensors blob: 8 bytes of length, then a JSON header."""
    length = int.from_bytes(blob[:8], "little")
    metadata: dict[str, str] = json.loads(blob[8 : 8 + length])["__metadata__"]
    return metadata


def restore(snapshot: Snapshot, *, net: nn.Module, optimizer: SteppedOptimizer, batches: Batches) -> None:
    """Put a net, its optimizer, the batches and the generators where the snapshot was taken.

    Raises `Conflict` and changes nothing when names, shapes or types differ, or when the batches are others.
    """
    came = {name: t for name, t in snapshot.tensors.items() if not name.startswith("rng/")}
    with optimizer.averaged():
        _copy_into(_live(net, optimizer), came, before=lambda: batches.restore(snapshot.batches))
    states = {name.removeprefix("rng/"): t for name, t in snapshot.tensors.items() if name.startswith("rng/")}
    set_rng_state(states, optimizer.parameters[0].device)


def restore_weights(snapshot: Snapshot, *, net: nn.Module) -> None:
    """Put only the weights of a snapshot into a net: what judging or packing the best checkpoint needs."""
    came = {name: t for name, t in snapshot.tensors.items() if name.startswith("net/")}
    _copy_into({f"net/{name}": t for name, t in net.state_dict().items()}, came)


def _copy_into(
    live: dict[str, Tensor], came: dict[str, Tensor], *, before: Callable[[], None] = lambda: None
) -> None:
    """Copy tensors into those of the same names, after all of them proved to fit."""
    wrong = [
        f"{name}: wanted {_shape(live.get(name))}, came {_shape(came.get(name))}"
        for name in sorted(came.keys() | live.keys())
        if _shape(came.get(name)) != _shape(live.get(name))
    ]
    if wrong:
        message = f"the checkpoint is of another net or optimizer; {'; '.join(wrong[:5])}"
        raise Conflict(message, code="checkpoint_mismatch")
    before()
    with torch.no_grad():
        for name, tensor in live.items():
            tensor.copy_(came[name])


def _shape(tensor: Tensor | None) -> str:
    return "nothing" if tensor is None else f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"
