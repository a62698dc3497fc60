"""Ways from a variable to the result: counted whatever their number, listed while they are few."""

from __future__ import annotations

import pytest

from shared.graphs.chain_rule import chain_rule, latex
from shared.graphs.formula import trace_formula
from shared.graphs.paths import MAX_FACTORS, MAX_PATHS, all_ways, product

SQUARINGS = ";".join(["a1 = x*x", *(f"a{i} = a{i - 1}*a{i - 1}" for i in range(2, 31))])


def test_thirty_squarings_have_two_to_the_thirty_ways() -> None:
    trace = trace_formula(SQUARINGS, {"x": 1.0}).trace
    ways = all_ways(trace)["x"]
    assert ways.total == 2**30
    assert len(ways.listed) == MAX_PATHS
    assert float(trace.gradients[0] or 0) == 2.0**30
    assert "(1.07374e+09 more)" in chain_rule(trace, ways)
    assert r"\cdots" in latex(trace, ways)


def test_the_products_of_all_ways_add_up_to_the_gradient() -> None:
    trace = trace_formula("a = x*y; b = a*x + sin(a); b*b + x", {"x": 1.3, "y": -0.7}).trace
    for ways in all_ways(trace).values():
        assert ways.total == len(ways.listed)
        gradient = trace.gradients[ways.variable]
        assert sum(product(path, 1.0) for path in ways.listed) == pytest.approx(
            float(gradient or 0), rel=1e-12
        )


def test_a_variable_used_three_times_has_three_products() -> None:
    trace = trace_formula("x*x*x", {"x": 2}).trace
    assert chain_rule(trace, all_ways(trace)["x"]).endswith("= 2 · 2 + 2 · 2 + 4 = 12")


def test_what_is_listed_of_all_variables_together_is_bounded() -> None:
    names = [f"x{i}" for i in range(8)]
    chain = ";".join(f"a{i} = a{i - 1} + a{i - 1}" for i in range(1, 60))
    trace = trace_formula(f"a0 = {'+'.join(names)};{chain}", dict.fromkeys(names, 1e-9)).trace
    listed = [path for ways in all_ways(trace).values() for path in ways.listed]
    assert sum(map(len, listed)) <= MAX_FACTORS + 70 * len(names)
    assert all(ways.listed for ways in all_ways(trace).values())


def test_latex_writes_fractions_and_powers_of_ten() -> None:
    trace = trace_formula("learning_rate*y", {"learning_rate": 2, "y": -1e-9}).trace
    assert latex(trace, all_ways(trace)["learning_rate"]) == (
        r"\frac{\partial f}{\partial \mathrm{learning\_rate}} = -1 \times 10^{-9}"
    )
    trace = trace_formula("x*y+z", {"x": 7, "y": 13, "z": 19}).trace
    assert latex(trace, all_ways(trace)["x"]) == (
        r"\frac{\partial f}{\partial x} = \frac{\partial f}{\partial a} \cdot \frac{\partial a}{\partial x}"
        r" = 1 \cdot 13 = 13"
    )
