"""Ingested ratings beside a data set."""

import pandas as pd
import pytest

from armlift.datasets import Dataset
from armlift.datasets.ingested import ingested_events, ingested_ratings, part_files, with_ingested

MORNING = pd.Timestamp("2026-11-18T08:00", tz="UTC").as_unit("us")


def _ratings(*rows):
    table = pd.DataFrame(rows, columns=["user_id", "item_id", "rating", "timestamp"])
    times = [MORNING + pd.Timedelta(hours=hour) for hour in table["timestamp"]]
    return table.assign(timestamp=pd.DatetimeIndex(times).as_unit("us"), rating=table["rating"].astype(float))


def _keep(folder, name, table, kind="ratings", day="2026-11-18"):
    (folder / kind / f"day={day}").mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / kind / f"day={day}" / f"{name}.parquet", index=False)


@pytest.fixture
def dataset():
    items = pd.DataFrame({"item_id": [1, 2], "title": ["A", "B"]})
    users = pd.DataFrame({"user_id": [7], "age": pd.array([30], dtype="Int64")})
    return Dataset(_ratings((7, 1, 3, 0)), items, users)


def test_the_latest_rating_of_a_pair_stays_and_new_users_come_in(tmp_path, dataset):
    _keep(tmp_path, "a", _ratings((7, 1, 5, 2), (9, 2, 4, 1)))
    _keep(tmp_path, "b", _ratings((7, 1, 1, 1), (9, 2, 4, 1)))
    found = with_ingested(dataset, tmp_path)
    assert found.ratings[["user_id", "item_id", "rating"]].to_numpy().tolist() == [[9, 2, 4], [7, 1, 5]]
    assert found.ratings.dtypes.to_dict() == dataset.ratings.dtypes.to_dict()
    assert found.users["user_id"].tolist() == [7, 9]
    assert found.users["age"].isna().tolist() == [False, True]
    assert found.users.dtypes.to_dict() == dataset.users.dtypes.to_dict()
    assert found.rejects.empty


def test_items_that_the_set_does_not_have_are_rejected(tmp_path, dataset):
    _keep(tmp_path, "a", _ratings((7, 99, 5, 2)))
    found = with_ingested(dataset, tmp_path)
    assert found.ratings.equals(dataset.ratings)
    assert found.rejects[["column", "value"]].to_numpy().tolist() == [["item_id", "99"]]


def test_without_anything_ingested_the_set_is_as_it_was(tmp_path, dataset):
    found = with_ingested(dataset, tmp_path)
    assert found.ratings.equals(dataset.ratings)
    assert found.users.equals(dataset.users)
    assert ingested_ratings(tmp_path).empty
    assert ingested_events(tmp_path).empty
    assert part_files(tmp_path, "events") == []


def test_an_event_that_two_files_have_is_there_once(tmp_path):
    events = pd.DataFrame({"event_id": ["b", "a"], "ts": [MORNING, MORNING]})
    _keep(tmp_path, "one", events, "events")
    _keep(tmp_path, "two", events[:1], "events")
    assert ingested_events(tmp_path)["event_id"].tolist() == ["a", "b"]
