"""Records: types told or stated, missing values, what is said of the table and what is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from shared.storage import dataset_folder
from tests.support.uploads import DATASET, Upload

PATIENTS = """patient_id,d.time,sex,smoker,seen,note,zip
p1,10.5,male,true,2020-11-30,fine,01234
p2,?,female,False,2020-12-01T12:00:00Z,,99999
p3,NA,,TRUE,,poor,
p4, 7 ,male ,false,2020-12-02,fine,01234
"""


@pytest.fixture
def upload(tmp_path: Path) -> Upload:
    return Upload(tmp_path)


def types(upload: Upload, **columns: str) -> dict[str, str]:
    summary = upload.read("records", columns=columns)
    return {column.name: column.type for column in summary.columns}


def test_a_table_is_read_column_by_column(upload: Upload):
    assert types(upload.put({"a.csv": PATIENTS})) == {
        "patient_id": "id",
        "d.time": "number",
        "sex": "category",
        "smoker": "category",
        "seen": "time",
        "note": "category",
        "zip": "category",
    }
    found = upload.records()
    assert found.rows == 4
    np.testing.assert_array_equal(found.numbers["d.time"], [10.5, np.nan, np.nan, 7.0])
    assert found.categories["sex"].tolist() == ["male", "female", None, "male"]
    assert found.categories["smoker"].tolist() == ["true", "false", "true", "false"]
    assert found.categories["zip"].tolist() == ["01234", "99999", None, "01234"]
    assert found.ids["patient_id"].tolist() == ["p1", "p2", "p3", "p4"]
    assert found.times["seen"].astype(str).tolist() == [
        "2020-11-30T00:00:00.000",
        "2020-12-01T12:00:00.000",
        "NaT",
        "2020-12-02T00:00:00.000",
    ]


def test_stated_types_outweigh_told_ones(upload: Upload):
    stated = {"smoker": "number", "d.time": "category", "note": "text", "zip": "ignore", "seen": "text"}
    found = types(upload.put({"a.csv": PATIENTS}), **stated)
    assert {name: found[name] for name in stated} == stated
    records = upload.records()
    assert records.numbers["smoker"].tolist() == [1.0, 0.0, 1.0, 0.0]
    assert records.categories["d.time"].tolist() == ["10.5", None, None, "7"]
    assert set(records.numbers) | set(records.categories) == {"smoker", "d.time", "sex"}


def test_parquet_gives_the_same_table(upload: Upload, tmp_path_factory: pytest.TempPathFactory):
    table = pa.table(
        {
            "age": pa.array([63, None, 41], pa.int16()),
            "bp": [120.5, float("nan"), 118.0],
            "sex": pa.array(["male", None, "female"]).dictionary_encode(),
            "smoker": [True, False, None],
            "seen": pa.array([1_606_737_600_000, None, 0], pa.timestamp("ms")),
        }
    )
    text = "age,bp,sex,smoker,seen\n63,120.5,male,true,2020-11-30T12:00:00Z\n"
    text += ",,,false,\n41,118,female,,1970-01-01\n"
    one = upload.put({"a.parquet": table}).read("records")
    two = Upload(tmp_path_factory.mktemp("csv")).put({"a.csv": text}).read("records")
    assert one == two


def test_two_files_are_one_table(upload: Upload):
    files = {"1.csv": "age,sex\n63,m\n41,f\n", "2.csv": "sex,age\nf,50\n"}
    assert upload.put(files).read("records").rows == 3
    assert upload.records().numbers["age"].tolist() == [63.0, 41.0, 50.0]


def test_an_index_without_a_name_becomes_an_id(upload: Upload):
    assert types(upload.put({"a.csv": ",age\n0,63\n1,63\n2,70\n"})) == {"unnamed_1": "id", "age": "number"}


def test_a_time_in_numbers_is_read_when_it_is_stated(upload: Upload):
    upload.put({"a.csv": "t,x\n1606737600,1\n1606737601,2\n"}).read("records", columns={"t": "time"})
    assert upload.records().times["t"].astype(np.int64).tolist() == [1606737600000, 1606737601000]


def test_numbers_as_ids_lose_their_decimal_point(upload: Upload):
    table = pa.table({"patient": [1.0, 2.0, None], "x": [1, 2, 3]})
    upload.put({"a.parquet": table}).read("records", columns={"patient": "id"})
    assert upload.records().ids["patient"].tolist() == ["1", "2", None]


def test_levels_of_few_records_are_not_shown(upload: Upload):
    text = "sex\n" + "male\n" * 11 + "female\n" * 10
    (column,) = upload.put({"a.csv": text}).read("records").columns
    assert (column.distinct, column.levels) == (2, ("male",))


def test_what_looks_odd_is_said(upload: Upload):
    rows = "".join(f"{n},{n},1,{'x' if n == 0 else ''},\n" for n in range(200))
    summary = upload.put({"a.csv": "patient_id,age,one,rare,none\n" + rows}).read("records")
    assert summary.warnings == (
        "column one is constant",
        "column rare is more than 99 % missing",
        "column rare is constant",
        "column none has no value that is read and is ignored",
    )
    assert [column.missing for column in summary.columns] == [0, 0, 0, 199, 0]


def test_ids_that_repeat_are_said_to_be_a_group(upload: Upload):
    rows = "".join(f"p{n % 60},{n}\n" for n in range(90))
    summary = upload.put({"a.csv": "patient_id,age\n" + rows}).read("records")
    assert summary.warnings == ("column patient_id: 30 rows repeat an earlier id; consider it as the group",)


def test_the_sample_is_the_first_hundred_rows(upload: Upload):
    upload.put({"a.csv": PATIENTS}).read("records")
    assert upload.sample()[1] == {
        "patient_id": "p2",
        "d.time": None,
        "sex": "female",
        "smoker": "false",
        "seen": "2020-12-01T12:00:00Z",
        "note": None,
        "zip": "99999",
    }


def test_reading_twice_gives_the_same(upload: Upload):
    upload.put({"a.csv": PATIENTS})
    assert upload.read("records") == upload.read("records")


def test_what_a_killed_attempt_left_is_gone(upload: Upload, tmp_path: Path):
    half = tmp_path / dataset_folder(DATASET, 1) / ".0123.part"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half a table")
    upload.put({"a.csv": PATIENTS}).read("records")
    assert not half.exists()


def test_equal_content_in_other_batches_makes_the_same_file(
    upload: Upload, tmp_path_factory: pytest.TempPathFactory
):
    text = "age,sex\n" + "".join(f"{n % 97},{'mf'[n % 2]}\n" for n in range(300_000))
    table = pa.table({"age": [n % 97 for n in range(300_000)], "sex": ["mf"[n % 2] for n in range(300_000)]})
    other = Upload(tmp_path_factory.mktemp("parquet")).put({"a.parquet": table})
    one, two = upload.put({"a.csv": text}).read("records"), other.read("records")
    assert one == two
    path = f"{dataset_folder(DATASET, 1)}/records.parquet"
    assert list(upload.storage.chunks(path)) == list(other.storage.chunks(path))


def test_a_refusal_says_nothing_of_what_a_patient_has(upload: Upload):
    rows = "".join(f"{n},m\n" for n in range(30))
    errors = upload.put({"a.csv": f"age,sex\n{rows}Mrs. Secret,f\n"}).refused("records")
    assert [(e.row, e.column, e.came) for e in errors] == [(31, "age", "text of 11 characters")]
    assert "Secret" not in json.dumps([error.model_dump() for error in errors])
    assert upload.left() == []
