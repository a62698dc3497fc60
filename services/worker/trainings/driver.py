"""Drives one training from its newest checkpoint to its package; knows no task and no net by name."""

from __future__ import annotations

import time
from typing import Any

from services.worker.package.papers import Papers
from services.worker.training.checkpoint import capture, restore, restore_weights, to_bytes
from services.worker.training.determinism import seed_everything
from services.worker.training.diagnostics import FlowWatch
from services.worker.training.loop import Rules, train
from services.worker.training.optim import SteppedOptimizer, make_optimizer
from services.worker.training.stopping import Stopping
from services.worker.training.weights import require_finite
from services.worker.trainings.flow import FlowJournal
from services.worker.trainings.outcome import papers_of, result_of
from services.worker.trainings.plan import Course, Plan, finite
from services.worker.trainings.portrait import with_graph
from services.worker.trainings.recorder import Recorder
from services.worker.trainings.session import Session
from services.worker.trainings.steering import Steering
from shared.db.blobs import NewCheckpoint
from shared.db.job_writes import Result
from shared.errors import Diverged
from shared.specs.budget import kept_steps
from shared.specs.ids import new_uuid
from shared.specs.job import JobSpec


class Preempted(Exception):
    """The process was asked to stop; a checkpoint stands and the job was given back."""


class Driver:
    """One attempt at one training job."""

    def __init__(self, session: Session, plan: Plan) -> None:
        self._session = session
        self._plan = plan
        self._course: Course = plan.course
        spec = self._course.spec
        seed_everything(spec.seed, self._course.device)
        self._optimizer: SteppedOptimizer = make_optimizer(
            self._course.net, spec.optimizer, self._course.schedule
        )
        self._stopping = first_stopping(spec, main_metric=plan.main_metric)
        self._journal = FlowJournal(self._watch())
        self._steering = Steering.of(self._optimizer, self._course.schedule)
        self._recorder = Recorder(
            session,
            steering=self._steering,
            steps_per_epoch=self._course.schedule.steps_per_epoch,
            samples_per_step=spec.batch_size * self._course.samples_per_row,
            step=0,
            journal=self._journal,
        )
        self._kept = kept_steps(
            spec,
            total_steps=self._course.schedule.total_steps,
            steps_per_epoch=self._course.schedule.steps_per_epoch,
        )
        self._saved_at = time.monotonic()

    def _watch(self) -> FlowWatch:
        """Watch every layer; without samples the layers are still named where a training diverges."""
        flow = self._course.spec.gradient_flow
        return FlowWatch(
            self._course.net,
            parameters=self._optimizer.parameters,
            every=None if flow is None else flow.every,
            start=self._course.schedule.start_step,
        )

    def run(self) -> None:
        """Train, judge, pack and finish. Raises `Preempted`, `Fenced`, `Diverged`, `Unavailable`."""
        self._resume()
        self._session.recall_flow(self._journal.recall)
        self._steering.heard(
            self._session.begin_events(step=self._recorder.step, after_seq=self._steering.last_seq)
        )
        self._train()
        self._leave_if_asked()
        best = self._session.best_snapshot()
        restore_weights(best, net=self._course.net)
        try:
            result = self._judged()
        except Diverged as error:
            wrong = self._journal.explain_judging(error.detail, net=self._course.net, step=best.step)
            raise Diverged(wrong) from None
        self._session.finish(self._recorder.taken(), result)

    def _judged(self) -> Result:
        """Judge the net as it is, and pack it. Raises `Diverged`, and `Preempted` within one baseline."""
        net = self._course.net.eval()
        require_finite(net)
        self._plan.settle()
        report = self._plan.judge(self._leave_if_asked)
        self._leave_if_asked()
        papers = with_graph(self._papers(report), self._course, name=self._course.spec.net.name)
        return result_of(self._session.job, self._plan, papers=papers, package=self._plan.pack(papers))

    def _resume(self) -> None:
        snapshot = self._session.newest_snapshot()
        if snapshot is None:
            self._begin()
            return
        restore(snapshot, net=self._course.net, optimizer=self._optimizer, batches=self._course.batches)
        self._stopping = Stopping.from_json(snapshot.extra["stopping"])
        self._recorder.step = snapshot.step
        self._recorder.best = snapshot.extra["best"]
        self._steering.restore(snapshot.extra)

    def _begin(self) -> None:
        """Put a fork where its parent's checkpoint was taken; early stopping and the best begin anew.

        What listens to the loss does so too, unless the plan that goes on is the parent's own.
        """
        snapshot = self._session.parent_snapshot()
        if snapshot is None:
            return
        restore(snapshot, net=self._course.net, optimizer=self._optimizer, batches=self._course.batches)
        self._recorder.step = snapshot.step
        if self._course.schedule.start_step < snapshot.step:
            self._steering.restore({"feedback": snapshot.extra.get("feedback")})

    def _train(self) -> None:
        """Make every update that is left; the end of an epoch or of the run evaluates and may end it."""
        spec, schedule = self._course.spec, self._course.schedule
        if self._stopping.should_stop:
            return
        points = train(
            self._course.net,
            batches=self._course.batches,
            objective=self._course.objective,
            optimizer=self._optimizer,
            steps=range(self._recorder.step, schedule.total_steps),
            rules=Rules(
                precision=spec.precision, clip_norm=spec.gradient_clip_norm, watch=self._journal.watch
            ),
        )
        for point in points:
            self._recorder.add(point)
            step = self._recorder.step
            if step % schedule.steps_per_epoch == 0 or step == schedule.total_steps:
                if self._end_epoch():
                    return
            elif step in self._kept:
                self._save(best=False)
            self._stop_if_asked()
            if time.monotonic() - self._saved_at >= self._session.settings.checkpoint_seconds:
                self._save(best=False)

    def _end_epoch(self) -> bool:
        """Evaluate; save a best net and the last one. Tell whether it was the last.

        For as long as no evaluation gave the monitored metric a value, the newest net is the best.
        """
        self._recorder.flush()
        began = time.monotonic()
        metrics = self._evaluated()
        self._recorder.away(time.monotonic() - began)
        step = self._recorder.step
        self._recorder.evaluated(metrics)
        self._steering.observe(metrics, step=step)
        self._stopping = self._stopping.observe(metrics.get(self._stopping.monitor, float("nan")), step=step)
        best = self._stopping.improved_at(step) or self._stopping.best is None
        if best:
            self._recorder.best = {"step": step, "epoch": self._recorder.epoch, "metrics": metrics}
        ends = self._stopping.should_stop or step >= self._course.schedule.total_steps
        if best or ends or step in self._kept:
            self._save(best=best)
        else:
            self._recorder.flush()
        return ends

    def _evaluated(self) -> dict[str, float]:
        """Return the metrics of the net. Raises `Diverged`, saying where it began."""
        with self._optimizer.averaged():
            try:
                return finite(self._plan.validate())
            except Diverged as error:
                self._journal.tell()
                raise Diverged(self._journal.explain_after(error.detail)) from None

    def _save(self, *, best: bool) -> None:
        extra = {
            "stopping": self._stopping.to_json(),
            "best": self._recorder.best,
            **self._steering.to_json(),
        }
        snapshot = capture(
            self._course.net,
            optimizer=self._optimizer,
            batches=self._course.batches,
            step=self._recorder.step,
            extra=extra,
        )
        metrics = self._recorder.best["metrics"] if best and self._recorder.best else None
        self._recorder.flush(
            NewCheckpoint(
                id=new_uuid(),
                step=snapshot.step,
                payload=to_bytes(snapshot),
                metrics=metrics,
                best=best,
                kept=snapshot.step in self._kept,
            )
        )
        self._saved_at = time.monotonic()

    def _stop_if_asked(self) -> None:
        if self._session.stop.requested:
            self._save(best=False)
            self._leave_if_asked()

    def _leave_if_asked(self) -> None:
        """Give the job back; the checkpoint of the last update stands."""
        if self._session.stop.requested:
            self._session.give_back()
            raise Preempted

    def _papers(self, report: dict[str, Any]) -> Papers:
        return papers_of(
            self._session.job,
            self._plan,
            report=report,
            steps=self._recorder.step,
            best=self._recorder.best,
            lr_events=self._steering.told(),
        )


def first_stopping(spec: JobSpec, *, main_metric: str) -> Stopping:
    """Return the watch over the monitored metric; without early stopping it only remembers the best."""
    if spec.early_stopping is None:
        return Stopping(monitor=main_metric)
    asked = spec.early_stopping
    return Stopping(monitor=asked.monitor, patience=asked.patience, min_delta=asked.min_delta)
