"""Kedro pipelines: data, training and simulation."""
