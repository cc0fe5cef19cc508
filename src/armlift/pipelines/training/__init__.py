"""Recommenders, trained and asked for slates."""

from armlift.pipelines.training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
