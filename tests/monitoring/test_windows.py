"""Windows on a fixed grid, one row for each user in each, and their keys."""

import numpy as np
import pandas as pd
import pytest

from armlift.errors import ParameterError
from armlift.monitoring import DriftWindow, Windows, drift_windows, one_row_per_user

DAY = pd.Timedelta(days=1)


def at(text):
    return pd.Timestamp(text, tz="UTC")


def test_a_window_is_the_same_one_whenever_it_is_looked_at():
    early = Windows.between(at("2024-03-01T13:00"), at("2024-03-08T01:00"), DAY, 3)
    late = Windows.between(at("2024-03-01T13:00"), at("2024-03-12T23:00"), DAY, 3)
    assert [early.bounds(each) for each in early.newer] == [late.bounds(each) for each in late.newer][:3]


def test_a_window_that_began_before_the_first_row_is_none():
    noon = Windows.between(at("2024-03-01T13:00"), at("2024-03-08T01:00"), DAY, 3)
    assert (noon.bounds(0)[0], noon.total) == (at("2024-03-02"), 6)
    minutes = Windows.between(at("2024-03-01T00:10"), at("2024-03-08T01:00"), DAY, 3)
    assert (minutes.bounds(0)[0], minutes.total) == (at("2024-03-01"), 7)


def test_the_newest_windows_follow_their_reference():
    windows = Windows.between(at("2020-01-01"), at("2024-03-10T05:00"), DAY, 7, newest=2)
    assert windows.total == 9
    assert [windows.bounds(each)[0] for each in windows.newer] == [at("2024-03-08"), at("2024-03-09")]
    short = Windows.between(at("2024-03-08"), at("2024-03-10T05:00"), DAY, 7, newest=2)
    assert list(short.newer) == []


def test_rows_know_their_window():
    windows = Windows.between(at("2024-03-01"), at("2024-03-05"), DAY, 1)
    moments = pd.Series([at("2024-02-29T23:59"), at("2024-03-01"), at("2024-03-03T12:00")])
    assert windows.number(moments).tolist() == [-1, 0, 2]
    assert (windows.whole_days, windows.whole_weeks) == (True, False)


@pytest.mark.parametrize(
    ("length", "reference", "newest", "name"),
    [(pd.Timedelta(0), 3, None, "window_hours"), (DAY, 0, None, "reference_windows"), (DAY, 1, -1, "newest")],
)
def test_impossible_windows_are_refused(length, reference, newest, name):
    with pytest.raises(ParameterError, match=name):
        Windows.between(at("2024-03-01"), at("2024-03-05"), length, reference, newest)


def test_one_row_of_each_user_in_each_window_by_the_seed():
    rows = pd.DataFrame({"user_key": list("aabbab"), "window": [0, 0, 0, 1, 1, 1], "x": range(6)})
    drawn = one_row_per_user(rows, seed=1)
    assert not drawn.duplicated(["user_key", "window"]).any()
    assert len(drawn) == 4
    assert drawn["x"].is_monotonic_increasing
    pd.testing.assert_frame_equal(drawn, one_row_per_user(rows, seed=1))
    firsts = [one_row_per_user(rows, seed=seed)["x"].iloc[0] for seed in range(60)]
    assert 15 < np.sum(np.equal(firsts, 0)) < 45


def test_causes_are_gathered_by_window():
    days = [at("2024-03-01"), at("2024-03-02"), at("2024-03-03")]
    rows = [
        (days[1], days[2], "live", "clicks.genre"),
        (days[0], days[1], "live", "svd.ctr"),
        (days[1], days[2], "live", "svd.ctr"),
    ]
    assert drift_windows(rows) == [
        DriftWindow(days[0], days[1], "live", ("svd.ctr",)),
        DriftWindow(days[1], days[2], "live", ("clicks.genre", "svd.ctr")),
    ]
    assert drift_windows(rows)[0].key == "live-20240301T0000-20240302T0000"
