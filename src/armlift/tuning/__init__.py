"""Hyper-parameters chosen on validation folds, never on what is reported."""

from armlift.tuning.folds import ratings_for_tuning, validation_folds
from armlift.tuning.objective import METRICS, Criterion, Objective
from armlift.tuning.pruning import MedianPruning, NoPruning, PruningRule, SuccessiveHalving
from armlift.tuning.rounds import Search
from armlift.tuning.search import tune
from armlift.tuning.space import Choices, Interval, Range, search_space
from armlift.tuning.trials import TrialResult, TuningResult
from armlift.tuning.tuned import read_tuned

__all__ = [
    "METRICS",
    "Choices",
    "Criterion",
    "Interval",
    "MedianPruning",
    "NoPruning",
    "Objective",
    "PruningRule",
    "Range",
    "Search",
    "SuccessiveHalving",
    "TrialResult",
    "TuningResult",
    "ratings_for_tuning",
    "read_tuned",
    "search_space",
    "tune",
    "validation_folds",
]
