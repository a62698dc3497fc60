"""Models in memory: loaded, checked, swapped, and asked, without torch."""

from services.api.inference.service import DEFAULT_ALIAS, Inference

__all__ = ["DEFAULT_ALIAS", "Inference"]
