"""Each activation of the menu in ONNX, operator by operator; one entry a name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from services.worker.package.graph import Graph
from shared.catalog import ActivationName


def _operator(name: str) -> Callable[[Graph, str], str]:
    return lambda graph, values: graph.add(name, values)


def _gelu(graph: Graph, values: str) -> str:
    """Write x·(1 + erf(x/√2))/2 (Hendrycks and Gimpel, arXiv 1606.08415); opset 17 has no operator of it."""
    halved, one, root = (graph.weight(np.array(v, dtype=np.float32)) for v in (0.5, 1.0, 0.5**0.5))
    error = graph.add("Erf", graph.add("Mul", values, root))
    return graph.add("Mul", graph.add("Mul", values, halved), graph.add("Add", error, one))


def _silu(graph: Graph, values: str) -> str:
    """Write x·σ(x) (Elfwing et al., arXiv 1702.03118)."""
    return graph.add("Mul", values, graph.add("Sigmoid", values))


ACTIVATIONS: dict[ActivationName, Callable[[Graph, str], str]] = {
    "relu": _operator("Relu"),
    "tanh": _operator("Tanh"),
    "sigmoid": _operator("Sigmoid"),
    "gelu": _gelu,
    "silu": _silu,
}
