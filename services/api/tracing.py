"""Formulas traced for a client: the request as it comes, the trace as it is answered and drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from services.api.schemas import Answer, WarningAnswer
from shared.graphs.arrays import MAX_SIDE, plain
from shared.graphs.chain_rule import chain_rule, latex, products
from shared.graphs.drawing import Drawing
from shared.graphs.formula import Traced, trace_formula
from shared.graphs.operations import FUNCTIONS
from shared.graphs.paths import all_ways
from shared.graphs.picture import picture
from shared.graphs.tracing import Edge, Trace
from shared.graphs.wording import frames, label, local_text

_LIST = {"type": "array", "minItems": 1, "maxItems": MAX_SIDE}
_NUMBERS = {
    "anyOf": [
        {"type": "number"},
        {**_LIST, "items": {"type": "number"}},
        {**_LIST, "items": {**_LIST, "items": {"type": "number"}}},
    ]
}
Given = Annotated[Any, WithJsonSchema(_NUMBERS)]
"""A number, a vector or a matrix; `shared.graphs.arrays` checks it and says what is wrong where."""
Numbers = Annotated[Any, WithJsonSchema(_NUMBERS)]


class TraceRequest(BaseModel):
    """A formula and the values of its names."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    expression: Annotated[
        str,
        Field(
            description="Numbers, names, `+ - * / ** @`, brackets and functions: "
            f"{', '.join(FUNCTIONS)}. Several statements `a = x*y; a + z` name intermediates; the last is "
            "the result.",
            examples=["x*y+z", "h = relu(W @ x + b); mean((h - y)**2)"],
        ),
    ]
    values: Annotated[
        dict[str, Given],
        Field(description="Every name of the expression: a number, a vector or a matrix up to 16 × 16."),
    ] = {}
    wrt: Annotated[
        list[str] | None,
        Field(description="The names that gradients are wanted for; all of them by default."),
    ] = None
    seed: Annotated[
        Given | None,
        Field(description="The gradient that arrives at the result, in its shape; 1 by default."),
    ] = None


class GraphNodeAnswer(Answer):
    """A node; a constant has no gradient, a single number no shape."""

    id: int
    op: str
    label: str
    value: Numbers
    grad: Numbers | None = None
    shape: list[int] | None = None


class GraphEdgeAnswer(Answer):
    """A use of a node: its local derivative, what arrives from above, and their product."""

    from_: Annotated[int, Field(serialization_alias="from")]
    to: int
    local: str | None = None
    local_value: Numbers | None = None
    local_kind: Annotated[
        Literal["elementwise", "jacobian"] | None,
        Field(
            description="Of arrays: a derivative per element, or a Jacobian with a row per output element."
        ),
    ] = None
    upstream: Numbers | None = None
    contribution: Numbers | None = None


class PathAnswer(Answer):
    """One way from a variable to the result, result first; its product where all are single numbers."""

    nodes: list[int]
    product: float | int | None = None


class VariableAnswer(Answer):
    """A variable's gradient, and the chain rule that leads to it; at most 50 ways are written out."""

    grad: Numbers
    paths: int
    chain_rule: str
    latex: str
    products: list[PathAnswer]
    left_out: int | None = None


class CheckAnswer(Answer):
    """The gradients beside central differences, in elements compared and left out (kinks, domain, budget)."""

    method: Literal["central_difference"] = "central_difference"
    max_abs_error: float | None = None
    max_rel_error: float | None = None
    checked: int
    left_out: int


class FrameAnswer(Answer):
    """A step of either pass, in words."""

    pass_: Annotated[Literal["forward", "backward"], Field(serialization_alias="pass")]
    node: int
    text: str


class TraceAnswer(Answer):
    """A formula with every number on its wire."""

    value: Numbers
    nodes: list[GraphNodeAnswer]
    edges: list[GraphEdgeAnswer]
    variables: dict[str, VariableAnswer]
    check: CheckAnswer
    frames: list[FrameAnswer]
    warnings: list[WarningAnswer]


def traced(body: TraceRequest) -> Traced:
    """Trace a request. Raises `Refused` with the place and the remedy."""
    return trace_formula(body.expression, body.values, wrt=body.wrt, seed=body.seed)


def trace_drawing(body: TraceRequest, found: Traced) -> Drawing:
    """Return the trace as a drawing under its own text."""
    return picture(found.trace, body.expression)


def trace_json(found: Traced) -> str:
    """Return the trace as JSON, without the fields that a node or an edge does not have."""
    return trace_answer(found).model_dump_json(by_alias=True, exclude_none=True)


def trace_answer(found: Traced) -> TraceAnswer:
    """Return the trace as it is answered."""
    trace = found.trace
    return TraceAnswer(
        value=plain(trace.values[trace.program.result]),
        nodes=[_node(trace, i) for i in range(len(trace.values))],
        edges=[_edge(trace, edge) for edge in trace.edges],
        variables=dict(_variables(trace)),
        check=CheckAnswer.model_validate(found.check, from_attributes=True),
        frames=[FrameAnswer(pass_=f.direction, node=f.node, text=f.text) for f in frames(trace)],
        warnings=[WarningAnswer(code=w.code, message=w.message, loc=list(w.loc)) for w in found.warnings],
    )


def _node(trace: Trace, index: int) -> GraphNodeAnswer:
    value, gradient = trace.values[index], trace.gradients[index]
    return GraphNodeAnswer(
        id=index,
        op=trace.program.nodes[index].op,
        label=label(trace, index),
        value=plain(value),
        grad=None if gradient is None else plain(gradient),
        shape=list(value.shape) or None,
    )


def _edge(trace: Trace, edge: Edge) -> GraphEdgeAnswer:
    if edge.upstream is None or edge.contribution is None:
        return GraphEdgeAnswer(from_=edge.source, to=edge.target)
    local = edge.local
    return GraphEdgeAnswer(
        from_=edge.source,
        to=edge.target,
        local=local_text(trace, edge),
        local_value=None if local is None else plain(local.value),
        local_kind=None if local is None or local.kind == "scalar" else local.kind,
        upstream=plain(edge.upstream),
        contribution=plain(edge.contribution),
    )


def _variables(trace: Trace) -> Iterator[tuple[str, VariableAnswer]]:
    for name, ways in all_ways(trace).items():
        gradient = trace.gradients[ways.variable]
        found: Sequence[float | None] = products(trace, ways) or [None] * len(ways.listed)
        yield (
            name,
            VariableAnswer(
                grad=None if gradient is None else plain(gradient),
                paths=ways.total,
                chain_rule=chain_rule(trace, ways),
                latex=latex(trace, ways),
                products=[
                    PathAnswer(nodes=_stations(trace, path), product=product)
                    for path, product in zip(ways.listed, found, strict=True)
                ],
                left_out=ways.total - len(ways.listed) or None,
            ),
        )


def _stations(trace: Trace, path: tuple[Edge, ...]) -> list[int]:
    return [trace.program.result, *(edge.source for edge in path)]
