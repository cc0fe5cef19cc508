from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from armlift.reporting.checkpoints import binned, interval_lengths, thin


@given(st.integers(1, 300))
def test_thinning_keeps_both_ends(size: int) -> None:
    frame = pd.DataFrame({"checkpoint": np.repeat(np.arange(size), 2)})
    kept = thin(frame)["checkpoint"]
    assert {0, size - 1} <= set(kept)
    assert kept.nunique() == min(size, 50)
    assert (kept.value_counts() == 2).all()


def test_interval_lengths_start_at_zero() -> None:
    assert list(interval_lengths(pd.Series([10, 30, 10, 60]))) == [10, 20, 10, 30]


@given(st.lists(st.integers(1, 500), min_size=1, max_size=120))
def test_bins_cover_all_decisions_and_keep_the_weighted_mean(lengths: list[int]) -> None:
    decisions = np.cumsum(lengths)
    value = np.linspace(0, 1, len(lengths))
    frame = pd.DataFrame({"policy": "a", "decisions": decisions, "share": value})
    bins = binned(frame, ["policy"], "share")
    assert len(bins) <= 25
    assert bins["start"].iloc[0] == 0
    assert bins["end"].iloc[-1] == decisions[-1]
    assert (bins["start"].to_numpy()[1:] == bins["end"].to_numpy()[:-1]).all()
    total = (bins["value"] * (bins["end"] - bins["start"])).sum()
    assert total == pytest.approx((value * lengths).sum())
