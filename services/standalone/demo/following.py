"""Follow a data set until it is read and a training until it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import httpx

from services.standalone.demo.client import Client, DemoFailed, Json, ServerEvent
from services.standalone.demo.progress import Display, Reading

POLL_SECONDS = 0.25
ENDED = frozenset({"succeeded", "failed", "cancelled", "paused"})


class Interrupted(DemoFailed):
    """The person pressed Ctrl-C."""

    code = "interrupted"


def wait_for(holds: Callable[[], bool], *, what: str, stopping: threading.Event, seconds: float) -> None:
    """Ask again and again until `holds()`. Raises `Interrupted`, and `DemoFailed` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise DemoFailed(f"waited {seconds:g} s for {what}")
        if stopping.wait(POLL_SECONDS):
            raise Interrupted("interrupted")


def read_dataset(client: Client, dataset_id: str, *, stopping: threading.Event) -> Json:
    """Return the data set once a worker has read it. Raises `DemoFailed` when it was refused."""
    answer: Json = {}

    def read() -> bool:
        answer.update(client.get(f"/v1/datasets/{dataset_id}"))
        return str(answer["status"]) != "reading"

    wait_for(read, what="a worker to read the data set", stopping=stopping, seconds=300)
    if answer["status"] == "refused":
        raise DemoFailed(f"the data set was refused: {answer['errors']}")
    return answer


def follow_training(
    client: Client, job_id: str, *, monitor: str, display: Display, stopping: threading.Event
) -> Json:
    """Show the stream of a training until the job has ended; return the job.

    A stream that breaks off is taken up again after the last event that came. Of an evaluation the metric
    `monitor` is shown.
    """
    last_event_id = ""
    reading = Reading("queued", 0, 0)
    while True:
        job = client.get(f"/v1/training_jobs/{job_id}")
        reading = replace(reading, status=job["status"], step=job["step"], total_steps=job["total_steps"])
        display.show(reading)
        if job["status"] in ENDED:
            return job
        try:
            for event in client.stream(
                f"/v1/training_jobs/{job_id}/curve/stream", last_event_id=last_event_id
            ):
                if stopping.is_set():
                    raise Interrupted("interrupted")
                last_event_id = event.id or last_event_id
                reading = after(reading, event, monitor=monitor)
                display.show(reading)
        except httpx.TransportError:
            pass
        if stopping.wait(POLL_SECONDS):
            raise Interrupted("interrupted")


def after(reading: Reading, event: ServerEvent, *, monitor: str) -> Reading:
    """Return the reading after an event."""
    content = event.content
    if event.name == "point":
        return replace(reading, step=int(content["step"]) + 1, lr=content["lr"], loss=content["loss"])
    if event.name == "evaluation":
        value = content["metrics"].get(monitor)
        return reading if value is None else replace(reading, metrics=f"{monitor} {value:.3f}")
    if event.name == "status":
        return replace(reading, status=str(content["status"]), step=max(reading.step, int(content["step"])))
    return reading
