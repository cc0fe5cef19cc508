"""Days of the live log as Parquet."""

from datetime import UTC, date, datetime, timedelta

import pandas as pd
from live_log import DAY, NOON, decision, event, write

from armlift.storage.live_days import DayRows, first_day, open_days, write_day
from armlift.storage.schema import decisions, events

FIRST = datetime.fromtimestamp(NOON / 1e6, UTC).date()
NEXT = FIRST + timedelta(days=1)


def _fill(database):
    made = [decision(n, ts=NOON + n * DAY // 2) for n in range(4)]  # noon, midnight, noon, midnight
    write(database, *made, *(event(each) for each in made))


def test_a_day_has_its_decisions_and_what_arrived_on_it(database, tmp_path):
    _fill(database)
    assert first_day(database) == FIRST
    assert write_day(database, FIRST, tmp_path) == DayRows(1, 1)
    assert write_day(database, NEXT, tmp_path) == DayRows(2, 2)
    table = pd.read_parquet(tmp_path / f"decisions/{NEXT}.parquet")
    assert table["ts"].dt.date.tolist() == [NEXT, NEXT]
    assert table["simulated"].tolist() == [False, False]
    assert pd.read_parquet(tmp_path / f"events/{NEXT}.parquet")["reward"].isna().all()


def test_the_same_day_again_is_the_same_file(database, tmp_path):
    _fill(database)
    write_day(database, NEXT, tmp_path)
    before = (tmp_path / f"events/{NEXT}.parquet").read_bytes()
    write_day(database, NEXT, tmp_path)
    assert (tmp_path / f"events/{NEXT}.parquet").read_bytes() == before
    assert not list(tmp_path.rglob("*.partial"))


def test_what_the_log_has_lost_stays_in_the_file(database, tmp_path):
    _fill(database)
    write_day(database, NEXT, tmp_path)
    with database.begin() as connection:
        connection.execute(decisions.delete())
        connection.execute(events.delete())
    assert write_day(database, NEXT, tmp_path) == DayRows(2, 2)


def test_an_empty_day_has_no_file(database, tmp_path):
    assert first_day(database) is None
    assert write_day(database, date(2020, 1, 1), tmp_path) == DayRows(0, 0)
    assert not list(tmp_path.rglob("*.parquet"))
    assert open_days(tmp_path, "events", NEXT) is None


def test_days_are_opened_as_one_table_up_to_the_last(database, tmp_path):
    _fill(database)
    for day in (FIRST, NEXT, NEXT + timedelta(days=1)):
        write_day(database, day, tmp_path)
    table = open_days(tmp_path, "decisions", NEXT)
    assert table is not None
    assert table.count().to_pyarrow().as_py() == 3
