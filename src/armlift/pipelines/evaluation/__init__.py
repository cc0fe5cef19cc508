"""Recommenders compared offline, and what came of it."""

from armlift.pipelines.evaluation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
