"""What is refused before the parser sees the text.

The alphabet has no quote, square bracket, colon or comparison, so there are no strings, lambdas, subscripts
or f-strings to reason about; and a number never touches a name, which is what Python's parser would warn of.
"""

from __future__ import annotations

import re

from shared.errors import Finding, Refused
from shared.graphs.program import Place

MAX_CHARACTERS = 1000
_ALPHABET = re.compile(r"[A-Za-z0-9_+\-*/@=(),.; \n]*")
_NUMBER_THEN_NAME = re.compile(
    r"(?<![A-Za-z0-9_.])(?>(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9][0-9_]*)?)(?=[A-Za-z_])"
)
_HINTS = {
    "^": "powers are written **",
    "[": "give vectors and matrices in values, and name them here",
    "%": "there is no remainder",
    "#": "there are no comments",
    "'": "there are no strings",
    '"': "there are no strings",
    "·": "products are written *",
    "×": "products are written *",
    "−": "the minus sign is the hyphen -",
}


def refusal(place: Place, message: str) -> Refused:
    """Return the refusal of an expression because of what stands at a place."""
    finding = Finding(("expression",), f"{place}: {message}")
    return Refused(
        "the expression cannot be traced; errors says where", code="refused_expression", findings=[finding]
    )


def place_of(text: str, offset: int) -> Place:
    """Return where a character of the text stands."""
    return Place(text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)


def checked(text: str) -> str:
    """Return a text that Python's parser may see. Raises `Refused` with the place."""
    if len(text) > MAX_CHARACTERS:
        finding = Finding(("expression",), f"wanted at most {MAX_CHARACTERS} characters, got {len(text)}")
        raise Refused("the expression is too long", code="refused_expression", findings=[finding])
    text = text.replace("\r\n", "\n").replace("\t", " ")
    known = _ALPHABET.match(text)
    end = known.end() if known else 0
    if end < len(text):
        hint = _HINTS.get(text[end], "wanted letters a to z, digits, + - * / ** @ = ( ) , . ;")
        raise refusal(place_of(text, end), f"this character is no part of an expression; {hint}")
    touching = _NUMBER_THEN_NAME.search(text)
    if touching:
        raise refusal(
            place_of(text, touching.end()), "a number runs into a name; put an operator between, as in 2*x"
        )
    return text
