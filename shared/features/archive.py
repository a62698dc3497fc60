"""A model package on the wire: one zip file, stored without compression, with the SHA-256 of every member.

The same files always give the same bytes, and only those bytes are accepted: a package is unpacked by reading
it, checking every hash, packing it again and comparing, so one flipped bit anywhere is refused.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from shared.errors import Refused

MANIFEST = "manifest.json"
MAX_BYTES = 2 * 1024**3
MAX_MANIFEST_BYTES = 4 * 1024**2
MAX_FILES = 64
NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,63}\.(json|onnx|safetensors)\Z")
"""A member is a plain file name: no folder, no drive, nothing that climbs."""
LOCAL_HEAD, LOCAL_MAGIC = "<4s5H3L2H", b"PK\x03\x04"
"""Of a zip file's member: ends with the lengths of its name and of the extra field (APPNOTE 4.3.7)."""
EPOCH = (1980, 1, 1, 0, 0, 0)
UNREADABLE = (
    zipfile.BadZipFile,
    struct.error,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    EOFError,
    OSError,
    RuntimeError,
)
"""All that `zipfile` and `json` raise on bytes that are no package."""


@dataclass(frozen=True, slots=True)
class Package:
    """An unpacked package: its manifest, and its files by name; `sha256` is that of the whole blob."""

    manifest: dict[str, Any]
    files: dict[str, bytes]
    sha256: str

    def json(self, name: str) -> Any:  # noqa: ANN401  (JSON is any)
        """Return a JSON member, parsed."""
        return json.loads(self.file(name))

    def file(self, name: str) -> bytes:
        """Return a member's bytes; raises `Refused` when the package lacks it."""
        if name not in self.files:
            raise Refused(f"the package lacks {name}", code="package_corrupt")
        return self.files[name]


def pack(files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> bytes:
    """Return the package's bytes; `manifest` is any JSON object, to which the files' hashes are added."""
    for name in files:
        _check_name(name)
    listing = {n: {"sha256": _sha256(files[n]), "bytes": len(files[n])} for n in sorted(files)}
    head = json.dumps({**manifest, "files": listing}, sort_keys=True, allow_nan=False).encode()
    total = len(head) + sum(map(len, files.values()))
    if total > MAX_BYTES or len(head) > MAX_MANIFEST_BYTES or len(files) >= MAX_FILES:
        raise Refused(
            f"the package is too large; wanted at most {MAX_BYTES} bytes, came {total}", code="too_large"
        )
    return _zip({MANIFEST: head, **{n: files[n] for n in sorted(files)}})


def unpack(blob: bytes) -> Package:
    """Read a package and verify all of it; raises `Refused` (`package_corrupt`) when anything is off."""
    if len(blob) > MAX_BYTES:
        raise _corrupt(f"wanted at most {MAX_BYTES} bytes, came {len(blob)}")
    try:
        members = _members(blob)
        manifest = json.loads(members.pop(MANIFEST))
        listing = dict(manifest.pop("files"))
        wanted = {str(name): (str(entry["sha256"]), int(entry["bytes"])) for name, entry in listing.items()}
    except UNREADABLE as error:
        raise _corrupt(type(error).__name__) from None
    came = {name: (_sha256(content), len(content)) for name, content in members.items()}
    if came != wanted:
        raise _corrupt("its files differ from its manifest")
    if pack(members, manifest) != blob:
        raise _corrupt("its bytes are not those of a package")
    return Package(manifest=manifest, files=members, sha256=_sha256(blob))


@dataclass(frozen=True, slots=True)
class Span:
    """Where a member's bytes lie in a package: `start` ≤ i < `stop`."""

    start: int
    stop: int


def find_member(file: BinaryIO, name: str) -> Span | None:
    """Return where a member lies, reading only the list of files and its own head; none when there is none.

    The bytes between are not looked at, so no hash is checked. Raises `Refused` when the list is damaged.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entry = archive.NameToInfo.get(name)
            if entry is None:
                return None
            file.seek(entry.header_offset)
            head = struct.unpack(LOCAL_HEAD, file.read(struct.calcsize(LOCAL_HEAD)))
    except UNREADABLE as error:
        raise _corrupt(type(error).__name__) from None
    if head[0] != LOCAL_MAGIC or entry.compress_type != zipfile.ZIP_STORED:
        raise _corrupt("its list of files differs from them")
    start = entry.header_offset + struct.calcsize(LOCAL_HEAD) + head[-2] + head[-1]
    return Span(start, start + entry.file_size)


def read_member(file: BinaryIO, name: str) -> bytes | None:
    """Return a member alone, its checksum verified; none when there is none. Raises `Refused`."""
    try:
        with zipfile.ZipFile(file) as archive:
            entry = archive.NameToInfo.get(name)
            return None if entry is None else archive.read(entry)
    except UNREADABLE as error:
        raise _corrupt(type(error).__name__) from None


def _members(blob: bytes) -> dict[str, bytes]:
    """Return the members of the zip file, after looking at every size and name."""
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_FILES or len({e.filename for e in entries}) != len(entries):
            raise _corrupt("too many files, or one name twice")
        if sum(entry.file_size for entry in entries) > len(blob):
            raise _corrupt("files larger than the package")
        for entry in entries:
            _check_name(entry.filename)
            if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits:
                raise _corrupt("a file that is compressed or encrypted")
        return {entry.filename: archive.read(entry) for entry in entries}


def _zip(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content)
    return target.getvalue()


def _check_name(name: str) -> None:
    if not NAME.match(name):
        raise _corrupt("a file with a name that no package has")


def _corrupt(what: str) -> Refused:
    return Refused(f"the package is corrupt: {what}", code="package_corrupt")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
