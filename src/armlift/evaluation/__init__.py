"""Offline evaluation: metrics, protocols, segments and comparisons of recommenders."""

from armlift.evaluation.comparison import compare_models, compare_paired, corrected_resampled_t
from armlift.evaluation.cross_validation import (
    CrossValidation,
    Evaluation,
    Settings,
    cross_validate,
    repeated_temporal_splits,
)
from armlift.evaluation.protocols import evaluate_clicks, evaluate_ranking, evaluate_ratings
from armlift.evaluation.results import ClickResult, Protocol, RankingResult, RatingResult, direction
from armlift.evaluation.segments import find_segments, segment_metrics

__all__ = [
    "ClickResult",
    "CrossValidation",
    "Evaluation",
    "Protocol",
    "RankingResult",
    "RatingResult",
    "Settings",
    "compare_models",
    "compare_paired",
    "corrected_resampled_t",
    "cross_validate",
    "direction",
    "evaluate_clicks",
    "evaluate_ranking",
    "evaluate_ratings",
    "find_segments",
    "repeated_temporal_splits",
    "segment_metrics",
]
