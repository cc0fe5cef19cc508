import numpy as np
import pandas as pd
import pytest

from armlift.bandits import FixedSplit
from armlift.simulation import PolicyRun, bernoulli_world, simulate
from armlift.simulation.trends import cusum, empty_cusum, policy_trend, traffic_share

WORLD = bernoulli_world([0.5, 0.25], ("x", "y"))
#: Three replicates, two checkpoints, two arms.
RUN = PolicyRun(
    policy_id="fixed",
    decisions=np.array([4, 10]),
    pulls=np.array([[[3, 1], [8, 2]], [[2, 2], [5, 5]], [[0, 4], [3, 7]]], dtype=np.int32),
    rewards=np.array([[[2, 0], [4, 1]], [[1, 1], [2, 2]], [[0, 1], [1, 1]]], dtype=np.int32),
    trace=None,
)


def bands(*values):
    """Mean, 5th and 95th percentile of three values: the outer two, a tenth of the way to the middle."""
    low, middle, high = sorted(values)
    return [sum(values) / 3, low + 0.1 * (middle - low), high - 0.1 * (high - middle)]


def of(table, name):
    return table[[f"{name}_mean", f"{name}_p05", f"{name}_p95"]].to_numpy()


def test_trend_by_hand():
    trend = policy_trend([RUN], WORLD)
    assert trend[["policy", "checkpoint", "decisions"]].to_numpy().tolist() == [
        ["fixed", 1, 4],
        ["fixed", 2, 10],
    ]
    np.testing.assert_allclose(of(trend, "cumulative_reward"), [bands(2, 2, 1), bands(5, 4, 2)])
    np.testing.assert_allclose(of(trend, "ctr"), [bands(0.5, 0.5, 0.25), bands(0.5, 0.4, 0.2)])
    np.testing.assert_allclose(
        of(trend, "cumulative_regret"), [bands(0.25, 0.5, 1.0), bands(0.5, 1.25, 1.75)]
    )
    np.testing.assert_allclose(of(trend, "interval_regret"), [bands(0.25, 0.5, 1.0), bands(0.25, 0.75, 0.75)])


def test_traffic_by_hand():
    traffic = traffic_share([RUN], WORLD).set_index(["arm", "checkpoint"])
    np.testing.assert_allclose(of(traffic.loc["x"], "share"), [bands(0.75, 0.5, 0), bands(5 / 6, 0.5, 0.5)])
    np.testing.assert_allclose(of(traffic.loc["y"], "share"), [bands(0.25, 0.5, 1), bands(1 / 6, 0.5, 0.5)])


def test_cusum_by_hand():
    table = cusum(FixedSplit([1, 3]), RUN, WORLD)
    assert table[["arm", "control", "checkpoint", "decisions"]].to_numpy().tolist() == [
        ["y", "x", 1, 4],
        ["y", "x", 2, 10],
    ]
    # Rewards of x count four times, those of y 4 / 3 times.
    first = [0 - 8, 4 / 3 - 4, 4 / 3 - 0]
    last = [4 / 3 - 16, 8 / 3 - 8, 4 / 3 - 4]
    np.testing.assert_allclose(of(table, "cusum"), [bands(*first), bands(*last)])


def test_tables_have_the_agreed_columns(runs, world):
    bands = [f"{{}}_{band}" for band in ("mean", "p05", "p95")]
    series = ("ctr", "cumulative_reward", "cumulative_regret", "interval_regret")
    expected = [
        "policy",
        "checkpoint",
        "decisions",
        *(band.format(name) for name in series for band in bands),
    ]
    assert list(policy_trend(runs, world)) == expected
    assert list(traffic_share(runs, world)) == [
        *expected[:3],
        "arm",
        *(band.format("share") for band in bands),
    ]
    assert len(policy_trend(runs, world)) == 10 * 12
    assert len(traffic_share(runs, world)) == 10 * 12 * 3


def test_bands_enclose_and_rewards_rise(runs, world):
    trend = policy_trend(runs, world)
    for name in ("ctr", "cumulative_reward", "cumulative_regret", "interval_regret"):
        assert (trend[f"{name}_p05"] <= trend[f"{name}_p95"]).all()
    for _, curve in trend.groupby("policy"):
        assert curve["cumulative_reward_mean"].is_monotonic_increasing
        assert (curve["interval_regret_mean"] >= -1e-12).all()
        np.testing.assert_allclose(curve["interval_regret_mean"].cumsum(), curve["cumulative_regret_mean"])
        np.testing.assert_allclose(
            curve["ctr_mean"] * curve["decisions"], curve["cumulative_reward_mean"], rtol=1e-12
        )


def test_traffic_shares_sum_to_one_at_each_checkpoint(runs, world):
    traffic = traffic_share(runs, world)
    sums = traffic.groupby(["policy", "checkpoint"])["share_mean"].sum()
    assert len(sums) == 10 * 12
    np.testing.assert_allclose(sums, 1.0)


def test_traffic_counts_what_came_since_the_last_checkpoint(runs, world):
    traffic = traffic_share(runs, world)
    for run in runs:
        share = traffic[traffic["policy"] == run.policy_id].pivot_table("share_mean", "checkpoint", "arm")
        since = np.diff(run.decisions, prepend=0)[:, None]
        total = (share[list(world.arms)].to_numpy() * since).sum(axis=0)
        np.testing.assert_allclose(total, run.pulls[:, -1].mean(axis=0))


@pytest.mark.parametrize(
    "split", [FixedSplit(), FixedSplit([3, 1, 2]), FixedSplit([3, 1, 2], floor=0.2), FixedSplit(min_pulls=5)]
)
def test_cusum_expects_decisions_times_the_difference(split):
    world = bernoulli_world([0.3, 0.5, 0.2])
    run = simulate(split, world, horizon=400, replicates=600, seed=4, checkpoints=4)
    table = cusum(split, run, world)
    shares = run.pulls[:, -1].mean(axis=0) / 400
    for arm, truth in (("arm_2", 0.2), ("arm_3", -0.1)):
        rows = table[table["arm"] == arm]
        k = world.arms.index(arm)
        difference = run.rewards[:, :, k] / shares[k] - run.rewards[:, :, 0] / shares[0]
        noise = difference.std(axis=0, ddof=1) / np.sqrt(600)
        assert (np.abs(rows["cusum_mean"] - rows["decisions"] * truth) <= 4 * noise).all()
        assert (rows["decisions"] * abs(truth) > 8 * noise).any()  # it can tell


def test_an_empty_cusum_has_the_columns_and_types_of_a_full_one(tmp_path):
    full, empty = cusum(FixedSplit(), RUN, WORLD), empty_cusum()
    assert len(empty) == 0
    assert list(empty) == list(full)
    assert empty.dtypes.tolist() == full.dtypes.tolist()
    empty.to_parquet(tmp_path / "cusum.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "cusum.parquet"), empty)
