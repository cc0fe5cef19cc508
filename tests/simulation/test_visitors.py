"""Simulated users of live experiments."""

import numpy as np
import pytest
from live_log import brief

from armlift.simulation.visitors import PlainClicks, WorldClicks, acts, click_model, sessions
from armlift.simulation.world import World, bernoulli_world

SHOP = {
    "primary_metric": {"id": "conversion", "baseline": 0.4, "mde": 0.1},
    "reward_event": "purchase",
    "audience": {"device": ["mobile"], "category": ["phones", "laptops"]},
    "exclusions": {"channel": ["mail", "direct"]},
}


def _world(*arms):
    """Two users; the first clicks the top item of the first arm for sure, and nothing else."""
    positions = np.zeros((2, len(arms), 3))
    positions[0, 0, 0] = 1.0
    return World(
        "movielens",
        arms,
        np.array([7, 9]),
        np.array([0.25, 0.75]),
        np.array(["new", "new"]),
        positions.sum(axis=2),
        positions,
        np.ones((2, len(arms), 3), dtype=np.int64),
    )


def _drawn(declared, batch="b", number=200, seed=1, model=None):
    model = model or PlainClicks(declared)
    return [
        (session, [acts(declared, model, session, 0, arm, batch=batch, seed=seed) for arm in declared.arms])
        for session in sessions(declared, model, batch=batch, number=number, seed=seed)
    ]


def test_a_batch_is_the_same_again_and_others_differ():
    films = brief()
    assert _drawn(films) == _drawn(films)
    assert [each.user_id for each, _ in _drawn(films)] != [each.user_id for each, _ in _drawn(films, "c")]
    assert _drawn(films) != _drawn(films, seed=2)
    assert _drawn(films)[0][0].id == "b.0"


def test_a_longer_batch_does_the_same_in_each_session():
    films = brief()
    model = PlainClicks(films)
    session = sessions(films, model, batch="b", number=5, seed=1)[4]
    alone = acts(films, model, session, 1, "svd", batch="b", seed=1)
    acts(films, model, session, 0, "svd", batch="b", seed=1)
    assert acts(films, model, session, 1, "svd", batch="b", seed=1) == alone


def test_everybody_sees_the_slate_and_sessions_end():
    drawn = _drawn(brief())
    assert all(each[0].event_type == "impression" for _, found in drawn for each in found)
    assert {1, 2} <= {session.slates for session, _ in drawn} <= {1, 2, 3, 4}


def test_without_a_world_later_arms_click_more():
    films = brief(primary_metric={"id": "ctr", "baseline": 0.2, "mde": 0.5})
    drawn = _drawn(films, number=4000)
    rates = np.mean([[len(found) > 1 for found in arms] for _, arms in drawn], axis=0)
    assert rates == pytest.approx([0.2, 0.4], abs=0.03)


def test_a_world_that_knows_the_arms_decides():
    films = brief()
    model = click_model(films, _world("popularity", "svd"))
    assert isinstance(model, WorldClicks)
    for session, (popularity, svd) in _drawn(films, model=model):
        assert len(svd) == 1
        assert [act.position for act in popularity[1:2]] == ([0] if session.user_id == "7" else [])
    users = [session.user_id for session, _ in _drawn(films, number=4000, model=model)]
    assert users.count("9") / len(users) == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize(
    "world", [None, _world("popularity", "other"), bernoulli_world([0.1, 0.2], ("popularity", "svd"))]
)
def test_other_worlds_do_not(world):
    assert isinstance(click_model(brief(), world), PlainClicks)


def test_shoppers_buy_in_order_and_come_from_the_audience():
    drawn = _drawn(brief(**SHOP), number=400)
    funnels = {tuple(act.event_type for act in found) for _, arms in drawn for found in arms}
    assert ("impression", "click_detail", "add_to_cart", "purchase") in funnels
    assert "like" not in {kind for funnel in funnels for kind in funnel}
    bought = [act for _, arms in drawn for found in arms for act in found if act.event_type == "purchase"]
    assert all(act.price > 0 for act in bought)
    contexts = [session.context for session, _ in drawn]
    assert {each["device"] for each in contexts} == {"mobile"}
    assert {each["channel"] for each in contexts} == {"search"}
    assert {each["category"] for each in contexts} == {"phones", "laptops"}
