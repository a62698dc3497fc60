"""Formulas that mean harm, or nothing: by hand, by growth, and at random."""

from __future__ import annotations

import random
from typing import Any

Body = dict[str, Any]
XYZ = {"x": 1.5, "y": 2.5, "z": -0.5}

PRINTED = r"""
__import__('os').system('id')    __import__("os")    ().__class__    x.__class__    x.__class__.__mro__
(1).__class__.__bases__    x.real    1.0.real    x[0]    x[0:1]    [x]    [x, y]    {x}    {x: y}
(x, y)    x,    ()    lambda: x    lambda x: x    f'{x}'    'a'    "a"    b'a'    'a' * 10**9
x if y else z    x and y    x or y    not x    x < y    x == y    x is y    x in y    (a := x)    x := 1
await x    yield x    (yield)    x for x in y    (x for x in y)    [x for x in y]    print(x)    eval(x)
exec(x)    open(x)    getattr(x, y)    globals()    vars()    dir()    breakpoint()    input()    help()
exit()    type(x)    int(x)    float(x)    sum(*x)    max(*x)    max(x, *y)    sin(**x)    sin(x=y)
sum(x, axis=0)    sin(sin)    sin    sin()(x)    (sin)(x)(y)    x(y)    (x + y)(z)    import os
from os import x    del x    pass    return x    raise x    assert x    global x    nonlocal x
def f(): pass    class a: pass    while 1: pass    for x in y: pass    with x: pass    try: pass
if x: y    match x: 1    x += 1    x: int = 1    a = b = x    a, b = x, y    x = 1    a.b = x
a[0] = x    *a = x    sin = x    None    True    False    True + 1    ...    Ellipsis    x ^ y    x & y
x | y    x % y    x // y    ~x    x << 2    x >> 2    x <> y    x ++    x ! y    x ? y : z    $x    `x`
x;;y    ;    ;x    x y    * x    / x    ** x    @ x    x **    x * * y    (x    x)    )(    ((x)
sin(x    sin x    max(,x)    = x    a =    # x    x # y    2x    2 x    x2y z    1if 1else 2    0x10
0b1    0o7    0777    1__0    1_    1e    1e+    .    ..    1..real    1j    1J + x    1e999    -1e999
1e308 * 10    2**1024    10**400    9**9**9    2**2**2**2**2    x**65    x**-65    x**1e9    2**(10**10)
1/0    0/0    x/0    x/(y - y)    0**-1    0*log(0)    log(0)    log(-1)    log(z)    sqrt(-1)
sqrt(z)    sqrt(0*x)    z**0.5    z**x    (x - x)**y    (-8)**(1/3)    exp(710)    exp(exp(exp(exp(x))))
cosh(1000)    sinh(-1000)    expm1(800)    log1p(-1)    log1p(-2)    1e-200*1e-200/(0*x)    x/1e-320
1/(1e-200*x)**2    tan(x)**60*1e300    exp(700)*exp(700)    q    q + x    a = q; a    b = a; a = x; b
f    nan    inf    pi    e    os    x.    x.y.z    x .y    _    __    __builtins__    __name__
__debug__    NotImplemented    x @ y    sum(x) @ y    transpose(x)    dot(x, y)    softmax(x)
logsumexp(x)    max(x)(y)    sin(x, y)    sin()    max()    min()    add(x, y)    reduce_max(x)
matmul(x, y)    neg(x)    input(x)    constant(x)
"""
"""Several a line, four blanks between them."""
UNPRINTED = (
    *(
        "x + ",
        "+ ",
        "x = ",
        "x\\\ny",
        "",
        " ",
        "\n",
        "\t",
        "\n\n\n",
        "x\n\ny",
        "  \n  ",
        "x\r",
        "\r",
        "x\x0cy",
    ),
    *(
        "x\x00",
        "x\x00y",
        "\x00",
        "x\x07",
        "x\x1b[31m",
        "\ufeffx",
        "\uff58",
        "x\u200by",
        "x\u202e",
        "x\u00a0+ y",
    ),
    *(
        "\u03c0",
        "x\u00b2",
        "\U0001f600",
        "x \u2212 y",
        "x \u00b7 y",
        "x \u00d7 y",
        "\ud800",
        "\u0301x",
        "x\x0by",
    ),
)
CODE = (*(text for line in PRINTED.strip().splitlines() for text in line.split("    ")), *UNPRINTED)


def nested(opening: str, closing: str, depth: int) -> str:
    """Return x inside so many brackets."""
    return opening * depth + "x" + closing * depth


SQUARES = "(" + "+".join(["x*x"] * 8) + ")"
GROWN = (
    *(
        "x" * 1001,
        " " * 1001,
        "x+" * 600 + "x",
        "9" * 400,
        "1" + "0" * 400 + ".0",
        "9" * 999,
        "1e" + "9" * 900,
    ),
    *("-" * 999 + "x", "+" * 999 + "x", "~" * 900 + "x", "not " * 200 + "x", "((((" * 60, "((((x)" * 100),
    *(
        "[" * 300,
        "(" * 900,
        ")" * 900,
        ";" * 900,
        "." * 900,
        "," * 900,
        "=" * 900,
        "@" * 900,
        "1_" * 400 + "1 x",
    ),
    *(nested("(", ")", depth) for depth in (201, 300, 499)),
    *(nested("sin(", ")", depth) for depth in (64, 65, 199)),
    *(nested("-(", ")", depth) for depth in (70, 150)),
    *("x+" * 200 + "x", "x*" * 100 + "x", "x**" * 300 + "x", "x@" * 400 + "x", "x." * 300 + "x", "x\n" * 400),
    *("2" + "**2" * 300, "9" + "**9" * 30, "x if x else " * 80 + "x", "lambda: " * 100 + "x", "a=x;" * 200),
    *(f"max({','.join(['x'] * count)})" for count in (17, 400)),
    *("+".join([SQUARES] * count) for count in (17, 30)),
    *("v" * 33, "v" * 900, "=".join("abcdefghij") + "=x"),
    "a0=x;" + ";".join(f"a{i}=exp(a{i - 1})" for i in range(1, 40)),
    "a0=x*x;" + ";".join(f"a{i}=a{i - 1}*a{i - 1}" for i in range(1, 60)),
)


def wrapped(depth: int) -> list[Any]:
    """Return a list in a list in a list."""
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner


LISTS: tuple[Any, ...] = (
    *(None, True, "1", "", {}, {"a": 1}, 10**400, -(10**400), float("nan"), float("inf"), float("-inf")),
    *([], [[]], [[], []], [[1], [1, 2]], [1, [2]], [[1], 2], [[[1]]], [[[[1]]]], wrapped(400)),
    *([1] * 17, [[1] * 17], [[1]] * 17, [[1] * 1000] * 1000, [None], ["a"], [True], [[True]], [{"a": 1}]),
    *([10**400], [float("nan")], [[1.0, float("inf")]]),
)
NAMES = (
    *(
        "",
        " ",
        "1",
        "1x",
        "x y",
        "x.y",
        "x-y",
        "$",
        "[0]",
        "x\n",
        "x\x00",
        "\u00e9",
        "\uff58",
        "\u03c0",
        "<script>",
    ),
    *(
        "sin",
        "max",
        "sum",
        "ln",
        "if",
        "None",
        "True",
        "lambda",
        "import",
        "x" * 33,
        "x" * 100_000,
        "__proto__ ",
    ),
)
SEEDS: tuple[Any, ...] = (
    *([1], [[1]], "1", True, {}, [], float("nan"), float("inf"), 10**400, [1, 2], wrapped(400), 1e308),
)
VALUES: list[Body] = [
    *({"values": {"x": value}, "expression": "sum(x)"} for value in LISTS),
    *({"values": {name: 1.0}, "expression": "1 + 1"} for name in NAMES),
    *({"values": XYZ, "expression": "x*y", "wrt": wrt} for wrt in (["q"], ["x", "q"], [""], ["\x00"])),
    *({"values": {"x": 1e9, "y": 2.5}, "expression": "x*y", "seed": seed} for seed in SEEDS),
    {"values": {f"v{i}": 1.0 for i in range(33)}, "expression": "v0"},
    {"values": {f"v{i}": 1.0 for i in range(10_000)}, "expression": "v0"},
    {"values": {"x": 1e308, "y": 1e308}, "expression": "x*y"},
    {"values": {"x": 1e308}, "expression": "x + x"},
    {"values": {"x": -1e308}, "expression": "x - 1e308"},
    {"values": {"W": [[1, 2]], "x": [1, 2, 3]}, "expression": "sum(W @ x)"},
    {"values": {"W": [[1, 2]], "V": [[1, 2]]}, "expression": "sum(W @ V)"},
    {"values": {"x": [1, 2], "y": [1, 2, 3]}, "expression": "sum(x + y)"},
    {"values": {"x": [1, 2], "y": [1, 2, 3]}, "expression": "dot(x, y)"},
    {"values": {"W": [[1, 2], [3, 4]]}, "expression": "dot(W, W)"},
    {"values": {"x": [1, 2]}, "expression": "transpose(x)"},
    {"values": {"x": [1, 2]}, "expression": "x"},
    {"values": {"x": [1, 2]}, "expression": "x * 2"},
    {"values": {"x": [1, 2]}, "expression": "sum(x**[1, 2])"},
    {"values": {"x": [0.5, 0.0]}, "expression": "sum(log(x))"},
    {"values": {"x": [4.0, 0.0]}, "expression": "sum(sqrt(x))"},
    {"values": {"x": [1.0, 800.0]}, "expression": "sum(exp(x))"},
    {"values": {"x": 2.0, "y": [1.0, 65.0]}, "expression": "sum(x**y)"},
    {
        "values": {"W": [[0.1] * 16] * 16},
        "expression": "a0=W;" + ";".join(f"a{i}=a{i - 1}+W" for i in range(1, 40)) + ";sum(a39)",
    },
    {
        "values": {"W": [[0.1] * 16] * 16},
        "expression": ";".join(f"a{i}=max({','.join('W' * 15)},a{i - 1})" for i in range(1, 20)).replace(
            "a0", "W"
        )
        + ";sum(a19)",
    },
]


def cases() -> list[Body]:
    """Return bodies that must all be refused."""
    texts = [{"expression": text, "values": XYZ} for text in (*CODE, *GROWN)]
    return [*texts, *VALUES]


ALLOWED_AT_RANDOM = "xyzabf0123456789.+-*/@=(),; \n_eE"
ANYTHING = ALLOWED_AT_RANDOM + "'\"[]{}:<>^%&|!~#$\\`?\t\r\x00é\uff58·"
WORDS = (
    *(
        "x",
        "y",
        "z",
        "1",
        "0",
        "2.5",
        "1e300",
        "-",
        "+",
        "*",
        "/",
        "**",
        "@",
        "(",
        ")",
        ",",
        ";",
        "=",
        "a",
        "a = ",
        "b=",
    ),
    *(
        "sin(",
        "exp(",
        "log(",
        "sqrt(",
        "max(",
        "sum(",
        "relu(",
        "softmax(",
        "norm(",
        "dot(",
        ") ",
        "\n",
        " ",
        "lambda",
    ),
    *("if", "else", "not", "and", "is", "import", "W", "v", "__import__", "for", "x.y", "f", "transpose("),
)


def fuzzed(rng: random.Random) -> Body:
    """Return a body made at random: characters, words, or a formula with a few characters changed."""
    kind = rng.random()
    if kind < 0.35:
        text = "".join(
            rng.choices(ANYTHING if rng.random() < 0.3 else ALLOWED_AT_RANDOM, k=rng.randint(0, 60))
        )
    elif kind < 0.75:
        text = "".join(rng.choices(WORDS, k=rng.randint(1, 30)))
    else:
        letters = list(
            rng.choice(
                ["h = relu(W @ v); mean(h*x)", "a = x*y; b = sin(a)/z; a*b + max(x, y, 2)", "(x + y)**2 - z"]
            )
        )
        for _ in range(rng.randint(1, 4)):
            letters[rng.randrange(len(letters))] = rng.choice(ANYTHING)
        text = "".join(letters)
    return {"expression": text, "values": {**XYZ, "W": [[1, 2], [3, 4.5]], "v": [0.5, -1.0]}}
