"""Nodes of the data pipeline."""

from __future__ import annotations

import pandas as pd

from armlift.pipelines.parameters import DataParameters


def read_data(
    data: DataParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Read the source, and what was ingested if wanted, into `ratings`, `items`, `users` and `rejects`."""
    from armlift.datasets import load_dataset
    from armlift.datasets.ingested import with_ingested

    tables = load_dataset(data.source, data.path, data.on_bad_rows, data.seed)
    if data.ingested is not None:
        tables = with_ingested(tables, data.ingested)
    return tables.ratings, tables.items, tables.users, tables.rejects


def describe_data(
    ratings: pd.DataFrame,
    items: pd.DataFrame,
    users: pd.DataFrame,
    rejects: pd.DataFrame,
    data: DataParameters,
) -> dict[str, str | int]:
    """Content hash, origin and size of the processed tables: the data snapshot of a run."""
    from armlift.datasets import fingerprint

    return {
        "hash": fingerprint({"ratings": ratings, "items": items, "users": users}),
        "source": data.source,
        "path": "generated" if data.path is None else str(data.path),
        "ratings": len(ratings),
        "items": len(items),
        "users": len(users),
        "rejects": len(rejects),
    }
