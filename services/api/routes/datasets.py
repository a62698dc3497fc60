"""Data sets: upload, look, sample, stop a reading, delete."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from services.api.auth import GuardedRoute, needs
from services.api.dependencies import After, AskedBy, Limit, Parts, cursor
from services.api.presenting import dataset_answer
from services.api.schemas import DatasetAnswer, Page, SampleAnswer
from services.api.uploads import Destination, receive_upload
from shared.db.datasets import get_dataset, list_datasets
from shared.specs.dataset import DatasetSpec
from shared.specs.ids import new_uuid, parse_id
from shared.storage import upload_folder

router = APIRouter(prefix="/v1/datasets", tags=["datasets"], route_class=GuardedRoute)
UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["spec", "file"],
                    "properties": {
                        "spec": {
                            "type": "string",
                            "contentMediaType": "application/json",
                            "contentSchema": DatasetSpec.model_json_schema(),
                        },
                        "file": {"type": "string", "format": "binary"},
                    },
                }
            }
        },
    }
}


@router.post("", status_code=202, dependencies=[needs("data")], openapi_extra=UPLOAD_BODY)
async def upload_dataset(request: Request, parts: Parts, asked: AskedBy, response: Response) -> DatasetAnswer:
    """Upload files and a part `spec` (JSON), in any order; they go to storage, and a worker reads them."""
    new_id = new_uuid()
    to = Destination(parts.storage, upload_folder(new_id), parts.settings.upload_max_bytes)
    row = await receive_upload(request, to, keep=partial(parts.submission.submit_dataset, new_id, asked))
    answer = dataset_answer(row)
    response.headers["Location"] = f"{router.prefix}/{answer.id}"
    return answer


@router.get("", dependencies=[needs("read", "data", "train")])
def list_all(parts: Parts, limit: Limit = 20, after: After = None) -> Page[DatasetAnswer]:
    """List data sets, newest first."""
    with parts.database.snapshot() as cx:
        rows = list_datasets(cx, limit=limit + 1, after=cursor("ds", after))
    return Page(data=[dataset_answer(row) for row in rows[:limit]], has_more=len(rows) > limit)


@router.get("/{dataset_id}", dependencies=[needs("read", "data", "train")])
def read_dataset(dataset_id: str, parts: Parts) -> DatasetAnswer:
    """Return one data set: its status, and what was found in it or why it was refused."""
    with parts.database.snapshot() as cx:
        return dataset_answer(get_dataset(cx, dataset_id=parse_id("ds", dataset_id)))


@router.get("/{dataset_id}/sample", dependencies=[needs("read", "data")])
def sample_dataset(
    dataset_id: str, parts: Parts, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> SampleAnswer:
    """Return the first rows as they were read, for a person to check."""
    return SampleAnswer(data=parts.submission.sample(parse_id("ds", dataset_id))[:limit])


@router.post("/{dataset_id}/cancel", status_code=202, dependencies=[needs("data")])
def cancel_reading(dataset_id: str, parts: Parts) -> DatasetAnswer:
    """Ask the reading of a data set to end; unless it ends first, it is then refused and nothing is kept.

    Asking again changes nothing; 409 where the reading has ended otherwise.
    """
    return dataset_answer(parts.submission.cancel_reading(parse_id("ds", dataset_id)))


@router.delete("/{dataset_id}", status_code=204, dependencies=[needs("data")])
def delete_dataset(dataset_id: str, parts: Parts) -> None:
    """Delete a data set with its files; 409 while an unfinished job needs it."""
    parts.submission.remove_dataset(parse_id("ds", dataset_id))
