"""Asking for a sweep: every training is admitted before anything is written, then all rows stand or none.

The jobs differ from single ones in nothing but the sweep they name, so they survive what jobs survive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from pydantic import ValidationError

from services.api.admission import metrics_of
from services.api.errors import findings_of
from services.api.submission import Asked, Submission, canonical, request_digest
from shared.db.engine import Connection
from shared.db.jobs import NewJob
from shared.db.sweeps import NewSweep, SweepRow, earlier_sweep, insert_sweep
from shared.errors import Finding, Refused
from shared.lifecycle import CAN_WAIT
from shared.specs.ids import new_uuid
from shared.specs.sweep import SweepSpec


def submit_sweep(submission: Submission, spec: SweepSpec, asked: Asked) -> SweepRow:
    """Admit every training, commit the sweep with its jobs, and send their messages.

    Raises `Refused` with every finding, and `Conflict` while the data set is not ready. When the same
    request came before, its sweep is returned.
    """
    new = NewSweep(
        id=new_uuid(),
        owner=asked.owner,
        model=spec.job.model,
        spec=canonical(spec),
        request_sha256=request_digest(spec),
        idempotency_key=asked.idempotency_key,
    )
    with submission.database.begin() as cx:
        earlier = earlier_sweep(cx, new=new)
        if earlier is not None:
            return earlier
        jobs = _admitted(submission, cx, spec, replace(asked, idempotency_key=None))
        jobs = [replace(job, sweep_id=new.id) for job in jobs]
        row, created = insert_sweep(cx, new=new, jobs=jobs)
    if created:
        submission.announce_created(*jobs)
    return row


def _admitted(submission: Submission, cx: Connection, spec: SweepSpec, asked: Asked) -> list[NewJob]:
    """Return a job for every training, seed by seed, so that whole rows of the comparison are done early.

    An arm is admitted once: no seed changes its steps.
    """
    found = Findings(list(_target_findings(spec)))
    arms: list[NewJob] = []
    for arm in range(len(spec.schedules)):
        with found.of(spec, arm):
            arms.append(submission.new_training(cx, spec.training(arm, seed=spec.seeds[0]), asked))
    found.refuse()
    return [_of_seed(job, spec, arm, seed) for seed in spec.seeds for arm, job in enumerate(arms)]


def _of_seed(job: NewJob, spec: SweepSpec, arm: int, seed: int) -> NewJob:
    training = spec.training(arm, seed=seed)
    return replace(
        job,
        id=new_uuid(),
        spec=canonical(training),
        request_sha256=request_digest(training),
        sweep_arm=arm,
        priority=CAN_WAIT,
    )


def _target_findings(spec: SweepSpec) -> Iterator[Finding]:
    known = metrics_of(spec.job.task)
    if spec.target is not None and spec.target.metric not in known:
        yield Finding(("target", "metric"), f"this task yields {', '.join(known)}; wanted one of them")


@dataclass(slots=True)
class Findings:
    """What is wrong with a sweep, each thing once, placed where it stands in the sweep's body."""

    found: list[Finding]
    code: str = "refused"

    @contextmanager
    def of(self, spec: SweepSpec, arm: int) -> Iterator[None]:
        """Collect what is wrong with one arm's training instead of raising it."""
        try:
            yield
        except ValidationError as error:
            self._add(findings_of(error.errors()), spec, arm)
        except Refused as error:
            if not error.findings:
                raise
            self.code = error.code
            self._add(error.findings, spec, arm)

    def refuse(self) -> None:
        """Raise `Refused` when anything was found."""
        if self.found:
            detail = "the sweep cannot be run as written; errors says where"
            raise Refused(detail, code=self.code, findings=self.found)

    def _add(self, new: Iterable[Finding], spec: SweepSpec, arm: int) -> None:
        placed = (Finding(_place(finding.loc, spec, arm), finding.message) for finding in new)
        self.found += [finding for finding in placed if finding not in self.found]


def _place(loc: tuple[str | int, ...], spec: SweepSpec, arm: int) -> tuple[str | int, ...]:
    """Return where something of one training stands in the sweep's body."""
    own = ("schedule",) if spec.schedules[arm].optimizer is None else ("schedule", "optimizer")
    if not loc or loc[0] in own:
        return ("schedules", arm, *loc)
    return ("job", *loc)
