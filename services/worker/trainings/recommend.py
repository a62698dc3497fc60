"""A recommender's training: interactions split, a net over users and items, judged beside baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from services.worker.baselines import RANKING, RATING, Pairs, Ranker
from services.worker.data.batches import EpochPlan, PairBatches
from services.worker.data.batches import Pairs as TrainingPairs
from services.worker.data.interactions import Interactions, load_interactions
from services.worker.evaluation.ranking import CandidateScorer, RankingResult, Scorer, evaluate_ranking
from services.worker.evaluation.ratings import RatingResult, evaluate_ratings
from services.worker.evaluation.report import Candidate, ranking_report, rating_report
from services.worker.evaluation.seen import mask_of
from services.worker.evaluation.splits import (
    Floats32,
    Holdout,
    InteractionSplit,
    Ints,
    split_interactions,
)
from services.worker.nets import Sizes, build
from services.worker.package import Names, Papers, recommender_package
from services.worker.package import Pairs as PackedPairs
from services.worker.training.objective import objective_of
from services.worker.trainings.heldout import HeldOut, held_out_pairs
from services.worker.trainings.plan import Ask, Course, finite
from services.worker.trainings.scoring import asking, full_scorer, pair_scorer
from services.worker.trainings.session import Session
from shared.errors import Diverged, Refused
from shared.schedules import ResolvedSchedule
from shared.specs.job import JobSpec, RecommendTask

VALIDATION_USERS = 2_000
"""Users judged at an epoch's end; the test part is always judged whole."""


@dataclass(frozen=True, slots=True)
class RecommendPlan:
    """Interactions in three parts, and the net that learns the first."""

    course: Course
    task: RecommendTask
    interactions: Interactions
    split: InteractionSplit
    held_out: HeldOut | None

    @property
    def main_metric(self) -> str:
        """NDCG at the first k, or RMSE for ratings."""
        if self.task.feedback == "explicit":
            return "rmse"
        return f"ndcg@{self.task.evaluation.k[0]}"

    @property
    def inputs(self) -> list[dict[str, object]]:
        """A recommender is asked by ids alone."""
        return []

    def validate(self) -> dict[str, float]:
        """Measure the net on the validation part, at most 2,000 users of it."""
        chosen = sample_users(self.split.validation, seed=self.course.spec.seed)
        explicit = self.task.feedback == "explicit"
        judged = (
            self._rate(self._predictor, chosen)
            if explicit
            else self._rank(self._scorer, chosen, part="validation")
        )
        loss = None if self.held_out is None else self.held_out.loss(self.course)
        return finite({**judged.metrics, "val_loss": loss})

    def settle(self) -> None:
        """Change nothing: every user has training rows, and every item was at least drawn as a negative."""

    def judge(self, ask: Ask) -> dict[str, Any]:
        """Report on the test part beside popularity and EASE, or damped means for ratings, where wanted."""
        seed = self.course.spec.seed
        if self.task.feedback == "explicit":
            rated = self._rating_candidates(ask)
            ask()
            return rating_report(rated, split=self.split, seed=seed)
        ranked = self._ranking_candidates(ask)
        ask()
        return ranking_report(ranked, split=self.split, evaluation=self.task.evaluation, seed=seed)

    def pack(self, papers: Papers) -> bytes:
        """Seal the net with its users, items, neighbours and everything users have seen."""
        rows, split = self.interactions, self.split
        return recommender_package(
            self.course.net,
            names=Names(rows.user_ids, rows.item_ids, rows.item_columns),
            training=PackedPairs(split.train_users, split.train_items),
            known=PackedPairs(rows.users, rows.items),
            feedback=self.task.feedback,
            papers=papers,
        )

    @property
    def _scorer(self) -> Scorer:
        return full_scorer(self.course.net, n_items=self.split.n_items, device=self.course.device)

    @property
    def _predictor(self) -> CandidateScorer:
        return pair_scorer(self.course.net, device=self.course.device)

    def _rank(self, scorer: Scorer, holdout: Holdout, *, part: str) -> RankingResult:
        evaluation = self.task.evaluation
        seen = mask_of(
            self.split, "validation" if part == "validation" else "test", negatives=evaluation.negatives
        )
        return evaluate_ranking(
            scorer,
            holdout,
            seen=seen,
            k=evaluation.k,
            negatives=evaluation.negatives,
            seed=self.course.spec.seed,
        )

    def _ranking_candidates(self, ask: Ask) -> list[Candidate[RankingResult]]:
        net = self._rank(asking(self._scorer, ask), self.split.test, part="test")
        wanted = RANKING if self.course.spec.judge == "full" else ()
        baselines = (self._ranked_baseline(name, ask) for name in wanted)
        return [Candidate(self.course.spec.net.name, "net", net), *baselines]

    def _ranked_baseline(self, name: str, ask: Ask) -> Candidate[RankingResult]:
        """Fit and judge a baseline; each of its settings is asked before, and each chunk of users."""

        def judge(scorer: Scorer) -> float:
            tried = self._rank(asking(scorer, ask), self.split.validation, part="validation")
            return tried.metrics[self.main_metric] or 0.0

        ask()
        try:
            fitted: Ranker = RANKING[name].fit(self._pairs(), judge=judge)
            result = self._rank(asking(fitted.scores, ask), self.split.test, part="test")
        except (Refused, Diverged) as error:
            return Candidate(name, "baseline", None, refused=error.detail)
        return Candidate(name, "baseline", result, settings=fitted.settings)

    def _rate(self, predict: CandidateScorer, holdout: Holdout) -> RatingResult:
        low, high = self._rating_range()
        return evaluate_ratings(predict, holdout, low=low, high=high)

    def _rating_candidates(self, ask: Ask) -> list[Candidate[RatingResult]]:
        net = self._rate(asking(self._predictor, ask), self.split.test)
        found = [Candidate(self.course.spec.net.name, "net", net)]
        wanted = RATING if self.course.spec.judge == "full" else {}
        for name, baseline in wanted.items():
            ask()
            predict = baseline.fit(self._pairs(), _ratings(self.split))
            result = self._rate(asking(predict, ask), self.split.test)
            found.append(Candidate(name, "baseline", result))
        return found

    def _rating_range(self) -> tuple[float, float]:
        ratings = _ratings(self.split)
        return float(ratings.min()), float(ratings.max())

    def _pairs(self) -> Pairs:
        split = self.split
        return Pairs(split.train_users, split.train_items, split.n_users, split.n_items)


def plan_recommend(
    session: Session, *, spec: JobSpec, schedule: ResolvedSchedule, device: torch.device
) -> RecommendPlan:
    """Read the interactions, split them, and build the net on its device."""
    task = spec.task
    assert isinstance(task, RecommendTask)  # noqa: S101 - the kind of the job says so
    interactions = load_interactions(session.storage, *session.dataset)
    split = split_interactions(interactions, protocol=task.evaluation.protocol, seed=spec.seed)
    explicit = task.feedback == "explicit"
    sizes = Sizes(
        users=split.n_users, items=split.n_items, start=float(_ratings(split).mean()) if explicit else 0.0
    )
    negatives = 0 if explicit else getattr(spec.net, "negatives", 0)
    batches = PairBatches(
        _pairs_of(split, split.train_users, split.train_items, split.train_ratings if explicit else None),
        plan=EpochPlan(rows=len(split.train_users), batch_size=spec.batch_size, seed=spec.seed),
        negatives=negatives,
        device=device,
    )
    course = Course(
        spec=spec,
        schedule=schedule,
        device=device,
        net=build(spec.net, sizes, seed=spec.seed).to(device),
        batches=batches,
        objective=objective_of(
            task="recommend", feedback=task.feedback, loss=getattr(spec.net, "loss", None)
        ),
        samples_per_row=1 + negatives,
    )
    chosen = sample_users(split.validation, seed=spec.seed)
    held_out = held_out_pairs(
        _pairs_of(split, chosen.users, chosen.items, chosen.ratings if explicit else None),
        batches,
        seed=spec.seed,
    )
    return RecommendPlan(course, task, interactions, split, held_out)


def _pairs_of(split: InteractionSplit, users: Ints, items: Ints, ratings: Floats32 | None) -> TrainingPairs:
    return TrainingPairs(users, items, ratings, split.n_users, split.n_items)


def sample_users(holdout: Holdout, *, seed: int, limit: int = VALIDATION_USERS) -> Holdout:
    """Return the rows of at most `limit` users, drawn once from the seed."""
    users = np.unique(holdout.users)
    if len(users) <= limit:
        return holdout
    chosen = np.random.default_rng(seed).choice(users, size=limit, replace=False)
    rows = np.isin(holdout.users, chosen)
    ratings = None if holdout.ratings is None else holdout.ratings[rows]
    return Holdout(holdout.users[rows], holdout.items[rows], ratings)


def _ratings(split: InteractionSplit) -> np.ndarray[Any, np.dtype[np.float32]]:
    if split.train_ratings is None:
        raise Refused("explicit feedback needs ratings; the data set has none", code="no_ratings")
    return split.train_ratings
