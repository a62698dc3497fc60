"""The dashboard's files and the description of the API; they need no key and hold nothing of anyone."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from services.api import manual

router = APIRouter(include_in_schema=False)
STATIC = Path(__file__).parents[1] / "dashboard" / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_files = StaticFiles(directory=STATIC, check_dir=False)


async def _file(path: str, request: Request) -> Response:
    response = await _files.get_response(path, request.scope)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-cache"
    return response


@router.get("/")
async def dashboard(request: Request) -> Response:
    """Return the dashboard."""
    return await _file("index.html", request)


@router.get("/static/{path:path}")
async def static_file(path: str, request: Request) -> Response:
    """Return one file of the dashboard."""
    return await _file(path, request)


@router.get("/docs")
async def read_manual(request: Request) -> Response:
    """Return the description of the API as a page to read."""
    if request.app.openapi_url is None:
        raise HTTPException(404)
    policy = {"Content-Security-Policy": manual.POLICY}
    return HTMLResponse(manual.page(request.app.openapi()), headers=policy)
