"""Features and units of performance, on rows small enough to count."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from armlift.monitoring import (
    Windows,
    click_features,
    click_rates,
    item_facts,
    rating_aucs,
    rating_features,
    slate_aucs,
    slate_features,
    visit_features,
)

START = pd.Timestamp("2024-03-04", tz="UTC")
DAY = pd.Timedelta(days=1)
ITEMS = pd.DataFrame(
    {
        "item_id": [1, 2, 3],
        "title": ["A", "B", "C"],
        "year": pd.array([2000, 2010, pd.NA], dtype="Int64"),
        "genres": ["Drama|War", "Comedy", ""],
    }
)
HISTORY = pd.DataFrame({"user_id": [7, 7, 8], "item_id": [1, 2, 1]})
DAYS = Windows(START, DAY, 1, 3)
WEEKS = Windows(START, 7 * DAY, 1, 3)


def decisions(**columns):
    rows = {"at": [START, START + DAY], "user_key": ["user-7", "user-9"], "arm_id": ["svd", "svd"]}
    return pd.DataFrame(rows | {"user_id": pd.array([7, 9], dtype="Int64")} | columns)


def test_items_are_known_by_popularity_year_and_first_genre():
    facts = item_facts(ITEMS, HISTORY)
    assert facts.loc["1"].to_dict() == {"popularity": 1.0, "year": 2000.0, "genre": "Drama"}
    assert facts["popularity"].tolist() == [1.0, pytest.approx(2 / 3), pytest.approx(1 / 3)]
    assert facts.loc["3", "genre"] == "(none)"
    assert np.isnan(facts.loc["3", "year"])


def test_visits_have_hour_and_weekday_only_where_windows_hold_whole_ones():
    hours = Windows(START, pd.Timedelta(hours=1), 1, 3)
    assert list(visit_features(decisions(), HISTORY, hours)) == ["at", "user_key", "user_activity"]
    assert "hour" in visit_features(decisions(), HISTORY, DAYS)
    weeks = visit_features(decisions(), HISTORY, WEEKS)
    assert weeks["weekday"].tolist() == ["Monday", "Tuesday"]
    assert weeks["user_activity"].tolist() == [2.0, 0.0]


def test_users_known_by_key_alone_have_no_activity():
    unknown = decisions(user_id=pd.array([pd.NA, pd.NA], dtype="Int64"))
    assert "user_activity" not in visit_features(unknown, HISTORY, DAYS)


def test_clicks_bring_what_is_known_of_the_item():
    clicks = pd.DataFrame(
        {
            "at": [START] * 2,
            "user_key": ["a", "b"],
            "item_id": ["2", "99"],
            "position": pd.array([4, pd.NA], dtype="Int64"),
        }
    )
    found = click_features(clicks, item_facts(ITEMS, HISTORY))
    assert found["genre"].tolist()[0] == "Comedy"
    assert found["position"].tolist()[0] == 4.0
    assert found.iloc[1][["popularity", "year", "genre", "position"]].isna().all()


def test_slates_are_averaged_and_known_by_their_first_item():
    slates = pd.DataFrame({"user_id": [7, 7], "position": [0, 1], "item_id": [1, 2], "score": [0.9, 0.5]})
    found = slate_features(decisions(), slates, item_facts(ITEMS, HISTORY))
    assert found.iloc[0][["year", "score", "item", "genre"]].tolist() == [2005.0, 0.7, "1", "Drama"]
    assert found.iloc[1][["year", "score", "item", "genre"]].isna().all()


def test_ratings_know_what_came_before_the_first_window_and_nothing_later():
    ratings = pd.DataFrame(
        {
            "user_id": [7, 7, 8, 7, 8],
            "item_id": [1, 2, 1, 3, 2],
            "rating": [4.0, 3.0, 5.0, 2.0, 4.5],
            "timestamp": [START - 2 * DAY, START - DAY, START - DAY, START, START + DAY],
        }
    )
    found = rating_features(ratings, ITEMS, DAYS)
    assert found["rating"].tolist() == [2.0, 4.5]
    assert found["user_activity"].tolist() == [2.0, 1.0]
    assert found["popularity"].tolist() == [pytest.approx(1 / 3), pytest.approx(2 / 3)]
    assert found["age"].tolist()[1] == 14.0
    later = pd.concat([ratings, ratings.tail(1).assign(item_id=3)])
    pd.testing.assert_frame_equal(rating_features(later, ITEMS, DAYS).head(2), found)


def test_click_rates_are_means_by_user_and_window_of_each_arm_and_of_all():
    made = pd.DataFrame(
        {
            "decision_id": list("abcd"),
            "arm_id": ["x", "x", "y", "x"],
            "user_key": ["u", "u", "u", "v"],
            "window": [0, 0, 0, 1],
        }
    )
    units = click_rates(made, pd.DataFrame({"decision_id": ["a", "a", "c"]}))
    by_arm = units.set_index(["arm_id", "window"])["value"].to_dict()
    assert by_arm == {
        ("x", 0): 0.5,
        ("x", 1): 0.0,
        ("y", 0): 1.0,
        ("all", 0): pytest.approx(2 / 3),
        ("all", 1): 0.0,
    }


def test_the_auc_of_a_slate_is_the_share_of_items_below_the_clicked_one():
    clicks = pd.DataFrame(
        {
            "arm_id": "x",
            "user_key": list("uvwz"),
            "window": 0,
            "position": pd.array([0, 9, pd.NA, 10], dtype="Int64"),
        }
    )
    assert slate_aucs(clicks, 10)["value"].tolist() == [1.0, 0.0]
    assert slate_aucs(clicks, 1).empty


def test_the_auc_of_ratings_is_scikit_learns_for_each_user():
    rng = np.random.default_rng(0)
    scored = pd.DataFrame(
        {
            "arm_id": "x",
            "user_key": np.repeat(["u", "v", "w"], 30),
            "window": 2,
            "clicked": rng.random(90) < 0.4,
            "score": rng.integers(0, 6, 90).astype(float),
        }
    )
    scored.loc[scored["user_key"] == "w", "clicked"] = True
    expected = [
        roc_auc_score(rows["clicked"], rows["score"])
        for user, rows in scored.groupby("user_key")
        if user != "w"
    ]
    assert rating_aucs(scored)["value"].tolist() == pytest.approx(expected)
