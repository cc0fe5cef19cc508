"""Worlds that a plan is tried in: arms with known conversion rates, and users who are assigned by a coin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from armlift.bandits.draws import name_code
from armlift.errors import ParameterError
from armlift.experiments.rules import Design
from armlift.statistics.moments import Proportion

Floats = NDArray[np.float64]

#: Replicates that share a random stream. Part of what a seed means: another size gives other numbers.
_BLOCK = 64
#: Numbers that are held in memory at a time.
_CELLS = 4_000_000


class Scenario(NamedTuple):
    """A truth: the first variant's effect; further variants convert like the control.

    Attributes:
        name: `aa`, `half_mde`, `mde`, `double_mde`, or `effect` for one that was asked for.
        effect: Relative to the baseline; 0.05 is 5 % more conversions.
    """

    name: str
    effect: float

    def rates(self, design: Design) -> Floats:
        """Conversion rate of each arm, shape (K,).

        Raises:
            ParameterError: The first variant's rate would leave 0 to 1.
        """
        rates = np.full(design.n_arms, design.baseline)
        rates[1] *= 1.0 + self.effect
        if not 0.0 <= rates[1] <= 1.0:
            bound = f"-1 <= effect <= {1.0 / design.baseline - 1.0:.4g} at a baseline of {design.baseline:g}"
            raise ParameterError("effect", self.effect, bound, "Effects are relative: write 0.05 for 5 %.")
        return rates


def scenarios(design: Design, effect: float | None = None) -> tuple[Scenario, ...]:
    """The worlds of a plan: no effect, half the MDE, the MDE and twice it; or the one effect asked for.

    Args:
        design: The plan.
        effect: Relative effect; None for all four, without those whose rate would exceed 1.

    Raises:
        ParameterError: The rate with this effect would leave 0 to 1.
    """
    if effect is not None:
        asked = Scenario("effect" if effect else "aa", effect)
        asked.rates(design)
        return (asked,)
    planned = (("aa", 0.0), ("half_mde", 0.5), ("mde", 1.0), ("double_mde", 2.0))
    worlds = (Scenario(name, multiple * design.mde) for name, multiple in planned)
    return tuple(world for world in worlds if design.baseline * (1.0 + world.effect) <= 1.0)


def simulated_looks(design: Design, scenario: Scenario, replicates: int, seed: int) -> Iterator[Proportion]:
    """Simulate experiments with a fixed split.

    Args:
        design: Arms, looks and users.
        scenario: The truth.
        replicates: Number of experiments.
        seed: Of the streams, one for each block of replicates: neither their number nor what is done with
            them at a time changes an experiment.

    Yields:
        Cumulative statistics of some experiments, shape (some, looks, K).
    """
    rates, size = scenario.rates(design), (_BLOCK, design.looks)
    users = design.users_per_look * design.n_arms
    held = max(1, _CELLS // (_BLOCK * design.looks * design.n_arms))
    for first in range(0, blocks(replicates), held):
        counts, conversions = [], []
        for block in range(first, min(first + held, blocks(replicates))):
            rng = stream("fixed", seed, block)
            counts.append(rng.multinomial(users, design.shares, size=size))
            conversions.append(rng.binomial(counts[-1], rates))
        keep = replicates - first * _BLOCK
        yield Proportion(
            np.concatenate(counts)[:keep].cumsum(axis=1), np.concatenate(conversions)[:keep].cumsum(axis=1)
        )


def blocks(replicates: int) -> int:
    """Number of random streams that so many replicates take."""
    return -(-replicates // _BLOCK)


def stream(name: str, seed: int, block: int) -> np.random.Generator:
    """Random stream of one block of replicates under one allocation."""
    if not 0 <= seed < 2**32:
        raise ParameterError("seed", seed, "0 <= seed < 2^32", "Try 0.")
    return np.random.default_rng([seed, int(name_code(name)), block])


def block_slices(replicates: int) -> list[slice]:
    """Rows of each block."""
    return [slice(start, min(start + _BLOCK, replicates)) for start in range(0, replicates, _BLOCK)]
