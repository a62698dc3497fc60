"""Charts as SVG, and as PNG of the same SVG: polylines, axes, a legend, nothing that needs a browser."""

from services.api.drawing.chart import Chart, Mark, Panel, Series
from services.api.drawing.png import png
from services.api.drawing.svg import svg

__all__ = ["Chart", "Mark", "Panel", "Series", "png", "svg"]
