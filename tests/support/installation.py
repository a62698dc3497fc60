"""A whole installation on this machine: every process real, on ports and sockets of its own."""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90.0
JOB_SECONDS = 180.0


@dataclass
class Installation:
    """A running `python -m services.standalone up`, and a client with its admin key."""

    home: Path
    url: str
    client: httpx.Client

    def upload(self, spec: dict[str, Any], files: dict[str, bytes]) -> dict[str, Any]:
        """Upload a data set and wait until a worker has read or refused it."""
        parts: list[tuple[str, Any]] = [("spec", (None, json.dumps(spec), "application/json"))]
        parts += [(name, (name, content, "application/octet-stream")) for name, content in files.items()]
        answer = self.client.post("/v1/datasets", files=parts)
        assert answer.status_code == 202, answer.text
        return self.wait(answer.headers["location"], lambda seen: seen["status"] != "reading")

    def submit(self, body: dict[str, Any], **headers: str) -> dict[str, Any]:
        """Ask for a training."""
        answer = self.client.post("/v1/training_jobs", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def wait(self, path: str, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read a resource until it is as wanted."""
        give_up = time.monotonic() + JOB_SECONDS
        while time.monotonic() < give_up:
            seen = self.get(path)
            if until(seen):
                return seen
            time.sleep(0.1)
        raise AssertionError(f"{path} did not get there: {self.get(path)}")

    def finished(self, job_id: str) -> dict[str, Any]:
        """Wait for a job's end."""
        ended = ("succeeded", "failed", "cancelled")
        return self.wait(f"/v1/training_jobs/{job_id}", lambda job: job["status"] in ended)

    def get(self, path: str, **params: str | int) -> dict[str, Any]:
        """Return a resource's JSON."""
        answer = self.client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def trainer_of(self, job_id: str) -> int:
        """Return the process id of the child that runs a job now, as the worker's log tells it."""
        lines = (self.home / "logs" / "worker.log").read_text().splitlines()
        uuid = job_id.removeprefix("job_")
        started = [line for line in lines if uuid in line and '"job_started"' in line]
        return int(re.findall(r'"child": (\d+)', started[-1])[0])

    def log(self, part: str) -> str:
        """Return the log of a part."""
        return (self.home / "logs" / f"{part}.log").read_text()


def stop_with_the_tests() -> None:
    """Have the kernel interrupt the installation when the tests are killed; runs in the forked child."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG


@contextmanager
def installed(home: Path, **settings: str) -> Iterator[Installation]:
    """Start everything under a home of its own, and stop it cleanly."""
    port = free_ports(3)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRADUS_")}
    environment |= {"GRADUS_HOME": str(home), "GRADUS_PORT": str(port), "PYTHONPATH": str(ROOT), **settings}
    home.mkdir(parents=True, exist_ok=True)
    with (home / "up.out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.standalone", "up"],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=stop_with_the_tests,  # noqa: PLW1509 - nothing else runs in this process's threads
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, process, home)
        key = (home / "admin.key").read_text().strip()
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
            yield Installation(home, url, client)
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(timeout=90)
    assert status == 0, (home / "up.out").read_text()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], home: Path) -> None:
    """Wait until the gateway answers and the launcher has seen that too; a process that ends first says why.

    Until then a launcher takes a part that is killed for one that cannot start, and ends.
    """
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        assert process.poll() is None, (home / "up.out").read_text()
        try:
            serving = "Ctrl-C stops everything" in (home / "up.out").read_text()
            if serving and httpx.get(f"{url}/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"not ready: {(home / 'up.out').read_text()}")
