"""From text to program: Python's parser for the grammar, then a walk that knows nine kinds of node.

Nothing is ever evaluated by Python. Statements are separated by `;` or line ends; all but the last name an
intermediate (`a = x*y`), and the last is the result.
"""

from __future__ import annotations

import ast
import keyword
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from shared.errors import did_you_mean
from shared.graphs.drawing import number
from shared.graphs.lexing import checked, place_of, refusal
from shared.graphs.operations import FUNCTIONS, RULES, called
from shared.graphs.program import Node, Place, Program

MAX_NODES, MAX_DEPTH, MAX_VARIABLES, MAX_NAME = 256, 64, 32, 32
MAX_SHOWN = 11
"""Of the letters of an unknown name that a refusal repeats; longer ones may be no name but a text."""
_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WANTED = "wanted numbers, names, + - * / ** @, brackets and functions"


def looks_like_a_name(text: str) -> bool:
    """Tell whether a text has the letters and the length of a name, be it a function's or a keyword."""
    return len(text) <= MAX_NAME and _NAME.fullmatch(text) is not None


def usable_name(name: str) -> str | None:
    """Return why a name cannot be a variable's, none when it can."""
    if not looks_like_a_name(name) or keyword.iskeyword(name):
        return f"wanted a name of letters, digits and _, at most {MAX_NAME}, that is no word of Python"
    return "this is the name of a function; choose another" if name in FUNCTIONS else None


def parse(text: str, variables: frozenset[str]) -> Program:
    """Return the program of an expression over these variables. Raises `Refused` with the place."""
    text = checked(text)
    reader = _Reader(text, variables)
    try:
        body = ast.parse(reader.source).body
    except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError) as error:
        raise refusal(reader.syntax_place(error), _syntax_message(error)) from None
    return reader.program(body)


def _syntax_message(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return "this cannot be read; is an operator, a bracket or a name missing?"
    return "this is nested too deeply or holds a number that is too long"


class _Reader:
    """The walk over one text: the nodes so far, and the node behind every name."""

    def __init__(self, text: str, variables: frozenset[str]) -> None:
        lines = text.split("\n")
        self.indents = [len(line) - len(line.lstrip()) for line in lines]
        self.source = "\n".join(line.lstrip() for line in lines)
        self.text, self.variables = text, variables
        self.nodes: list[Node] = []
        self.known: dict[str, int] = {}
        self.assigned: dict[str, Place] = {}

    def place(self, node: ast.expr | ast.stmt) -> Place:
        """Return where a node begins in the text as it was sent."""
        return Place(node.lineno, node.col_offset + self.indents[node.lineno - 1] + 1)

    def syntax_place(self, error: Exception) -> Place:
        """Return where Python's parser gave up; the beginning when it does not say."""
        line = min(max(getattr(error, "lineno", None) or 1, 1), len(self.indents))
        return Place(line, max(getattr(error, "offset", None) or 1, 1) + self.indents[line - 1])

    def program(self, body: list[ast.stmt]) -> Program:
        """Read every statement; the last is the result."""
        if not body:
            raise refusal(place_of(self.text, 0), "nothing is here; wanted an expression such as x*y + z")
        for statement in body[:-1]:
            if not isinstance(statement, ast.Assign):
                raise refusal(
                    self.place(statement),
                    "wanted name = expression; only the last stands alone (in brackets it may go over lines)",
                )
            self.assign(statement)
        last = body[-1]
        result = self.assign(last) if isinstance(last, ast.Assign) else self.bare(last)
        return self.finished(result)

    def bare(self, statement: ast.stmt) -> int:
        """Read an expression that stands alone."""
        if not isinstance(statement, ast.Expr):
            raise refusal(self.place(statement), f"statements are no part of an expression; {_WANTED}")
        return self.read(statement.value, 1)

    def assign(self, statement: ast.Assign) -> int:
        """Read `name = expression` and give the name to its node."""
        target = statement.targets[0]
        if len(statement.targets) != 1 or not isinstance(target, ast.Name):
            raise refusal(self.place(statement), "wanted one name before =")
        place, name = self.place(target), target.id
        if (why := usable_name(name)) is not None:
            raise refusal(place, why)
        if name in self.variables or name in self.assigned:
            raise refusal(place, "this name already has a value; every name is given exactly once")
        index = self.read(statement.value, 1)
        if index not in self.known.values():
            self.nodes[index] = replace(self.nodes[index], name=name)
        self.known[name], self.assigned[name] = index, place
        return index

    def add(self, node: Node) -> int:
        """Append a node and return its index."""
        if len(self.nodes) >= MAX_NODES:
            raise refusal(node.place, f"the graph has more than {MAX_NODES} nodes here")
        self.nodes.append(node)
        return len(self.nodes) - 1

    def read(self, node: ast.expr, depth: int) -> int:
        """Return the index of an expression's node."""
        if depth > MAX_DEPTH:
            deep = f"nested deeper than {MAX_DEPTH}; name a part of it first, as in a = x*y; a + z"
            raise refusal(self.place(node), deep)
        match node:
            case ast.Constant() | ast.Name():
                return self.leaf(node)
            case ast.UnaryOp():
                return self.signed(node, depth)
            case ast.BinOp() if type(node.op) in _BINARY:
                return self.operation(_BINARY[type(node.op)], [node.left, node.right], node, depth)
            case ast.Call():
                return self.call(node, depth)
        raise refusal(self.place(node), f"this kind of expression is not known; {_WANTED}")

    def leaf(self, node: ast.Constant | ast.Name) -> int:
        """Read what has no parts."""
        return self.constant(node, 1) if isinstance(node, ast.Constant) else self.name(node)

    def signed(self, node: ast.UnaryOp, depth: int) -> int:
        """Read + and − before an operand; a number takes its sign in, as x**-2 wants it."""
        if isinstance(node.op, ast.UAdd):
            return self.read(node.operand, depth + 1)
        if not isinstance(node.op, ast.USub):
            raise refusal(self.place(node), f"this operator is not known; {_WANTED}")
        if isinstance(node.operand, ast.Constant):
            return self.constant(node.operand, -1)
        return self.operation("neg", [node.operand], node, depth)

    def constant(self, node: ast.Constant, sign: int) -> int:
        """Read a number, its sign folded in."""
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refusal(self.place(node), "wanted a number")
        try:
            value = sign * float(value)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise refusal(self.place(node), "this number is too large; wanted at most 1.8e308")
        return self.add(Node("constant", (), self.place(node), number(value), value))

    def finished(self, result: int) -> Program:
        """Return the program of the nodes that the result needs, all of them named."""
        kept = _needed(self.nodes, result)
        moved = {old: new for new, old in enumerate(kept)}
        taken = {*self.variables, *self.assigned}
        last = _result_name(taken)
        free = _free_names({*taken, last})
        nodes = []
        for old in kept:
            node = self.nodes[old]
            name = node.name or (last if old == result else next(free))
            nodes.append(replace(node, name=name, operands=tuple(moved[o] for o in node.operands)))
        unused = tuple(name for name in self.assigned if self.known[name] not in moved)
        return Program(tuple(nodes), moved[result], unused)

    def name(self, node: ast.Name) -> int:
        """Read a variable or an intermediate."""
        if node.id in self.known:
            return self.known[node.id]
        if node.id not in self.variables:
            raise refusal(self.place(node), self.unknown(node.id))
        self.known[node.id] = self.add(Node("input", (), self.place(node), node.id))
        return self.known[node.id]

    def unknown(self, name: str) -> str:
        """Return what is wrong with a name that means nothing here."""
        if name in FUNCTIONS:
            return "a function wants its arguments in brackets"
        called = f"{name} " if len(name) <= MAX_SHOWN else "this name "
        near = did_you_mean(name, sorted({*self.variables, *self.assigned}))
        return f"{called}has no value here; give it in values, or assign it before it is used{near}"

    def call(self, node: ast.Call, depth: int) -> int:
        """Read a call of a function of the menu."""
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
            raise refusal(self.place(node), _no_function(node.func))
        if node.keywords:
            raise refusal(self.place(node), "functions take no named arguments")
        return self.operation(called(node.func.id, len(node.args)), node.args, node, depth)

    def operation(self, op: str, operands: list[ast.expr], node: ast.expr, depth: int) -> int:
        """Read the operands, then add the operation."""
        least, most = RULES[op].arity
        if not least <= len(operands) <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            noun = "argument" if most == 1 else "arguments"
            raise refusal(self.place(node), f"{op} wants {wanted} {noun}, got {len(operands)}")
        indices = tuple(self.read(operand, depth + 1) for operand in operands)
        return self.add(Node(op, indices, self.place(node), ""))


def _no_function(called: ast.expr) -> str:
    """Return what was wanted where something is called that is no function."""
    known = ", ".join(FUNCTIONS)
    if isinstance(called, ast.Attribute):
        name = called.attr if called.attr in FUNCTIONS else "sum"
        return f"methods are not known; write {name}(x), with one of the functions {known}"
    near = did_you_mean(called.id, FUNCTIONS) if isinstance(called, ast.Name) else ""
    return f"wanted one of the functions {known}{near}"


def _needed(nodes: list[Node], result: int) -> list[int]:
    """Return the nodes that the result depends on, in order of evaluation."""
    needed: set[int] = set()
    waiting = [result]
    while waiting:
        index = waiting.pop()
        if index not in needed:
            needed.add(index)
            waiting += nodes[index].operands
    return sorted(needed)


def _free_names(taken: set[str]) -> Iterator[str]:
    """Yield names for nodes that the request did not name: a, b and so on without f, then a1, b1."""
    for suffix in ("", *map(str, range(1, MAX_NODES))):
        for letter in "abcdeghijklmnopqrstuvwxyz":
            if letter + suffix not in taken:
                yield letter + suffix


def _result_name(taken: set[str]) -> str:
    numbered = (f"f{i}" for i in range(MAX_NODES))
    return next(name for name in chain("fgh", numbered) if name not in taken)
