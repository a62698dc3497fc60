"""The only Celery decorators of Gradus, one call each."""

from __future__ import annotations

from celery import Celery
from celery.signals import worker_shutting_down

from services.worker.supervisor import Supervisor
from shared.queue import TRAIN_TASK, consumer_app


def build_app(supervisor: Supervisor, *, broker_url: str) -> Celery:
    """Return the application whose one task wakes this supervisor."""
    app = consumer_app(broker_url)

    @app.task(name=TRAIN_TASK)  # type: ignore[untyped-decorator]
    def train(job_id: str) -> None:  # noqa: ARG001 - a hint: the best queued job is taken, not this one
        supervisor.attend()

    @worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]
    def stop(**_signal: object) -> None:
        supervisor.stop()  # runs inside the signal handler, so it may only set a flag

    return app
