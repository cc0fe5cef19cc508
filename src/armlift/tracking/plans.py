"""A plan as a run: what was planned, what the rule does, and a child run for each rule."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from armlift.tracking.client import child_run, entity_key, log_batches, tracking_client

_RATES = ("declared_winner_rate", "standard_error", "median_stop_look", "mean_users", "mean_days")


def log_plan(run_id: str, record: Mapping[str, Any], words: str) -> None:
    """Log a plan to its own run.

    Its design becomes parameters under `plan.`, the rule's rates metrics `<scenario>/<name>`, its words the
    note and `plan.txt`, and the whole of it `plan.json`.

    Args:
        run_id: Run of the plan.
        record: The plan as `armlift plan --json` prints it.
        words: The plan in words.

    Raises:
        TrackingError: The store cannot be used.
    """
    design = {
        f"plan.{name}": value for name, value in record.items() if isinstance(value, str | int | float | None)
    }
    values = {
        f"{scenario['name']}/{name}": scenario[name] for scenario in record["scenarios"] for name in _RATES
    }
    with tracking_client() as client:
        log_batches(client, run_id, parameters=design, metrics=_metrics(values))
        client.set_tag(run_id, "mlflow.note.content", f"```\n{words}\n```")
        client.set_tag(run_id, "decision_rule", record["rule"])
        client.log_text(run_id, words, "plan.txt")
        client.log_dict(run_id, dict(record), "plan.json")


def log_rule_runs(run_id: str, characteristics: pd.DataFrame) -> None:
    """Log every decision rule as a child run of its own, named by the rule's id.

    Args:
        run_id: Parent run.
        characteristics: Table `operating_characteristics`.

    Raises:
        TrackingError: The store cannot be used.
    """
    with tracking_client() as client:
        for rule, rows in characteristics.groupby("rule", sort=False):
            values = {f"{row['scenario']}/{name}": row[name] for _, row in rows.iterrows() for name in _RATES}
            with child_run(client, run_id, str(rule)) as child:
                log_batches(client, child, metrics=_metrics(values))


def log_tables(run_id: str, tables: Mapping[str, pd.DataFrame]) -> None:
    """Log tables as `tables/<name>.json`, which MLflow shows as tables.

    Args:
        run_id: Run to log to.
        tables: Tables by name.

    Raises:
        TrackingError: The store cannot be used.
    """
    with tracking_client() as client:
        for name, table in tables.items():
            # `log_table` writes the same, and pandas warns of how it asks for the columns.
            text = table.to_json(orient="split", index=False, date_format="iso")
            client.log_text(run_id, text, f"tables/{name}.json")


def _metrics(values: Mapping[str, Any]) -> list[Any]:
    """One metric a value; what is null is left out."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [
        Metric(entity_key(name), float(value), now, 0)
        for name, value in values.items()
        if value is not None and np.isfinite(value)
    ]
