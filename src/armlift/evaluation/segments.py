"""Metrics of parts of the test, with bootstrap intervals, and whether a part differs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.datasets import Split
from armlift.errors import ParameterError
from armlift.evaluation.bootstrap import Measure, RatioOfSums, WeightedAUC, resampled
from armlift.evaluation.genres import Genres
from armlift.evaluation.ranking import discounts
from armlift.evaluation.results import ClickResult, RankingResult, RatingResult
from armlift.statistics.multiplicity import holm

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Result = RankingResult | RatingResult | ClickResult

#: Share of the train ratings that the most rated items, the head, hold together.
HEAD_SHARE = 0.8


class Segment(NamedTuple):
    """Some of the pairs of a result.

    Attributes:
        kind: `all`, `users`, `genre` or `items`.
        name: Such as `cold start`.
        pairs: Which pairs belong to it, shape (P,).
    """

    kind: str
    name: str
    pairs: NDArray[np.bool_]


def find_segments(pairs: pd.DataFrame, split: Split, items: pd.DataFrame) -> tuple[Segment, ...]:
    """Name the parts of a test; parts without a pair are left out.

    Users: `cold start`, without a rating in train; the others in quartiles by their train ratings, `least
    active` to `most active`, equally active users together. Items: `head`, the most rated that hold 80 % of
    the train ratings; `long tail`, the others rated in train; `new`, not rated in train. And each genre, in
    which an item of several genres stands several times.

    Args:
        pairs: `user_id` and `item_id` of each pair, shape (P,).
        split: Gives the train ratings.
        items: Items table; gives the genres.

    Returns:
        All pairs first, then the parts.
    """
    user_ids, owner = np.unique(pairs["user_id"].to_numpy(), return_inverse=True)
    item_ids, shown = np.unique(pairs["item_id"].to_numpy(), return_inverse=True)
    active = split.train["user_id"].value_counts().reindex(user_ids, fill_value=0).to_numpy(np.int64)
    quartile = _activity_quartiles(active.astype(np.int64))
    rated = split.train["item_id"].value_counts()
    popularity = rated.reindex(item_ids, fill_value=0).to_numpy()
    head = np.isin(item_ids, _head(rated))
    genres = Genres.of(items, item_ids)
    users = ("cold start", "least active", "less active", "more active", "most active")
    places = {"head": head, "long tail": (popularity > 0) & ~head, "new": popularity == 0}
    segments = [
        Segment("all", "all", np.ones(len(pairs), dtype=bool)),
        *(Segment("users", name, (quartile == number)[owner]) for number, name in enumerate(users)),
        *(Segment("items", name, members[shown]) for name, members in places.items()),
        *(Segment("genre", name, genres.flags[shown, g]) for g, name in enumerate(genres.names)),
    ]
    return tuple(segment for segment in segments if segment.pairs.any())


def segment_metrics(
    result: Result,
    split: Split,
    items: pd.DataFrame,
    *,
    model: str,
    reference: tuple[str, Result] | None = None,
    alpha: float = 0.05,
    resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Metrics of a result by segment.

    Of a ranking: ndcg and recall, with only the segment's liked items counted as liked; of ratings: rmse and
    mae; of clicks: auc, and of probabilities log_loss and brier. Ranking metrics are means over users,
    the others over pairs.

    Intervals are percentiles of the bootstrap over users. A segment is compared with all pairs, or with a
    reference model on the same segment, on the same bootstrap samples; the p-value is that of the difference
    over its bootstrap standard error by Student's t with users - 1 degrees of freedom.

    Args:
        result: What `model` achieved on the split.
        split: The split of the result.
        items: Items table.
        model: Name of the model.
        reference: Name and result of another model on the same split; None compares with all pairs.
        alpha: Intervals cover 1 - alpha.
        resamples: Bootstrap samples, at least 100.
        seed: Seed of the bootstrap.

    Returns:
        One row for each metric and segment: `model`, `split`, `kind`, `segment`, `metric`, `users` with a
        pair in the segment, `value`, `low`, `high`, `compared_with` (`all`, or the reference), `difference`,
        `difference_low`, `difference_high`, `p_value` and `adjusted_p_value`, by Holm over the segments of a
        metric. Undefined metrics are left out. With one user the interval is open and the p-value 1; an
        interval without width says only that the samples do not vary, as where nothing is ever retrieved.

    Raises:
        ParameterError: A parameter is out of its bound, or the reference was tested on other pairs.
    """
    if not 0 < alpha < 1:
        raise ParameterError("alpha", alpha, "0 < alpha < 1", "Give a rate such as 0.05.")
    if resamples < 100:
        raise ParameterError("resamples", resamples, "resamples >= 100", "1000 is customary.")
    segments = find_segments(result.pairs, split, items)
    measured = _measures(result, segments)
    against, other_result = reference or ("all", result)
    if reference is None:  # each segment against all pairs
        other = {key: measured[key[0], "all", "all"] for key in measured}
    else:
        _check_same_pairs(result, other_result)
        other = _measures(other_result, segments)
    everyone = np.ones((1, result.pairs["user_id"].nunique()))
    # AUC is undefined where a segment holds clicks only; probabilities have metrics that scores have not.
    keys = [
        key
        for key, measure in measured.items()
        if key in other and np.isfinite([measure(everyone), other[key](everyone)]).all()
    ]
    measures = [measured[key] for key in keys] + [other[key] for key in keys]
    value, other_value = np.split(np.concatenate([measure(everyone) for measure in measures]), 2)
    drawn = resampled(measures, everyone.size, resamples, seed)
    samples, other_samples = np.split(drawn, 2, axis=1)
    users = np.array([measured[key].users for key in keys])
    low, high = _interval(samples, users, alpha)
    difference = value - other_value
    difference_low, difference_high = _interval(samples - other_samples, users, alpha)
    table = pd.DataFrame(
        {
            "model": model,
            "split": result.split,
            "kind": [kind for _, kind, _ in keys],
            "segment": [name for _, _, name in keys],
            "metric": [metric for metric, _, _ in keys],
            "users": users,
            "value": value,
            "low": low,
            "high": high,
            "compared_with": against,
            "difference": difference,
            "difference_low": difference_low,
            "difference_high": difference_high,
            "p_value": _p_values(difference, samples - other_samples, users),
        }
    )
    # All pairs against all pairs is no test.
    tested = table[(table["kind"] != "all") | (reference is not None)]
    adjusted = tested.groupby("metric")["p_value"].transform(lambda p: holm(p.to_numpy()))
    table["adjusted_p_value"] = adjusted.reindex(table.index, fill_value=1.0)
    return table


def _measures(result: Result, segments: tuple[Segment, ...]) -> dict[tuple[str, str, str], Measure]:
    """All metrics of a result on all segments, by metric, kind and name."""
    user_ids, owner = np.unique(result.pairs["user_id"].to_numpy(), return_inverse=True)
    return {
        (metric, segment.kind, segment.name): measure
        for segment in segments
        for metric, measure in _of_pairs(
            result, result.pairs[segment.pairs], owner[segment.pairs], len(user_ids)
        )
    }


def _of_pairs(
    result: Result, pairs: pd.DataFrame, users: Integers, n_users: int
) -> Iterator[tuple[str, Measure]]:
    """Metrics of some pairs, whose users are given by position, shape (P,)."""
    count = _sums(users, np.ones(len(users)), n_users)

    def mean(values: Floats, *, root: bool = False) -> RatioOfSums:
        return RatioOfSums(_sums(users, values, n_users), count, root)

    if isinstance(result, RankingResult):
        # Under `sampled` each liked item is a list of its own.
        liked = np.ones(n_users) if result.protocol == "sampled" else count
        lists = count if result.protocol == "sampled" else np.ones(n_users)
        ideal = np.cumsum(discounts(result.k))[np.clip(liked, 1, result.k).astype(np.int64) - 1] * lists
        for name, column, best in (("ndcg", "gain", ideal), ("recall", "retrieved", count)):
            by_user = _sums(users, pairs[column].to_numpy(np.float64), n_users) / np.maximum(best, 1.0)
            yield result.label.format(name), RatioOfSums(by_user, (count > 0).astype(np.float64))
    elif isinstance(result, RatingResult):
        errors = (pairs["predicted"] - pairs["rating"]).to_numpy(np.float64)
        yield "rmse", mean(errors**2, root=True)
        yield "mae", mean(np.abs(errors))
    else:
        clicked, score = pairs["clicked"].to_numpy(bool), pairs["score"].to_numpy(np.float64)
        yield "auc", WeightedAUC.of(users, clicked, score)
        if result.calibrated:
            kept = np.clip(score, np.finfo(float).eps, 1 - np.finfo(float).eps)
            yield "log_loss", mean(-np.log(np.where(clicked, kept, 1 - kept)))
            yield "brier", mean((score - clicked) ** 2)


def _sums(users: Integers, values: Floats, n_users: int) -> Floats:
    """Sum of the values of each user's pairs, shape (U,)."""
    return np.bincount(users, values, minlength=n_users).astype(np.float64)


def _activity_quartiles(train_ratings: Integers) -> Integers:
    """0 without ratings, else 1 to 4 by the middle rank among the others, shape (U,)."""
    from scipy.stats import rankdata

    active = train_ratings > 0
    quartile = np.zeros(len(train_ratings), dtype=np.int64)
    place = (rankdata(train_ratings[active]) - 0.5) / max(active.sum(), 1)
    quartile[active] = 1 + np.floor(4 * place).astype(np.int64)
    return quartile


def _head(rated: pd.Series[int]) -> Integers:
    """The fewest items that hold the head's share of the ratings, ties to the lowest item_id."""
    ordered = rated.sort_index().sort_values(ascending=False, kind="stable")
    before = (ordered.cumsum() - ordered) / ordered.sum()
    return ordered.index[before < HEAD_SHARE].to_numpy(np.int64)


def _check_same_pairs(result: Result, other: Result) -> None:
    columns = ["user_id", "item_id"]
    if type(result) is not type(other) or not np.array_equal(
        result.pairs[columns].to_numpy(), other.pairs[columns].to_numpy()
    ):
        raise ParameterError(
            "reference", "other pairs", "a result of the same kind and split", "Evaluate both alike."
        )


def _interval(samples: Floats, users: Integers, alpha: float) -> tuple[Floats, Floats]:
    """Percentile interval of each column, open where one user says nothing of others."""
    with np.errstate(invalid="ignore"):
        low, high = np.nanquantile(samples, [alpha / 2, 1 - alpha / 2], axis=0)
    few = users < 2
    return np.where(few, -np.inf, low), np.where(few, np.inf, high)


def _p_values(difference: Floats, samples: Floats, users: Integers) -> Floats:
    from scipy.special import stdtr

    error = np.nanstd(samples, axis=0, ddof=1)
    known = (error > 1e-12) & (users > 1) & np.isfinite(difference)
    statistic = np.divide(np.abs(difference), error, out=np.zeros_like(error), where=known)
    p_value: Floats = np.where(known, 2 * stdtr(np.maximum(users - 1, 1), -statistic), 1.0)
    return p_value
