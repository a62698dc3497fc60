"""What kind of text file this is: its delimiter, its header, or that it is no text at all."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from services.worker.data.findings import Findings
from services.worker.data.limits import HEADER_BYTES

BOM = b"\xef\xbb\xbf"
DELIMITERS = (",", ";", "\t", "|")
PARQUET_MAGIC = b"PAR1"
FOREIGN = (
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a zip archive or a spreadsheet"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"BZh", "a bzip2 archive"),
    (b"(\xb5/\xfd", "a zstd archive"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"ARROW1", "an Arrow file"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet"),
    (b"%PDF", "a PDF"),
    (b"\x89HDF", "an HDF5 file"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"SQLite format 3\0", "an SQLite database"),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_ROWS_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a delimited text is written."""

    delimiter: str
    names: tuple[str, ...]
    header_rows: int = 1
    quote: str | None = '"'


def refuse_foreign(file: str, head: bytes, findings: Findings) -> None:
    """Refuse what is certainly neither text nor Parquet, saying what it looks like."""
    wanted = "UTF-8 text (CSV) or Parquet"
    if not head.strip():
        findings.refuse(file, wanted=wanted, came="an empty file")
    for magic, came in FOREIGN:
        if head.startswith(magic):
            findings.refuse(file, wanted=wanted, came=came)
    if _PICKLE.match(head):
        findings.refuse(file, wanted=wanted, came="a Python pickle, which is never opened")
    if b"\0" in head:
        findings.refuse(file, wanted=wanted, came="binary content (NUL bytes)")


def sniff(file: str, head: bytes, findings: Findings) -> Dialect:
    """Return the dialect of a text with a header row, from its first bytes."""
    rows = _first_lines(file, head.removeprefix(BOM), findings)
    delimiter = max(DELIMITERS, key=lambda d: _fit(rows, d))
    parsed = _parsed(rows, delimiter)
    if not parsed:
        findings.refuse(file, wanted="a header row of column names", came="nothing")
    header = [name.strip() for name in parsed[0]]
    if _looks_like_values(header, parsed[1:2]):
        findings.refuse(file, wanted="a header row of column names", came="a first row of values")
    return Dialect(delimiter=delimiter, names=named(file, header, findings))


def named(file: str, header: Sequence[str], findings: Findings) -> tuple[str, ...]:
    """Return column names; one without a name is called by its place, two of one name are refused."""
    names = tuple(name or f"unnamed_{place}" for place, name in enumerate(header, start=1))
    if len(set(names)) < len(names):
        first = {name: place for place, name in reversed(list(enumerate(names, start=1)))}
        places = next(
            (first[name], place) for place, name in enumerate(names, start=1) if first[name] < place
        )
        came = "one name for columns {} and {}".format(*places)
        findings.refuse(file, wanted="different column names", came=came)
    for name in names:
        if len(name) > 200 or not name.isprintable():
            findings.refuse(
                file, wanted="printable column names of at most 200 characters", came="another one"
            )
    return names


def _first_lines(file: str, head: bytes, findings: Findings) -> list[str]:
    """Return the whole lines of the first bytes as text."""
    if len(head) >= HEADER_BYTES - len(BOM):
        cut = max(head.rfind(b"\n"), head.rfind(b"\r"))
        if cut < 0:
            findings.refuse(file, wanted="lines of at most 1 MiB", came="a longer first line")
        head = head[:cut]
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        line = head[: error.start].count(b"\n") + 1
        findings.add(file, wanted="UTF-8 text", came="bytes that are not UTF-8", row=line - 1 or None)
        findings.raise_any()
    return [line for line in text.splitlines(keepends=True) if line.strip()][: 4 * _ROWS_LOOKED_AT]


def _parsed(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """Return the first rows, as far as they can be parsed; what cannot is named with its row later on."""
    rows = csv.reader(lines, delimiter=delimiter)
    try:
        return list(islice(rows, _ROWS_LOOKED_AT))
    except csv.Error:
        return [lines[0].rstrip("\r\n").split(delimiter)] if lines else []


def _fit(lines: Sequence[str], delimiter: str) -> tuple[bool, float, bool, int]:
    """Rank a delimiter: does it cut, do rows agree with the header, are quotes whole, how many columns."""
    rows = _parsed(lines, delimiter)
    widths = [len(row) for row in rows]
    if not widths or widths[0] < 2:
        return (False, 0.0, False, 0)
    agreeing = sum(width == widths[0] for width in widths) / len(widths)
    return (True, agreeing, not any('"' in cell for row in rows for cell in row), widths[0])


def _looks_like_values(header: Sequence[str], after: Sequence[Sequence[str]]) -> bool:
    """Say whether a first row has numbers wherever the second has them, so that it can hardly be a header."""
    numbers = [bool(_NUMBER.fullmatch(cell)) for cell in header]
    if not any(numbers):
        return False
    return not after or numbers == [bool(_NUMBER.fullmatch(cell)) for cell in after[0]]
