"""How wide a text will be, without a font at hand.

Widths are the advance widths of DejaVu Sans, the font shipped with the gateway, in hundredths of the size.
It is wider than what browsers fall back to, so a text measured here fits wherever it is shown.
"""

from __future__ import annotations

import unicodedata

_ROWS = {
    30: "'ijlIJ",
    34: " ,.·/:;\\|",
    39: "f-ᵀ",
    42: "()[]t!²³r",
    46: '"',
    53: "*_`–‖∂sz",
    56: "?cεL",
    61: "FkvxyγλPπ",
    64: "TYaeoδθ$0123456789ESbdghnpqu{}µΣβημσ√",
    69: "Kαφ∇ABVXZ",
    70: "CR",
    76: "UNH",
    79: "&DGOQΦ",
    84: "w#+<=>^~×ω→−∞≤≥⊗⊙",
    87: "M",
    99: "%½mW",
    100: "@—…",
}
_WIDTHS = {c: width for width, row in _ROWS.items() for c in row}
_OTHER, _WIDE = 90, 110
_BOLD = 1.12


def text_width(text: str, *, size: float, bold: bool = False) -> float:
    """Return the width of a line in the unit of `size`, on the generous side."""
    hundredths = sum(_width(c) for c in text)
    return hundredths / 100 * size * (_BOLD if bold else 1.0)


def _width(character: str) -> int:
    known = _WIDTHS.get(character)
    if known is not None:
        return known
    if unicodedata.combining(character):
        return 0
    return _WIDE if unicodedata.east_asian_width(character) in "WF" else _OTHER
