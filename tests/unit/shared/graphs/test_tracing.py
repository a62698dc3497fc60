"""The worked example, number by number, and the points where a naive tracer goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from services.api.tracing import TraceRequest, trace_drawing, trace_json, traced
from shared.errors import Refused
from shared.graphs.dot import dot
from shared.graphs.drawing import Drawing
from shared.graphs.formula import trace_formula
from shared.graphs.mermaid import mermaid
from shared.graphs.svg import svg

EXAMPLE = TraceRequest(expression="x*y+z", values={"x": 7, "y": 13, "z": 19})


def answer(expression: str, **values: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(trace_json(traced(TraceRequest(expression=expression, values=values))))
    return found


def refused(expression: str, **values: object) -> str:
    with pytest.raises(Refused) as caught:
        trace_formula(expression, values)
    return caught.value.findings[0].message


def test_the_worked_example_has_every_number_of_the_textbook() -> None:
    found = json.loads(trace_json(traced(EXAMPLE)))
    assert found["value"] == 110
    assert found["nodes"] == [
        {"id": 0, "op": "input", "label": "x", "value": 7, "grad": 13},
        {"id": 1, "op": "input", "label": "y", "value": 13, "grad": 7},
        {"id": 2, "op": "mul", "label": "a = x·y", "value": 91, "grad": 1},
        {"id": 3, "op": "input", "label": "z", "value": 19, "grad": 1},
        {"id": 4, "op": "add", "label": "f = a + z", "value": 110, "grad": 1},
    ]
    assert found["edges"] == [
        {"from": 0, "to": 2, "local": "∂a/∂x = y", "local_value": 13, "upstream": 1, "contribution": 13},
        {"from": 1, "to": 2, "local": "∂a/∂y = x", "local_value": 7, "upstream": 1, "contribution": 7},
        {"from": 2, "to": 4, "local": "∂f/∂a = 1", "local_value": 1, "upstream": 1, "contribution": 1},
        {"from": 3, "to": 4, "local": "∂f/∂z = 1", "local_value": 1, "upstream": 1, "contribution": 1},
    ]
    assert found["variables"]["x"]["chain_rule"] == "∂f/∂x = ∂f/∂a · ∂a/∂x = 1 · 13 = 13"
    assert [found["variables"][name]["grad"] for name in "xyz"] == [13, 7, 1]
    assert [found["variables"][name]["paths"] for name in "xyz"] == [1, 1, 1]
    assert found["check"]["method"] == "central_difference"
    assert found["check"]["checked"] == 3
    assert found["check"]["max_abs_error"] < 1e-8
    assert {"pass": "forward", "node": 2, "text": "a = x·y = 7·13 = 91"} in found["frames"]
    assert {"pass": "backward", "node": 0, "text": "∂f/∂x = 1·13 = 13"} in found["frames"]
    assert found["warnings"] == []


def test_the_frames_go_forward_and_then_backward() -> None:
    found = answer("x*y+z", x=7, y=13, z=19)
    assert [(f["pass"], f["node"]) for f in found["frames"]] == [
        *(("forward", node) for node in (2, 4)),
        *(("backward", node) for node in (4, 3, 2, 1, 0)),
    ]


@pytest.mark.parametrize("writer", [svg, dot, mermaid])
def test_every_picture_of_the_worked_example_has_its_numbers(writer: Callable[[Drawing], str]) -> None:
    text = writer(trace_drawing(EXAMPLE, traced(EXAMPLE)))
    for number in ("7", "13", "19", "91", "110", "13 = 1·13", "7 = 1·7"):
        assert number in text.replace("#58;", ":"), number


def test_a_square_root_at_zero_has_a_value_and_no_derivative_and_is_refused() -> None:
    assert refused("2*sqrt(x)", x=0) == "column 3: the gradient of sqrt is ∞ here; wanted an argument above 0"


def test_a_quotient_whose_gradient_overflows_is_refused() -> None:
    wanted = "column 1: the gradient of / is −∞ here, too large for a double; wanted numbers up to ±1.8e308"
    assert refused("x/y", x=1, y=1e-200) == wanted


TOO_LARGE = "too large for a double; wanted numbers up to ±1.8e308"


@pytest.mark.parametrize(
    ("expression", "values", "message"),
    [
        ("x**2", {"x": 1e200}, f"the value of ** is ∞ here, {TOO_LARGE}"),
        ("x**3", {"x": -1e200}, f"the value of ** is −∞ here, {TOO_LARGE}"),
        (
            "mean(x)",
            {"x": [1.7e308, 1.7e308]},
            f"the value of mean is ∞ here, since a number on the way is {TOO_LARGE}",
        ),
        ("x**-1", {"x": -1e-200}, f"the gradient of ** is −∞ here, {TOO_LARGE}"),
        ("x*y", {"x": 1e200, "y": -1e200}, f"the value of * is −∞ here, {TOO_LARGE}"),
        ("x/y", {"x": 1e300, "y": 1e-300}, f"the value of / is ∞ here, {TOO_LARGE}"),
        ("1e300*exp(x)", {"x": 20}, f"the value of * is ∞ here, {TOO_LARGE}"),
        ("exp(x)*1e200*exp(-y)", {"x": 400, "y": 600}, f"the value of * is ∞ here, {TOO_LARGE}"),
        ("1e250*(x*1e-250)*1e250", {"x": 1}, f"the gradient of * is ∞ here, {TOO_LARGE}"),
        ("log(x)", {"x": 5e-324}, f"the gradient of log is ∞ here, {TOO_LARGE}"),
    ],
)
def test_what_overflows_is_told_as_too_large(
    expression: str, values: dict[str, object], message: str
) -> None:
    assert refused(expression, **values).partition(": ")[2] == message


def test_a_product_that_overflows_on_the_way_is_told_so():
    """Whether ∞ − ∞ or ∞ comes of it hangs on whether the processor multiplies and adds in one."""
    said = refused("u @ v", u=[1e200, 1e200], v=[1e200, -1e200]).partition(": ")[2]
    way = f"since a number on the way is {TOO_LARGE}"
    assert said in {f"the value of @ is {what} here, {way}" for what in ("∞", "not a number")}


@pytest.mark.parametrize(
    ("expression", "values", "message"),
    [
        ("0**-1", {}, "the value of ** is ∞ here; wanted a base other than 0 under an exponent below 0"),
        ("(-8)**0.5", {}, "the value of ** is not a number here; wanted a whole exponent, or a base that is"),
        ("x**0.5", {"x": 0}, "the gradient of ** is ∞ here; wanted a base above 0 under an exponent below 1"),
        ("2**x * 0**y", {"x": 1, "y": 2}, "the gradient of ** is not a number here; wanted a base above 0,"),
        ("x/0", {"x": 1}, "the value of / is ∞ here; wanted a divisor that is not 0"),
        ("x/y", {"x": 0, "y": 0}, "the value of / is not a number here; wanted a divisor that is not 0"),
        ("exp(x)", {"x": 1000}, "the value of exp is ∞ here; wanted an argument below 709"),
        ("cosh(x)", {"x": -1000}, "the value of cosh is ∞ here; wanted an argument between −709 and 709"),
        ("log(x)", {"x": 0}, "the value of log is −∞ here; wanted an argument above 0"),
        ("log1p(x)", {"x": -1}, "the value of log1p is −∞ here; wanted an argument above −1"),
        ("sqrt(x)", {"x": -1}, "the value of sqrt is not a number here; wanted an argument above 0"),
    ],
)
def test_what_does_not_exist_is_told_with_what_the_operation_wants(
    expression: str, values: dict[str, object], message: str
) -> None:
    assert refused(expression, **values).partition(": ")[2].startswith(message)


def test_a_number_that_overflows_is_refused() -> None:
    assert refused("9" * 400) == "column 1: this number is too large; wanted at most 1.8e308"
    assert refused("1e999").startswith("column 1: this number is too large")


def test_the_sign_of_an_exponent_is_part_of_it() -> None:
    found = answer("x**-2", x=-3)
    assert found["value"] == pytest.approx(1 / 9)
    assert found["variables"]["x"]["grad"] == pytest.approx(2 / 27)
    assert [node["op"] for node in found["nodes"]] == ["input", "constant", "pow"]


def test_the_power_of_zero_is_one_and_flat_at_zero() -> None:
    found = answer("x**0", x=0)
    assert (found["value"], found["variables"]["x"]["grad"]) == (1, 0)


@pytest.mark.parametrize("base", [0, -2])
def test_a_variable_exponent_wants_a_base_above_zero(base: float) -> None:
    assert "wanted a base above 0" in refused("x**y", x=base, y=2)


def test_sigmoid_does_not_overflow_on_either_side() -> None:
    assert answer("sigmoid(x)", x=-800)["value"] == 0
    assert answer("sigmoid(x)", x=800)["value"] == 1
    assert answer("softplus(x)", x=-800)["value"] == 0


def test_relu_is_flat_at_zero() -> None:
    found = answer("relu(x)", x=0)
    assert found["variables"]["x"]["grad"] == 0
    assert found["check"] == {"method": "central_difference", "checked": 0, "left_out": 1}


def test_a_tie_of_max_shares_the_gradient() -> None:
    found = answer("max(x, y)", x=2, y=2)
    assert [found["variables"][name]["grad"] for name in "xy"] == [0.5, 0.5]
    assert answer("max(x, y, z)", x=3, y=3, z=3)["variables"]["z"]["grad"] == pytest.approx(1 / 3)


def test_unary_plus_is_no_node() -> None:
    assert [node["label"] for node in answer("+x*+3", x=2)["nodes"]] == ["x", "3", "f = x·3"]


def test_a_value_used_twice_collects_both_contributions() -> None:
    found = answer("x*x", x=3)
    assert [edge["local"] for edge in found["edges"]] == ["∂f/∂x (1st use) = x", "∂f/∂x (2nd use) = x"]
    assert [edge["contribution"] for edge in found["edges"]] == [3, 3]
    assert found["nodes"][0]["grad"] == 6
    assert found["variables"]["x"]["chain_rule"] == "∂f/∂x = ∂f/∂x (1st use) + ∂f/∂x (2nd use) = 3 + 3 = 6"


def test_constants_have_no_gradient_and_their_edges_no_derivative() -> None:
    found = answer("2*x + 3*4", x=5)
    assert [node["label"] for node in found["nodes"] if "grad" not in node] == ["2", "3", "4", "b = 3·4"]
    assert {"from": 0, "to": 2} in found["edges"]


def test_names_outside_wrt_are_held_constant() -> None:
    found = json.loads(trace_json(traced(TraceRequest(expression="x*y", values={"x": 2, "y": 5}, wrt=["x"]))))
    assert list(found["variables"]) == ["x"]
    assert found["nodes"][1] == {"id": 1, "op": "input", "label": "y", "value": 5}


def test_a_seed_scales_every_gradient_and_gives_the_rule_a_first_factor() -> None:
    body = TraceRequest(expression="x*y+z", values={"x": 7, "y": 13, "z": 19}, seed=-2)
    found = json.loads(trace_json(traced(body)))
    assert [found["variables"][name]["grad"] for name in "xyz"] == [-26, -14, -2]
    wanted = "∂L/∂x = ∂L/∂f · ∂f/∂a · ∂a/∂x = (−2) · 1 · 13 = −26"
    assert found["variables"]["x"]["chain_rule"] == wanted


def test_an_expression_may_be_a_name_or_a_number() -> None:
    found = answer("x", x=7)
    assert (found["value"], found["nodes"], found["edges"]) == (
        7,
        [{"id": 0, "op": "input", "label": "x", "value": 7, "grad": 1}],
        [],
    )
    assert found["variables"]["x"]["chain_rule"] == "∂x/∂x = 1"
    assert answer("3")["variables"] == {}


def test_a_layer_carries_its_shapes_and_its_jacobians() -> None:
    found = answer("h = relu(W @ x); mean(h)", W=[[1, 2], [3, -4], [0.5, 1]], x=[1, -1])
    product = next(node for node in found["nodes"] if node["op"] == "matmul")
    assert (product["value"], product["shape"]) == ([-1, 7, -0.5], [3])
    to_weights, to_x, through_relu, through_mean = found["edges"]
    assert to_weights["local"] == "∂a/∂W = upstream ⊗ x"
    assert to_weights["contribution"] == [[0, 0], [pytest.approx(1 / 3), pytest.approx(-1 / 3)], [0, 0]]
    assert to_x["local"] == "∂a/∂x = Wᵀ @ upstream"
    assert (to_x["local_kind"], to_x["local_value"]) == ("jacobian", [[1, 2], [3, -4], [0.5, 1]])
    assert (through_relu["local_kind"], through_relu["local_value"]) == ("elementwise", [0, 1, 0])
    assert through_mean["local_value"] == [[pytest.approx(1 / 3)] * 3]
    assert found["variables"]["W"]["chain_rule"] == "∂f/∂W = ∂f/∂h · ∂h/∂a · ∂a/∂W (3×2 matrix)"
    assert {
        "pass": "backward",
        "node": 0,
        "text": "∂f/∂W = ∂f/∂a ⊗ x = [[0, 0], [0.333333, −0.333333], [0, 0]]",
    } in (found["frames"])


def test_a_jacobian_of_more_than_sixteen_rows_or_columns_is_left_out() -> None:
    found = answer("sum(W @ W)", W=np.full((5, 5), 0.1).tolist())
    assert all("local_value" not in edge for edge in found["edges"])
    assert all("contribution" in edge for edge in found["edges"])


def test_a_row_that_is_repeated_collects_the_gradient_of_its_copies() -> None:
    found = answer("sum(W + b)", W=[[1, 2], [3, 4], [5, 6]], b=[10, 20])
    assert found["variables"]["b"]["grad"] == [3, 3]
    assert found["edges"][1]["local"] == "∂a/∂b = 1, summed over its copies"


def test_a_result_that_is_no_number_wants_a_seed_of_its_shape() -> None:
    with pytest.raises(Refused) as caught:
        trace_formula("softmax(x)", {"x": [1, 2, 3]})
    assert caught.value.findings[0].loc == ("seed",)
    assert "reduce it with sum or mean" in caught.value.findings[0].message
    with pytest.raises(Refused) as caught:
        trace_formula("softmax(x)", {"x": [1, 2, 3]}, seed=[1, 0])
    assert caught.value.findings[0].message == "wanted a vector of 3, as the result is; got a vector of 2"


def test_shapes_that_do_not_fit_are_named() -> None:
    wanted = "column 5: @ cannot take a 1×2 matrix and a vector of 3; check the shapes, or transpose one"
    assert refused("sum(W @ x)", W=[[1, 2]], x=[1, 2, 3]) == wanted


def test_what_is_not_used_is_warned_about() -> None:
    found = answer("a = x*2; b = x*3; a", x=1, q=5)
    assert [(w["code"], w["loc"]) for w in found["warnings"]] == [
        ("unused_value", ["values", "q"]),
        ("unused_intermediate", ["expression"]),
    ]
    assert [node["label"] for node in found["nodes"]] == ["x", "2", "a = x·2"]


def test_the_check_leaves_out_what_lies_beside_a_kink_or_the_edge_of_a_domain() -> None:
    assert trace_formula("relu(x)", {"x": 5e-7}).check.left_out == 1
    assert trace_formula("relu(x)", {"x": 5e-6}).check.left_out == 0
    assert trace_formula("log(x)", {"x": 5e-7}).check.left_out == 1
    assert trace_formula("max(x)", {"x": [1, 1 + 1e-7]}).check.left_out == 2


def test_the_check_would_notice_a_wrong_derivative(monkeypatch: pytest.MonkeyPatch) -> None:
    from shared.graphs import operations, pointwise

    wrong = pointwise.of_argument(np.sin, np.sin, "sin({x})")
    monkeypatch.setitem(pointwise.POINTWISE, "sin", wrong)
    monkeypatch.setitem(operations.RULES, "sin", wrong)
    found = trace_formula("sin(x)", {"x": 1.0})
    assert found.check.max_abs_error == pytest.approx(np.sin(1) - np.cos(1), rel=1e-6)
