"""From a package's bytes to a model in memory: hashes first, then golden inputs, and only then service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from safetensors.numpy import load as load_tensors

from services.api.inference.answers import Loaded
from services.api.inference.catalogue import read_catalogue
from services.api.inference.diagnosis import DiagnosisModel, Facts, Intervals
from services.api.inference.recommender import RecommenderModel, Version
from services.api.inference.sessions import Array, Net, require_goldens
from shared.errors import GradusError, Refused
from shared.features.archive import Package, unpack
from shared.features.records import RecordEncoder

FORMAT = 1
GOLDEN_TOLERANCE = 1e-4
"""Wider than the worker's 1e-5: another processor may add in another order."""


def load_package(blob: bytes, *, name: str, version: int, max_records: int) -> Loaded:
    """Return a verified model; raises `Refused` when the package is corrupt or its goldens differ."""
    package = unpack(blob)
    if package.manifest.get("format") != FORMAT or package.manifest.get("kind") not in READERS:
        raise Refused("the package is of a format or kind this server does not know", code="package_unknown")
    try:
        return READERS[package.manifest["kind"]](package, Version(name, version, package.sha256), max_records)
    except GradusError:
        raise
    except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors share no base; any means a bad package
        raise Refused(f"the package is corrupt: {type(error).__name__}", code="package_corrupt") from None


def _recommender(package: Package, version: Version, _max_records: int) -> Loaded:
    net = Net(package.file("model.onnx"))
    catalogue = read_catalogue(package)
    require_goldens(net, _goldens(package), output="score", tolerance=GOLDEN_TOLERANCE)
    return RecommenderModel(version, net=net, catalogue=catalogue)


def _diagnosis(package: Package, version: Version, max_records: int) -> Loaded:
    net = Net(package.file("model.onnx"))
    encoder = RecordEncoder.from_json(package.file("encoders.json"))
    goldens = _goldens(package)
    _require_encoding(encoder, package.json("golden_records.json"), goldens)
    require_goldens(net, goldens, output="logit", tolerance=GOLDEN_TOLERANCE)
    intervals = _intervals(package.json("intervals.json"))
    facts = Facts(version.name, version.version, version.sha256, package.json("outcome.json"), max_records)
    return DiagnosisModel(facts, net=net, encoder=encoder, intervals=intervals)


def _intervals(table: dict[str, Any]) -> Intervals:
    found = Intervals(
        edges=np.array(table["edges"], dtype=np.float64),
        low=np.array(table["low"], dtype=np.float64),
        high=np.array(table["high"], dtype=np.float64),
        rows=np.array(table["rows"], dtype=np.int64),
        method=table["method"],
    )
    bins = (len(found.edges) + 1,)
    if not found.low.shape == found.high.shape == found.rows.shape == bins:
        raise Refused("the package's intervals do not fit together", code="package_corrupt")
    return found


def _goldens(package: Package) -> dict[str, Array]:
    return load_tensors(package.file("goldens.safetensors"))


def _require_encoding(encoder: RecordEncoder, records: Any, goldens: dict[str, Array]) -> None:  # noqa: ANN401
    """Encode the golden records; raises `Refused` unless the net's inputs are those of the worker."""
    came = encoder.encode(records)
    same_codes = np.array_equal(came.codes_BC, goldens["codes"])
    if not same_codes or not np.allclose(came.numbers_BF, goldens["numbers"], rtol=1e-6, atol=1e-6):
        raise Refused("the golden records are encoded differently", code="golden_mismatch")


READERS: dict[str, Callable[[Package, Version, int], Loaded]] = {
    "recommend": _recommender,
    "diagnose": _diagnosis,
}
