"""Reading an uploaded data set, as a job of its own."""

from __future__ import annotations

from services.worker.data.findings import UnreadableFiles
from services.worker.data.ingest import forget_files, ingest
from services.worker.data.limits import Limits
from services.worker.trainings.driver import Preempted
from services.worker.trainings.session import Session
from shared.lifecycle import JobStatus
from shared.specs.dataset import DatasetSpec, DatasetSummary


def read_dataset(session: Session) -> None:
    """Read the files into columns and set the data set ready, or refused with what is wrong in them.

    Raises `Preempted` between two batches when asked to stop; of one that was cancelled no file is left.
    Raises `Fenced`, before it touches a file where another attempt holds the job from the start.
    """
    session.check_fence()
    dataset_id, version = session.dataset
    try:
        summary = _read(session)
    except UnreadableFiles as error:
        session.refuse_reading([found.model_dump(mode="json") for found in error.errors])
        forget_files(session.storage, dataset_id=dataset_id, version=version)
        return
    except Preempted:
        if session.give_back() == JobStatus.CANCELLED:
            forget_files(session.storage, dataset_id=dataset_id, version=version)
        raise
    session.finish_reading(summary.model_dump(mode="json"))


def _read(session: Session) -> DatasetSummary:
    def leave_if_asked() -> None:
        if session.stop.requested:
            raise Preempted

    dataset_id, version = session.dataset
    return ingest(
        session.storage,
        dataset_id=dataset_id,
        version=version,
        spec=DatasetSpec.model_validate(session.job.spec),
        limits=Limits.of(session.settings),
        leave_if_asked=leave_if_asked,
    )
