"""MABWiser: `MAB.predict` and `partial_fit`.

`predict` given B empty contexts draws a batch of B from the posteriors with one vectorised call for each arm,
and `partial_fit` takes the batch as arrays.
"""

from collections.abc import Sequence

import numpy as np
from mabwiser.mab import MAB, LearningPolicy
from replicates import main, reward_draws


def play(means: Sequence[float], horizon: int, batch: int, seed: int) -> list[int]:
    """Play one replicate and count the pulls of each arm."""
    n_arms = len(means)
    policy = MAB(list(range(n_arms)), LearningPolicy.ThompsonSampling(), seed=seed)
    # predict() wants a fit before it; on no data that leaves every arm at Beta(1, 1).
    policy.fit(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    probabilities = np.asarray(means)
    pulls = np.zeros(n_arms, dtype=np.int64)
    draws = reward_draws(seed, horizon)
    for start in range(0, horizon, batch):
        pending = draws[start : start + batch]
        size = len(pending)
        arms = np.array([policy.predict()] if size == 1 else policy.predict(np.empty((size, 0))))
        policy.partial_fit(arms, (pending < probabilities[arms]).astype(np.int64))
        pulls += np.bincount(arms, minlength=n_arms)
    return pulls.tolist()


if __name__ == "__main__":
    main(play)
