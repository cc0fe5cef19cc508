"""The reporting pipeline's nodes on a small store, and on none."""

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from live_store import Traffic, films, store_in

from armlift.pipelines.reporting.nodes import STANDING, keep_live_days, take_snapshots
from armlift.pipelines.reporting.parameters import ReportParameters


@pytest.fixture
def root(tmp_path, monkeypatch):
    for name in ("DATABASE_URL", "MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_store_the_tables_are_empty(root):
    report = ReportParameters()
    days = keep_live_days(report)
    standing, *tables, facts = take_snapshots(days, report)
    assert days == {"days": {}}
    assert (standing.empty, list(standing.columns)) == (True, list(STANDING))
    assert tables == [{}, {}, {}, {}]
    assert facts == {}
    assert not (root / "data").exists()


def test_snapshots_of_a_day_and_of_a_week(root):
    today = datetime.now(UTC).date()
    with store_in(root) as database:
        traffic = Traffic(database, films(), hours=50)
        traffic.visit(300, since=49.0)
    report = ReportParameters(day=today)
    days = keep_live_days(report)
    assert len(days["days"]) >= 2
    standing, totals, effects, ratio, exclusions, facts = take_snapshots(days, report)
    name = f"films/{today}"
    assert list(totals) == list(effects) == list(ratio) == list(exclusions) == list(facts) == [name]
    made = totals[name].query("span == 'all'")["decisions"].sum()
    kept = sum(day["decisions"] for day in days["days"].values())
    flagged = exclusions[name].query("span == 'all' and kind == 'decisions'")["rows"].sum()
    assert made + flagged == kept == 300
    assert standing["decisions"].sum() == facts[name]["decisions"] == made
    assert set(facts[name]["verdicts"].values()) == {"continue"}
    week = ReportParameters(day=today, span="week")
    of_week = take_snapshots(keep_live_days(week), week)[1]
    (table,) = of_week.values()
    assert table.query("span == 'period'")["decisions"].sum() == made
    before = ReportParameters(day=today - timedelta(days=30))
    assert take_snapshots(keep_live_days(before), before)[1] == {}


def test_a_past_day_gives_the_same_again(root):
    with store_in(root) as database:
        Traffic(database, films(), hours=50).visit(200, since=49.0)
    report = ReportParameters(day=datetime.now(UTC).date() - timedelta(days=1))
    first, again = (take_snapshots(keep_live_days(report), report) for _ in range(2))
    pd.testing.assert_frame_equal(first[0], again[0])
    for one, other in zip(first[1:5], again[1:5], strict=True):
        for name, table in one.items():
            pd.testing.assert_frame_equal(table, other[name])
    assert first[5] == again[5]


def test_names_of_periods():
    assert ReportParameters(day=date(2027, 1, 3), span="week").name == "2026-W53"
    assert ReportParameters(day=date(2027, 1, 3)).since == datetime(2027, 1, 3, tzinfo=UTC)
    assert ReportParameters(day=date(2027, 1, 3), span="week").since == datetime(2026, 12, 28, tzinfo=UTC)
    assert ReportParameters().last_day == datetime.now(UTC).date() - timedelta(days=1)
