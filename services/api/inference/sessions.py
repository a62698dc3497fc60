"""ONNX Runtime as Gradus uses it: one thread a session, on the CPU, nothing read from disk."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from shared.errors import Refused

Array = NDArray[Any]


class Net:
    """A loaded graph with one output."""

    def __init__(self, model: bytes) -> None:
        """Load a model; raises `Refused` when ONNX Runtime will not take it."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - the runtime's errors share no base; all mean a bad model
            raise Refused(
                f"ONNX Runtime refuses the model: {type(error).__name__}", code="package_corrupt"
            ) from None
        self._output = [self._session.get_outputs()[0].name]

    def run(self, **inputs: Array) -> Array:
        """Return the output for these named inputs."""
        result: Array = self._session.run(self._output, inputs)[0]
        return result


def require_goldens(net: Net, goldens: dict[str, Array], *, output: str, tolerance: float) -> None:
    """Run golden inputs; raises `Refused` unless the outputs are those saved at publication."""
    inputs = {name: values for name, values in goldens.items() if name != output}
    wanted, came = goldens[output], net.run(**inputs)
    if came.shape != wanted.shape or not len(wanted):
        raise Refused("the golden outputs differ in shape", code="golden_mismatch")
    worst = np.abs(came - wanted) / np.maximum(1.0, np.abs(wanted))
    if not np.all(worst <= tolerance):
        raise Refused(f"the golden outputs differ by more than {tolerance}", code="golden_mismatch")
