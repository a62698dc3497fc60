"""Files at rest, in one folder or bucket named by an fsspec URL.

Paths are relative, made by this project out of ids and `safe_file_name`, and checked here again; a client
never names a place. A file appears whole or not at all.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast
from uuid import UUID

import fsspec
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from shared.errors import NotFound
from shared.settings import Settings

CHUNK_BYTES = 1024 * 1024
NAME_CHARACTERS = 120
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}", re.ASCII)


def upload_folder(dataset_id: UUID) -> str:
    """Return the folder of the files of a data set as they were uploaded."""
    return f"uploads/{dataset_id}"


def dataset_folder(dataset_id: UUID, version: int | None = None) -> str:
    """Return the folder of a data set's canonical files, of one version or of all."""
    folder = f"datasets/{dataset_id}"
    return folder if version is None else f"{folder}/v{version}"


def safe_file_name(name: str, *, taken: Collection[str] = ()) -> str:
    """Return a client's file name made harmless: its last part, in plain characters, unlike any `taken`."""
    last = re.split(r"[/\\]", name)[-1]
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", last).lstrip(".-")[-NAME_CHARACTERS:].lstrip(".-") or "file"
    free, number = plain, 1
    while free in taken:
        number += 1
        free = f"{number}_{plain}"
    return free


def checked_path(path: str) -> str:
    """Return `path` if all its parts are plain, else raise `ValueError`: we made it ourselves."""
    if not all(_SEGMENT.fullmatch(part) for part in path.split("/")):
        raise ValueError("a storage path is relative and of plain names: letters, digits, '.', '_' and '-'")
    return path


class Storage:
    """A folder (`file:///…`) or bucket (`s3://bucket/prefix`, needs s3fs) of files by relative path."""

    def __init__(self, url: str) -> None:
        self._fs, root = fsspec.core.url_to_fs(url)
        self._root = str(root).rstrip("/")

    @classmethod
    def of(cls, settings: Settings) -> Storage:
        """Open the storage that the settings name; by default a folder under `home`."""
        return cls(settings.storage_url or (settings.home.resolve() / "storage").as_uri())

    def _at(self, path: str) -> str:
        return f"{self._root}/{checked_path(path)}"

    def local_path(self, path: str) -> Path | None:
        """Return where the file lies on this machine, or None when storage is elsewhere."""
        return Path(self._at(path)) if isinstance(self._fs, LocalFileSystem) else None

    @contextmanager
    def writer(self, path: str) -> Iterator[BinaryIO]:
        """Open a new file for writing; it appears when the block ends, and never when the block raises."""
        place = self._at(path)
        local = self.local_path(path)
        with _local_writer(local) if local else _remote_writer(self._fs, place) as stream:
            yield stream

    @contextmanager
    def reader(self, path: str) -> Iterator[BinaryIO]:
        """Open a file for reading, seekable. Raises `NotFound` when it is not there."""
        try:
            stream = self._fs.open(self._at(path), "rb")
        except FileNotFoundError:
            raise NotFound("no such file in storage") from None
        with stream:
            yield cast("BinaryIO", stream)

    def save(self, path: str, chunks: Iterable[bytes]) -> int:
        """Write chunks as they come and return how many bytes they were."""
        size = 0
        with self.writer(path) as stream:
            for chunk in chunks:
                size += len(chunk)
                stream.write(chunk)
        return size

    def chunks(self, path: str, size: int = CHUNK_BYTES) -> Iterator[bytes]:
        """Yield a file's content in chunks of at most `size` bytes."""
        with self.reader(path) as stream:
            while chunk := stream.read(size):
                yield chunk

    def exists(self, path: str) -> bool:
        """Say whether a file is there."""
        return bool(self._fs.isfile(self._at(path)))

    def size(self, path: str) -> int:
        """Return a file's size in bytes. Raises `NotFound` when it is not there."""
        try:
            return int(self._fs.size(self._at(path)))
        except FileNotFoundError:
            raise NotFound("no such file in storage") from None

    def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders right under a folder, sorted; what is half written counts too."""
        self._fs.invalidate_cache()
        try:
            entries = self._fs.ls(self._at(prefix), detail=True)
        except FileNotFoundError:
            return []
        return sorted(PurePosixPath(e["name"]).name for e in entries if e["type"] == "directory")

    def list(self, prefix: str) -> list[str]:
        """Return the paths of all files under a folder, sorted; none when the folder is not there."""
        self._fs.invalidate_cache()
        start = len(self._root) + 1
        found = self._fs.find(self._at(prefix)) if self._fs.exists(self._at(prefix)) else []
        return sorted(path[start:] for path in found if not path.rsplit("/", 1)[-1].startswith("."))

    def delete_tree(self, prefix: str) -> None:
        """Delete a folder and everything in it; nothing happens when it is not there."""
        self._fs.invalidate_cache()
        try:
            self._fs.rm(self._at(prefix), recursive=True)
        except FileNotFoundError:
            return


@contextmanager
def _local_writer(place: Path) -> Iterator[BinaryIO]:
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _remote_writer(filesystem: AbstractFileSystem, place: str) -> Iterator[BinaryIO]:
    """Write an object: stores that take uploads in parts show it on commit and drop the parts on discard."""
    stream = filesystem.open(place, "wb", autocommit=False)
    try:
        yield cast("BinaryIO", stream)
        stream.close()
    except BaseException:
        if not stream.closed:
            stream.close()
        stream.discard()
        raise
    stream.commit()
