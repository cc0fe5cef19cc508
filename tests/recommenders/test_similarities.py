import numpy as np
import pytest
from scipy.sparse import csr_array

from armlift.recommenders import similarities
from armlift.recommenders.similarities import cosine_neighbours, pearson_baseline


def test_correlations_count_shared_columns_only() -> None:
    deviations = csr_array([[1.0, -1.0, 0.5], [2.0, 1.0, 0.0], [0.0, 0.0, 3.0]])
    similarity = pearson_baseline(deviations, deviations.T.tocsr(), np.array([0, 2]), shrinkage=1.0)
    # Rows 0 and 1 share two columns: (2 - 1) / (sqrt(2) sqrt(5)), half of which is believed.
    assert similarity[0].tolist() == pytest.approx([1.0, 0.5 / np.sqrt(10), 0.0])
    # Rows 0 and 2 share one: a correlation of one pair is not believed at all.
    assert similarity[1].tolist() == [0.0, 0.0, 1.0]


def test_rows_without_deviation_are_like_nothing() -> None:
    deviations = csr_array((np.zeros(4), ([0, 0, 1, 1], [0, 1, 0, 1])), shape=(2, 2))
    similarity = pearson_baseline(deviations, deviations.T.tocsr(), np.array([0, 1]), shrinkage=0.0)
    assert similarity.tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_nearest_by_cosine_match_a_full_sort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarities, "ROWS_AT_ONCE", 7)
    X = (np.random.default_rng(3).random((40, 15)) < 0.3).astype(float)
    length = np.sqrt(X.sum(axis=1))
    cosine = np.round(X @ X.T / (np.outer(length, length) + 2.0), 9)
    np.fill_diagonal(cosine, 0.0)
    nearest = cosine_neighbours(csr_array(X), 5, 2.0)
    for row in range(40):
        expected = np.argsort(-cosine[row], kind="stable")[:5]
        assert sorted(nearest.rows[row]) == sorted(expected)
        np.testing.assert_array_equal(nearest.similarity[row], cosine[row, nearest.rows[row]])
