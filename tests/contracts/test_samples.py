"""The samples that ship read as what their READMEs say they are."""

from __future__ import annotations

import json
import pickle
import runpy
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.support.uploads import Upload

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def test_movielens_has_its_ratings_users_and_films(tmp_path: Path):
    folder = SAMPLES / "movielens-latest-small"
    upload = Upload(tmp_path).put({path.name: path.read_bytes() for path in folder.glob("*.parquet")})
    summary = upload.read("interactions")
    assert (summary.rows, summary.users, summary.items, summary.duplicates) == (100_004, 671, 9_066, 0)
    assert (summary.has_ratings, summary.has_timestamps) == (True, True)
    assert min(map(int, summary.history_histogram)) == 20
    assert summary.warnings == ()
    found = upload.interactions()
    film = found.item_ids.index("1")
    assert found.item_columns["title"][film] == "Toy Story"
    assert found.item_columns["genres"][film] == ["Adventure", "Animation", "Children", "Comedy", "Fantasy"]
    assert found.item_columns["year"][film] == 1995.0
    assert found.ratings is not None
    assert found.times is not None
    assert sorted(set(found.ratings.tolist())) == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]
    years = [
        np.datetime64(int(t), "ms").astype("datetime64[Y]").astype(str)
        for t in (found.times[0], found.times[-1])
    ]
    assert years == ["1995", "2016"]


def test_support2_has_its_patients_outcome_and_features(tmp_path: Path):
    content = (SAMPLES / "support2" / "patients.parquet").read_bytes()
    upload = Upload(tmp_path).put({"patients.parquet": content})
    summary = upload.read("records")
    types = {column.name: column.type for column in summary.columns}
    leaks = json.loads((SAMPLES / "support2" / "leaks.json").read_text())
    assert (summary.rows, len(types)) == (9_105, 49)
    assert len(set(types) - {"sno", "death_180d", *leaks}) == 28
    assert [name for name, type_ in types.items() if type_ == "id"] == ["sno"]
    categories = {"sex", "dzgroup", "dzclass", "income", "race", "ca", "dnr", "sfdm2"}
    assert {name for name, type_ in types.items() if type_ == "category"} == categories
    missing = {column.name: column.missing for column in summary.columns}
    assert (missing["urine"], missing["glucose"], missing["d.time"]) == (4_862, 4_500, 0)
    numbers = upload.records().numbers
    died = (numbers["death"] == 1) & (numbers["d.time"] < 180)
    assert numbers["death_180d"].sum() == 4_257
    np.testing.assert_array_equal(numbers["death_180d"], died.astype(float))


@pytest.mark.parametrize("folder", ["movielens-latest-small", "support2"])
def test_every_sample_stands_beside_its_licence_and_every_column_is_described(folder: str):
    readme = (SAMPLES / folder / "README.md").read_text()
    assert (SAMPLES / folder / "LICENSE.txt").stat().st_size > 500
    files = list((SAMPLES / folder).glob("*.parquet"))
    names = [name for path in files for name in pq.read_schema(path).names]
    assert [name for name in names if f"`{name}`" not in readme] == []
    assert [path.name for path in files if path.name not in readme] == []


def test_the_rebuilding_script_opens_no_pickle_that_calls_anything():
    columns_of = runpy.run_path(str(SAMPLES / "rebuild.py"))["columns_of"]
    with pytest.raises(pickle.UnpicklingError, match="none of the names"):
        columns_of(pickle.dumps(print))
