"""`python -m bench.chaos [--seed N] [--faults N] [--jobs N]`: kill everything at random, then count.

Six specs run once undisturbed; then at least thirty jobs of the same specs are asked for through the API
while at least a hundred faults fall. Nothing may be lost, finished twice or stuck, and every curve and every
weight must equal the undisturbed run's.
"""

from __future__ import annotations

import argparse
import random
import secrets
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.chaos.client import Client
from bench.chaos.faults import Faults
from bench.chaos.stack import Stack
from bench.chaos.verdict import Remains, Verdict, judge, remains_of
from bench.chaos.world import specs, write_patients, write_ratings
from shared.db.engine import Database
from shared.db.jobs import count_jobs
from shared.errors import Unavailable

DRAIN_SECONDS = 600.0
Spec = dict[str, Any]


def wait_until_drained(database: Database, *, within_seconds: float) -> bool:
    """Wait until no job is queued or running; tell whether that came about."""
    give_up = time.monotonic() + within_seconds
    while time.monotonic() < give_up:
        try:
            with database.begin() as cx:
                if all(one.status not in ("queued", "running") for one in count_jobs(cx)):
                    return True
        except Unavailable:
            pass
        time.sleep(0.3)
    return False


@dataclass
class Experiment:
    """One stack, one client, one seed."""

    stack: Stack
    client: Client
    seed: int
    faults_wanted: int
    jobs_wanted: int

    def run(self) -> bool:
        """Train in peace, then in the storm; tell whether the storm changed nothing."""
        dice, database = random.Random(self.seed), self.stack.database()
        wanted = self._specs()
        print("training six specs undisturbed", flush=True)
        left = self._undisturbed(database, wanted)
        work = [(f"storm-{n}", wanted[n % len(wanted)]) for n in range(self.jobs_wanted)]
        dice.shuffle(work)
        faults = Faults(self.stack, dice)
        began = time.monotonic()
        jobs = self._storm(faults, dice, work)
        stormed = time.monotonic() - began
        wait_until_drained(database, within_seconds=DRAIN_SECONDS)
        drained = time.monotonic() - began - stormed
        verdict = judge(database, left, jobs)
        database.dispose()
        total = sum(faults.done.values())
        print(f"\nseed {self.seed}: {total} faults in {stormed:.0f} s, drained in {drained:.0f} s")
        report(verdict, faults, repeats=self.client.repeats)
        return verdict.clean

    def _specs(self) -> list[Spec]:
        folder = self.stack.folder
        films = self.client.upload(write_ratings(folder), {"name": "films", "kind": "interactions"})
        patients = self.client.upload(write_patients(folder), {"name": "patients", "kind": "records"})
        return specs(films, patients)

    def _undisturbed(self, database: Database, wanted: list[Spec]) -> dict[str, Remains]:
        """Train every spec once and return what each left, by model."""
        ids = {str(spec["model"]): self.client.train(spec, key=f"calm-{spec['model']}") for spec in wanted}
        if not wait_until_drained(database, within_seconds=DRAIN_SECONDS):
            raise TimeoutError("the undisturbed jobs did not end")
        with database.begin() as cx:
            return {model: remains_of(cx, UUID(one.removeprefix("job_"))) for model, one in ids.items()}

    def _storm(
        self, faults: Faults, dice: random.Random, work: list[tuple[str, Spec]]
    ) -> dict[str, list[str]]:
        """Ask for all jobs while faults fall; return the jobs' ids by model."""
        jobs: dict[str, list[str]] = {}
        asked = list(work)
        while asked or sum(faults.done.values()) < self.faults_wanted:
            name = faults.strike()
            print(f"{sum(faults.done.values()):4d}  {name}", flush=True)
            for _ in range(min(len(asked), dice.choice((0, 0, 1, 2)))):
                key, spec = asked.pop()
                jobs.setdefault(str(spec["model"]), []).append(self.client.train(spec, key=key))
            time.sleep(dice.uniform(0.3, 2.0))
        faults.calm_down()
        return jobs


def report(verdict: Verdict, faults: Faults, *, repeats: int) -> None:
    """Print what was done and what it cost."""
    for name, count in faults.done.most_common():
        print(f"  {count:4d}  {name}")
    print("history of the jobs:")
    for cause, count in verdict.causes.most_common():
        print(f"  {count:4d}  {cause}")
    most = max(verdict.attempts, default=0)
    print(f"jobs {verdict.jobs}, curve points {verdict.points}, most attempts of one job {most}")
    print(f"requests sent again {repeats}")
    for name in ("lost", "stuck", "finished_twice", "different"):
        found = getattr(verdict, name)
        print(f"{name.replace('_', ' ')}: {len(found)}", *found, sep="\n  ")


def run(folder: Path, *, seed: int, faults: int, jobs: int) -> bool:
    """Run the whole experiment under a folder; tell whether nothing went wrong."""
    stack = Stack(folder)
    try:
        stack.start()
        client = Client(stack.address, stack.key)
        experiment = Experiment(stack, client, seed=seed, faults_wanted=faults, jobs_wanted=jobs)
        clean = experiment.run()
        client.close()
        return clean
    finally:
        stack.stop()


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=30)
    parser.add_argument("--keep", action="store_true", help="keep the folder with its logs")
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="gradus-chaos-"))
    try:
        clean = run(folder, seed=chosen.seed, faults=chosen.faults, jobs=chosen.jobs)
    finally:
        if chosen.keep:
            print(f"kept {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
