"""How wide a text will be, without a font at hand.

Widths are the advance widths of DejaVu Sans, the font shipped with the gateway, in hundredths of the size.
It is wider than what browsers fall back to, so a text measured here fits wherever it is shown.
"""

from __future__ import annotations

import unicodedata

_ROWS = {
    28: "ijlIJ'",
    32: " ,.·",
    35: "/\\|:;-f’",
    41: "!()[]trst²³",
    53: '?_`*‖"–∂szc',
    62: "TY FPSaeqghkLnoudbpyvx Σ",
    64: "0123456789$αβγηθµ{}√",
    70: "ABCEKRVX∇Z",
    80: "DGHNOQU&w",
    84: "#+<=>^~−×→≤≥⊗∞⊙",
    100: "%@WmM…—½",
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
