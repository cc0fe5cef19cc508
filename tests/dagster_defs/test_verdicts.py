"""What must hold for the data sets: each verdict on whole data, and on data that are spoilt one way."""

import numpy as np
import pandas as pd
import pytest

from armlift.datasets import fingerprint, world_split
from armlift.datasets.sample import generate_sample
from dagster_defs import verdicts


@pytest.fixture(scope="module")
def sample():
    return generate_sample(seed=3, n_users=40, n_items=60, n_ratings=1000)


@pytest.fixture(scope="module")
def split(sample):
    parts = world_split(sample.ratings, seed=0)
    return parts.history, parts.future, pd.DataFrame({"user_id": parts.withheld_users})


@pytest.fixture
def slates(sample, split):
    history, future, _ = split
    seen = history.groupby("user_id")["item_id"].agg(set).to_dict()
    rows = [
        (arm, user, position, item)
        for arm in ("popularity", "svd")
        for user in future["user_id"].unique()
        for position, item in enumerate(
            [item for item in sample.items["item_id"] if item not in seen.get(user, set())][:4]
        )
    ]
    return pd.DataFrame(rows, columns=["arm", "user_id", "position", "item_id"])


def log(arms=("a", "b"), each=500, clicks=(50, 50)):
    """Decisions of a fixed split, and their events."""
    decisions = pd.DataFrame(
        {
            "decision_id": [f"d{number}" for number in range(each * len(arms))],
            "strategy_id": "fixed",
            "arm_id": np.repeat(arms, each),
            "propensity": 1 / len(arms),
        }
    )
    shown = decisions[["decision_id", "arm_id"]].assign(event_type="impression")
    clicked = pd.concat(
        [shown[shown["arm_id"] == arm].head(count) for arm, count in zip(arms, clicks, strict=True)]
    ).assign(event_type="click_detail")
    events = pd.concat([shown, clicked], ignore_index=True)
    return decisions, events.assign(event_id=[f"e{number}" for number in range(len(events))])


def test_a_read_data_set_has_its_schema_and_is_the_snapshots(sample):
    tables = {"ratings": sample.ratings, "items": sample.items, "users": sample.users}
    assert verdicts.schema_holds(**tables).passed
    snapshot = {"hash": fingerprint(tables)} | {name: len(table) for name, table in tables.items()}
    verdict = verdicts.counts_hold(snapshot, **tables)
    assert verdict.passed
    assert verdict.figures["ratings"] == len(sample.ratings)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t | {"ratings": t["ratings"].astype({"rating": "float32"})}, "ratings.rating is float32"),
        (lambda t: t | {"items": t["items"].drop(columns="genres")}, "items.genres is missing"),
        (
            lambda t: t | {"ratings": pd.concat([t["ratings"], t["ratings"].head(2)])},
            "2 rows of ratings repeat",
        ),
        (lambda t: t | {"items": t["items"].iloc[1:]}, "ratings name a item_id that items lacks"),
        (lambda t: t | {"users": t["users"].head(0)}, "Users has no rows"),
        (
            lambda t: (
                t
                | {
                    "ratings": t["ratings"].assign(
                        rating=t["ratings"]["rating"].where(t["ratings"].index > 0)
                    )
                }
            ),
            "1 values of ratings are missing",
        ),
    ],
)
def test_a_broken_schema_is_named(sample, spoil, words):
    tables = spoil({"ratings": sample.ratings, "items": sample.items, "users": sample.users})
    verdict = verdicts.schema_holds(**tables)
    assert not verdict.passed
    assert words.lower() in verdict.said.lower()


def test_tables_that_are_not_the_snapshots_are_noticed(sample):
    tables = {"ratings": sample.ratings, "items": sample.items, "users": sample.users}
    snapshot = {"hash": fingerprint(tables)} | {name: len(table) for name, table in tables.items()}
    fewer = verdicts.counts_hold(snapshot, **tables | {"ratings": sample.ratings.iloc[1:]})
    assert not fewer.passed
    assert f"the snapshot counted {len(sample.ratings)}" in fewer.said
    changed = sample.ratings.assign(rating=5.0)
    other = verdicts.counts_hold(snapshot, **tables | {"ratings": changed})
    assert not other.passed
    assert "hashed" in other.said


def test_a_split_by_time_leaks_nothing(split):
    assert verdicts.no_future_leak(*split).passed


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda h, f, w: (pd.concat([h, f.head(3)]), f, w), "3 ratings are in both parts"),
        (lambda h, f, w: (f.assign(item_id=-f["item_id"]), f, w), "later than one in their future"),
        (
            lambda h, f, w: (h, f, pd.DataFrame({"user_id": h["user_id"].head(1)})),
            "ratings of withheld users",
        ),
        (lambda h, f, w: (h.head(0), f, w), "The history is empty"),
        (lambda h, f, w: (h, f.head(0), w), "The future is empty"),
    ],
)
def test_a_leak_is_named(split, spoil, words):
    verdict = verdicts.no_future_leak(*spoil(*split))
    assert not verdict.passed
    assert words.lower() in verdict.said.lower()


def test_full_slates_of_new_items_cover_everybody(slates, split):
    verdict = verdicts.slates_cover(slates, split[1], split[0])
    assert verdict.passed
    assert verdict.figures == {"arms": 2, "users": split[1]["user_id"].nunique(), "slate_size": 4}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda s, h: s.iloc[1:], "1 slates are shorter than 4"),
        (
            lambda s, h: s.assign(item_id=s["item_id"].where(s["position"] != 1, s["item_id"].shift())),
            "repeat an",
        ),
        (lambda s, h: s[(s["arm"] != "svd") | (s["user_id"] != s["user_id"].max())], "svd has slates for"),
        (lambda s, h: s.head(0), "There are no slates"),
        (
            lambda s, h: pd.concat([s, h.head(1)[["user_id", "item_id"]].assign(arm="svd", position=3)]),
            "1 items were shown to users who rated them",
        ),
    ],
)
def test_a_gap_in_the_slates_is_named(slates, split, spoil, words):
    verdict = verdicts.slates_cover(spoil(slates, split[0]), split[1], split[0])
    assert not verdict.passed
    assert words in verdict.said


def test_events_belong_to_their_decisions():
    decisions, events = log()
    verdict = verdicts.events_belong(events, decisions)
    assert verdict.passed
    assert verdict.figures == {"decisions": 1000, "events": 1100, "clicks": 100}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda d, e: (d, e.iloc[1:]), "1 decisions were not shown"),
        (lambda d, e: (d, e.assign(arm_id="b")), "belong to no decision, or to another arm's"),
        (lambda d, e: (d, pd.concat([e, e.head(2)])), "2 decisions were shown twice; 2 event ids repeat"),
        (lambda d, e: (d, pd.concat([e, e.tail(1).assign(event_id="new")])), "1 clicks repeat"),
        (lambda d, e: (pd.concat([d, d.head(1)]), e), "Decision ids repeat"),
        (lambda d, e: (d.head(0), e), "there are none"),
    ],
)
def test_an_event_without_its_decision_is_named(spoil, words):
    decisions, events = spoil(*log())
    verdict = verdicts.events_belong(events, decisions)
    assert not verdict.passed
    assert words in verdict.said


def test_the_sample_ratio_of_a_fixed_split():
    decisions, _ = log()
    assert verdicts.ratio_holds(decisions).passed
    lost = verdicts.ratio_holds(decisions.iloc[:800])
    assert not lost.passed
    assert lost.figures["p_value"] < verdicts.ALARM
    assert verdicts.ratio_holds(decisions.assign(strategy_id="thompson")).passed


def test_equal_arms_must_look_equal_in_a_world_where_they_are():
    assert verdicts.equal_arms_look_equal(*log(), {"kind": "aa"}).passed
    different = log(clicks=(50, 120))
    assert not verdicts.equal_arms_look_equal(*different, {"kind": "aa"}).passed
    assert verdicts.equal_arms_look_equal(*different, {"kind": "movielens"}).passed


def metrics(**values):
    rows = [("temporal", "ndcg@10", model, value) for model, value in values.items()]
    rows += [("k_fold", "ndcg@10", model, 1.0 - value) for model, value in values.items()]
    return pd.DataFrame(rows, columns=["split", "metric", "model", "value"])


def test_training_must_beat_popularity_with_one_model():
    good = verdicts.training_pays(metrics(popularity=0.2, random=0.3, svd=0.1, ease=0.28))
    assert good.passed
    assert good.figures == {"best": "ease", "worse": "svd"}
    bad = verdicts.training_pays(metrics(popularity=0.2, random=0.3, svd=0.1))
    assert not bad.passed
    assert "svd, has a ndcg@10 on the temporal split of 0.1; popularity has 0.2" in bad.said
    assert verdicts.training_pays(metrics(svd=0.1)).passed


def test_arms_must_beat_popularity_in_the_world():
    rates = pd.DataFrame({"segment": ["all", "all", "new"], "arm": ["popularity", "svd", "svd"]})
    assert verdicts.arms_pay(rates.assign(click_rate=[0.1, 0.1, 0.0])).passed
    assert not verdicts.arms_pay(rates.assign(click_rate=[0.1, 0.09, 0.5])).passed
