"""PNG of a chart's SVG, drawn by resvg with the font that lies beside this file."""

from __future__ import annotations

from pathlib import Path

FONT = Path(__file__).parent / "font" / "DejaVuSans.ttf"


def png(svg: str) -> bytes:
    """Return an SVG document as a PNG; without a font file resvg would leave every text out, silently."""
    import resvg_py  # most gateways never draw: 6 MB that can wait

    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            skip_system_fonts=True,
            font_files=[str(FONT)],
            font_family="DejaVu Sans",
            sans_serif_family="DejaVu Sans",
        )
    )
