"""The child process of a supervisor: imports torch, waits for one job, runs it, exits with its outcome.

It is started by path, so that nothing of it is imported into the worker: no CUDA after a fork, GPU memory
given back at exit, and a crash that takes only this job. Exit codes: 0 final state committed, 3 fenced,
4 database unreachable, 5 preempted with a checkpoint, 10 refused, 11 diverged, 1 anything else.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from dataclasses import dataclass
from typing import NoReturn
from uuid import UUID

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Order:
    """The one line a supervisor writes to a child: which job, under which fencing token."""

    job_id: UUID
    fence: int


def die_with_parent(parent: int) -> None:
    """Be killed by the kernel when the thread that started this process ends; leave if it is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def read_order() -> Order | None:
    """Wait for the supervisor's line; end of input means that no job will come."""
    line = sys.stdin.readline()
    if not line:
        return None
    order = json.loads(line)
    return Order(job_id=UUID(order["job_id"]), fence=int(order["fence"]))


def main() -> int:
    """Announce readiness with torch imported, then run the job that comes."""
    die_with_parent(int(os.environ.get("GRADUS_SUPERVISOR_PID", os.getppid())))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from services.worker.child import run_order, warm_up

    warm_up()
    print("ready", flush=True)
    order = read_order()
    return 0 if order is None else run_order(job_id=order.job_id, fence=order.fence)


def leave(code: int) -> NoReturn:
    """End without tearing the interpreter down: with torch that takes seconds on a busy machine.

    Everything durable is committed by then, and a slot must not wait for what the kernel frees anyway.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main())
