"""Every value and gradient of a traced formula equals torch's autograd in float64."""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Refused
from shared.graphs.formula import Traced, trace_formula
from shared.graphs.operations import FUNCTIONS, RULES
from shared.graphs.tracing import Trace
from tests.support.expressions import NAMESPACE, ArrayWorld, Value, judged, scalar_expression, scalar_values

NAMES = ("x", "y", "z", "w")
TOLERANCE = 1e-9
"""Relative to the gradient, or to the contributions that it is the sum of."""
ROUNDING = 1e-14
"""What may be left of the largest contribution of the graph where gradients cancel to 0."""
FORMULAS = 500


def agrees(found: Traced, expression: str, values: Mapping[str, Value], seed: Value | None = None) -> None:
    """Hold a trace against torch."""
    trace, oracle = found.trace, judged(expression, values, seed)
    result = trace.values[trace.program.result]
    np.testing.assert_allclose(
        result, oracle.value, rtol=TOLERANCE, atol=1e-12 * np.abs(result).max(initial=1)
    )
    for name, index in trace.program.inputs().items():
        gradient, scale = trace.gradients[index], largest_contribution(trace, index)
        assert gradient is not None
        wanted = np.asarray(oracle.gradients[name])
        assert gradient.shape == wanted.shape
        assert np.all(np.abs(gradient - wanted) <= TOLERANCE * np.maximum(np.abs(wanted), scale)), expression


def largest_contribution(trace: Trace, index: int) -> float:
    """Return the largest number carried back to a node, not below what rounding leaves of the others."""
    carried = [
        (e.source, float(np.abs(e.contribution).max())) for e in trace.edges if e.contribution is not None
    ]
    here = max((size for source, size in carried if source == index), default=0.0)
    return max(here, ROUNDING / TOLERANCE * max((size for _, size in carried), default=0.0))


def contributions_add_up(trace: Trace) -> None:
    """A node's gradient is the sum of what its outgoing edges carry; the result's is the seed."""
    for index, gradient in enumerate(trace.gradients):
        edges = [e.contribution for e in trace.edges if e.source == index and e.contribution is not None]
        if index == trace.program.result:
            assert edges == []
            assert gradient is not None
            np.testing.assert_array_equal(gradient, trace.seed)
        elif gradient is not None:
            rounding = 1e-12 * np.sum(np.abs(edges), axis=0)
            assert np.all(np.abs(gradient - np.sum(edges, axis=0)) <= rounding)
        else:
            assert edges == []


def flat(trace: Trace) -> bool:
    """Tell whether tanh or sigmoid is so near 1 that 1 - tanh² keeps few digits, here as in autograd."""
    return any(
        node.op in {"tanh", "sigmoid"} and float(np.abs(value).max()) > 1 - 1e-6
        for node, value in zip(trace.program.nodes, trace.values, strict=True)
    )


def traced_or_none(expression: str, values: Mapping[str, Value], seed: Value | None = None) -> Traced | None:
    """Trace a formula, or none when it is too large or leaves the finite numbers; no other reason passes."""
    if len(expression) > 1000:
        return None
    try:
        return trace_formula(expression, values, seed=seed)
    except Refused as error:
        said = error.findings[0].message
    assert any(
        words in said for words in ("nodes here", "numbers here", " is ∞", " is −∞", " is not a number")
    ), said
    return None


@pytest.mark.parametrize("block", range(10))
def test_random_formulas_have_the_gradients_of_autograd(block: int) -> None:
    rng = random.Random(block)
    compared = 0
    while compared < FORMULAS // 10:
        expression, values = scalar_expression(rng, rng.randint(1, 5), NAMES), scalar_values(rng, NAMES)
        found = traced_or_none(expression, values)
        if found is not None and found.trace.program.inputs():
            agrees(found, expression, values)
            contributions_add_up(found.trace)
            compared += 1


@given(st.integers(0, 2**32), st.integers(1, 5))
def test_any_formula_has_the_gradients_of_autograd(start: int, depth: int) -> None:
    rng = random.Random(start)
    expression, values = scalar_expression(rng, depth, NAMES), scalar_values(rng, NAMES)
    found = traced_or_none(expression, values)
    if found is not None and found.trace.program.inputs() and not flat(found.trace):
        agrees(found, expression, values)
        contributions_add_up(found.trace)


@pytest.mark.parametrize("block", range(10))
def test_random_formulas_of_vectors_and_matrices_have_the_gradients_of_autograd(block: int) -> None:
    rng = random.Random(100 + block)
    compared = 0
    while compared < 20:
        world = ArrayWorld(rng)
        shape = rng.choice([(), (), (3,), (2, 3)])
        expression = world.expression(shape, rng.randint(1, 4))
        seed = world.value(shape)
        found = traced_or_none(expression, world.values, seed)
        if found is not None:
            agrees(found, expression, world.values, seed)
            contributions_add_up(found.trace)
            compared += 1


def test_the_formulas_use_every_operation() -> None:
    rng, used = random.Random(7), set[str]()
    for _ in range(400):
        world = ArrayWorld(rng)
        for found in (
            traced_or_none(world.expression((), 4), world.values),
            traced_or_none(scalar_expression(rng, 4, NAMES), scalar_values(rng, NAMES)),
        ):
            used |= {node.op for node in found.trace.program.nodes} if found else set()
        if used >= set(RULES):
            break
    assert set(RULES) - used == set()
    assert set(FUNCTIONS) - set(NAMESPACE) == set()


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("max(x, y)", {"x": 2.0, "y": 2.0}),
        ("min(x)", {"x": [1.0, 1.0, 3.0]}),
        ("max(x)", {"x": [[4.0, 4.0], [4.0, 4.0]]}),
        ("relu(x)", {"x": 0.0}),
        ("abs(x)", {"x": 0.0}),
        ("leaky_relu(x)", {"x": 0.0}),
        ("norm(x)", {"x": [0.0, 0.0]}),
        ("x**0", {"x": 0.0}),
        ("x**1", {"x": 0.0}),
        ("x**2", {"x": -3.0}),
        ("x**-2", {"x": -3.0}),
        ("x*x*x", {"x": 5.0}),
        ("a = x*x; b = a*a; b*a", {"x": 1.5}),
        ("sigmoid(x)", {"x": -800.0}),
        ("sigmoid(x)", {"x": 800.0}),
        ("softplus(x)", {"x": 800.0}),
        (
            "h = relu(W @ x + b); mean((h - y)**2)",
            {"W": [[1, 2], [3, -4.0]], "x": [1, 2.0], "b": [0.5, 1], "y": [1, 0.0]},
        ),
    ],
)
def test_points_where_a_derivative_is_a_choice_follow_torch(
    expression: str, values: dict[str, Value]
) -> None:
    found = trace_formula(expression, values)
    agrees(found, expression, values)
    contributions_add_up(found.trace)


def test_a_constant_exponent_takes_a_base_below_zero_and_a_variable_one_does_not() -> None:
    assert float(trace_formula("x**y", {"x": -1, "y": 2}, wrt=["x"]).trace.values[-1]) == 1.0
    with pytest.raises(Refused):
        trace_formula("x**y", {"x": -1, "y": 2})
