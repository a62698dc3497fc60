"""What a child process does with its order: run the job's kind of work, tell the outcome by a code."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from uuid import UUID

import structlog
import torch

from services.worker.measures import Measure, report
from services.worker.trainings.diagnose import plan_diagnose
from services.worker.trainings.driver import Driver, Preempted
from services.worker.trainings.ingest import read_dataset
from services.worker.trainings.plan import Plan
from services.worker.trainings.range_test import RangeTest, ramp
from services.worker.trainings.recommend import plan_recommend
from services.worker.trainings.session import Session, StopFlag, open_session
from shared.errors import Diverged, Fenced, GradusError, Unavailable
from shared.lifecycle import JobKind
from shared.logs import configure_logs, exception_place
from shared.schedules import ResolvedSchedule
from shared.settings import settings
from shared.specs.job import JobSpec
from shared.specs.range_test import RangeTestSpec

FINISHED, CRASHED, FENCED, UNREACHABLE, PREEMPTED, REFUSED, DIVERGED = 0, 1, 3, 4, 5, 10, 11

PLANS: dict[str, Callable[..., Plan]] = {
    JobKind.RECOMMEND: plan_recommend,
    JobKind.DIAGNOSE: plan_diagnose,
}


def warm_up() -> None:
    """Do once what every job would wait for: imports, the first tensor operation, the thread count."""
    threads = int(os.environ.get("OMP_NUM_THREADS", "0")) or torch.get_num_threads()
    torch.set_num_threads(threads)
    torch.ones(8, 8) @ torch.ones(8, 8)


def run_order(*, job_id: UUID, fence: int) -> int:
    """Run one job and return the exit code that tells the supervisor what became of it."""
    stop = StopFlag()
    signal.signal(signal.SIGTERM, stop)
    configure_logs(service="trainer", level=settings().log_level)
    structlog.contextvars.bind_contextvars(job_id=str(job_id), fence=fence)
    log = structlog.get_logger(__name__)
    try:
        session = open_session(job_id=job_id, fence=fence, settings=settings(), stop=stop)
        return _run(session)
    except Preempted:
        return PREEMPTED
    except Fenced:
        log.warning("fenced", reason="another attempt owns the job")
        return FENCED
    except Unavailable:
        log.warning("database unreachable")
        return UNREACHABLE
    except Exception as error:  # noqa: BLE001 - the last frame of the process; the message may quote a row
        log.error("job crashed", **exception_place(error))
        return CRASHED


def _run(session: Session) -> int:
    """Run the job's kind of work; what no retry can help ends the job with a reason."""
    try:
        if session.job.kind == JobKind.INGEST:
            read_dataset(session)
        elif session.job.kind == JobKind.LR_RANGE_TEST:
            try_rates(session)
        else:
            train_job(session)
    except Diverged as error:
        report(Measure.NONFINITE, 1)
        session.fail(code=error.code, message=error.detail)
        return DIVERGED
    except (Fenced, Unavailable):
        raise
    except GradusError as error:
        session.fail(code=error.code, message=error.detail)
        return REFUSED
    return FINISHED


def train_job(session: Session) -> None:
    """Plan the job's training and drive it to its package."""
    job = session.job
    spec = JobSpec.model_validate(job.spec)
    schedule = ResolvedSchedule.model_validate(job.resolved_schedule)
    device = device_of(session.settings.device)
    plan = PLANS[job.kind](session, spec=spec, schedule=schedule, device=device)
    Driver(session, plan).run()


def try_rates(session: Session) -> None:
    """Plan the training of a range test as its own would be, and try rates on it."""
    spec = RangeTestSpec.model_validate(session.job.spec)
    training, schedule = spec.training(), ramp(spec, steps_per_epoch=session.job.steps_per_epoch)
    device = device_of(session.settings.device)
    plan = PLANS[training.task.name](session, spec=training, schedule=schedule, device=device)
    RangeTest(session, plan.course, spec).run()


def device_of(name: str) -> torch.device:
    """Return the device that the settings name; `auto` takes a GPU when there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)
