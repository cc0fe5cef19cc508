"""Neural matrix factorisation: a generalised product of factors beside a tower on their concatenation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from armlift.recommenders.bounds import whole_number
from armlift.recommenders.neural import NeuralRecommender
from armlift.recommenders.neural_layers import layers, normal, tower, widths
from armlift.recommenders.torch_training import Arrays, Tensors

if TYPE_CHECKING:
    from torch import Tensor


class NeuMF(NeuralRecommender):
    """NeuMF (He, Liao, Zhang, Nie, Hu, Chua 2017: Neural collaborative filtering).

    The logit is item bias + weighted product of the GMF factors + output of a tower on the MLP factors.
    GMF and MLP have factors of their own and are trained together, by binary cross-entropy with sampled
    negatives. Beyond the paper: an item bias, which carries the popularity, Adam from the start instead of
    pre-training, and decay of the factors. The sizes were chosen on cuts of ml-latest-small: twice as many
    factors and another layer rank no better and cost twice the time.

    Args:
        n_factors: Length of the factor vectors of GMF, and of those of MLP.
        hidden: Widths of the tower's hidden layers.
        n_negatives: See `NeuralRecommender`, as for all that follow.
        n_epochs: Epochs at most.
        patience: Epochs without a better validation NDCG before training stops.
        batch_size: Ratings in a step.
        learning_rate: Step of Adam.
        weight_decay: L2 penalty of the factors.
        unknown_share: Share of ratings whose user is learned as unknown.
        device: `auto`, `cpu` or `cuda`.
        checkpoint: Folder of checkpoints, or None.

    Raises:
        ArmliftError: PyTorch is not installed.
        ParameterError: A hyper-parameter is out of its bound.
    """

    def __init__(
        self,
        *,
        n_factors: int = 16,
        hidden: Sequence[int] = (32, 16),
        n_negatives: int = 4,
        n_epochs: int = 30,
        patience: int = 5,
        batch_size: int = 800,
        learning_rate: float = 0.003,
        weight_decay: float = 1e-4,
        unknown_share: float = 0.2,
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

    def _initial_weights(self, rng: np.random.Generator) -> Arrays:
        n_users, n_items = len(self.user_ids_) + 1, int(self.item_rows_.max()) + 1
        tower_weights = layers([2 * self.n_factors, *self.hidden], rng)
        # The first layer is linear in both halves: split, a user's half is computed once for many items.
        user_layer, item_layer = np.split(tower_weights.pop("layer_0"), 2)
        return tower_weights | {
            "user_gmf_embedding": normal(rng, n_users, self.n_factors),
            "item_gmf_embedding": normal(rng, n_items, self.n_factors),
            "user_mlp_embedding": normal(rng, n_users, self.n_factors),
            "item_mlp_embedding": normal(rng, n_items, self.n_factors),
            "user_layer": user_layer,
            "item_layer": item_layer,
            "gmf_output": np.ones(self.n_factors, np.float32),
            "item_bias": np.zeros(n_items, np.float32),
            "bias": np.zeros(1, np.float32),
        }

    def _inputs(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> Arrays:
        return {"users": users, "items": self.item_rows_[items]}

    def _logits(self, weights: Tensors, inputs: Tensors) -> Tensor:
        users, items = inputs["users"], inputs["items"]
        gmf = weights["item_gmf_embedding"][items] @ (
            weights["user_gmf_embedding"][users] * weights["gmf_output"]
        ).unsqueeze(2)
        user_half = weights["user_mlp_embedding"][users] @ weights["user_layer"] + weights["offset_0"]
        item_half = weights["item_mlp_embedding"][items] @ weights["item_layer"]
        mlp = tower(weights, user_half.unsqueeze(1) + item_half)
        return gmf.squeeze(2) + mlp + weights["item_bias"][items] + weights["bias"]
