"""Wide & Deep: a linear model that memorises crosses beside a network that generalises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.recommenders.bounds import whole_number
from armlift.recommenders.features import Catalogue
from armlift.recommenders.neural import InputsAt, Interactions, NeuralRecommender
from armlift.recommenders.neural_layers import layers, normal, tower, widths
from armlift.recommenders.running_sums import RunningSums
from armlift.recommenders.torch_training import Arrays, Tensors

if TYPE_CHECKING:
    from torch import Tensor

# Ratings that the assumption "nothing known" is worth, in means of a user's or an item's ratings.
STRENGTH = 10.0

USER_STATISTICS = 2  # number of ratings, mean rating; shares of the genres follow
ITEM_STATISTICS = 4  # popularity, mean rating, year, match of genres with the user; the genres follow


class WideAndDeep(NeuralRecommender):
    """Wide & Deep (Cheng et al. 2016: Wide & deep learning for recommender systems).

    The wide part is linear in one-hot features and their crosses: item, user x genre, user x decade, and
    the user's favourite genre x item. The deep part is a tower on embeddings of user and item, and on dense
    features: the user's number of ratings, mean rating and shares of genres; the item's popularity, mean
    rating, year and genres; how well the genres match. In training each of these is computed from the
    ratings strictly before the rating that is learned, so that no pair sees itself or the future. Both
    parts are trained together, by Adam with decay in place of the paper's FTRL with L1 and AdaGrad, on
    binary cross-entropy with sampled negatives.

    A new user has the statistics of an empty history, an item without ratings its genres and year.

    On ratings by the 100,000 it ranks little better than popularity, and worse than every model here that
    compares users or items: its crosses with item want far more data. Take EASE or implicit ALS for slates.

    Args:
        n_factors: Length of the embeddings.
        hidden: Widths of the tower's hidden layers.
        n_negatives: See `NeuralRecommender`, as for all that follow.
        n_epochs: Epochs at most.
        patience: Epochs without a better validation NDCG before training stops.
        batch_size: Ratings in a step.
        learning_rate: Step of Adam.
        weight_decay: L2 penalty of the embeddings and the crosses.
        unknown_share: Share of ratings whose user is learned as unknown.
        device: `auto`, `cpu` or `cuda`.
        checkpoint: Folder of checkpoints, or None.

    Attributes:
        item_genres_: Share of each genre in the item, shape (I, G).
        item_decades_: Indicator of the release decade, shape (I, D).
        item_years_: Release year, standardised over the catalogue, shape (I,).
        user_sums_: Number of ratings, sum of ratings, sums of genre shares, shape (U + 1, 2 + G); the last
            row, of the unknown user, is 0.
        item_sums_: Number of ratings, sum of ratings, shape (I, 2).
        n_ratings_: Ratings behind these sums, shape ().

    Raises:
        ArmliftError: PyTorch is not installed.
        ParameterError: A hyper-parameter is out of its bound.
    """

    item_genres_: NDArray[np.float64]
    item_decades_: NDArray[np.float64]
    item_years_: NDArray[np.float64]
    user_sums_: NDArray[np.float64]
    item_sums_: NDArray[np.float64]
    n_ratings_: NDArray[np.int64]

    def __init__(
        self,
        *,
        n_factors: int = 32,
        hidden: Sequence[int] = (64, 32),
        n_negatives: int = 4,
        n_epochs: int = 30,
        patience: int = 5,
        batch_size: int = 800,
        learning_rate: float = 0.003,
        weight_decay: float = 1e-4,
        unknown_share: float = 0.1,
        device: str = "auto",
        checkpoint: str | None = None,
    ) -> None:
        super().__init__(
            n_negatives=n_negatives,
            n_epochs=n_epochs,
            patience=patience,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            unknown_share=unknown_share,
            device=device,
            checkpoint=checkpoint,
        )
        self.n_factors = whole_number("n_factors", n_factors, low=1)
        self.hidden = widths("hidden", hidden)

    def _describe_items(self, items: pd.DataFrame) -> None:
        catalogue = Catalogue.of(items, self.item_ids_)
        self.item_genres_, self.item_decades_ = catalogue.genres, catalogue.decades
        # The years of a small catalogue may have no spread.
        self.item_years_ = (catalogue.year - catalogue.year.mean()) / max(float(catalogue.year.std()), 1.0)

    def _learn_present(self, known: Interactions) -> None:
        users, items = self._past(known)
        after_all = np.array(np.iinfo(np.int32).max)
        self.user_sums_ = users.before(np.arange(len(self.user_ids_) + 1), after_all)
        self.item_sums_ = items.before(np.arange(len(self.item_ids_)), after_all)
        self.n_ratings_ = np.array(len(known.users))

    def _past(self, known: Interactions) -> tuple[RunningSums, RunningSums]:
        rated = np.column_stack([np.ones(len(known.points)), known.points])
        genres = self.item_genres_[known.items]
        return (
            RunningSums(known.users, known.moments, np.hstack([rated, genres])),
            RunningSums(known.items, known.moments, rated),
        )

    def _inputs_at(self, known: Interactions) -> InputsAt:
        past_users, past_items = self._past(known)

        def inputs(users: NDArray[np.int64], items: NDArray[np.int64], moments: NDArray[np.int64]) -> Arrays:
            user_sums = past_users.before(users, moments)
            item_sums = past_items.before(items, moments[:, np.newaxis])
            return self._features(users, items, user_sums, item_sums, moments[:, np.newaxis])

        return inputs

    def _inputs(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> Arrays:
        return self._features(users, items, self.user_sums_[users], self.item_sums_[items], self.n_ratings_)

    def _features(
        self,
        users: NDArray[np.int64],
        items: NDArray[np.int64],
        user_sums: NDArray[np.float64],
        item_sums: NDArray[np.float64],
        n_ratings: NDArray[np.int64],
    ) -> Arrays:
        """Inputs of users (B,) and items (B, M), their sums, and the number of ratings these are of."""
        count, total, taste = user_sums[:, :1], user_sums[:, 1:2], user_sums[:, 2:]
        shares = taste / (count + STRENGTH)
        genres = self.item_genres_[items]
        popularity = np.log((item_sums[..., 0] + 1) / (n_ratings / len(self.item_ids_) + 1))
        item_statistics = [
            popularity,
            item_sums[..., 1] / (item_sums[..., 0] + STRENGTH),
            self.item_years_[items],
            (genres @ shares[:, :, np.newaxis])[..., 0],
        ]
        # Genre G stands for no favourite: nothing rated yet, or nothing with a genre.
        favourite = np.where(taste.any(axis=1), _argmax(taste), taste.shape[1])
        user_statistics = [np.log1p(count), total / (count + STRENGTH), shares]
        return {
            "users": users,
            "items": self.item_rows_[items],
            "favourites": favourite,
            "decades": self.item_decades_[items].astype(np.float32),
            "user_features": np.hstack(user_statistics).astype(np.float32),
            "item_features": np.concatenate(
                [np.stack(item_statistics, axis=-1), genres], axis=-1, dtype=np.float32
            ),
        }

    def _initial_weights(self, rng: np.random.Generator) -> Arrays:
        n_users, n_items = len(self.user_ids_) + 1, int(self.item_rows_.max()) + 1
        n_genres, n_decades = self.item_genres_.shape[1], self.item_decades_.shape[1]
        n_user = self.n_factors + USER_STATISTICS + n_genres
        n_item = self.n_factors + ITEM_STATISTICS + n_genres
        tower_weights = layers([n_user + n_item, *self.hidden], rng)
        user_layer, item_layer = np.split(tower_weights.pop("layer_0"), [n_user])
        return tower_weights | {
            "user_embedding": normal(rng, n_users, self.n_factors),
            "item_embedding": normal(rng, n_items, self.n_factors),
            "user_layer": user_layer,
            "item_layer": item_layer,
            "user_genre_cross": np.zeros((n_users, n_genres), np.float32),
            "user_decade_cross": np.zeros((n_users, n_decades), np.float32),
            "favourite_item_cross": np.zeros((n_genres + 1, n_items), np.float32),
            "item_bias": np.zeros(n_items, np.float32),
            "bias": np.zeros(1, np.float32),
        }

    def _logits(self, weights: Tensors, inputs: Tensors) -> Tensor:
        import torch

        users, items, item_features = inputs["users"], inputs["items"], inputs["item_features"]
        genres = item_features[..., ITEM_STATISTICS:]
        wide = (
            weights["item_bias"][items]
            + weights["favourite_item_cross"][inputs["favourites"].unsqueeze(1), items]
            + (genres @ weights["user_genre_cross"][users].unsqueeze(2)).squeeze(2)
            + (inputs["decades"] @ weights["user_decade_cross"][users].unsqueeze(2)).squeeze(2)
            + weights["bias"]
        )
        user_half = torch.cat([weights["user_embedding"][users], inputs["user_features"]], dim=1)
        item_half = torch.cat([weights["item_embedding"][items], item_features], dim=2)
        hidden = (user_half @ weights["user_layer"] + weights["offset_0"]).unsqueeze(1)
        return wide + tower(weights, hidden + item_half @ weights["item_layer"])


def _argmax(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Column of the largest value of each row; 0 where there are no columns."""
    return values.argmax(axis=1) if values.shape[1] else np.zeros(len(values), np.int64)
