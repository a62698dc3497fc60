"""Storage over fsspec: whole files or none, plain paths only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from shared.errors import NotFound
from shared.settings import Settings
from shared.storage import Storage, dataset_folder, safe_file_name, upload_folder

DATASET = UUID("01900000-0000-7000-8000-000000000001")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path.as_uri())


def files_under(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def half_a_file() -> Iterator[bytes]:
    yield b"half"
    raise RuntimeError


def test_a_file_written_is_read_back_in_chunks(storage: Storage):
    assert storage.save("uploads/a/x.csv", [b"ab", b"cde"]) == 5
    assert list(storage.chunks("uploads/a/x.csv", size=2)) == [b"ab", b"cd", b"e"]
    assert storage.size("uploads/a/x.csv") == 5


def test_a_file_appears_only_when_its_block_ends(storage: Storage):
    with storage.writer("a/b") as stream:
        stream.write(b"half")
        assert not storage.exists("a/b")
        assert storage.list("a") == []
    assert storage.exists("a/b")


def test_nothing_stays_of_a_write_that_fails(storage: Storage, tmp_path: Path):
    with pytest.raises(RuntimeError):
        storage.save("a/b", half_a_file())
    assert files_under(tmp_path) == []


def test_a_failed_rewrite_leaves_the_old_file(storage: Storage):
    storage.save("a/b", [b"old"])
    with pytest.raises(RuntimeError):
        storage.save("a/b", half_a_file())
    assert list(storage.chunks("a/b")) == [b"old"]


def test_a_tree_is_listed_in_order_and_deleted_whole(storage: Storage, tmp_path: Path):
    for path in ("d/2/b", "d/2/a", "d/1/c", "e/x"):
        storage.save(path, [b"."])
    assert storage.list("d") == ["d/1/c", "d/2/a", "d/2/b"]
    storage.delete_tree("d")
    storage.delete_tree("d")
    assert files_under(tmp_path) == ["e/x"]


def test_what_is_not_there_is_named_so(storage: Storage):
    assert storage.list("nothing") == []
    assert not storage.exists("nothing")
    with pytest.raises(NotFound), storage.reader("nothing"):
        pass
    with pytest.raises(NotFound):
        storage.size("nothing")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../b",
        "a//b",
        "a/",
        ".hidden",
        "a/.b",
        "a b",
        "a\\b",
        "a\0b",
        "s3://x",
        "ü",
        "a\n",
    ],
)
def test_a_path_that_is_not_plain_is_refused(storage: Storage, path: str):
    with pytest.raises(ValueError, match="storage path"), storage.writer(path):
        pass


def test_files_of_a_data_set_have_one_place():
    assert upload_folder(DATASET) == "uploads/01900000-0000-7000-8000-000000000001"
    assert dataset_folder(DATASET) == "datasets/01900000-0000-7000-8000-000000000001"
    assert dataset_folder(DATASET, 2) == "datasets/01900000-0000-7000-8000-000000000001/v2"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("ratings.csv", "ratings.csv"),
        ("u.data", "u.data"),
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\my file.csv", "my_file.csv"),
        (".ssh", "ssh"),
        ("", "file"),
        ("...", "file"),
        ("a\0b.csv", "a_b.csv"),
        ("é" * 300 + ".csv", "_.csv"),
        ("x" * 300 + ".csv", "x" * 116 + ".csv"),
    ],
)
def test_a_clients_file_name_is_made_harmless(storage: Storage, name: str, safe: str):
    assert safe_file_name(name) == safe
    storage.save(f"uploads/{safe}", [b""])


def test_two_files_of_one_name_stay_two():
    assert safe_file_name("a.csv", taken={"a.csv", "2_a.csv"}) == "3_a.csv"


def test_the_default_is_a_folder_under_home(tmp_path: Path):
    Storage.of(Settings(home=tmp_path)).save("a/b", [b"x"])
    assert files_under(tmp_path) == ["storage/a/b"]


def test_other_file_systems_are_written_and_read_the_same_way():
    storage = Storage("memory://gradus-test")
    storage.save("a/b", [b"ab", b"c"])
    assert storage.local_path("a/b") is None
    assert list(storage.chunks("a/b")) == [b"abc"]
    storage.delete_tree("a")
    assert storage.list("a") == []


@pytest.mark.parametrize("url", ["file", "memory://gradus-folders"])
def test_folders_are_listed_by_name_even_when_only_half_written(url: str, tmp_path: Path) -> None:
    storage = Storage(tmp_path.as_uri() if url == "file" else url)
    assert storage.folders("uploads") == []
    for path in ("uploads/b/one.csv", "uploads/a/deep/two.csv", "uploads/loose.csv"):
        storage.save(path, [b"1"])
    assert storage.folders("uploads") == ["a", "b"]


def test_a_client_may_call_its_file_a_part(storage: Storage):
    storage.save("uploads/a/ratings.csv.part", [b"user,item"])
    assert storage.list("uploads") == ["uploads/a/ratings.csv.part"]
