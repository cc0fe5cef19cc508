"""Snapshots of an experiment from its log."""

from datetime import UTC, datetime

import ibis
import pyarrow as pa
import pytest
from live_log import DAY, NOON, SECOND, brief, decision, event, reward

from armlift.experiments.log_rows import Decision, Event
from armlift.experiments.snapshot import snapshot

SINCE = datetime.fromtimestamp((NOON + DAY // 2) / 1e6, UTC)  # midnight after the first day


def _tables(decisions, events):
    """The log as the days' files have it."""
    kinds = dict.fromkeys(("ts", "ts_server"), pa.timestamp("us", "UTC"))
    kinds |= dict.fromkeys(("reward", "revenue", "price", "quantity"), pa.float64())
    found = []
    for rows, row in ((decisions, Decision), (events, Event)):
        columns = zip(row._fields, zip(*rows, strict=True), strict=True)
        table = pa.table({name: pa.array(values, kinds.get(name)) for name, values in columns})
        found.append(ibis.memtable(table))
    return found


def _log(number=400, clicks=lambda n, arm: n % 10 == 0):
    """Users of the fixed split by turns, half of them on each of two days; every user sees one slate."""
    decisions, events = [], []
    for n in range(number):
        arm = ("popularity", "svd")[n % 2]
        made = decision(
            n, user=f"u{n}", ts=NOON + (n // (number // 2)) * DAY + n * SECOND, arm=arm, strategy="split"
        )
        decisions.append(made)
        events.append(event(made))
        if clicks(n // 2, arm):
            events += [event(made, "click_detail"), reward(made).event]
    return decisions, events


@pytest.fixture(scope="module")
def taken():
    decisions, events = _log(clicks=lambda n, arm: n % (4 if arm == "svd" else 20) == 0)
    bots = [
        decision(900 + n, user="bot", strategy="split", bot_flag=True, flag_reasons="crawler,burst_user")
        for n in range(3)
    ]
    late = event(decisions[0], "reward", name="late", reward=1.0, flag_reasons="late")
    declared = brief(minimum_sample=50, secondary_metrics=["clicked"])
    return snapshot(declared, *_tables([*decisions, *bots], [*events, late]), since=SINCE)


def test_totals_are_those_of_the_period_and_of_all(taken):
    totals = taken.totals.set_index(["span", "strategy_id", "arm_id"])
    assert totals.loc[("all", "split", "svd"), ["decisions", "users", "clicks"]].tolist() == [
        200,
        200,
        50,
    ]
    assert totals.loc[("period", "split", "svd"), "decisions"] == 100
    assert totals.loc[("all", "split", "popularity"), "rewards"] == 10  # the late one does not count
    assert totals.loc[("all", "split", "svd"), "ctr"] == pytest.approx(0.25)


def test_effects_have_an_interval_for_now_and_one_for_every_look(taken):
    effect = taken.effects.set_index("metric").loc["ctr"]
    assert effect["effect"] == pytest.approx(0.2)
    assert effect["always_low"] < effect["low"] < 0.2 < effect["high"] < effect["always_high"]
    assert effect["verdict"] == "win"
    assert set(taken.effects["metric"]) == {"ctr", "clicked"}
    assert taken.effects.set_index("metric").loc["clicked", "verdict"] == ""


def test_the_split_is_held_against_its_plan_and_a_bandit_is_not(taken):
    ratio = taken.sample_ratio.set_index(["strategy_id", "arm_id"])
    assert ratio.loc[("split", "svd"), ["users", "expected"]].tolist() == [200, 200]
    assert not ratio["alarm"].any()
    assert ratio.loc["bandit", "p_value"].isna().all()


def test_exclusions_are_told_by_reason(taken):
    all_time = taken.exclusions.query("span == 'all'").set_index(["kind", "reason"])["rows"]
    assert all_time.to_dict() == {
        ("decisions", "crawler"): 3, ("decisions", "burst_user"): 3, ("events", "late"): 1,
    }  # fmt: skip


def test_before_the_minimum_sample_there_is_no_verdict_and_a_lost_arm_is_noticed():
    decisions, events = _log(number=120)
    kept = [row for row in decisions if row.arm_id == "svd" or int(row.user_key[1:]) % 8 == 0]
    taken = snapshot(brief(minimum_sample=1000), *_tables(kept, events), since=SINCE)
    assert set(taken.effects["verdict"]) == {"continue"}


def test_an_empty_log_gives_empty_tables():
    made = decision(1)
    tables = _tables([made], [event(made)])
    nobody = [table.filter(table.experiment_id == "none") for table in tables]
    taken = snapshot(brief(), *nobody, since=SINCE)
    assert taken.totals.empty
    assert set(taken.effects["reason"]) == {"neither arm has data"}
    assert taken.exclusions.empty
