"""A diagnosis model in memory: records in, probabilities with intervals, flags and contributions out.

Shapes: B records of all requests in a batch, F number inputs, C categories.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from services.api.inference.answers import Answer, Answers
from services.api.inference.diagnose_body import Asked, read_body
from services.api.inference.sessions import Net
from services.api.inference.shapley import METHOD, Explainer, Row
from shared.errors import GradusError
from shared.features.records import Encoded, RecordEncoder

NOTICE = (
    "Research use only; not a medical device. A probability supports, and never replaces, clinical "
    "judgement; its interval is the rate observed among validation records with a similar score."
)
OUTSIDE = "outside_interval"
"""The flag of a probability that the rate observed in its score bin contradicts."""
LARGEST_LOGIT = 60.0
"""Beyond it a probability is 0 or 1 to every digit that is shown, and the exponential would overflow."""

Prediction = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Intervals:
    """For a probability between two edges, the bounds of the rate observed there, and in how many rows."""

    edges: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    rows: NDArray[np.int64]
    method: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What every answer says of the model."""

    name: str
    version: int
    sha256: str
    outcome: dict[str, Any]
    max_records: int


class DiagnosisModel:
    """Answers `diagnose` for one version."""

    kind = "diagnose"

    def __init__(self, facts: Facts, *, net: Net, encoder: RecordEncoder, intervals: Intervals) -> None:
        self.name, self.version, self.sha256 = facts.name, facts.version, facts.sha256
        self._max_records = facts.max_records
        self._net, self._encoder, self._intervals = net, encoder, intervals
        self._explainer = _explainer(self._logits, encoder)
        self._columns = len(encoder.column_names)
        self._head = orjson.dumps({"model": facts.name, "version": facts.version})[:-1] + b',"predictions":'
        self._tail = b"," + orjson.dumps(_constants(facts, self._explainer, intervals))[1:]

    def answer(self, kind: str, bodies: Sequence[bytes]) -> Iterator[Answers]:
        """Answer all plain requests as one batch, then each that wants contributions."""
        del kind
        asked: list[tuple[int, Asked]] = []
        refused: list[tuple[int, Answer]] = []
        for place, body in enumerate(bodies):
            try:
                asked.append((place, read_body(body, encoder=self._encoder, max_records=self._max_records)))
            except GradusError as error:
                refused.append((place, error))
        plain = [(place, one) for place, one in asked if not one.explain]
        yield [*refused, *self._answer_together(plain)]
        for place, one in asked:
            if one.explain:
                yield [(place, self._answer_explained(one))]

    def _answer_together(self, asked: Sequence[tuple[int, Asked]]) -> Iterator[tuple[int, bytes]]:
        if not asked:
            return
        found, _, _ = self._predict([one.rows for _, one in asked])
        start = 0
        for place, one in asked:
            end = start + one.rows.count
            yield place, self._written(found[start:end])
            start = end

    def _answer_explained(self, asked: Asked) -> bytes:
        found, encoded, logits = self._predict([asked.rows])
        names = self._encoder.column_names
        for index, prediction in enumerate(found):
            row = Row(encoded.numbers_BF[index], encoded.codes_BC[index])
            shares = self._explainer.contributions(row, logit=float(logits[index]))
            ordered = sorted(shares.items(), key=lambda pair: (-abs(pair[1]), pair[0]))
            prediction["contributions"] = [
                {"column": names[c], "contribution": share, "direction": "raises" if share > 0 else "lowers"}
                for c, share in ordered
            ]
        return self._written(found)

    def _predict(self, parts: Sequence[Any]) -> tuple[list[Prediction], Encoded, NDArray[np.float64]]:
        encoded = self._encoder.encode_rows(parts)
        logits = self._logits(encoded.numbers_BF, encoded.codes_BC)
        probabilities = 1.0 / (1.0 + np.exp(-np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)))
        bins = np.searchsorted(self._intervals.edges, probabilities, side="right")
        rows = zip(
            probabilities.tolist(),
            self._intervals.low[bins].tolist(),
            self._intervals.high[bins].tolist(),
            self._intervals.rows[bins].tolist(),
            self._encoder.flags(encoded),
            self._encoder.missing_share(encoded).tolist(),
            strict=True,
        )
        found: list[Prediction] = [
            {
                "probability": p,
                "interval": {"low": low, "high": high, "rows": count},
                "flags": flags if low <= p <= high else [*flags, OUTSIDE],
                "missing_share": missing,
            }
            for p, low, high, count, flags, missing in rows
        ]
        return found, encoded, logits

    def _logits(self, numbers_BF: NDArray[np.float32], codes_BC: NDArray[np.int64]) -> NDArray[np.float64]:
        return self._net.run(numbers=numbers_BF, codes=codes_BC).astype(np.float64)

    def _written(self, found: Sequence[Prediction]) -> bytes:
        return self._head + orjson.dumps(found) + self._tail


def _explainer(logits: Any, encoder: RecordEncoder) -> Explainer:  # noqa: ANN401
    reference = encoder.reference()
    owners = [*range(len(encoder.number_names)), *encoder.indicators]
    return Explainer(
        logits,
        reference=Row(reference.numbers_BF[0], reference.codes_BC[0]),
        owner_F=np.array(owners, dtype=np.intp),
        numbers=len(encoder.number_names),
    )


def _constants(facts: Facts, explainer: Explainer, intervals: Intervals) -> dict[str, Any]:
    """Return what is the same in every answer of a version."""
    return {
        "outcome": facts.outcome,
        "interval_method": intervals.method,
        "contribution_method": METHOD,
        "reference_logit": explainer.reference_logit,
        "package_sha256": facts.sha256,
        "notice": NOTICE,
    }
