"""The pictures of docs/graphs.md, drawn by the product: `python -m bench.graph_pictures` writes them anew."""

from __future__ import annotations

from pathlib import Path

from services.api.tracing import TraceRequest, trace_drawing, traced
from shared.graphs.svg import svg

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "graphs"
PICTURES = {
    "expression.svg": TraceRequest(expression="x*y+z", values={"x": 7, "y": 13, "z": 19}),
    "layer.svg": TraceRequest(
        expression="h = relu(W @ x + b); loss = mean((h - y)**2)",
        values={"W": [[1, 2], [3, -4]], "x": [1, -1], "b": [0.5, 0.25], "y": [0, 7]},
    ),
}


def drawn(request: TraceRequest) -> str:
    """Return the picture of a request."""
    return svg(trace_drawing(request, traced(request)))


def main() -> None:
    """Write every picture."""
    FOLDER.mkdir(exist_ok=True)
    for name, request in PICTURES.items():
        (FOLDER / name).write_text(drawn(request))


if __name__ == "__main__":
    main()
