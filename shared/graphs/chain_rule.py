"""The chain rule of each variable as a line of text and as LaTeX."""

from __future__ import annotations

import re

from shared.graphs.arrays import shape_text
from shared.graphs.drawing import number
from shared.graphs.paths import Path, Ways, is_scalar, product
from shared.graphs.tracing import Trace
from shared.graphs.wording import bracketed, ratio, result_name, use


def _left_out(ways: Ways) -> str:
    missing = ways.total - len(ways.listed)
    return "" if missing == 0 else f"… ({number(missing) if missing >= 10**6 else missing} more)"


def _seeded(trace: Trace) -> bool:
    return result_name(trace) != trace.program.nodes[trace.program.result].name


def _numbers(trace: Trace, path: Path) -> list[float]:
    seed = [float(trace.seed)] if _seeded(trace) else []
    return [*seed, *(float(edge.local.value) for edge in path if edge.local is not None)]


def chain_rule(trace: Trace, ways: Ways) -> str:
    """Return ∂f/∂x = ∂f/∂a · ∂a/∂x + … = 1 · 13 + … = 13; for arrays the numbers give way to the shape."""
    nodes = trace.program.nodes
    root, end = result_name(trace), nodes[trace.program.result].name
    first = [f"∂{root}/∂{end}"] if _seeded(trace) else []
    symbols = [" · ".join([*first, *(ratio(trace, edge) for edge in path)]) for path in ways.listed]
    start = f"∂{root}/∂{nodes[ways.variable].name}"
    rest = [_left_out(ways)] if _left_out(ways) else []
    written = " + ".join([*symbols, *rest])
    steps = [start] if written in {start, ""} else [start, written]
    gradient = trace.gradients[ways.variable]
    if gradient is None or not is_scalar(trace):
        shape = trace.values[ways.variable].shape
        return " = ".join(steps if len(steps) > 1 else [start, "1"]) + f" ({shape_text(shape)})"
    numbers = [_multiplied([number(n) for n in _numbers(trace, path)]) for path in ways.listed]
    summed = " + ".join([*numbers, *rest])
    total = number(float(gradient))
    return " = ".join([*steps, *([summed] if summed not in {"", total} else []), total])


def _multiplied(numbers: list[str]) -> str:
    return " · ".join(map(bracketed, numbers)) if len(numbers) > 1 else "".join(numbers)


_WORD = re.compile(r"[A-Za-z]")


def _tex_name(name: str) -> str:
    if _WORD.fullmatch(name):
        return name
    return r"\mathrm{" + name.replace("_", r"\_") + "}"


def _tex_number(value: float) -> str:
    text = f"{value:.6g}"
    mantissa, _, power = text.partition("e")
    return rf"{mantissa} \times 10^{{{int(power)}}}" if power else mantissa


def _tex_product(numbers: list[float]) -> str:
    several = len(numbers) > 1
    factors = [rf"\left({_tex_number(n)}\right)" if n < 0 and several else _tex_number(n) for n in numbers]
    return r" \cdot ".join(factors)


def _tex_ratio(above: str, below: str) -> str:
    return rf"\frac{{\partial {_tex_name(above)}}}{{\partial {_tex_name(below)}}}"


def _tex_path(trace: Trace, path: Path) -> str:
    nodes = trace.program.nodes
    end = nodes[trace.program.result].name
    first = [_tex_ratio("L", end)] if _seeded(trace) else []
    ratios = [
        _tex_ratio(nodes[e.target].name, nodes[e.source].name)
        + (rf"^{{({e.operand + 1})}}" if use(trace, e) else "")
        for e in path
    ]
    return r" \cdot ".join([*first, *ratios])


def latex(trace: Trace, ways: Ways) -> str:
    r"""Return the chain rule as LaTeX; \frac{…}^{(2)} is the second use of a node that is used twice."""
    nodes = trace.program.nodes
    start = _tex_ratio(result_name(trace), nodes[ways.variable].name)
    missing = ways.total - len(ways.listed)
    rest = [r"\cdots"] if missing else []
    written = " + ".join([*(_tex_path(trace, path) for path in ways.listed), *rest])
    steps = [start] if written in {start, ""} else [start, written]
    gradient = trace.gradients[ways.variable]
    if gradient is None or not is_scalar(trace):
        return " = ".join(steps if len(steps) > 1 else [start, "1"])
    numbers = [_tex_product(_numbers(trace, path)) for path in ways.listed]
    summed, total = " + ".join([*numbers, *rest]), _tex_number(float(gradient))
    return " = ".join([*steps, *([summed] if summed not in {"", total} else []), total])


def products(trace: Trace, ways: Ways) -> list[float] | None:
    """Return the product along each listed way, none for arrays."""
    return [product(path, float(trace.seed)) for path in ways.listed] if is_scalar(trace) else None
