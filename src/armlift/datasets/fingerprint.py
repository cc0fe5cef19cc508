"""Content hash of tables, so that a run can say on exactly which data it was made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

from armlift.errors import DataError

# Part of the hash: a change of the encoding below must change it, as equal tables then hash differently.
ENCODING = "armlift-tables-1"


def fingerprint(tables: Mapping[str, pd.DataFrame]) -> str:
    """Hash the content of tables with SHA-256.

    What counts: table names, column names, logical types, values, nulls and the row order, as each table has
    one order and models trained by stochastic gradients depend on it. What does not: the index, the order of
    tables and columns, and how pandas stores a column (`object`, `str` or Arrow strings; `int64` or `Int64`;
    NaN or NA). So a Parquet round trip keeps the fingerprint. The bytes hashed are defined here and not by
    pandas, so it is the same in another process, on another platform and with another version of pandas.

    Args:
        tables: Tables by name, with columns of integers, floats, booleans, timestamps or strings.

    Returns:
        64 hexadecimal digits.

    Raises:
        DataError: A column has another type.

    Example:
        >>> fingerprint({"users": pd.DataFrame({"user_id": [1, 2]})})[:16]
        'a32fefda12f31322'
    """
    digest = hashlib.sha256(ENCODING.encode())
    for name, table in sorted(tables.items()):
        digest.update(_header(name, len(table), len(table.columns)))
        for label, column in sorted(table.items(), key=lambda pair: str(pair[0])):
            kind, values = _encode(column, where=f"table {name}, column {label}")
            digest.update(_header(str(label), kind))
            digest.update(column.isna().to_numpy(dtype=bool).tobytes())
            digest.update(values)
    return digest.hexdigest()


def _header(*fields: str | int) -> bytes:
    # One line of JSON, as different fields then never give the same bytes.
    return json.dumps(fields).encode() + b"\n"


def _encode(column: pd.Series, where: str) -> tuple[str, bytes]:
    """Logical type of a column and its values as little-endian bytes, in which nulls have a fixed filler."""
    stored: Any = column.dtype
    if stored.kind in "biuf":  # booleans, integers, floats
        dtype = np.dtype(getattr(stored, "numpy_dtype", stored)).newbyteorder("<")
        return dtype.name, column.to_numpy(dtype=dtype, na_value=dtype.type().item()).tobytes()
    if stored.kind == "M":
        kind = f"datetime64[{column.dt.unit}, {column.dt.tz}]"
        return kind, column.to_numpy(dtype=f"<M8[{column.dt.unit}]").tobytes()
    text = column.astype(object)
    if infer_dtype(text, skipna=True) not in ("string", "empty"):
        raise DataError(
            f"{where}: type {column.dtype} has no fingerprint; allowed are integers, floats, booleans, "
            "timestamps and strings. Convert the column first."
        )
    words = text.where(text.notna(), "").tolist()
    # The lengths (in characters) tell where a value ends: "ab", "c" are not "a", "bc".
    lengths = np.fromiter(map(len, words), dtype="<i8", count=len(words))
    return "string", lengths.tobytes() + "".join(words).encode("utf-8", "surrogatepass")
