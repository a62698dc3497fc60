"""Which of the forms a resource has the client wants, by its Accept header (RFC 9110 §12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.exceptions import HTTPException

JSON, CSV, SVG, PNG = "application/json", "text/csv", "image/svg+xml", "image/png"
DOT, MERMAID, ONNX = "text/vnd.graphviz", "text/vnd.mermaid", "application/onnx"
BINARY = (PNG, ONNX)


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def parse_accept(header: str) -> list[tuple[str, float]]:
    """Return (media range, quality) for each member of an Accept header."""
    found = []
    for member in header.split(","):
        media, *parameters = (part.strip().lower() for part in member.split(";"))
        weights = [_quality(p[2:]) for p in parameters if p.startswith("q=")]
        if media:
            found.append((media, weights[0] if weights else 1.0))
    return found


def _weight(form: str, accepted: Sequence[tuple[str, float]]) -> float:
    """Return the quality that the most specific matching range gives to a form."""
    by_media = dict(accepted)
    for media in (form, f"{form.split('/', maxsplit=1)[0]}/*", "*/*"):
        if media in by_media:
            return by_media[media]
    return 0.0


def choose(header: str | None, forms: Sequence[str]) -> str:
    """Return the form the client likes best, the earlier on a tie; answers 406 when it likes none."""
    if not header:
        return forms[0]
    accepted = parse_accept(header)
    best = max(forms, key=lambda form: _weight(form, accepted))
    if _weight(best, accepted) <= 0.0:
        raise HTTPException(406)
    return best
