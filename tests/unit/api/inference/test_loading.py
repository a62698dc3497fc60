"""What a gateway will not load."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load, save

from services.api.inference.loading import load_package
from shared.errors import Refused
from shared.features.archive import pack, unpack
from tests.support.packages import tiny_diagnosis, tiny_recommender

PACKAGES = {"recommend": tiny_recommender(), "diagnose": tiny_diagnosis()}


def refused(blob: bytes) -> str:
    with pytest.raises(Refused) as error:
        load_package(blob, name="m", version=1, max_records=10)
    return error.value.code


def changed(kind: str, files: dict[str, bytes | None], manifest: dict[str, object] | None = None) -> bytes:
    """Return a package that is sealed correctly around changed content; `None` leaves a file out."""
    package = unpack(PACKAGES[kind])
    content = {**package.files, **files}
    return pack({n: c for n, c in content.items() if c is not None}, {**package.manifest, **(manifest or {})})


def with_tensors(kind: str, name: str, **tensors: np.ndarray) -> bytes:
    old = load(unpack(PACKAGES[kind]).file(name))
    return changed(kind, {name: save({**old, **tensors})})


@pytest.mark.parametrize("kind", PACKAGES)
def test_a_good_package_loads(kind: str):
    loaded = load_package(PACKAGES[kind], name="m", version=7, max_records=10)
    assert (loaded.name, loaded.version, loaded.kind) == ("m", 7, kind)
    assert loaded.sha256 == unpack(PACKAGES[kind]).sha256


@pytest.mark.parametrize(("kind", "output"), [("recommend", "score"), ("diagnose", "logit")])
def test_golden_outputs_that_differ_are_refused(kind: str, output: str):
    wanted = load(unpack(PACKAGES[kind]).file("goldens.safetensors"))[output]
    blob = with_tensors(kind, "goldens.safetensors", **{output: wanted + np.float32(0.01)})
    assert refused(blob) == "golden_mismatch"


def test_another_net_under_the_old_goldens_is_refused():
    other = unpack(tiny_diagnosis(seed=1)).file("model.onnx")
    assert refused(changed("diagnose", {"model.onnx": other})) == "golden_mismatch"


def test_goldens_that_the_net_cannot_take_are_refused():
    users = load(unpack(PACKAGES["recommend"]).file("goldens.safetensors"))["user"]
    blob = with_tensors("recommend", "goldens.safetensors", user=users.astype(np.float32))
    assert refused(blob) == "package_corrupt"


def test_an_encoder_that_encodes_otherwise_is_refused():
    package = unpack(PACKAGES["diagnose"])
    moved = package.file("encoders.json").replace(b'"median":', b'"median":1')
    assert refused(changed("diagnose", {"encoders.json": moved})) in ("golden_mismatch", "package_corrupt")


@pytest.mark.parametrize(
    "files",
    [
        {"model.onnx": b"no graph"},
        {"goldens.safetensors": b"no tensors"},
        {"encoders.json": b"{}"},
        {"intervals.json": b"[]"},
        {"golden_records.json": b"[1]"},
        {"outcome.json": b"{"},
        {"intervals.json": b"null"},
        {"intervals.json": b'{"method":"m","edges":[],"low":[0],"high":[1]}'},
        {"intervals.json": b'{"method":"m","edges":[],"low":[0],"high":[1],"rows":[60,60]}'},
        {"encoders.json": None},
        {"goldens.safetensors": None},
    ],
)
def test_a_sealed_package_with_broken_content_is_refused(files: dict[str, bytes | None]):
    refused(changed("diagnose", files))


@pytest.mark.parametrize(
    ("name", "tensors"),
    [
        ("seen.safetensors", {"items": np.array([99], dtype=np.int32)}),
        ("seen.safetensors", {"starts": np.array([0, 1], dtype=np.int64)}),
        ("neighbours.safetensors", {"items": np.full((12, 11), 12, dtype=np.int32)}),
        ("neighbours.safetensors", {"cosines": np.zeros((1, 1), dtype=np.float32)}),
        ("popularity.safetensors", {"counts": np.zeros(3, dtype=np.int64)}),
    ],
)
def test_tables_that_do_not_fit_together_are_refused(name: str, tensors: dict[str, np.ndarray]):
    assert refused(with_tensors("recommend", name, **tensors)) == "package_corrupt"


@pytest.mark.parametrize("manifest", [{"format": 2}, {"kind": "translate"}, {"kind": "diagnose"}])
def test_a_package_of_another_kind_or_time_is_refused(manifest: dict[str, object]):
    assert refused(changed("recommend", {}, manifest)) in ("package_unknown", "package_corrupt")
