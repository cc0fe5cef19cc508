from typing import Any

import numpy as np

from armlift.recommenders.random import Random


def test_users_and_seeds_have_own_orders(invented: Any) -> None:
    one = Random().fit(invented.history, invented.items, seed=1).score([1, 2])
    other = Random().fit(invented.history, invented.items, seed=2).score([1])
    assert not np.array_equal(one[0], one[1])
    assert not np.array_equal(one[0], other[0])


def test_every_item_has_its_turn(invented: Any) -> None:
    n_items = len(invented.items)
    slates = (
        Random()
        .fit(invented.history, invented.items, seed=1)
        .recommend(np.arange(10**6, 10**6 + 2000), 10, invented.history)
    )
    times = slates["item_id"].value_counts().reindex(invented.items["item_id"], fill_value=0)
    expected = len(slates) / n_items
    # Binomial: 6 standard deviations leave a chance of 1e-7 to the fixed seed.
    assert np.abs(times - expected).max() < 6 * np.sqrt(expected)
