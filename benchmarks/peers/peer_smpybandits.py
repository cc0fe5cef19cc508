"""SMPyBandits: `Thompson.choice` and `getReward`, the loop of its `Evaluator` without the bookkeeping.

It has no call that draws a batch: for a batch of B it chooses B times and then hands over B rewards.
"""

from collections.abc import Sequence

import numpy as np
import scipy.special

# SMPyBandits 0.9.7 imports this name, which SciPy has dropped. Thompson sampling never calls it.
scipy.special.btdtri = scipy.special.betaincinv

from replicates import main, reward_draws  # noqa: E402
from SMPyBandits.Policies import Thompson  # noqa: E402


def play(means: Sequence[float], horizon: int, batch: int, seed: int) -> list[int]:
    """Play one replicate and count the pulls of each arm."""
    np.random.seed(seed)  # noqa: NPY002 -- the library draws from NumPy's global generator
    policy = Thompson(len(means))
    policy.startGame()
    pulls = [0] * len(means)
    draws = reward_draws(seed, horizon).tolist()
    for start in range(0, horizon, batch):
        pending = draws[start : start + batch]
        arms = [policy.choice() for _ in pending]
        for arm, draw in zip(arms, pending, strict=True):
            policy.getReward(arm, draw < means[arm])
            pulls[arm] += 1
    return pulls


if __name__ == "__main__":
    main(play)
