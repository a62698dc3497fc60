"""Malformed and hostile files: each is refused by name, shows no record, and leaves storage empty."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import random
import struct
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.worker.data.findings import UnreadableFiles
from services.worker.data.limits import Limits
from tests.support.uploads import LIMITS, Upload, as_bytes

PAIRS = pa.table({"user": ["a", "b"], "item": ["x", "y"], "rating": [1.0, 2.0]})
PARQUET = as_bytes(PAIRS)
SECRET = "Mrs. Secret"
TINY = Limits(rows=10, columns=10, expansion=10.0)


@dataclass(frozen=True)
class Case:
    """A set of files, how it is sent, and words that its refusal must say."""

    files: dict[str, Any]
    words: str
    kind: str = "interactions"
    spec: dict[str, Any] = field(default_factory=dict)
    limits: Limits = LIMITS


def csv(rows: str | bytes, header: str = "user,item\n") -> dict[str, Any]:
    return {"a.csv": header.encode() + (rows if isinstance(rows, bytes) else rows.encode())}


def timed(rows: str) -> dict[str, Any]:
    return csv(rows, "user,item,timestamp\n")


def parquet(content: bytes | dict[str, Any]) -> dict[str, Any]:
    return {"a.parquet": content if isinstance(content, bytes) else pa.table(content)}


def records(rows: str | bytes, words: str, header: str = "age,sex\n", **columns: str) -> Case:
    return Case(csv(rows, header), words, kind="records", spec={"columns": columns})


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("../../etc/passwd", "x")
    return stream.getvalue()


def saved() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.arange(3))
    return stream.getvalue()


def pickled(protocol: int) -> bytes:
    return pickle.dumps({"user": [SECRET]}, protocol=protocol)


def repeated(text: str, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), [text])


NOT_THIS = "UTF-8 text (CSV) or Parquet"
CASES: dict[str, Case] = {
    "no file": Case({}, "at least one uploaded file"),
    "empty": Case({"a.csv": b""}, "an empty file"),
    "blank lines": Case({"a.csv": b"\n\n  \n"}, "an empty file"),
    "a byte order mark alone": Case({"a.csv": b"\xef\xbb\xbf"}, "an empty file"),
    "a header alone": Case(csv(""), "at least one interaction"),
    "a header alone, records": records("", "at least one row with values"),
    "rows of other lengths": Case(csv("1,2\n3,4,5\n6\n"), "2 values; came 3"),
    "an open quote in an id": Case(csv('1,2\n3,"4\n5,6\n'), "an id of 1 to 256"),
    "an open quote in text": records('1,"b\n3,4\n5,6\n', "a closing quote"),
    "a NUL byte": Case(csv(b"1,2\n3,4\x005\n"), "NUL"),
    "a NUL byte far behind": Case(csv(b"1,2\n" * 300_000 + b"3,4\x005\n"), "a NUL byte"),
    "Latin-1": Case(csv(b"1,2\n3,caf\xe9\n"), "not UTF-8"),
    "Latin-1 far behind": Case(csv(b"1,2\n" * 300_000 + b"3,caf\xe9\n"), "not UTF-8"),
    "Latin-1 in the header": Case(
        csv("1,2\n", "us\xe9r,item\n") | {"a.csv": b"us\xe9r,item\n1,2\n"}, "not UTF-8"
    ),
    "UTF-16": Case({"a.csv": "user,item\n1,2\n".encode("utf-16")}, "UTF-16"),
    "UTF-32": Case({"a.csv": "user,item\n1,2\n".encode("utf-32-be")}, NOT_THIS),
    "two columns of one name": Case(csv("1,2,3\n", "user,user,item\n"), "different column names"),
    "no item column": Case(csv("1,2\n", "user,colour\n"), "an item column"),
    "no header": Case({"a.csv": "1,31,2.5,1260759144\n1,32,2,1260759145\n"}, "a header row"),
    "no header, records": records("64,f,0\n", "a header row", header="63,m,1\n"),
    "too many columns": records(
        "1\n", "at most 200 columns", header=",".join(f"c{n}" for n in range(300)) + "\n"
    ),
    "an endless header": records("", "a longer first line", header="a" * 2_000_000),
    "a million columns": records("", "a longer first line", header="a," * 1_000_000),
    "an endless row": records(b"1," + b"x" * 6_000_000 + b"\n", "at most"),
    "an endless value": records(b"1," + b"x" * 1_500_000 + b"\n2,3\n", "values of at most 1 MiB"),
    "a rating in words": Case(csv("1,2,good\n", "user,item,rating\n"), "to 1e15; came good"),
    "an infinite rating": Case(csv("1,2,inf\n", "user,item,rating\n"), "to 1e15; came inf"),
    "a rating too large": Case(
        csv("1,2,1e16\n", "user,item,rating\n"), "a number from -1e15 to 1e15; came 1e16"
    ),
    "no rating": Case(csv("1,2,\n", "user,item,rating\n"), "to 1e15; came nothing"),
    "no user": Case(csv(",2\n"), "an id of 1 to 256 printable characters; came nothing"),
    "an id with a line break": Case(csv('"1\n2",3\n'), "an id of 1 to 256"),
    "an id too long": Case(csv("1" * 300 + ",3\n"), "an id of 1 to 256"),
    "a time in words": Case(timed("1,2,yesterday\n"), "a date such as"),
    "a date among seconds": Case(timed("1,2,2020-01-01\n1,3,1260759144\n"), "a time as seconds"),
    "a thirteenth month": Case(timed("1,2,2020-13-01\n1,3,2020-01-01\n"), "came 2020-13-01"),
    "a time beyond the calendar": Case(
        timed("1,2,126075914\n1,3,126075914\n1,4,999999999999999999\n"), "years 1 to"
    ),
    "no time": Case(timed("1,2,1260759144\n1,3,\n"), "came nothing"),
    "gzip": Case({"a.csv": gzip.compress(b"user,item\n1,2\n")}, "a gzip archive"),
    "zip with a path that climbs": Case({"a.csv": zipped()}, "a zip archive"),
    "a pickle": Case({"a.csv": pickled(5)}, "a Python pickle, which is never opened"),
    "a pickle in ASCII": Case({"a.csv": pickled(0)}, "a user column"),
    "a pickle called Parquet": Case({"a.parquet": pickled(4)}, "a Python pickle"),
    "a NumPy array": Case({"a.npy": saved()}, "a NumPy array"),
    "a PDF": Case({"a.pdf": b"%PDF-1.7\n"}, "a PDF"),
    "a program": Case({"a.csv": b"\x7fELF\x02\x01\x01\x00\x00"}, "binary content"),
    "a web page": Case({"a.csv": b"<!DOCTYPE html><html><body>404</body></html>"}, "a user column"),
    "JSON lines": Case({"a.json": b'{"user": 1, "item": 2}\n{"user": 3, "item": 4}\n'}, "a user column"),
    "Parquet without its end": Case(parquet(PARQUET[:-5]), "can be decoded"),
    "half a Parquet": Case(parquet(PARQUET[: len(PARQUET) // 2]), "can be decoded"),
    "the magic alone": Case(parquet(b"PAR1"), "can be decoded"),
    "the magic twice": Case(parquet(b"PAR1PAR1"), "can be decoded"),
    "a footer of 4 GB": Case(
        parquet(PARQUET[:-8] + struct.pack("<I", 0xFFFFFFF0) + b"PAR1"), "can be decoded"
    ),
    "a footer of nothing": Case(parquet(PARQUET[:-8] + struct.pack("<I", 0) + b"PAR1"), "can be decoded"),
    "a footer of noise": Case(parquet(PARQUET[:-60] + b"\xff" * 52 + PARQUET[-8:]), "can be decoded"),
    "a page of noise": Case(parquet(PARQUET[:4] + b"\xff" * 60 + PARQUET[64:]), "can be decoded"),
    "encrypted Parquet": Case(parquet(PARQUET[:-4] + b"PARE"), "can be decoded"),
    "nested users": Case(parquet({"user": [{"a": 1}], "item": ["x"]}), "came type struct"),
    "nested records": Case(parquet({"x": [{"a": 1}]}), "came type struct", kind="records"),
    "bytes that are no text": Case(parquet({"user": [b"\xff\xfe"], "item": ["x"]}), "UTF-8 text"),
    "ids with fractions": Case(parquet({"user": [1.5, 2.0], "item": ["x", "y"]}), "came 1.5"),
    "ids that are missing": Case(parquet({"user": ["a", None], "item": ["x", "y"]}), "came nothing"),
    "an endless id": Case(parquet({"user": ["a" * 3_000_000], "item": ["x"]}), "values of at most 1 MiB"),
    "a rating that is none": Case(
        parquet({"user": ["a"], "item": ["x"], "rating": [float("nan")]}), "came nan"
    ),
    "a rating of lists": Case(parquet({"user": ["a"], "item": ["x"], "rating": [[1.0]]}), "a number from"),
    "a table of no rows": Case({"a.parquet": PAIRS.slice(0, 0)}, "at least one"),
    "a table of no columns": Case(parquet({}), "at least one row", kind="records"),
    "a name with a NUL": Case(parquet({"a\0b": [1]}), "printable column names", kind="records"),
    "a repeated megabyte": Case(
        {"a.parquet": pa.table({"x": repeated("u" * 900_000, 2_000)})}, "MiB once decoded", kind="records"
    ),
    "Parquet called CSV": Case(parquet({"user": ["a"], "item": ["x"]}), NOT_THIS, spec={"format": "csv"}),
    "CSV called Parquet": Case(csv("1,2\n"), "a file of format parquet", spec={"format": "parquet"}),
    "an unknown role": Case(csv("1,2\n"), "one of the roles", spec={"columns": {"colour": "item"}}),
    "a column that is not there": Case(
        csv("1,2\n"), "a column of the files", spec={"columns": {"user": "who"}}
    ),
    "one column twice": Case(csv("1,2\n"), "one role", spec={"columns": {"user": "item", "item": "item"}}),
    "an unknown type": records("1,m\n", "one of the types", age="integer"),
    "a type of no column": records("1,m\n", "a column of the files", weight="number"),
    "a name as a number": records(f"1,m\n{SECRET},f\n", "text of 11 characters", age="number"),
    "an infinite number": records("1,m\ninf,f\n", "text of 3 characters", age="number"),
    "a number too large": records("1,m\n-1e308,f\n", "came a number beyond ±1e100"),
    "a megabyte that is nearly a number": records(
        "1" * 1_000_000 + "x,m\n", "text of 1000001 characters", age="number"
    ),
    "a category of too many digits": records(
        "1," + "1" * 1_200 + "\n", "a number beyond ±1e100 of 1200 characters", sex="category"
    ),
    "numbers too large for times": records("1e308,m\n1e308,f\n", "of years 1 to 9999", age="time"),
    "numbers beyond the last year": records("1e50,m\n1e50,f\n", "a number of 4 characters", age="time"),
    "a name as a time": records(f"2020-01-01,m\n{SECRET},f\n", "text of 11 characters", age="time"),
    "a category too long": records("1," + "x" * 2_000 + "\n", "text of 2000 characters", sex="category"),
    "everything ignored": records("1,m\n", "at least one", age="ignore", sex="ignore"),
    "two tables that differ": Case(
        {"a.csv": "age,sex\n1,m\n", "b.csv": "age,weight\n1,2\n"}, "the columns of a.csv", kind="records"
    ),
    "ratings in one of two": Case(
        {"a.csv": "user,item,rating\n1,2,3\n", "b.csv": "user,item\n1,2\n"}, "rating in both or neither"
    ),
    "a table of neither": Case(csv("1,2\n") | {"b.csv": "colour,size\n1,2\n"}, "a user or an item column"),
    "a rating cut short": Case({"ratings.dat": "1::2::3::978300760\n1::2::3\n"}, "4 values; came 3"),
    "a rating of letters": Case({"ratings.dat": "1::2::3::978300760\n1::2::x::978300760\n"}, "came x"),
    "a film without an id": Case(csv("1,2\n") | {"b.csv": "item,title\n2,x\n,y\n"}, "came nothing"),
    "a film without a title": Case(csv("1,2\n") | {"b.csv": "item,title\n2,x\n3\n"}, "2 values; came 1"),
    "more rows than allowed": Case(csv("1,2\n" * 11), "at most 10 rows", limits=TINY),
    "more rows than allowed, Parquet": Case(
        parquet({"user": ["a"] * 11, "item": ["x"] * 11}), "at most 10 rows", limits=TINY
    ),
    "more columns than allowed": Case(
        parquet({f"c{n}": [1] for n in range(11)}), "at most 10 columns", kind="records", limits=TINY
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_is_refused_by_name_and_nothing_stays(case: Case, tmp_path: Path):
    upload = Upload(tmp_path).put(case.files)
    errors = upload.refused(case.kind, limits=case.limits, **case.spec)
    assert 1 <= len(errors) <= 20
    told = [f"wanted {error.wanted}; came {error.came}" for error in errors]
    assert any(case.words in words for words in told), told
    assert SECRET not in json.dumps([error.model_dump() for error in errors])
    assert upload.left() == []


def mutated(rng: random.Random, original: bytes) -> bytes:
    """Return a file with some bytes changed, cut out or put in."""
    content = bytearray(original)
    for _ in range(rng.choice([1, 2, 8, 40])):
        at = rng.randrange(len(content))
        kind = rng.random()
        if kind < 0.6:
            content[at] = rng.choice([rng.randrange(256), 0, 0xFF, 0x7F, 0x80, 34])
        elif kind < 0.8:
            content[at : at + rng.randrange(1, 20)] = b""
        else:
            content[at:at] = rng.randbytes(rng.randrange(1, 20))
        content = content or bytearray(b"x")
    return bytes(content)


def originals() -> list[bytes]:
    table = pa.table({"user": ["a", "b"] * 30, "item": ["x", "y"] * 30, "rating": [1.0, 2.0] * 30})
    plain = io.BytesIO()
    pq.write_table(table, plain, compression="none", use_dictionary=False, data_page_version="2.0")
    text = "user,item,rating,timestamp\n" + "".join(f"{n},{n},3.5,9783007{n:02}\n" for n in range(40))
    dat = "".join(f"{n}::{n}::3::9783007{n:02}\n" for n in range(40))
    return [as_bytes(table), plain.getvalue(), text.encode(), dat.encode()]


@pytest.mark.parametrize("kind", ["interactions", "records"])
@pytest.mark.parametrize("original", range(4), ids=["Parquet", "plain Parquet", "CSV", "ratings.dat"])
def test_a_file_that_was_damaged_is_read_or_refused(kind: str, original: int, tmp_path: Path):
    rng = random.Random(f"{kind} {original}")
    refused = 0
    for number in range(50):
        upload = Upload(tmp_path / str(number)).put({"a.csv": mutated(rng, originals()[original])})
        try:
            upload.read(kind)
        except UnreadableFiles:
            refused += 1
            assert upload.left() == []
    assert refused > 10
