"""How a fitted recommender is put to the test on the ratings it was not fitted on.

All protocols answer for every test user, also for those without a rating in train, and say which they are.
Memory is bounded: users are scored in blocks.
"""

from __future__ import annotations

from typing import NamedTuple, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.datasets import Split
from armlift.errors import ParameterError
from armlift.evaluation import ranking
from armlift.evaluation.beyond_accuracy import (
    catalogue_coverage,
    exposure_gini,
    intra_list_diversity,
    novelty,
    slate_popularity,
)
from armlift.evaluation.genres import Genres
from armlift.evaluation.held_out import Block, HeldOut
from armlift.evaluation.ranking import Ranks
from armlift.evaluation.results import RANKING_METRICS, ClickResult, Protocol, RankingResult, RatingResult
from armlift.recommenders.base import SCORES_IN_MEMORY, Recommender
from armlift.recommenders.click_ranker import ClickRanker
from armlift.recommenders.rating_predictor import RatingPredictor

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


def evaluate_ranking(
    recommender: Recommender,
    split: Split,
    items: pd.DataFrame,
    k: int = 10,
    protocol: Protocol = "full",
    seed: int = 0,
    *,
    like_threshold: float | None = 4.0,
    negatives: int = 99,
) -> RankingResult:
    """Rank, for every user who likes something in test, the items not rated in train.

    `full` ranks all of them, as a slate would: beyond the recommender's own candidates by popularity.
    `sampled` ranks each liked item among drawn ones that the user rated neither in train nor in test, and
    averages over the user's liked items: easier, and not always in the same order of models as `full`
    (Krichene and Rendle 2020). The same items are drawn for every recommender.

    Args:
        recommender: Fitted on `split.train` and `items`.
        split: Ratings to test on, and those already seen.
        items: Items table; gives the genres.
        k: Length of the ranked list, at least 1.
        protocol: `full` or `sampled`.
        seed: Seed of the drawn items.
        like_threshold: Test rating, in points, from which on an item is liked; None for any rating.
        negatives: Items drawn for each liked one under `sampled`, at least 1.

    Returns:
        Metrics of each user, the liked items' places and the slates.

    Raises:
        ParameterError: A parameter is out of its bound.
        DataError: No test user likes anything.
    """
    if protocol not in get_args(Protocol):
        raise ParameterError("protocol", protocol, f"one of {', '.join(get_args(Protocol))}", "Choose one.")
    if not 1 <= k <= len(recommender.item_ids_):
        raise ParameterError("k", k, f"1 <= k <= {len(recommender.item_ids_)} items", "Choose another k.")
    if negatives < 1:
        raise ParameterError("negatives", negatives, "negatives >= 1", "99 is customary.")
    held_out = HeldOut.of(split, like_threshold)
    genres, n_users = Genres.of(items, recommender.item_ids_), split.train["user_id"].nunique()
    found = [
        _rank_all(block, k, recommender, genres, n_users)
        if protocol == "full"
        else _rank_sampled(block, k, negatives, seed)
        for block in held_out.blocks(recommender)
    ]
    metrics = pd.concat([ranked.users for ranked in found], ignore_index=True)
    slates = np.concatenate([ranked.slates for ranked in found])
    n_items = len(recommender.item_ids_)
    full = protocol == "full"
    return RankingResult(
        split=split.name,
        protocol=protocol,
        k=k,
        negatives=0 if full else negatives,
        users=pd.concat([held_out.users, metrics], axis=1),
        pairs=held_out.liked.assign(
            retrieved=np.concatenate([ranked.retrieved for ranked in found]),
            gain=np.concatenate([ranked.gain for ranked in found]),
        ),
        slates=pd.DataFrame(
            {
                "user_id": np.repeat(held_out.users["user_id"].to_numpy()[: len(slates)], k),
                "position": np.tile(np.arange(k, dtype=np.int64), len(slates)),
                "item_id": recommender.item_ids_[slates.ravel()],
            }
        ),
        coverage=catalogue_coverage(slates, n_items) if full else float("nan"),
        gini=exposure_gini(slates, n_items) if full else float("nan"),
    )


def evaluate_ratings(recommender: RatingPredictor, split: Split) -> RatingResult:
    """Predict every test rating, within the scale of the train ratings.

    Args:
        recommender: Fitted on `split.train`.
        split: Ratings to test on.

    Returns:
        The prediction of each test rating.
    """
    test = split.test
    predicted = recommender.expected_rating(test["user_id"].to_numpy(), test["item_id"].to_numpy())
    pairs = test[["user_id", "item_id", "rating"]].assign(
        predicted=predicted, cold_start=_without_history(split)
    )
    return RatingResult(split.name, pairs)


def evaluate_clicks(recommender: Recommender, split: Split, *, like_threshold: float = 4.0) -> ClickResult:
    """Tell the rated items that users like from those that they do not.

    The score is a click ranker's probability of a click in the year of the test rating, a rating
    predictor's expected rating, or another recommender's own score.

    Args:
        recommender: Fitted on `split.train`.
        split: Ratings to test on.
        like_threshold: Rating, in points, from which on a test rating is a click.

    Returns:
        The score of each test rating.
    """
    test = split.test
    users, items = test["user_id"].to_numpy(np.int64), test["item_id"].to_numpy(np.int64)
    if isinstance(recommender, ClickRanker):
        scores = recommender.click_probability(users, items, test["timestamp"].dt.year.to_numpy(np.float64))
    elif isinstance(recommender, RatingPredictor):
        scores = recommender.expected_rating(users, items)
    else:
        scores = _pair_scores(recommender, users, items)
    pairs = test[["user_id", "item_id"]].assign(
        clicked=test["rating"] >= like_threshold, score=scores, cold_start=_without_history(split)
    )
    return ClickResult(split.name, isinstance(recommender, ClickRanker), pairs)


class _Ranked(NamedTuple):
    """What the ranking of a block of users gives."""

    users: pd.DataFrame
    retrieved: Floats
    gain: Floats
    slates: Integers


def _rank_all(block: Block, k: int, recommender: Recommender, genres: Genres, n_users: int) -> _Ranked:
    """Rank the whole catalogue."""
    ranks = Ranks.from_scores(block.scores, block.row, block.column, k)
    slates = _best(block.scores, k)
    users = _user_metrics(ranks, k).assign(
        diversity=intra_list_diversity(slates, genres.flags),
        novelty=novelty(slates, recommender.popularity_, n_users),
        popularity=slate_popularity(slates, recommender.popularity_),
    )
    return _Ranked(users, ranking.retrieved(ranks, k), ranking.gain(ranks, k), slates)


def _rank_sampled(block: Block, k: int, negatives: int, seed: int) -> _Ranked:
    """Rank each liked item among drawn ones, and average over the liked items of a user."""
    n_users = len(block.user_ids)
    drawn = np.full((len(block.row), negatives), -np.inf)
    free = np.isfinite(block.scores)
    known = block.tested_column >= 0
    free[block.tested_row[known], block.tested_column[known]] = False
    liked = np.bincount(block.row, minlength=n_users)
    start = np.cumsum(liked) - liked
    for user, user_id in enumerate(block.user_ids):
        # A stream of the user's own: the same items whatever the model and the other users.
        rng = np.random.default_rng([seed, int(user_id) % 2**63])
        candidates = np.flatnonzero(free[user])
        size = min(negatives, len(candidates))
        for pair in range(start[user], start[user] + liked[user]):
            chosen = rng.choice(candidates, size, replace=False, shuffle=False)
            drawn[pair, :size] = block.scores[user, chosen]
    own = np.where(block.column >= 0, block.scores[block.row, block.column], -np.inf)
    pairs = np.arange(len(own))
    ranks = Ranks.from_scores(np.column_stack([own, drawn]), pairs, np.zeros_like(pairs), k)
    users = _user_metrics(ranks, k).groupby(block.row).mean()
    return _Ranked(
        users, ranking.retrieved(ranks, k), ranking.gain(ranks, k), np.empty((0, k), dtype=np.int64)
    )


def _user_metrics(ranks: Ranks, k: int) -> pd.DataFrame:
    metrics = (
        ranking.precision,
        ranking.recall,
        ranking.ndcg,
        ranking.average_precision,
        ranking.reciprocal_rank,
        ranking.hit_rate,
    )
    return pd.DataFrame(
        {name: metric(ranks, k) for name, metric in zip(RANKING_METRICS, metrics, strict=True)}
    )


def _best(scores: Floats, k: int) -> Integers:
    """Columns of the k best of each row, best first, ties to the lowest column, as slates are filled."""
    threshold = np.partition(scores, -k, axis=1)[:, -k, np.newaxis]
    row, column = np.nonzero(scores >= threshold)
    order = np.lexsort((column, -scores[row, column], row))
    first = np.searchsorted(row, np.arange(len(scores)))
    best: Integers = column[order][first[:, np.newaxis] + np.arange(k)]
    return best


def _pair_scores(recommender: Recommender, users: Integers, items: Integers) -> Floats:
    """Scores of pairs, -inf beyond the catalogue or the candidates; users in blocks."""
    user_ids, rows = np.unique(users, return_inverse=True)
    columns = pd.Index(recommender.item_ids_).get_indexer(pd.Index(items))
    scores = np.full(len(users), -np.inf)
    size = max(1, SCORES_IN_MEMORY // len(recommender.item_ids_))
    for start in range(0, len(user_ids), size):
        block = recommender.score(user_ids[start : start + size])
        own = np.flatnonzero((rows >= start) & (rows < start + size) & (columns >= 0))
        scores[own] = block[rows[own] - start, columns[own]]
    return scores


def _without_history(split: Split) -> Booleans:
    return ~split.test["user_id"].isin(split.train["user_id"]).to_numpy()
