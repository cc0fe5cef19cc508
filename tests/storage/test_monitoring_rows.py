"""What monitoring reads of the log, and its readings, which are written once however often."""

import pandas as pd
import pytest
from sqlalchemy import insert
from storage.live_rows import NOW, decision, event, running_experiment

from armlift.storage import Database, Readings
from armlift.storage.monitoring_rows import Reading, live_visits, monitored_store, write_readings
from armlift.storage.schema import decisions, events

HOUR = 3600 * 10**6


@pytest.fixture
def log(database: Database) -> Database:
    """Two visits that count, one of them clicked; one of a bot, one of another strategy, one of yesterday."""
    running_experiment(database)
    counted = decision(1)
    rows = [
        counted,
        decision(2, ts=NOW + 1),
        decision(3, bot_flag=True),
        decision(4, strategy_id="other"),
        decision(5, ts=NOW - 24 * HOUR),
    ]
    followed = [
        event(counted, "impression", "e1"),
        event(counted, "click_detail", "e2", item_id="7", position=3),
        event(counted, "click_detail", "e3", bot_flag=True),
        event(rows[3], "click_detail", "e4"),
    ]
    with database.begin() as connection:
        connection.execute(insert(decisions), [row._asdict() for row in rows])
        connection.execute(insert(events), [row._asdict() for row in followed])
    return database


def test_only_what_counts_is_read_in_order(log: Database) -> None:
    since = pd.Timestamp((NOW - HOUR) * 1000, unit="ns", tz="UTC")
    made, clicks = live_visits(log, ["bandit"], since)
    assert made["decision_id"].tolist() == [f"{1:026d}", f"{2:026d}"]
    assert made["ts"].iloc[0] == pd.Timestamp(NOW, unit="us", tz="UTC")
    assert clicks[["item_id", "position"]].to_numpy().tolist() == [["7", 3]]
    assert len(live_visits(log, ["bandit"])[0]) == 3


def test_an_empty_store_has_no_visits(database: Database) -> None:
    made, clicks = live_visits(database, ["fixed"])
    assert (len(made), len(clicks)) == (0, 0)
    assert str(made["ts"].dt.tz) == "UTC"


def test_readings_written_again_stay_the_same_rows(database: Database) -> None:
    row = Reading(NOW, "drift:x", "live", 0.3, 0.25, True, {"verdict": "drift"})
    assert write_readings(database, [row, row._replace(metric="drift:y", value=float("nan"))]) == 2
    write_readings(database, [row._replace(value=0.1, alarm=False)])
    write_readings(database, [row._replace(segment="simulated"), row._replace(experiment_id="movies")])
    found = Readings(database).monitoring("")
    assert len(found) == 3
    live = found[found["segment"] == "live"].set_index("metric")
    assert live.loc["drift:x", ["value", "alarm"]].tolist() == [0.1, False]
    assert live.loc["drift:x", "details"] == {"verdict": "drift"}
    assert pd.isna(live.loc["drift:y", "value"])
    assert write_readings(database, []) == 0


def test_looking_for_a_store_makes_none(tmp_path) -> None:
    assert not monitored_store(f"sqlite:///{tmp_path}/live.db")
    assert list(tmp_path.iterdir()) == []
    assert monitored_store("postgresql://postgres@127.0.0.1/test")
