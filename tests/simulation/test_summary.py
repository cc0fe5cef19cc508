import numpy as np
import pandas as pd
import pytest
from scipy import stats

from armlift.bandits import POLICIES, UCB1, FixedSplit, create_policy
from armlift.simulation import PolicyRun, bernoulli_world, equal_arms_world, simulate
from armlift.simulation.summary import arm_click_rates, policy_summary, posterior_snapshots

WORLD = bernoulli_world([0.25, 0.5], ("x", "y"))


def run_of(policy_id, best_pulls, rewards):
    """A run of checkpoints 10, 20, ... from the pulls of the best arm, y, since the last one, (R, C)."""
    since = np.asarray(best_pulls)
    pulls = np.stack([10 - since, since], axis=2).cumsum(axis=1).astype(np.int32)
    paid = np.zeros_like(pulls)
    paid[:, -1, 1] = rewards
    return PolicyRun(policy_id, 10 * np.arange(1, since.shape[1] + 1), pulls, paid, None)


FIXED = run_of("fixed", [[5, 5, 5, 5], [4, 5, 6, 5]], [10, 14])
BANDIT = run_of("ucb1", [[2, 8, 7, 9], [3, 9, 9, 10]], [15, 18])


def summarise(policies=None, runs=(FIXED, BANDIT), world=WORLD):
    return policy_summary(policies or [FixedSplit(), UCB1()], runs, world).set_index("policy")


def test_summary_by_hand():
    bandit = summarise().loc["ucb1"]
    assert bandit["reward_mean"] == 16.5
    assert bandit[["reward_p05", "reward_p95"]].tolist() == pytest.approx([15.15, 17.85])
    assert bandit["ctr_mean"] == pytest.approx(16.5 / 40)
    # Replicate 0 played the worse arm 14 times, replicate 1 nine times, at a quarter of a click each.
    assert bandit["regret_mean"] == pytest.approx((3.5 + 2.25) / 2)
    assert bandit[["regret_p05", "regret_p95"]].tolist() == pytest.approx([2.3125, 3.4375])
    assert bandit["best_arm_share"] == pytest.approx((26 + 31) / 2 / 40)
    assert bandit["lift"] == pytest.approx(16.5 / 12 - 1)
    assert bandit["lift_low"] < bandit["lift"] < bandit["lift_high"]


def test_columns():
    bands = [f"{name}_{band}" for name in ("reward", "regret") for band in ("mean", "p05", "p95")]
    expected = [*bands[:3], "ctr_mean", *bands[3:], "best_arm_share", "lift", "lift_low", "lift_high"]
    assert list(summarise()) == [*expected, "decisions_to_best"]


def test_the_fixed_split_has_no_lift_over_itself():
    assert summarise().loc["fixed", ["lift", "lift_low", "lift_high"]].tolist() == [0.0, 0.0, 0.0]


def test_without_a_fixed_split_there_is_no_lift():
    alone = summarise([UCB1()], [BANDIT])
    assert alone[["lift", "lift_low", "lift_high"]].isna().all(axis=None)
    assert alone["reward_mean"].notna().all()


@pytest.mark.parametrize(
    ("best_pulls", "floor", "decisions"),
    [
        ([[8, 8, 8, 8]], 0.0, 10),  # at 80 % from the start
        ([[2, 8, 7, 9]], 0.0, 40),  # what it lost again it had not found
        ([[2, 9, 9, 9]], 0.0, 20),
        ([[9, 9, 9, 7]], 0.0, np.nan),  # lost at the end
        ([[7, 7, 7, 7]], 0.0, np.nan),
        ([[7, 7, 7, 7]], 0.2, 10),  # the floor leaves 80 %, of which 64 % is enough
        ([[2, 10, 8, 8], [2, 6, 8, 8]], 0.0, 20),  # the mean over replicates counts
    ],
)
def test_decisions_to_best_by_hand(best_pulls, floor, decisions):
    run = run_of("ucb1", best_pulls, [9] * len(best_pulls))
    found = summarise([UCB1(floor=floor)], [run])["decisions_to_best"].iloc[0]
    assert found == pytest.approx(decisions, nan_ok=True)


def test_an_aa_world_has_no_arm_to_find():
    equal = equal_arms_world(WORLD)
    run = run_of("ucb1", [[0, 0, 0, 0]], [9])  # all traffic to the first arm, the best by name
    assert np.isnan(summarise([UCB1()], [run], equal)["decisions_to_best"].iloc[0])
    assert summarise([UCB1()], [run], equal)["regret_mean"].iloc[0] == 0.0


def test_summary_agrees_with_the_runs(policies, runs, world):
    summary = policy_summary(policies, runs, world).set_index("policy")
    assert summary.index.tolist() == [run.policy_id for run in runs]
    for run in runs:
        assert summary.loc[run.policy_id, "reward_mean"] == run.rewards[:, -1].sum(axis=1).mean()
    assert (summary["regret_mean"] >= 0.0).all()
    assert summary["decisions_to_best"].dropna().isin(runs[0].decisions).all()


@pytest.fixture(scope="module")
def snapshots(policies, runs, world):
    return posterior_snapshots(policies, runs, world)


def test_snapshots_have_a_row_for_each_policy_checkpoint_and_arm(snapshots, runs, world):
    assert list(snapshots) == [
        "policy", "checkpoint", "decisions", "arm", "observations", "mean",
        "alpha", "beta", "location", "scale", "bound",
    ]  # fmt: skip
    assert len(snapshots) == len(runs) * 12 * len(world.arms)
    assert not snapshots.duplicated(["policy", "checkpoint", "arm"]).any()


def test_snapshots_show_what_had_been_observed(snapshots, runs, world):
    """At checkpoint d the policy knew the rewards of the batches before that of decision d."""
    for run in runs:
        known = (run.decisions - 1) // 20 * 20
        for k, arm in enumerate(world.arms):
            chosen = (run.trace.arms == k).cumsum()
            clicked = (
                (run.trace.arms == k) & (run.trace.draws < world.click_probability[run.trace.users, k])
            ).cumsum()
            seen = snapshots[(snapshots["policy"] == run.policy_id) & (snapshots["arm"] == arm)]
            np.testing.assert_array_equal(seen["observations"], chosen[known - 1])
            if run.policy_id not in ("thompson_discounted", "thompson_window"):
                np.testing.assert_allclose(seen["mean"] * seen["observations"], clicked[known - 1])


def test_beta_posteriors_add_up_with_the_observations(snapshots):
    by_policy = dict(tuple(snapshots.groupby("policy")))
    plain = by_policy["thompson"]
    np.testing.assert_allclose(plain["alpha"] + plain["beta"] - 2, plain["observations"])
    np.testing.assert_allclose(plain["alpha"] - 1, plain["mean"] * plain["observations"])
    np.testing.assert_allclose(plain["bound"], stats.beta.ppf(0.975, plain["alpha"], plain["beta"]))
    window = by_policy["thompson_window"]
    weight = (window["alpha"] + window["beta"] - 2).groupby(window["checkpoint"]).sum()
    known = window.groupby("checkpoint")["observations"].sum()
    assert ((weight <= 200.0) & (weight >= np.minimum(known, 196.0))).all()  # 50 buckets of four rewards
    aged = by_policy["thompson_discounted"]
    weight = (aged["alpha"] + aged["beta"] - 2).groupby(aged["checkpoint"]).sum()
    known = aged.groupby("checkpoint")["observations"].sum()
    np.testing.assert_allclose(weight, (1 - 0.99**known) / 0.01)


def test_normal_posteriors_are_between_prior_and_mean(snapshots):
    gaussian = snapshots[snapshots["policy"] == "thompson_gaussian"]
    weight = gaussian["observations"]
    # The prior of `thompson_gaussian` is that of every Thompson policy: mean 1, worth one observation.
    np.testing.assert_allclose(gaussian["location"], (1 + gaussian["mean"].fillna(0) * weight) / (1 + weight))
    np.testing.assert_allclose(
        gaussian["bound"], gaussian["location"] + 1.959964 * gaussian["scale"], rtol=1e-6
    )
    assert gaussian[["alpha", "beta"]].isna().all(axis=None)


def test_indices_are_bounds_above_the_mean(snapshots):
    index = snapshots[snapshots["policy"].isin(["ucb1", "kl_ucb"])].dropna(subset="mean")
    assert (index["bound"] >= index["mean"]).all()
    ucb = index[index["policy"] == "ucb1"]
    time = ucb.groupby("checkpoint")["observations"].transform("sum")
    np.testing.assert_allclose(ucb["bound"], ucb["mean"] + np.sqrt(2 * np.log(time) / ucb["observations"]))


def test_policies_without_beliefs_have_none(snapshots):
    other = snapshots[snapshots["policy"].isin(["fixed", "epsilon_greedy", "softmax", "plug_in"])]
    assert other[["alpha", "beta", "location", "scale", "bound"]].isna().all(axis=None)


def test_an_unobserved_arm_has_a_prior_and_no_mean():
    policy = create_policy("thompson")
    run = simulate(policy, WORLD, horizon=10, replicates=1, seed=0, batch_size=10, traced=True)
    prior = posterior_snapshots([policy], [run], WORLD)
    assert prior["observations"].tolist() == [0, 0]
    assert prior["mean"].isna().all()
    assert prior[["alpha", "beta"]].to_numpy().tolist() == [[1, 1], [1, 1]]


def test_click_rates_by_hand(world):
    rates = arm_click_rates(world)
    assert list(rates) == ["segment", "arm", "traffic_share", "click_rate", "is_best"]
    whole = rates[rates["segment"] == "all"]
    np.testing.assert_allclose(whole["click_rate"], world.means)
    assert whole.loc[whole["is_best"], "arm"].tolist() == [world.arms[world.best_arm]]
    assert (rates.groupby("segment")["is_best"].sum() >= 1).all()
    heavy = world.segments == "heavy"
    weights = world.arrival_shares[heavy] / world.arrival_shares[heavy].sum()
    np.testing.assert_allclose(
        rates.loc[rates["segment"] == "heavy", "click_rate"], weights @ world.click_probability[heavy]
    )


def test_equal_arms_are_all_best(world):
    assert arm_click_rates(equal_arms_world(world))["is_best"].all()


@pytest.mark.slow
def test_in_an_aa_world_lift_intervals_exclude_zero_no_more_often_than_chance(world):
    """Over 100 seeds the number of false alarms of each policy stays below the binomial's 99.9 % bound."""
    equal = equal_arms_world(world)
    played = [create_policy(name, floor=0.0 if name == "fixed" else 0.05) for name in POLICIES]
    alarms = pd.Series(0, index=[policy.id for policy in played])
    for seed in range(100):
        runs = [
            simulate(policy, equal, horizon=1000, replicates=40, seed=seed, batch_size=100)
            for policy in played
        ]
        lifts = policy_summary(played, runs, equal).set_index("policy")
        alarms += (lifts["lift_low"] > 0.0) | (lifts["lift_high"] < 0.0)
    assert alarms.pop("fixed") == 0
    assert (alarms <= stats.binom.ppf(0.999, 100, 0.05)).all(), alarms
    assert alarms.sum() >= stats.binom.ppf(0.001, 200, 0.05)  # nor are the intervals too wide to err
