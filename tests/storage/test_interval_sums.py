"""Sums by time: equal to what the ledger counted, whatever happens to the log."""

import json
import threading
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from live_log import DAY, NOON, SECOND, decision, event, reward, write
from live_traffic import random_log
from sqlalchemy import delete, select, update

from armlift.errors import ParameterError, StoreUnavailable
from armlift.experiments.live_window import LiveSums
from armlift.storage import interval_log, interval_sums
from armlift.storage.interval_log import BUCKET, HOUR, OTHER, SEGMENTS
from armlift.storage.interval_sums import refresh
from armlift.storage.retention import expire, forget
from armlift.storage.schema import counters, day_counters, decisions, events
from armlift.storage.schema import interval_sums as table

MINUTE = 60 * SECOND
COUNTS = ("decisions", "rewards", "impressions", "clicks", "purchases", "excluded")


def at(ts):
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ts)


def now(ts=NOON + 5 * HOUR):
    return {"now": at(ts)}


def rows(database, segment=""):
    ordered = select(table).order_by(*table.primary_key.columns)
    with database.read() as connection:
        return connection.execute(ordered.where(table.c.segment == segment)).mappings().all()


def added(found, *key):
    """Sums of rows by the columns of a key; what is zero everywhere is left out."""
    sums = defaultdict(lambda: [0.0] * len(LiveSums._fields))
    for row in found:
        of = sums[tuple(row[name] for name in key)]
        for place, name in enumerate(LiveSums._fields):
            of[place] += row.get(name, 0)
    return {key: [round(each, 6) for each in of] for key, of in sums.items() if any(of)}


def agree(database):
    """Whether the sums are those of the counters, and day by day those of the ledger."""
    with database.read() as connection:
        counted = connection.execute(select(counters)).mappings().all()
        by_day = [dict(row) for row in connection.execute(select(day_counters)).mappings()]
    for row in by_day:
        row["simulated"] = row["session_batch"] != "live"
    arm = ("experiment_id", "strategy_id", "arm_id")
    for segment in ("", *SEGMENTS):
        found = [dict(row) for row in rows(database, segment)]
        for row in found:
            row["day"] = at(row["bucket_ts"]).date().isoformat()
        assert added(found, *arm, "day", "simulated") == added(by_day, *arm, "day", "simulated"), segment
        for row in found:
            row["propensity_total"] = 0
        assert added(found, *arm) == added(counted, *arm), segment


def test_they_are_the_sums_of_the_log(database):
    random_log(database)
    report = refresh(database, **now())
    assert report.rows == sum(len(rows(database, segment)) for segment in ("", *SEGMENTS)) > 300
    assert report.late_days == ()
    assert report.kept_before is None
    agree(database)


def test_a_bucket_holds_five_minutes_or_an_hour_of_a_segment(database):
    made = decision(1, ts=NOON + 299 * SECOND, context='{"device":"mobile"}')
    write(database, made, event(made, "click_detail"), reward(made, 0.5))
    refresh(database, **now())
    first, second = sorted(rows(database), key=lambda row: row["bucket_ts"])
    assert (first["bucket_ts"], second["bucket_ts"]) == (NOON, NOON + BUCKET)
    assert [first[name] for name in COUNTS] == [1, 0, 0, 0, 0, 0]
    assert first["propensity_total"] == 0.5
    assert (second["rewards"], second["reward_total"], second["reward_squares"]) == (1, 0.5, 0.25)
    (hour,) = rows(database, "device")
    assert (hour["bucket_ts"], hour["segment_value"], hour["clicks"]) == (NOON, "mobile", 1)
    (unknown,) = rows(database, "channel")
    assert (unknown["segment_value"], unknown["decisions"]) == ("", 1)


def test_refreshing_again_changes_nothing(database):
    random_log(database, 60)
    refresh(database, **now())
    before = rows(database), rows(database, "device")
    refresh(database, **now())
    refresh(database, since=at(NOON - 3 * DAY), **now())
    assert (rows(database), rows(database, "device")) == before


def test_what_comes_meanwhile_is_added(database):
    random_log(database, 60, days=0.5)
    refresh(database, **now(NOON))
    made = decision(900, ts=NOON + MINUTE)
    write(database, made, reward(made))
    report = refresh(database, **now(NOON + 2 * MINUTE))
    assert report.late_days == ()
    assert report.since >= at(NOON - 2 * HOUR)
    agree(database)


@pytest.mark.parametrize("hours", [1, 5, 30, 24 * 40])
def test_a_row_that_is_committed_late_is_found(database, hours):
    random_log(database, 60)
    refresh(database, **now(NOON))
    made = decision(900, ts=NOON - hours * HOUR)
    write(database, reward(made)._replace(event=reward(made).event._replace(ts_server=NOON + MINUTE)))
    report = refresh(database, **now(NOON + DAY))
    assert report.late_days == (() if hours == 1 else (at(made.ts).date().isoformat(),))
    agree(database)


def test_every_day_is_compared_once_a_day_and_the_last_two_always(database):
    random_log(database, 20, days=0.1)
    refresh(database, **now(NOON))
    write(database, decision(900, ts=NOON - 5 * DAY), decision(901, ts=NOON - DAY))
    assert refresh(database, **now(NOON + MINUTE)).late_days == ("2024-10-03",)
    assert refresh(database, **now(NOON + DAY // 2)).late_days == ("2024-09-29",)
    agree(database)


def test_a_refresh_that_was_killed_is_finished_by_the_next(database, monkeypatch):
    """Also the comparison of all days, which is due once a day."""
    random_log(database, 20, days=0.1)
    refresh(database, **now(NOON))
    write(database, decision(900, ts=NOON - 5 * DAY), decision(901, ts=NOON + DAY - HOUR))

    class KilledError(Exception):
        pass

    def kill(*_):
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(interval_sums, "_late_days", kill)
        with pytest.raises(KilledError):
            refresh(database, **now(NOON + DAY))
    assert refresh(database, **now(NOON + DAY)).late_days == ("2024-09-29",)
    agree(database)


def test_a_day_is_made_exactly_again(database):
    random_log(database)
    refresh(database, **now())
    with database.begin() as connection:
        connection.execute(update(table).values(clicks=table.c.clicks + 7))
        connection.execute(delete(table).where(table.c.bucket_ts >= NOON - HOUR))
    day = at(NOON).replace(hour=0)
    for days in (-2, -1, 0):
        since = day + timedelta(days=days)
        report = refresh(database, since=since, until=since + timedelta(days=1), **now())
        assert (report.since, report.late_days) == (since, ())
    agree(database)


def test_retention_takes_the_log_and_leaves_the_sums(database):
    random_log(database, days=4.0)
    refresh(database, **now())
    before = rows(database)
    gone = expire(database, 1.5, now=NOON)
    assert gone.decisions > 30
    report = refresh(database, since=at(NOON - 4 * DAY), **now())
    assert report.kept_before == at(NOON - DAY - DAY // 2)
    assert rows(database) == before
    agree(database)


def test_retention_sums_what_nobody_has_summed_yet(database):
    random_log(database, days=4.0)
    expire(database, 1.5, now=NOON)
    assert len(rows(database)) > 100
    refresh(database, **now())
    agree(database)


def test_a_late_row_of_a_deleted_day_stands_in_its_first_bucket(database):
    random_log(database, days=4.0)
    refresh(database, **now(NOON))
    expire(database, 1.5, now=NOON)
    old = decision(900, ts=NOON - 3 * DAY)
    write(database, old)
    refresh(database, **now(NOON + DAY))
    agree(database)
    first = [row for row in rows(database) if row["bucket_ts"] == NOON - 3 * DAY - DAY // 2]
    assert sum(row["decisions"] for row in first) >= 1
    refresh(database, since=at(NOON - 4 * DAY), **now(NOON + DAY))
    agree(database)


def test_what_was_deleted_before_there_were_sums_is_known_by_day(database):
    """A store that an earlier armlift kept: part of its log is gone, its sums by day are not."""
    random_log(database, days=4.0)
    with database.begin() as connection:
        connection.execute(delete(decisions).where(decisions.c.ts < NOON - DAY))
        connection.execute(delete(events).where(events.c.ts_server < NOON - DAY))
    refresh(database, **now())
    agree(database)
    assert refresh(database, **now(NOON + DAY)).late_days == ()


def test_forgetting_somebody_changes_no_sum(database):
    random_log(database)
    refresh(database, **now())
    before = rows(database)
    forget(database, "u1", who="x", why="asked for it")
    refresh(database, since=at(NOON - 3 * DAY), **now())
    assert rows(database) == before
    agree(database)


def test_an_event_is_in_the_segment_of_its_decision(database):
    told = decision(1, context='{"device":"mobile","visitor":"new","category":"war"}')
    untold = decision(2, context='{"device":""}')
    write(
        database,
        told,
        untold,
        event(told, "click_detail", device="desktop", channel="mail"),
        event(untold, "click_detail", device="desktop", context='{"category":"drama"}'),
        reward(untold)._replace(event=reward(untold).event._replace(channel="default")),
    )
    refresh(database, **now())
    found = {
        (segment, row["segment_value"]): [row[name] for name in COUNTS[:4]]
        for segment in SEGMENTS
        for row in rows(database, segment)
    }
    assert found == {
        ("device", "mobile"): [1, 0, 0, 1],
        ("device", "desktop"): [0, 0, 0, 1],
        ("device", ""): [1, 1, 0, 0],
        ("category", "war"): [1, 0, 0, 1],
        ("category", "drama"): [0, 0, 0, 1],
        ("category", ""): [1, 1, 0, 0],
        ("channel", "mail"): [0, 0, 0, 1],
        ("channel", ""): [2, 1, 0, 1],
        ("visitor", "new"): [1, 0, 0, 1],
        ("visitor", ""): [1, 1, 0, 1],
    }


@pytest.mark.parametrize("context", ['["device"]', "{}", '{"device":null}', '{"device":7}'])
def test_any_context_can_be_summed(database, context):
    write(database, decision(1, context=context))
    refresh(database, **now())
    (row,) = rows(database, "device")
    assert row["segment_value"] == ("7" if "7" in context else "")


def test_values_beyond_the_most_frequent_are_one(database, monkeypatch):
    monkeypatch.setattr(interval_log, "VALUES_AN_HOUR", 3)
    for number in range(12):
        value = ("a", "b", f"v{number}", "x" * 99)[number % 4]
        write(database, decision(number, context=json.dumps({"device": value})))
    refresh(database, **now())
    found = Counter({row["segment_value"]: row["decisions"] for row in rows(database, "device")})
    assert found == {"a": 3, "b": 3, "x" * 64: 3, OTHER: 3}
    agree(database)


def test_beside_writers_and_other_refreshes_nothing_is_lost(database, open_store):
    failures, stop = [], threading.Event()

    def again_and_again(action):
        own, number = open_store(), 0
        try:
            while not stop.is_set():
                action(own, number)
                number += 1
        except Exception as error:
            failures.append(error)

    actions = [
        lambda own, number: write(own, reward(decision(number, ts=NOON + number * MINUTE))),
        lambda own, number: refresh(own, **now(NOON + HOUR + number * SECOND)),
        lambda own, number: refresh(own, since=at(NOON - HOUR), **now(NOON + 3 * HOUR)),
    ]
    threads = [threading.Thread(target=again_and_again, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    stop.wait(0.5)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    refresh(database, **now(NOON + 20 * DAY))
    agree(database)


def test_who_never_gets_his_turn_is_told(database, monkeypatch):
    write(database, decision(1))
    monkeypatch.setattr(interval_sums, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(interval_sums, "_write", lambda *_: False)
    with pytest.raises(StoreUnavailable, match="other processes"):
        refresh(database, **now())


def test_an_empty_store_has_no_sums(database):
    report = refresh(database, **now(NOON))
    assert (report.rows, report.until) == (0, at(NOON + HOUR))
    assert rows(database) == []


def test_times_need_a_zone_and_an_order(database):
    naive = at(NOON).replace(tzinfo=None)
    for times in ({"now": naive}, {"now": at(NOON), "since": naive}):
        with pytest.raises(ParameterError, match="time zone"):
            refresh(database, **times)
    with pytest.raises(ParameterError, match="until"):
        refresh(database, since=at(NOON), until=at(NOON), **now())
    with pytest.raises(ParameterError, match="since"):
        refresh(database, until=at(NOON), **now())
