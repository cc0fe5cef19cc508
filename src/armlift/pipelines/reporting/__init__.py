"""Snapshots of running experiments."""

from armlift.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
