"""Ranking metrics: by hand, against every order of the ties, and against scikit-learn."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from armlift.errors import ParameterError
from armlift.evaluation import ranking
from armlift.evaluation.ranking import Ranks

METRICS = (
    ranking.precision,
    ranking.recall,
    ranking.ndcg,
    ranking.average_precision,
    ranking.reciprocal_rank,
    ranking.hit_rate,
)


def by_definition(order: tuple[int, ...], relevant: set[int], k: int) -> list[float]:
    """The metrics of one list without ties, from the textbook."""
    hits = [item in relevant for item in order[:k]]
    ranks = [rank for rank, hit in enumerate(hits, start=1) if hit]
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(relevant)) + 1))
    return [
        sum(hits) / k,
        sum(hits) / len(relevant),
        sum(1 / math.log2(rank + 1) for rank in ranks) / ideal,
        sum(sum(hits[:rank]) / rank for rank in ranks) / min(k, len(relevant)),
        1 / ranks[0] if ranks else 0.0,
        float(any(hits)),
    ]


def test_a_list_by_hand() -> None:
    # Best first: items 2, 0, 3, 1; relevant are 0, 3 and one that is no candidate.
    ranks = Ranks.from_scores([[3.0, 1.0, 4.0, 2.0, -np.inf]], [0, 0, 0], [0, 3, 4], depth=3)
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    expected = [2 / 3, 2 / 3, (1 / math.log2(3) + 1 / 2) / ideal, (1 / 2 + 2 / 3) / 3, 1 / 2, 1.0]
    for metric, value in zip(METRICS, expected, strict=True):
        np.testing.assert_allclose(metric(ranks, 3), [value], rtol=1e-12, err_msg=metric.__name__)


def test_ties_by_hand() -> None:
    # One of two relevant items is tied with one other for rank 2: half the time it is in the first 2.
    ranks = Ranks.from_scores([[0.9, 0.5, 0.5, 0.1]], [0, 0], [1, 3], depth=2)
    discount = 1 / math.log2(3)
    expected = [1 / 4, 1 / 4, discount / 2 / (1 + discount), 1 / 8, 1 / 4, 1 / 2]
    for metric, value in zip(METRICS, expected, strict=True):
        np.testing.assert_allclose(metric(ranks, 2), [value], rtol=1e-12, err_msg=metric.__name__)


@given(
    scores=st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=2, max_size=6),
    flags=st.lists(st.booleans(), min_size=6, max_size=6),
    k=st.integers(1, 7),
    depth=st.integers(0, 3),
)
def test_ties_are_averaged_over_all_their_orders(
    scores: list[float], flags: list[bool], k: int, depth: int
) -> None:
    relevant = {item for item in range(len(scores)) if flags[item]} or {0}
    orders = [
        order
        for order in itertools.permutations(range(len(scores)))
        if all(scores[a] >= scores[b] for a, b in itertools.pairwise(order))
    ]
    expected = np.mean([by_definition(order, relevant, k) for order in orders], axis=0)
    # A second list, of other scores, must not mix with the first.
    both = [scores, [7.0] + [0.0] * (len(scores) - 1)]
    row, column = [0] * len(relevant) + [1], [*sorted(relevant), 0]
    ranks = Ranks.from_scores(both, row, column, depth=k + depth)
    for metric, value in zip(METRICS, expected, strict=True):
        np.testing.assert_allclose(metric(ranks, k)[0], value, atol=1e-12, err_msg=metric.__name__)
    np.testing.assert_allclose([metric(ranks, k)[1] for metric in METRICS], [1 / k, 1, 1, 1, 1, 1])


def test_ndcg_is_scikit_learns_ties_included() -> None:
    from sklearn.metrics import ndcg_score

    rng = np.random.default_rng(0)
    scores = rng.integers(0, 8, (50, 40)).astype(float)
    relevant = rng.random((50, 40)) < 0.2
    relevant[:, 0] = True
    row, column = np.nonzero(relevant)
    ranks = Ranks.from_scores(scores, row, column, depth=10)
    for k in (1, 3, 10):
        assert ranking.ndcg(ranks, k).mean() == pytest.approx(ndcg_score(relevant, scores, k=k), abs=1e-12)


def test_average_precision_is_scikit_learns_without_ties() -> None:
    from sklearn.metrics import average_precision_score, label_ranking_average_precision_score

    rng = np.random.default_rng(1)
    scores = rng.permuted(np.tile(np.arange(30.0), (20, 1)), axis=1)
    relevant = rng.random((20, 30)) < 0.3
    relevant[:, 0] = True
    row, column = np.nonzero(relevant)
    found = ranking.average_precision(Ranks.from_scores(scores, row, column, depth=30), 30)
    expected = [average_precision_score(*pair) for pair in zip(relevant, scores, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert found.mean() == pytest.approx(label_ranking_average_precision_score(relevant, scores), abs=1e-12)


def test_slates_and_scores_agree() -> None:
    rng = np.random.default_rng(2)
    scores = rng.permuted(np.tile(np.arange(20.0), (9, 1)), axis=1)
    row, column = np.nonzero(rng.random((9, 20)) < 0.4)
    from_scores = Ranks.from_scores(scores, row, column, depth=5)
    from_slates = Ranks.from_slates(100 + np.argsort(-scores, axis=1)[:, :5], row, 100 + column)
    for metric in METRICS:
        np.testing.assert_allclose(metric(from_scores, 5), metric(from_slates, 5), rtol=1e-12)


def test_equal_scores_give_what_chance_gives() -> None:
    ranks = Ranks.from_scores(np.zeros((1, 100)), [0, 0], [17, 80], depth=10)
    assert ranking.recall(ranks, 10) == pytest.approx([0.1])
    assert ranking.hit_rate(ranks, 10) == pytest.approx([1 - math.comb(98, 10) / math.comb(100, 10)])


@pytest.mark.parametrize("column", [1, -1])
def test_an_item_that_is_no_candidate_is_never_retrieved(column: int) -> None:
    ranks = Ranks.from_scores([[1.0, -np.inf, -np.inf]], [0], [column], depth=3)
    assert [float(metric(ranks, 3)[0]) for metric in METRICS] == [0.0] * 6


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ParameterError, match="relevant item in every list"):
        Ranks.from_scores([[1.0], [1.0]], [0], [0], depth=1)
    with pytest.raises(ParameterError, match="no NaN"):
        Ranks.from_scores([[np.nan]], [0], [0], depth=1)
    with pytest.raises(ParameterError, match="1 <= k <= 2"):
        ranking.recall(Ranks.from_scores([[1.0, 2.0, 3.0]], [0], [0], depth=2), 3)
