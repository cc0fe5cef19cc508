"""The embedded sample: a seeded, invented data set with the shape of MovieLens. No download needed.

Users arrive over five years, rate in a few bursts and pick what is popular, new and to their taste; what they
like they also rate higher. Nothing in it is real: not one title, rating or person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from armlift.errors import ParameterError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FIRST_DAY: Final = pd.Timestamp("2019-01-01", tz="UTC")
WINDOW_SECONDS: Final = 1825 * 86_400  # visits begin from 2019-01-01 to 2023-12-30
MIN_RATINGS_PER_USER: Final = 20  # as MovieLens selects its users
BACKLOG_SHARE: Final = 0.6  # of the items are out before the first visit, the others come in the window

# Relative frequencies, rounded from what MovieLens shows: drama and comedy lead, whole stars are preferred.
GENRES: Final = {
    "Drama": 20, "Comedy": 17, "Thriller": 9, "Action": 8, "Romance": 7, "Adventure": 6, "Crime": 5,
    "Horror": 5, "Sci-Fi": 5, "Fantasy": 4, "Children": 3, "Animation": 3, "Mystery": 3, "Documentary": 2,
    "War": 2, "Musical": 2, "Western": 1, "Film-Noir": 1,
}  # fmt: skip
GENRES_PER_ITEM: Final = {1: 0.35, 2: 0.40, 3: 0.25}
STARS: Final = {
    0.5: 0.015, 1.0: 0.03, 1.5: 0.02, 2.0: 0.075, 2.5: 0.055, 3.0: 0.20, 3.5: 0.13,
    4.0: 0.265, 4.5: 0.085, 5.0: 0.125,
}  # fmt: skip

# The log weight with which a user picks an item.
POPULARITY_TAIL: Final = 2.4  # exponential, so the weights are Pareto: a steep head, a long and even tail
FAME_LIMIT: Final = 3.8  # of the exponential: not even the best-known item is rated by nearly all users
TASTE_IN_CHOICE: Final = 2.6
NOVELTY: Final = 3.0  # a brand-new item weighs 1 + NOVELTY times what it weighs when old
NOVELTY_FADE_SECONDS: Final = 120 * 86_400
ACTIVITY_SPREAD: Final = 1.3  # of the log number of ratings above the minimum

# Spreads of what a rating is made of; only their proportions matter, as stars are given by rank.
USER_BIAS: Final = 0.35
ITEM_QUALITY: Final = 0.50
FAME_AND_QUALITY: Final = 0.5  # correlation: good items are seen more
TASTE_IN_RATING: Final = 0.55
RATING_NOISE: Final = 0.60
LATENT_TASTES: Final = 3

# How users come and go.
ARRIVAL_POWER: Final = 0.7  # below 1: more users arrive later
MEAN_VISITS: Final = 4  # geometric, so a quarter of the users come once
MEAN_STAY_SECONDS: Final = 400 * 86_400  # from the first visit to the last possible one
MEAN_PAUSE_SECONDS: Final = 12  # between two ratings of a visit

ADJECTIVES: Final = (
    "Amber", "Borrowed", "Cobalt", "Distant", "Electric", "Forgotten", "Gilded", "Hollow", "Invisible",
    "Jade", "Last", "Midnight", "Northern", "Paper", "Quiet", "Restless", "Silver",
    "Thirteenth", "Velvet", "Wandering",
)  # fmt: skip
NOUNS: Final = (
    "Archive", "Beekeeper", "Carousel", "Detective", "Echo", "Ferryman", "Garden", "Harbour", "Island",
    "Juggler", "Key", "Lighthouse", "Mapmaker", "Notebook", "Orchard", "Pianist", "Railway",
    "Stranger", "Tower", "Voyage",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sample:
    """An invented data set in the tables of every data set.

    Attributes:
        ratings: user_id, item_id, rating (0.5 to 5 stars), timestamp (UTC, whole seconds); by time.
        items: item_id, title, year, genres (one to three, pipe-joined); by item_id.
        users: user_id only, as MovieLens knows no more of its users; by user_id.
    """

    ratings: pd.DataFrame
    items: pd.DataFrame
    users: pd.DataFrame


class _Catalogue(NamedTuple):
    items: pd.DataFrame
    traits: Floats  # (items, genres + latent tastes) rows of about unit length
    quality: Floats  # (items,) about standard normal
    log_popularity: Floats  # (items,)
    release: Floats  # (items,) seconds after FIRST_DAY; negative for the backlog


class _Audience(NamedTuple):
    tastes: Floats  # (users, genres + latent tastes) standard normal
    bias: Floats  # (users,) standard normal
    activity: Integers  # (users,) number of ratings


def generate_sample(
    *, seed: int = 0, n_users: int = 600, n_items: int = 2000, n_ratings: int = 60_000
) -> Sample:
    """Generate the embedded data set.

    Each visit of a user draws items without replacement, with weights from popularity, novelty and taste, by
    an exponential race (Efraimidis and Spirakis, 2006, Weighted random sampling with a reservoir); within the
    visit their order is random. Stars follow the rank of user bias + item quality + taste + noise. The time
    needed grows with visits times items: about half a second for the default sizes.

    Args:
        seed: The same seed and sizes give the same tables.
        n_users: Number of users, each with at least 20 ratings.
        n_items: Number of items; a few of the least popular may stay without ratings.
        n_ratings: Number of ratings, from 20 a user up to 60 % of `n_items` a user, those out from the start.

    Returns:
        The ratings, items and users.

    Raises:
        ParameterError: A size is impossible.

    Example:
        >>> sample = generate_sample(n_users=10, n_items=100, n_ratings=300)
        >>> len(sample.ratings), len(sample.items), len(sample.users)
        (300, 100, 10)
    """
    _check_sizes(n_users, n_items, n_ratings)
    rng = np.random.default_rng(seed)
    catalogue = _draw_catalogue(rng, n_items)
    audience = _draw_audience(rng, n_users, n_ratings, capacity=_backlog(n_items))
    user, item, second = _draw_choices(rng, catalogue, audience)
    stars = _draw_stars(rng, catalogue, audience, user, item)
    ratings = pd.DataFrame(
        {
            "user_id": user + 1,
            "item_id": item + 1,
            "rating": stars,
            "timestamp": FIRST_DAY.as_unit("us") + pd.to_timedelta(second, unit="s").as_unit("us"),
        }
    )
    return Sample(
        ratings=ratings.sort_values(["timestamp", "user_id", "item_id"], ignore_index=True),
        items=catalogue.items,
        users=pd.DataFrame({"user_id": np.arange(1, n_users + 1)}),
    )


def _backlog(n_items: int) -> int:
    return int(BACKLOG_SHARE * n_items)


def _check_sizes(n_users: int, n_items: int, n_ratings: int) -> None:
    if n_users < 1:
        raise ParameterError("n_users", n_users, "n_users >= 1", "Ask for at least one user.")
    if _backlog(n_items) < MIN_RATINGS_PER_USER:
        least = int(np.ceil(MIN_RATINGS_PER_USER / BACKLOG_SHARE))
        raise ParameterError(
            "n_items",
            n_items,
            f"n_items >= {least}",
            "Ask for more items, so that each user can rate 20 of them.",
        )
    fewest, most = MIN_RATINGS_PER_USER * n_users, _backlog(n_items) * n_users
    if not fewest <= n_ratings <= most:
        raise ParameterError(
            "n_ratings",
            n_ratings,
            f"{fewest} <= n_ratings <= {most}",
            f"Each of the {n_users} users rates from {MIN_RATINGS_PER_USER} to {_backlog(n_items)} of the "
            f"{n_items} items; change n_ratings, n_users or n_items.",
        )


def _draw_catalogue(rng: np.random.Generator, n_items: int) -> _Catalogue:
    years_back = 1 + np.minimum(rng.exponential(12, _backlog(n_items)), 65).astype(np.int64)
    coming = WINDOW_SECONDS * rng.random(n_items - _backlog(n_items))
    release = rng.permutation(np.concatenate([-years_back * 365.0 * 86_400, coming]))

    names, weights = zip(*sorted(GENRES.items()), strict=True)
    genre_order = np.argsort(rng.standard_exponential((n_items, len(names))) / np.array(weights), axis=1)
    n_genres = rng.choice(list(GENRES_PER_ITEM), n_items, p=list(GENRES_PER_ITEM.values()))
    has_genre = np.argsort(genre_order, axis=1) < n_genres[:, None]
    latent = rng.standard_normal((n_items, LATENT_TASTES)) / np.sqrt(LATENT_TASTES)
    traits = np.hstack([has_genre / np.sqrt(n_genres)[:, None], latent]) / np.sqrt(2)

    fame = np.minimum(rng.standard_exponential(n_items), FAME_LIMIT)
    quality = FAME_AND_QUALITY * (fame - 1) + np.sqrt(1 - FAME_AND_QUALITY**2) * rng.standard_normal(n_items)

    item_id = np.arange(1, n_items + 1)
    pairs = zip(rng.choice(ADJECTIVES, n_items), rng.choice(NOUNS, n_items), item_id, strict=True)
    items = pd.DataFrame(
        {
            "item_id": item_id,
            "title": [f"The {adjective} {noun} (invented no. {number})" for adjective, noun, number in pairs],
            "year": (FIRST_DAY.year + np.floor(release / (365.25 * 86_400))).astype(np.int64),
            "genres": ["|".join(np.array(names)[row]) for row in has_genre],
        }
    ).astype({"title": "str", "year": "Int64", "genres": "str"})
    return _Catalogue(items, traits, quality, POPULARITY_TAIL * fame, release)


def _draw_audience(rng: np.random.Generator, n_users: int, n_ratings: int, capacity: int) -> _Audience:
    eagerness = rng.lognormal(sigma=ACTIVITY_SPREAD, size=n_users)
    activity = np.full(n_users, MIN_RATINGS_PER_USER)
    # What exceeds the capacity of the most eager users goes to the others, until all is handed out.
    while missing := n_ratings - int(activity.sum()):
        share = np.where(activity < capacity, eagerness, 0)
        activity = np.minimum(activity + rng.multinomial(missing, share / share.sum()), capacity)
    tastes = rng.standard_normal((n_users, len(GENRES) + LATENT_TASTES))
    return _Audience(tastes, rng.standard_normal(n_users), activity)


def _draw_visits(rng: np.random.Generator, activity: int) -> tuple[Floats, Integers]:
    """Start (seconds after FIRST_DAY, ascending) and number of ratings of each visit of one user."""
    n_visits = min(rng.geometric(1 / MEAN_VISITS), MIN_RATINGS_PER_USER)
    first = WINDOW_SECONDS * rng.random() ** ARRIVAL_POWER
    stay = min(rng.exponential(MEAN_STAY_SECONDS), WINDOW_SECONDS - first)
    starts = first + stay * np.append(0.0, np.sort(rng.random(n_visits - 1)))
    sizes = 1 + rng.multinomial(activity - n_visits, rng.dirichlet(np.ones(n_visits)))
    return starts, sizes


def _draw_choices(
    rng: np.random.Generator, catalogue: _Catalogue, audience: _Audience
) -> tuple[Integers, Integers, Integers]:
    """User index, item index and whole seconds after FIRST_DAY of each rating, each of shape (ratings,)."""
    items, seconds = [], []
    for activity, tastes in zip(audience.activity, audience.tastes, strict=True):
        appeal = np.exp(catalogue.log_popularity + TASTE_IN_CHOICE * (catalogue.traits @ tastes))
        unseen = np.ones(len(appeal), dtype=bool)
        for start, size in zip(*_draw_visits(rng, activity), strict=True):
            out = np.flatnonzero(unseen & (catalogue.release <= start))
            novelty = 1 + NOVELTY * np.exp((catalogue.release[out] - start) / NOVELTY_FADE_SECONDS)
            finish = rng.standard_exponential(len(out)) / (appeal[out] * novelty)
            picked = rng.permutation(out[np.argsort(finish)[:size]])
            unseen[picked] = False
            items.append(picked)
            seconds.append(start + np.cumsum(rng.exponential(MEAN_PAUSE_SECONDS, size)))
    user = np.repeat(np.arange(len(audience.activity)), audience.activity)
    return user, np.concatenate(items), np.concatenate(seconds).astype(np.int64)


def _draw_stars(
    rng: np.random.Generator, catalogue: _Catalogue, audience: _Audience, user: Integers, item: Integers
) -> Floats:
    """Stars of each rating, shape (ratings,): the best-liked share of all gets 5 stars, and so on down."""
    liking = (
        USER_BIAS * audience.bias[user]
        + ITEM_QUALITY * catalogue.quality[item]
        + TASTE_IN_RATING * np.einsum("rt,rt->r", catalogue.traits[item], audience.tastes[user])
        + RATING_NOISE * rng.standard_normal(len(user))
    )
    quantile = (np.argsort(np.argsort(liking)) + 0.5) / len(liking)
    step = np.searchsorted(np.cumsum(list(STARS.values()))[:-1], quantile)
    return np.array(list(STARS))[step]
