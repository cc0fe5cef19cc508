"""What slates are like, by hand."""

import numpy as np
import pandas as pd
import pytest

from armlift.errors import ParameterError
from armlift.evaluation.beyond_accuracy import (
    catalogue_coverage,
    exposure_gini,
    intra_list_diversity,
    novelty,
    slate_popularity,
)
from armlift.evaluation.genres import Genres

SLATES = np.array([[0, 1, 2], [0, 1, 3]])


def test_coverage_counts_items_shown_to_anyone() -> None:
    assert catalogue_coverage(SLATES, 8) == 0.5


def test_gini_by_hand_and_by_all_differences() -> None:
    # Exposures 2, 2, 1, 1, 0: mean absolute difference over twice the mean.
    exposures = np.array([2, 2, 1, 1, 0])
    differences = np.abs(exposures[:, None] - exposures).mean()
    assert exposure_gini(SLATES, 5) == pytest.approx(differences / (2 * exposures.mean()), abs=1e-15)
    assert exposure_gini(np.array([[0, 1], [2, 3]]), 4) == 0.0
    assert exposure_gini(np.array([[1], [1]]), 4) == 0.75


def test_diversity_by_hand() -> None:
    genres = np.array([[1, 1, 0], [0, 1, 1], [0, 0, 0], [0, 0, 0]], dtype=bool)
    # {a, b} and {b, c} share one of three genres; with nothing an item shares nothing.
    found = intra_list_diversity(np.array([[0, 1, 2], [0, 1, 1], [0, 2, 3]]), genres)
    np.testing.assert_allclose(found, [(2 / 3 + 1 + 1) / 3, (2 / 3 + 2 / 3 + 0) / 3, 1.0])
    assert intra_list_diversity(np.array([[2]]), genres).tolist() == [0.0]


def test_novelty_by_hand() -> None:
    # Of seven users three rated item 0, none item 1: chances 4/8 and 1/8.
    assert novelty(np.array([[0, 1], [0, 0]]), np.array([3, 0]), 7).tolist() == [2.0, 1.0]


def test_popularity_by_hand() -> None:
    assert slate_popularity(SLATES, np.array([9, 3, 0, 6])).tolist() == [4.0, 6.0]


def test_genres_of_items_without_any() -> None:
    items = pd.DataFrame({"item_id": [1, 2, 3], "genres": ["Drama|Action", "", "Action"]})
    genres = Genres.of(items, np.array([3, 2, 1, 9]))
    assert genres.names == ("Action", "Drama")
    assert genres.flags.astype(int).tolist() == [[1, 0], [0, 0], [1, 1], [0, 0]]


@pytest.mark.parametrize("slates", [np.empty((0, 3), dtype=np.int64), np.array([[5]]), np.array([[-1]])])
def test_slates_hold_catalogue_positions(slates: np.ndarray) -> None:
    with pytest.raises(ParameterError, match="positions from 0 to 4"):
        catalogue_coverage(slates, 5)
