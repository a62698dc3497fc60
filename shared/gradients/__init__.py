"""Gradient flow: what is sampled of every layer while a net trains, and what such samples show."""

from __future__ import annotations

from shared.gradients.findings import Detector, find
from shared.gradients.kinds import FindingKind, FlowFinding
from shared.gradients.rules import applicable
from shared.gradients.samples import Layer, Sample

__all__ = ["Detector", "FindingKind", "FlowFinding", "Layer", "Sample", "applicable", "find"]
