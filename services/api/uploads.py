"""An upload on its way to storage: multipart parts are written as they arrive and never held in memory.

Everything lies in one folder of storage; a broken upload deletes that folder, so it leaves nothing behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

from pydantic import ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from services.api.errors import findings_of
from shared.errors import Finding, Refused, TooLarge
from shared.specs.dataset import DatasetSpec
from shared.storage import Storage, safe_file_name

T = TypeVar("T")
SPEC_MAX_BYTES = 256 * 1024
MAX_FILES = 64
FLUSH_BYTES = 1024 * 1024
"""How much is gathered before a thread is asked to write it."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One uploaded file: its name in storage, its size and sha256."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A whole upload: what its `spec` part says, and its files as they lie in storage."""

    spec: DatasetSpec
    files: tuple[StoredFile, ...]

    @property
    def size_bytes(self) -> int:
        """Return the bytes of all files."""
        return sum(f.size_bytes for f in self.files)

    @property
    def sha256(self) -> str:
        """Return the digest of the files' names and digests, in the order they came."""
        listed = "".join(f"{f.sha256}  {f.name}\n" for f in self.files)
        return hashlib.sha256(listed.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an upload goes, and how large it may be."""

    storage: Storage
    folder: str
    max_bytes: int


def _refuse(code: str, message: str, *loc: str | int) -> Refused:
    return Refused(f"the upload cannot be read: {message}", code=code, findings=[Finding(loc, message)])


class _OpenFile:
    """A file part being written; it appears in storage when closed."""

    def __init__(self, name: str, writer: AbstractContextManager[BinaryIO]) -> None:
        self.name = name
        self._writer = writer
        self._stream = writer.__enter__()
        self._size = 0
        self._digest = hashlib.sha256()

    def write(self, chunk: bytes) -> None:
        self._stream.write(chunk)
        self._digest.update(chunk)
        self._size += len(chunk)

    def close(self) -> StoredFile:
        self._writer.__exit__(None, None, None)
        return StoredFile(self.name, self._size, self._digest.hexdigest())

    def abandon(self) -> None:
        error = InterruptedError("the upload broke off")
        try:
            self._writer.__exit__(InterruptedError, error, None)
        except InterruptedError:
            return


class Receiver:
    """Writes the parts of one multipart body to their destination, chunk by chunk."""

    def __init__(self, to: Destination, *, boundary: bytes) -> None:
        self._storage, self._folder, self._max_bytes = to.storage, to.folder, to.max_bytes
        self._received = 0
        self._header_name = self._header_value = b""
        self._headers: dict[bytes, bytes] = {}
        self._file: _OpenFile | None = None
        self._spec: bytearray | None = None
        self._in_spec = self._ended = False
        self.files: list[StoredFile] = []
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body. Raises `Refused` and `TooLarge`."""
        self._received += len(chunk)
        if self._received > self._max_bytes:
            raise TooLarge(f"the upload is larger than {self._max_bytes} bytes")
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise _refuse("multipart_broken", "wanted multipart/form-data") from None

    def finish(self) -> Upload:
        """Return the upload. Raises `Refused` when it broke off or a part is missing or wrong."""
        if not self._ended:
            raise _refuse("multipart_broken", "the body ends before its last boundary")
        if self._spec is None:
            raise _refuse("spec_missing", "wanted a part named spec with JSON", "spec")
        if not self.files:
            raise _refuse("file_missing", "wanted at least one part with a file")
        try:
            spec = DatasetSpec.model_validate_json(bytes(self._spec))
        except ValidationError as error:
            found = findings_of(error.errors(), form=DatasetSpec)
            findings = [Finding(("spec", *one.loc), one.message) for one in found]
            detail = "the spec part does not fit; errors says where"
            raise Refused(detail, code="invalid_request", findings=findings) from None
        return Upload(spec, tuple(self.files))

    def abandon(self) -> None:
        """Delete everything this upload wrote."""
        if self._file is not None:
            self._file.abandon()
        self._storage.delete_tree(self._folder)

    def _on_part_begin(self) -> None:
        self._headers = {}

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        field = options.get(b"name", b"").decode("utf-8", "replace")
        if field == "spec":
            self._begin_spec()
        else:
            self._begin_file(options.get(b"filename", b"").decode("utf-8", "replace") or field)

    def _begin_spec(self) -> None:
        if self._spec is not None:
            raise _refuse("spec_twice", "wanted one part named spec", "spec")
        self._spec, self._in_spec = bytearray(), True

    def _begin_file(self, name: str) -> None:
        if len(self.files) == MAX_FILES:
            raise _refuse("too_many_files", f"wanted at most {MAX_FILES} files")
        safe = safe_file_name(name, taken={f.name for f in self.files})
        self._file = _OpenFile(safe, self._storage.writer(f"{self._folder}/{safe}"))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(data[start:end])
        elif self._in_spec and self._spec is not None:
            self._spec += data[start:end]
            if len(self._spec) > SPEC_MAX_BYTES:
                raise TooLarge(f"the spec part is larger than {SPEC_MAX_BYTES} bytes")

    def _on_part_end(self) -> None:
        self._in_spec = False
        if self._file is not None:
            self.files.append(self._file.close())
            self._file = None

    def _on_end(self) -> None:
        self._ended = True


def boundary_of(request: Request) -> bytes:
    """Return the boundary of a multipart request; answers 415 when it is none."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise HTTPException(415)
    return boundary


async def receive_upload(request: Request, to: Destination, *, keep: Callable[[Upload], T]) -> T:
    """Stream a request's parts to their folder, hand the upload to `keep`, and return what it returns.

    When anything fails, `keep` included, the folder is deleted.
    """
    receiver = Receiver(to, boundary=boundary_of(request))
    try:
        await _feed_all(receiver, request)
    except BaseException:
        await run_in_threadpool(receiver.abandon)
        raise
    return await run_in_threadpool(_conclude, receiver, keep)


async def _feed_all(receiver: Receiver, request: Request) -> None:
    waiting = bytearray()
    async for chunk in request.stream():
        waiting += chunk
        if len(waiting) >= FLUSH_BYTES:
            await run_in_threadpool(receiver.feed, bytes(waiting))
            waiting.clear()
    await run_in_threadpool(receiver.feed, bytes(waiting))


def _conclude(receiver: Receiver, keep: Callable[[Upload], T]) -> T:
    """Finish in one thread: a request cancelled meanwhile must not delete what has just been committed."""
    try:
        return keep(receiver.finish())
    except BaseException:
        receiver.abandon()
        raise
