"""Ratings, items and users, read and checked."""

from armlift.pipelines.data.pipeline import create_pipeline

__all__ = ["create_pipeline"]
