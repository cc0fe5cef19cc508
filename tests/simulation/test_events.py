import numpy as np
import pandas as pd
import pytest

from armlift.bandits import UCB1, FixedSplit, ThompsonSampling
from armlift.errors import SimulationError
from armlift.simulation import bernoulli_world, equal_arms_world, simulate
from armlift.simulation.events import arrival_times, decision_table, event_table
from armlift.simulation.trends import check_sums, sums_from_events

START = pd.Timestamp("2024-05-01", tz="UTC")
DECISIONS = {
    "decision_id": "str",
    "ts": "datetime64[us, UTC]",
    "experiment_id": "str",
    "strategy_id": "str",
    "arm_id": "str",
    "propensity": "float64",
    "allocation_version": "int64",
    "user_key": "str",
    "session_id": "str",
    "context": "str",
    "simulated": "bool",
    "bot_flag": "bool",
    "flag_reasons": "string",
}
EVENTS = {
    "event_id": "str",
    "decision_id": "str",
    "ts": "datetime64[us, UTC]",
    "ts_server": "datetime64[us, UTC]",
    "experiment_id": "str",
    "strategy_id": "str",
    "arm_id": "str",
    "propensity": "float64",
    "allocation_version": "int64",
    "user_key": "str",
    "session_id": "str",
    "item_id": "Int64",
    "position": "Int64",
    "event_type": "str",
    "reward": "float64",
    "revenue": "Float64",
    "price": "Float64",
    "quantity": "Int64",
    "device": "string",
    "channel": "string",
    "simulated": "bool",
    "bot_flag": "bool",
    "srm_flag": "bool",
    "guardrail_breach": "bool",
    "flag_reasons": "string",
    "context": "str",
}


def tables(run, world):
    times = arrival_times(len(run.trace.arms), start=START, per_day=1500.0, seed=1)
    decisions = decision_table(run, world, times)
    return decisions, event_table(run, world, decisions)


@pytest.fixture(scope="module")
def written(runs, world):
    """Decisions and events by policy."""
    return {run.policy_id: tables(run, world) for run in runs}


def test_columns_and_types_are_those_of_the_schema(written):
    for decisions, events in written.values():
        assert decisions.dtypes.astype(str).to_dict() == DECISIONS
        assert events.dtypes.astype(str).to_dict() == EVENTS
        assert list(decisions) == list(DECISIONS)
        assert list(events) == list(EVENTS)


def test_types_survive_parquet(written, tmp_path):
    for table in written["thompson"]:
        table.to_parquet(tmp_path / "table.parquet")
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "table.parquet"), table)


def test_sums_from_events_are_the_simulators(runs, written, world):
    assert len(written) == 10
    for run in runs:
        decisions, events = written[run.policy_id]
        pulls, rewards = sums_from_events(decisions, events, world.arms, run.decisions)
        np.testing.assert_array_equal(pulls, run.pulls[0])
        np.testing.assert_array_equal(rewards, run.rewards[0])
        assert rewards[-1].sum() > 0
        check_sums(run, world, decisions, events)


def test_sums_from_events_by_hand():
    decisions = pd.DataFrame({"decision_id": list("abcd"), "arm_id": ["x", "y", "x", "x"]})
    events = pd.DataFrame(
        {
            "decision_id": list("abbcd"),
            "event_type": ["impression", "click_detail", "impression"] + ["click_detail"] * 2,
        }
    )
    pulls, rewards = sums_from_events(decisions, events, ("x", "y", "z"), np.array([1, 3, 4]))
    assert pulls.tolist() == [[1, 0, 0], [2, 1, 0], [3, 1, 0]]
    assert rewards.tolist() == [[0, 0, 0], [1, 1, 0], [2, 1, 0]]


@pytest.mark.parametrize("broken", ["click", "arm"])
def test_events_that_do_not_add_up_are_refused(runs, written, world, broken):
    run = runs[0]
    decisions, events = written[run.policy_id]
    if broken == "click":
        events = events.drop(events.index[events["event_type"] == "click_detail"][0])
    else:
        arms = decisions["arm_id"].to_numpy().copy()
        arms[0] = next(arm for arm in world.arms if arm != arms[0])
        decisions = decisions.assign(arm_id=arms)
    with pytest.raises(SimulationError, match=f"{run.policy_id}: .*replicate 0"):
        check_sums(run, world, decisions, events)


def test_one_impression_and_at_most_one_click_for_each_decision(written):
    for decisions, events in written.values():
        shown = events[events["event_type"] == "impression"]
        clicks = events[events["event_type"] == "click_detail"]
        assert len(shown) + len(clicks) == len(events)
        assert shown["decision_id"].tolist() == decisions["decision_id"].tolist()
        assert clicks["decision_id"].is_unique
        assert clicks["decision_id"].isin(decisions["decision_id"]).all()
        assert (clicks["reward"] == 1.0).all()
        assert shown[["reward", "item_id", "position"]].isna().all(axis=None)
        assert events["simulated"].all()
        assert not events[["bot_flag", "srm_flag", "guardrail_breach"]].any(axis=None)


def test_events_repeat_what_their_decision_says(written):
    for decisions, events in written.values():
        joined = events.merge(decisions, on="decision_id", suffixes=("", "_decided"), validate="many_to_one")
        assert len(joined) == len(events)
        for column in set(DECISIONS) - {"decision_id"}:
            assert (joined[column] == joined[f"{column}_decided"]).all(), column


def test_ids_are_unique_over_policies(written):
    assert pd.concat([decisions["decision_id"] for decisions, _ in written.values()]).is_unique
    assert pd.concat([events["event_id"] for _, events in written.values()]).is_unique


def test_times_ascend_in_utc_and_are_the_same_for_every_policy(written):
    clock = written["fixed"][0]["ts"]
    assert clock.is_monotonic_increasing
    assert clock.is_unique
    assert clock.iloc[0] > START
    assert str(clock.dt.tz) == "UTC"
    for decisions, events in written.values():
        assert decisions["ts"].equals(clock)
        assert events["ts"].is_monotonic_increasing
        assert events["ts_server"].equals(events["ts"].rename("ts_server"))


def test_arrivals_are_a_poisson_stream_of_the_wanted_rate():
    clock = arrival_times(20_000, start=START, per_day=4000.0, seed=3)
    gaps = np.diff(clock) / np.timedelta64(1, "s")
    assert gaps.mean() == pytest.approx(21.6, abs=4 * 21.6 / np.sqrt(20_000))
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)
    assert clock.equals(arrival_times(20_000, start=START, per_day=4000.0, seed=3))
    assert not clock.equals(arrival_times(20_000, start=START, per_day=4000.0, seed=4))


def test_a_session_is_a_user_and_a_day(written):
    decisions = written["fixed"][0]
    day = decisions["ts"].dt.strftime("%Y%m%d")
    assert (decisions["session_id"] == decisions["user_key"] + "-" + day).all()
    assert 1 < day.nunique() < len(decisions)


def test_allocation_versions_are_batches(written):
    for decisions, _ in written.values():
        assert decisions["allocation_version"].tolist() == (np.arange(len(decisions)) // 20).tolist()


def test_clicks_lie_in_the_slate_that_was_shown(written, world):
    row = {f"user-{user}": index for index, user in enumerate(world.user_ids)}
    for _, events in written.values():
        clicks = events[events["event_type"] == "click_detail"]
        users = clicks["user_key"].map(row).to_numpy()
        arms = clicks["arm_id"].map(world.arms.index).to_numpy()
        position = clicks["position"].to_numpy(np.int64)
        assert position.min() >= 0
        assert position.max() < world.items.shape[2]
        np.testing.assert_array_equal(
            world.items[users, arms, position], clicks["item_id"].to_numpy(np.int64)
        )


def test_clicked_positions_are_as_frequent_as_the_click_model_says(world):
    run = simulate(FixedSplit(), world, horizon=40_000, replicates=1, seed=9, traced=True)
    _, events = tables(run, world)
    at = world.position_probability[run.trace.users, run.trace.arms]
    clicked = events["position"].dropna().astype(int)
    counts = np.bincount(clicked, minlength=at.shape[1])
    noise = np.sqrt((at * (1.0 - at)).sum(axis=0))
    assert (np.abs(counts - at.sum(axis=0)) <= 4 * noise).all()
    # The bound is tight enough to tell one position from the next.
    assert (np.abs(np.roll(at, 1, axis=1).sum(axis=0) - at.sum(axis=0)) > 8 * noise).any()


def test_users_arrive_by_their_shares(world):
    run = simulate(FixedSplit(), world, horizon=40_000, replicates=1, seed=9, traced=True)
    counts = np.bincount(run.trace.users, minlength=len(world.user_ids))
    noise = np.sqrt(40_000 * world.arrival_shares * (1.0 - world.arrival_shares))
    assert (np.abs(counts - 40_000 * world.arrival_shares) <= 4.5 * noise).all()


def test_the_floor_is_respected(written):
    for policy, (decisions, _) in written.items():
        if policy == "fixed":
            np.testing.assert_allclose(decisions["propensity"], 1 / 3)
        else:
            assert decisions["propensity"].min() >= 0.05 - 1e-12
        assert decisions["propensity"].max() <= 1.0 - 2 * 0.05 + 1e-12 or policy == "fixed"


@pytest.mark.parametrize("policy", [ThompsonSampling(), UCB1(), FixedSplit([0, 1, 3])], ids=lambda p: p.id)
def test_without_a_floor_no_decision_has_probability_zero(policy, world):
    run = simulate(policy, world, horizon=2000, replicates=1, seed=2, batch_size=50, traced=True)
    assert run.trace.propensities.min() > 0.0
    assert run.trace.propensities.max() <= 1.0 + 1e-12
    if policy.id == "ucb1":
        assert (run.trace.propensities == 1.0).all()
    if policy.id == "fixed":
        np.testing.assert_allclose(run.trace.propensities, np.array([0, 0.25, 0.75])[run.trace.arms])


def test_propensities_match_the_allocation(written, world):
    """Weighting by the inverse propensity gives every arm's traffic and click rate without bias."""
    rates = world.means
    for policy, (decisions, events) in written.items():
        clicked = decisions["decision_id"].isin(
            events.loc[events["event_type"] == "click_detail", "decision_id"]
        )
        weight = 1.0 / decisions["propensity"].to_numpy()
        for arm, rate in zip(world.arms, rates, strict=True):
            played = (decisions["arm_id"] == arm).to_numpy() * weight
            rewarded = played * clicked.to_numpy()
            for estimate, truth in ((played, 1.0), (rewarded, rate)):
                # Decision by decision a martingale difference, so plain variances add up.
                noise = np.sqrt(((estimate - truth) ** 2).sum()) / len(estimate)
                assert abs(estimate.mean() - truth) <= 4 * noise, (policy, arm)


def test_a_world_without_slates_has_clicks_without_items():
    world = bernoulli_world([0.5, 0.2])
    run = simulate(ThompsonSampling(), world, horizon=300, replicates=1, seed=1, traced=True)
    decisions, events = tables(run, world)
    assert events.dtypes.astype(str).to_dict() == EVENTS
    assert events[["item_id", "position"]].isna().all(axis=None)
    assert (events["event_type"] == "click_detail").sum() == run.rewards[0, -1].sum() > 0
    check_sums(run, world, decisions, events)


def test_clicks_of_an_aa_world_lie_in_the_first_arms_slates(world):
    equal = equal_arms_world(world)
    run = simulate(FixedSplit(), equal, horizon=3000, replicates=1, seed=1, traced=True)
    decisions, events = tables(run, equal)
    check_sums(run, equal, decisions, events)
    clicks = events[events["event_type"] == "click_detail"]
    slate = {f"user-{user}": set(items[0]) for user, items in zip(world.user_ids, world.items, strict=True)}
    assert all(item in slate[user] for user, item in zip(clicks["user_key"], clicks["item_id"], strict=True))
