"""What pages read, on both kinds of store."""

from datetime import timedelta

import pandas as pd
import pytest
from live_log import DAY, NOON, SECOND, brief, decision, event, reward, write
from live_traffic import MINUTE, random_log
from sqlalchemy import insert

from armlift.errors import ParameterError
from armlift.experiments.live_window import LiveSums
from armlift.experiments.log_rows import Decision, Event
from armlift.storage import log_readings, user_readings
from armlift.storage.aggregates import LiveAggregates
from armlift.storage.experiments import ExperimentStore
from armlift.storage.interval_sums import refresh
from armlift.storage.readings import Readings
from armlift.storage.schema import monitoring
from armlift.storage.times import moment_of

HOUR = 60 * MINUTE
COUNTED = LiveSums._fields[:-1]
LATER = moment_of(NOON + 5 * HOUR)


@pytest.fixture
def read(database):
    return Readings(database)


@pytest.fixture
def log(database):
    random_log(database)
    refresh(database, now=LATER)
    return database


def visit(number, arm="svd", **fields):
    """A decision with an impression, a click and a reward."""
    made = decision(number, arm=arm, **fields)
    return made, event(made), event(made, "click_detail"), reward(made, 0.5)


def test_an_empty_store_gives_empty_tables_with_their_columns(read):
    tables = {
        "totals": read.totals("films"),
        "series": read.series("films"),
        "segments": read.segments("films", "device"),
        "monitoring": read.monitoring("films"),
        "decisions": read.decisions(),
        "events": read.events(),
        "sessions": read.sessions(),
        "rewards": read.reward_per_session("films"),
        "users": read.users("films"),
        "audit": read.audit(),
    }
    assert {name: len(table) for name, table in tables.items()} == dict.fromkeys(tables, 0)
    assert tables["series"]["reward_total"].sum() == 0.0
    assert tables["series"]["clicks"].dtype == "int64"
    assert list(tables["series"].columns) == ["bucket_at", "strategy_id", "arm_id", *LiveSums._fields]
    for name in ("series", "monitoring", "decisions", "events", "audit"):
        column = next(each for each in tables[name] if each.endswith("at"))
        assert str(tables[name][column].dtype) == "datetime64[us, UTC]"
    assert read.segment_values("films") == {}
    assert read.fingerprint() == (0, 0, 0, 0, 0, 0)
    assert read.freshness()["last_at"].isna().all()


def test_totals_are_the_counters(log, read):
    totals = read.totals("films")
    assert list(totals.columns) == ["experiment_id", "strategy_id", "arm_id", *COUNTED]
    counted = ExperimentStore(log).counters("films")
    assert [tuple(row) for row in totals.itertuples(index=False)] == [tuple(row) for row in counted]
    assert set(read.totals()["experiment_id"]) == {"films", "pages"}
    write(log, decision(999))
    assert read.totals("films")["decisions"].sum() == totals["decisions"].sum() + 1, "always current"


@pytest.mark.parametrize("width", [timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)])
def test_series_of_any_width_sum_to_the_totals(log, read, width):
    series = read.series("films", width=width)
    key = ["strategy_id", "arm_id"]
    columns = list(COUNTED)
    summed = series.groupby(key)[columns].sum()
    pd.testing.assert_frame_equal(summed, read.totals("films").set_index(key)[columns])
    starts = series["bucket_at"]
    assert (starts == starts.dt.floor(width)).all()
    assert starts.is_monotonic_increasing
    assert not series.duplicated(["bucket_at", *key]).any()


def test_series_are_cut_and_told_apart(log, read):
    whole = read.series("films")
    middle = moment_of(NOON - DAY)
    before, after = read.series("films", until=middle), read.series("films", since=middle)
    assert len(before) + len(after) == len(whole)
    assert before["bucket_at"].max() < middle <= after["bucket_at"].min()
    live, simulated = (read.series("films", simulated=each) for each in (False, True))
    assert 0 < simulated["decisions"].sum() < whole["decisions"].sum()
    assert live["decisions"].sum() + simulated["decisions"].sum() == whole["decisions"].sum()


def test_weeks_begin_on_monday(log, read):
    assert set(read.series("films", width=timedelta(days=7))["bucket_at"].dt.day_name()) == {"Monday"}


@pytest.mark.parametrize("minutes", [0, -5, 7])
def test_widths_are_whole_buckets(read, minutes):
    with pytest.raises(ParameterError, match="multiple of 5 minutes"):
        read.series("films", width=timedelta(minutes=minutes))


def test_segments_sum_to_the_totals(log, read):
    known = read.segment_values("films")
    assert list(known) == ["category", "device"]
    assert known["device"] == ("desktop", "mobile")
    segments = read.segments("films", "device")
    assert set(segments["segment_value"]) == {"", "mobile", "desktop"}
    assert segments["decisions"].sum() == read.totals("films")["decisions"].sum()
    both = (read.segments("films", "device", simulated=each)["clicks"].sum() for each in (False, True))
    assert sum(both) == segments["clicks"].sum()
    assert read.segments("films", "shoe size").empty
    assert read.segments("films", "").empty


def test_series_of_a_segment_sum_to_the_segment(log, read):
    segments = read.segments("films", "device").groupby("segment_value")["decisions"].sum()
    for value, decisions in segments.items():
        series = read.series("films", segment=("device", value))
        assert series["decisions"].sum() == decisions > 0
        assert (series["bucket_at"] == series["bucket_at"].dt.floor("h")).all()
    assert read.series("films", segment=("device", "teapot")).empty


def test_decisions_come_newest_first_and_whole(database, read):
    write(database, *(decision(number) for number in range(3)))
    found = read.decisions(limit=2)
    assert list(found.columns) == ["decision_id", "at", *Decision._fields[2:]]
    assert [row[-1] for row in found["decision_id"]] == ["2", "1"]
    assert found["at"][0] == moment_of(NOON + 2 * SECOND)
    assert found["simulated"].dtype == bool


def test_decisions_are_searched_by_everything(database, read):
    write(
        database,
        decision(1, user="ada", context='{"device":"Mobile"}'),
        decision(2, user="bob", arm="popularity", strategy="split", session_id="s_1"),
        decision(3, experiment="pages", bot_flag=True, flag_reasons="crawler"),
    )

    def numbers(*arguments, **fields):
        return [int(name) for name in read.decisions(*arguments, **fields)["decision_id"]]

    assert numbers("films") == [2, 1]
    assert numbers(user_key="ada") == [1]
    assert numbers(arm_id="svd") == [3, 1]
    assert numbers(strategy_id="split") == [2]
    assert numbers(text="mobile") == [1]
    assert numbers(text="CRAWL") == [3]
    assert numbers(text="s_1") == [2], "an underscore stands for itself"
    assert numbers(text="%") == []
    assert numbers(since=moment_of(NOON + 2 * SECOND), until=moment_of(NOON + 3 * SECOND)) == [2]
    assert read.decisions(text="bob").attrs["searched_since"] is None


def test_a_search_looks_at_a_bounded_part(database, read, monkeypatch):
    monkeypatch.setattr(log_readings, "LOOKED_AT", 5)
    write(database, *(decision(number, user=f"u{number % 2}") for number in range(20)))
    found = read.decisions(user_key="u0")
    assert [int(name) for name in found["decision_id"]] == [18, 16, 14]
    assert found.attrs["searched_since"] == moment_of(NOON + 14 * SECOND)
    assert read.decisions(user_key="u0", limit=2).attrs["searched_since"] is None
    assert len(read.decisions(limit=15)) == 15, "what is not searched is just read"


def test_events_are_found_by_type_and_text(database, read):
    made = decision(1)
    bought = event(made, "purchase", revenue=3.5, device="tv")._replace(item_id="the shining")
    write(database, *visit(2), bought)
    found = read.events("films", event_type="purchase")
    assert list(found.columns) == ["event_id", "decision_id", "at", "server_at", *Event._fields[4:]]
    assert (found["revenue"][0], found["item_id"][0]) == (3.5, "the shining")
    assert list(read.events(text="SHIN")["event_type"]) == ["purchase"]
    assert list(read.events(text="tv")["event_type"]) == ["purchase"]
    assert len(read.events(until=moment_of(NOON))) == 0


def test_sessions_gather_what_happened(database, read):
    first, second = visit(1, session_id="s1"), visit(5, session_id="s1")
    write(database, *first, *second, *visit(2, session_id="s2", user="u2"), *visit(3, session_id=""))
    found = read.sessions("films")
    assert list(found["session_id"]) == ["s1", "s2"]
    row = found.iloc[0]
    assert (row["decisions"], row["events"], row["reward"], row["user_key"]) == (2, 4, 1.0, "u1")
    assert (row["first_at"], row["last_at"]) == (moment_of(first[0].ts), moment_of(second[0].ts))
    assert read.sessions("pages").empty
    assert len(read.sessions(since=moment_of(NOON + 3 * SECOND))) == 1


def test_rewards_of_a_session_are_summed_by_arm(database, read):
    late = reward(decision(9, session_id="s1"), 1.0)
    late = late._replace(event=late.event._replace(flag_reasons="late"), counted=False)
    bot = decision(10, session_id="s1", bot_flag=True, flag_reasons="crawler")
    write(
        database,
        *visit(1, session_id="s1"),
        *visit(2, session_id="s1"),
        late,
        bot,
        *visit(3, user="ada", arm="popularity"),
        decision(4, user="ada", arm="popularity"),
    )
    found = read.reward_per_session("films").set_index(["arm_id", "session_id"])
    assert found.loc[("svd", "s1"), ["decisions", "reward"]].tolist() == [3, 1.0]
    assert found.loc[("popularity", "ada"), ["decisions", "reward"]].tolist() == [2, 0.5]
    assert read.reward_per_session("films", limit=1)["decisions"].sum() == 1


def test_users_are_units_with_their_moments(database, read):
    made = decision(1, user="ada", session_id="s1")
    clicks = [event(made, "click_detail", name=f"c{number}") for number in range(2)]
    write(
        database,
        made,
        *clicks,
        event(made),
        decision(2, user="ada", session_id="s2"),
        *visit(3, user="bob"),
        *visit(4, user="bob", arm="popularity"),
        decision(5, user="eve", bot_flag=True, flag_reasons="crawler"),
    )
    found = read.users("films").set_index("arm_id")
    svd = found.loc["svd"]
    assert (svd["users"], svd["users_once"], svd["decisions"], svd["sessions"]) == (2, 1, 3, 2)
    assert (svd["clicks"], svd["clicks*clicks"], svd["clicks*impressions"], svd["any_clicks"]) == (3, 5, 3, 2)
    assert (svd["reward"], svd["reward*reward"]) == (0.5, 0.25)
    assert (svd["inverse"], svd["inverse*inverse"], svd["decision_inverse"]) == (4.0, 8.0, 6.0)
    assert found["users_once"].sum() == 2
    assert read.users("films").attrs["complete"]


def test_users_are_those_of_the_newest_decisions(database, read, monkeypatch):
    monkeypatch.setattr(user_readings, "DECISIONS_LOOKED_AT", 3)
    write(database, *(decision(number, user=f"u{number}") for number in range(9)))
    found = read.users("films")
    assert (found["users"].tolist(), found.attrs["complete"]) == ([4], False)
    assert read.users("films", since=moment_of(NOON + 7 * SECOND))["users"].tolist() == [2]


def test_monitoring_and_audit_come_newest_first(database, read):
    with database.begin() as connection:
        for number in range(3):
            row = {
                "ts": NOON + number,
                "experiment_id": "films",
                "metric": f"m{number}",
                "alarm": number == 2,
            }
            connection.execute(insert(monitoring).values(**row, value=0.5, details='{"n":7}'))
    found = read.monitoring("films", limit=2)
    assert found["metric"].tolist() == ["m2", "m1"]
    assert found["details"][0] == {"n": 7}
    assert found["alarm"].tolist() == [True, False]
    assert pd.isna(found["threshold"][0])
    assert len(read.monitoring(metric="m1")) == len(read.monitoring(since=moment_of(NOON + 2))) == 1
    assert read.monitoring("").empty
    store = ExperimentStore(database)
    store.create(brief(), who="ada")
    store.change("films", "start", who="ada", why="go")
    assert read.audit("films")["action"].tolist() == ["start", "create"]
    assert read.audit(limit=1)["why"].tolist() == ["go"]


def test_the_fingerprint_changes_with_whatever_is_shown(database, read):
    seen = [read.fingerprint()]
    store = ExperimentStore(database)

    def changed():
        seen.append(read.fingerprint())
        return len(set(seen)) == len(seen)

    store.create(brief(), who="ada")
    assert changed()
    store.change("films", "start", who="ada")
    assert changed()
    write(database, decision(1))
    assert changed()
    refresh(database, now=LATER)
    assert changed()
    with database.begin() as connection:
        connection.execute(
            insert(monitoring).values(ts=NOON, experiment_id="", metric="drift", alarm=False, value=1.0)
        )
    assert changed()
    assert read.fingerprint() == seen[-1]


def test_freshness_says_how_old_the_newest_is(database, read):
    write(database, *visit(1))
    refresh(database, now=LATER)
    LiveAggregates(database).cut(NOON + HOUR)
    found = read.freshness(LATER).set_index("what")
    assert found.loc["decision", "last_at"] == moment_of(NOON + SECOND)
    assert found.loc["event", "age_seconds"] == 5 * 3600 - 2
    assert found.loc["aggregates", "age_seconds"] == 0
    assert (found.loc["export", "age_seconds"], found.loc["export", "note"]) == (4 * 3600, "1")
    assert pd.isna(found.loc["monitoring", "last_at"])


@pytest.mark.parametrize("name", ["decisions", "events", "sessions", "monitoring", "audit"])
def test_no_rows_are_not_asked_for(read, name):
    with pytest.raises(ParameterError, match="limit"):
        getattr(read, name)(limit=0)


def test_times_have_a_zone(read):
    with pytest.raises(ParameterError, match="time zone"):
        read.series("films", since=moment_of(NOON).replace(tzinfo=None))
