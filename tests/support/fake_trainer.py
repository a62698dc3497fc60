"""A child that speaks the trainer's protocol without torch: counts, checkpoints, and misbehaves on request.

The job's spec says how: `steps`, `seconds_a_step`, `checkpoint_every`, and one of `exit_at`/`status`,
`signal_at`/`signal`, `deaf` (ignores SIGTERM). Its "weights" are a chain of digests, so any lost or doubled
step would change the end.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.db.blobs import NewCheckpoint, last_checkpoint, read_blob
from shared.db.curves import PointColumns
from shared.db.engine import Database, open_database
from shared.db.job_writes import Progress, Result, commit_progress, finish, yield_up
from shared.db.jobs import JobRow, get_job
from shared.db.registry import NewVersion, Score
from shared.errors import Fenced, Unavailable
from shared.settings import settings

asked_to_stop = False


def remember(*_: object) -> None:
    global asked_to_stop  # noqa: PLW0603 - what a signal handler may do: set a flag
    asked_to_stop = True


@dataclass
class Fake:
    """One attempt at one job."""

    database: Database
    job: JobRow
    fence: int

    def spec(self, name: str, default: Any) -> Any:  # noqa: ANN401 - whatever the test put there
        return self.job.spec.get(name, default)

    def run(self) -> int:
        step, weights = self.resume()
        last = self.spec("steps", 20)
        while step < last:
            self.misbehave(step)
            weights = hashlib.sha256(weights + step.to_bytes(8, "big")).digest()
            time.sleep(self.spec("seconds_a_step", 0.0))
            step += 1
            if asked_to_stop and not self.spec("deaf", False):
                self.commit(step, weights, checkpoint=True)
                return self.give_back()
            self.commit(step, weights, checkpoint=step % self.spec("checkpoint_every", 10) == 0)
        return self.finish(weights)

    def resume(self) -> tuple[int, bytes]:
        def read(cx: Any) -> tuple[int, bytes]:  # noqa: ANN401
            row = last_checkpoint(cx, job_id=self.job.id)
            return (0, b"") if row is None else (row.step, read_blob(cx, blob=row.blob()))

        return self.database.retrying(read, patience_seconds=5)

    def misbehave(self, step: int) -> None:
        if step == self.spec("exit_at", None):
            sys.exit(self.spec("status", 1))
        if step == self.spec("signal_at", None):
            os.kill(os.getpid(), self.spec("signal", signal.SIGKILL))

    def commit(self, step: int, weights: bytes, *, checkpoint: bool) -> None:
        new = NewCheckpoint(step=step, payload=weights, best=True) if checkpoint else None
        points = PointColumns(steps=[step - 1], lr=[0.1], loss=[float(weights[0])], grad_norm=[1.0])
        progress = Progress(step=step, epoch=0, points=points, checkpoint=new)
        self.database.retrying(
            lambda cx: commit_progress(
                cx,
                job_id=self.job.id,
                fence=self.fence,
                lease_seconds=settings().lease_seconds,
                progress=progress,
            ),
            patience_seconds=settings().lease_seconds,
        )

    def give_back(self) -> int:
        ended = self.database.retrying(
            lambda cx: yield_up(cx, job_id=self.job.id, fence=self.fence), patience_seconds=5
        )
        return 5 if ended.status == "queued" else 0

    def finish(self, weights: bytes) -> int:
        score = Score(metric="ndcg@10", value=0.5, higher_is_better=True, split_sha256="s")
        version = NewVersion(
            model="fake",
            task="recommend",
            job_id=self.job.id,
            dataset_id=None,
            dataset_version=None,
            score=score,
            metrics={},
            card={},
            package=weights,
        )
        result = Result(report={}, metrics={}, version=version, publish=None, owner="fake")
        progress = Progress(step=self.spec("steps", 20), epoch=1)
        self.database.retrying(
            lambda cx: finish(cx, job_id=self.job.id, fence=self.fence, progress=progress, result=result),
            patience_seconds=5,
        )
        return 0


def main() -> int:
    """Do what `services/worker/run.py` does, as far as a supervisor can see."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    signal.signal(signal.SIGTERM, remember)
    print("ready", flush=True)
    line = sys.stdin.readline()
    if not line:
        return 0
    order = json.loads(line)
    print(f"fake trainer {os.getpid()} has job {order['job_id']}", flush=True)
    database = open_database(settings(), application_name="gradus-fake", pool_size=1)
    job_id = UUID(order["job_id"])
    try:
        job = database.retrying(lambda cx: get_job(cx, job_id=job_id), patience_seconds=5)
        return Fake(database, job, order["fence"]).run()
    except Fenced:
        return 3
    except Unavailable:
        return 4


if __name__ == "__main__":
    sys.exit(main())
