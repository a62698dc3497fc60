"""A formula with its values, as a request states it: checked, parsed, traced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.errors import Finding, Refused
from shared.graphs.arrays import array_of
from shared.graphs.checking import Check, check
from shared.graphs.parsing import MAX_VARIABLES, looks_like_a_name, parse, usable_name
from shared.graphs.program import Program
from shared.graphs.rules import Array
from shared.graphs.tracing import Trace, trace


@dataclass(frozen=True, slots=True)
class Warned:
    """Something allowed and probably not meant."""

    code: str
    message: str
    loc: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Traced:
    """A traced formula, its check against central differences, and what is probably not meant."""

    trace: Trace
    check: Check
    warnings: tuple[Warned, ...]


def _refused(detail: str, findings: Sequence[Finding]) -> Refused:
    return Refused(detail, code="refused_expression", findings=findings)


def trace_formula(
    expression: str,
    values: Mapping[str, object],
    *,
    wrt: Sequence[str] | None = None,
    seed: object = None,
) -> Traced:
    """Trace an expression at given values. Raises `Refused` with the place and the remedy."""
    given = _arrays(values)
    wanted = _wrt(wrt, given)
    upstream = None if seed is None else _seed(seed)
    program = parse(expression, frozenset(given))
    traced = trace(program, given, wrt=wanted, seed=upstream)
    return Traced(traced, check(traced, given), tuple(_warnings(program, given)))


def _arrays(values: Mapping[str, object]) -> dict[str, Array]:
    if len(values) > MAX_VARIABLES:
        wanted = f"wanted at most {MAX_VARIABLES} names, got {len(values)}"
        raise _refused("too many values", [Finding(("values",), wanted)])
    findings: list[Finding] = []
    given: dict[str, Array] = {}
    for position, (name, value) in enumerate(values.items()):
        why = usable_name(name)
        if why is not None:
            findings.append(_unusable(name, why, position))
            continue
        found = array_of(value, ("values", name))
        if isinstance(found, list):
            findings += found
        else:
            given[name] = found
    if findings:
        raise _refused("the values cannot be used; errors says which", findings[:50])
    return given


def _unusable(name: str, why: str, position: int) -> Finding:
    """Return what is wrong with a name; one that looks like none is not repeated, only counted."""
    if looks_like_a_name(name):
        return Finding(("values", name), why)
    return Finding(("values", "*"), f"name {position + 1}: {why}")


def _wrt(wrt: Sequence[str] | None, given: Mapping[str, Array]) -> frozenset[str]:
    wrong = [i for i, name in enumerate(wrt or ()) if name not in given]
    if wrong:
        findings = [Finding(("wrt", i), "wanted a name that has a value in values") for i in wrong[:50]]
        raise _refused("wrt names what has no value", findings)
    return frozenset(given if wrt is None else wrt)


def _seed(seed: object) -> Array:
    found = array_of(seed, ("seed",))
    if isinstance(found, list):
        raise _refused("the seed cannot be used", found)
    return found


def _warnings(program: Program, given: Mapping[str, Array]) -> list[Warned]:
    used = program.inputs()
    unused = [
        Warned("unused_value", "the expression does not use this value", ("values", name))
        for name in given
        if name not in used
    ]
    idle = [
        Warned("unused_intermediate", f"the result does not depend on {name}", ("expression",))
        for name in program.unused
    ]
    return [*unused, *idle]
