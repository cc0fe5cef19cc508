"""Policies played against the world, and what came of it."""

from armlift.pipelines.simulation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
