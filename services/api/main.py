"""The gateway: every part made once, put together, started and stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.types import Scope

from services.api import metrics
from services.api.auth import Keyring
from services.api.deadline import Deadline
from services.api.dependencies import Services
from services.api.documentation import PROBLEM_RESPONSES, describe
from services.api.errors import install_error_handlers
from services.api.inference import Inference
from services.api.middleware import Envelope
from services.api.readiness import Exposition
from services.api.routes import (
    checkpoints,
    curves,
    datasets,
    gradients,
    graphs,
    keys,
    lr_events,
    lr_range_tests,
    lr_schedules,
    models,
    operations,
    pages,
    predictions,
    sweeps,
    training_jobs,
)
from services.api.streams import CurveStreams
from services.api.submission import Submission
from shared.db.aliases import alias_versions
from shared.db.engine import open_database
from shared.db.keys import LiveKey, live_keys
from shared.db.registry import read_package
from shared.settings import Settings, server_secret
from shared.storage import Storage

VERSION = "0.1.0"
ROUTERS: tuple[APIRouter, ...] = (
    datasets.router,
    training_jobs.router,
    lr_events.router,
    curves.router,
    gradients.router,
    sweeps.router,
    lr_range_tests.router,
    checkpoints.router,
    lr_schedules.router,
    graphs.router,
    models.router,
    predictions.router,
    keys.router,
    operations.router,
    operations.probes,
    pages.router,
)
QUIET = frozenset({"/livez", "/readyz", "/metrics"}) | metrics.PREDICTIONS
"""Routes whose every call would fill the log; metrics count them."""
WATCHED_STATUSES = ("401", "403", "404", "409", "422", "429", "500", "503")


def make_services(settings: Settings) -> Services:
    """Return the parts of a gateway, not started. Raises `Unavailable` when no database is named."""
    database = open_database(settings, application_name="gradus-api")
    storage = Storage.of(settings)

    def load_keys() -> list[LiveKey]:
        with database.snapshot() as cx:
            return live_keys(cx)

    def load_aliases() -> dict[tuple[str, str], int]:
        with database.snapshot() as cx:
            return alias_versions(cx)

    def fetch(model: str, version: int) -> bytes:
        with database.snapshot() as cx:
            return read_package(cx, name=model, version=version)

    return Services(
        settings=settings,
        database=database,
        storage=storage,
        submission=Submission(database, storage, settings.max_attempts),
        keyring=Keyring(load_keys, secret=server_secret(settings), poll_seconds=settings.key_poll_seconds),
        inference=Inference(settings, fetch, load_aliases),
        streams=CurveStreams(database),
        exposition=Exposition(database),
    )


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Run the parts of the app while it serves."""
    services: Services = app.state.services
    services.keyring.start()
    services.inference.start()
    yield
    services.inference.stop()
    services.keyring.stop()
    services.database.dispose()


def waits_for_database(scope: Scope) -> bool:
    """Tell whether a request may wait for the database: not predictions and /livez."""
    path: str = scope["path"]
    if scope["method"] == "POST":
        return not path.startswith(predictions.router.prefix)
    return path != "/livez"


def operation_id(route: APIRoute) -> str:
    """Return the name of an operation for generated clients: its resource and what it does."""
    return f"{route.tags[0]}_{route.name}".replace(" ", "_") if route.tags else route.name


def create_app(settings: Settings) -> FastAPI:
    """Return the gateway of these settings, not started."""
    app = FastAPI(
        title="Gradus",
        version=VERSION,
        summary="Training and serving of recommenders and diagnosis models, learning-rate schedule first",
        lifespan=lifespan,
        responses=PROBLEM_RESPONSES,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs_enabled else None,
    )
    app.state.services = make_services(settings)
    for router in ROUTERS:
        app.include_router(router)
    install_error_handlers(app)
    describe(app)
    keyring = app.state.services.keyring
    app.add_middleware(Deadline, applies=waits_for_database, database_answers=keyring.fresh)
    app.add_middleware(
        Envelope,
        body_max_bytes=settings.body_max_bytes,
        upload_max_bytes=settings.upload_max_bytes + 1024**2,
        upload_paths=frozenset({datasets.router.prefix}),
        quiet_routes=QUIET,
    )
    metrics.build_info.labels(VERSION, settings.commit).set(1)
    metrics.prepare_routes(known_routes(app))
    return app


def known_routes(app: FastAPI) -> Iterator[tuple[str, str, list[str]]]:
    """Yield method, template and the statuses worth a series from the start, for every documented route."""
    for path, operations_of_path in app.openapi()["paths"].items():
        for method, operation in operations_of_path.items():
            success = [status for status in operation["responses"] if status < "300"]
            yield method.upper(), path, [*success, *WATCHED_STATUSES]
