"""The gallery in the guide to schedules: drawn by what draws a preview, from what a trainer runs."""

from __future__ import annotations

from services.api.gallery.drawings import gallery

__all__ = ["gallery"]
