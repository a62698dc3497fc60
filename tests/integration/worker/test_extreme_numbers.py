"""Numbers at both ends of what a double holds, from the upload to the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.worker.trainings.ingest import read_dataset
from services.worker.trainings.session import Session, StopFlag
from shared.db.datasets import get_dataset
from shared.db.engine import Database
from shared.db.jobs import get_job
from shared.errors import Refused
from shared.features.numbers import Transform
from shared.lifecycle import JobKind
from shared.settings import Settings
from shared.storage import Storage, dataset_folder, upload_folder
from tests.support.plans import diagnosis_plan
from tests.support.rows import add_dataset, add_job, claim_one
from tests.support.uploads import DATASET, Upload

WANTED = 'a number from -1e100 to 1e100; if that is not what the column is, state its type under "columns"'


def test_a_reading_job_names_column_and_row_of_every_number_that_is_too_large(
    database: Database, tmp_path: Path
):
    storage = Storage(tmp_path.as_uri())
    with database.begin() as cx:
        dataset_id = add_dataset(cx, kind="records")
        spec = {"name": "ward", "kind": "records"}
        job_id = add_job(cx, kind=JobKind.INGEST, spec=spec, dataset_id=dataset_id, dataset_version=1).id
    content = b"age,pressure,died\n61,120,no\n62,1.7e308,yes\n,-1.7e308,no\n1e99,-1e100,yes\n"
    storage.save(f"{upload_folder(dataset_id)}/ward.csv", [content])
    with database.begin() as cx:
        fence = claim_one(cx).fence
        row = get_job(cx, job_id=job_id)
    read_dataset(Session(row, fence, database, storage, Settings(lease_seconds=3), StopFlag()))
    with database.begin() as cx:
        found = get_dataset(cx, dataset_id=dataset_id)
    assert found.status == "refused"
    assert [(e["row"], e["column"], e["wanted"], e["came"]) for e in found.errors or ()] == [
        (2, "pressure", WANTED, "a number beyond ±1e100 of 7 characters"),
        (3, "pressure", WANTED, "a number beyond ±1e100 of 8 characters"),
    ]


def ward_csv(*, rows: int = 80) -> str:
    """Patients whose numbers lie at the ends of what is read; who is ill follows from the first."""
    draw = np.random.default_rng(3)
    lines = ["wide,narrow,steady,outcome"]
    for row in range(rows):
        sign = 1 if draw.random() < 0.5 else -1
        narrow = "" if row % 7 == 0 else repr(float(draw.integers(0, 3)) * 1e-310)
        steady = 1e17 if row else 1e17 + 16
        lines.append(
            f"{sign * draw.uniform(0.1, 1.0) * 1e100!r},{narrow},{steady!r},{'yes' if sign > 0 else 'no'}"
        )
    return "\n".join(lines)


@pytest.mark.parametrize("transform", ["standard", "quantile"])
def test_columns_at_both_ends_train_a_net_and_every_baseline(tmp_path: Path, transform: Transform):
    """Warnings are errors here: nothing overflows on the way, in scikit-learn's arithmetic neither."""
    upload = Upload(tmp_path).put({"ward.csv": ward_csv()})
    upload.read("records")
    plan = diagnosis_plan(upload, numbers=transform)
    assert np.isfinite(plan.encoded.numbers_BF).all()
    report = plan.judge(lambda: None)
    assert {candidate["name"]: candidate["refused"] for candidate in report["candidates"]} == {
        "mlp": None,
        "logistic_regression": None,
        "boosted_trees": None,
    }
    aurocs = {c["name"]: c["metrics"]["auroc"]["value"] for c in report["candidates"]}
    assert aurocs["logistic_regression"] == aurocs["boosted_trees"] == 1.0


def test_a_table_that_was_read_before_there_was_a_bound_is_refused_by_column(tmp_path: Path):
    upload = Upload(tmp_path).put({"ward.csv": ward_csv()})
    upload.read("records")
    path = f"{dataset_folder(DATASET, 1)}/records.parquet"
    with upload.storage.reader(path) as stream:
        table = pq.read_table(stream)
    huge = pa.array([1.7e308] * table.num_rows)
    place = table.schema.get_field_index("narrow")
    with upload.storage.writer(path) as stream:
        pq.write_table(table.set_column(place, table.field(place), huge), stream)
    with pytest.raises(
        Refused, match="columns that hold too large numbers: narrow; wanted a number from"
    ) as no:
        diagnosis_plan(upload)
    assert [finding.loc for finding in no.value.findings] == [("narrow",)]
