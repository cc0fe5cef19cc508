"""A monitoring as a run: how far each feature lies from its reference, window by window."""

from __future__ import annotations

import math

import pandas as pd

from armlift.tracking.client import entity_key, log_batches, tracking_client


def log_drift(run_id: str, drift: pd.DataFrame, decay: pd.DataFrame, words: str) -> None:
    """Log a monitoring to its own run.

    The stability index is the metric `psi/<source>/<feature>`, an arm's performance
    `<metric>/<source>/<arm>`; the time of a value is its window's end, its step the window's number. The
    words become the note.

    Args:
        run_id: Run of the monitoring.
        drift: Table `drift_report`.
        decay: Table `decay_report`.
        words: What was found, in words.

    Raises:
        TrackingError: The store cannot be used.
    """
    from mlflow.entities import Metric

    metrics = []
    for table, value, names in (
        (drift, "psi", [f"psi/{row.source}/{row.feature}" for row in drift.itertuples()]),
        (decay, "value", [f"{row.metric}/{row.source}/{row.arm}" for row in decay.itertuples()]),
    ):
        if table.empty:
            continue
        steps = table.groupby("source")["end"].rank(method="dense")
        for name, number, end, step in zip(names, table[value], table["end"], steps, strict=True):
            if math.isfinite(number):
                moment = int(end.timestamp() * 1000)
                metrics.append(Metric(entity_key(name), float(number), moment, int(step)))
    with tracking_client() as client:
        log_batches(client, run_id, metrics=metrics)
        client.set_tag(run_id, "mlflow.note.content", f"```\n{words}\n```")
