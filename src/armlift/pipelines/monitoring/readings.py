"""The reports as readings for the store."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from armlift.storage.monitoring_rows import Reading

_OF_DRIFT = ("window", "verdict", "test", "p_value", "p_corrected", "jensen_shannon", "rows", "reason")
_OF_DECAY = ("window", "verdict", "reference", "value", "change", "units", "reason")


def readings_of(drift: pd.DataFrame, decay: pd.DataFrame) -> Iterator[Reading]:
    """Give a reading for each feature, `drift:<feature>`, and each arm's metric, `decay:<arm>.<metric>`.

    A reading is about the end of its window; its segment is the source. The value of a drift is the stability
    index, that of a decay the p-value, which is an alarm below its threshold.

    Args:
        drift: Table `drift_report`.
        decay: Table `decay_report`.
    """
    for row in drift.to_dict("records"):
        yield Reading(
            _microseconds(row["end"]),
            f"drift:{row['feature']}",
            row["source"],
            row["psi"],
            row["threshold"],
            row["verdict"] == "drift",
            {name: None if pd.isna(row[name]) else row[name] for name in _OF_DRIFT},
        )
    for row in decay.to_dict("records"):
        yield Reading(
            _microseconds(row["end"]),
            f"decay:{row['arm']}.{row['metric']}",
            row["source"],
            row["p_value"],
            row["threshold"],
            row["verdict"] == "decay",
            {name: None if pd.isna(row[name]) else row[name] for name in _OF_DECAY}
            | {"since": row["since"].isoformat()},
        )


def _microseconds(moment: pd.Timestamp) -> int:
    return int((moment - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(microseconds=1))
