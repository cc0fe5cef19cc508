import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tea_tasting as tt
from calibration import assert_coverage, assert_rate
from experiments.event_log import START, random_log
from scipy import stats
from statsmodels.api import OLS
from statsmodels.stats.proportion import confint_proportions_2indep

from armlift.errors import ParameterError
from armlift.experiments.analysis import analyse, compare
from armlift.experiments.metrics import find_metrics
from armlift.experiments.summary import Summary, roll_up, summarise
from armlift.statistics.effect import Reason
from armlift.statistics.effects import difference
from armlift.statistics.moments import Proportion

# ibis 12 still asks DuckDB 2 for a table by its old name.
METRICS = find_metrics(["ctr", "conversion", "revenue_per_user", "reward_per_user"])


@pytest.fixture(scope="module")
def duck():
    return ibis.duckdb.connect(threads=1)


@pytest.fixture(scope="module")
def events(duck):
    log = random_log(seed=5, users=400, events=12_000, arms=("a", "b"))
    return duck.create_table("log", pa.Table.from_pandas(log, preserve_index=False))


@pytest.fixture(scope="module")
def during(events):
    return events.filter(events.ts >= START.to_pydatetime())


@pytest.fixture(scope="module")
def users(events):
    """Users of the experiment as rows, with what they did before."""
    table = roll_up(events, METRICS, start=START.to_pydatetime()).to_pyarrow()
    return pd.DataFrame(table.to_pydict())


def assert_same(effect, at, peer):
    """Effect, interval and p-value of tea-tasting's result."""
    assert effect.estimate[at] == pytest.approx(peer.effect_size, rel=1e-9)
    assert effect.low[at] == pytest.approx(peer.effect_size_ci_lower, rel=1e-9)
    assert effect.high[at] == pytest.approx(peer.effect_size_ci_upper, rel=1e-9)
    assert effect.p_value[at] == pytest.approx(peer.pvalue, rel=1e-9)


def test_tea_tasting_finds_the_same(during):
    analysis = analyse(during, METRICS, "a")
    # We compare ratios by the normal distribution, tea-tasting by Student's t unless told.
    peer = tt.Experiment(
        ctr=tt.RatioOfMeans("clicks", "impressions", use_t=False),
        revenue_per_user=tt.Mean("revenue"),
        reward_per_user=tt.Mean("reward"),
        variant="arm_id",
    ).analyze(roll_up(during, METRICS), control="a")
    assert analysis.metrics == ("ctr", "conversion", "revenue_per_user", "reward_per_user")
    assert_same(analysis.absolute, (0, 0), peer["ctr"])
    assert_same(analysis.absolute, (2, 0), peer["revenue_per_user"])
    assert_same(analysis.absolute, (3, 0), peer["reward_per_user"])
    for number, name in enumerate(analysis.metrics):
        if name != "conversion":
            assert analysis.value[number] == pytest.approx([peer[name].control, peer[name].treatment])
            relative = analysis.relative.estimate[number, 0]
            assert relative == pytest.approx(peer[name].rel_effect_size, rel=1e-9)


def test_conversion_is_statsmodels_wald_interval(during, users):
    analysis = analyse(during, METRICS, "a")
    bought = users.groupby("arm_id")["any_purchases"].agg(["sum", "count"])
    low, high = confint_proportions_2indep(
        *bought.loc["b"], *bought.loc["a"], method="wald", compare="diff", correction=False
    )
    assert analysis.absolute.low[1, 0] == pytest.approx(low, rel=1e-9)
    assert analysis.absolute.high[1, 0] == pytest.approx(high, rel=1e-9)


def test_adjusted_effect_is_the_regression_coefficient(events, users):
    """CUPED with one theta inside the arms is the regression on arm and covariate."""
    analysis = analyse(events, METRICS, "a", start=START.to_pydatetime())
    for number, column in ((1, "any_purchases"), (2, "revenue"), (3, "reward")):
        x = np.column_stack([np.ones(len(users)), users["arm_id"] == "b", users[f"{column}_before"]])
        fit = OLS(users[column].to_numpy(), x.astype(float)).fit()
        assert analysis.absolute.estimate[number, 0] == pytest.approx(fit.params[1], rel=1e-8)
        assert analysis.absolute.standard_error[number, 0] == pytest.approx(fit.bse[1], rel=0.02)


def test_adjusted_effect_is_near_tea_tastings(events, users):
    analysis = analyse(events, METRICS, "a", start=START.to_pydatetime())
    # tea-tasting estimates theta across both arms, the difference between them included; we inside the arms.
    peer = tt.Experiment(
        ctr=tt.RatioOfMeans("clicks", "impressions", "clicks_before", "impressions_before", use_t=False),
        revenue_per_user=tt.Mean("revenue", "revenue_before", use_t=False),
        variant="arm_id",
    ).analyze(pa.Table.from_pandas(users), control="a")
    for number, name in ((0, "ctr"), (2, "revenue_per_user")):
        error = analysis.absolute.standard_error[number, 0]
        assert analysis.absolute.estimate[number, 0] == pytest.approx(
            peer[name].effect_size, abs=0.02 * error
        )
        assert analysis.absolute.low[number, 0] == pytest.approx(
            peer[name].effect_size_ci_lower, abs=0.02 * error
        )


def test_the_primary_metric_keeps_most_of_alpha(during):
    analysis = analyse(during, METRICS, "a", primary_share=0.7)
    raw, adjusted = analysis.absolute.p_value, analysis.adjusted_p_value
    np.testing.assert_allclose(adjusted[0], np.minimum(raw[0] / 0.7, 1.0))
    np.testing.assert_allclose(adjusted[1:], np.minimum(raw[1:] / 0.1, 1.0))


def test_treatments_and_segments_divide_a_metrics_share(duck):
    log = random_log(seed=6, users=300, events=6000, arms=("a", "b", "c"))
    table = duck.create_table("three", pa.Table.from_pandas(log, preserve_index=False), overwrite=True)
    analysis = analyse(table.filter(table.ts >= START.to_pydatetime()), METRICS, "b", segment="device")
    assert analysis.treatments == ("a", "c")
    assert analysis.segments == ("desktop", "mobile")
    assert analysis.absolute.estimate.shape == analysis.variance_reduction.shape == (4, 2, 2)
    assert analysis.value.shape == (4, 3, 2)
    expected = np.minimum(analysis.absolute.p_value[0] / (0.8 / 4), 1.0)
    np.testing.assert_allclose(analysis.adjusted_p_value[0], expected)


def test_table_has_a_row_for_each_comparison(events):
    analysis = analyse(events, METRICS, "a", start=START.to_pydatetime(), segment="device")
    frame = analysis.to_frame()
    assert list(frame["metric"].unique()) == list(analysis.metrics)
    assert len(frame) == 4 * 1 * 2
    row = frame.set_index(["metric", "treatment", "segment"]).loc[("conversion", "b", "mobile")]
    assert row["effect"] == analysis.absolute.estimate[1, 0, 1]
    assert row["control_value"] == analysis.value[1, 0, 1]
    assert row["treatment_value"] == analysis.value[1, 1, 1]
    assert row["reason"] == ""
    assert not frame.isna().any().any()


def test_swapping_the_arms_turns_the_sign(during):
    one, other = analyse(during, METRICS, "a").absolute, analyse(during, METRICS, "b").absolute
    np.testing.assert_allclose(one.estimate, -other.estimate)
    np.testing.assert_allclose(one.low, -other.high)
    np.testing.assert_allclose(one.p_value, other.p_value)


def test_an_arm_without_events_is_a_result_with_a_reason(events):
    for start in (None, START.to_pydatetime()):
        table = events if start else events.filter(events.ts >= START.to_pydatetime())
        analysis = analyse(table, METRICS, "a", arms=["a", "b", "new"], start=start)
        assert (analysis.absolute.reason[:, 1] == Reason.EMPTY_ARM).all()
        assert (analysis.absolute.p_value[:, 1] == 1.0).all()
        assert (analysis.absolute.reason[:, 0] == Reason.NONE).all()
        assert "one of the arms has no data" in set(analysis.to_frame()["reason"])


def test_nothing_at_all_is_a_result_too(events):
    nothing = events.filter(events.user_key == "nobody")
    analysis = analyse(nothing, METRICS, "a", arms=["a", "b"], start=START.to_pydatetime())
    assert (analysis.absolute.reason == Reason.NO_DATA).all()
    assert (analysis.variance_reduction == 0.0).all()


def test_control_and_metrics_must_be_named(during):
    with pytest.raises(ParameterError, match="metrics"):
        analyse(during, [], "a")
    with pytest.raises(ParameterError, match="control"):
        analyse(during, METRICS, "z")
    with pytest.raises(ParameterError, match="two arms or more"):
        analyse(during, METRICS, "a", arms=["a"])


REPLICATES, USERS, LIFT = 600, 80, 1.2
TRUTH = 0.2 * (LIFT - 1.0)  # of the click rates' mean, 4 / (4 + 16)


@pytest.fixture(scope="module")
def replicates(duck):
    """Events of many small experiments in one table, `device` being the number of the experiment.

    Impressions before and during are Poisson with a user's own mean, clicks follow a user's own rate, and
    arm b multiplies it. Arm `twin` is another control.
    """
    rng = np.random.default_rng(11)
    n = REPLICATES * 3 * USERS
    experiment = np.repeat(np.arange(REPLICATES), 3 * USERS)
    arm = np.tile(np.repeat(["a", "b", "twin"], USERS), REPLICATES)
    activity, rate = rng.gamma(4.0, 1.0, n), rng.beta(4.0, 16.0, n)
    blocks = []
    for day, lift in ((-1, np.ones(n)), (1, np.where(arm == "b", LIFT, 1.0))):
        shown = rng.poisson(activity)
        clicked = rng.binomial(shown, np.minimum(rate * lift, 1.0))
        for kind, times in (("impression", shown), ("click_detail", clicked)):
            row = np.repeat(np.arange(n), times)
            blocks.append(
                pa.table(
                    {
                        "ts": np.full(len(row), (START + pd.Timedelta(days=day)).to_datetime64()),
                        "arm_id": arm[row],
                        "user_key": np.char.add("u", row.astype(str)),
                        "event_type": np.full(len(row), kind),
                        "device": experiment[row].astype(str),
                    }
                )
            )
    return duck.create_table("replicates", pa.concat_tables(blocks))


@pytest.mark.parametrize("start", [START.to_pydatetime(), None])
def test_intervals_cover_and_twins_do_not_differ(replicates, start):
    """600 experiments of 80 users an arm, seed 11: coverage 95 %, false positives 5 %, p-values uniform."""
    table = replicates if start else replicates.filter(replicates.ts >= START.to_pydatetime())
    effect = analyse(table, METRICS[:1], "a", start=start, segment="device").absolute
    assert effect.estimate.shape == (1, 2, REPLICATES)
    real, none = 0, 1  # treatments b and twin
    low, high, p_value = effect.low[0], effect.high[0], effect.p_value[0]
    assert_rate((low[real] <= TRUTH) & (high[real] >= TRUTH), 0.95)
    assert_rate((low[none] <= 0.0) & (high[none] >= 0.0), 0.95)
    assert_rate(p_value[none] < 0.05, 0.05)
    assert stats.kstest(p_value[none], "uniform").pvalue > 0.001


def test_clicks_that_are_taken_for_independent_do_not_cover(replicates):
    """The same check fails for an estimator that forgets that a user's clicks belong together."""
    summary = summarise(
        replicates.filter(replicates.ts >= START.to_pydatetime()), METRICS[:1], segment="device"
    )
    clicks, impressions = np.moveaxis(summary.statistics["ctr"].mean * USERS, -1, 0)
    broken = Proportion(impressions.round(), clicks.round())
    with pytest.raises(AssertionError):
        assert_coverage(difference(broken[1], broken[0]), TRUTH)


def test_past_makes_intervals_shorter(replicates):
    after = replicates.filter(replicates.ts >= START.to_pydatetime())
    plain = analyse(after, METRICS[:1], "a", segment="device")
    adjusted = analyse(replicates, METRICS[:1], "a", start=START.to_pydatetime(), segment="device")
    reduction = adjusted.variance_reduction[0, 0].mean()
    assert 0.03 < reduction < 0.5
    ratio = (adjusted.absolute.standard_error**2 / plain.absolute.standard_error**2).mean()
    assert ratio == pytest.approx(1.0 - reduction, abs=0.02)


def test_one_summary_serves_many_comparisons():
    statistics = {"conversion": Proportion([1000, 1000, 0], [100, 130, 0])}
    analysis = compare(Summary(("a", "b", "c"), (), statistics), "a")
    assert analysis.absolute.p_value[0].round(4).tolist() == [0.0353, 1.0]
