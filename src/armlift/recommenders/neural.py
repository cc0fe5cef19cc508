"""Base of the neural recommenders: implicit feedback, sampled negatives, early stopping.

A network answers with logits for pairs of user and item; every rating is a positive pair, whatever its
value, and items drawn from the catalogue are the negatives (He et al. 2017).
"""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from armlift.recommenders.base import Recommender, type_name
from armlift.recommenders.bounds import real_number, whole_number
from armlift.recommenders.torch_training import (
    Arrays,
    Plan,
    Task,
    Tensors,
    as_tensors,
    choose_device,
    known_device,
    one_thread,
    require_torch,
    train,
)

if TYPE_CHECKING:
    from torch import Tensor

# Users whose last rating is validated on, at most: ranking the catalogue for all takes longer than an epoch.
VALIDATION_USERS = 1000
VALIDATION_DEPTH = 10


class Interactions(NamedTuple):
    """Ratings in the order of time, as rows of the network's tables.

    Attributes:
        users: Row of the user, shape (R,).
        items: Position of the item in the catalogue, shape (R,).
        points: Rating in points, shape (R,).
        moments: Ratings of the history strictly before this one, shape (R,).
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    points: NDArray[np.float64]
    moments: NDArray[np.int64]

    def where(self, chosen: NDArray[np.bool_]) -> Interactions:
        """Some of the ratings."""
        return Interactions(self.users[chosen], self.items[chosen], self.points[chosen], self.moments[chosen])


InputsAt = Callable[[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]], Arrays]
"""Network inputs of users (B,) and items (B, M) as they were known at moments (B,)."""


class NeuralRecommender(Recommender):
    """Base of the networks; a subclass brings inputs, weights and logits.

    The score is the logit of a pair. Some ratings are learned as if their user were new: the row of the
    unknown user learns what suits everybody, and answers for new users. Items without ratings share a row as
    well, which is drawn as a negative only.

    The last rating of each user with two or more (of `VALIDATION_USERS` at most) is held out; training stops
    when the NDCG of these ratings, ranked among all unseen items, rises no more, and the best weights are
    restored.

    Args:
        n_negatives: Negatives for each rating, uniform over the catalogue; those that the user rated do
            not count.
        n_epochs: Epochs at most.
        patience: Epochs without a better validation NDCG before training stops.
        batch_size: Ratings in a step, each with its negatives.
        learning_rate: Step of Adam (Kingma, Ba 2015).
        weight_decay: L2 penalty of the embeddings.
        unknown_share: Share of ratings whose user is learned as unknown.
        device: `auto` (a GPU when there is one), `cpu` or `cuda`. A seed decides the result on the CPU
            only. Scores are computed on the CPU where there is no GPU.
        checkpoint: Folder in which training leaves its state after each epoch, and goes on from if it was
            killed. A file is for one class, hyper-parameters, seed and data, so that recommenders can
            share a folder; it stays there after the fit, and may be deleted. None for no checkpoints.

    Attributes:
        user_ids_: Users of the history, sorted, shape (U,).
        item_rows_: Row of each item in the item tables, shape (I,); items without ratings share the last.
        weights_: Tensors of the network by name.
        n_epochs_: Epochs that early stopping chose, shape ().
        validation_ndcg_: NDCG@10 of the ratings held out, in that epoch, shape (); nan without any.

    Raises:
        ArmliftError: PyTorch is not installed.
        ParameterError: A hyper-parameter is out of its bound.
    """

    user_ids_: NDArray[np.int64]
    item_rows_: NDArray[np.int64]
    weights_: Arrays
    n_epochs_: NDArray[np.int64]
    validation_ndcg_: NDArray[np.float64]

    def __init__(
        self,
        *,
        n_negatives: int,
        n_epochs: int,
        patience: int,
        batch_size: int,
        learning_rate: float,
        weight_decay: float,
        unknown_share: float,
        device: str,
        checkpoint: str | None,
    ) -> None:
        require_torch(type(self).__name__)
        self.n_negatives = whole_number("n_negatives", n_negatives, low=1)
        self.n_epochs = whole_number("n_epochs", n_epochs, low=1)
        self.patience = whole_number("patience", patience, low=1)
        self.batch_size = whole_number("batch_size", batch_size, low=1)
        self.learning_rate = real_number("learning_rate", learning_rate, low=0, above=True)
        self.weight_decay = real_number("weight_decay", weight_decay, low=0)
        self.unknown_share = real_number("unknown_share", unknown_share, low=0, high=1)
        self.device = known_device(device)
        self.checkpoint = None if checkpoint is None else str(checkpoint)

    def _fit(self, history: pd.DataFrame, items: pd.DataFrame, seed: int) -> None:
        history = history.sort_values(["timestamp", "user_id", "item_id"], ignore_index=True)
        times = history["timestamp"].to_numpy("datetime64[us]")
        self.user_ids_, users = np.unique(history["user_id"].to_numpy(np.int64), return_inverse=True)
        ratings = Interactions(
            users.astype(np.int64),
            self._item_positions(history),
            history["rating"].to_numpy(np.float64),
            np.searchsorted(times, times).astype(np.int64),
        )
        rated = self.popularity_ > 0
        self.item_rows_ = np.where(rated, np.cumsum(rated) - 1, rated.sum()).astype(np.int64)
        self._describe_items(items)

        with one_thread():
            held_out = _last_ratings(ratings, seed)
            known = ratings.where(~held_out)
            device = choose_device(self.device)
            checkpoint = self._checkpoint_file(history, items, seed)
            plan = Plan(self.n_epochs, self.patience, self.batch_size, self.learning_rate, self.weight_decay)
            self._learn_present(known)
            start = self._initial_weights(np.random.default_rng([seed]))
            task = self._task(known, ratings.where(held_out), device)
            chosen = train(start, task, plan, seed=seed, device=device, checkpoint=checkpoint)
            self.weights_ = chosen.weights
            self._learn_present(ratings)
        self.n_epochs_ = np.array(chosen.epochs)
        self.validation_ndcg_ = np.array(chosen.ndcg)

    def _task(self, known: Interactions, held_out: Interactions, device: str) -> Task:
        from torch.nn.functional import softplus

        n_items = len(self.item_ids_)
        inputs_at = self._inputs_at(known)
        pairs = np.unique(known.users * n_items + known.items)

        def is_rated(users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.bool_]:
            wanted = users * n_items + items
            places = np.minimum(np.searchsorted(pairs, wanted), len(pairs) - 1)
            return np.asarray(pairs[places] == wanted)

        def loss(weights: Tensors, rows: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
            users, rated = known.users[rows], known.items[rows]
            drawn = rng.integers(n_items, size=(len(rows), self.n_negatives))
            as_new = rng.random(len(rows)) < self.unknown_share
            asked = np.where(as_new, len(self.user_ids_), users)
            shown = np.concatenate([rated[:, np.newaxis], drawn], axis=1)
            counts = {"counts": ~is_rated(users[:, np.newaxis], drawn)}
            inputs = as_tensors(inputs_at(asked, shown, known.moments[rows]) | counts, device)
            logits = self._logits(weights, inputs)
            missed, raised = softplus(-logits[:, 0]), softplus(logits[:, 1:]) * inputs["counts"]
            return (missed.sum() + raised.sum()) / len(rows)

        def validate(weights: Tensors) -> float:
            scores = self._user_scores(weights, held_out.users, device)
            gains = []
            for user, item, user_scores in zip(held_out.users, held_out.items, scores, strict=True):
                first, last = np.searchsorted(pairs, [user * n_items, (user + 1) * n_items])
                user_scores[pairs[first:last] - user * n_items] = -np.inf
                gains.append(_discounted_gain(user_scores, item))
            return float(np.mean(gains))

        return Task(len(known.users), loss, validate if len(held_out.users) else None)

    def _score(self, users: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
        rows = pd.Index(self.user_ids_).get_indexer(pd.Index(users))
        rows = np.where(rows < 0, len(self.user_ids_), rows)
        # Trained on a GPU, it serves where there is none.
        device = choose_device("cpu" if self.device == "cpu" else "auto")
        with one_thread():
            return self._user_scores(as_tensors(self.weights_, device), rows, device)

    def _user_scores(self, weights: Tensors, rows: NDArray[np.int64], device: str) -> NDArray[np.float64]:
        """Scores of the catalogue, shape (U, I)."""
        from torch import no_grad

        catalogue = np.arange(len(self.item_ids_))[np.newaxis]
        scores = np.empty((len(rows), catalogue.size))
        with no_grad():
            # One user at a time: the last bits of a product depend on how many are in it.
            for place, row in enumerate(rows):
                inputs = as_tensors(self._inputs(np.array([row]), catalogue), device)
                scores[place] = self._logits(weights, inputs)[0].cpu().numpy()
        return scores

    def _checkpoint_file(self, history: pd.DataFrame, items: pd.DataFrame, seed: int) -> Path | None:
        if self.checkpoint is None:
            return None
        from torch import __version__

        ignored = ("device", "checkpoint")
        params = {name: value for name, value in self.params.items() if name not in ignored}
        digest = hashlib.sha256(json.dumps([type_name(type(self)), params, seed, __version__]).encode())
        for table in (history, items):
            digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
        return Path(self.checkpoint) / f"{type(self).__name__}-{digest.hexdigest()[:16]}.npz"

    def _describe_items(self, items: pd.DataFrame) -> None:
        """Keep what the network uses of the item table; nothing by default."""

    def _learn_present(self, known: Interactions) -> None:
        """Keep what `_inputs` needs of the ratings known so far; nothing by default."""

    @abstractmethod
    def _initial_weights(self, rng: np.random.Generator) -> Arrays:
        """Weights by name, float32; the last row of a user table is the unknown user's."""

    def _inputs_at(self, known: Interactions) -> InputsAt:
        """Inputs for training, from what was known at each moment; by default the moment is of no matter."""
        return lambda users, items, moments: self._inputs(users, items)

    @abstractmethod
    def _inputs(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> Arrays:
        """Inputs of users (B,) and items (B, M), from all that is known."""

    @abstractmethod
    def _logits(self, weights: Tensors, inputs: Tensors) -> Tensor:
        """Logits of the pairs, shape (B, M)."""

    def _state(self) -> dict[str, NDArray[Any]]:
        state = super()._state()
        del state["weights_"]
        return state | {f"weights_.{name}": array for name, array in self.weights_.items()}

    def _restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        prefix = "weights_."
        super()._restore({name: array for name, array in state.items() if not name.startswith(prefix)})
        self.weights_ = {
            name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)
        }


def _last_ratings(ratings: Interactions, seed: int) -> NDArray[np.bool_]:
    """Mask of the last rating of users with two or more, of a sample of them if they are many.

    Of several at a user's last moment a drawn one: the order of item_id goes with popularity.
    """
    rng = np.random.default_rng([seed])
    by_time = np.lexsort((rng.permutation(len(ratings.users)), ratings.moments, ratings.users))
    _, firsts, sizes = np.unique(ratings.users[by_time], return_index=True, return_counts=True)
    last = by_time[(firsts + sizes - 1)[sizes >= 2]]
    if len(last) > VALIDATION_USERS:
        last = rng.choice(last, VALIDATION_USERS, replace=False)
    mask = np.zeros(len(ratings.users), dtype=bool)
    mask[last] = True
    return mask


def _discounted_gain(scores: NDArray[np.float64], item: int) -> float:
    """NDCG@10 of one relevant item; items of equal score share their places by half."""
    above = (scores > scores[item]).sum()
    rank = above + ((scores == scores[item]).sum() - 1) / 2
    return float(1 / np.log2(rank + 2)) if rank < VALIDATION_DEPTH else 0.0
