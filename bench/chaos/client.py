"""A stubborn client: repeats a request under its idempotency key until the gateway has answered it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx

PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 0.25


class Client:
    """Speaks to a gateway that may be killed at any moment."""

    def __init__(self, address: str, key: str) -> None:
        self._http = httpx.Client(
            base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=httpx.Timeout(20.0)
        )
        self.repeats = 0
        """Requests that had to be sent again."""

    def upload(self, path: Path, spec: dict[str, Any]) -> str:
        """Upload a file and return its data set's id once it is ready."""

        def send() -> httpx.Response:
            parts = {"spec": (None, json.dumps(spec).encode()), "file": (path.name, path.read_bytes())}
            return self._http.post("/v1/datasets", files=parts, headers={"Idempotency-Key": path.name})

        dataset_id = str(self._insist(send)["id"])
        give_up = time.monotonic() + PATIENCE_SECONDS
        while (row := self.get(f"/v1/datasets/{dataset_id}"))["status"] == "reading":
            if time.monotonic() > give_up:
                raise TimeoutError(f"data set {dataset_id} is still being read")
            time.sleep(PAUSE_SECONDS)
        if row["status"] != "ready":
            raise RuntimeError(f"data set {path.name} was refused: {row.get('errors')}")
        return dataset_id

    def train(self, spec: dict[str, Any], *, key: str) -> str:
        """Ask for a training under an idempotency key and return the job's id."""
        answer = self._insist(
            lambda: self._http.post("/v1/training_jobs", json=spec, headers={"Idempotency-Key": key})
        )
        return str(answer["id"])

    def get(self, path: str) -> dict[str, Any]:
        """Read a resource."""
        return self._insist(lambda: self._http.get(path))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _insist(self, send: Any) -> dict[str, Any]:  # noqa: ANN401 - a request
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                response = send()
                if response.status_code < 500:
                    if response.status_code >= 400:
                        raise RuntimeError(f"the gateway refused: {response.text}")
                    answer: dict[str, Any] = response.json()
                    return answer
            except httpx.TransportError:
                pass
            if time.monotonic() > give_up:
                raise TimeoutError("the gateway did not come back")
            self.repeats += 1
            time.sleep(PAUSE_SECONDS)
