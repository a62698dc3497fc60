"""PNG of a chart's SVG, drawn by resvg with the fonts that lie beside this file."""

from __future__ import annotations

import math
import re
from pathlib import Path

MAX_PIXELS = 8_000_000
"""32 MB while it is drawn; a larger picture is drawn smaller, as a whole."""
_SIZE = re.compile(r'<svg [^>]*?width="(\d+)" height="(\d+)"')
FONTS = tuple(Path(__file__).parent / "font" / name for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"))


def png(svg: str) -> bytes:
    """Return an SVG document as a PNG; without a font file resvg would leave every text out, silently."""
    import resvg_py  # most gateways never draw: 6 MB that can wait

    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            zoom=_zoom(svg),
            skip_system_fonts=True,
            font_files=[str(font) for font in FONTS],
            font_family="DejaVu Sans",
            sans_serif_family="DejaVu Sans",
        )
    )


def _zoom(svg: str) -> float | None:
    """Return by how much a picture is to be drawn smaller, none when it fits."""
    size = _SIZE.match(svg)
    pixels = int(size[1]) * int(size[2]) if size else 0
    return math.sqrt(MAX_PIXELS / pixels) if pixels > MAX_PIXELS else None
