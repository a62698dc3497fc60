"""Everything needed to predict, sealed into one file: written here, checked, and served without torch."""

from services.worker.package.diagnosis import Outcome, Validation, diagnosis_package
from services.worker.package.papers import Papers
from services.worker.package.recommender import Names, Pairs, recommender_package

__all__ = [
    "Names",
    "Outcome",
    "Pairs",
    "Papers",
    "Validation",
    "diagnosis_package",
    "recommender_package",
]
