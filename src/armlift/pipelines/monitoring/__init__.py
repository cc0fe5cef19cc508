"""Newer data held against what the models were trained on, and what retraining makes of a drift."""

from armlift.pipelines.monitoring.pipeline import create_pipeline, create_retraining_pipeline

__all__ = ["create_pipeline", "create_retraining_pipeline"]
