"""The parts that networks are made of: initial weights, and a tower of rectified linear layers."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from armlift.recommenders.bounds import whole_number
from armlift.recommenders.torch_training import Arrays, Tensors

if TYPE_CHECKING:
    from torch import Tensor


def layers(sizes: list[int], rng: np.random.Generator) -> Arrays:
    """Initial weights of a tower of rectified linear layers that ends in one logit (He et al. 2015).

    Args:
        sizes: Width of the input and of each hidden layer.
        rng: Source of the weights.

    Returns:
        `layer_K` (in, out) and `offset_K` (out,) of hidden layer K, and `output` (last width,).
    """
    weights: Arrays = {}
    for number, (inputs, outputs) in enumerate(pairwise(sizes)):
        weights[f"layer_{number}"] = normal(rng, inputs, outputs, scale=(2 / inputs) ** 0.5)
        weights[f"offset_{number}"] = np.zeros(outputs, np.float32)
    weights["output"] = normal(rng, sizes[-1], scale=(1 / sizes[-1]) ** 0.5)
    return weights


def tower(weights: Tensors, hidden: Tensor) -> Tensor:
    """Logit of the tower of `layers`, from what enters the rectifier of its first layer."""
    hidden, number = hidden.relu(), 1
    while f"layer_{number}" in weights:
        hidden = (hidden @ weights[f"layer_{number}"] + weights[f"offset_{number}"]).relu()
        number += 1
    return hidden @ weights["output"]


def normal(rng: np.random.Generator, *shape: int, scale: float = 0.05) -> NDArray[np.float32]:
    """Normal initial weights."""
    return rng.normal(0.0, scale, shape).astype(np.float32)


def widths(name: str, value: object) -> list[int]:
    """Check the widths of hidden layers; a list, as JSON gives it back."""
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    whole_number(f"number of {name} layers", len(values), low=1)
    return [whole_number(name, width, low=1) for width in values]
