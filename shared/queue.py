"""The Celery application, and publishing one hint: "a job is queued", with its id.

A message carries nothing that the row does not, so losing, doubling or reordering it changes nothing.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any
from uuid import UUID

from celery import Celery

from shared.logs import logger
from shared.settings import settings

TRAIN_QUEUE = "train"
TRAIN_TASK = "gradus.train"
KEY_PREFIX = "gradus:"
VISIBILITY_TIMEOUT_SECONDS = 600
PRODUCER_TIMEOUT_SECONDS = 1.0
_log = logger(__name__)

# One attempt. `retry=False` would be slower: it leaves the client's own retries on (6 s when refused).
_AT_ONCE = {"max_retries": 0, "interval_start": 0, "interval_step": 0, "interval_max": 0}


def consumer_app(broker_url: str) -> Celery:
    """Return the application of a worker, whose blocking reads must outlast a producer's timeouts."""
    return _app(broker_url, timeouts={})


class Publisher:
    """Sends hints to one broker; it never raises, and a broker that is away costs about a second."""

    def __init__(self, broker_url: str) -> None:
        seconds = PRODUCER_TIMEOUT_SECONDS
        timeouts = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
        self._app = _app(broker_url, timeouts={**timeouts, **_AT_ONCE}) if broker_url else None

    def publish(self, job_id: UUID) -> bool:
        """Send the hint and tell whether the broker took it; when not, the sweeper sends it again."""
        if self._app is None:
            return False
        try:
            self._app.send_task(
                TRAIN_TASK, args=[str(job_id)], queue=TRAIN_QUEUE, retry=True, retry_policy=_AT_ONCE
            )
        except Exception as error:  # noqa: BLE001 - whatever a client library raises, the row is committed
            _log.warning("publish_failed", job_id=str(job_id), error=type(error).__name__)
            return False
        return True

    def waiting(self) -> int | None:
        """Return how many hints wait for a worker, none when the broker does not answer."""
        if self._app is None:
            return None
        try:
            with self._app.connection_for_write() as connection:
                return int(connection.default_channel.client.llen(TRAIN_QUEUE))
        except Exception as error:  # noqa: BLE001 - as above
            _log.warning("broker_unreachable", error=type(error).__name__)
            return None

    def close(self) -> None:
        """Close the connections to the broker."""
        if self._app is not None:
            self._app.close()


def publish(job_id: UUID) -> bool:
    """Send a hint to the broker of the settings; never raises, and returns within about a second."""
    return _publisher().publish(job_id)


@lru_cache(maxsize=1)
def _publisher() -> Publisher:
    return Publisher(settings().broker_url)


def _app(broker_url: str, *, timeouts: dict[str, float]) -> Celery:
    # kombu reports every reconnection at ERROR with the broker's URL, which may hold a password.
    logging.getLogger("kombu").setLevel(logging.CRITICAL if timeouts else logging.WARNING)
    app = Celery("gradus", broker=broker_url, set_as_current=False)
    app.conf.update(_settings(timeouts))
    return app


def _settings(timeouts: dict[str, float]) -> dict[str, Any]:
    return {
        "task_queues": {TRAIN_QUEUE: {}},
        "task_default_queue": TRAIN_QUEUE,
        "task_create_missing_queues": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "result_backend": None,
        # Early ack: a late one would be redelivered while its job still runs. The row owns retries.
        "task_acks_late": False,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "worker_soft_shutdown_timeout": 0,
        "worker_hijack_root_logger": False,
        # A trainer's lines are JSON already; wrapped into log records they would be JSON inside JSON.
        "worker_redirect_stdouts": False,
        "worker_send_task_events": False,
        "worker_enable_remote_control": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "enable_utc": True,
        "timezone": "UTC",
        "broker_transport_options": {
            "visibility_timeout": VISIBILITY_TIMEOUT_SECONDS,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "global_keyprefix": KEY_PREFIX,
            **timeouts,
        },
    }
