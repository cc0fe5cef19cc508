"""Hyper-parameters searched on validation folds, and the best written where training reads them."""

from armlift.pipelines.tuning.pipeline import create_pipeline

__all__ = ["create_pipeline"]
