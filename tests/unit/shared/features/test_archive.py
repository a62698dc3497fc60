"""A package is those bytes and no others."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Refused
from shared.features import archive
from shared.features.archive import MANIFEST, pack, unpack
from tests.support.draws import times

FILES = {"model.onnx": b"graph" * 40, "items.json": b'{"ids": ["a"]}', "seen.safetensors": b""}
BLOB = pack(FILES, {"kind": "recommend"})


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as made:
        for name, content in members.items():
            made.writestr(zipfile.ZipInfo(name, archive.EPOCH), content, compression)
    return target.getvalue()


def test_a_package_gives_back_what_was_packed():
    package = unpack(BLOB)
    assert package.files == FILES
    assert package.manifest == {"kind": "recommend"}
    assert package.json("items.json") == {"ids": ["a"]}
    assert len(package.sha256) == 64


def test_the_same_files_give_the_same_bytes_in_any_order():
    assert pack(dict(reversed(FILES.items())), {"kind": "recommend"}) == BLOB


@times(4)
@given(place=st.integers(0, len(BLOB) - 1), mask=st.integers(1, 255))
def test_any_changed_byte_is_refused(place: int, mask: int):
    changed = bytearray(BLOB)
    changed[place] ^= mask
    with pytest.raises(Refused) as refused:
        unpack(bytes(changed))
    assert refused.value.code == "package_corrupt"


@given(length=st.integers(0, len(BLOB) - 1))
def test_any_truncation_is_refused(length: int):
    with pytest.raises(Refused):
        unpack(BLOB[:length])


@pytest.mark.parametrize("extra", [BLOB + b"x", b"x" + BLOB, BLOB + BLOB])
def test_anything_around_a_package_is_refused(extra: bytes):
    with pytest.raises(Refused):
        unpack(extra)


@pytest.mark.parametrize(
    "name",
    ["../model.onnx", "/etc/model.onnx", "a/model.onnx", "model.pkl", "C:model.onnx", "MODEL.ONNX", ".json"],
)
def test_a_name_that_is_no_plain_file_is_refused_both_ways(name: str):
    with pytest.raises(Refused):
        pack({name: b"x"}, {})
    with pytest.raises(Refused):
        unpack(zipped({MANIFEST: b'{"files": {}}', name: b"x"}))


def test_a_compressed_member_is_refused_unread():
    bomb = zipped({MANIFEST: b'{"files": {}}', "model.onnx": bytes(10_000_000)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 20_000
    with pytest.raises(Refused):
        unpack(bomb)


def test_a_manifest_that_lies_about_a_file_is_refused():
    listing = {"model.onnx": {"sha256": "0" * 64, "bytes": 1}}
    with pytest.raises(Refused):
        unpack(zipped({MANIFEST: json.dumps({"files": listing}).encode(), "model.onnx": b"x"}))


def test_a_file_that_the_manifest_does_not_list_is_refused():
    with pytest.raises(Refused):
        unpack(zipped({MANIFEST: b'{"files": {}}', "model.onnx": b"x"}))


def test_too_many_files_are_refused():
    with pytest.raises(Refused):
        pack({f"file_{n}.json": b"" for n in range(archive.MAX_FILES)}, {})


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(Refused, match=r"card\.json"):
        unpack(BLOB).file("card.json")
