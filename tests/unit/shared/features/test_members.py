"""One member of a package, found and read without the others."""

from __future__ import annotations

import io

import pytest

from shared.errors import Refused
from shared.features.archive import find_member, pack, read_member

FILES = {"card.json": b"{}", "model.onnx": bytes(range(256)) * 300, "report.json": b'{"a": 1}'}
BLOB = pack(FILES, {"format": 1})


class Watched(io.BytesIO):
    """Counts the bytes that are read."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        came = super().read(size)
        self.count += len(came)
        return came


@pytest.mark.parametrize("name", FILES)
def test_a_member_lies_where_it_is_said_to(name: str):
    span = find_member(io.BytesIO(BLOB), name)
    assert span is not None
    assert BLOB[span.start : span.stop] == FILES[name] == read_member(io.BytesIO(BLOB), name)


def test_what_is_not_there_is_none():
    assert find_member(io.BytesIO(BLOB), "graph.json") is None
    assert read_member(io.BytesIO(BLOB), "graph.json") is None


def test_a_small_member_is_read_without_its_large_neighbour():
    file = Watched(BLOB)
    assert read_member(file, "card.json") == b"{}"
    find_member(file, "model.onnx")
    assert file.count < 3000


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_of_a_member_is_seen(name: str):
    span = find_member(io.BytesIO(BLOB), name)
    assert span is not None
    damaged = bytearray(BLOB)
    damaged[span.start] ^= 1
    with pytest.raises(Refused):
        read_member(io.BytesIO(bytes(damaged)), name)


@pytest.mark.parametrize("cut", [0, 1, 21, len(BLOB) // 2, len(BLOB) - 1])
def test_half_a_package_is_refused(cut: int):
    for look in (find_member, read_member):
        with pytest.raises(Refused, match="corrupt"):
            look(io.BytesIO(BLOB[:cut]), "card.json")


def test_a_list_that_points_elsewhere_is_refused():
    """The offset of a member in the list of files stands 42 bytes behind the entry's begin (APPNOTE 4.3)."""
    entry = BLOB.rindex(b"PK\x01\x02", 0, BLOB.rindex(b"report.json"))
    moved = bytearray(BLOB)
    moved[entry + 42] ^= 4
    with pytest.raises(Refused, match="corrupt"):
        find_member(io.BytesIO(bytes(moved)), "report.json")
