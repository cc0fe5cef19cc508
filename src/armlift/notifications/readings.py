"""Alarms of what was measured on live traffic: guardrails, sample ratio, drift."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from armlift.notifications.alarm import Alarm

if TYPE_CHECKING:
    import pandas as pd


class _Sort(NamedTuple):
    metrics: tuple[str, ...]  # beginnings of names
    kind: str
    remedy: str


_SORTS = (
    _Sort(
        ("sample_ratio", "srm"),
        "sample ratio",
        "Trust none of its numbers before the cause is known: look for lost or doubled users, bots and "
        "redirects. `armlift experiments pause` stops it meanwhile.",
    ),
    _Sort(
        ("aa_p_value",),
        "A/A difference",
        "Equal arms look different: check assignment and logging before the next experiment starts.",
    ),
    _Sort(
        ("drift", "decay", "performance"),
        "drift",
        "Read the drift report. Retraining starts by itself; what it trains takes the live arm's place only "
        "through an experiment and the gate.",
    ),
)
_GUARDRAIL = _Sort(
    (),
    "guardrail breach",
    "Look at the experiment and its audit log: `armlift experiments show`. What an autopilot does not roll "
    "back by itself, pause or stop.",
)
_SHOWN = 5


def reading_alarms(readings: pd.DataFrame) -> list[Alarm]:
    """Make alarms of readings that raised one: one for each experiment and sort of reading.

    Args:
        readings: `at`, `experiment_id`, `metric`, `segment`, `value`, `threshold` and `alarm`, in any order.

    Returns:
        Alarms; each names its readings, the newest of each metric first, and since when the first is.
    """
    raised = readings[readings["alarm"].astype(bool)].sort_values("at", ascending=False)
    alarms = []
    sorts = raised["metric"].map(lambda metric: _sort_of(metric).kind)
    for (experiment, _), rows in raised.groupby(["experiment_id", sorts], sort=False):
        sort = _sort_of(str(rows["metric"].iloc[0]))
        newest = rows.drop_duplicates(["metric", "segment"])
        said = [_said(row) for row in newest.head(_SHOWN).to_dict("records")]
        more = f", and {len(newest) - _SHOWN} more" if len(newest) > _SHOWN else ""
        alarms.append(
            Alarm(
                kind=sort.kind,
                subject=str(experiment) or "all traffic",
                what=f"{', '.join(said)}{more}.",
                since=rows["at"].min().to_pydatetime(),
                remedy=sort.remedy,
            )
        )
    return alarms


def _sort_of(metric: str) -> _Sort:
    return next((sort for sort in _SORTS if metric.startswith(sort.metrics)), _GUARDRAIL)


def _said(row: Mapping[Hashable, Any]) -> str:
    where = f" of {row['segment']}" if row["segment"] else ""
    return f"{row['metric']}{where} is {row['value']:.4g}, threshold {row['threshold']:.4g}"
