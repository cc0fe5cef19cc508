import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pytest
from experiments.event_log import START, plain_roll_up, random_log
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation.tiny import PlugIn

from armlift.experiments.metrics import METRICS, find_metrics
from armlift.experiments.summary import roll_up, summarise
from armlift.simulation import bernoulli_world, simulate
from armlift.simulation.events import arrival_times, decision_table, event_table
from armlift.statistics.moments import CovariateMean, CovariateRatio, Mean, Proportion, Ratio

# ibis 12 still asks DuckDB 2 for a table by its old name.
ALL = find_metrics(METRICS)


@pytest.fixture(scope="module")
def duck():
    return ibis.duckdb.connect(threads=1)


def table_of(duck, log, zone=None):
    # By way of Arrow, because DuckDB asks pandas for an option that pandas 3 warns about.
    table = pa.Table.from_pandas(log, preserve_index=False)
    if zone is not None:
        ts = pyarrow.compute.assume_timezone(table["ts"], "UTC").cast(pa.timestamp("us", zone))
        table = table.set_column(table.column_names.index("ts"), "ts", ts)
    return duck.create_table("events", table, overwrite=True)


@pytest.fixture(scope="module")
def log():
    return random_log()


@pytest.fixture(scope="module")
def plain(log):
    """The log rolled up by pandas."""
    return plain_roll_up(log)


def plain_statistics(metric, users, *, covariates):
    """The same statistics from rows that pandas summed, one arm after the other."""
    suffixes = ("", "_before") if covariates else ("",)
    block = [f"{column}{suffix}" for suffix in suffixes for column in metric.columns]
    if covariates:
        kind = CovariateRatio if metric.kind == "ratio" else CovariateMean
    elif metric.kind == "proportion":
        return [Proportion(len(mine), mine[block[0]].sum()) for _, mine in users.groupby("arm")]
    else:
        kind = Ratio if metric.kind == "ratio" else Mean
    return [
        kind.from_columns(*(mine[column].to_numpy() for column in block)) for _, mine in users.groupby("arm")
    ]


@pytest.mark.parametrize("covariates", [False, True])
@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_what_pandas_finds(duck, log, plain, name, covariates):
    (metric,) = find_metrics([name])
    since = log if covariates else log[log["ts"] >= START]
    summary = summarise(table_of(duck, since), [metric], start=START if covariates else None)
    assert summary.arms == ("a", "b", "c")
    found = summary.statistics[name]
    expected = plain_statistics(metric, plain, covariates=covariates)
    assert type(found) is type(expected[0])
    for arm, golden in enumerate(expected):
        assert found.n[arm] == golden.n
        np.testing.assert_allclose(found.value[arm], golden.value, rtol=1e-12)
        np.testing.assert_allclose(found.variance[arm], golden.variance, rtol=1e-11)
        if covariates:
            np.testing.assert_allclose(found.mean[arm], golden.mean, rtol=1e-12)
            np.testing.assert_allclose(found.scatter[arm], golden.scatter, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Seoul"])
@pytest.mark.parametrize("clock", [None, "UTC", "Asia/Seoul"])
def test_the_start_is_one_moment_in_every_zone(duck, log, plain, zone, clock):
    start = START if clock is None else START.tz_localize("UTC").tz_convert(clock)
    events = table_of(duck, log, zone)
    users = roll_up(events, find_metrics(["ctr"]), start=start.to_pydatetime())
    sums = users.aggregate(after=users.impressions.sum(), before=users.impressions_before.sum()).to_pyarrow()
    assert sums["after"][0].as_py() == plain["impressions"].sum()
    assert sums["before"][0].as_py() == plain["impressions_before"].sum()


def test_cvr_is_divided_by_what_the_brief_says(duck, log, plain):
    for denominator in ("clicks", "impressions"):
        (cvr,) = find_metrics(["cvr"], cvr_denominator=denominator)
        found = summarise(table_of(duck, log[log["ts"] >= START]), [cvr]).statistics["cvr"].sum()
        assert found.value == pytest.approx(plain["purchases"].sum() / plain[denominator].sum())
    (cvr,) = find_metrics(["cvr"], cvr_denominator="users")
    found = summarise(table_of(duck, log[log["ts"] >= START]), [cvr]).statistics["cvr"].sum()
    assert found.value == pytest.approx(plain["purchases"].mean())


def test_segments_pool_to_the_whole(duck, log):
    events = table_of(duck, log)
    whole = summarise(events, ALL, start=START)
    split = summarise(events, ALL, start=START, segment="device")
    assert split.segments == ("desktop", "mobile")
    for name, statistics in split.statistics.items():
        assert statistics.n.shape == (3, 2)
        pooled = statistics.sum(axis=1)
        np.testing.assert_allclose(pooled.mean, whole.statistics[name].mean, rtol=1e-12)
        np.testing.assert_allclose(pooled.scatter, whole.statistics[name].scatter, rtol=1e-10, atol=1e-9)


def test_unknown_segment_is_a_segment(duck, log):
    nowhere = log.assign(device=log["device"].where(log["device"] == "mobile"))
    summary = summarise(table_of(duck, nowhere), find_metrics(["clicked"]), segment="device")
    assert summary.segments == ("mobile", "unknown")


def test_arms_stand_in_the_order_given_and_may_be_empty(duck, log):
    summary = summarise(table_of(duck, log), find_metrics(["ctr", "clicked"]), arms=["c", "z", "a"])
    assert summary.arms == ("c", "z", "a")
    for statistics in summary.statistics.values():
        assert statistics.n[1] == 0.0
        assert statistics.value[1] == statistics.variance[1] == 0.0
        assert statistics.n[0] > 0.0


def test_no_events_at_all(duck, log):
    summary = summarise(table_of(duck, log[:0].astype(log.dtypes)), ALL, arms=["a", "b"], start=START)
    assert all((statistics.n == 0.0).all() for statistics in summary.statistics.values())
    split = summarise(table_of(duck, log[:0].astype(log.dtypes)), ALL, arms=["a", "b"], segment="device")
    assert all(statistics.n.shape == (2, 0) for statistics in split.statistics.values())


def test_a_large_mean_does_not_swallow_the_variance(duck):
    rng = np.random.default_rng(4)
    revenue = 1e9 + rng.normal(size=2000)
    log = pd.DataFrame(
        {
            "arm_id": "a",
            "user_key": np.arange(2000).astype(str),
            "event_type": "purchase",
            "revenue": revenue,
        }
    )
    found = summarise(table_of(duck, log), find_metrics(["revenue_per_user"])).statistics["revenue_per_user"]
    assert found.variance[0] == pytest.approx(revenue.var(ddof=1), rel=1e-6)
    from_squares = (revenue**2).mean() - revenue.mean() ** 2
    assert from_squares != pytest.approx(revenue.var(ddof=1), rel=1e-2)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**16), parts=st.integers(2, 3))
def test_summaries_of_parts_of_the_users_add_up(duck, seed, parts):
    log = random_log(seed=seed, users=25, events=300, arms=("a", "b"))
    metrics = find_metrics(["ctr", "conversion", "revenue_per_user"])
    shuffled = log.sample(frac=1.0, random_state=seed)
    whole = summarise(table_of(duck, shuffled), metrics, arms=["a", "b"], start=START)
    part = log["user_key"].str.removeprefix("user-").astype(int) % parts
    pieces = [
        summarise(table_of(duck, log[part == number]), metrics, arms=["a", "b"], start=START).statistics
        for number in range(parts)
    ]
    for name, statistics in whole.statistics.items():
        merged = sum((piece[name] for piece in pieces[1:]), start=pieces[0][name])
        np.testing.assert_allclose(merged.n, statistics.n)
        np.testing.assert_allclose(merged.mean, statistics.mean, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(merged.scatter, statistics.scatter, rtol=1e-9, atol=1e-8)


def test_simulated_events_are_measured_like_any_others(duck, tmp_path):
    world = bernoulli_world([0.1, 0.4])
    run = simulate(PlugIn(), world, horizon=3000, replicates=1, seed=2, batch_size=50, traced=True)
    times = arrival_times(3000, start=pd.Timestamp("2026-01-01", tz="UTC"), per_day=1000.0, seed=1)
    events = event_table(run, world, decision_table(run, world, times))
    events.to_parquet(tmp_path / "events.parquet")
    metrics = find_metrics(["ctr", "reward_per_user", "revenue_per_user"])
    summary = summarise(duck.read_parquet(tmp_path / "events.parquet"), metrics)
    clicks = events["event_type"] == "click_detail"
    for number, arm in enumerate(summary.arms):
        mine = events["arm_id"] == arm
        assert summary.statistics["ctr"].value[number] == pytest.approx(
            (mine & clicks).sum() / (mine & ~clicks).sum()
        )
        per_user = (mine & clicks).sum() / events.loc[mine, "user_key"].nunique()
        assert summary.statistics["reward_per_user"].value[number] == pytest.approx(per_user)
        assert summary.statistics["revenue_per_user"].value[number] == 0.0
