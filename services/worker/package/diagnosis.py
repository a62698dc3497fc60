"""The package of a diagnosis model: graph, encoder, golden records, intervals, report and card."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import nn

from services.worker.package.card import diagnosis_card
from services.worker.package.goldens import golden_records
from services.worker.package.graph import OPSET
from services.worker.package.intervals import probability_intervals
from services.worker.package.papers import Papers, as_json
from services.worker.package.parity import Arrays, require_parity
from services.worker.package.weights import graph_of, served_form
from shared.features.archive import pack
from shared.features.records import RecordEncoder


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is predicted, and in whom: shown beside every prediction."""

    target: str
    positive: str
    """The value of the target that the probability speaks of."""
    rows: int
    """Training records."""
    base_rate: float
    """Share of positives among them."""


@dataclass(frozen=True, slots=True)
class Validation:
    """The chosen net on the validation part: probabilities [N] and labels [N] of 0 and 1."""

    probabilities: NDArray[np.float64]
    labels: NDArray[np.integer]


def diagnosis_package(
    net: nn.Module, *, encoder: RecordEncoder, outcome: Outcome, validation: Validation, papers: Papers
) -> bytes:
    """Return the sealed package of a trained `mlp`; raises `ExportError` when the graph is not the net.

    Shapes of the graph: `numbers` float32[B, F], `codes` int64[B, C] → `logit` float32[B].
    """
    served = served_form(net)
    model = graph_of(served)
    records = golden_records(encoder)
    inputs = encoder.encode(records)
    arrays: Arrays = {"numbers": inputs.numbers_BF, "codes": inputs.codes_BC}
    logits = require_parity(model, arrays, wanted=_logits(served, inputs.numbers_BF, inputs.codes_BC))
    intervals = probability_intervals(validation.probabilities, validation.labels)
    files = {
        "model.onnx": model,
        "encoders.json": encoder.to_json().encode(),
        "golden_records.json": as_json(records),
        "goldens.safetensors": save({**arrays, "logit": logits}),
        "intervals.json": as_json(intervals),
        "outcome.json": as_json(asdict(outcome)),
        "report.json": as_json(papers.report),
        "card.json": as_json(diagnosis_card(papers.card)),
        **papers.drawn,
    }
    return pack(files, {"format": 1, "kind": "diagnose", "opset": OPSET, "origin": dict(papers.origin)})


def _logits(
    net: nn.Module, numbers_BF: NDArray[np.float32], codes_BC: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Run the net itself on golden records."""
    with torch.no_grad():
        logits: torch.Tensor = net(torch.from_numpy(numbers_BF), torch.from_numpy(codes_BC))
    return np.asarray(logits.numpy())
