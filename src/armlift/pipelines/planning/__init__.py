"""A plan tried before it runs, and what came of it."""

from armlift.pipelines.planning.pipeline import create_pipeline

__all__ = ["create_pipeline"]
