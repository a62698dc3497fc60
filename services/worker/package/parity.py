"""Holds an exported graph against the net it was written from, in the runtime that will serve it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from shared.errors import Diverged, GradusError

TOLERANCE = 1e-5
"""Largest difference from torch, absolute below 1 and relative above; measured ones stay under 1e-6."""

Arrays = dict[str, NDArray[Any]]


class ExportError(GradusError):
    """The exported graph does not give what the net gives: our bug, never the user's."""

    code = "export_differs"


def run_model(model: bytes, inputs: Arrays) -> NDArray[np.float32]:
    """Return the one output of a model for these inputs, computed by ONNX Runtime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (result,) = session.run(None, inputs)
    return np.asarray(result, dtype=np.float32)


def require_parity(model: bytes, inputs: Arrays, *, wanted: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the runtime gives; raises `ExportError` unless it is finite and within `TOLERANCE`.

    Raises `Diverged` when what is wanted is not finite itself.
    """
    if not np.isfinite(wanted).all():
        raise Diverged("the scores of made-up inputs, which every package is tried with, are not all finite")
    came = run_model(model, inputs)
    if came.shape != wanted.shape or not np.isfinite(came).all():
        raise ExportError(f"wanted finite outputs of shape {wanted.shape}, came {came.shape}")
    worst = float((np.abs(came - wanted) / np.maximum(1.0, np.abs(wanted))).max(initial=0.0))
    if worst > TOLERANCE:
        raise ExportError(f"wanted outputs within {TOLERANCE} of the net's, came {worst:.2e}")
    return came
