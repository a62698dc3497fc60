"""The digest of a data set follows its content and nothing else."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from services.worker.data.fingerprint import Fingerprint


def digest(*columns: tuple[str, pa.Array]) -> str:
    found = Fingerprint()
    for name, values in columns:
        found.add_column(name, values)
    return found.hexdigest()


def test_it_is_the_sha256_of_the_columns_in_the_order_of_their_names():
    found = Fingerprint()
    found.add_numbers("a", np.array([1, 2], np.int32))
    part = hashlib.sha256(b"\x01\0\0\0\x02\0\0\0").digest() + hashlib.sha256(b"").digest()
    assert found.hexdigest() == hashlib.sha256(b"a:<i4\0" + part).hexdigest()


def test_batches_do_not_matter():
    texts = pa.array(["a", None, "bc", ""])
    whole, parts = Fingerprint(), Fingerprint()
    whole.add_texts("x", texts)
    parts.add_texts("x", texts.slice(0, 1))
    parts.add_texts("x", texts.slice(1))
    assert whole.hexdigest() == parts.hexdigest()


def test_the_order_of_columns_does_not_matter_and_that_of_rows_does():
    one, two = ("a", pa.array([1.0, 2.0])), ("b", pa.array(["x", "y"]))
    assert digest(one, two) == digest(two, one)
    assert digest(one) != digest(("a", pa.array([2.0, 1.0])))


def test_texts_cannot_be_shifted_into_each_other():
    assert digest(("a", pa.array(["ab", "c"]))) != digest(("a", pa.array(["a", "bc"])))
    assert digest(("a", pa.array(["", None]))) != digest(("a", pa.array([None, ""])))


def test_lists_cannot_be_shifted_into_each_other():
    lists = pa.list_(pa.string())
    assert digest(("a", pa.array([["x"], ["y"]], lists))) != digest(("a", pa.array([["x", "y"], []], lists)))
    assert digest(("a", pa.array([None], lists))) != digest(("a", pa.array([[]], lists)))


def test_every_way_of_writing_no_number_is_one():
    quiet, signed = np.array([np.nan]), np.array([-np.nan])
    one, two = Fingerprint(), Fingerprint()
    one.add_numbers("a", quiet)
    two.add_numbers("a", signed)
    assert one.hexdigest() == two.hexdigest() == digest(("a", pa.array([None], pa.float64())))
