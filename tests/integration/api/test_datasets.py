"""Uploads over HTTP, on a real Postgres and a real folder."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from services.api.main import create_app
from shared.db.datasets import set_refused
from shared.db.engine import Database
from shared.db.job_writes import finish_reading
from shared.db.jobs import JobFilter, list_jobs
from shared.specs.ids import new_uuid, parse_id
from shared.storage import Storage, dataset_folder
from tests.support.gateway import Gateway, gateway_settings, serving
from tests.support.patience import until
from tests.support.rows import claim_one
from tests.support.training import FILMS, ready_dataset, running_job

DATASETS = "/v1/datasets"
SPEC = {"name": "films", "kind": "interactions", "columns": {"user": "u", "item": "i"}}
CSV = b"u,i\n1,2\n"


def parts(
    *files: tuple[str, bytes], spec: object = SPEC, last: bool = False
) -> list[tuple[str, tuple[str | None, bytes]]]:
    described = ("spec", (None, json.dumps(spec).encode()))
    uploaded = [("file", (name, content)) for name, content in files]
    return [*uploaded, described] if last else [described, *uploaded]


def stored(gateway: Gateway) -> list[str]:
    """Return every file of the gateway's storage, half-written ones too."""
    root = Path(gateway.app.state.services.settings.storage_url.removeprefix("file://"))
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


@pytest.fixture(autouse=True)
def _empty_storage(gateway: Gateway) -> None:
    storage: Storage = gateway.app.state.services.storage
    for folder in ("uploads", "datasets"):
        storage.delete_tree(folder)


@pytest.mark.parametrize("last", [False, True], ids=["spec first", "spec last"])
def test_an_upload_is_stored_as_it_came_and_waits_for_a_worker(
    gateway: Gateway, client: httpx.Client, database: Database, last: bool
) -> None:
    answer = client.post(DATASETS, files=parts(("a.csv", CSV), ("b.csv", CSV * 2), last=last))
    made = answer.json()
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"{DATASETS}/{made['id']}"
    assert (made["status"], made["version"], made["size_bytes"]) == ("reading", 1, 3 * len(CSV))
    assert [f["name"] for f in made["files"]] == ["a.csv", "b.csv"]
    assert made["files"][0]["sha256"] == hashlib.sha256(CSV).hexdigest()
    folder = f"uploads/{parse_id('ds', made['id'])}"
    assert stored(gateway) == [f"{folder}/a.csv", f"{folder}/b.csv"]
    with gateway.app.state.services.storage.reader(f"{folder}/b.csv") as stream:
        assert stream.read() == CSV * 2
    with database.begin() as cx:
        (job,) = list_jobs(cx, limit=10, only=JobFilter(kinds=("ingest",)))
    assert (job.status, job.dataset_id, job.spec["columns"]) == (
        "queued",
        parse_id("ds", made["id"]),
        SPEC["columns"],
    )


def test_names_that_point_elsewhere_are_made_harmless(gateway: Gateway, client: httpx.Client) -> None:
    answer = client.post(
        DATASETS, files=parts(("../../etc/passwd", CSV), ("C:\\x\\passwd", CSV), ("päss wörd", CSV))
    )
    names = [f["name"] for f in answer.json()["files"]]
    assert len(set(names)) == 3
    assert all("/" not in n and "\\" not in n and not n.startswith(".") for n in names)
    assert len(stored(gateway)) == 3


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (parts(("a.csv", CSV))[1:], "spec_missing"),
        (parts(), "file_missing"),
        (parts(("a.csv", CSV)) + parts(), "spec_twice"),
        (parts(("a.csv", CSV), spec={"name": "films"}), "invalid_request"),
        (parts(("a.csv", CSV), spec={**SPEC, "kind": "poems"}, last=True), "invalid_request"),
        (parts(("a.csv", CSV), spec={**SPEC, "columns": {"user": "a\x00b"}}, last=True), "nul_character"),
        (parts(*((f"{i}.csv", b"") for i in range(65))), "too_many_files"),
    ],
)
def test_an_upload_that_is_wrong_is_refused_and_leaves_nothing(
    gateway: Gateway, client: httpx.Client, files: list[tuple[str, tuple[str | None, bytes]]], code: str
) -> None:
    answer = client.post(DATASETS, files=files)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert stored(gateway) == []
    assert client.get(DATASETS).json()["data"] == []


def test_a_type_that_is_an_object_is_answered_with_the_types_there_are(client: httpx.Client) -> None:
    spec = {"name": "ward", "kind": "records", "columns": {"age": {"type": "number"}}}
    (error,) = client.post(DATASETS, files=parts(("a.csv", CSV), spec=spec)).json()["errors"]
    assert error["loc"] == ["spec", "columns", "age"]
    assert "one of id, number, category, time, text, ignore" in error["message"]


def test_findings_in_the_spec_are_placed_in_the_spec(client: httpx.Client) -> None:
    answer = client.post(DATASETS, files=parts(("a.csv", CSV), spec={**SPEC, "kind": "poems"}))
    assert [e["loc"] for e in answer.json()["errors"]] == [["spec", "kind"]]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 415),
        ("multipart/form-data", 415),
        ("multipart/form-data; boundary=x", 422),
        ("multipart/form-data; boundary=" + "x" * 100, 422),
    ],
)
def test_what_is_no_multipart_is_refused(client: httpx.Client, content_type: str, status: int) -> None:
    answer = client.post(DATASETS, content=b"hello", headers={"Content-Type": content_type})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_a_body_that_stops_before_its_last_boundary_is_refused(
    gateway: Gateway, client: httpx.Client
) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nu,i\n1,'
    answer = client.post(DATASETS, content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "multipart_broken")
    assert stored(gateway) == []


def test_a_client_that_hangs_up_leaves_nothing(gateway: Gateway, client: httpx.Client) -> None:
    address = urlsplit(gateway.url)
    line = http.client.HTTPConnection(address.hostname or "", address.port)
    line.putrequest("POST", DATASETS)
    line.putheader("Authorization", client.headers["Authorization"])
    line.putheader("Content-Type", "multipart/form-data; boundary=x")
    line.putheader("Content-Length", "9000000")
    line.endheaders()
    line.send(
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + b"z" * 3_000_000
    )
    until(lambda: stored(gateway))
    line.close()
    until(lambda: not stored(gateway))


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_over_the_limit_is_refused_and_leaves_nothing(
    database_url: str, database: Database, tmp_path: Path, chunked: bool
) -> None:
    app = create_app(gateway_settings(database_url, tmp_path, upload_max_bytes=1_000_000))
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + b"z" * 2_100_000

    def pieces() -> Iterator[bytes]:
        yield from (body[i : i + 65536] for i in range(0, len(body), 65536))

    with serving(app) as url, Gateway(url, app, database).client() as client:
        content = pieces() if chunked else body
        answer = client.post(
            DATASETS, content=content, headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert stored(Gateway(url, app, database)) == []


def test_the_same_upload_twice_is_one_data_set(
    gateway: Gateway, client: httpx.Client, database: Database
) -> None:
    key = {"Idempotency-Key": "films-1"}
    first, second = (client.post(DATASETS, files=parts(("a.csv", CSV)), headers=key) for _ in range(2))
    assert first.json() == second.json()
    assert len(stored(gateway)) == 1
    other = client.post(DATASETS, files=parts(("a.csv", CSV + b"3,4\n")), headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(stored(gateway)) == 1
    with database.begin() as cx:
        assert len(list_jobs(cx, limit=10, only=JobFilter(kinds=("ingest",)))) == 1


def test_a_read_data_set_shows_what_was_found(client: httpx.Client, database: Database) -> None:
    shown = client.get(f"{DATASETS}/{ready_dataset(database)}").json()
    assert (shown["status"], shown["rows"], shown["users"], shown["items"]) == ("ready", 40, 4, 12)
    assert shown["errors"] is None


def test_a_refused_data_set_shows_where(client: httpx.Client, database: Database) -> None:
    made = client.post(DATASETS, files=parts(("a.csv", CSV))).json()["id"]
    error = {"file": "a.csv", "row": 3, "column": "u", "wanted": "an id", "came": "nothing"}
    with database.begin() as cx:
        set_refused(cx, dataset_id=parse_id("ds", made), errors=[error])
    shown = client.get(f"{DATASETS}/{made}").json()
    place = "a.csv, data row 3 (a header is not counted), column u"
    assert (shown["status"], shown["errors"]) == ("refused", [{**error, "place": place}])
    assert shown["rows"] is None


def test_a_sample_shows_the_first_rows(gateway: Gateway, client: httpx.Client, database: Database) -> None:
    made = ready_dataset(database)
    assert client.get(f"{DATASETS}/{made}/sample").status_code == 404
    rows = [{"user": str(n), "item": "a"} for n in range(100)]
    storage: Storage = gateway.app.state.services.storage
    storage.save(f"{dataset_folder(parse_id('ds', made), 1)}/sample.json", [json.dumps(rows).encode()])
    assert client.get(f"{DATASETS}/{made}/sample", params={"limit": 3}).json() == {"data": rows[:3]}


def test_a_sample_of_a_set_still_being_read_is_a_conflict(client: httpx.Client) -> None:
    made = client.post(DATASETS, files=parts(("a.csv", CSV))).json()["id"]
    assert client.get(f"{DATASETS}/{made}/sample").status_code == 409


def test_a_cancelled_reading_leaves_a_refused_data_set_without_files(
    gateway: Gateway, client: httpx.Client, database: Database
) -> None:
    made = client.post(DATASETS, files=parts(("a.csv", CSV))).json()["id"]
    answer = client.post(f"{DATASETS}/{made}/cancel")
    assert (answer.status_code, answer.json()["status"], stored(gateway)) == (202, "refused", [])
    (error,) = answer.json()["errors"]
    assert error == {
        **dict.fromkeys(("file", "row", "column", "place")),
        "wanted": "the files read to their end",
        "came": "the reading was cancelled on request",
    }
    again = client.post(f"{DATASETS}/{made}/cancel")
    assert (again.status_code, again.json()) == (202, answer.json())
    with database.begin() as cx:
        (job,) = list_jobs(cx, limit=10, only=JobFilter(kinds=("ingest",)))
    assert job.status == "cancelled"


def test_a_reading_that_has_ended_cannot_be_cancelled(client: httpx.Client, database: Database) -> None:
    made = client.post(DATASETS, files=parts(("a.csv", CSV))).json()["id"]
    with database.begin() as cx:
        fence = claim_one(cx).fence
        (job,) = list_jobs(cx, limit=10, only=JobFilter(kinds=("ingest",)))
        finish_reading(cx, job_id=job.id, fence=fence, summary=FILMS)
    answer = client.post(f"{DATASETS}/{made}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_state")
    assert answer.json()["detail"] == "the data set is ready; wanted one that is still being read"
    assert client.get(f"{DATASETS}/{made}").json()["status"] == "ready"
    assert client.post(f"{DATASETS}/{ready_dataset(database)}/cancel").status_code == 409
    assert client.post(f"{DATASETS}/ds_{new_uuid()}/cancel").status_code == 404


def test_a_deleted_data_set_is_gone_with_its_files(gateway: Gateway, client: httpx.Client) -> None:
    made = client.post(DATASETS, files=parts(("a.csv", CSV))).json()["id"]
    assert client.delete(f"{DATASETS}/{made}").status_code == 409  # it is being read
    assert client.post(f"{DATASETS}/{made}/cancel").status_code == 202
    assert client.delete(f"{DATASETS}/{made}").status_code == 204
    assert client.get(f"{DATASETS}/{made}").status_code == 404
    assert client.delete(f"{DATASETS}/{made}").status_code == 404
    assert stored(gateway) == []


def test_a_data_set_in_use_cannot_be_deleted(client: httpx.Client, database: Database) -> None:
    job = running_job(client, database)
    dataset = client.get(f"/v1/training_jobs/{job.id}").json()["dataset"]
    answer = client.delete(f"{DATASETS}/{dataset}")
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_in_use")


def test_data_sets_are_listed_newest_first(client: httpx.Client, database: Database) -> None:
    made = [ready_dataset(database) for _ in range(3)]
    first = client.get(DATASETS, params={"limit": 2}).json()
    rest = client.get(DATASETS, params={"limit": 2, "after": first["data"][-1]["id"]}).json()
    assert [d["id"] for d in first["data"] + rest["data"]] == made[::-1]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert first["data"][0]["rows"] == FILMS["rows"]
