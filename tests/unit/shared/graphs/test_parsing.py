"""What a formula may be: places of what is wrong, names of intermediates, the alphabet."""

from __future__ import annotations

import warnings

import pytest

from shared.errors import Refused
from shared.graphs.operations import FUNCTIONS
from shared.graphs.parsing import MAX_DEPTH, MAX_NODES, parse
from shared.graphs.program import Program


def names(program: Program) -> list[str]:
    return [node.name for node in program.nodes]


def refused(text: str, variables: str = "xyz") -> str:
    with pytest.raises(Refused) as caught:
        parse(text, frozenset(variables))
    assert caught.value.findings[0].loc == ("expression",)
    return caught.value.findings[0].message


def test_intermediates_are_named_in_order_of_evaluation_and_the_result_f() -> None:
    assert names(parse("x*y + sin(z)", frozenset("xyz"))) == ["x", "y", "a", "z", "b", "f"]


def test_names_of_the_request_are_skipped() -> None:
    assert names(parse("a*c + a", frozenset("abc"))) == ["a", "c", "d", "f"]
    assert names(parse("f*f + 1", frozenset("f"))) == ["f", "a", "1", "g"]


def test_statements_name_their_nodes_and_may_stand_on_lines_of_their_own() -> None:
    for text in ("h = x*y; loss = h + z", "h = x*y\n  loss = h + z\n", "h = x*y;\r\nloss = h + z;"):
        assert names(parse(text, frozenset("xyz"))) == ["x", "y", "h", "z", "loss"]


def test_a_formula_in_brackets_may_go_over_lines() -> None:
    assert names(parse("(x +\n   y)", frozenset("xy"))) == ["x", "y", "f"]


def test_another_name_for_a_node_is_no_node() -> None:
    assert names(parse("u = x; v = u*u; w = v; w + u", frozenset("x"))) == ["x", "v", "f"]


def test_a_constant_may_have_a_name() -> None:
    assert names(parse("c = 2; x*c", frozenset("x"))) == ["c", "x", "f"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x +", "column 4: this cannot be read"),
        ("x + ^y", "column 5: this character is no part of an expression; powers are written **"),
        ("x\n+ y", "column 1: wanted name = expression; only the last stands alone (in brackets"),
        ("(x\n+ q)", "line 2, column 3: q has no value here"),
        ("a = x*y;\n  b = a + q", "line 2, column 11: q has no value here"),
        ("", "column 1: nothing is here"),
        ("   ", "column 1: nothing is here"),
        ("2x", "column 2: a number runs into a name; put an operator between, as in 2*x"),
        ("1if 1else 2", "column 2: a number runs into a name"),
        ("sin", "column 1: a function wants its arguments in brackets"),
        ("sin(x, y)", "column 1: sin wants 1 argument, got 2"),
        ("max()", "column 1: max wants 2 to 16 arguments, got 0"),
        ("foo(x)", "column 1: wanted one of the functions abs, "),
        ("x + a.sum()", "column 5: methods are not known; write sum(x), with one of the functions abs, "),
        ("x.mean()", "column 1: methods are not known; write mean(x)"),
        ("x.numpy()", "column 1: methods are not known; write sum(x)"),
        (f"x + {'q' * 12}", "column 5: this name has no value here"),
        ("sum(x=y)", "column 1: functions take no named arguments"),
        ("x.real", "column 1: this kind of expression is not known"),
        ("x // y", "column 1: this kind of expression is not known"),
        ("not x", "column 1: this operator is not known"),
        ("True + 1", "column 1: wanted a number"),
        ("x = y", "column 1: this name already has a value; every name is given exactly once"),
        ("a = x; a = y", "column 8: this name already has a value"),
        ("a = b = x", "column 1: wanted one name before ="),
        ("sin = x", "column 1: this is the name of a function; choose another"),
        ("x; y", "column 1: wanted name = expression; only the last stands alone"),
        ("a = x; pass", "column 8: statements are no part of an expression"),
        ("x == y", "column 1: this kind of expression is not known"),
        ("b = a + x; a = y*2; b", "column 5: a has no value here"),
    ],
)
def test_a_refusal_says_where_and_what_was_wanted(text: str, message: str) -> None:
    assert refused(text).startswith(message)


def test_a_name_that_is_nearly_right_is_answered_with_the_right_one() -> None:
    assert refused("sine(x)").endswith("; did you mean sin or sinh?")
    assert refused("weight = x; y + weigth").endswith("; did you mean weight?")


def test_identifiers_are_ascii_so_that_no_two_of_them_look_alike() -> None:
    assert refused("\uff58 + 1").startswith(
        "column 1: this character is no part of an expression"
    )  # fullwidth x


def test_numbers_in_every_notation_are_read() -> None:
    for text, value in (
        ("1e5", 1e5),
        ("10e-3", 0.01),
        (".5", 0.5),
        ("1.", 1.0),
        ("1_000", 1000.0),
        ("1.5E+2", 150.0),
    ):
        assert parse(text, frozenset()).nodes[0].constant == value


def test_depth_and_nodes_are_bounded_at_the_limit_and_not_before() -> None:
    assert (
        len(parse("sin(" * (MAX_DEPTH - 1) + "x" + ")" * (MAX_DEPTH - 1), frozenset("x")).nodes) == MAX_DEPTH
    )
    assert f"nested deeper than {MAX_DEPTH}" in refused("sin(" * MAX_DEPTH + "x" + ")" * MAX_DEPTH)
    steps = ";".join(f"a{i}={'x' if i == 0 else f'a{i - 1}'}+x" for i in range(60))
    assert len(parse(steps, frozenset("x")).nodes) == 61
    wide = "+".join(["(" + "+".join(["x*x"] * 8) + ")"] * 15)
    assert len(parse(wide, frozenset("x")).nodes) == 240
    assert f"more than {MAX_NODES} nodes" in refused("+".join(["(" + "+".join(["x*x"] * 8) + ")"] * 17))


def test_the_parser_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for text in (
            "1if 1else 2",
            "x is 1",
            "0x1for x in y",
            "1or x",
            "1_000and 2",
            "x<1",
            "'\\d'",
            "1.e",
            "0777",
        ):
            refused(text)


def test_functions_are_known_by_their_usual_names() -> None:
    assert {"exp", "log", "ln", "tanh", "sigmoid", "relu", "sqrt", "max", "min", "abs", "softplus"} <= set(
        FUNCTIONS
    )
    assert not {"add", "reduce_max", "matmul", "neg"} & set(FUNCTIONS)
