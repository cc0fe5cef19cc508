"""Tables of the log as files to keep: CSV and Parquet."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Literal, get_args

import pandas as pd

Format = Literal["csv", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
MOST_ROWS = 50_000
"""Rows in a file, at most: what a session can hold for a moment without harm to others."""

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def as_file(table: pd.DataFrame, kind: Format) -> BytesIO:
    """Write a table into memory.

    In CSV, times are ISO 8601 and texts that a spreadsheet would run as a formula begin with an apostrophe;
    in both, nested values are JSON.

    Args:
        table: What to write; its index is left out.
        kind: File format.

    Returns:
        The file, at its beginning.
    """
    flat = table.apply(_flat)
    file = BytesIO()
    if kind == "parquet":
        flat.to_parquet(file, index=False)
    else:
        flat.apply(_harmless).to_csv(
            file, index=False, date_format="%Y-%m-%dT%H:%M:%S.%f%z", lineterminator="\r\n"
        )
    file.seek(0)
    return file


def _flat(column: pd.Series) -> pd.Series:
    if column.dtype == object:
        return column.map(lambda value: json.dumps(value) if isinstance(value, dict | list) else value)
    return column


def _harmless(column: pd.Series) -> pd.Series:
    """What people sent may begin like a formula: a context, a device, a session id."""
    if not (column.dtype == object or pd.api.types.is_string_dtype(column)):
        return column
    return column.map(
        lambda value: f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value
    )
