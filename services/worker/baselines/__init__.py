"""What a net must beat: baselines fitted on the same training rows and judged on the same test rows."""

from __future__ import annotations

from services.worker.baselines.bias import DampedMeans
from services.worker.baselines.boosted import BoostedTrees
from services.worker.baselines.ease import Ease
from services.worker.baselines.logistic import LogisticRegression
from services.worker.baselines.popularity import Popularity
from services.worker.baselines.ranking import Pairs, Ranker, RankingBaseline
from services.worker.baselines.records import Classifier, RecordBaseline, Table

RANKING: dict[str, RankingBaseline] = {"popularity": Popularity(), "ease": Ease()}
RATING: dict[str, DampedMeans] = {"damped_means": DampedMeans()}
RECORDS: dict[str, RecordBaseline] = {
    "logistic_regression": LogisticRegression(),
    "boosted_trees": BoostedTrees(),
}

__all__ = [
    "RANKING",
    "RATING",
    "RECORDS",
    "Classifier",
    "Pairs",
    "Ranker",
    "RankingBaseline",
    "RecordBaseline",
    "Table",
]
