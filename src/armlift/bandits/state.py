"""What a policy remembers: sums of rewards by arm, with a leading replicate axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class BanditState:
    """Additive state of a policy; R replicates, K arms.

    Attributes:
        n: Rewards observed by arm, discounted or inside the window for policies that forget, shape (R, K).
        total: Sum of those rewards, shape (R, K).
        squares: Sum of their squares, shape (R, K).
        observed: Rewards ever observed by arm, shape (R, K).
        pending: Decisions whose reward has not arrived yet, shape (R, K).
        time: Rewards observed when the sums were last brought up to date, shape (R,).
        ring: For windowed policies the sums (n, total, squares) by bucket, shape (3, R, K, buckets).
    """

    n: Floats
    total: Floats
    squares: Floats
    observed: Integers
    pending: Integers
    time: Integers
    ring: Floats | None = None

    @property
    def n_arms(self) -> int:
        """Number of arms K."""
        return int(self.n.shape[1])

    @property
    def pulls(self) -> Integers:
        """Decisions made by arm, rewarded or not, shape (R, K)."""
        return self.observed + self.pending

    @property
    def mean(self) -> Floats:
        """Mean reward by arm, shape (R, K); NaN where nothing was observed."""
        return np.divide(self.total, self.n, out=np.full_like(self.total, np.nan), where=self.n > 0)


def empty_state(n_arms: int, replicates: int, time: int = 0, buckets: int = 0) -> BanditState:
    """The state before any reward; `time` is the age of the state that a delta will be merged into."""
    shape = (replicates, n_arms)
    return BanditState(
        n=np.zeros(shape),
        total=np.zeros(shape),
        squares=np.zeros(shape),
        observed=np.zeros(shape, dtype=np.int64),
        pending=np.zeros(shape, dtype=np.int64),
        time=np.full(replicates, time, dtype=np.int64),
        ring=np.zeros((3, *shape, buckets)) if buckets else None,
    )
