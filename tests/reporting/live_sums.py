"""Sums of live traffic, written down by hand."""

from collections.abc import Sequence

import pandas as pd

from armlift.experiments.brief import Brief, load_brief
from armlift.experiments.live_window import LiveSums

BRIEF = "conf/base/briefs/movielens_ab.yml"
START = pd.Timestamp("2026-03-01 12:00", tz="UTC")


def ab(root, **fields: object) -> Brief:
    """Two arms, popularity and lightgbm, in a fixed split; the control is popularity."""
    document = load_brief(root / BRIEF).model_dump(mode="json") | {"minimum_sample": 100} | fields
    if document["cvr_denominator"]:
        document["secondary_metrics"] = ["cvr"]
    return Brief.model_validate(document)


def row(strategy: str, arm: str, n: int, successes: float, **sums: object) -> dict[str, object]:
    """Sums of an arm whose rewards are 0 or 1."""
    counted = LiveSums(decisions=n, rewards=n, reward_total=float(successes), reward_squares=float(successes))
    return {"strategy_id": strategy, "arm_id": arm, **counted._asdict(), **sums}


def table(rows: Sequence[dict[str, object]], **column: Sequence[object]) -> pd.DataFrame:
    return pd.DataFrame(rows).assign(**column)
