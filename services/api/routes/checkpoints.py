"""The bytes of a checkpoint."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.api.auth import GuardedRoute, needs
from services.api.dependencies import Parts
from services.api.downloads import blob_response
from shared.db.blobs import get_checkpoint
from shared.specs.ids import parse_id

router = APIRouter(prefix="/v1/checkpoints", tags=["checkpoints"], route_class=GuardedRoute)
BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
CONTENT: dict[int | str, dict[str, Any]] = {
    200: {"content": BINARY, "description": "The whole file, safetensors"},
    206: {"content": BINARY, "description": "The range asked for"},
    304: {"description": "The client has it"},
    416: {"description": "The range lies outside the file"},
}


@router.get("/{checkpoint_id}/content", dependencies=[needs("read", "train")], responses=CONTENT)
def read_checkpoint_content(checkpoint_id: str, request: Request, parts: Parts) -> Response:
    """Return a checkpoint as a safetensors file, whole or the range asked for."""
    with parts.database.snapshot() as cx:
        row = get_checkpoint(cx, checkpoint_id=parse_id("ckpt", checkpoint_id))
    name = f"step-{row.step}.safetensors"
    return blob_response(parts.database, blob=row.blob(), headers=request.headers, name=name)
