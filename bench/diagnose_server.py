"""The gateway of the `diagnose` measurement: the real app, one model, one key, and one route of the bench.

Keys and packages come from memory, so no database stands behind it; requests never touch one anyway.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import orjson
import uvicorn
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from services.api.auth import GuardedRoute, Keyring, needs
from services.api.inference import Inference
from services.api.main import create_app
from shared.db.keys import LiveKey
from shared.db.tokens import parse_token, token_digest
from shared.settings import Settings
from shared.specs.ids import new_uuid

SECRET = "the bench's own secret, 32 bytes or more"  # noqa: S105 - guards nothing but the bench
MODEL = "bench"
CONSTANT = orjson.dumps({"model": MODEL, "version": 1, "predictions": [{"probability": 0.5}]})

bench_router = APIRouter(prefix="/v1/bench", route_class=GuardedRoute, dependencies=[needs("predict")])


@bench_router.post("/constant")
async def constant(request: Request) -> Response:
    """Authenticate, parse the same body, answer a constant: what a request costs without a model."""
    orjson.loads(await request.body())
    return Response(CONSTANT, media_type="application/json")


def bench_app(package: bytes, token: str, home: Path) -> FastAPI:
    """Return the gateway with the model and the key in memory."""
    settings = Settings.model_validate(
        {"home": home, "database_url": "postgresql+psycopg://none@127.0.0.1:1/none", "secret_key": SECRET}
    )
    app = create_app(settings)
    kid = parse_token(token)
    if kid is None:
        raise ValueError("the bench's key is malformed")
    digest = token_digest(token, secret=SECRET.encode())
    key = LiveKey(
        id=new_uuid(), kid=kid, name="bench", scopes=frozenset({"predict", "metrics"}), digest=digest
    )
    app.state.services = dataclasses.replace(
        app.state.services,
        keyring=Keyring(lambda: [key], secret=SECRET.encode(), poll_seconds=60.0),
        inference=Inference(settings, lambda _name, _version: package, lambda: {(MODEL, "production"): 1}),
    )
    app.include_router(bench_router)
    return app


def main() -> None:
    """Serve: the arguments are port, key and the package's path."""
    port, token, path = sys.argv[1:4]
    app = bench_app(Path(path).read_bytes(), token, Path(path).parent)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
    )


if __name__ == "__main__":
    main()
