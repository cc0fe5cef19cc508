"""Rules that stop bad trials early.

Optuna's own pruners compare a trial's best step so far, which suits a loss that falls over epochs. Folds
differ in level, so here a trial is compared by its mean over the folds it has done, with the means of others
over the same folds. And they look at whatever has arrived by then; here only at trials of earlier rounds, or
at the trial's own round once all of it has done the fold. So a decision is a function of stored values:
neither the number of workers nor a kill in between can change it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

FoldValues = Mapping[int, float]
"""Metric by fold, from 1; a trial has done folds 1 to n."""


class PruningRule(Protocol):
    """Decides which trials of a round go on."""

    def survivors(
        self, fold: int, current: Mapping[int, FoldValues], earlier: Sequence[FoldValues], maximise: bool
    ) -> set[int]:
        """Say which trials go on after a fold.

        Args:
            fold: Fold that was just done, from 1.
            current: Values of the trials of the round that did this fold, by trial number.
            earlier: Values of all trials of earlier rounds.
            maximise: Whether larger is better.

        Returns:
            Numbers of the trials that go on.
        """


@dataclass(frozen=True)
class NoPruning:
    """Every trial does every fold."""

    def survivors(
        self, fold: int, current: Mapping[int, FoldValues], earlier: Sequence[FoldValues], maximise: bool
    ) -> set[int]:
        """All of them."""
        return set(current)


@dataclass(frozen=True)
class MedianPruning:
    """Stop what is worse than the median of the earlier rounds at the same fold (Golovin et al. 2017)."""

    def survivors(
        self, fold: int, current: Mapping[int, FoldValues], earlier: Sequence[FoldValues], maximise: bool
    ) -> set[int]:
        """Those that are at least as good as the median; all, as long as there is no earlier round."""
        reached = [_merit(values, fold, maximise) for values in earlier if fold in values]
        if not reached:
            return set(current)
        median = np.median(reached)
        return {number for number, values in current.items() if _merit(values, fold, maximise) >= median}


@dataclass(frozen=True)
class SuccessiveHalving:
    """Keep the best part of each round after each fold (Jamieson and Talwalkar 2016).

    Attributes:
        reduction_factor: One of so many goes on, and always the best.
    """

    reduction_factor: int = 2

    def survivors(
        self, fold: int, current: Mapping[int, FoldValues], earlier: Sequence[FoldValues], maximise: bool
    ) -> set[int]:
        """The best of the round; of equal ones the first."""
        best_first = sorted(current, key=lambda number: (-_merit(current[number], fold, maximise), number))
        return set(best_first[: -(-len(current) // self.reduction_factor)])


def _merit(values: FoldValues, fold: int, maximise: bool) -> float:
    """Mean over the folds up to this one, larger is better; a mean that is not finite is the worst."""
    mean = float(np.mean([values[each] for each in range(1, fold + 1)]))
    if not np.isfinite(mean):
        return -np.inf
    return mean if maximise else -mean
